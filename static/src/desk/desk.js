import {ConfirmationDialog} from "@web/core/confirmation_dialog/confirmation_dialog";
import {_t} from "@web/core/l10n/translation";
import {RPCError} from "@web/core/network/rpc";
import {registry} from "@web/core/registry";
import {useService} from "@web/core/utils/hooks";
import {Layout} from "@web/search/layout";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";

import {Component, onWillStart, useState} from "@odoo/owl";

import {usePolling} from "../core/use_polling";
import {LEVELS, healthCards, replacedText} from "./cards";
import {bytes, number, time} from "./formats";
import {
    KINDS,
    RUNS,
    elapsedOf,
    isUnderWay,
    outcomeOf,
    runAction,
    stateOf,
    stepOf,
} from "./runs";

/** Milliseconds between two looks: while a run is under way, and otherwise */
const SOON = 1000;
const LATER = 10000;
/** Models that cannot be rebuilt, because all others are rebuilt from them */
const LOG = ["cqrs.event", "cqrs.stream"];

/** Health and maintenance of the event store and its projections. */
export class Desk extends Component {
    static template = "crm_cqrs.Desk";
    static components = {Layout};
    static props = {...standardActionServiceProps};
    static path = "event-store";
    static displayName = _t("Event Store");

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.dialog = useService("dialog");
        this.session = useService("crm_cqrs.session");
        Object.assign(this, {bytes, kinds: KINDS, number, outcomeOf, stateOf, time});
        this.state = useState({health: null, isBehind: false});
        this.polling = usePolling(() => this.look());
        onWillStart(async () => {
            await this.load();
            this.polling.plan(this.pause);
        });
    }

    async load() {
        this.state.health = await this.orm.silent.call(
            "cqrs.health",
            "read_health",
            []
        );
        this.state.isBehind = false;
    }

    async look() {
        try {
            await this.load();
        } catch (error) {
            // The server is away or restarting, which the screen shows.
            this.state.isBehind = true;
            // Or the session is over, of which the user is told.
            if (error instanceof RPCError && (await this.session.isOver())) {
                return false;
            }
        }
        return this.pause;
    }

    get pause() {
        return this.runsUnderWay.length ? SOON : LATER;
    }

    // What is shown

    get health() {
        return this.state.health;
    }

    get cards() {
        return healthCards(this.health);
    }

    get replaced() {
        return replacedText(this.health.replaced);
    }

    /** Return how a level is shown; while the server is away, none is known. */
    levelOf(level) {
        return LEVELS[this.state.isBehind ? "unknown" : level];
    }

    /** The runs under way, in their order of turn. */
    get runsUnderWay() {
        return this.health.runs.filter(isUnderWay).reverse();
    }

    get lastRun() {
        return this.health.runs.find((run) => !isUnderWay(run));
    }

    stepOf(run) {
        return stepOf(run, this.health.read_at);
    }

    elapsedOf(run) {
        return elapsedOf(run, this.health.read_at);
    }

    /** The rows of the table of sizes; a model of several tables is named once. */
    get sizes() {
        const {sizes} = this.health;
        return sizes.map((size, index) => ({
            ...size,
            name: size.model ? size.name : _t("Replaced by rebuilds"),
            // A long name is broken where one of its words ends.
            words: size.table.split(/(?<=_)/),
            canRebuild:
                size.model &&
                !LOG.includes(size.model) &&
                size.model !== sizes[index - 1]?.model,
        }));
    }

    // What is done

    /** Request a run; if it writes, ask first. */
    ask(kind, args = [], name = "") {
        const {assistant} = KINDS[kind];
        let {question} = KINDS[kind];
        if (assistant) {
            return this.action.doAction(assistant, {
                onClose: () => this.polling.look(),
            });
        }
        if (kind === "verify_all" && this.health.replaced.rows) {
            question = _t(
                "If the verification finds nothing wrong, the rows kept by earlier rebuilds are deleted. Do you want to verify?"
            );
        }
        if (!question) {
            return this.start(kind, args);
        }
        this.dialog.add(ConfirmationDialog, {
            title: name ? `${KINDS[kind].label}: ${name}` : `${KINDS[kind].label}`,
            body: `${question}`,
            confirmLabel: `${KINDS[kind].label}`,
            confirm: () => this.start(kind, args),
            cancel: () => null,
        });
    }

    async start(kind, args) {
        await this.orm.call(RUNS, `action_${kind}`, args);
        await this.polling.look();
    }

    askToActivate() {
        this.dialog.add(ConfirmationDialog, {
            title: _t("Activate Scheduled Actions"),
            body: _t(
                "Runs, reconciliation, totals and the nightly verification will be activated. They work on this database alone. Sealing and retention stay as they are. Do you want to activate them?"
            ),
            confirmLabel: _t("Activate"),
            confirm: () => this.activate(),
            cancel: () => null,
        });
    }

    async activate() {
        await this.orm.call("cqrs.health", "action_activate_jobs", []);
        await this.polling.look();
    }

    async cancel(run) {
        await this.orm.call(RUNS, "action_cancel", [[run.id]]);
        await this.polling.look();
    }

    openRun(id) {
        this.action.doAction(runAction(id));
    }

    openRuns() {
        this.action.doAction("crm_cqrs.cqrs_run_action");
    }
}

registry.category("actions").add("crm_cqrs.desk", Desk);
