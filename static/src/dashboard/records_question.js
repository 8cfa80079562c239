/**
 * The question behind a figure, which its records answer, and the parameters of an address
 * that say it:
 *
 *     const question = { figure: "won", viewAs, scope: "own", range, groupBy: ["user_id"] };
 *     recordsAddress(question);
 *     // { figure: "won", view_as: "0192f0c1-…", scope: "own", from: "2026-10-01",
 *     //   to: "2026-12-31", tz: "Europe/Paris", group: "user_id", … }
 *
 * Pure: takes values and returns values.
 */

import {formatDate} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";

import {SCOPES, isId, isPersonId} from "./choices";
const {DateTime} = luxon;

/**
 * Statuses that each figure counts, and the field to group them by; and which side of a day
 * the expected closing is on, where it is of one
 */
export const FIGURES = {
    pipeline: {statuses: ["pending"], groupBy: "stage_id"},
    weighted: {statuses: ["pending"], groupBy: "stage_id"},
    active: {statuses: ["pending"], groupBy: "stage_id"},
    due: {statuses: ["pending"], groupBy: "user_id", closing: ">="},
    overdue: {statuses: ["pending"], groupBy: "user_id", closing: "<"},
    won: {statuses: ["won"], groupBy: "user_id", isOfPeriod: true},
    win_rate: {statuses: ["won", "lost"], groupBy: "status", isOfPeriod: true},
};

const INTERVALS = ["day", "week", "month", "quarter", "year"];
/** Stands for no stage */
const NONE = "none";

/**
 * Return the parameters of the address that give a question.
 *
 * @param {Object} question
 * @param {string} question.figure of `FIGURES`
 * @param {string} [question.viewAs] uuid of the person with the figure; the reader without
 * @param {"all"|"own"|"team"} question.scope
 * @param {string} [question.currency] code of the currency of the figure; that of the
 *  current company without
 * @param {{from: luxon.DateTime, to: luxon.DateTime}|null} [question.range] without `to`,
 *  whole days of a zone
 * @param {string} [question.day] as `2026-11-29`, of a figure that is of one
 * @param {number|false} [question.stageId] false: without a stage
 * @param {number} [question.ownerId] of the only salesperson
 * @param {string[]} [question.groupBy] fields, with an interval as `closed_at:month`
 * @param {{name: string, asc: boolean}[]} [question.orderBy]
 */
export function recordsAddress(question) {
    const {figure, viewAs, scope, currency, range, day, stageId, ownerId} = question;
    const {groupBy, orderBy} = question;
    return {
        figure,
        view_as: viewAs,
        scope,
        currency,
        from: range?.from.toISODate(),
        to: range?.to.minus({days: 1}).toISODate(),
        tz: range?.from.zoneName,
        day,
        stage: stageId === false ? NONE : stageId,
        owner: ownerId,
        group: groupBy?.join(),
        sort:
            orderBy?.map(({name, asc}) => `${asc ? "" : "-"}${name}`).join() ||
            undefined,
    };
}

/**
 * Return the question that an address gives. Anybody may have written it: unknown choices
 * are left out.
 *
 * @param {Object} address
 * @param {Object} fields of the records, with `groupable`, `sortable` and `type`
 * @param {string[]} currencies codes of those that are active
 */
export function recordsQuestion(address, fields, currencies) {
    const figure = Object.hasOwn(FIGURES, address.figure) ? address.figure : "pipeline";
    const {groupBy, isOfPeriod, closing} = FIGURES[figure];
    const stageId = address.stage === NONE ? false : Number(address.stage);
    const ownerId = Number(address.owner);
    const hasStage = !isOfPeriod && (stageId === false || isId(stageId));
    const texts = (list) => (list ? String(list).split(",") : []);
    const orders = texts(address.sort).map((text) => ({
        name: text.replace(/^-/, ""),
        asc: !text.startsWith("-"),
    }));
    const isSortable = (name) =>
        name === "__count" || (Object.hasOwn(fields, name) && fields[name].sortable);
    return {
        figure,
        viewAs: isPersonId(address.view_as) ? address.view_as : undefined,
        scope: Object.hasOwn(SCOPES, address.scope) ? address.scope : "all",
        currency: currencies.find((code) => code === address.currency),
        range: isOfPeriod ? days(address) : null,
        day: closing && dayOf(address),
        stageId: hasStage ? stageId : undefined,
        ownerId: isId(ownerId) ? ownerId : undefined,
        groupBy:
            address.group === undefined
                ? [groupBy]
                : texts(address.group).filter((text) => isGroup(text, fields)),
        orderBy: orders.filter(({name}) => isSortable(name)),
    };
}

function days({from, to, tz}) {
    const [first, last] = [from, to].map((day) =>
        DateTime.fromISO(String(day), {zone: tz})
    );
    return first.isValid && last.isValid && first <= last
        ? {from: first.startOf("day"), to: last.startOf("day").plus({days: 1})}
        : null;
}

function dayOf({day}) {
    const date = DateTime.fromISO(String(day));
    return (date.isValid ? date : DateTime.now()).toISODate();
}

function isGroup(text, fields) {
    const [name, interval, ...rest] = text.split(":");
    const field = Object.hasOwn(fields, name) && fields[name];
    const isDate = ["date", "datetime"].includes(field.type);
    return (
        field.groupable &&
        !rest.length &&
        (interval === undefined || (isDate && INTERVALS.includes(interval)))
    );
}

/** Return the name of some days: that of their month, or the first and the last. */
export function rangeName({from, to}) {
    if (from.day === 1 && +from.plus({months: 1}) === +to) {
        return from.toFormat("LLLL yyyy");
    }
    const [first, last] = [from, to.minus({days: 1})];
    return +first === +last
        ? formatDate(first)
        : _t("%(from)s to %(to)s", {from: formatDate(first), to: formatDate(last)});
}
