import { _t } from "@web/core/l10n/translation";

const BASE = "/api/v2/dashboard/";

/** What the API answers instead of what it was asked for, in words for a person. */
export class ApiProblem extends Error {
    /**
     * @param {string} message
     * @param {number} status of HTTP; 0 where there was no answer
     * @param {string} [traceId] by which an administrator finds it in the log
     */
    constructor(message, status, traceId) {
        super(message);
        this.status = status;
        this.traceId = traceId;
    }
}

/**
 * Ask API v2 as the user of the page. What the browser has already and is still right
 * is not sent again (ETag).
 *
 * @param {string} path below `/api/v2/dashboard/`
 * @param {Object} [parameters] of the query; undefined and "" are left out, an array
 *  is a list
 * @param {AbortSignal} [signal]
 * @returns {Promise<{data: Object, position: number, leftOut: number}>} and up to which
 *  event of the log, and how many records are left out of it
 * @throws {ApiProblem}
 */
export async function readApi(path, parameters = {}, signal) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) {
        if (value !== undefined && value !== null && value !== "") {
            query.set(name, value);
        }
    }
    let response;
    try {
        response = await fetch(`${BASE}${path}?${query}`, {
            headers: { Accept: "application/json" },
            signal,
        });
    } catch (error) {
        if (error.name === "AbortError") {
            throw error;
        }
        throw new ApiProblem(_t("The server cannot be reached."), 0);
    }
    let data;
    try {
        data = await response.json();
    } catch (error) {
        if (error.name === "AbortError") {
            throw error;
        }
        // A proxy's page of its own, perhaps.
        data = {};
    }
    if (!response.ok) {
        throw new ApiProblem(
            data.detail || data.title || _t("The server answered with an error."),
            response.status,
            data.trace_id
        );
    }
    return {
        data,
        position: Number(response.headers.get("X-Event-Position")),
        leftOut: Number(response.headers.get("X-Records-Left-Out")),
    };
}
