import { describe, expect, test } from "@odoo/hoot";

import {
    addressOf,
    companyOption,
    figureParameters,
    initialView,
    opportunityParameters,
    outdatedBy,
    rememberedChoices,
} from "@crm_cqrs/dashboard/choices";

describe.current.tags("headless");

const ALONE = { companies: [], currencies: [], ownCurrency: "EUR" };
const OFFER = { companies: [{ id: 1 }, { id: 2 }], currencies: ["EUR", "USD"], ownCurrency: "EUR" };
const DEFAULT = {
    viewAs: undefined,
    stage: undefined,
    search: "",
    scope: "all",
    period: "quarter",
    sort: "-value",
    status: "pending",
    company: "all",
    currency: undefined,
};
const PERSON = "0192f0c1-2345-7678-9abc-def012345678";

test("without an address or a memory the defaults hold", () => {
    expect(initialView({}, {}, ALONE)).toEqual(DEFAULT);
    expect(initialView({}, {}, OFFER)).toEqual({ ...DEFAULT, currency: "EUR" });
});

test("the address precedes the memory, which precedes the default", () => {
    const view = initialView(
        { scope: "team", view_as: PERSON, stage: "3", search: "desk", company: 2 },
        { scope: "own", period: "year", currency: "USD", viewAs: PERSON },
        OFFER
    );
    expect(view).toEqual({
        ...DEFAULT,
        scope: "team",
        period: "year",
        viewAs: PERSON,
        stage: 3,
        search: "desk",
        company: 2,
        currency: "USD",
    });
});

test("values that are no options are ignored", () => {
    const wrong = {
        scope: "constructor",
        period: "decade",
        sort: "probability",
        status: 7,
        company: 3,
        currency: "XXX",
        view_as: "7",
        stage: "x",
    };
    expect(initialView(wrong, wrong, OFFER)).toEqual({ ...DEFAULT, currency: "EUR" });
    expect(initialView({ company: 1, currency: "USD" }, {}, ALONE)).toEqual(DEFAULT);
    expect(initialView({ search: "a".repeat(300) }, {}, ALONE).search.length).toBe(200);
});

test("the address and the memory give the view again", () => {
    const view = initialView({ view_as: PERSON, sort: "name", company: 2 }, {}, OFFER);
    expect(initialView(addressOf(view, OFFER), {}, OFFER)).toEqual(view);
    expect(addressOf({ ...view, company: "all" }, ALONE).company).toBe(undefined);
    const own = { ...view, viewAs: undefined };
    expect(initialView({}, rememberedChoices(view), OFFER)).toEqual(own);
});

test("parameters of the API follow from the view", () => {
    const view = { ...DEFAULT, viewAs: PERSON, search: "desk", currency: "USD" };
    expect(figureParameters(view)).toEqual({ company: undefined, currency: "USD" });
    expect(figureParameters({ ...view, company: companyOption("2") }).company).toBe(2);
    expect(companyOption("all")).toBe("all");
    expect(opportunityParameters(view)).toEqual({
        user: PERSON,
        scope: "all",
        company: undefined,
        sort: "-value",
        stage: undefined,
        text: "desk",
        status: "pending",
    });
    // Lost opportunities are archived as a rule.
    expect(opportunityParameters({ ...view, status: "lost" }).archived).toBe("any");
    expect(opportunityParameters({ ...view, status: "any" }).status).toBe(undefined);
});

test("a choice makes all, some or none of the figures wrong", () => {
    const outdated = (choice) => outdatedBy(DEFAULT, { ...DEFAULT, ...choice });
    expect(outdated({ viewAs: PERSON, period: "year" })).toBe("all");
    expect(outdated({ company: 2 })).toBe("all");
    expect(outdated({ period: "year" })).toBe("some");
    expect(outdated({ currency: "USD" })).toBe("some");
    expect(outdated({ scope: "own", sort: "name", status: "won", search: "desk" })).toBe("none");
});
