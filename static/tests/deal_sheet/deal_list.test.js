import {expect, test} from "@odoo/hoot";

import {DealList} from "@crm_cqrs/deal_sheet/deal_list";

test("a place in the list, and the neighbours", async () => {
    const list = new DealList(7, [5, 7, 9]);
    expect([list.id, list.position, list.total]).toEqual([7, 2, 3]);
    expect(await list.neighbour(-1)).toBe(5);
    expect(await list.neighbour(1)).toBe(9);
    list.go(9);
    expect([list.position, list.has(-1), list.has(1)]).toEqual([3, true, false]);
    expect(await list.neighbour(1)).toBe(undefined);
});

test("one that the list does not have comes first", () => {
    const list = new DealList(1, [5, 7]);
    expect([list.ids, list.position, list.total]).toEqual([[1, 5, 7], 1, 3]);
    expect([list.isPlaced, new DealList(5, [5, 7]).isPlaced]).toEqual([false, true]);
});

test("the list goes on to its next page", async () => {
    const pages = [
        [5, 7, 9],
        [5, 7, 9, 11],
        [5, 7, 9, 11],
    ];
    const list = new DealList(7, [5, 7], {total: 615, more: async () => pages.shift()});
    expect([list.total, list.has(1)]).toEqual([615, true]);
    expect(await list.neighbour(1)).toBe(9);
    list.go(9);
    expect(await list.neighbour(1)).toBe(11);
    list.go(11);
    // Some have left the list since: it ends here.
    expect(await list.neighbour(1)).toBe(undefined);
    expect([list.position, list.total, list.has(1)]).toEqual([4, 4, false]);
});

test("what the list has counted but cannot read more of is not promised", () => {
    const list = new DealList(5, [5, 7], {total: 615});
    expect(list.total).toBe(2);
});
