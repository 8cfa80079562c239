import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { formatFloat } from "@web/views/fields/formatters";
import { standardWidgetProps } from "@web/views/widgets/standard_widget_props";
import { useService } from "@web/core/utils/hooks";

import { Component, onMounted, onPatched, onWillStart } from "@odoo/owl";

import { usePolling } from "../core/use_polling";
import { sealsText } from "./cards";
import { number } from "./formats";
import { FINDINGS, isUnderWay } from "./runs";

/** Milliseconds between two looks at a run under way */
const PAUSE = 1000;

/**
 * Result of a run: `{findings: [of findings.py], seals: of reach.py}`,
 * `{projections: [of replay.py]}` or `{events: number}`.
 */
export class RunResult extends Component {
    static template = "crm_cqrs.RunResult";
    static props = { ...standardFieldProps };

    setup() {
        this.orm = useService("orm");
        this.number = number;
        this.names = {};
        onWillStart(async () => {
            const models = this.projections.map((each) => each.projection);
            if (models.length) {
                const known = await this.orm.searchRead(
                    "ir.model",
                    [["model", "in", models]],
                    ["model", "name"]
                );
                this.names = Object.fromEntries(known.map((each) => [each.model, each.name]));
            }
        });
    }

    get result() {
        return this.props.record.data[this.props.name] || {};
    }

    get findings() {
        return this.result.findings || [];
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
        return formatFloat(value, { digits: [16, 2] });
    }
}

registry.category("fields").add("cqrs_run_result", {
    component: RunResult,
    supportedTypes: ["json"],
});

/** Reads the run again for as long as it is under way and looked at. */
export class RunWatch extends Component {
    static template = "crm_cqrs.RunWatch";
    static props = { ...standardWidgetProps };

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
    fieldDependencies: [{ name: "state", type: "selection" }],
});
