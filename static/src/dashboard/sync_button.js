import {_t} from "@web/core/l10n/translation";
import {useService} from "@web/core/utils/hooks";

import {Component, useState} from "@odoo/owl";

import {formatNumber} from "../core/formats";
import {usePolling} from "../core/use_polling";
import {RUNS, isUnderWay, runAction} from "../desk/runs";

const FIELDS = ["state", "progress", "findings", "error", "waits_for"];
/** Milliseconds between two looks at the run */
const PAUSE = 1000;

/** Reconciles at a click, shows the progress, and says how many changes were found. */
export class SyncButton extends Component {
    static template = "crm_cqrs.SyncButton";
    static props = {onDone: Function};

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.notification = useService("notification");
        this.state = useState({run: null});
        this.polling = usePolling(() => this.look());
    }

    get label() {
        const {run} = this.state;
        if (!run) {
            return _t("Sync");
        }
        return run.state === "pending"
            ? _t("Waiting…")
            : _t("Syncing… %s %", Math.round(run.progress));
    }

    async start() {
        this.state.run = {state: "pending", progress: 0};
        try {
            const {res_id} = await this.orm.call(RUNS, "action_reconcile", []);
            this.runId = res_id;
            this.polling.plan(PAUSE);
        } catch (error) {
            this.state.run = null;
            throw error;
        }
    }

    async look() {
        let run = null;
        try {
            [run] = await this.orm.silent.read(RUNS, [this.runId], FIELDS);
        } catch (error) {
            this.state.run = null;
            throw error;
        }
        if (isUnderWay(run) && !run.waits_for) {
            this.state.run = run;
            return PAUSE;
        }
        this.state.run = null;
        this.tell(run);
        this.props.onDone();
    }

    tell(run) {
        const details = runAction(this.runId);
        const buttons = [
            {name: _t("Details"), onClick: () => this.action.doAction(details)},
        ];
        if (run.waits_for) {
            this.notification.add(run.waits_for, {
                type: "warning",
                sticky: true,
                buttons,
            });
        } else if (run.state !== "done") {
            const message = run.error || _t("The synchronization was cancelled.");
            this.notification.add(message, {type: "danger", sticky: true, buttons});
        } else if (!run.findings) {
            this.notification.add(_t("No changes were missing."), {type: "success"});
        } else {
            this.notification.add(
                run.findings === 1
                    ? _t("1 missing change has been recorded.")
                    : _t(
                          "%s missing changes have been recorded.",
                          formatNumber(run.findings)
                      ),
                {type: "success", buttons}
            );
        }
    }
}
