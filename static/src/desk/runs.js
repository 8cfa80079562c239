import {_t} from "@web/core/l10n/translation";

import {duration, secondsBetween} from "./formats";

/** Seconds after which a run that has not begun is a sign that crons do not run */
const PATIENCE = 120;

export const RUNS = "cqrs.run";

export const isUnderWay = (run) =>
    ["pending", "running"].includes(run.state) && !run.is_abandoned;

/** Return the action that opens a run. */
export function runAction(id) {
    return {
        type: "ir.actions.act_window",
        res_model: RUNS,
        res_id: id,
        views: [[false, "form"]],
    };
}

/**
 * Name, icon and description of each kind of run; where it writes, a question or the
 * action of an assistant.
 */
export const KINDS = {
    verify: {
        label: _t("Verify"),
        icon: "fa-check-square-o",
        text: _t(
            "Checks that the log is intact and that all data matches it: what has changed, a part of the rest, and a sample of records. Runs automatically every night. Repairs nothing."
        ),
    },
    verify_all: {
        label: _t("Verify Everything"),
        icon: "fa-check-square",
        text: _t(
            "Checks the whole log and all records one by one, which takes minutes. If nothing is wrong, deletes the rows kept by earlier rebuilds."
        ),
    },
    reconcile: {
        label: _t("Reconcile"),
        icon: "fa-refresh",
        text: _t(
            "Records changes made outside Odoo, for example by SQL. Runs automatically every five minutes."
        ),
        question: _t(
            "Missing changes will be recorded as events. Do you want to reconcile?"
        ),
    },
    replay: {
        label: _t("Rebuild"),
        icon: "fa-history",
        text: _t(
            "Replays the log and corrects the rows that differ from it. Users can keep working."
        ),
        question: _t(
            "Rows that differ from the log will be corrected. The old rows are kept until all has been verified and nothing is wrong. Do you want to rebuild?"
        ),
    },
    build: {
        label: _t("First Build"),
        icon: "fa-flag-checkered",
        text: _t(
            "Records a first event for every record that has none. Resumes where it stopped."
        ),
        question: _t(
            "Every record without events gets a first event, which cannot be removed. Do you want to build?"
        ),
    },
    archive: {
        label: _t("Archive"),
        icon: "fa-archive",
        text: _t(
            "Moves the oldest sealed events to archive tables, which are read like the log. Users can keep working."
        ),
        assistant: "crm_cqrs.cqrs_archive_assistant_action",
    },
};

/** Name, icon and color of each state of a run. */
export const STATES = {
    pending: {label: _t("Waiting"), icon: "fa-clock-o", tone: "secondary"},
    running: {label: _t("Running"), icon: "fa-cog", tone: "info"},
    done: {label: _t("Done"), icon: "fa-check", tone: "success"},
    failed: {label: _t("Failed"), icon: "fa-times", tone: "danger"},
    cancelled: {label: _t("Cancelled"), icon: "fa-ban", tone: "warning"},
};

/** Meaning of each kind of finding. */
export const FINDINGS = {
    broken_chain: _t("Event altered or inserted"),
    version_gap: _t("Event removed"),
    doubled_version: _t("Event in two tables"),
    wrong_state: _t("State differs from the events"),
    unrecorded_change: _t("Change not recorded"),
    missing_trigger: _t("Log not protected"),
    projection_drift: _t("Read model differs from the log"),
    wrong_order: _t("Event moved"),
    wrong_epoch: _t("Wrong epoch"),
    unreadable_value: _t("Unreadable value"),
    broken_projection: _t("Read model incomplete"),
    broken_seal: _t("Sealed events changed"),
    wrong_seal: _t("Seal altered or missing"),
    rolled_back: _t("Log rolled back"),
};

/** Return name, icon and color of the state that a run is in. */
export function stateOf(run) {
    return run.is_abandoned
        ? {label: _t("Interrupted"), icon: "fa-times", tone: "danger"}
        : STATES[run.state];
}

/** Return the result of a run in words; "" while it has none. */
export function outcomeOf(run) {
    if (run.is_abandoned) {
        return _t(
            "The server stopped during this run. The run resumes within minutes."
        );
    }
    return run.outcome || "";
}

/** Return the step that a run under way is at, read at a time of the server. */
export function stepOf(run, readAt) {
    if (run.cancel_requested) {
        return _t("Stopping at the next step.");
    }
    if (run.state === "running") {
        return run.step_name || "";
    }
    if (run.waits_for) {
        return run.waits_for;
    }
    return secondsBetween(run.create_date, readAt) > PATIENCE
        ? _t("Not started yet. Check that scheduled actions are running.")
        : _t("Starting soon.");
}

/** Return how long a run has taken until a time of the server; "" before it begins. */
export function elapsedOf(run, readAt) {
    return run.started_at
        ? duration(secondsBetween(run.started_at, run.finished_at || readAt))
        : "";
}
