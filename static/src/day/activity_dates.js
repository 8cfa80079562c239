/**
 * When activities are due, in words.
 *
 *     dueText("2026-11-28", "2026-11-30"); // "2 days overdue"
 *     dueState("2026-11-30", "2026-11-30"); // "today"
 *
 * Pure: takes days as `2026-11-29`, where the user is, and returns values.
 */

import {formatDate} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";

import {formatNumber} from "../core/formats";

const {DateTime} = luxon;

/** States of activities as Odoo names them, in the order of their days */
export const STATES = {
    overdue: _t("Overdue"),
    today: _t("Today"),
    planned: _t("Planned"),
};

/** Operator between the day of an activity and today */
const OPERATORS = {overdue: "<", today: "=", planned: ">"};

/** Return the condition of a domain that activities are in a state. */
export function inState(state, today) {
    return ["date_deadline", OPERATORS[state], today];
}

/** Return the state of an activity of a day. */
export function dueState(day, today) {
    return day < today ? "overdue" : day > today ? "planned" : "today";
}

/** Return how far a day is away, in words; far days as a date. */
export function dueText(day, today) {
    const date = DateTime.fromISO(day);
    const days = Math.round(date.diff(DateTime.fromISO(today), "days").days);
    if (days < -1) {
        return String(_t("%s days overdue", formatNumber(-days)));
    }
    if (days <= 1) {
        const near = {
            "-1": _t("1 day overdue"),
            0: _t("Today"),
            1: _t("Tomorrow"),
        };
        return String(near[days]);
    }
    return formatDate(date);
}
