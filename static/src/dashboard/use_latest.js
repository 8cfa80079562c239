import {useService} from "@web/core/utils/hooks";

import {useApi} from "./api";

const PATH = "/api/v2/events";
const LEADS = "crm.lead";
const REMOVED = "crm_cqrs.removed";
/** Events that are read at a time, and opportunities that are asked for by name */
const LIMIT = 100;
const NAMED = 5;
const DEAL = "odoo_id,name,partner,salesperson,company_id";

/**
 * Read from the log what has changed the figures of a dashboard, as far as the user may
 * know it.
 *
 * - `begin()`: what comes from now on is news
 * - `read()`: returns the `News` of `latest.js` since then, or since it was read
 *
 * Neither rejects: the figures are right without.
 *
 * @param {Object} view of `choices.js`
 * @param {() => Object} getPerson returns the profile of whose figures these are
 */
export function useLatest(view, getPerson) {
    const api = useApi();
    const names = useService("name");
    let cursor = null;

    async function begin() {
        cursor = null;
        try {
            cursor = (await page("end")).next;
        } catch {
            // There are no names then.
        }
    }

    async function read() {
        if (!cursor) {
            await begin();
            return null;
        }
        try {
            const {events, next, more} = await page(cursor);
            cursor = next;
            const news = await newsOf(events);
            if (more) {
                // An import, perhaps: nobody waits for all of its names.
                await begin();
            }
            return {...news, isPart: news.isPart || more};
        } catch {
            await begin();
            return null;
        }
    }

    async function page(after) {
        const asked = {stream: LEADS, cursor: after, limit: LIMIT};
        return (await api.read(PATH, asked)).data;
    }

    async function newsOf(messages) {
        const events = new Map();
        for (const message of [...messages].reverse()) {
            if (!message.data) {
                continue;
            }
            const id = Number(message.subject.split("/")[1]);
            const {before, after} = message.data;
            const fields = before && after ? Object.keys(after) : null;
            const event = events.get(id);
            if (!event) {
                events.set(id, {
                    id,
                    fields,
                    owners: owners(message),
                    by: message.userid,
                });
            } else {
                event.fields = event.fields && fields && [...event.fields, ...fields];
                event.owners.push(...owners(message));
            }
        }
        const [...asked] = events.values();
        const named = await Promise.all(asked.slice(0, NAMED).map(name));
        return {
            changes: named.filter(Boolean),
            hasLeft: messages.some(({type}) => type === REMOVED),
            isPart: asked.length > NAMED,
        };
    }

    /** Return an event with its names; null if the figures do not count its opportunity. */
    async function name({id, fields, owners: before, by}) {
        const deal = await dealOf(id);
        if (!deal || !isCounted(deal, before)) {
            return null;
        }
        const people = by ? await names.loadDisplayNames("res.users", [by]) : {};
        return {
            id,
            fields,
            deal: deal.name,
            customer: deal.partner?.name || "",
            // A symbol, where it may not be read.
            person: typeof people[by] === "string" ? people[by] : "",
        };
    }

    async function dealOf(id) {
        try {
            const asked = {user: view.viewAs, fields: DEAL};
            return (await api.read(`opportunities/${id}`, asked)).data;
        } catch (error) {
            // Seen by the user, who is somebody else, or deleted since.
            if (error.status === 404) {
                return null;
            }
            throw error;
        }
    }

    /** Whether an opportunity is, or was, among those of the scope and the companies. */
    function isCounted({salesperson, company_id}, before) {
        const {scope, company} = view;
        const companies = company ? String(company).split(",").map(Number) : [];
        if (company_id && companies.length && !companies.includes(company_id)) {
            return false;
        }
        const me = getPerson()?.odoo.user_id;
        const all = [salesperson?.user_id ?? null, ...before];
        return (
            scope === "all" || all.some((owner) => (owner === me) === (scope === "own"))
        );
    }

    return {begin, read};
}

/** Return the salesperson before an event, if it changed hands. */
function owners({data: {before}}) {
    return before && "user_id" in before ? [before.user_id ?? null] : [];
}
