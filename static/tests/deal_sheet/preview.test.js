import {expect, test} from "@odoo/hoot";

import {previewOf} from "@crm_cqrs/deal_sheet/preview";

test("what a row says of a deal, and no more", () => {
    const item = {
        odoo_id: 7,
        name: "Desks",
        partner: {name: "Nile"},
        stage: {name: "New"},
        salesperson: null,
        closing_date: null,
        value: 5,
        currency: "USD",
    };
    const {id, name, facts} = previewOf(item);
    expect([id, name]).toEqual([7, "Desks"]);
    expect(facts.map(({label}) => String(label))).toEqual([
        "Value",
        "Customer",
        "Stage",
    ]);
    expect(facts.slice(1).map(({text}) => text)).toEqual(["Nile", "New"]);
    expect(previewOf({odoo_id: 7, name: "Desks"}).facts).toEqual([]);
});
