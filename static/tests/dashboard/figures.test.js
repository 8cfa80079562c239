import { after, describe, expect, test } from "@odoo/hoot";

import {
    change,
    closedIn,
    expectedIn,
    lastMonths,
    levelBefore,
    levels,
    linePoints,
    periodRange,
} from "@crm_cqrs/dashboard/figures";

describe.current.tags("headless");

const { DateTime } = luxon;
const NOW = DateTime.fromISO("2026-11-24T13:00:00Z");

const figures = (won_revenue, won, lost, pipeline_value = 0) => ({
    won_revenue,
    won,
    lost,
    pipeline_value,
});
const month = (month, total, own = figures(0, 0, 0)) => ({
    month,
    ...total,
    own,
    team: Object.fromEntries(Object.keys(total).map((key) => [key, total[key] - own[key]])),
});
const MONTHS = [
    month("2025-12", figures(5, 1, 0)),
    month("2026-09", figures(10.1, 1, 3)),
    month("2026-10", figures(0.1, 2, 1, 7), figures(0.1, 1, 0, 7)),
    month("2026-11", figures(0.2, 1, 0, 8)),
    month("2027-01", figures(0, 0, 0, 100)),
    month(null, figures(1000, 1, 0, 1)),
];

test("a period is whole, in UTC, and has a previous period", () => {
    const days = (range) => [range.from.toISODate(), range.to.toISODate()];
    expect(days(periodRange("month", NOW))).toEqual(["2026-11-01", "2026-12-01"]);
    expect(days(periodRange("quarter", NOW))).toEqual(["2026-10-01", "2027-01-01"]);
    expect(days(periodRange("quarter", NOW, 1))).toEqual(["2026-07-01", "2026-10-01"]);
    expect(days(periodRange("year", NOW, 1))).toEqual(["2025-01-01", "2026-01-01"]);
    expect(periodRange("all", NOW)).toBe(null);
    // In the user's time zone November has begun.
    const elsewhere = DateTime.fromISO("2026-11-01T01:00:00+02:00", { setZone: true });
    expect(days(periodRange("month", elsewhere))).toEqual(["2026-10-01", "2026-11-01"]);
});

test("closed figures are added up over a period", () => {
    const quarter = periodRange("quarter", NOW);
    expect(closedIn(MONTHS, quarter, "all")).toEqual({
        won_revenue: 0.3,
        won: 3,
        lost: 1,
        win_rate: 0.75,
    });
    expect(closedIn(MONTHS, quarter, "own").won_revenue).toBe(0.1);
    expect(closedIn(MONTHS, quarter, "team").won).toBe(2);
    // All time includes figures without a month.
    expect(closedIn(MONTHS, null, "all").won_revenue).toBe(1015.4);
    expect(closedIn([], quarter, "all").win_rate).toBe(null);
});

test("figures due in a period are added up", () => {
    expect(expectedIn(MONTHS, periodRange("quarter", NOW), "all")).toBe(15);
    expect(expectedIn(MONTHS, periodRange("quarter", NOW), "own")).toBe(7);
    expect(expectedIn(MONTHS, null, "all")).toBe(0);
});

test("the last months are complete, the oldest first", () => {
    const months = lastMonths(MONTHS, NOW, "all");
    expect(months.length).toBe(12);
    expect(months[0].month).toBe("2025-12");
    expect(months[0].won_revenue).toBe(5);
    expect(months[1].won_revenue).toBe(0);
    expect(months[1].win_rate).toBe(null);
    expect(months.at(-1).month).toBe("2026-11");
});

const level = (month, until, active, own) => ({
    month,
    until,
    active_opportunities: active,
    own: { active_opportunities: own },
    team: { active_opportunities: active - own },
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
    expect(levels({ months: [], recorded_since: null }, "all", name)).toEqual([]);
    const before = (period, scope) =>
        levelBefore(SERIES, periodRange(period, NOW), scope, name);
    expect(before("month", "all")).toBe(6);
    expect(before("quarter", "team")).toBe(3);
    // Before the first event, and before the series.
    expect(levelBefore(SERIES, periodRange("month", NOW, 2), "all", name)).toBe(null);
    expect(before("year", "all")).toBe(null);
});

test("months are read alike in every language", () => {
    const { defaultLocale, defaultNumberingSystem } = luxon.Settings;
    after(() => Object.assign(luxon.Settings, { defaultLocale, defaultNumberingSystem }));
    Object.assign(luxon.Settings, { defaultLocale: "ar", defaultNumberingSystem: "arab" });
    const now = DateTime.fromISO("2026-11-24T13:00:00Z");
    const quarter = periodRange("quarter", now);
    expect(closedIn(MONTHS, quarter, "all").won).toBe(3);
    expect(lastMonths(MONTHS, now, "all").at(-1).month).toBe("2026-11");
});

test("a change from zero has no ratio", () => {
    expect(change(3, 2)).toEqual({ difference: 1, ratio: 0.5 });
    expect(change(3, 0)).toEqual({ difference: 3, ratio: null });
    expect(change(null, 2)).toBe(null);
    expect(change(3, null)).toBe(null);
});

test("a line skips unknown values", () => {
    expect(linePoints([0, null, 10])).toBe("0.0,22.0 100.0,2.0");
    expect(linePoints([0, 0])).toBe("0.0,22.0 100.0,22.0");
    expect(linePoints([])).toBe("");
});
