import { after, describe, expect, test } from "@odoo/hoot";

import { recordsDomain } from "@crm_cqrs/dashboard/drill_down";
import { periodRange } from "@crm_cqrs/dashboard/figures";

describe.current.tags("headless");

const { DateTime } = luxon;
const NOW = DateTime.fromISO("2026-11-24T13:00:00Z");

test("the domain of a figure selects the records that it counts", () => {
    const mine = { scope: "all", userId: 7, isOther: false };
    expect(recordsDomain(mine, ["pending"])).toEqual([
        ["status", "in", ["pending"]],
        ["active", "in", [true]],
    ]);
    expect(
        recordsDomain({ scope: "team", userId: 7, isOther: true }, ["won"], periodRange("month", NOW))
    ).toEqual([
        ["status", "in", ["won"]],
        ["active", "in", [true, false]],
        ["viewer_id", "=", 7],
        ["user_id", "!=", 7],
        ["closed_at", ">=", "2026-11-01 00:00:00"],
        ["closed_at", "<", "2026-12-01 00:00:00"],
    ]);
    expect(recordsDomain({ ...mine, scope: "own" }, ["pending"]).at(-1)).toEqual([
        "user_id",
        "=",
        7,
    ]);
    expect(recordsDomain(mine, ["pending"], null, 9).at(-1)).toEqual(["stage_id", "=", 9]);
    expect(recordsDomain(mine, ["pending"], null, false).at(-1)[2]).toBe(false);
});

test("times in the domain are in the server's format in every language", () => {
    const { defaultLocale, defaultNumberingSystem } = luxon.Settings;
    after(() => Object.assign(luxon.Settings, { defaultLocale, defaultNumberingSystem }));
    Object.assign(luxon.Settings, { defaultLocale: "ar", defaultNumberingSystem: "arab" });
    const quarter = periodRange("quarter", DateTime.fromISO("2026-11-24T13:00:00Z"));
    const owner = { scope: "all", userId: 7, isOther: false };
    expect(recordsDomain(owner, ["won"], quarter).at(-1)[2]).toBe("2027-01-01 00:00:00");
});
