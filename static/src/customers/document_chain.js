/**
 * The chain from deals that were won to money: ordered, invoiced and paid in a period.
 * Each is a figure of its own: an order does not win a deal, a deal may have many orders.
 *
 * Pure: takes values and returns values.
 */

import {serializeDate, serializeDateTime} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";

import {MEANINGS} from "./figures";

/** Whether an answer of the metrics has figures of orders or invoices. */
export function hasDocuments(figures) {
    return Boolean(figures && ("ordered" in figures || "invoiced" in figures));
}

/**
 * Return the names of the links that there are where some models can be read.
 *
 * @param {string[]} models
 */
export function awaitedLinks(models) {
    return [
        "won_revenue",
        ...(models.includes("sale.order") ? ["ordered"] : []),
        ...(models.includes("account.move") ? ["invoiced", "paid"] : []),
    ];
}

/**
 * Return the links of the chain that the user may read.
 *
 * @param {Object} figures of the API, of a scope: `won`, `won_revenue`, and `ordered`,
 *  `invoiced`, `paid`, `open`, `overdue_invoices` as `{count, amount}`
 * @returns {{name: string, label: string, title: string, amount: number, count:
 *  number|undefined, part: {name: string, amount: number}|undefined}[]} `part`: what of it
 *  is overdue
 */
export function chainOf(figures) {
    const {won, won_revenue, ordered, invoiced, paid, overdue_invoices} = figures;
    const link = (name, label, figure, more) =>
        figure && {
            name,
            label,
            title: MEANINGS[name],
            amount: figure.amount,
            count: figure.count,
            ...more,
        };
    return [
        link("won_revenue", _t("Won"), {amount: won_revenue, count: won}),
        link("ordered", _t("Ordered"), ordered),
        link("invoiced", _t("Invoiced"), invoiced),
        link("paid", _t("Paid"), paid && {amount: paid.amount}, {
            part: overdue_invoices?.amount
                ? {name: "overdue", amount: overdue_invoices.amount}
                : undefined,
        }),
    ].filter(Boolean);
}

/**
 * Return the model and the domain of the records behind a link.
 *
 * @param {string} name `ordered`, `invoiced`, `paid` or `overdue`
 * @param {Object} question
 * @param {{from: luxon.DateTime, to: luxon.DateTime}|null} question.range without `to`
 * @param {"all"|"own"|"team"} question.scope
 * @param {number} question.userId whose figures these are
 * @param {boolean} question.isOther whether that is somebody else than the user
 */
export function documentsBehind(name, {range, scope, userId, isOther}) {
    const isOrders = name === "ordered";
    const domain = {
        ordered: [["is_confirmed", "=", true]],
        overdue: [["is_overdue", "=", true]],
    }[name] || [["state", "=", "posted"]];
    if (range && name !== "overdue") {
        const field = isOrders ? "ordered_at" : "invoiced_on";
        const bound = isOrders ? serializeDateTime : serializeDate;
        domain.push([field, ">=", bound(range.from)], [field, "<", bound(range.to)]);
    }
    if (isOther) {
        domain.push(["viewer_id", "=", userId]);
    }
    if (scope !== "all") {
        domain.push(["user_id", scope === "own" ? "=" : "!=", userId]);
    }
    return {model: isOrders ? "cqrs.order.view" : "cqrs.invoice.view", domain};
}
