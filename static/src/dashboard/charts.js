/**
 * Rows and columns of the dashboard's two charts, as `FigureChart` takes them.
 *
 *     stageRows(byStage, "own");
 *     // [{ key: 1, label: "New", values: [400000, 300000, 100000, 40000, 4] }, …]
 *
 * Pure: takes the API's metrics and returns values, one row a stage or month.
 */

import {_t} from "@web/core/l10n/translation";

import {lastMonths, scoped} from "./figures";
import {formatNumber, formatPercent} from "./formats";

/**
 * Return the rows and columns of the chart of stages.
 *
 * @param {{byStage: Object|null, overdue: Object|null}} state answers of the API
 * @param {"all"|"own"|"team"} scope
 * @param {(amount: number) => string} money in the currency of the figures
 */
export function stageChart({byStage, overdue}, scope, money) {
    const late = overdue?.currency === byStage?.currency ? overdue : null;
    return {
        rows: stageRows(byStage, scope, late),
        columns: stageColumns(money, hasOverdue(byStage, scope, late)),
    };
}

/**
 * @param {(amount: number) => string} money in the currency of the figures
 * @param {boolean} hasOverdue whether a part of the pipeline is drawn as overdue
 */
export function stageColumns(money, hasOverdue) {
    const open = {label: _t("Pipeline"), format: money};
    const part = (label, color) => ({
        label,
        color,
        format: money,
        isDrawn: hasOverdue,
        stack: "pipeline",
    });
    return [
        {...open, isDrawn: !hasOverdue, color: "open"},
        part(_t("Not overdue"), "open"),
        part(_t("Overdue"), "overdue"),
        {
            label: _t("Weighted"),
            format: money,
            isDrawn: true,
            color: "weighted",
            stack: "weighted",
        },
        {
            label: _t("Opportunities"),
            format: (count) => formatNumber(count),
            isDrawn: false,
        },
    ];
}

/**
 * Return a row for each stage with open opportunities; null while they are not known.
 *
 * @param {Object|null} overdue the metrics by stage of what is overdue
 */
export function stageRows(byStage, scope, overdue) {
    return (
        byStage &&
        byStage.groups
            .map((group) => ({group, figures: scoped(group, scope)}))
            .filter(({figures}) => figures.active_opportunities)
            .map(({group, figures}) => ({
                key: group.stage ? group.stage.id : 0,
                label: group.stage ? group.stage.name : _t("No stage"),
                values: [
                    figures.pipeline_value,
                    figures.pipeline_value - overdueOf(group, scope, overdue),
                    overdueOf(group, scope, overdue),
                    figures.weighted_pipeline,
                    figures.active_opportunities,
                ],
            }))
    );
}

/** Whether there is something overdue in a stage. */
export function hasOverdue(byStage, scope, overdue) {
    return Boolean(
        byStage?.groups.some((group) => overdueOf(group, scope, overdue) > 0)
    );
}

function overdueOf({stage}, scope, overdue) {
    const same = overdue?.groups.find((group) => group.stage?.id === stage?.id);
    return same ? scoped(same, scope).pipeline_value : 0;
}

/** @param {(amount: number) => string} money in the currency of the figures */
export function monthColumns(money) {
    return [
        {label: _t("Won"), format: money, isDrawn: true, color: "won"},
        {
            label: _t("Opportunities"),
            format: (count) => formatNumber(count),
            isDrawn: false,
        },
        {label: _t("Lost"), format: (count) => formatNumber(count), isDrawn: false},
        {
            label: _t("Win rate"),
            format: (rate) => (rate === null ? "–" : formatPercent(rate)),
            isDrawn: false,
        },
    ];
}

/** Return a row for each of the last months; null while they are not known. */
export function monthRows(byMonth, now, scope) {
    return (
        byMonth &&
        lastMonths(byMonth.groups, now.setZone(byMonth.tz), scope).map((month, at) => ({
            key: month.month,
            label: month.from.toFormat("LLLL yyyy"),
            // The year where it begins.
            axisLabel:
                at && month.from.month > 1
                    ? [month.from.toFormat("LLL")]
                    : [month.from.toFormat("LLL"), month.from.toFormat("yyyy")],
            range: {from: month.from, to: month.to},
            values: [month.won_revenue, month.won, month.lost, month.win_rate],
        }))
    );
}

/** Return the keys of the months in a range; undefined where there is no range. */
export function highlightedMonths(rows, range) {
    return range && rows
        ? rows
              .filter(
                  (row) => row.range.from >= range.from && row.range.from < range.to
              )
              .map((row) => row.key)
        : undefined;
}

/** Return a text in lines of a number of characters; a word is not broken. */
export function wrapped(text, length) {
    const lines = [];
    for (const word of text.split(" ")) {
        const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
        if (lines.length && longer.length <= length) {
            lines[lines.length - 1] = longer;
        } else {
            lines.push(word);
        }
    }
    return lines;
}
