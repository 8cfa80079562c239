import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations, patchWithCleanup} from "@web/../tests/web_test_helpers";

import {localization} from "@web/core/l10n/localization";

import {Tiles} from "@crm_cqrs/dashboard/tiles";

describe.current.tags("headless");
beforeEach(() => {
    allowTranslations();
    patchWithCleanup(localization, {
        dateFormat: "MM/dd/yyyy",
        decimalPoint: ".",
        direction: "ltr",
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
const spaced = (text) => text.replace(/[\u00a0\s]+/g, " ");

test("tiles show their labels before the figures are loaded", () => {
    const list = Object.values(
        tiles({byStage: null, byMonth: null, closing: null, series: null, before: null})
    );
    expect(list.map(({label, value}) => [label, value])).toEqual([
        ["Pipeline", ""],
        ["Weighted Pipeline", ""],
        ["Won", ""],
        ["Active Opportunities", ""],
        ["Win Rate", ""],
    ]);
});

test("open figures show their parts, owners and trend", () => {
    const {pipeline, weighted, active} = tiles();
    expect(spaced(pipeline.value)).toBe("400 CQX");
    expect(spaced(pipeline.exact)).toBe("400.00 CQX");
    expect(spaced(pipeline.note)).toBe("100 CQX expected, Q4 2026");
    expect(pipeline.shares).toEqual([
        {name: "open", share: 0.0625},
        {name: "overdue", share: 0.1875},
    ]);
    expect(pipeline.parts.map(({text, isAlert}) => [spaced(text), isAlert])).toEqual([
        ["25 CQX due", undefined],
        ["75 CQX overdue", true],
    ]);
    expect(spaced(pipeline.parts[1].title)).toBe(
        "3 opportunities, 75.00 CQX expected to close before today"
    );
    expect(pipeline.trend.icon).toBe("fa-arrow-up");
    expect(pipeline.trend.tone).toBe("text-success");
    expect(spaced(pipeline.trend.text)).toBe("+200 CQX");
    expect(pipeline.trend.since).toBe("since 10/01/2026");
    expect(spaced(pipeline.trend.title)).toBe(
        "+200.00 CQX (+100%): 200.00 CQX when Q4 2026 began. Show what changed"
    );
    expect(pipeline.points).toBe("0.0,12.0 50.0,7.0 100.0,2.0");
    expect([weighted.note, weighted.shares]).toEqual([
        "25% of the pipeline",
        [{name: "weighted", share: 0.25}],
    ]);
    expect(trend(weighted)[0]).toBe("fa-minus");
    expect(trend(weighted)[1]).toMatch(/^\D*0\D*$/);
    expect([active.value, active.exact, active.note]).toEqual([
        "4",
        undefined,
        "1 own, 3 others",
    ]);
    expect(active.shares).toEqual([{name: "open", share: 0.25}]);
    expect(trend(active).slice(0, 2)).toEqual(["fa-arrow-down", "\u22121"]);
    expect(trend(active)[2]).toMatch(/^\u22121 \(\u221220%\): 5 when Q4 2026 began/);
    expect(spaced(trend(tiles({}, {scope: "own"}).pipeline)[1])).toBe("+50 CQX");
});

test("what falls is not green, whatever it is", () => {
    const less = {...READ.byStage, ...split(open(150, 40, 3), open(100, 20, 1))};
    const {pipeline, weighted, active, won} = tiles({byStage: less});
    expect(
        [pipeline, weighted, active, won].map((tile) => [
            tile.trend.tone,
            tile.trend.icon,
        ])
    ).toEqual(Array(4).fill(["text-danger", "fa-arrow-down"]));
    expect(spaced(pipeline.trend.text)).toBe("\u221250 CQX");
});

test("what is overdue of a period is not expected in it", () => {
    const due = {count: 1, amount: 60};
    const {pipeline} = tiles({closing: {...READ.closing, due}});
    expect(spaced(pipeline.note)).toBe("60 CQX expected, Q4 2026");
});

test("a change says by how much, until the figure is as it was", () => {
    const changed = {
        pipeline: {before: 1400, told: null},
        active: {before: 3, told: null},
        win_rate: {before: 0.5, told: null},
        weighted: {before: null, told: null},
    };
    const all = new Tiles({...READ, changed}, VIEW, NOW, true);
    const latest = (name) => {
        const {tone, amount, title} = all.latest(name);
        return [tone, spaced(amount), spaced(title)];
    };
    expect(latest("pipeline")).toEqual([
        "text-danger",
        "\u22121k CQX",
        "\u22121,000.00 CQX",
    ]);
    expect(latest("active")).toEqual(["text-success", "+1", "+1"]);
    expect(latest("win_rate")).toEqual(["text-success", "+25 points", "+25 points"]);
    expect(latest("weighted")).toEqual(["text-muted", "", ""]);
    expect(all.latest("won")).toBe(undefined);
});

test("closed figures compare with the same part of the previous period", () => {
    const {won, win_rate} = tiles();
    expect([spaced(won.value), spaced(won.exact)]).toEqual(["30 CQX", "30.00 CQX"]);
    expect(won.note).toBe("Q4 2026 · 3 opportunities");
    expect(trend(won)[0]).toBe("fa-arrow-down");
    expect(spaced(trend(won)[1])).toBe("\u221230 CQX");
    expect(won.trend.since).toBe("on Q3 2026");
    expect(trend(won)[2]).toMatch(/\(\u221250%\): 60.* in the same part of Q3 2026/);
    expect([win_rate.value, win_rate.note]).toEqual(["75%", "Q4 2026 · 3 won, 1 lost"]);
    expect(trend(win_rate)).toEqual([
        "fa-arrow-up",
        "+50 points",
        "+50 points (+200%): 25% in the same part of Q3 2026. Show what changed",
    ]);
});

test("all time has no previous period and no part due", () => {
    const {pipeline, won} = tiles({
        closing: {...READ.closing, period: null, before: null},
    });
    expect([pipeline.trend, won.note]).toEqual([null, "3 opportunities"]);
    expect(pipeline.note).toMatch(/100.* on average$/);
    expect(won.trend).toBe(undefined);
});

test("what there was before the history began is not compared", () => {
    const {pipeline, won} = tiles({before: null});
    expect(pipeline.trend).toBe(null);
    expect(spaced(trend(won)[1])).toBe("\u221230 CQX");
});

test("figures of the past that are not known are no figures", () => {
    const unknown = {weighted_pipeline: null, due: null, overdue: null};
    const {pipeline, weighted} = tiles({
        byStage: {...READ.byStage, ...unknown},
        before: {...READ.before, weighted_pipeline: null},
        closing: {...READ.closing, pipeline_value: null},
    });
    expect(pipeline.parts).toEqual([]);
    expect([pipeline.shares, weighted.shares]).toEqual([undefined, undefined]);
    expect([weighted.value, weighted.exact]).toEqual(["–", undefined]);
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
    expect([active.note, active.shares]).toEqual(["", undefined]);
    const nothing = open(0, 0, 0);
    const {pipeline, weighted} = tiles({
        byStage: {currency: "CQX", ...split(nothing, nothing)},
    });
    expect([pipeline.note, weighted.note]).toEqual(
        Array(2).fill("No open opportunities")
    );
    expect([pipeline.shares, weighted.shares]).toEqual([undefined, undefined]);
});
