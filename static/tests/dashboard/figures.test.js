import {after, beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations, patchWithCleanup} from "@web/../tests/web_test_helpers";

import {localization} from "@web/core/l10n/localization";

import {
    change,
    lastMonths,
    levels,
    linePoints,
    periodName,
    periodRange,
} from "@crm_cqrs/dashboard/figures";

describe.current.tags("headless");
beforeEach(() => {
    allowTranslations();
    patchWithCleanup(localization, {dateFormat: "MM/dd/yyyy"});
});

const {DateTime} = luxon;
const NOW = DateTime.fromISO("2026-11-24T13:00:00Z");

const closed = (won_revenue, won, lost, win_rate) => ({
    won_revenue,
    won,
    lost,
    win_rate,
});
const MONTHS = [
    {month: "2025-12", ...closed(5, 1, 0, 1), own: closed(0, 0, 0, null)},
    {month: "2026-10", ...closed(0.1, 2, 1, 0.6667), own: closed(0.1, 1, 0, 1)},
    {month: null, ...closed(1000, 1, 0, 1), own: closed(0, 0, 0, null)},
];
const range = (from, until, zone) => periodRange({from, until}, zone);

test("a period begins and ends at the midnights that the API gives", () => {
    const quarter = range(
        "2026-10-01T07:00:00+00:00",
        "2027-01-01T08:00:00+00:00",
        "America/Los_Angeles"
    );
    expect(quarter.from.toISO()).toBe("2026-10-01T00:00:00.000-07:00");
    expect(quarter.to.toISO()).toBe("2027-01-01T00:00:00.000-08:00");
    expect(periodRange(null, "UTC")).toBe(null);
});

test("a period is named by its days, or its fiscal year", () => {
    const from = "2026-10-01T00:00:00+00:00";
    const name = (period, fiscal = {year: "2026", quarter: 4}) =>
        periodName(period, range(from, from, "UTC"), fiscal);
    expect(name("today")).toBe("10/01/2026");
    expect(name("previous_week")).toBe("10/01/2026 to 10/07/2026");
    expect(name("this_month")).toBe("October 2026");
    expect(name("this_quarter")).toBe("Q4 2026");
    expect(name("previous_quarter", {year: "2026–2027", quarter: 3})).toBe(
        "Q3 2026–2027"
    );
    expect(name("this_year")).toBe("2026");
});

test("the last months are complete, the oldest first", () => {
    const months = lastMonths(MONTHS, NOW.toUTC(), "all");
    expect(months.length).toBe(12);
    expect(months[0].month).toBe("2025-12");
    expect(months[0].won_revenue).toBe(5);
    expect(months[1].won_revenue).toBe(0);
    expect(months[1].win_rate).toBe(null);
    expect(months.at(-1).month).toBe("2026-11");
    expect(lastMonths(MONTHS, NOW.toUTC(), "own").at(-2).won).toBe(1);
    // In this zone it is still October.
    const early =
        DateTime.fromISO("2026-11-01T03:00:00Z").setZone("America/Los_Angeles");
    const last = lastMonths(MONTHS, early, "all").at(-1);
    expect([last.month, last.won]).toEqual(["2026-10", 2]);
    expect(last.to.toUTC().toISO()).toBe("2026-11-01T07:00:00.000Z");
});

const level = (month, until, active, own) => ({
    month,
    until,
    active_opportunities: active,
    own: {active_opportunities: own},
    team: {active_opportunities: active - own},
});
const SERIES = {
    months: [
        level("2026-08", "2026-09-01T00:00:00+00:00", 0, 0),
        level("2026-09", "2026-10-01T00:00:00+00:00", 4, 1),
        level("2026-10", "2026-11-01T00:00:00+00:00", 6, 3),
        level("2026-11", "2026-11-24T13:00:00+00:00", 5, 2),
    ],
    // As a server in another time zone writes it.
    recorded_since: "2026-09-01T03:00:00+03:00",
};

test("levels at the end of a month are known since the first event", () => {
    const name = "active_opportunities";
    expect(levels(SERIES, "all", name)).toEqual([null, 4, 6, 5]);
    expect(levels(SERIES, "own", name)).toEqual([null, 1, 3, 2]);
    expect(levels({months: [], recorded_since: null}, "all", name)).toEqual([]);
});

test("months are read alike in every language", () => {
    const {defaultLocale, defaultNumberingSystem} = luxon.Settings;
    after(() => Object.assign(luxon.Settings, {defaultLocale, defaultNumberingSystem}));
    Object.assign(luxon.Settings, {
        defaultLocale: "ar",
        defaultNumberingSystem: "arab",
    });
    const now = DateTime.fromISO("2026-11-24T13:00:00Z");
    expect(lastMonths(MONTHS, now, "all").at(-1).month).toBe("2026-11");
    expect(lastMonths(MONTHS, now, "all").at(-2).won).toBe(2);
});

test("a change from zero has no ratio", () => {
    expect(change(3, 2)).toEqual({difference: 1, ratio: 0.5});
    expect(change(3, 0)).toEqual({difference: 3, ratio: null});
    expect(change(null, 2)).toBe(null);
    expect(change(3, null)).toBe(null);
});

test("a line skips unknown values", () => {
    expect(linePoints([0, null, 10])).toBe("0.0,22.0 100.0,2.0");
    expect(linePoints([0, 0])).toBe("0.0,22.0 100.0,22.0");
    expect(linePoints([])).toBe("");
});
