/**
 * The question of the list of customers: order, words, overdue ones alone, whose view; the
 * parameters of an address that say it, and those of the API that follow from it.
 *
 *     const question = customersQuestion({ sort: "-overdue", search: "nile" }, offer);
 *     customersParameters(question); // { sort: "-overdue", text: "nile", … }
 *
 * Pure: takes values and returns values, and costs a few comparisons.
 */

import {isId, isPersonId} from "../dashboard/choices";
import {AMOUNTS} from "./figures";

const SORTS = ["name", ...Object.keys(AMOUNTS)];
const DEFAULT_SORT = "-won_revenue";
const MAX_TEXT = 200;

/**
 * Return the question that an address gives. Anybody may have written it: unknown choices
 * are dropped.
 *
 * @param {Object} address
 * @param {Object} offer as for `initialView`
 */
export function customersQuestion(address, offer) {
    return {
        sort: SORTS.includes(String(address.sort).replace(/^-/, ""))
            ? address.sort
            : DEFAULT_SORT,
        search:
            address.search === undefined
                ? ""
                : String(address.search).slice(0, MAX_TEXT),
        overdue: String(address.overdue) === "true",
        ...viewOf(address, offer),
    };
}

/** Return whose view an address asks for, in which companies and currency. */
function viewOf(address, {company, currencies, ownCurrency}) {
    return {
        viewAs: isPersonId(address.view_as) ? address.view_as : undefined,
        company,
        currency: currencies.includes(address.currency)
            ? address.currency
            : currencies.length
              ? ownCurrency
              : undefined,
    };
}

/** Return the parameters of the address that give a question. */
export function customersAddress({viewAs, search, overdue, ...question}) {
    return {
        ...question,
        view_as: viewAs,
        search: search || undefined,
        overdue: overdue || undefined,
    };
}

/** Return the parameters of the API for the list of a question. */
export function customersParameters({
    viewAs,
    company,
    currency,
    sort,
    search,
    overdue,
}) {
    return {
        user: viewAs,
        company,
        currency,
        sort,
        text: search,
        has_overdue: overdue || undefined,
    };
}

/** Return the order after a click on a column: amounts from the greatest down first. */
export function sortedBy(sort, name) {
    const first = name === "name" ? name : `-${name}`;
    const second = name === "name" ? `-${name}` : name;
    return sort === first ? second : first;
}

/** Return the question of a customer's page: which one, and whose view. */
export function customerQuestion(address, offer) {
    const account = Number(address.account);
    return {account: isId(account) ? account : undefined, ...viewOf(address, offer)};
}

/** Return the parameters of the address that give the question of a customer's page. */
export function customerAddress({viewAs, ...question}) {
    return {...question, view_as: viewAs};
}

/** Return the parameters of the API for a customer's page. */
export function customerParameters({viewAs, company, currency}) {
    return {user: viewAs, company, currency};
}
