import {after, describe, expect, test} from "@odoo/hoot";

import {recordsDomain} from "@crm_cqrs/dashboard/drill_down";
import {periodRange} from "@crm_cqrs/dashboard/figures";

describe.current.tags("headless");

const {DateTime} = luxon;
const NOVEMBER = periodRange(
    {from: "2026-11-01T07:00:00Z", until: "2026-12-01T08:00:00Z"},
    "America/Los_Angeles"
);

test("the domain of a figure selects the records that it counts", () => {
    const me = {userId: 7, isOther: false};
    const pipeline = {figure: "pipeline", scope: "all", range: null};
    expect(recordsDomain(me, pipeline)).toEqual([
        ["status", "in", ["pending"]],
        ["active", "in", [true]],
    ]);
    expect(
        recordsDomain(
            {userId: 7, isOther: true},
            {figure: "won", scope: "team", range: NOVEMBER}
        )
    ).toEqual([
        ["status", "in", ["won"]],
        ["active", "in", [true, false]],
        ["viewer_id", "=", 7],
        ["user_id", "!=", 7],
        ["closed_at", ">=", "2026-11-01 07:00:00"],
        ["closed_at", "<", "2026-12-01 08:00:00"],
    ]);
    const last = (more) => recordsDomain(me, {...pipeline, ...more}).at(-1);
    expect(last({scope: "own"})).toEqual(["user_id", "=", 7]);
    expect(last({stageId: 9})).toEqual(["stage_id", "=", 9]);
    expect(last({stageId: false})).toEqual(["stage_id", "=", false]);
    expect(last({ownerId: 8})).toEqual(["user_id", "=", 8]);
    const day = "2026-11-29";
    expect(last({figure: "due", day})).toEqual(["closing_date", ">=", day]);
    expect(last({figure: "overdue", day})).toEqual(["closing_date", "<", day]);
});

test("times in the domain are in the server's format in every language", () => {
    const {defaultLocale, defaultNumberingSystem} = luxon.Settings;
    after(() => Object.assign(luxon.Settings, {defaultLocale, defaultNumberingSystem}));
    Object.assign(luxon.Settings, {
        defaultLocale: "ar",
        defaultNumberingSystem: "arab",
    });
    const range = {from: DateTime.utc(2026, 11), to: DateTime.utc(2027)};
    const domain = recordsDomain({userId: 7}, {figure: "won", scope: "all", range});
    expect(domain.at(-1)[2]).toBe("2027-01-01 00:00:00");
});
