import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations} from "@web/../tests/web_test_helpers";

import {agesOf, columnsOf, hasAges, summaryOf} from "@crm_cqrs/customers/figures";

describe.current.tags("headless");
beforeEach(allowTranslations);

const OPEN = (amount, count = 1) => ({amount, count});
const NOTHING = OPEN(0, 0);
const AGEING = {
    not_due: OPEN(100),
    "0_30": OPEN(50),
    "31_60": NOTHING,
    "61_90": OPEN(-200),
    over_90: NOTHING,
};

test("what may not be read has no column", () => {
    const names = (figures) => columnsOf(figures).map(({name}) => name);
    expect(names({pipeline_value: 1, won_revenue: 0, lost: 2})).toEqual([
        "pipeline_value",
        "won_revenue",
    ]);
    expect(
        names({won_revenue: 1, ordered: 1, invoiced: 1, paid: 1, open: 1, overdue: 0})
    ).toEqual(["won_revenue", "ordered", "invoiced", "open", "overdue"]);
});

test("figures stand in the order of a deal's story, with how many they are of", () => {
    const summary = summaryOf({
        overdue: 5,
        won_revenue: 30,
        won: 2,
        pipeline_value: 10,
        active_opportunities: 1,
    });
    expect(summary.map(({name, amount, count}) => [name, amount, count])).toEqual([
        ["pipeline_value", 10, 1],
        ["won_revenue", 30, 2],
        ["overdue", 5, undefined],
    ]);
    expect(summary.map(({isAlert}) => isAlert)).toEqual([false, false, true]);
    expect(summaryOf({overdue: 0})[0].isAlert).toBe(false);
});

test("each bar is as wide as its part of the greatest, credits too", () => {
    const ages = agesOf(AGEING);
    expect(ages.map(({width}) => width)).toEqual([50, 25, 0, 100, 0]);
    expect(ages.map(({isNegative}) => isNegative)).toEqual([
        false,
        false,
        false,
        true,
        false,
    ]);
    expect(String(ages[4].label)).toBe("Over 90 days");
});

test("nothing open has no bars", () => {
    const nothing = Object.fromEntries(
        Object.keys(AGEING).map((name) => [name, NOTHING])
    );
    expect(agesOf(nothing).map(({width}) => width)).toEqual([0, 0, 0, 0, 0]);
    expect([hasAges(nothing), hasAges(undefined), hasAges(AGEING)]).toEqual([
        false,
        false,
        true,
    ]);
});
