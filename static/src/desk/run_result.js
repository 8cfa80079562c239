import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {standardFieldProps} from "@web/views/fields/standard_field_props";
import {formatFloat} from "@web/views/fields/formatters";
import {standardWidgetProps} from "@web/views/widgets/standard_widget_props";
import {useService} from "@web/core/utils/hooks";

import {Component, onMounted, onPatched, onWillStart} from "@odoo/owl";

import {usePolling} from "../core/use_polling";
import {FIGURES, REASONS} from "../v1/words";
import {sealsText} from "./cards";
import {number} from "./formats";
import {FINDINGS, isUnderWay} from "./runs";

/** Milliseconds between two looks at a run under way */
const PAUSE = 1000;

/**
 * Result of a run: `{findings: [of findings.py], seals: of reach.py}`,
 * `{projections: [of replay.py]}`, that of `comparison.py`, or `{events: number}`.
 */
export class RunResult extends Component {
    static template = "crm_cqrs.RunResult";
    static props = {...standardFieldProps};

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.number = number;
        this.names = {};
        this.people = {};
        onWillStart(async () => {
            const models = this.projections.map((each) => each.projection);
            const ids = this.listed.map((each) => each.user_id);
            if (ids.length) {
                const people = await this.orm.searchRead(
                    "res.users",
                    [["id", "in", ids]],
                    ["name"],
                    {
                        context: {active_test: false},
                    }
                );
                this.people = Object.fromEntries(
                    people.map((each) => [each.id, each.name])
                );
            }
            if (models.length) {
                const known = await this.orm.searchRead(
                    "ir.model",
                    [["model", "in", models]],
                    ["model", "name"]
                );
                this.names = Object.fromEntries(
                    known.map((each) => [each.model, each.name])
                );
            }
        });
    }

    get result() {
        return this.props.record.data[this.props.name] || {};
    }

    get findings() {
        return this.result.findings || [];
    }

    /** The dashboards of a comparison of API v1 and v2 that differ. */
    get listed() {
        return this.result.listed || [];
    }

    reasonsOf({reasons, unexplained}) {
        const named = Object.entries(reasons).map(
            ([reason, count]) => `${REASONS[reason] || reason} (${number(count)})`
        );
        return [
            ...named,
            ...unexplained.map((name) => `${FIGURES[name] || name}`),
        ].join(" ");
    }

    openComparison({user_id, company_id}) {
        this.action.doAction({
            type: "ir.actions.client",
            tag: "crm_cqrs.v1_comparison",
            params: {person: user_id, company: company_id || undefined},
        });
    }

    get sealed() {
        return this.result.seals ? sealsText(this.result.seals) : "";
    }

    get projections() {
        return this.result.projections || [];
    }

    kind(finding) {
        return FINDINGS[finding.kind] || finding.kind;
    }

    record(finding) {
        return [finding.stream_model, finding.stream_id].filter(Boolean).join("/");
    }

    seconds(value) {
        return formatFloat(value, {digits: [16, 2]});
    }
}

registry.category("fields").add("cqrs_run_result", {
    component: RunResult,
    supportedTypes: ["json"],
});

/** Reads the run again for as long as it is under way and looked at. */
export class RunWatch extends Component {
    static template = "crm_cqrs.RunWatch";
    static props = {...standardWidgetProps};

    setup() {
        const polling = usePolling(async () => {
            await this.props.record.load();
            return this.pause;
        });
        onMounted(() => polling.plan(this.pause));
        onPatched(() => polling.plan(this.pause));
    }

    get isUnderWay() {
        return isUnderWay(this.props.record.data);
    }

    get text() {
        return this.isUnderWay ? _t("In progress") : "";
    }

    get pause() {
        return this.isUnderWay && PAUSE;
    }
}

registry.category("view_widgets").add("cqrs_run_watch", {
    component: RunWatch,
    fieldDependencies: [{name: "state", type: "selection"}],
});
