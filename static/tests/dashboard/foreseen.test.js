import {describe, expect, test} from "@odoo/hoot";

import {beginningOf, foreseen} from "@crm_cqrs/dashboard/foreseen";

const {DateTime} = luxon;

describe.current.tags("headless");

// In Paris it is the first of December already.
const NOW = DateTime.fromISO("2026-11-30T23:30:00Z", {zone: "Europe/Paris"});

test("what is foreseen is what the server's answers ask for", () => {
    const beginning = foreseen("this_month", undefined, NOW);
    const period = {name: "this_month", from: "2026-11-30T23:00:00+00:00"};
    expect(beginning).toEqual({as_of: beginningOf({period})});
});

test("each present period begins where its unit does", () => {
    const beginnings = ["today", "this_quarter", "this_year"].map(
        (period) => foreseen(period, undefined, NOW).as_of
    );
    expect(beginnings).toEqual([
        "2026-11-30T23:00:00Z",
        "2026-09-30T22:00:00Z",
        "2025-12-31T23:00:00Z",
    ]);
});

test("there is no beginning of a search, a past period, or any time", () => {
    for (const [period, domain] of [
        ["this_month", "[]"],
        ["previous_month", undefined],
        // Its first day is the server's to know.
        ["this_week", undefined],
        [undefined, undefined],
    ]) {
        expect(foreseen(period, domain, NOW)).toBe(undefined);
    }
    expect(beginningOf({period: {name: "previous_month", from: "x"}})).toBe(undefined);
    expect(beginningOf({})).toBe(undefined);
});
