/**
 * When the present period began: the figures of then are asked beside the others where the
 * browser can foresee it, and again where the server's period is another one.
 *
 *     foreseen("this_month", undefined, DateTime.fromISO("2026-11-29T12:00Z"));
 *     // {as_of: "2026-11-01T00:00:00Z"}
 *
 * Pure but for `foreseen`, which reads the clock by default.
 */

import {user} from "@web/core/user";

const {DateTime} = luxon;

/** Units by which a period begins; weeks begin on another day in each language */
const UNITS = {
    today: "day",
    this_month: "month",
    this_quarter: "quarter",
    this_year: "year",
};

/** Return the time at which the present period began; undefined for a period of the past. */
export function beginningOf({period}) {
    const isPresent =
        period && (period.name === "today" || period.name?.startsWith("this_"));
    return isPresent ? isoTime(DateTime.fromISO(period.from)) : undefined;
}

/**
 * Return the parameters of the beginning that will probably be asked for, or undefined.
 *
 * @param {string} [period] of the API
 * @param {string} [domain] that is searched for: then there is no beginning
 * @param {luxon.DateTime} [now] in the zone of the user
 */
export function foreseen(
    period,
    domain,
    now = DateTime.now().setZone(user.tz || "UTC")
) {
    const unit = domain ? undefined : UNITS[period];
    return unit && {as_of: isoTime(now.startOf(unit))};
}

function isoTime(time) {
    return time.toUTC().toISO({suppressMilliseconds: true});
}
