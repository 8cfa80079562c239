import {describe, expect, test} from "@odoo/hoot";

import {
    customerAddress,
    customerParameters,
    customerQuestion,
    customersAddress,
    customersParameters,
    customersQuestion,
    sortedBy,
} from "@crm_cqrs/customers/customers_question";

describe.current.tags("headless");

const PERSON = "0192f0c1-2345-7678-9abc-def012345678";
const ALONE = {company: undefined, currencies: [], ownCurrency: "EUR"};
const OFFER = {company: "2,1", currencies: ["EUR", "USD"], ownCurrency: "EUR"};

test("without an address the greatest customers come first", () => {
    expect(customersQuestion({}, ALONE)).toEqual({
        sort: "-won_revenue",
        search: "",
        overdue: false,
        viewAs: undefined,
        company: undefined,
        currency: undefined,
    });
    expect(customersQuestion({}, OFFER).currency).toBe("EUR");
});

test("an address says the question, and the question the address", () => {
    const address = {
        sort: "-overdue",
        search: "nile",
        overdue: true,
        view_as: PERSON,
        company: "2,1",
        currency: "USD",
    };
    const question = customersQuestion(address, OFFER);
    expect(customersAddress(question)).toEqual(address);
    expect(customersParameters(question)).toEqual({
        user: PERSON,
        company: "2,1",
        currency: "USD",
        sort: "-overdue",
        text: "nile",
        has_overdue: true,
    });
});

test("what nobody offers is dropped", () => {
    const question = customersQuestion(
        {
            sort: "-id; DROP",
            overdue: "maybe",
            view_as: "me",
            currency: "XXX",
            search: "x".repeat(300),
        },
        OFFER
    );
    expect([
        question.sort,
        question.overdue,
        question.viewAs,
        question.currency,
    ]).toEqual(["-won_revenue", false, undefined, "EUR"]);
    expect(question.search.length).toBe(200);
    expect(customersParameters(question).has_overdue).toBe(undefined);
});

test("a click sorts amounts from the greatest down, names from the first", () => {
    expect(sortedBy("name", "ordered")).toBe("-ordered");
    expect(sortedBy("-ordered", "ordered")).toBe("ordered");
    expect(sortedBy("ordered", "ordered")).toBe("-ordered");
    expect(sortedBy("-ordered", "name")).toBe("name");
    expect(sortedBy("name", "name")).toBe("-name");
});

test("the address of a customer", () => {
    const question = customerQuestion({account: "12", view_as: PERSON}, OFFER);
    expect(customerAddress(question)).toEqual({
        account: 12,
        view_as: PERSON,
        company: "2,1",
        currency: "EUR",
    });
    expect(customerParameters(question)).toEqual({
        user: PERSON,
        company: "2,1",
        currency: "EUR",
    });
    expect(customerQuestion({account: "all"}, ALONE).account).toBe(undefined);
});
