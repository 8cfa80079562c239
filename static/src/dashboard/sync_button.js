import { browser } from "@web/core/browser/browser";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";

import { Component, onWillUnmount, useState } from "@odoo/owl";

const MODEL = "cqrs.run";
const FIELDS = ["state", "progress", "findings", "error"];
/** Milliseconds between two looks at the run */
const PAUSE = 1000;

/** Has what no hook has seen recorded, shows how far that is, and says what came of it. */
export class SyncButton extends Component {
    static template = "crm_cqrs.SyncButton";
    static props = { onDone: Function };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.notification = useService("notification");
        this.state = useState({ run: null });
        this.timer = null;
        onWillUnmount(() => browser.clearTimeout(this.timer));
    }

    get label() {
        const { run } = this.state;
        if (!run) {
            return _t("Sync");
        }
        return run.state === "pending"
            ? _t("Waiting…")
            : _t("Syncing… %s %", Math.round(run.progress));
    }

    async start() {
        this.state.run = { state: "pending", progress: 0 };
        try {
            const { res_id } = await this.orm.call(MODEL, "action_reconcile", []);
            this.watch(res_id);
        } catch (error) {
            this.state.run = null;
            throw error;
        }
    }

    watch(id) {
        this.timer = browser.setTimeout(async () => {
            try {
                [this.state.run] = await this.orm.silent.read(MODEL, [id], FIELDS);
            } catch (error) {
                this.state.run = null;
                throw error;
            }
            if (["pending", "running"].includes(this.state.run.state)) {
                this.watch(id);
            } else {
                this.tell(this.state.run, id);
                this.state.run = null;
                this.props.onDone();
            }
        }, PAUSE);
    }

    tell(run, id) {
        const buttons = [
            {
                name: _t("Details"),
                onClick: () =>
                    this.action.doAction({
                        type: "ir.actions.act_window",
                        res_model: MODEL,
                        res_id: id,
                        views: [[false, "form"]],
                    }),
            },
        ];
        if (run.state !== "done") {
            const message = run.error || _t("The synchronisation was cancelled.");
            this.notification.add(message, { type: "danger", sticky: true, buttons });
        } else if (!run.findings) {
            this.notification.add(_t("Everything was recorded already."), { type: "success" });
        } else {
            this.notification.add(
                run.findings === 1
                    ? _t("1 change had not been recorded, and is now.")
                    : _t("%s changes had not been recorded, and are now.", run.findings),
                { type: "success", buttons }
            );
        }
    }
}
