/**
 * The opportunity in the sheet, as the address of a screen keeps it: `deal`, an id.
 *
 *     dealOf({deal: "7"}); // 7
 *     differsByDeal({action: "sales-dashboard", deal: 7}, {action: "sales-dashboard"}); // true
 *
 * Pure: takes values and returns values.
 */

import {omit} from "@web/core/utils/objects";

import {isId} from "../dashboard/choices";

export const DEAL = "deal";

/** Return the id that an address has, undefined for none. Anybody may have written it. */
export function dealOf(address) {
    const id = Number(address?.[DEAL]);
    return isId(id) ? id : undefined;
}

/** Return whether two states of the router are of one screen, but for the opportunity. */
export function differsByDeal(before, after) {
    const [one, other] = [before, after].map(screenOf);
    return one === other && dealOf(before) !== dealOf(after);
}

function screenOf(whole) {
    const {actionStack = [], ...state} = whole || {};
    // What a screen is called, and what it keeps of itself, is not of its address.
    const addressOf = (part) => {
        const entries = Object.entries(
            omit(part, DEAL, "displayName", "globalState", "debug", "lang")
        ).filter(([, value]) => ![undefined, null, false, ""].includes(value));
        return entries.sort().map(([name, value]) => [name, String(value)]);
    };
    return JSON.stringify([addressOf(state), actionStack.map(addressOf)]);
}
