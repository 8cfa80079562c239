/**
 * The cards of the event store screen: one for each part of the health, in words.
 *
 *     healthCards(health)[0];
 *     // { name: "log", title: "Event Log", level: "good", value: "1,234",
 *     //   unit: "last position", lines: ["About 1,200 events …", …] }
 *
 * Pure: takes the answer of `cqrs.health.read_health` and returns texts, in some
 * microseconds; `level` is a key of `LEVELS`.
 */

import {_t} from "@web/core/l10n/translation";

import {formatNumber} from "../core/formats";
import {counted, duration, isoTime, number, time} from "./formats";

const FAILURES_ACTION = "crm_cqrs.cqrs_projection_failure_action";
const JOBS_ACTION = "base.ir_cron_act";
const WEBHOOKS_ACTION = "crm_cqrs.cqrs_webhook_action";
const SEALS_ACTION = "crm_cqrs.cqrs_seal_action";

/** Levels of health; never shown by their color alone: each has a word and an icon. */
export const LEVELS = {
    good: {
        label: _t("Healthy"),
        icon: "fa-check-circle",
        tone: "success",
        text: _t("Everything is healthy"),
    },
    watch: {
        label: _t("Needs attention"),
        icon: "fa-exclamation-circle",
        tone: "warning",
        text: _t("Some parts need attention"),
    },
    bad: {
        label: _t("Needs action"),
        icon: "fa-exclamation-triangle",
        tone: "danger",
        text: _t("Some parts need action"),
    },
    unknown: {
        label: _t("Unknown"),
        icon: "fa-question-circle",
        tone: "warning",
        text: _t("Status unknown"),
    },
};

/**
 * Return `{name, title, level, value, unit, lines, action, actionName, runId, canActivate}`
 * of each part.
 */
export function healthCards(health) {
    return [
        card(health, "log", _t("Event Log"), logCard),
        card(health, "reconciler", _t("Reconciler"), reconcilerCard),
        card(health, "reader", _t("Log Readers"), readerCard),
        card(health, "verification", _t("Verification"), verificationCard),
        card(health, "seals", _t("Seals"), sealsCard),
        card(health, "tail", _t("Metrics"), tailCard),
        card(health, "projections", _t("Read Models"), projectionsCard),
        card(health, "jobs", _t("Scheduled Actions"), jobsCard),
        card(health, "webhooks", _t("Webhooks"), webhooksCard),
    ];
}

/** Return the card of a part; if the part could not be read, the card says why. */
function card(health, name, title, read) {
    const part = health[name];
    const shown = part.error
        ? {value: "–", unit: "", lines: [_t("Could not be read: %s", part.error)]}
        : read(part, {isScheduled: !health.jobs.inactive?.length});
    return {name, title, level: part.level, ...shown};
}

function logCard(log) {
    return {
        value: number(log.last_position),
        unit: _t("last position"),
        lines: [
            log.events === null
                ? _t("Event count not estimated yet.")
                : _t("About %s events (estimate).", number(log.events)),
            rateOf(log),
            log.missing_triggers.length
                ? _t(
                      "The log is not protected: %s is missing, disabled or changed. Upgrade the module to restore it, then verify.",
                      log.missing_triggers.join(", ")
                  )
                : _t("Protected against changes by the database."),
            ...(log.erasures_due
                ? [
                      _t(
                          "Erasures undone by a restored backup: %s. Repeat them under Privacy > Erasures.",
                          number(log.erasures_due)
                      ),
                  ]
                : []),
        ],
    };
}

function rateOf({lately, per_minute, is_more, minutes}) {
    if (!lately) {
        return _t("No new events in the last %s minutes.", minutes);
    }
    const rate = formatNumber(per_minute, per_minute < 10 ? 1 : 0);
    return is_more
        ? _t("At least %s events per minute recently.", rate)
        : _t("%(rate)s events per minute over the last %(minutes)s minutes.", {
              rate,
              minutes,
          });
}

function reconcilerCard({seconds, never, failures}, {isScheduled}) {
    const lines = failures.map((failure) => _t("Recording failed: %s", failure));
    if (never.length) {
        lines.push(_t("Never reconciled: %s.", never.join(", ")));
    }
    if (!lines.length && isScheduled) {
        lines.push(_t("Records changes made outside Odoo every five minutes."));
    }
    return {
        value: seconds === null ? _t("Never run") : duration(seconds),
        unit: seconds === null ? "" : _t("since the last run"),
        lines,
    };
}

function readerCard({level, waiting, is_more, holder}) {
    const isUpToDate = level === "good" && !waiting;
    return {
        value: counted(waiting, is_more),
        unit: _t("events not delivered yet"),
        lines: [
            isUpToDate ? _t("All events have been delivered.") : heldBackBy(holder),
        ],
    };
}

function heldBackBy(holder) {
    if (!holder) {
        return _t("No open transaction delays them.");
    }
    const application = holder.application || _t("an unnamed application");
    const age =
        holder.seconds === null ? _t("an unknown time") : duration(holder.seconds);
    return holder.prepared
        ? _t(
              "Delayed for %(age)s by prepared transaction %(name)s of %(user)s in database %(database)s.",
              {age, name: holder.prepared, user: holder.user, database: holder.database}
          )
        : _t(
              "Delayed for %(age)s by %(application)s (process %(pid)s) in database %(database)s.",
              {age, application, pid: holder.pid, database: holder.database}
          );
}

function verificationCard({last, unfinished}, {isScheduled}) {
    const schedule = isScheduled ? [_t("Verified automatically every night.")] : [];
    return {
        value: last ? number(last.findings) : "–",
        unit: _t("findings"),
        lines: [
            ...(unfinished ? [inVain(unfinished)] : []),
            last
                ? _t("Verified %s ago.", duration(last.seconds))
                : _t("Never verified."),
            ...(last?.whole_seconds >= 0
                ? [
                      _t(
                          "All of it was verified in the last %s.",
                          duration(last.whole_seconds)
                      ),
                  ]
                : []),
            ...(last?.findings
                ? [_t("Review the findings, reconcile or rebuild, then verify again.")]
                : schedule),
        ],
        runId: last?.id,
    };
}

/** Return why a verification has no result. */
function inVain({state, seconds, error}) {
    const age = duration(seconds);
    if (state === "failed") {
        return _t("The verification started %(age)s ago failed: %(error)s", {
            age,
            error: error || "–",
        });
    }
    return state === "cancelled"
        ? _t("The verification started %s ago was cancelled.", age)
        : _t("The verification started %s ago has not finished.", age);
}

function sealsCard(seals) {
    const {number: last, seconds, key, signed_at, unsealed, not_handed_out} = seals;
    const lines = [lastSealOf(seals)];
    if (last && !key && signed_at) {
        lines.push(_t("The last signed seal was made on %s.", time(signed_at)));
    }
    lines.push(
        unsealed
            ? _t("%(events)s event(s) not sealed yet, for %(age)s.", {
                  events: counted(unsealed, seals.is_more),
                  age: duration(seals.unsealed_seconds),
              })
            : _t("All events are sealed.")
    );
    if (not_handed_out) {
        lines.push(
            _t("Not written to the file of seals yet: %s.", number(not_handed_out))
        );
    }
    if (seals.missing_triggers.length) {
        lines.push(
            _t(
                "The seals are not protected: %s is missing, disabled or changed. Upgrade the module to restore it, then verify.",
                seals.missing_triggers.join(", ")
            )
        );
    }
    return {
        value: last ? duration(seconds) : _t("Never sealed"),
        unit: last ? _t("since the last seal") : "",
        lines,
        action: last && SEALS_ACTION,
        actionName: _t("View Seals"),
    };
}

/** Return which seal is the last one, and whether it is signed. */
function lastSealOf({number: last, key}) {
    if (!last) {
        return _t("Events are sealed every five minutes.");
    }
    return key
        ? _t("Seal %(seal)s is signed with the key %(key)s…", {
              seal: number(last),
              key: key.slice(0, 16),
          })
        : _t("Seal %s is not signed: no key is configured.", number(last));
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

function tailCard(tail) {
    return {
        value: counted(tail.changes, tail.is_more),
        unit: _t("changes not in the totals yet"),
        lines:
            tail.seconds === null
                ? [_t("All changes are included in the totals.")]
                : [
                      _t(
                          "Pending for %s; the totals are updated every minute.",
                          duration(tail.seconds)
                      ),
                      _t(
                          "Dashboards stay exact, but many pending changes slow them down."
                      ),
                  ],
    };
}

function projectionsCard({broken, quarantined}) {
    const lines = [
        ...broken.map(({name, error}) =>
            _t("%(name)s is broken: %(error)s. Rebuild it.", {name, error})
        ),
        ...quarantined.map(({name, records, error}) =>
            _t("%(name)s is missing %(records)s record(s): %(error)s", {
                name,
                records: number(records),
                error,
            })
        ),
    ];
    return {
        value: number(broken.length),
        unit: _t("broken"),
        lines: lines.length ? lines : [_t("All recorded events have been applied.")],
        action: lines.length && FAILURES_ACTION,
        actionName: _t("View Failures"),
    };
}

function jobsCard({count, inactive, can_activate, is_neutralized, late, level}) {
    const lines = [];
    if (inactive.length) {
        lines.push(
            is_neutralized
                ? _t(
                      "This database is a neutralized copy, whose scheduled actions are switched off. Requested runs wait until they are activated."
                  )
                : _t("Switched off: %s.", inactive.join("; "))
        );
    }
    if (late && level !== "good" && count > inactive.length) {
        lines.push(
            _t(
                "None has run for %s. Check that the server runs scheduled actions (max_cron_threads).",
                duration(late)
            )
        );
    }
    return {
        value: number(count - inactive.length),
        unit: _t("of %s active", number(count)),
        lines: lines.length ? lines : [_t("All of them run on time.")],
        action: inactive.length && JOBS_ACTION,
        actionName: _t("View Scheduled Actions"),
        canActivate: can_activate,
    };
}

function webhooksCard({endpoints}) {
    const lines = endpoints.filter((each) => each.level !== "good").map(webhookText);
    const paused = endpoints.filter((each) => each.is_paused && each.level === "good");
    if (paused.length) {
        lines.push(_t("Paused: %s.", paused.map((each) => each.name).join(", ")));
    }
    if (!endpoints.length) {
        lines.push(_t("No outside system is told of changes."));
    } else if (!lines.length) {
        lines.push(_t("All messages are delivered."));
    }
    return {
        value: number(endpoints.filter((each) => !each.is_paused).length),
        unit: _t("active"),
        lines,
        action: endpoints.length && WEBHOOKS_ACTION,
        actionName: _t("View Webhooks"),
    };
}

/** Return how an endpoint is that needs somebody. */
function webhookText({name, pause_reason, lag_events, lag_seconds, dead, last_error}) {
    const error = last_error || "–";
    if (pause_reason) {
        return _t("%(name)s was switched off: %(error)s", {name, error});
    }
    if (dead) {
        return _t("%(name)s: %(dead)s dead message(s). The last error: %(error)s", {
            name,
            dead: number(dead),
            error,
        });
    }
    return _t("%(name)s is %(events)s event(s) behind, for %(age)s: %(error)s", {
        name,
        events: number(lag_events),
        age: duration(lag_seconds),
        error,
    });
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
