/**
 * Bars of the waterfall: what the pipeline was, each reason for which it changed, and what
 * it is. A bar floats between the sum before it and the sum after it.
 *
 *     waterfallRows({ start: { amount: 10, count: 1 }, changes: [
 *         { kind: "created", amount: 5, count: 1 },
 *     ], end: { amount: 15, count: 2 } });
 *     // [{ key: "start", label: "At the Beginning", values: [10, 1], bar: [0, 10], … }, …]
 *
 * Pure: takes the API's changes and returns values, one row a bar.
 */

import {DEFINITIONS} from "../past/definitions";

/** Kinds of changes in the order of their bars: what comes, what changes, what leaves */
export const KINDS = [
    "created",
    "reassigned_in",
    "from_lead",
    "restored",
    "reopened",
    "stage_in",
    "pulled_in",
    "increased",
    "decreased",
    "won",
    "lost",
    "archived",
    "to_lead",
    "merged",
    "deleted",
    "reassigned_out",
    "stage_out",
    "pushed_out",
];

/** Part of the axis that the bars of changes take at least, where both ends are high */
const ROOM = 0.6;

/** Return the name of a kind's definition. */
export function definitionOf(kind) {
    return kind === "won" ? "won_since" : kind;
}

/** Return the label of a kind of change. */
export function kindLabel(kind) {
    return String(DEFINITIONS[definitionOf(kind)]?.name || kind);
}

/**
 * Return a row for each bar, from top to bottom.
 *
 * @param {Object} changes of the API: `{start, changes, end}`
 * @returns {{key: string, label: string, values: [number, number],
 *  bar: [number, number], tone: "level"|"up"|"down"|"won"}[]}
 */
export function waterfallRows({start, changes, end}) {
    const rows = [level("start", start)];
    let sum = start.amount;
    const order = ({kind}) => KINDS.indexOf(kind);
    for (const change of [...changes].sort((one, other) => order(one) - order(other))) {
        const {kind, amount, count} = change;
        rows.push({
            key: kind,
            label: kindLabel(kind),
            values: [amount, count],
            bar: [sum, sum + amount],
            tone: kind === "won" ? "won" : amount < 0 ? "down" : "up",
        });
        sum += amount;
    }
    rows.push(level("end", end));
    return rows;
}

function level(key, {amount, count}) {
    return {
        key,
        label: kindLabel(key),
        values: [amount, count],
        bar: [0, amount],
        tone: "level",
    };
}

/**
 * Return where the axis begins: at 0, unless the changes could not be told apart then.
 *
 * @param {{bar: [number, number]}[]} rows
 */
export function axisStart(rows) {
    const ends = rows.flatMap(({bar, tone}) => (tone === "level" ? bar[1] : bar));
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    const span = high - low;
    const start = high - span / ROOM;
    return span && start > 0 && high - start < high / 2 ? roundDown(start, span) : 0;
}

/** Return a round number at most as great as another, within a part of a span of it. */
function roundDown(value, span) {
    const step = 10 ** Math.floor(Math.log10(span));
    return Math.max(0, Math.floor(value / step) * step);
}
