import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations, patchWithCleanup} from "@web/../tests/web_test_helpers";

import {localization} from "@web/core/l10n/localization";

import {Tiles} from "@crm_cqrs/dashboard/tiles";

describe.current.tags("headless");
beforeEach(() => {
    allowTranslations();
    patchWithCleanup(localization, {
        decimalPoint: ".",
        grouping: [3],
        thousandsSep: ",",
    });
});

const {DateTime} = luxon;
const NOW = DateTime.fromISO("2026-11-24T13:00:00Z");
const OTHER = {won_revenue: 0, won: 0, lost: 0, win_rate: null, pipeline_value: 0};

const open = (pipeline_value, weighted_pipeline, active_opportunities) => ({
    pipeline_value,
    weighted_pipeline,
    active_opportunities,
    average_value: active_opportunities ? pipeline_value / active_opportunities : null,
    due: {count: active_opportunities ? 1 : 0, amount: 25},
    overdue: {count: active_opportunities ? 3 : 0, amount: 75},
});
const split = (total, own, team = own) => ({...total, own, team});

const READ = {
    byStage: {
        currency: "CQX",
        ...split(open(400, 100, 4), open(100, 20, 1), open(300, 80, 3)),
    },
    byMonth: {
        tz: "UTC",
        groups: [
            {
                month: "2026-10",
                ...split({...OTHER, won_revenue: 30, won: 1, lost: 1}, OTHER),
            },
            {month: "2026-11", ...split({...OTHER, won: 2}, OTHER)},
        ],
    },
    closing: {
        tz: "UTC",
        period: {
            name: "this_quarter",
            from: "2026-10-01T00:00:00Z",
            until: "2027-01-01T00:00:00Z",
            year: "2026",
            quarter: 4,
        },
        ...split(
            {won_revenue: 30, won: 3, lost: 1, win_rate: 0.75, pipeline_value: 100},
            OTHER
        ),
        before: {
            from: "2026-07-01T00:00:00Z",
            until: "2026-08-24T13:00:00Z",
            year: "2026",
            quarter: 3,
            ...split({won_revenue: 60, won: 1, lost: 3, win_rate: 0.25}, OTHER),
        },
    },
    series: {
        currency: "CQX",
        recorded_since: "2026-01-01T00:00:00Z",
        months: [
            {
                month: "2026-09",
                until: "2026-10-01T00:00:00Z",
                ...split(open(200, 100, 5), OTHER),
            },
            {
                month: "2026-10",
                until: "2026-11-01T00:00:00Z",
                ...split(open(300, 100, 4), OTHER),
            },
            {
                month: "2026-11",
                until: "2026-11-24T13:00:00Z",
                ...split(open(400, 100, 4), OTHER),
            },
        ],
    },
    before: {
        currency: "CQX",
        ...split(open(200, 100, 5), open(50, 20, 1), open(150, 80, 4)),
    },
};
const VIEW = {scope: "all", period: "this_quarter"};

const tiles = (read = {}, view = {}, hasOthers = true) =>
    Object.fromEntries(
        new Tiles({...READ, ...read}, {...VIEW, ...view}, NOW, hasOthers).list.map(
            (tile) => [tile.name, tile]
        )
    );
const trend = (tile) =>
    tile.trend && [tile.trend.icon, tile.trend.text, tile.trend.title];

test("tiles show their labels before the figures are loaded", () => {
    const list = Object.values(
        tiles({byStage: null, byMonth: null, closing: null, series: null, before: null})
    );
    expect(list.map(({label, value}) => [label, value])).toEqual([
        ["Pipeline", ""],
        ["Weighted Pipeline", ""],
        ["Won, This Quarter", ""],
        ["Active Opportunities", ""],
        ["Win Rate, This Quarter", ""],
    ]);
});

test("open figures show their share, owners and trend", () => {
    const {pipeline, weighted, active} = tiles();
    expect(pipeline.value).toInclude("400.00");
    expect(pipeline.note).toMatch(/^.*100.* expected, Q4 2026$/);
    expect(pipeline.share).toBe(0.25);
    expect(pipeline.parts.map(({text, isAlert}) => [text, isAlert])).toEqual([
        ["1 due", undefined],
        ["3 overdue", true],
    ]);
    expect(pipeline.parts[1].title).toMatch(/75.* expected to close before today$/);
    expect(trend(pipeline)[0]).toBe("fa-arrow-up");
    expect(trend(pipeline)[1]).toMatch(/^.*200.* \(100%\)$/);
    expect(trend(pipeline)[2]).toMatch(/200.* when Q4 2026 began/);
    expect(pipeline.points).toBe("0.0,12.0 50.0,7.0 100.0,2.0");
    expect([weighted.note, weighted.share]).toEqual(["25% of the pipeline", 0.25]);
    expect(trend(weighted)[0]).toBe("fa-minus");
    expect(trend(weighted)[1]).toMatch(/^\D*0\D*$/);
    expect([active.value, active.note, active.share]).toEqual([
        "4",
        "1 own, 3 others",
        0.25,
    ]);
    expect(trend(active).slice(0, 2)).toEqual(["fa-arrow-down", "1 (20%)"]);
    expect(trend(active)[2]).toMatch(/^5 when Q4 2026 began/);
    expect(trend(tiles({}, {scope: "own"}).pipeline)[1]).toMatch(/50.* \(100%\)$/);
});

test("closed figures compare with the same part of the previous period", () => {
    const {won, win_rate} = tiles();
    expect(won.value).toInclude("30.00");
    expect(won.note).toBe("3 opportunities");
    expect(trend(won)[0]).toBe("fa-arrow-down");
    expect(trend(won)[1]).toMatch(/30.* \(50%\)$/);
    expect(trend(won)[2]).toMatch(/60.* in the same part of Q3 2026$/);
    expect([win_rate.value, win_rate.note]).toEqual(["75%", "3 won, 1 lost"]);
    expect(trend(win_rate)).toEqual([
        "fa-arrow-up",
        "50 points",
        "25% in the same part of Q3 2026",
    ]);
});

test("all time has no previous period and no part due", () => {
    const {pipeline, won} = tiles({
        closing: {...READ.closing, period: null, before: null},
    });
    expect([pipeline.share, pipeline.trend, won.label]).toEqual([null, null, "Won"]);
    expect(pipeline.note).toMatch(/100\.00.* on average$/);
    expect(won.trend).toBe(undefined);
});

test("what there was before the history began is not compared", () => {
    const {pipeline, won} = tiles({before: null});
    expect(pipeline.trend).toBe(null);
    expect(trend(won)[1]).toMatch(/\(50%\)$/);
});

test("figures of the past that are not known are no figures", () => {
    const unknown = {weighted_pipeline: null, due: null, overdue: null};
    const {pipeline, weighted} = tiles({
        byStage: {...READ.byStage, ...unknown},
        before: {...READ.before, weighted_pipeline: null},
        closing: {...READ.closing, pipeline_value: null},
    });
    expect(pipeline.parts).toEqual([]);
    expect([pipeline.share, weighted.share, weighted.value]).toEqual([null, null, "–"]);
    expect(pipeline.note).toMatch(/on average$/);
    expect(weighted.note).toInclude("not known");
    expect(weighted.trend).toBe(null);
});

test("figures of different currencies are not compared", () => {
    const other = tiles({
        series: {...READ.series, currency: "USD"},
        before: {...READ.before, currency: "USD"},
    });
    expect([other.pipeline.trend, other.pipeline.points]).toEqual([null, undefined]);
});

test("a person without a team sees no team figures; an empty pipeline says so", () => {
    const {active} = tiles({}, {}, false);
    expect([active.note, active.share]).toEqual(["", null]);
    const nothing = open(0, 0, 0);
    const {pipeline, weighted} = tiles({
        byStage: {currency: "CQX", ...split(nothing, nothing)},
    });
    expect([pipeline.note, pipeline.share]).toEqual(["No open opportunities", null]);
    expect([weighted.note, weighted.share]).toEqual(["No open opportunities", null]);
});
