import {ConfirmationDialog} from "@web/core/confirmation_dialog/confirmation_dialog";
import {deserializeDate, formatDate} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";
import {RPCError} from "@web/core/network/rpc";
import {registry} from "@web/core/registry";
import {useService} from "@web/core/utils/hooks";
import {Layout} from "@web/search/layout";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";

import {Component, onWillStart, useState} from "@odoo/owl";

import {usePolling} from "../core/use_polling";
import {LEVELS} from "../desk/cards";
import {number, time} from "../desk/formats";
import {RUNS, isUnderWay, runAction} from "../desk/runs";

const STEPS = "cqrs.api.v1.step";
/** Milliseconds between two looks: while a comparison is under way, and otherwise */
const SOON = 1000;
const LATER = 10000;

const NAMES = {
    announced: _t("Announced"),
    off: _t("Switched off"),
    on: _t("Switched on again"),
};

/** The retirement of API v1 as a checklist: callers, comparison, announcement, off. */
export class V1Retirement extends Component {
    static template = "crm_cqrs.V1Retirement";
    static components = {Layout};
    static props = {...standardActionServiceProps};
    static path = "api-retirement";
    static displayName = _t("API v1 Retirement");

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.dialog = useService("dialog");
        this.notification = useService("notification");
        this.session = useService("crm_cqrs.session");
        Object.assign(this, {names: NAMES, number, time});
        this.state = useState({
            checklist: null,
            isBehind: false,
            since: "",
            sunset: "",
        });
        this.polling = usePolling(() => this.look());
        onWillStart(async () => {
            await this.load();
            // Days of UTC, as the headers have them.
            this.state.since = this.checklist.is_announced
                ? this.checklist.since.slice(0, 10)
                : luxon.DateTime.utc().toISODate();
            this.state.sunset = this.checklist.sunset.slice(0, 10);
            this.polling.plan(this.pause);
        });
    }

    async load() {
        this.state.checklist = await this.orm.silent.call(STEPS, "read_checklist", []);
        this.state.isBehind = false;
    }

    async look() {
        try {
            await this.load();
        } catch (error) {
            this.state.isBehind = true;
            if (error instanceof RPCError && (await this.session.isOver())) {
                return false;
            }
        }
        return this.pause;
    }

    get pause() {
        return this.isComparing ? SOON : LATER;
    }

    // What is shown

    get checklist() {
        return this.state.checklist;
    }

    get comparison() {
        return this.checklist.comparison;
    }

    get isComparing() {
        return Boolean(this.comparison) && isUnderWay(this.comparison);
    }

    /** Whether each item of the list is done. */
    get done() {
        const {callers, is_announced, is_off} = this.checklist;
        return {
            callers: !callers.length,
            comparison: this.comparison?.state === "done" && !this.comparison.findings,
            announced: is_announced,
            off: is_off,
        };
    }

    levelOf(item) {
        return LEVELS[this.done[item] ? "good" : "watch"];
    }

    day(text) {
        return text ? formatDate(deserializeDate(text.slice(0, 10))) : "";
    }

    get recentText() {
        return _t("Requests of the last %s days", number(this.checklist.recent_days));
    }

    get datesText() {
        return _t(
            "Answers of API v1 say: deprecated since %(since)s, ends %(sunset)s.",
            {
                since: this.day(this.checklist.since),
                sunset: this.day(this.checklist.sunset),
            }
        );
    }

    /** The end of the last comparison, and whether it was of everybody. */
    get comparedText() {
        const {finished_at, is_everybody, people} = this.comparison;
        const at = time(finished_at);
        if (!people) {
            return at;
        }
        return is_everybody ? _t("%s, everybody", at) : _t("%s, a sample", at);
    }

    get progressText() {
        const {state, step, waits_for} = this.comparison;
        return state === "running" ? step || "" : waits_for || _t("Starting soon.");
    }

    get stepRows() {
        return this.checklist.steps.map((step) => ({
            ...step,
            details:
                step.step === "announced"
                    ? _t("Deprecated since %(since)s, ends %(sunset)s", {
                          since: this.day(step.since),
                          sunset: this.day(step.sunset),
                      })
                    : _t("Recent callers: %s", number(step.callers)),
            compared: step.is_compared ? _t("Yes") : _t("No"),
        }));
    }

    // What is done

    async compare(isEverybody) {
        await this.orm.call(RUNS, "action_compare", [isEverybody]);
        await this.polling.look();
    }

    async cancel() {
        await this.orm.call(RUNS, "action_cancel", [[this.comparison.id]]);
        await this.polling.look();
    }

    openRun() {
        this.action.doAction(runAction(this.comparison.id));
    }

    async announce() {
        const {since, sunset} = this.state;
        await this.orm.call(STEPS, "action_announce", [
            since && `${since} 00:00:00`,
            sunset && `${sunset} 00:00:00`,
        ]);
        this.notification.add(_t("The answers of API v1 say so from now on."), {
            type: "success",
        });
        await this.polling.look();
    }

    askToSwitchOff() {
        const {callers, recent_days} = this.checklist;
        const sentences = [
            callers.length
                ? _t(
                      "%(count)s users or keys have called API v1 in the last %(days)s days. They will get error 410, which names the route of API v2.",
                      {count: number(callers.length), days: number(recent_days)}
                  )
                : _t(
                      "Nobody has called API v1 in the last %s days.",
                      number(recent_days)
                  ),
        ];
        if (!this.done.comparison) {
            sentences.push(
                _t("No comparison has shown yet that API v2 says the same.")
            );
        }
        if (!this.done.announced) {
            sentences.push(_t("The end has not been announced here."));
        }
        this.dialog.add(ConfirmationDialog, {
            title: _t("Switch Off API v1"),
            body: `${sentences.join(" ")} ${_t("Do you want to switch API v1 off?")}`,
            confirmLabel: _t("Switch Off"),
            confirmClass: "btn-danger",
            confirm: () => this.take("action_switch_off"),
            cancel: () => null,
        });
    }

    async take(action) {
        await this.orm.call(STEPS, action, []);
        await this.polling.look();
    }

    open(name) {
        this.action.doAction(`crm_cqrs.${name}`);
    }
}

registry.category("actions").add("crm_cqrs.v1_retirement", V1Retirement);
