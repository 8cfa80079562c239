import {serializeDateTime} from "@web/core/l10n/dates";
import {useService} from "@web/core/utils/hooks";

import {useLeadOpener} from "../opportunities/lead_opener";
import {FIGURES, recordsAddress} from "./records_question";

export const RECORDS_MODEL = "cqrs.opportunity.view";
/** The client action that lists the records of a question */
export const RECORDS_TAG = "crm_cqrs.dashboard_records";

/**
 * Open the records behind a figure.
 *
 * @param {() => Object} getFigures returns `{viewAs, scope, currency}`: the uuid of the
 *  person with the figures, which of them are shown, and in what
 * @param {() => void} onChange called once an opportunity in the sheet may have changed
 */
export function useDrillDown(getFigures, onChange) {
    const action = useService("action");
    const openLead = useLeadOpener();

    async function openRecords(figure, groupBy, question = {}) {
        const params = {...getFigures(), figure, groupBy: [groupBy], ...question};
        await action.doAction({
            type: "ir.actions.client",
            tag: RECORDS_TAG,
            params: recordsAddress(params),
        });
    }

    return {
        openTile(name, range) {
            const {groupBy, isOfPeriod} = FIGURES[name];
            return openRecords(name, groupBy, isOfPeriod ? {range} : {});
        },
        /** @param {"due"|"overdue"} name */
        openDue(name, day) {
            return openRecords(name, FIGURES[name].groupBy, {day});
        },
        openStage(row) {
            return openRecords("pipeline", "user_id", {stageId: row.key || false});
        },
        openMonth(row) {
            return openRecords("won", "user_id", {range: row.range});
        },
        openPerson({user_id}) {
            return openRecords("pipeline", "stage_id", {
                scope: "all",
                ownerId: user_id,
            });
        },
        openLead: (id, ids, list) => openLead(id, ids, {onChange, ...list}),
    };
}

/**
 * Return the domain of the opportunities that a figure counts, on
 * `cqrs.opportunity.view`. The companies are those switched on, as in all of Odoo.
 *
 * @param {{userId: number, isOther: boolean}} owner the person with the figure, and whether
 *  that is somebody else than the user
 * @param {Object} question as of `recordsQuestion`
 */
export function recordsDomain({userId, isOther}, question) {
    const {figure, scope, range, day, stageId, ownerId} = question;
    const {statuses, closing} = FIGURES[figure];
    const domain = [["status", "in", statuses]];
    // Archived ones are not pending, but may have been won.
    domain.push([
        "active",
        "in",
        statuses.includes("pending") ? [true] : [true, false],
    ]);
    if (isOther) {
        domain.push(["viewer_id", "=", userId]);
    }
    if (scope !== "all") {
        domain.push(["user_id", scope === "own" ? "=" : "!=", userId]);
    }
    if (range) {
        domain.push(
            ["closed_at", ">=", serializeDateTime(range.from)],
            ["closed_at", "<", serializeDateTime(range.to)]
        );
    }
    if (closing) {
        domain.push(["closing_date", closing, day]);
    }
    if (stageId !== undefined) {
        domain.push(["stage_id", "=", stageId]);
    }
    if (ownerId) {
        domain.push(["user_id", "=", ownerId]);
    }
    return domain;
}
