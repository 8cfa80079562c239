import {describe, expect, test} from "@odoo/hoot";

import {DEFAULT_COLUMNS} from "@crm_cqrs/dashboard/columns";
import {companyIds} from "@crm_cqrs/dashboard/companies";
import {
    addressOf,
    figureParameters,
    followed,
    initialView,
    isSortable,
    opportunityParameters,
    outdatedBy,
    rememberedChoices,
    switched,
    wonChoice,
} from "@crm_cqrs/dashboard/choices";

describe.current.tags("headless");

const ALONE = {company: undefined, currencies: [], ownCurrency: "EUR"};
const OFFER = {company: "2,1", currencies: ["EUR", "USD"], ownCurrency: "EUR"};
const TODAY = {...ALONE, today: "2026-11-29"};
const DEFAULT = {
    viewAs: undefined,
    day: undefined,
    stage: undefined,
    facets: [],
    groupBy: [],
    columns: DEFAULT_COLUMNS,
    domain: undefined,
    formerStatus: undefined,
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
    expect(initialView({}, {}, OFFER)).toEqual({
        ...DEFAULT,
        company: "2,1",
        currency: "EUR",
    });
    // As an older address has it.
    expect(initialView({period: "year"}, {}, ALONE).period).toBe("this_year");
});

test("the address precedes the memory, which precedes the default", () => {
    const view = initialView(
        {scope: "team", view_as: PERSON, group: "user_id,id", search: '["mine"]'},
        {scope: "own", period: "this_year", currency: "USD", viewAs: PERSON},
        OFFER
    );
    expect(view).toEqual({
        ...DEFAULT,
        scope: "team",
        period: "this_year",
        viewAs: PERSON,
        groupBy: ["user_id"],
        facets: ["mine"],
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
    const view = {...DEFAULT, company: "2,1", currency: "EUR"};
    expect(initialView(wrong, wrong, OFFER)).toEqual(view);
    expect(initialView({company: 1, currency: "USD"}, {}, ALONE)).toEqual(DEFAULT);
    for (const sort of ["va-lue", "--value", "-"]) {
        expect(initialView({sort}, {}, ALONE).sort).toBe("-value");
    }
    for (const stage of ["1.5", "-1", "0", "1,2", 2 ** 31]) {
        expect(initialView({stage}, {}, ALONE)).toEqual(DEFAULT);
    }
});

test("words and stage of an older address are facets", () => {
    const {facets, stage} = initialView({stage: "3", search: "desk"}, {}, ALONE);
    expect(facets).toEqual([
        ["search_text", "ilike", "desk"],
        ["stage_id", "=", 3],
    ]);
    expect(stage).toBe(undefined);
    // Beside the list of a past day there is a box for it.
    const past = initialView({stage: "3", day: "2026-11-28"}, {}, TODAY);
    expect([past.stage, past.facets]).toEqual([3, []]);
});

test("the address and the memory give the view again", () => {
    const view = initialView(
        {
            view_as: PERSON,
            sort: "name",
            currency: "USD",
            group: "stage_id,user_id",
            search: '["mine",["user_id","=",7],{"domain":[["value",">",5]]}]',
        },
        {},
        OFFER
    );
    expect(view.facets.length).toBe(3);
    expect(initialView(addressOf(view), {}, OFFER)).toEqual(view);
    expect(addressOf(view).company).toBe("2,1");
    const own = {...view, viewAs: undefined, facets: [], groupBy: []};
    expect(initialView({}, rememberedChoices(view, OFFER), OFFER)).toEqual(own);
});

test("the currency is that of the current company, unless another is chosen", () => {
    const other = {...OFFER, company: "1", ownCurrency: "USD"};
    const view = initialView({}, {}, OFFER);
    expect(switched(view, OFFER, other)).toEqual({company: "1", currency: "USD"});
    const chosen = {...view, currency: "GBP"};
    expect(switched(chosen, OFFER, other)).toEqual({company: "1", currency: "GBP"});
    const visitedAgain = initialView({}, rememberedChoices(view, OFFER), other);
    expect(visitedAgain.currency).toBe("USD");
    expect(switched(DEFAULT, ALONE, ALONE).currency).toBe(undefined);
});

test("the status that a month has taken comes back with its facet", () => {
    const month = ["closing_month", "=", "2026-11"];
    const view = {...DEFAULT, ...followed(DEFAULT, wonChoice(DEFAULT))};
    expect([view.status, view.formerStatus]).toEqual(["won", "pending"]);
    expect(initialView(addressOf(view), {}, ALONE)).toEqual(view);
    expect(rememberedChoices(view, ALONE).status).toBe("pending");
    // Another month changes nothing more.
    expect(wonChoice(view)).toEqual({});
    expect(followed(view, {facets: ["mine", month]}).status).toBe(undefined);
    const back = {facets: ["mine"], status: "pending", formerStatus: undefined};
    expect(followed(view, {facets: ["mine"]})).toEqual(back);
    // A status that the user has chosen stays.
    const chosen = {...view, ...followed(view, {status: "lost"})};
    expect(followed(chosen, {facets: []}).status).toBe(undefined);
    expect(initialView({former_status: "x"}, {}, ALONE)).toEqual(DEFAULT);
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
    const view = {
        ...DEFAULT,
        viewAs: PERSON,
        domain: '[["value",">",5]]',
        company: "2,1",
        currency: "USD",
    };
    expect(figureParameters(view)).toEqual({
        company: "2,1",
        currency: "USD",
        as_of: undefined,
    });
    expect(opportunityParameters(view)).toEqual({
        user: PERSON,
        scope: "all",
        company: "2,1",
        currency: "USD",
        sort: "-value",
        stage: undefined,
        domain: '[["value",">",5]]',
        as_of: undefined,
        status: "pending",
    });
    // Lost opportunities are archived as a rule.
    expect(opportunityParameters({...view, status: "lost"}).archived).toBe("any");
    expect(opportunityParameters({...view, status: "any"}).status).toBe(undefined);
});

test("by day, the order is that of the day that the column shows", () => {
    const order = (status) => {
        const {sort} = opportunityParameters({
            ...DEFAULT,
            sort: "-closing_date",
            status,
        });
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
    const outdated = (choice) => outdatedBy(DEFAULT, {...DEFAULT, ...choice});
    expect(outdated({viewAs: PERSON, period: "this_year"})).toBe("all");
    expect(outdated({company: "1"})).toBe("all");
    expect(outdated({period: "this_year"})).toBe("some");
    expect(outdated({currency: "USD"})).toBe("some");
    expect(outdated({domain: "[]"})).toBe("some");
    expect(outdated({scope: "own", sort: "name", status: "won"})).toBe("none");
});

test("a past day is in the address, and asked of figures and lists", () => {
    const offer = {...OFFER, today: "2026-11-29"};
    const view = {
        ...initialView({day: "2026-11-28", sort: "name"}, {}, offer),
        domain: '[["value",">",5]]',
    };
    expect(view.day).toBe("2026-11-28");
    expect(addressOf(view).day).toBe("2026-11-28");
    expect(Object.keys(rememberedChoices(view, offer))).not.toInclude("day");
    expect(figureParameters(view).as_of).toBe("2026-11-28");
    const asked = opportunityParameters(view);
    // The past has neither names to sort by nor words to search.
    expect([asked.as_of, asked.sort, asked.domain]).toEqual([
        "2026-11-28",
        "-value",
        undefined,
    ]);
    expect(opportunityParameters({...view, sort: "closing_date"}).sort).toBe(
        "closing_date"
    );
    expect(outdatedBy(view, {...view, day: undefined})).toBe("all");
});

test("a day that is not past, or none, is dropped", () => {
    for (const day of [
        "2026-11-29",
        "2027-01-01",
        "2026-02-30",
        "yesterday",
        "2026-1-1",
        7,
    ]) {
        expect(initialView({day}, {}, {...OFFER, today: "2026-11-29"}).day).toBe(
            undefined
        );
    }
});

test("the orders of a past list are those that the past has", () => {
    const past = {day: "2026-11-28", status: "pending"};
    const names = ["value", "name", "stage", "closing_date", undefined];
    const sortable = (view) => names.map((name) => isSortable(view, name));
    expect(sortable(past)).toEqual([true, false, true, true, false]);
    expect(sortable({...past, status: "won"})).toEqual([
        true,
        false,
        true,
        false,
        false,
    ]);
    expect(sortable({status: "won"})).toEqual([true, true, true, true, true]);
});
