/**
 * The choices of the dashboard: their options, where they are kept, and the parameters
 * of the API that follow from them. The companies are those of Odoo's switcher, as
 * `companies.js` has them.
 *
 *     const offer = { company: "1,3", currencies: [], ownCurrency: "EUR" };
 *     const view = initialView({ scope: "own" }, { period: "this_year" }, offer);
 *     // { scope: "own", period: "this_year", sort: "-value", status: "pending", company: "1,3",
 *     //   viewAs: undefined, stage: undefined, facets: [], groupBy: [], currency: undefined }
 *     opportunityParameters({ ...view, domain: '[["value",">",5]]' });
 *     // { scope: "own", sort: "-value", domain: '[["value",">",5]]', status: "pending", … }
 *
 * Pure: takes values and returns values, reads neither address nor storage, and costs a
 * few comparisons.
 */

import {_t} from "@web/core/l10n/translation";

import {parseFacets, parseGroups} from "../search/facets";
import {chosenColumns, columnsText} from "./columns";

/** The others' are all that somebody sees; a team is who is below in the organization. */
export const SCOPES = {all: _t("All"), own: _t("Own"), team: _t("Others")};
export const PERIODS = {
    today: _t("Today"),
    yesterday: _t("Yesterday"),
    this_week: _t("This Week"),
    previous_week: _t("Previous Week"),
    this_month: _t("This Month"),
    previous_month: _t("Previous Month"),
    this_quarter: _t("This Quarter"),
    previous_quarter: _t("Previous Quarter"),
    this_year: _t("This Year"),
    previous_year: _t("Previous Year"),
    all: _t("All Time"),
};
export const STATUSES = {
    pending: _t("Open"),
    won: _t("Won"),
    lost: _t("Lost"),
    any: _t("All"),
};
const SORTS = [
    ...["value", "name", "stage", "closing_date", "created_at", "changed_at"],
    ...["stage_days", "idle_days", "pushes"],
];
/** Orders of a list as of a past day, which has no names to compare */
const PAST_SORTS = ["value", "stage", "closing_date"];

const DEFAULTS = {
    scope: "all",
    period: "this_quarter",
    sort: "-value",
    status: "pending",
};
/** The greatest id of a record in Odoo */
const MAX_ID = 2 ** 31 - 1;
const PERSON_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a value is one of the options of a choice */
const ACCEPTS = {
    scope: (value) => Object.hasOwn(SCOPES, value),
    period: (value) => Object.hasOwn(PERIODS, value),
    sort: (value) => SORTS.includes(String(value).replace(/^-/, "")),
    status: (value) => Object.hasOwn(STATUSES, value),
    currency: (value, {currencies}) => currencies.includes(value),
};

/** Whether opportunities of a status have a day on which they were closed. */
export function isClosed(status) {
    return status === "won" || status === "lost";
}

/** Return the order of the API; by day, it is that of the day that the column shows. */
export function orderOf(view) {
    const {sort, status, day} = view;
    if (day) {
        return isSortable(view, sort.replace("-", "")) ? sort : DEFAULTS.sort;
    }
    return isClosed(status) ? sort.replace("closing_date", "closed_at") : sort;
}

/** Return whether a list can be sorted by a column: not by all, as of a past day. */
export function isSortable({day, status}, name) {
    return (
        !day ||
        (PAST_SORTS.includes(name) && !(name === "closing_date" && isClosed(status)))
    );
}

/** Lost opportunities are archived as a rule, and won ones may be. */
const STATUS_PARAMETERS = {
    pending: {status: "pending"},
    won: {status: "won", archived: "any"},
    lost: {status: "lost", archived: "any"},
    any: {archived: "any"},
};

/**
 * Return the choices to begin with: those of the address, else those remembered, else
 * the default.
 *
 * @param {Object} given parameters of the address; anybody may have written them
 * @param {Object} remembered as `rememberedChoices` returned it, if nobody changed it
 * @param {{company: string|undefined, currencies: string[], ownCurrency: string,
 *  today: string}} offer what depends on the user: the companies switched on, the
 *  currencies if there are several, that of the current company, and the day
 */
export function initialView(given, remembered, offer) {
    const day = pastDay(given.day, offer.today);
    const stage = isId(Number(given.stage)) ? Number(given.stage) : undefined;
    const facets = parseFacets(given.search);
    // As a box beside the list says it of the past, and did so of the present.
    const isFacet = stage && !day;
    const view = {
        viewAs: isPersonId(given.view_as) ? given.view_as : undefined,
        company: offer.company,
        day,
        stage: isFacet ? undefined : stage,
        facets: isFacet ? [...facets, ["stage_id", "=", stage]] : facets,
        groupBy: parseGroups(given.group),
        columns: chosenColumns(given.columns || remembered.columns),
        domain: undefined,
        formerStatus: Object.hasOwn(STATUSES, given.former_status)
            ? given.former_status
            : undefined,
    };
    for (const [name, accepts] of Object.entries(ACCEPTS)) {
        const values = [given[name], remembered[name], DEFAULTS[name]].map(present);
        view[name] = values.find((value) => accepts(value, offer));
    }
    // The current company's, even when looking as somebody else: so figures compare.
    view.currency ||= offer.currencies.length ? offer.ownCurrency : undefined;
    return view;
}

/** Return a choice by its present name: `quarter` was what `this_quarter` is. */
function present(value) {
    return ["month", "quarter", "year"].includes(value) ? `this_${value}` : value;
}

/** Return whether a number is the id of a record in Odoo, for all that is known. */
export function isId(number) {
    return Number.isInteger(number) && number > 0 && number <= MAX_ID;
}

/** Return whether a text may be the uuid of a person. */
export function isPersonId(text) {
    return PERSON_ID.test(text);
}

/** Return a day before today, as `2026-11-28`; undefined if it is none. */
export function pastDay(text, today) {
    const isDay =
        /^\d{4}-\d\d-\d\d$/.test(text) && luxon.DateTime.fromISO(text).isValid;
    return isDay && text < today ? text : undefined;
}

/** Return the parameters of the address that give a view. */
export function addressOf({viewAs, facets, groupBy, columns, formerStatus, ...view}) {
    return {
        ...view,
        // It follows from the facets.
        domain: undefined,
        view_as: viewAs,
        columns: columnsText(columns),
        search: facets.length ? JSON.stringify(facets) : undefined,
        group: groupBy.join() || undefined,
        former_status: formerStatus,
    };
}

/**
 * Return the choices of a view that hold on the next visit too. The current company's
 * currency is not one: there may be another current company then.
 */
export function rememberedChoices(view, {ownCurrency}) {
    const choices = Object.keys(ACCEPTS).map((name) => [name, view[name]]);
    return {
        ...Object.fromEntries(choices),
        // Facets are not remembered, nor what goes with one.
        status: view.formerStatus || view.status,
        columns: columnsText(view.columns),
        currency: view.currency === ownCurrency ? undefined : view.currency,
    };
}

/** Return the choices that follow from other companies: `before` and `after` are offers. */
export function switched(view, before, after) {
    const isOwn = view.currency === before.ownCurrency && after.currencies.length;
    return {
        company: after.company,
        currency: isOwn ? after.ownCurrency : view.currency,
    };
}

/**
 * Return the choices for what was won in a month, beside a facet of the month. The status is
 * given back once no month is searched for any more.
 */
export function wonChoice({status}) {
    return status === "won" ? {} : {status: "won", formerStatus: status};
}

/** Return a choice with those that follow from it. */
export function followed(view, choice) {
    if (choice.status) {
        return {formerStatus: undefined, ...choice};
    }
    const isMonth = (facet) => facet[0] === "closing_month";
    return view.formerStatus && choice.facets && !choice.facets.some(isMonth)
        ? {...choice, status: view.formerStatus, formerStatus: undefined}
        : choice;
}

/** Return the period of the API; undefined for any time. */
export function periodParameter({period}) {
    return period === "all" ? undefined : period;
}

/** Return the parameters for the figures of anybody. */
export function figureParameters({company, currency, day}) {
    return {company, currency, as_of: day};
}

/** Return the domain that is searched for: the past has none. */
export function domainParameter({domain, day}) {
    return day ? undefined : domain;
}

/** Return the parameters for the list of opportunities. */
export function opportunityParameters(view) {
    return {
        user: view.viewAs,
        scope: view.scope,
        company: view.company,
        currency: view.currency,
        sort: orderOf(view),
        stage: view.stage,
        domain: domainParameter(view),
        as_of: view.day,
        ...STATUS_PARAMETERS[view.status],
    };
}

/**
 * Return how much of the figures another choice makes wrong.
 *
 * @returns {"all"|"some"|"none"} "some": those shown stay until the others are there
 */
export function outdatedBy(before, after) {
    const differs = (...names) => names.some((name) => before[name] !== after[name]);
    if (differs("viewAs", "company", "day")) {
        return "all";
    }
    return differs("period", "currency", "domain") ? "some" : "none";
}
