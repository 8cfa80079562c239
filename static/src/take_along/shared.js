/**
 * Addresses that are shared: of exactly what somebody sees, for somebody else. Whoever opens
 * one sees it within their own rights, and is told who shared it, and when.
 *
 *     const sharer = {id: 7, personId: "0192f0c1-…", companies: "1,3"};
 *     sharedAddress({period: "this_year"}, sharer, DateTime.now());
 *     // {period: "this_year", view_as: "0192f0c1-…", company: "1,3", shared_by: 7,
 *     //   shared_at: 1796029920}
 *
 * Pure: takes values and returns values.
 */

import {Domain} from "@web/core/domain";

import {isId} from "../dashboard/choices";

const {DateTime} = luxon;

/**
 * Return the parameters of an address that shows others what the user sees.
 *
 * @param {Object} address parameters of the screen's own address
 * @param {{id: number, personId: string, companies: string}} sharer id of the user; uuid of
 *  the person whose figures are shown, the user as well; the companies switched on
 * @param {luxon.DateTime} now
 */
export function sharedAddress(address, {id, personId, companies}, now) {
    return {
        ...address,
        // An own view has no person: the reader would see the reader's.
        view_as: address.view_as || personId,
        // Somebody else may have switched on others.
        company: companies,
        shared_by: id,
        shared_at: Math.floor(now.toSeconds()),
    };
}

/** Return `{userId, at}` of a shared address, null of any other. Anybody may have written it. */
export function sharedFrom({shared_by: sharedBy, shared_at: sharedAt}) {
    const [userId, seconds] = [Number(sharedBy), Number(sharedAt)];
    if (!isId(userId)) {
        return null;
    }
    const at = seconds > 0 && seconds < 1e11 ? DateTime.fromSeconds(seconds) : null;
    return {userId, at: at?.isValid ? at : null};
}

/** Return the text that stands for a domain in an address; undefined for an empty one. */
export function searchOf(domain) {
    return domain.length ? JSON.stringify(domain) : undefined;
}

/** Return the domains, at most one, that an address has. Anybody may have written it. */
export function sharedSearch(text) {
    try {
        const domain = JSON.parse(text);
        return Array.isArray(domain) && domain.length
            ? [new Domain(domain).toList({})]
            : [];
    } catch {
        return [];
    }
}
