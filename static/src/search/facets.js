/**
 * Facets of Odoo's search bar, as an address keeps them.
 *
 *     parseFacets('["mine",["user_id","=",7]]'); // ["mine", ["user_id", "=", 7]]
 *     parseFacets("desk"); // [["search_text", "ilike", "desk"]]
 *
 * A facet is the name of a filter of the search view (`mine`, or `closing/year` of a date),
 * a condition that was searched for, or `{domain}` of a filter of the user's own. Labels are
 * not kept: they are those of whoever reads the address.
 *
 * Pure but for `applyFacets` and `applyGroups`, which change a search model.
 */

import {Domain} from "@web/core/domain";
import {_t} from "@web/core/l10n/translation";

/** The field of the words that find an opportunity */
export const TEXT_FIELD = "search_text";
const MAX_FACETS = 50;
const MAX_TEXT = 200;

/** Groupings of the API, by the field of the search view */
export const GROUPINGS = {
    stage_id: "stage",
    user_id: "salesperson",
    team_id: "team",
    partner_id: "customer",
    tag_ids: "tag",
    source_id: "source",
    lost_reason_id: "lost_reason",
    closing_month: "month",
};

/** Return the facets that an address has; anybody may have written it. */
export function parseFacets(text) {
    if (text === undefined || text === null || text === "") {
        return [];
    }
    let given = null;
    try {
        given = JSON.parse(text);
    } catch {
        // Addresses of former versions have words.
    }
    return Array.isArray(given)
        ? given.filter(isFacet).slice(0, MAX_FACETS)
        : [wordsFacet(String(text))];
}

export function wordsFacet(text) {
    return [TEXT_FIELD, "ilike", text.slice(0, MAX_TEXT)];
}

function isFacet(facet) {
    if (Array.isArray(facet)) {
        const [field, operator, value] = facet;
        return (
            facet.length === 3 &&
            typeof field === "string" &&
            typeof operator === "string" &&
            ["string", "number", "boolean"].includes(typeof value)
        );
    }
    return typeof facet === "string" || Array.isArray(facet?.domain);
}

/** Return the fields to group by that an address has, at most two. */
export function parseGroups(text) {
    const names = text ? String(text).split(",") : [];
    return [...new Set(names)]
        .filter((name) => Object.hasOwn(GROUPINGS, name))
        .slice(0, 2);
}

/** Return the facets of a search model, without those to group by. */
export function facetsOf({query, searchItems, domainEvalContext}) {
    return query.flatMap(({searchItemId, autocompleteValue, generatorId}) => {
        const {type, name, fieldName, domain} = searchItems[searchItemId];
        switch (type) {
            case "field":
                return [
                    [fieldName, autocompleteValue.operator, autocompleteValue.value],
                ];
            case "dateFilter":
                return [`${name}/${generatorId}`];
            case "filter":
            case "favorite": {
                if (name) {
                    return [name];
                }
                const list = new Domain(domain).toList(domainEvalContext);
                // That of a favorite may be empty.
                return list.length ? [{domain: list}] : [];
            }
            default:
                return [];
        }
    });
}

/** Return the groupings among those of a search model, at most two. */
export function groupsOf({groupBy}) {
    return parseGroups(groupBy.join());
}

/**
 * Put facets into a search model that has none.
 *
 * @param {SearchModel} model
 * @param {(string|Array|{domain: Array})[]} facets
 * @param {Record<string, Record<number, string>>} names of the records in them, by field
 */
export async function applyFacets(model, facets, names) {
    const items = Object.values(model.searchItems);
    for (const facet of facets) {
        if (typeof facet === "string") {
            const [name, generatorId] = facet.split("/");
            const item = items.find((each) => each.name === name);
            if (item?.type === "dateFilter" && generatorId) {
                model.query.push({searchItemId: item.id, generatorId});
            } else if (item?.type === "filter") {
                model.query.push({searchItemId: item.id});
            }
        } else if (Array.isArray(facet)) {
            const [field, operator, value] = facet;
            const item = items.find(
                (each) => each.type === "field" && each.fieldName === field
            );
            const label = value === false ? _t("None") : String(value);
            // A record that is gone, or that the reader may not see, is left out.
            const isHidden =
                Number.isInteger(value) && names[field] && !names[field][value];
            if (item && !isHidden) {
                const autocompleteValue = {
                    label: names[field]?.[value] ?? label,
                    operator,
                    value,
                };
                model.query.push({searchItemId: item.id, autocompleteValue});
            }
        } else {
            await model.splitAndAddDomain(facet.domain);
        }
    }
}

/** Group a search model by fields. */
export function applyGroups(model, groups) {
    const items = Object.values(model.searchItems);
    for (const name of groups) {
        const item = items.find(
            (each) => each.type === "groupBy" && each.fieldName === name
        );
        if (item) {
            model.query.push({searchItemId: item.id});
        }
    }
}

/** Return the ids of records in facets, by field: `{user_id: [7]}`. */
export function recordIds(facets, fields) {
    const ids = {};
    for (const facet of facets.filter(Array.isArray)) {
        const [field, , value] = facet;
        if (fields[field]?.relation && Number.isInteger(value)) {
            (ids[field] ||= []).push(value);
        }
    }
    return ids;
}
