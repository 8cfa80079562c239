/**
 * Meaning of the health of what is made from the log, and of the work around it; as
 * `log_parts.js`.
 */

import {_t} from "@web/core/l10n/translation";

import {counted, duration, number} from "./formats";
import {CHECK_JOBS} from "./log_parts";

const FAILURES_ACTION = "crm_cqrs.cqrs_projection_failure_action";
const JOBS_ACTION = "base.ir_cron_act";
const WEBHOOKS_ACTION = "crm_cqrs.cqrs_webhook_action";

export function tailPart({level, changes, is_more, seconds}) {
    return {
        means: _t("The totals are up to date, so dashboards answer at once."),
        problems:
            level === "good"
                ? []
                : [
                      [
                          _t(
                              "Changes have waited %s for the totals; dashboards stay exact but become slow.",
                              duration(seconds || 0)
                          ),
                          CHECK_JOBS,
                      ],
                  ],
        value: counted(changes, is_more),
        unit: _t("changes not in the totals yet"),
        lines: [],
    };
}

export function projectionsPart({broken, quarantined}) {
    const problems = [
        ...broken.map(({name, error}) => [
            _t("%(name)s is broken, and screens that need it are closed: %(error)s", {
                name,
                error,
            }),
            _t("Rebuild it."),
        ]),
        ...quarantined.map(({name, records, error}) => [
            _t("%(name)s is missing %(records)s record(s): %(error)s", {
                name,
                records: number(records),
                error,
            }),
            _t("View the failures, correct the records, then rebuild it."),
        ]),
    ];
    return {
        means: _t("Dashboards and lists show all that was recorded."),
        problems,
        value: number(broken.length),
        unit: _t("broken"),
        lines: [],
        action: problems.length && FAILURES_ACTION,
        actionName: _t("View Failures"),
    };
}

export function jobsPart({count, inactive, can_activate, is_neutralized, late, level}) {
    const problems = [];
    if (inactive.length) {
        problems.push(
            is_neutralized
                ? [
                      _t(
                          "This database is a neutralized copy, whose scheduled actions are switched off, so requested runs wait."
                      ),
                      _t("Activate them if this copy is to keep itself up to date."),
                  ]
                : [
                      _t("Switched off: %s.", inactive.join("; ")),
                      _t("Activate them, unless they are meant to be off."),
                  ]
        );
    }
    if (late && level !== "good" && count > inactive.length) {
        problems.push([
            _t("No scheduled action has run for %s.", duration(late)),
            _t("Check that a server runs them (max_cron_threads)."),
        ]);
    }
    return {
        means: _t("All of them run on time."),
        problems,
        value: number(count - inactive.length),
        unit: _t("of %s active", number(count)),
        lines: [],
        action: inactive.length && JOBS_ACTION,
        actionName: _t("View Scheduled Actions"),
        canActivate: can_activate,
    };
}

export function webhooksPart({endpoints}) {
    const paused = endpoints.filter((each) => each.is_paused && each.level === "good");
    return {
        means: endpoints.length
            ? _t("All messages are delivered.")
            : _t("No outside system is told of changes."),
        problems: endpoints.filter((each) => each.level !== "good").map(webhookProblem),
        value: number(endpoints.filter((each) => !each.is_paused).length),
        unit: _t("active"),
        lines: paused.length
            ? [_t("Paused: %s.", paused.map((each) => each.name).join(", "))]
            : [],
        action: endpoints.length && WEBHOOKS_ACTION,
        actionName: _t("View Webhooks"),
    };
}

function webhookProblem({
    name,
    pause_reason,
    lag_events,
    lag_seconds,
    dead,
    last_error,
}) {
    const error = last_error || "–";
    if (pause_reason) {
        return [
            _t("%(name)s was switched off: %(error)s", {name, error}),
            _t("Correct the receiver, then test and resume the webhook."),
        ];
    }
    if (dead) {
        return [
            _t("%(name)s: %(dead)s dead message(s). The last error: %(error)s", {
                name,
                dead: number(dead),
                error,
            }),
            _t("Correct the receiver, then send the messages again."),
        ];
    }
    return [
        _t("%(name)s is %(events)s event(s) behind, for %(age)s: %(error)s", {
            name,
            events: number(lag_events),
            age: duration(lag_seconds),
            error,
        }),
        _t("Check that the receiver answers; nothing is lost meanwhile."),
    ];
}
