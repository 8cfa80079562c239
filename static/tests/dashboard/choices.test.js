import { describe, expect, test } from "@odoo/hoot";

import { companyIds } from "@crm_cqrs/dashboard/companies";
import {
    addressOf,
    figureParameters,
    initialView,
    opportunityParameters,
    outdatedBy,
    rememberedChoices,
    switched,
} from "@crm_cqrs/dashboard/choices";

describe.current.tags("headless");

const ALONE = { company: undefined, currencies: [], ownCurrency: "EUR" };
const OFFER = { company: "2,1", currencies: ["EUR", "USD"], ownCurrency: "EUR" };
const DEFAULT = {
    viewAs: undefined,
    stage: undefined,
    search: "",
    scope: "all",
    period: "this_quarter",
    sort: "-value",
    status: "pending",
    company: undefined,
    currency: undefined,
};
const PERSON = "0192f0c1-2345-7678-9abc-def012345678";

test("without an address or a memory the defaults hold", () => {
    expect(initialView({}, {}, ALONE)).toEqual(DEFAULT);
    expect(initialView({}, {}, OFFER)).toEqual({ ...DEFAULT, company: "2,1", currency: "EUR" });
    // As an older address has it.
    expect(initialView({ period: "year" }, {}, ALONE).period).toBe("this_year");
});

test("the address precedes the memory, which precedes the default", () => {
    const view = initialView(
        { scope: "team", view_as: PERSON, stage: "3", search: "desk" },
        { scope: "own", period: "this_year", currency: "USD", viewAs: PERSON },
        OFFER
    );
    expect(view).toEqual({
        ...DEFAULT,
        scope: "team",
        period: "this_year",
        viewAs: PERSON,
        stage: 3,
        search: "desk",
        company: "2,1",
        currency: "USD",
    });
});

test("values that are no options are ignored", () => {
    const wrong = {
        scope: "constructor",
        period: "decade",
        sort: "probability",
        status: 7,
        company: "3",
        currency: "XXX",
        view_as: "7",
        stage: "x",
    };
    const view = { ...DEFAULT, company: "2,1", currency: "EUR" };
    expect(initialView(wrong, wrong, OFFER)).toEqual(view);
    expect(initialView({ company: 1, currency: "USD" }, {}, ALONE)).toEqual(DEFAULT);
    for (const sort of ["va-lue", "--value", "-"]) {
        expect(initialView({ sort }, {}, ALONE).sort).toBe("-value");
    }
    for (const stage of ["1.5", "-1", "0", "1,2", 2 ** 31]) {
        expect(initialView({ stage }, {}, ALONE).stage).toBe(undefined);
    }
    expect(initialView({ search: "a".repeat(300) }, {}, ALONE).search.length).toBe(200);
});

test("the address and the memory give the view again", () => {
    const view = initialView({ view_as: PERSON, sort: "name", currency: "USD" }, {}, OFFER);
    expect(initialView(addressOf(view), {}, OFFER)).toEqual(view);
    expect(addressOf(view).company).toBe("2,1");
    const own = { ...view, viewAs: undefined };
    expect(initialView({}, rememberedChoices(view, OFFER), OFFER)).toEqual(own);
});

test("the currency is that of the current company, unless another is chosen", () => {
    const other = { ...OFFER, company: "1", ownCurrency: "USD" };
    const view = initialView({}, {}, OFFER);
    expect(switched(view, OFFER, other)).toEqual({ company: "1", currency: "USD" });
    const chosen = { ...view, currency: "GBP" };
    expect(switched(chosen, OFFER, other)).toEqual({ company: "1", currency: "GBP" });
    const visitedAgain = initialView({}, rememberedChoices(view, OFFER), other);
    expect(visitedAgain.currency).toBe("USD");
    expect(switched(DEFAULT, ALONE, ALONE).currency).toBe(undefined);
});

test("companies of an address are those among which the user may choose", () => {
    expect(companyIds("3,1", [1, 2, 3])).toEqual([3, 1]);
    expect(companyIds(3, [1, 2, 3])).toEqual([3]);
    expect(companyIds("3,4,3,1", [1, 3])).toEqual([3, 1]);
    for (const text of [undefined, "", "all", "1.5", "constructor", ","]) {
        expect(companyIds(text, [1, 2])).toEqual([]);
    }
});

test("parameters of the API follow from the view", () => {
    const view = { ...DEFAULT, viewAs: PERSON, search: "desk", company: "2,1", currency: "USD" };
    expect(figureParameters(view)).toEqual({ company: "2,1", currency: "USD" });
    expect(opportunityParameters(view)).toEqual({
        user: PERSON,
        scope: "all",
        company: "2,1",
        currency: "USD",
        sort: "-value",
        stage: undefined,
        text: "desk",
        status: "pending",
    });
    // Lost opportunities are archived as a rule.
    expect(opportunityParameters({ ...view, status: "lost" }).archived).toBe("any");
    expect(opportunityParameters({ ...view, status: "any" }).status).toBe(undefined);
});

test("by day, the order is that of the day that the column shows", () => {
    const order = (status) => {
        const { sort } = opportunityParameters({ ...DEFAULT, sort: "-closing_date", status });
        return sort;
    };
    expect(["pending", "any", "won", "lost"].map(order)).toEqual([
        "-closing_date",
        "-closing_date",
        "-closed_at",
        "-closed_at",
    ]);
});

test("a choice makes all, some or none of the figures wrong", () => {
    const outdated = (choice) => outdatedBy(DEFAULT, { ...DEFAULT, ...choice });
    expect(outdated({ viewAs: PERSON, period: "this_year" })).toBe("all");
    expect(outdated({ company: "1" })).toBe("all");
    expect(outdated({ period: "this_year" })).toBe("some");
    expect(outdated({ currency: "USD" })).toBe("some");
    expect(outdated({ scope: "own", sort: "name", status: "won", search: "desk" })).toBe("none");
});
