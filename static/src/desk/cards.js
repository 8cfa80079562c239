/**
 * The cards of the event store screen: one for each part of the health, in words.
 *
 *     healthCards(health)[0];
 *     // { name: "log", title: "Event Log", level: "good",
 *     //   means: "Every change is recorded …", problems: [], value: "1,234",
 *     //   unit: "last position", lines: ["About 1,200 events …", …] }
 *
 * Pure: takes the answer of `cqrs.health.read_health` and returns texts, in some
 * microseconds; `level` is a key of `LEVELS`.
 */

import {_t} from "@web/core/l10n/translation";

import {counted, isoTime, time} from "./formats";
import {
    logPart,
    readerPart,
    reconcilerPart,
    sealsPart,
    verificationPart,
} from "./log_parts";
import {jobsPart, projectionsPart, tailPart, webhooksPart} from "./work_parts";

/**
 * Levels of health; never shown by their color alone: each has a word and an icon. `text`
 * says what the level of the whole means, and `toDo` what to do.
 */
export const LEVELS = {
    good: {
        label: _t("Healthy"),
        icon: "fa-check-circle",
        tone: "success",
        text: _t("Everything is healthy"),
        toDo: _t("There is nothing to do."),
    },
    watch: {
        label: _t("Needs attention"),
        icon: "fa-exclamation-circle",
        tone: "warning",
        text: _t("Some parts need attention"),
        toDo: _t("Nothing is broken. Each of these parts says what to do."),
    },
    bad: {
        label: _t("Needs action"),
        icon: "fa-exclamation-triangle",
        tone: "danger",
        text: _t("Some parts need action"),
        toDo: _t(
            "Each of these parts says what to do. Begin with those that need action."
        ),
    },
    unknown: {
        label: _t("Unknown"),
        icon: "fa-question-circle",
        tone: "warning",
        text: _t("Status unknown"),
        toDo: _t("Wait until the server responds."),
    },
};

/**
 * Return `{name, title, level, means, problems, value, unit, lines, action, actionName,
 * runId, canActivate}` of each part, as `log_parts.js` tells it.
 */
export function healthCards(health) {
    return [
        card(health, "log", _t("Event Log"), logPart),
        card(health, "reconciler", _t("Reconciler"), reconcilerPart),
        card(health, "reader", _t("Log Readers"), readerPart),
        card(health, "verification", _t("Verification"), verificationPart),
        card(health, "seals", _t("Seals"), sealsPart),
        card(health, "tail", _t("Metrics"), tailPart),
        card(health, "projections", _t("Read Models"), projectionsPart),
        card(health, "jobs", _t("Scheduled Actions"), jobsPart),
        card(health, "webhooks", _t("Webhooks"), webhooksPart),
    ];
}

/** Return the card of a part; if the part could not be read, the card says why. */
function card(health, name, title, read) {
    const part = health[name];
    const shown = part.error
        ? {problems: [unreadable(part.error)]}
        : read(part, {
              isScheduled: !health.jobs.inactive?.length,
              isVerifying: health.runs.some(
                  (run) =>
                      run.kind === "verify" &&
                      ["pending", "running"].includes(run.state)
              ),
          });
    return {name, title, level: part.level, lines: [], ...shown};
}

function unreadable(error) {
    return [
        _t("Could not be read: %s", error),
        _t("Upgrade the module. If that does not help, Odoo's log says more."),
    ];
}

/** Return how far the seals reach that a verification has checked. */
export function sealsText({number: last, made_at, signed_at}) {
    if (!last) {
        return _t("No event is covered by a seal.");
    }
    return signed_at
        ? _t(
              "Covered by signed seals until %s. Nothing later is covered.",
              isoTime(signed_at)
          )
        : _t("Sealed until %s, but no seal is signed.", isoTime(made_at));
}

/** Return how many rows are kept by earlier rebuilds, and until when. */
export function replacedText({rows, is_more, since, tables}) {
    if (!rows) {
        return _t("No rows are kept by earlier rebuilds.");
    }
    return _t(
        "%(rows)s rows replaced by rebuilds since %(since)s are kept (%(tables)s) until all has been verified and nothing is wrong.",
        {rows: counted(rows, is_more), since: time(since), tables: tables.join(", ")}
    );
}
