/**
 * The figures of customers: their names, the columns of the list, and the picture of what
 * is open by its age.
 *
 *     columnsOf({ pipeline_value: 100, won_revenue: 50 }).map(({ name }) => name);
 *     // ["pipeline_value", "won_revenue"]
 *
 * Pure: takes values and returns values, and costs a few comparisons. What the user may
 * not read, or what is not installed, is absent from the API's answers, and so from these.
 */

import {_t} from "@web/core/l10n/translation";

/** Names of the amounts of an account, in the order of the story of a deal */
export const AMOUNTS = {
    pipeline_value: _t("Pipeline"),
    won_revenue: _t("Won"),
    ordered: _t("Ordered"),
    invoiced: _t("Invoiced"),
    paid: _t("Paid"),
    open: _t("To Pay"),
    overdue: _t("Overdue"),
};

/** Meaning of each amount */
export const MEANINGS = {
    pipeline_value: _t("Expected revenue of open opportunities"),
    won_revenue: _t("Expected revenue of won opportunities"),
    ordered: _t("Confirmed orders, untaxed"),
    invoiced: _t("Posted invoices less credit notes, untaxed"),
    paid: _t("Paid of posted invoices, with taxes"),
    open: _t("Left to pay of posted invoices, with taxes"),
    overdue: _t("Left to pay, and due before today"),
};

/** Columns of the list; the others are on the page of a customer */
const LISTED = [
    "pipeline_value",
    "won_revenue",
    "ordered",
    "invoiced",
    "open",
    "overdue",
];

/** Return `{name, label, title}` of the columns with the figures that an answer has. */
export function columnsOf(figures) {
    return LISTED.filter((name) => name in figures).map((name) => ({
        name,
        label: AMOUNTS[name],
        title: MEANINGS[name],
    }));
}

/**
 * Return the figures on top of a customer's page.
 *
 * @param {Object} account of the API
 * @returns {{name: string, label: string, title: string, amount: number, count:
 *  number|undefined, isAlert: boolean}[]}
 */
export function summaryOf(account) {
    const counts = {
        pipeline_value: account.active_opportunities,
        won_revenue: account.won,
        ordered: account.orders,
        invoiced: account.invoices,
    };
    return Object.keys(AMOUNTS)
        .filter((name) => name in account)
        .map((name) => ({
            name,
            label: AMOUNTS[name],
            title: MEANINGS[name],
            amount: account[name],
            count: counts[name],
            isAlert: name === "overdue" && account[name] > 0,
        }));
}

/** The parts of what is open, from what is not due yet to the oldest */
const AGES = {
    not_due: _t("Not due"),
    "0_30": _t("Up to 30 days"),
    "31_60": _t("31 to 60 days"),
    "61_90": _t("61 to 90 days"),
    over_90: _t("Over 90 days"),
};

/**
 * Return the bars of an ageing, each as wide as its part of the greatest one.
 *
 * @param {Object} ageing of the API
 * @returns {{name: string, label: string, amount: number, count: number, width: number,
 *  isNegative: boolean}[]} `width` in percent
 */
export function agesOf(ageing) {
    const greatest = Math.max(
        ...Object.keys(AGES).map((name) => Math.abs(ageing[name].amount))
    );
    return Object.entries(AGES).map(([name, label]) => {
        const {amount, count} = ageing[name];
        return {
            name,
            label,
            amount,
            count,
            width: greatest ? (100 * Math.abs(amount)) / greatest : 0,
            isNegative: amount < 0,
        };
    });
}

/** Whether there is anything to be paid, or to be paid back. */
export function hasAges(ageing) {
    return Boolean(ageing) && Object.keys(AGES).some((name) => ageing[name].count);
}

/** Return where a customer is, and who looks after them. */
export function noteOf({city, country, salesperson}) {
    return [city, country?.name, salesperson?.name].filter(Boolean).join(" · ");
}
