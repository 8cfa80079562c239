import { serializeDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";

import { useLeadOpener } from "../opportunities/lead_opener";

const RECORDS_ACTION = "crm_cqrs.dashboard_records_action";

/** Statuses that the figure of a tile counts, and the field to group them by */
const TILES = {
    pipeline: { statuses: ["pending"], groupBy: "stage_id" },
    weighted: { statuses: ["pending"], groupBy: "stage_id" },
    active: { statuses: ["pending"], groupBy: "stage_id" },
    won: { statuses: ["won"], groupBy: "user_id", isOfPeriod: true },
    win_rate: { statuses: ["won", "lost"], groupBy: "status", isOfPeriod: true },
};

/**
 * Open the records behind a figure.
 *
 * @param {() => Object} getOwner returns `{scope, userId, isOther, name}`: the person with
 *  the figures, and which of them are shown
 */
export function useDrillDown(getOwner) {
    const action = useService("action");
    const openLead = useLeadOpener();

    async function openRecords(name, statuses, groupBy, { range, stageId } = {}) {
        const owner = getOwner();
        const records = await action.loadAction(RECORDS_ACTION);
        const title = owner.isOther ? `${name} (${owner.name})` : name;
        await action.doAction({
            ...records,
            name: title,
            display_name: title,
            domain: recordsDomain(owner, statuses, range, stageId),
            context: {
                // Sums below groups are of all records, below a list of its page alone.
                group_by: [groupBy],
                cqrs_pending: statuses.includes("pending"),
            },
        });
    }

    return {
        openTile(name, label, range) {
            const { statuses, groupBy, isOfPeriod } = TILES[name];
            return openRecords(label, statuses, groupBy, isOfPeriod ? { range } : {});
        },
        openStage(row) {
            const stage = { stageId: row.key || false };
            return openRecords(_t("Pipeline, %s", row.label), ["pending"], "user_id", stage);
        },
        openMonth(row) {
            const month = { range: row.range };
            return openRecords(_t("Won, %s", row.label), ["won"], "user_id", month);
        },
        openLead,
    };
}

/**
 * Return the domain of the opportunities that a figure counts, on
 * `cqrs.opportunity.view`. The companies are those switched on, as in all of Odoo.
 *
 * @param {Object} owner `{scope, userId, isOther}`: the person with the figure, and whether
 *  that is somebody else than the user
 * @param {("pending"|"won"|"lost")[]} statuses
 * @param {{from: luxon.DateTime, to: luxon.DateTime}|null} [range] of closing
 * @param {number|false} [stageId] false: without a stage
 */
export function recordsDomain(owner, statuses, range = null, stageId = undefined) {
    const { scope, userId, isOther } = owner;
    const domain = [["status", "in", statuses]];
    // Archived ones are not pending, but may have been won.
    domain.push(["active", "in", statuses.includes("pending") ? [true] : [true, false]]);
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
    if (stageId !== undefined) {
        domain.push(["stage_id", "=", stageId]);
    }
    return domain;
}
