import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations} from "@web/../tests/web_test_helpers";

import {chips} from "@crm_cqrs/pipeline_changes/chips";

describe.current.tags("headless");
beforeEach(allowTranslations);

const FORMATS = {
    money: (amount, currency) => `${amount} ${currency}`,
    day: (day) => day,
};
const DEAL = {
    value: 10,
    currency: "CQX",
    stage: {id: 1, name: "New"},
    closing_date: "2026-11-30",
    salesperson: {id: "a", name: "Ann"},
    status: "pending",
};
const shown = (before, after) =>
    chips(before, after, FORMATS).map((chip) => [
        chip.name,
        chip.tone,
        `${chip.before} → ${chip.after}`,
    ]);

test("each field that differs has a chip", () => {
    const after = {
        ...DEAL,
        value: 4,
        stage: {id: 2, name: "Qualified"},
        closing_date: "2026-12-15",
        salesperson: {id: "b", name: "Bob"},
    };
    expect(shown(DEAL, after)).toEqual([
        ["value", "down", "10 CQX → 4 CQX"],
        ["stage", "plain", "New → Qualified"],
        ["closing_date", "down", "2026-11-30 → 2026-12-15"],
        ["salesperson", "plain", "Ann → Bob"],
    ]);
    expect(shown(after, DEAL).map(([name, tone]) => [name, tone])).toEqual([
        ["value", "up"],
        ["stage", "plain"],
        ["closing_date", "up"],
        ["salesperson", "plain"],
    ]);
});

test("the same, what was not there and what is not known have none", () => {
    expect(shown(DEAL, {...DEAL, stage: {id: 1, name: "Neu"}})).toEqual([]);
    expect(shown(null, DEAL)).toEqual([]);
    expect(shown(DEAL, null)).toEqual([]);
    const unknown = {...DEAL};
    delete unknown.closing_date;
    expect(shown(unknown, DEAL)).toEqual([]);
    expect(shown(DEAL, {status: "left"})).toEqual([]);
});

test("an empty field is none", () => {
    expect(shown({...DEAL, closing_date: null}, {...DEAL, salesperson: null})).toEqual([
        ["closing_date", "up", "none → 2026-11-30"],
        ["salesperson", "plain", "Ann → none"],
    ]);
});
