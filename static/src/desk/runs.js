import { _t } from "@web/core/l10n/translation";

export const isUnderWay = (run) =>
    ["pending", "running"].includes(run.state) && !run.is_abandoned;

/** Of each kind of run: what it is called, what it does, and what to ask beforehand. */
export const KINDS = {
    verify: {
        label: _t("Verify"),
        icon: "fa-check-square-o",
        text: _t(
            "Looks whether the log is whole, and whether everything else says what it says. It repairs nothing; where nothing is wrong, what rebuilds have replaced is forgotten."
        ),
    },
    reconcile: {
        label: _t("Reconcile"),
        icon: "fa-refresh",
        text: _t(
            "Records what has changed without Odoo's knowledge. It runs by itself every five minutes."
        ),
        question: _t("Changes that nobody has recorded become events of the log. Reconcile?"),
    },
    replay: {
        label: _t("Rebuild"),
        icon: "fa-history",
        text: _t(
            "Replays the log, and rewrites the rows that differ from it. People work on meanwhile."
        ),
        question: _t(
            "Rows that differ from the log are rewritten. What they were is kept until a verification finds nothing wrong. Rebuild?"
        ),
    },
    build: {
        label: _t("First Build"),
        icon: "fa-flag-checkered",
        text: _t("Records a first event of everything that has none. It goes on where it was stopped."),
        question: _t("Whatever has no event gets its first one, which stays in the log. Build?"),
    },
};

/** Of each state of a run: what it is called, its icon and its colour. */
export const STATES = {
    pending: { label: _t("Waiting"), icon: "fa-clock-o", tone: "secondary" },
    running: { label: _t("Running"), icon: "fa-cog", tone: "info" },
    done: { label: _t("Done"), icon: "fa-check", tone: "success" },
    failed: { label: _t("Failed"), icon: "fa-times", tone: "danger" },
    cancelled: { label: _t("Cancelled"), icon: "fa-ban", tone: "warning" },
};

/** Of each kind of finding: what it means. */
export const FINDINGS = {
    broken_chain: _t("An event was altered, or put in"),
    version_gap: _t("An event was removed"),
    wrong_state: _t("The recorded state is not what the events give"),
    unrecorded_change: _t("A change is not recorded"),
    missing_trigger: _t("The log can be edited"),
    projection_drift: _t("A read model is wrong"),
    wrong_order: _t("An event was moved"),
    wrong_epoch: _t("An epoch of the log is wrong"),
    unreadable_value: _t("A value cannot be read"),
    broken_projection: _t("A read model is incomplete"),
};

/** Return a length of time in words, the two largest units at most. */
export function duration(seconds) {
    const total = Math.max(0, Math.round(seconds));
    const [days, hours] = [Math.floor(total / 86400), Math.floor(total / 3600) % 24];
    const [minutes, rest] = [Math.floor(total / 60) % 60, total % 60];
    if (days) {
        return hours ? _t("%(days)s d %(hours)s h", { days, hours }) : _t("%s d", days);
    }
    if (hours) {
        return minutes ? _t("%(hours)s h %(minutes)s min", { hours, minutes }) : _t("%s h", hours);
    }
    if (minutes) {
        return rest ? _t("%(minutes)s min %(seconds)s s", { minutes, seconds: rest }) : _t("%s min", minutes);
    }
    return _t("%s s", rest);
}
