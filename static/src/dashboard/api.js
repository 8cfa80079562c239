import {_t} from "@web/core/l10n/translation";
import {user} from "@web/core/user";
import {useService} from "@web/core/utils/hooks";

import {onWillUnmount} from "@odoo/owl";

const BASE = "/api/v2/dashboard/";

/** Error that the API answers with, in words for a person. */
export class ApiProblem extends Error {
    /**
     * @param {string} message
     * @param {number} status of HTTP; 0 where there was no answer
     * @param {Object} [problem] of the API: `trace_id`, by which an administrator finds it
     *  in the log, and `since`, the time from which on there is history
     */
    constructor(message, status, problem = {}) {
        super(message);
        this.status = status;
        this.traceId = problem.trace_id;
        this.since = problem.since;
    }
}

/** Answer to somebody else than the user of the page, or to nobody. */
class OtherCaller extends ApiProblem {}

/**
 * Ask API v2 as the user of the page. An answer that the browser has and that is still
 * current is not sent again (ETag).
 *
 * @param {string} path below `/api/v2/dashboard/`, or a whole one
 * @param {Object} [parameters] of the query; undefined and "" are left out, an array
 *  is a list
 * @param {AbortSignal} [signal]
 * @returns {Promise<{data: Object, position: number, leftOut: number}>} with the
 *  position of the last event that the answer knows, and the number of records that it
 *  leaves out
 * @throws {ApiProblem}
 */
export async function readApi(path, parameters = {}, signal) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) {
        if (value !== undefined && value !== null && value !== "") {
            query.set(name, value);
        }
    }
    let response = null;
    try {
        const whole = path.startsWith("/") ? path : `${BASE}${path}`;
        response = await fetch(`${whole}?${query}`, {
            headers: {Accept: "application/json"},
            signal,
        });
    } catch (error) {
        if (isAborted(error)) {
            throw error;
        }
        throw new ApiProblem(_t("The server cannot be reached."), 0);
    }
    let data = {};
    try {
        data = await response.json();
    } catch (error) {
        if (isAborted(error)) {
            throw error;
        }
        // Otherwise a proxy's page of its own, perhaps.
    }
    const caller = Number(response.headers.get("X-Odoo-User"));
    const isOther = response.status === 401 || (caller && caller !== user.userId);
    if (isOther || !response.ok) {
        const Problem = isOther ? OtherCaller : ApiProblem;
        throw new Problem(
            data.detail || data.title || _t("The server answered with an error."),
            response.status,
            data
        );
    }
    return {
        data,
        position: Number(response.headers.get("X-Event-Position")),
        leftOut: Number(response.headers.get("X-Records-Left-Out")),
    };
}

/** Return whether a reading failed because it was aborted. */
export function isAborted(error) {
    return error.name === "AbortError";
}

/**
 * Give a component readings of API v2 that end with it. Once the session is over, of which
 * the user is told, none ends any more.
 *
 *     const api = useApi();
 *     api.abort();
 *     const { data } = await api.read("metrics", { by: "stage" });
 *
 * @returns {{read: typeof readApi, abort: () => void}} `abort` ends what is under way,
 *  which is then rejected with an error that `isAborted`
 */
export function useApi() {
    const session = useService("crm_cqrs.session");
    let controller = new AbortController();
    onWillUnmount(() => controller.abort());

    async function read(path, parameters) {
        try {
            return await readApi(path, parameters, controller.signal);
        } catch (error) {
            if (error instanceof OtherCaller && (await session.isOver())) {
                return new Promise(() => null);
            }
            throw error;
        }
    }

    return {
        read,
        abort() {
            controller.abort();
            controller = new AbortController();
        },
    };
}
