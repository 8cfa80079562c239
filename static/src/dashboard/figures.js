/**
 * Periods, months, levels and changes of the API's figures.
 *
 *     const { period, tz } = metrics; // of `metrics?period=this_quarter`
 *     periodName(period.name, periodRange(period, tz), period); // "Q4 2026"
 *
 * Pure: takes values and returns values, in time linear in the groups. Months are texts
 * as `2026-11`, in the zone of the API's answer.
 */

import {_t} from "@web/core/l10n/translation";

import {rangeName} from "./records_question";

const {DateTime} = luxon;

export const MONTHS_SHOWN = 12;

// For the server, whatever digits the user's language has.
const LATIN = {locale: "en", numberingSystem: "latn"};
const NOTHING = {won_revenue: 0, won: 0, lost: 0, win_rate: null};

/** Return the figures of a scope: of all opportunities, of the own, or of the team. */
export function scoped(figures, scope) {
    return scope === "all" ? figures : figures[scope];
}

/**
 * @param {{from: string, until: string}|null} period of the API; null: any time
 * @param {string} zone of the answer
 * @returns {{from: luxon.DateTime, to: luxon.DateTime}|null} without `to`
 */
export function periodRange(period, zone) {
    return (
        period && {
            from: DateTime.fromISO(period.from, {zone}),
            to: DateTime.fromISO(period.until, {zone}),
        }
    );
}

/**
 * Return the name of a period in the language of the range, as "Q4 2026".
 *
 * @param {string} period as `this_quarter`
 * @param {{from: luxon.DateTime}} range
 * @param {{year: string, quarter: number}} fiscal year and quarter of the period
 */
export function periodName(period, range, {year, quarter}) {
    const unit = period.replace(/^(this|previous)_/, "");
    const names = {
        week: () => rangeName({from: range.from, to: range.from.plus({weeks: 1})}),
        month: () => range.from.toFormat("LLLL yyyy"),
        quarter: () => _t("Q%(quarter)s %(year)s", {quarter, year}),
        year: () => year,
    };
    return unit in names
        ? names[unit]()
        : rangeName({from: range.from, to: range.from.plus({days: 1})});
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
        .map((month) =>
            isRecorded(series, month) ? scoped(month, scope)[name] : null
        );
}

function isRecorded(series, month) {
    const time = (text) => DateTime.fromISO(text).toMillis();
    return series.recorded_since && time(month.until) > time(series.recorded_since);
}

/**
 * Return the figures of the opportunities closed in each of the last months, oldest first.
 *
 * @param {Object[]} groups of metrics by month
 * @param {luxon.DateTime} now in the zone of the answer
 * @returns {{month: string, from: luxon.DateTime, to: luxon.DateTime,
 *  won_revenue: number, won: number, lost: number, win_rate: number|null}[]}
 */
export function lastMonths(groups, now, scope, count = MONTHS_SHOWN) {
    const months = [];
    for (let back = count - 1; back >= 0; back--) {
        const from = now.startOf("month").minus({months: back});
        const month = from.toFormat("yyyy-MM", LATIN);
        const group = groups.find((each) => each.month === month);
        const {won_revenue, won, lost, win_rate} = group
            ? scoped(group, scope)
            : NOTHING;
        months.push({
            month,
            from,
            to: from.plus({months: 1}),
            ...{won_revenue, won, lost, win_rate},
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
    return {difference, ratio: before ? difference / before : null};
}

/** Return the look of a change. More is better in each figure: less is never green. */
export function direction(difference) {
    if (!difference) {
        return {tone: "text-muted", icon: "fa-minus"};
    }
    return difference > 0
        ? {tone: "text-success", icon: "fa-arrow-up"}
        : {tone: "text-danger", icon: "fa-arrow-down"};
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
