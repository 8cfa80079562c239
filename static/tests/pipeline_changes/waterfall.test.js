import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations} from "@web/../tests/web_test_helpers";

import {DEFINITIONS} from "@crm_cqrs/past/definitions";
import {
    KINDS,
    axisStart,
    definitionOf,
    kindLabel,
    waterfallRows,
} from "@crm_cqrs/pipeline_changes/waterfall";

describe.current.tags("headless");
beforeEach(allowTranslations);

const CHANGES = {
    start: {amount: 1000, count: 10},
    changes: [
        {kind: "lost", amount: -300, count: 2},
        {kind: "created", amount: 200, count: 3},
        {kind: "won", amount: -50.5, count: 1},
        {kind: "increased", amount: 0.25, count: 1},
    ],
    end: {amount: 849.75, count: 10},
};

test("each bar begins where the one before it ends, and the last is the end", () => {
    const rows = waterfallRows(CHANGES);
    expect(rows.map(({key, bar, tone}) => [key, ...bar, tone])).toEqual([
        ["start", 0, 1000, "level"],
        ["created", 1000, 1200, "up"],
        ["increased", 1200, 1200.25, "up"],
        ["won", 1200.25, 1149.75, "won"],
        ["lost", 1149.75, 849.75, "down"],
        ["end", 0, 849.75, "level"],
    ]);
    expect(rows[4].values).toEqual([-300, 2]);
    expect(rows[4].label).toBe("Lost");
});

test("without changes there are the two ends", () => {
    const level = {amount: 5, count: 1};
    const rows = waterfallRows({start: level, changes: [], end: level});
    expect(rows.map(({key}) => key)).toEqual(["start", "end"]);
    expect(axisStart(rows)).toBe(0);
});

test("the axis begins at 0 unless the changes could not be told apart", () => {
    expect(axisStart(waterfallRows(CHANGES))).toBe(600);
    const small = {
        start: {amount: 1_000_000, count: 10},
        changes: [{kind: "lost", amount: -300, count: 1}],
        end: {amount: 999_700, count: 9},
    };
    const start = axisStart(waterfallRows(small));
    expect(start).toBeGreaterThan(999_000);
    expect(start).toBeLessThan(999_700);
    const great = {...CHANGES, end: {amount: 10, count: 1}};
    expect(axisStart(waterfallRows(great))).toBe(0);
    expect(axisStart(waterfallRows({...great, start: {amount: 0, count: 0}}))).toBe(0);
});

test("each kind has a name and a definition", () => {
    for (const kind of [...KINDS, "start", "end"]) {
        expect(kindLabel(kind)).not.toBe(kind);
        expect(String(DEFINITIONS[definitionOf(kind)].text).length).toBeGreaterThan(10);
    }
    expect(kindLabel("of a later version")).toBe("of a later version");
});
