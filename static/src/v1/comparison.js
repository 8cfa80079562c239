import {_t} from "@web/core/l10n/translation";
import {RecordAutocomplete} from "@web/core/record_selectors/record_autocomplete";
import {registry} from "@web/core/registry";
import {useService} from "@web/core/utils/hooks";
import {user} from "@web/core/user";
import {Layout} from "@web/search/layout";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";

import {Component, onMounted, useState} from "@odoo/owl";

import {formatMoney, formatNumber} from "../dashboard/formats";
import {LEVELS} from "../desk/cards";
import {number} from "../desk/formats";
import {useSlow} from "../past/use_slow";
import {FIGURES, figureReasons, figureText, furtherText, reasonText} from "./words";

export const COMPARISON = "cqrs.api.v1.comparison";

/** Both dashboards of a person side by side: figures, opportunities, reasons, work. */
export class V1Comparison extends Component {
    static template = "crm_cqrs.V1Comparison";
    static components = {Layout, RecordAutocomplete};
    static props = {...standardActionServiceProps};
    static path = "api-comparison";
    static displayName = _t("API v1 beside v2");

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.waiting = useSlow();
        Object.assign(this, {
            figureReasons,
            furtherText,
            figures: FIGURES,
            number,
            reasonText,
        });
        this.domain = [["share", "=", false]];
        this.personLabel = _t("Person");
        const {person, company} = this.props.action.params || {};
        this.state = useState({
            personId: Number(person) || user.userId,
            personName: "",
            companyId: Number(company) || false,
            companies: [],
            compared: null,
            error: "",
        });
        onMounted(() => this.compare());
    }

    /** Read the comparison for the person and the company that are chosen. */
    async compare() {
        const {personId, companyId} = this.state;
        this.state.error = "";
        this.props.updateActionState?.({
            person: personId,
            company: companyId || undefined,
        });
        const [[person], companies] = await Promise.all([
            this.orm.read("res.users", [personId], ["name"]).catch(() => [{}]),
            this.orm.call(COMPARISON, "read_companies", [personId]),
        ]);
        this.state.personName = person?.name || "";
        this.state.companies = companies;
        let compared = null;
        try {
            compared = await this.waiting.during(
                this.orm.silent.call(COMPARISON, "read_comparison", [
                    personId,
                    companyId,
                ])
            );
        } catch (error) {
            if (!error.data?.message) {
                throw error;
            }
            this.state.error = error.data.message;
        }
        // Not that of a person who was chosen before.
        if (personId === this.state.personId && companyId === this.state.companyId) {
            this.state.compared = compared;
        }
    }

    choosePerson([id]) {
        if (id) {
            Object.assign(this.state, {personId: id, companyId: false, compared: null});
            this.compare();
        }
    }

    chooseCompany(text) {
        Object.assign(this.state, {companyId: Number(text) || false, compared: null});
        this.compare();
    }

    // What is shown

    get compared() {
        return this.state.compared;
    }

    get level() {
        return LEVELS[this.compared.is_explained ? "good" : "bad"];
    }

    get verdict() {
        const {is_explained, counts, page, figures} = this.compared;
        if (!is_explained) {
            return _t("Some differences are not explained.");
        }
        const differs =
            Object.keys(counts).length ||
            page.length ||
            figures.some(({reasons}) => Object.keys(reasons).length);
        return differs
            ? _t("Every difference is explained.")
            : _t("API v1 and API v2 say the same.");
    }

    textOf(figure, side) {
        return figureText(figure[`v${side + 1}`], figure.currencies?.[side]);
    }

    /** The opportunities of all that are seen, and those of the first pages. */
    get lists() {
        const {opportunities, counts, page} = this.compared;
        const count = Object.values(counts).reduce((sum, each) => sum + each, 0);
        return [
            {
                name: "all",
                title: _t("Opportunities that differ"),
                empty: _t("Both have the same opportunities, with the same values."),
                note:
                    count > opportunities.length
                        ? _t("%(shown)s of %(count)s are shown.", {
                              shown: number(opportunities.length),
                              count: number(count),
                          })
                        : "",
                rows: opportunities,
            },
            {
                name: "page",
                title: _t("First page"),
                empty: _t(
                    "Both first pages have the same opportunities, in the same order or one that is explained."
                ),
                note: "",
                rows: page,
            },
        ];
    }

    sideOf({in_v1, in_v2}) {
        if (in_v1 && in_v2) {
            return _t("Both");
        }
        return in_v1 ? _t("v1 only") : _t("v2 only");
    }

    valueOf({value, currency}) {
        return value === undefined ? "" : formatMoney(Number(value), currency);
    }

    get work() {
        const {v1, v2} = this.compared;
        const rows = [
            ["ms", _t("Time (ms)"), 1],
            ["database_ms", _t("Of this, in the database (ms)"), 1],
            ["statements", _t("Statements"), 0],
            ["blocks", _t("Blocks of 8 kB read"), 0],
        ];
        return rows.map(([name, title, digits]) => ({
            name,
            title,
            values: [v1, v2].map(({work}) => formatNumber(Number(work[name]), digits)),
        }));
    }

    openRetirement() {
        this.action.doAction("crm_cqrs.v1_retirement_action");
    }
}

registry.category("actions").add("crm_cqrs.v1_comparison", V1Comparison);
