/**
 * The choices of the dashboard: their options, where they are kept, and the parameters
 * of the API that follow from them.
 *
 *     const offer = { companies: [], currencies: [], ownCurrency: "EUR" };
 *     const view = initialView({ scope: "own" }, { period: "year" }, offer);
 *     // { scope: "own", period: "year", sort: "-value", status: "pending", company: "all",
 *     //   viewAs: undefined, stage: undefined, search: "", currency: undefined }
 *     opportunityParameters({ ...view, search: "desk" });
 *     // { scope: "own", sort: "-value", text: "desk", status: "pending", … }
 *
 * Pure: takes values and returns values, reads neither address nor storage, and costs a
 * few comparisons.
 */

import { _t } from "@web/core/l10n/translation";

export const SCOPES = { all: _t("All"), own: _t("Own"), team: _t("Team") };
export const PERIODS = {
    month: _t("This Month"),
    quarter: _t("This Quarter"),
    year: _t("This Year"),
    all: _t("All Time"),
};
export const STATUSES = {
    pending: _t("Open"),
    won: _t("Won"),
    lost: _t("Lost"),
    any: _t("All"),
};
const SORTS = ["value", "name", "stage", "closing_date"];
/** The choice of every company */
const ALL = "all";

const DEFAULTS = {
    scope: "all",
    period: "quarter",
    sort: "-value",
    status: "pending",
    company: ALL,
};
const PERSON_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a value is one of the options of a choice */
const ACCEPTS = {
    scope: (value) => Object.hasOwn(SCOPES, value),
    period: (value) => Object.hasOwn(PERIODS, value),
    sort: (value) => SORTS.includes(String(value).replace("-", "")),
    status: (value) => Object.hasOwn(STATUSES, value),
    company: (value, { companies }) =>
        value === ALL || companies.some(({ id }) => id === value),
    currency: (value, { currencies }) => currencies.includes(value),
};

/** Lost opportunities are archived as a rule, and won ones may be. */
const STATUS_PARAMETERS = {
    pending: { status: "pending" },
    won: { status: "won", archived: "any" },
    lost: { status: "lost", archived: "any" },
    any: { archived: "any" },
};

/**
 * Return the choices to begin with: those of the address, else those remembered, else
 * the default.
 *
 * @param {Object} given parameters of the address; anybody may have written them
 * @param {Object} remembered as `rememberedChoices` returned it, if nobody changed it
 * @param {{companies: {id: number}[], currencies: string[], ownCurrency: string}} offer
 *  options that depend on the user; a list is empty where there is nothing to choose
 */
export function initialView(given, remembered, offer) {
    const view = {
        viewAs: PERSON_ID.test(given.view_as) ? given.view_as : undefined,
        stage: Number(given.stage) || undefined,
        search: given.search === undefined ? "" : String(given.search).slice(0, 200),
    };
    for (const [name, accepts] of Object.entries(ACCEPTS)) {
        const values = [given[name], remembered[name], DEFAULTS[name]];
        view[name] = values.find((value) => accepts(value, offer));
    }
    // The user's own, even when looking as somebody else: so figures compare.
    view.currency ||= offer.currencies.length ? offer.ownCurrency : undefined;
    return view;
}

/** Return the parameters of the address that give a view. */
export function addressOf({ viewAs, search, ...view }, { companies }) {
    return {
        ...view,
        company: companies.length ? view.company : undefined,
        view_as: viewAs,
        search: search || undefined,
    };
}

/** Return the choices of a view that hold on the next visit too. */
export function rememberedChoices(view) {
    return Object.fromEntries(Object.keys(ACCEPTS).map((name) => [name, view[name]]));
}

/** Return the company of an option's text; every company where it is none. */
export function companyOption(text) {
    return Number(text) || ALL;
}

/** Return the id of the only company of a view; undefined where there are all. */
export function companyId({ company }) {
    return company === ALL ? undefined : company;
}

/** Return the parameters for the figures of anybody. */
export function figureParameters(view) {
    return { company: companyId(view), currency: view.currency };
}

/** Return the parameters for the list of opportunities. */
export function opportunityParameters(view) {
    return {
        user: view.viewAs,
        scope: view.scope,
        company: companyId(view),
        sort: view.sort,
        stage: view.stage,
        text: view.search,
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
    if (differs("viewAs", "company")) {
        return "all";
    }
    return differs("period", "currency") ? "some" : "none";
}
