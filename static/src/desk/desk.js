import { browser } from "@web/core/browser/browser";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { deserializeDateTime, formatDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { formatInteger } from "@web/views/fields/formatters";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

import { Component, onWillStart, onWillUnmount, useExternalListener, useState } from "@odoo/owl";

import { KINDS, STATES, duration, isUnderWay } from "./runs";

const RUNS = "cqrs.run";
/** Milliseconds between two looks: while a run is under way, and otherwise */
const SOON = 1000;
const LATER = 10000;
/** Seconds after which a run that nobody begins makes one wonder */
const PATIENCE = 120;

/** Never by their colour alone: each has a word and an icon. */
const LEVELS = {
    good: {
        label: _t("In order"),
        icon: "fa-check-circle",
        tone: "success",
        text: _t("Everything is in order"),
    },
    watch: {
        label: _t("To be watched"),
        icon: "fa-exclamation-circle",
        tone: "warning",
        text: _t("Something is to be watched"),
    },
    bad: {
        label: _t("Needs action"),
        icon: "fa-exclamation-triangle",
        tone: "danger",
        text: _t("Something needs action"),
    },
    unknown: {
        label: _t("Not known"),
        icon: "fa-question-circle",
        tone: "warning",
        text: _t("The state is not known"),
    },
};

/** The health of event store and projections, and the work on them. */
export class Desk extends Component {
    static template = "crm_cqrs.Desk";
    static components = { Layout };
    static props = { ...standardActionServiceProps };
    static path = "event-store";
    static displayName = _t("Event Store");

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.dialog = useService("dialog");
        this.kinds = KINDS;
        this.state = useState({ health: null, isBehind: false });
        this.timer = null;
        useExternalListener(document, "visibilitychange", () => this.look());
        onWillStart(() => this.load());
        onWillUnmount(() => {
            this.isGone = true;
            browser.clearTimeout(this.timer);
        });
    }

    async load() {
        this.state.health = await this.orm.silent.call("cqrs.health", "read_health", []);
        this.state.isBehind = false;
        this.plan();
    }

    /** Look again, unless nobody looks. */
    async look() {
        browser.clearTimeout(this.timer);
        if (this.isGone || document.hidden) {
            return;
        }
        try {
            await this.load();
        } catch {
            // The server is away or restarting, which is to be seen here.
            this.state.isBehind = true;
            this.plan();
        }
    }

    plan() {
        browser.clearTimeout(this.timer);
        if (!this.isGone) {
            this.timer = browser.setTimeout(
                () => this.look(),
                this.runsUnderWay.length ? SOON : LATER
            );
        }
    }

    // What is shown

    get health() {
        return this.state.health;
    }

    get readAt() {
        return this.time(this.health.read_at);
    }

    /** Return a level as it is shown: while the server is away, nobody knows it. */
    levelOf(level) {
        return LEVELS[this.state.isBehind ? "unknown" : level];
    }

    get cards() {
        return [
            this.card("log", _t("Event Log"), (log) => this.logCard(log)),
            this.card("reconciler", _t("Reconciler"), (part) => this.reconcilerCard(part)),
            this.card("reader", _t("Readers of the Log"), (reader) => ({
                value: this.counted(reader.waiting, reader.is_more),
                unit: _t("events not given to them yet"),
                lines: [this.holder(reader.holder)],
            })),
            this.card("verification", _t("Verification"), (part) => this.verificationCard(part)),
            this.card("tail", _t("Metrics"), (tail) => this.tailCard(tail)),
            this.card("projections", _t("Read Models"), (part) => this.projectionsCard(part)),
        ];
    }

    /** Return what is shown of a part of the health; of one that failed, why. */
    card(name, title, read) {
        const part = this.health[name];
        const shown = part.error
            ? { value: "–", unit: "", lines: [_t("It could not be read: %s", part.error)] }
            : read(part);
        return { name, title, level: part.level, ...shown };
    }

    logCard(log) {
        return {
            value: this.number(log.last_position),
            unit: _t("last position"),
            lines: [
                log.events === null
                    ? _t("Nothing is estimated of how many events there are yet.")
                    : _t("About %s events, as the database estimates.", this.number(log.events)),
                this.rate(log),
                log.missing_triggers.length
                    ? _t(
                          "It can be edited: %s is missing, disabled or changed. Upgrade the addon to put it back, then verify.",
                          log.missing_triggers.join(", ")
                      )
                    : _t("The database refuses to edit it."),
            ],
        };
    }

    projectionsCard({ broken, quarantined }) {
        const lines = [
            ...broken.map(({ name, error }) =>
                _t("%(name)s is broken: %(error)s. Rebuild it.", { name, error })
            ),
            ...quarantined.map(({ name, records, error }) =>
                _t("%(name)s leaves out %(records)s records: %(error)s", { name, records, error })
            ),
        ];
        return {
            value: this.number(broken.length),
            unit: _t("broken"),
            lines: lines.length ? lines : [_t("All that is recorded has been applied.")],
            action: lines.length && "crm_cqrs.cqrs_projection_failure_action",
        };
    }

    reconcilerCard({ seconds, never, failures }) {
        const lines = failures.map((failure) => _t("Recording failed: %s", failure));
        if (never.length) {
            lines.push(_t("It has never looked at %s.", never.join(", ")));
        }
        if (!lines.length) {
            lines.push(_t("What no hook has seen is recorded then, every five minutes."));
        }
        return { value: this.ago(seconds), unit: _t("since its last look"), lines };
    }

    verificationCard({ last, unfinished }) {
        return {
            value: last ? this.number(last.findings) : "–",
            unit: _t("found to be wrong"),
            lines: [
                ...(unfinished ? [this.inVain(unfinished)] : []),
                last
                    ? _t("Verified %s ago.", duration(last.seconds))
                    : _t("It has never been verified."),
                last?.findings
                    ? _t("See what was found; then reconcile or rebuild, and verify again.")
                    : _t("It is verified every night."),
            ],
            runId: last?.id,
        };
    }

    /** Say of a verification why it has come to nothing. */
    inVain({ state, seconds, error }) {
        const age = duration(seconds);
        if (state === "failed") {
            return _t("The verification begun %(age)s ago failed: %(error)s", {
                age,
                error: error || "–",
            });
        }
        return state === "cancelled"
            ? _t("The verification begun %s ago was cancelled.", age)
            : _t("The verification begun %s ago has not ended.", age);
    }

    tailCard(tail) {
        return {
            value: this.counted(tail.changes, tail.is_more),
            unit: _t("changes not folded into the sums yet"),
            lines: [
                tail.seconds === null
                    ? _t("All changes are folded, every minute.")
                    : _t("Not folded for %s; it is done every minute.", duration(tail.seconds)),
                _t("Dashboards are exact all the same; many make them slower."),
            ],
        };
    }

    rate({ lately, per_minute, is_more, minutes }) {
        if (!lately) {
            return _t("None in the last %s minutes.", minutes);
        }
        const rate = per_minute.toLocaleString(undefined, {
            maximumFractionDigits: per_minute < 10 ? 1 : 0,
        });
        return is_more
            ? _t("%s or more a minute lately.", rate)
            : _t("%(rate)s a minute over the last %(minutes)s minutes.", { rate, minutes });
    }

    holder(holder) {
        if (!holder) {
            return _t("No open transaction holds them back.");
        }
        const application = holder.application || _t("an unnamed program");
        const age = holder.seconds === null ? _t("an unknown time") : duration(holder.seconds);
        return holder.prepared
            ? _t(
                  "Held back for %(age)s by the prepared transaction %(name)s of %(user)s in the database %(database)s.",
                  { age, name: holder.prepared, user: holder.user, database: holder.database }
              )
            : _t(
                  "Held back for %(age)s by %(application)s (process %(pid)s) in the database %(database)s.",
                  { age, application, pid: holder.pid, database: holder.database }
              );
    }

    get replaced() {
        const { rows, is_more, since, tables } = this.health.replaced;
        if (!rows) {
            return _t("Of what rebuilds have replaced, nothing is kept.");
        }
        return _t(
            "%(rows)s rows that rebuilds have replaced since %(since)s are kept (%(tables)s), until a verification finds nothing wrong.",
            { rows: this.counted(rows, is_more), since: this.time(since), tables: tables.join(", ") }
        );
    }

    get runsUnderWay() {
        // The one that is first in turn first.
        return (this.health?.runs || []).filter(isUnderWay).reverse();
    }

    get lastRun() {
        return this.health.runs.find((run) => !isUnderWay(run));
    }

    stateOf(run) {
        return run.is_abandoned
            ? { label: _t("Stopped"), icon: "fa-times", tone: "danger" }
            : STATES[run.state];
    }

    outcome(run) {
        if (run.is_abandoned) {
            return _t("The server was stopped meanwhile. It is taken up again within minutes.");
        }
        return run.outcome || "";
    }

    under(run) {
        if (run.cancel_requested) {
            return _t("About to end, at its next step.");
        }
        if (run.state === "running") {
            return run.step_name || "";
        }
        return this.since(run.create_date) > PATIENCE
            ? _t("Nobody has begun it: are scheduled actions running?")
            : _t("About to begin.");
    }

    elapsed(run) {
        if (!run.started_at) {
            return "";
        }
        const end = run.finished_at || this.health.read_at;
        return duration(this.since(run.started_at, end));
    }

    /** Return the seconds from one time to another, both as the server gives them. */
    since(start, end = this.health.read_at) {
        return deserializeDateTime(end).diff(deserializeDateTime(start)).as("seconds");
    }

    ago(seconds) {
        return seconds === null ? _t("never") : duration(seconds);
    }

    time(text) {
        return text ? formatDateTime(deserializeDateTime(text)) : "";
    }

    number(value) {
        return formatInteger(value);
    }

    counted(value, isMore) {
        return isMore ? _t("%s or more", this.number(value)) : this.number(value);
    }

    bytes(value) {
        const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
        const power = Math.min(Math.floor(Math.log2(Math.max(value, 1)) / 10), units.length - 1);
        return new Intl.NumberFormat(luxon.Settings.defaultLocale, {
            style: "unit",
            unit: units[power],
            maximumFractionDigits: power > 2 ? 1 : 0,
        }).format(value / 1024 ** power);
    }

    canRebuild(size) {
        return !["cqrs.event", "cqrs.stream", null].includes(size.model);
    }

    /** The rows of a table of sizes; a model of several tables is named once. */
    get sizes() {
        const { sizes } = this.health;
        return sizes.map((size, index) => ({
            ...size,
            name: size.model ? size.name : _t("Replaced by rebuilds"),
            // A long name is broken where one of its words ends.
            words: size.table.split(/(?<=_)/),
            isFirst: size.model !== sizes[index - 1]?.model,
        }));
    }

    // What is done

    /** Have a run performed; ask first where it writes. */
    ask(kind, args = [], name = "") {
        let { question } = KINDS[kind];
        if (kind === "verify" && this.health.replaced.rows) {
            question = _t(
                "If nothing is found to be wrong, the rows that rebuilds have replaced are forgotten. Verify?"
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
            cancel: () => {},
        });
    }

    async start(kind, args) {
        await this.orm.call(RUNS, `action_${kind}`, args);
        await this.look();
    }

    async cancel(run) {
        await this.orm.call(RUNS, "action_cancel", [[run.id]]);
        await this.look();
    }

    openRun(id) {
        this.action.doAction({
            type: "ir.actions.act_window",
            res_model: RUNS,
            res_id: id,
            views: [[false, "form"]],
        });
    }

    openRuns() {
        this.action.doAction("crm_cqrs.cqrs_run_action");
    }
}

registry.category("actions").add("crm_cqrs.desk", Desk);
