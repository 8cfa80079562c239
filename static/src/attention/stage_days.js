import {formatDate} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";

import {Component, onWillStart, onWillUpdateProps, useState} from "@odoo/owl";

import {isAborted, useApi} from "../dashboard/api";
import {FigureChart} from "../dashboard/figure_chart";
import {formatMoneyShortly, formatNumber} from "../dashboard/formats";
import {pastNotes} from "../past/notes";

const {DateTime} = luxon;

/**
 * Chart of the days that opportunities spend in each stage, with its table.
 *
 * - `title`: with the name of the period
 * - `parameters`: those of the API, with `from` and `to` of a period
 * - `revision`: another number once opportunities may have changed
 * - `onOpen`: called with the row of a stage, `{key, label}`
 */
export class StageDays extends Component {
    static template = "crm_cqrs.StageDays";
    static components = {FigureChart};
    static props = {
        title: String,
        parameters: Object,
        revision: Number,
        onOpen: Function,
    };

    setup() {
        this.api = useApi();
        this.state = useState({flow: null, error: ""});
        onWillStart(() => {
            this.load(this.props);
        });
        onWillUpdateProps((nextProps) => {
            const isOther =
                JSON.stringify(nextProps.parameters) !==
                JSON.stringify(this.props.parameters);
            if (isOther || nextProps.revision !== this.props.revision) {
                this.load(nextProps);
            }
        });
    }

    async load({parameters}) {
        this.api.abort();
        this.state.error = "";
        try {
            this.state.flow = (await this.api.read("flow", parameters)).data;
        } catch (error) {
            if (isAborted(error)) {
                return;
            }
            // Without history there are no days, which the empty chart says.
            if (error.since) {
                this.state.flow = {stages: []};
            } else {
                this.state.error = error.message;
            }
        }
    }

    get rows() {
        return (
            this.state.flow &&
            this.state.flow.stages.map((row) => ({
                key: row.stage ? row.stage.id : 0,
                label: row.stage ? row.stage.name : _t("No stage"),
                values: [
                    row.median_days,
                    row.p90_days,
                    row.entered,
                    row.moved_on,
                    row.moved_back,
                    row.won,
                    row.lost,
                ],
            }))
        );
    }

    get columns() {
        const count = (number) => formatNumber(number);
        const days = (number) => (number === null ? "–" : formatNumber(number, 1));
        return [
            {label: _t("Median days"), format: days, isDrawn: true, color: "days"},
            {
                label: _t("90th percentile"),
                format: days,
                isDrawn: true,
                color: "longest-days",
            },
            {label: _t("Entered"), format: count, isDrawn: false},
            {label: _t("Moved on"), format: count, isDrawn: false},
            {label: _t("Moved back"), format: count, isDrawn: false},
            {label: _t("Won"), format: count, isDrawn: false},
            {label: _t("Lost"), format: count, isDrawn: false},
        ];
    }

    /** Days to win and velocity, as far as they are known, and how far to trust them. */
    get note() {
        const {flow} = this.state;
        if (!flow?.stages.length) {
            return "";
        }
        const {cycle_days, velocity, currency} = flow;
        const day = (time) => formatDate(DateTime.fromISO(time));
        return [
            cycle_days !== null && _t("%s days to win", formatNumber(cycle_days, 1)),
            velocity !== null &&
                _t("Velocity %s a day", formatMoneyShortly(velocity, currency)),
            // The period goes on as a rule: that its figures change is no news.
            ...pastNotes({...flow, settled: true}, day),
        ]
            .filter(Boolean)
            .join(" · ");
    }

    days(number) {
        return formatNumber(number);
    }
}
