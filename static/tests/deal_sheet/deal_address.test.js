import {expect, test} from "@odoo/hoot";

import {dealOf, differsByDeal} from "@crm_cqrs/deal_sheet/deal_address";

test("an address has the id of a deal, or none", () => {
    const given = [{deal: "7"}, {deal: 7}, {deal: "x"}, {deal: "-1"}, {}, undefined];
    expect(given.map(dealOf)).toEqual([7, 7, ...Array(4).fill(undefined)]);
});

test("two states of one screen that differ by the deal", () => {
    const stateOf = (more, displayName = "Sales Dashboard") => {
        const action = {action: "sales-dashboard", sort: "name", ...more};
        return {...action, actionStack: [{...action, displayName}]};
    };
    const opened = stateOf({deal: 7});
    for (const [other, isSo] of [
        [stateOf({}), true],
        [stateOf({deal: "8", stage: undefined}, "Sales"), true],
        [stateOf({deal: 7}), false],
        [stateOf({deal: 8, sort: "-name"}), false],
        [stateOf({action: "pipeline-changes"}), false],
    ]) {
        expect(differsByDeal(opened, other)).toBe(isSo);
        expect(differsByDeal(other, opened)).toBe(isSo);
    }
});
