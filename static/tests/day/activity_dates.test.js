import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations, patchWithCleanup} from "@web/../tests/web_test_helpers";

import {localization} from "@web/core/l10n/localization";

import {dueState, dueText, inState} from "@crm_cqrs/day/activity_dates";

describe.current.tags("headless");
beforeEach(() => {
    allowTranslations();
    patchWithCleanup(localization, {
        dateFormat: "MM/dd/yyyy",
        decimalPoint: ".",
        grouping: [3],
        thousandsSep: ",",
    });
});

const TODAY = "2026-11-30";

test("an activity is overdue, of today or planned", () => {
    for (const [day, state, text] of [
        ["2026-11-20", "overdue", "10 days overdue"],
        ["2026-11-29", "overdue", "1 day overdue"],
        [TODAY, "today", "Today"],
        ["2026-12-01", "planned", "Tomorrow"],
    ]) {
        expect(dueState(day, TODAY)).toBe(state);
        expect(dueText(day, TODAY)).toBe(text);
    }
    expect(dueText("2026-12-24", TODAY)).toMatch(/24/);
});

test("the days of a change of the clocks count like all others", () => {
    expect(dueText("2026-10-24", "2026-10-26")).toBe("2 days overdue");
});

test("the states are conditions of days", () => {
    expect(inState("overdue", TODAY)).toEqual(["date_deadline", "<", TODAY]);
    expect(inState("today", TODAY)).toEqual(["date_deadline", "=", TODAY]);
    expect(inState("planned", TODAY)).toEqual(["date_deadline", ">", TODAY]);
});
