/**
 * Reasons for which an opportunity needs attention, in words.
 *
 *     reasons({ attention: ["pushed"], pushes: 3 }, "2026-11-29");
 *     // [{ kind: "pushed", text: "Pushed 3 times" }]
 *
 * Pure: takes an opportunity of the API and returns values.
 */

import {_t} from "@web/core/l10n/translation";

import {formatNumber} from "../core/formats";

const {DateTime} = luxon;

export const KINDS = {
    overdue: _t("Overdue"),
    stuck: _t("Stuck"),
    pushed: _t("Pushed"),
    idle: _t("Idle"),
    no_activity: _t("No Activity"),
};

/**
 * @param {Object} item with `attention`, and what each kind is measured by
 * @param {string} today as `2026-11-29`, where the user is
 * @returns {{kind: string, text: string}[]}
 */
export function reasons(item, today) {
    const days = (number) => formatNumber(Math.floor(number));
    const texts = {
        overdue: () => {
            const closing = DateTime.fromISO(item.closing_date);
            const late = DateTime.fromISO(today).diff(closing, "days").days;
            return late === 1 ? _t("1 day overdue") : _t("%s days overdue", days(late));
        },
        stuck: () => _t("%s days in its stage", days(item.stage_days)),
        pushed: () => _t("Pushed %s times", days(item.pushes)),
        idle: () => _t("Idle for %s days", days(item.idle_days)),
        no_activity: () => _t("No activity planned"),
    };
    return (item.attention || [])
        .filter((kind) => Object.hasOwn(texts, kind))
        .map((kind) => ({kind, text: String(texts[kind]())}));
}
