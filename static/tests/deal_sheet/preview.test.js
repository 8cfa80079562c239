import {describe, expect, test} from "@odoo/hoot";

import {previewOf} from "@crm_cqrs/deal_sheet/preview";

describe.current.tags("headless");

test("what a row says of a deal, and no more", () => {
    const item = {
        odoo_id: 7,
        name: "Desks",
        partner: {name: "Nile"},
        stage: {name: "New"},
        salesperson: null,
        closing_date: null,
    };
    const {id, name, facts} = previewOf(item);
    expect([id, name]).toEqual([7, "Desks"]);
    expect(facts.map(({text}) => text)).toEqual(["Nile", "New"]);
    expect(previewOf({odoo_id: 7, name: "Desks"}).facts).toEqual([]);
});
