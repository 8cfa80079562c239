import {describe, expect, test} from "@odoo/hoot";

import {
    searchOf,
    sharedAddress,
    sharedFrom,
    sharedSearch,
} from "@crm_cqrs/take_along/shared";

describe.current.tags("headless");

const {DateTime} = luxon;
const NOW = DateTime.fromISO("2026-11-30T09:12:00Z");
const ANNA = "0192f0c1-0000-7000-8000-000000000007";
const SHARER = {id: 7, personId: ANNA, companies: "1,3"};

test("an address for others says whose figures, companies and when", () => {
    expect(sharedAddress({period: "this_year"}, SHARER, NOW)).toEqual({
        period: "this_year",
        view_as: ANNA,
        company: "1,3",
        shared_by: 7,
        shared_at: NOW.toSeconds(),
    });
    // The person looked at stays.
    expect(sharedAddress({view_as: "other"}, SHARER, NOW).view_as).toBe("other");
});

test("a shared address says who shared it, whoever has written it", () => {
    const {userId, at} = sharedFrom(sharedAddress({}, SHARER, NOW));
    expect(userId).toBe(7);
    expect(+at).toBe(+NOW);
    for (const params of [{}, {shared_by: "x"}, {shared_by: -1}, {shared_by: "1e12"}]) {
        expect(sharedFrom(params)).toBe(null);
    }
    for (const time of [undefined, "x", -1, 1e20]) {
        expect(sharedFrom({shared_by: "7", shared_at: time})).toEqual({
            userId: 7,
            at: null,
        });
    }
});

test("what was searched for is shared", () => {
    const domain = [["stage_id", "=", 3]];
    expect(sharedSearch(searchOf(domain))).toEqual([domain]);
    expect(searchOf([])).toBe(undefined);
    for (const text of [undefined, "", "x", "7", "[]", "{}", '["&"]', '[["a"]]']) {
        expect(sharedSearch(text)).toEqual([]);
    }
});
