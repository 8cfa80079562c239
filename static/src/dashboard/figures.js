/**
 * Arithmetic of the dashboard: sums, levels and changes of the API's figures in periods.
 *
 *     closedIn(byMonth.groups, periodRange("quarter", DateTime.now()), "own");
 *     // { won_revenue: 12345.67, won: 1, lost: 1, win_rate: 0.5 }
 *
 * Pure: takes values and returns values, in time linear in the groups. Months are texts
 * as `2026-11`, in UTC, as the API's are.
 */

import { _t } from "@web/core/l10n/translation";

const { DateTime } = luxon;

export const MONTHS_SHOWN = 12;

// For the server, whatever digits the user's language has.
const LATIN = { locale: "en", numberingSystem: "latn" };
const MONTHS = { month: 1, quarter: 3, year: 12 };

/** Return the figures of a scope: of all opportunities, of the own, or of the team. */
export function scoped(figures, scope) {
    return scope === "all" ? figures : figures[scope];
}

/**
 * @param {"month"|"quarter"|"year"|"all"} period
 * @param {luxon.DateTime} now
 * @param {number} [back] how many periods before the present one
 * @returns {{from: luxon.DateTime, to: luxon.DateTime}|null} without `to`; null: all
 */
export function periodRange(period, now, back = 0) {
    if (period === "all") {
        return null;
    }
    const from = now.toUTC().startOf(period).minus({ months: back * MONTHS[period] });
    return { from, to: from.plus({ months: MONTHS[period] }) };
}

/** Return the name of a period in the language of `from`, as "Q4 2026". */
export function periodName(period, range) {
    return {
        month: () => range.from.toFormat("LLLL yyyy"),
        quarter: () =>
            _t("Q%(quarter)s %(year)s", {
                quarter: range.from.toFormat("q"),
                year: range.from.toFormat("yyyy"),
            }),
        year: () => range.from.toFormat("yyyy"),
    }[period]();
}

/**
 * Return the sums of the opportunities closed in a range.
 *
 * @param {Object[]} groups of metrics by month
 * @returns {{won_revenue: number, won: number, lost: number, win_rate: number|null}}
 */
export function closedIn(groups, range, scope) {
    const sums = { won_revenue: 0, won: 0, lost: 0 };
    for (const group of groups) {
        if (range && !(group.month && isWithin(group.month, range))) {
            continue;
        }
        const figures = scoped(group, scope);
        for (const name in sums) {
            sums[name] += figures[name];
        }
    }
    // A sum of exact amounts, in binary fractions: rounded to what amounts have at most.
    sums.won_revenue = Math.round(sums.won_revenue * 1e4) / 1e4;
    const closed = sums.won + sums.lost;
    return { ...sums, win_rate: closed ? sums.won / closed : null };
}

/**
 * Return a figure at the end of each of the last months, the present one as of now;
 * null for months before the first event.
 *
 * @param {Object} series of the API
 * @param {string} name of a figure
 */
export function levels(series, scope, name) {
    return series.months
        .slice(-MONTHS_SHOWN)
        .map((month) => (isRecorded(series, month) ? scoped(month, scope)[name] : null));
}

/**
 * Return a figure as it was when a range began; null if it is not known.
 *
 * @param {{from: luxon.DateTime}} range
 */
export function levelBefore(series, range, scope, name) {
    const key = range.from.minus({ months: 1 }).toFormat("yyyy-MM", LATIN);
    const month = series.months.find((each) => each.month === key);
    return month && isRecorded(series, month) ? scoped(month, scope)[name] : null;
}

function isRecorded(series, month) {
    const time = (text) => DateTime.fromISO(text).toMillis();
    return series.recorded_since && time(month.until) > time(series.recorded_since);
}

/** Return the part of the pipeline that is expected to be closed in a range. */
export function expectedIn(groups, range, scope) {
    return groups
        .filter((group) => range && group.month && isWithin(group.month, range))
        .reduce((sum, group) => sum + scoped(group, scope).pipeline_value, 0);
}

/**
 * Return the sums of the opportunities closed in each of the last months, oldest first.
 *
 * @returns {{month: string, from: luxon.DateTime, to: luxon.DateTime,
 *  won_revenue: number, won: number, lost: number, win_rate: number|null}[]}
 */
export function lastMonths(groups, now, scope, count = MONTHS_SHOWN) {
    const months = [];
    for (let back = count - 1; back >= 0; back--) {
        const range = periodRange("month", now, back);
        months.push({
            month: range.from.toFormat("yyyy-MM", LATIN),
            ...range,
            ...closedIn(groups, range, scope),
        });
    }
    return months;
}

/**
 * @returns {{difference: number, ratio: number|null}|null} null where one is missing
 */
export function change(value, before) {
    if (value === null || before === null) {
        return null;
    }
    const difference = value - before;
    return { difference, ratio: before ? difference / before : null };
}

/** Return the points of a line through the values, for a `viewBox` of 100 × 24. */
export function linePoints(values) {
    const known = values.filter((value) => value !== null);
    const low = Math.min(0, ...known);
    const high = Math.max(...known, low + 1e-9);
    const step = values.length > 1 ? 100 / (values.length - 1) : 0;
    return values
        .map((value, index) => [index * step, value])
        .filter(([, value]) => value !== null)
        .map(([x, value]) => {
            const y = 22 - (20 * (value - low)) / (high - low);
            return `${x.toFixed(1)},${y.toFixed(1)}`;
        })
        .join(" ");
}

function isWithin(month, range) {
    const start = DateTime.fromISO(`${month}-01`, { zone: "utc" });
    return start >= range.from && start < range.to;
}
