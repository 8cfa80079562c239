import {describe, expect, test} from "@odoo/hoot";
import {allowTranslations} from "@web/../tests/web_test_helpers";

import {
    chosenColumns,
    columnsText,
    DEFAULT_COLUMNS,
    fieldsOf,
} from "@crm_cqrs/dashboard/columns";
import {groupDomain, groupFigures, groupKey, groupLabel} from "@crm_cqrs/search/groups";

describe.current.tags("headless");

const FIGURES = {active_opportunities: 4, pipeline_value: 400, won: 2, won_revenue: 90};
const GROUP = {...FIGURES, lost: 1, own: {active_opportunities: 1, pipeline_value: 7}};

test("a group has the figures of what is listed", () => {
    expect(groupFigures(GROUP, "all", "pending")).toEqual({count: 4, amount: 400});
    expect(groupFigures(GROUP, "own", "pending")).toEqual({count: 1, amount: 7});
    expect(groupFigures(GROUP, "all", "won")).toEqual({count: 2, amount: 90});
    expect(groupFigures(GROUP, "all", "lost")).toEqual({count: 1, amount: null});
    expect(groupFigures(GROUP, "all", "any")).toEqual({count: 7, amount: null});
});

test("a group is named, and found, by its label", () => {
    allowTranslations();
    const cases = [
        ["stage_id", {stage: {id: 3, name: "New"}}, 3, "New"],
        ["user_id", {salesperson: {id: "uuid", user_id: 7, name: "Anna"}}, 7, "Anna"],
        ["team_id", {sales_team: {id: 2, name: "Europe"}}, 2, "Europe"],
        ["stage_id", {stage: null}, false, "None"],
        ["closing_month", {month: "2026-11"}, "2026-11", "November 2026"],
        ["closing_month", {month: null}, false, "None"],
    ];
    for (const [field, group, key, label] of cases) {
        expect(groupKey(group, field)).toBe(key);
        expect(groupLabel(group, field)).toBe(label);
    }
});

test("what is in a group is what is searched, and of the group", () => {
    expect(groupDomain([], "stage_id", 3)).toEqual([["stage_id", "=", 3]]);
    expect(groupDomain([["value", ">", 5]], "tag_ids", 3)).toEqual([
        "&",
        ["value", ">", 5],
        ["tag_ids", "in", [3]],
    ]);
});

test("columns of an address are known ones, in their order", () => {
    expect(chosenColumns("value,stage,constructor")).toEqual(["stage", "value"]);
    for (const text of [undefined, "", "nothing", 7]) {
        expect(chosenColumns(text)).toEqual(DEFAULT_COLUMNS);
    }
    expect(columnsText(DEFAULT_COLUMNS)).toBe(undefined);
    expect(columnsText(["stage", "value"])).toBe("stage,value");
    expect(fieldsOf(["stage", "probability"])).toMatch(/closed_at,probability$/);
});
