/**
 * Groups of the list of opportunities: their figures, and the domain of what is in them.
 *
 *     groupFigures(group, "all", "pending"); // {count: 4, amount: 400000}
 *     groupDomain([["value", ">", 5]], "stage_id", 3);
 *     // '["&",["value",">",5],["stage_id","=",3]]'
 *
 * Pure: takes values and returns values.
 */

import {_t} from "@web/core/l10n/translation";

import {scoped} from "../dashboard/figures";
import {GROUPINGS} from "./facets";

/** Member of a group of the API that has its label, where it is not the grouping's name */
const MEMBERS = {team: "sales_team"};

/** Order of the API in which groups come, by the status that is listed */
export const GROUP_SORTS = {
    pending: "-pipeline_value",
    won: "-won_revenue",
    lost: "-lost",
    any: "-active_opportunities",
};

/** Whether the groups of a field come in pages, in the order of a figure. */
export function comeInPages(field) {
    return ["partner_id", "tag_ids"].includes(field);
}

/**
 * Return the number of a group's opportunities with a status, and what they are worth; null
 * where no figure says it.
 */
export function groupFigures(group, scope, status) {
    const {active_opportunities, pipeline_value, won, won_revenue, lost} = scoped(
        group,
        scope
    );
    switch (status) {
        case "pending":
            return {count: active_opportunities, amount: pipeline_value};
        case "won":
            return {count: won, amount: won_revenue};
        case "lost":
            return {count: lost, amount: null};
        default:
            return {count: active_opportunities + won + lost, amount: null};
    }
}

/** Return the key of a group, as the domain has it; false for those without one. */
export function groupKey(group, field) {
    const by = GROUPINGS[field];
    const label = group[MEMBERS[by] || by];
    if (label === null) {
        return false;
    }
    return by === "month" ? label : by === "salesperson" ? label.user_id : label.id;
}

/** Return the label of a group. */
export function groupLabel(group, field) {
    const by = GROUPINGS[field];
    const label = group[MEMBERS[by] || by];
    if (label === null) {
        return String(_t("None"));
    }
    if (by === "month") {
        return luxon.DateTime.fromISO(`${label}-01`).toFormat("LLLL yyyy");
    }
    return label.name || String(_t("None"));
}

/** Return the domain of a group, within that of its list. */
export function groupDomain(domain, field, key) {
    const leaf = field === "tag_ids" ? [field, "in", [key]] : [field, "=", key];
    return domain.length ? ["&", ...domain, leaf] : [leaf];
}
