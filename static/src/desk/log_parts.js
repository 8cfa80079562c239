/**
 * Meaning of the state of each part of the log's health, and what is to be done, in words.
 *
 * A part is told as `{means, problems, value, unit, lines, …}`: `means` is a sentence for
 * its good state, `problems` are `[[means, toDo]]`, a sentence each, the worst first;
 * `value`, `unit` and `lines` are figures for whoever wants to know more.
 *
 * Pure: takes a part of the answer of `cqrs.health.read_health` and returns texts.
 */

import {_t} from "@web/core/l10n/translation";

import {formatNumber} from "../core/formats";
import {counted, duration, number, time} from "./formats";

const SEALS_ACTION = "crm_cqrs.cqrs_seal_action";
const ERASURES_ACTION = "crm_cqrs.cqrs_forgetting_action";

export const CHECK_JOBS = _t("Check that the scheduled actions are running.");
const UPGRADE = _t("Upgrade the module, which restores the protection, then verify.");

export function logPart(log) {
    const problems = [];
    if (log.missing_triggers.length) {
        const names = log.missing_triggers.join(", ");
        problems.push([
            _t("The log is not protected: %s is missing, disabled or changed.", names),
            UPGRADE,
        ]);
    }
    if (log.erasures_due) {
        problems.push([
            _t(
                "A restored backup has brought erased personal data back (erasures undone: %s).",
                number(log.erasures_due)
            ),
            _t("Repeat the erasures."),
        ]);
    }
    return {
        means: _t(
            "Every change is recorded, and the database lets nobody alter what was recorded."
        ),
        problems,
        value: number(log.last_position),
        unit: _t("last position"),
        lines: [
            log.events === null
                ? _t("Event count not estimated yet.")
                : _t("About %s events (estimate).", number(log.events)),
            rateOf(log),
        ],
        action: log.erasures_due && ERASURES_ACTION,
        actionName: _t("View Erasures"),
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

export function reconcilerPart({level, seconds, never, failures}) {
    const problems = failures.map((failure) => [
        _t("A change could not be recorded: %s", failure),
        _t("Correct the record that it names, then reconcile."),
    ]);
    if (never.length) {
        problems.push([
            _t(
                "Changes made outside Odoo were never looked for: %s.",
                never.join(", ")
            ),
            _t("Reconcile now."),
        ]);
    }
    if (level !== "good" && !problems.length) {
        problems.push([
            _t(
                "Changes made outside Odoo have not been looked for since %s.",
                duration(seconds)
            ),
            CHECK_JOBS,
        ]);
    }
    return {
        means: _t(
            "Changes made outside Odoo, for example by SQL, are recorded at the next look."
        ),
        problems,
        value: seconds === null ? _t("Never run") : duration(seconds),
        unit: seconds === null ? "" : _t("since the last run"),
        lines: [],
    };
}

export function readerPart({level, waiting, is_more, holder}) {
    return {
        means: _t("Webhooks and other readers of the log get new events at once."),
        problems:
            level === "good"
                ? []
                : [
                      [
                          heldBackBy(holder),
                          _t(
                              "Wait until it ends. If it hangs, end it in the database."
                          ),
                      ],
                  ],
        value: counted(waiting, is_more),
        unit: _t("events not delivered yet"),
        lines: [],
    };
}

function heldBackBy(holder) {
    const application = holder.application || _t("an unnamed application");
    const age =
        holder.seconds === null ? _t("an unknown time") : duration(holder.seconds);
    return holder.prepared
        ? _t(
              "Readers get new events late, delayed for %(age)s by prepared transaction %(name)s of %(user)s in database %(database)s.",
              {age, name: holder.prepared, user: holder.user, database: holder.database}
          )
        : _t(
              "Readers get new events late, delayed for %(age)s by %(application)s (process %(pid)s) in database %(database)s.",
              {age, application, pid: holder.pid, database: holder.database}
          );
}

export function verificationPart(
    {level, last, unfinished},
    {isScheduled, isVerifying}
) {
    const problems = [];
    if (last?.findings) {
        problems.push([
            _t("The last verification found something: %s.", number(last.findings)),
            _t("Review the findings, reconcile or rebuild, then verify again."),
        ]);
    }
    if (unfinished) {
        problems.push(inVain(unfinished));
    }
    if (level !== "good" && !problems.length) {
        problems.push(late(last, isVerifying));
    }
    return {
        means: _t("The log and all that is made from it were checked and are correct."),
        problems,
        value: last ? number(last.findings) : "–",
        unit: _t("findings"),
        lines: [
            ...(last ? [_t("Verified %s ago.", duration(last.seconds))] : []),
            ...(last?.whole_seconds >= 0
                ? [
                      _t(
                          "All of it was verified in the last %s.",
                          duration(last.whole_seconds)
                      ),
                  ]
                : []),
            ...(isScheduled ? [_t("Verified automatically every night.")] : []),
        ],
        runId: last?.id,
    };
}

/** Return why a verification is missing, and what to do. */
function late(last, isVerifying) {
    if (!last) {
        return isVerifying
            ? [
                  _t("Nothing is verified yet: the first verification is under way."),
                  _t("Wait for its result."),
              ]
            : [_t("Nothing has ever been verified."), _t("Verify now.")];
    }
    return [
        _t("What changed since, or a part of the rest, was not verified in time."),
        _t("Verify everything, and check that the scheduled actions are running."),
    ];
}

/** Return why a verification has no result, and what to do. */
function inVain({state, seconds, error}) {
    const age = duration(seconds);
    if (state === "failed") {
        return [
            _t("The verification started %(age)s ago failed: %(error)s", {
                age,
                error: error || "–",
            }),
            _t("Remove the cause, then verify again."),
        ];
    }
    return state === "cancelled"
        ? [
              _t("The verification started %s ago was cancelled.", age),
              _t("Verify again when it suits."),
          ]
        : [_t("The verification started %s ago has not finished.", age), CHECK_JOBS];
}

export function sealsPart(seals) {
    const {number: last, seconds, key, signed_at, unsealed, not_handed_out} = seals;
    const waiting =
        unsealed &&
        _t("%(events)s event(s) not sealed yet, for %(age)s.", {
            events: counted(unsealed, seals.is_more),
            age: duration(seals.unsealed_seconds),
        });
    const problems = [];
    if (seals.missing_triggers.length) {
        const names = seals.missing_triggers.join(", ");
        problems.push([
            _t(
                "The seals are not protected: %s is missing, disabled or changed.",
                names
            ),
            UPGRADE,
        ]);
    }
    if (last && !key && signed_at) {
        problems.push([
            _t("Seals are not signed any more since %s.", time(signed_at)),
            _t("Check cqrs_seal_key in Odoo's configuration, and the file it names."),
        ]);
    }
    if (not_handed_out) {
        problems.push([
            _t("Not written to the file of seals yet: %s.", number(not_handed_out)),
            _t("Check that the server can write to that file."),
        ]);
    }
    if (seals.level !== "good" && !problems.length) {
        problems.push([waiting || _t("Events are not sealed."), CHECK_JOBS]);
    }
    return {
        means: _t("Seals prove that nothing recorded before them was changed since."),
        problems,
        value: last ? duration(seconds) : _t("Never sealed"),
        unit: last ? _t("since the last seal") : "",
        lines: [lastSealOf(seals), waiting || _t("All events are sealed.")],
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
