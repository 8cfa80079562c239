/**
 * The question that a list answers, as `request_excel` takes it: a domain and an
 * order on `cqrs.opportunity.view`, whose figures they are, and what is said of it.
 *
 *     const person = {id: 7, name: "Anna", isOther: true};
 *     dashboardQuestion({scope: "own", status: "won", sort: "-value"}, person);
 *     // {domain: [["status", "=", "won"], ["active", "in", [true, false]],
 *     //   ["user_id", "=", 7]], order: "value desc, id desc", person: 7, …}
 *
 * Pure: takes values and returns values.
 */

import {_t} from "@web/core/l10n/translation";

import {SCOPES, STATUSES, isClosed, orderOf} from "../dashboard/choices";
import {columnsText} from "../dashboard/columns";

/** Fields of `cqrs.opportunity.view`, where columns and orders of the list differ */
const FIELDS = {stage: "stage_id", salesperson: "user_id"};
/** Days until now: the longest come first by the earliest moment */
const UNTIL_NOW = ["stage_days", "idle_days"];

/**
 * Return the question of the dashboard's list.
 *
 * @param {Object} view as of `choices.js`
 * @param {{id: number, name: string, isOther: boolean}} person whose dashboard it is, by
 *  the id of the user
 * @param {string[]} facets what is searched for, in words
 */
export function dashboardQuestion(view, person, facets = []) {
    const {scope, status, currency, day, stage} = view;
    const domain = [];
    if (status !== "any") {
        domain.push(["status", "=", status]);
    }
    // Lost opportunities are archived as a rule, and won ones may be.
    domain.push(["active", "in", status === "pending" ? [true] : [true, false]]);
    if (scope !== "all") {
        domain.push(["user_id", scope === "own" ? "=" : "!=", person.id]);
    }
    if (stage) {
        domain.push(["stage_id", "=", stage]);
    }
    // The past is not searched.
    if (view.domain && !day) {
        domain.push(...JSON.parse(view.domain));
    }
    const title = person.isOther
        ? _t("Opportunities (%s)", person.name)
        : _t("Opportunities");
    return {
        domain,
        order: fileOrder(view),
        columns: fileColumns(view),
        day: day || false,
        person: person.isOther ? person.id : false,
        currency: currency || false,
        title,
        description: [
            String(STATUSES[status]),
            ...(scope === "all" ? [] : [String(SCOPES[scope])]),
            ...(day ? [] : facets),
        ],
    };
}

/** Return the order of the ORM for the order of the list. */
function fileOrder(view) {
    const sort = orderOf(view);
    const name = sort.replace("-", "");
    const isDescending = sort.startsWith("-");
    const direction = (descending) => (descending ? "desc" : "asc");
    const ties = direction(isDescending !== UNTIL_NOW.includes(name));
    return `${FIELDS[name] || name} ${direction(isDescending)}, id ${ties}`;
}

/** Return the columns of the file: those chosen, or all if none were. */
function fileColumns({columns, status}) {
    if (!columns || !columnsText(columns)) {
        return [];
    }
    const closing = isClosed(status) ? "closed_at" : "closing_date";
    const names = columns.map((name) =>
        name === "closing_date" ? closing : FIELDS[name] || name
    );
    return ["name", "partner_name", ...names];
}

/** Return what a search model of Odoo's searches for, in words. */
export function facetTexts({facets}) {
    return facets
        .filter(({type}) => type !== "groupBy")
        .map(({title, values}) =>
            [title, values.join(", ")].filter(Boolean).join(": ")
        );
}

/**
 * Return the question of a list of Odoo's on `cqrs.opportunity.view`.
 *
 * @param {Object} list
 * @param {Array} list.domain
 * @param {{name: string, asc: boolean}[]} list.orderBy
 * @param {Object} list.context has `cqrs_person` and `cqrs_currency`
 * @param {string[]} list.columns names of the fields shown
 * @param {string[]} list.facets what is searched for, in words
 * @param {string} list.title
 */
export function listQuestion({domain, orderBy, context, columns, facets, title}) {
    const order = orderBy
        .filter(({name}) => name !== "__count" && name !== "id")
        .map(({name, asc}) => `${name} ${asc ? "asc" : "desc"}`);
    return {
        domain,
        order: [...(order.length ? order : ["value desc"]), "id desc"].join(", "),
        person: context.cqrs_person || false,
        currency: context.cqrs_currency || false,
        columns,
        title,
        description: facets,
    };
}
