import {describe, expect, test} from "@odoo/hoot";

import {
    applyFacets,
    applyGroups,
    facetsOf,
    parseFacets,
    parseGroups,
    recordIds,
} from "@crm_cqrs/search/facets";

describe.current.tags("headless");

/** A search model of Odoo's as far as facets know it. */
function model() {
    const items = [
        {id: 1, type: "field", fieldName: "search_text"},
        {id: 2, type: "field", fieldName: "user_id"},
        {id: 3, type: "filter", name: "mine", domain: "[('user_id', '=', uid)]"},
        {id: 4, type: "dateFilter", name: "closing"},
        {id: 5, type: "groupBy", fieldName: "stage_id"},
        {id: 6, type: "favorite", domain: "[('value', '>', 5)]"},
    ];
    return {
        searchItems: Object.fromEntries(items.map((item) => [item.id, item])),
        query: [],
        domainEvalContext: {uid: 7},
        added: [],
        splitAndAddDomain(domain) {
            this.added.push(domain);
        },
    };
}

test("an address gives the facets again, and words of older ones are one", () => {
    const facets = [
        "mine",
        "closing/year",
        ["user_id", "=", 7],
        {domain: [["id", "=", 1]]},
    ];
    expect(parseFacets(JSON.stringify(facets))).toEqual(facets);
    expect(parseFacets("desk 7")).toEqual([["search_text", "ilike", "desk 7"]]);
    // The router reads digits as a number.
    expect(parseFacets(12)).toEqual([["search_text", "ilike", "12"]]);
    expect(parseFacets("x".repeat(300))[0][2].length).toBe(200);
    for (const nothing of [undefined, null, "", "[]"]) {
        expect(parseFacets(nothing)).toEqual([]);
    }
});

test("what is no facet is dropped", () => {
    const wrong = [
        7,
        null,
        [],
        ["a", "="],
        ["a", "=", {}],
        {domain: "x"},
        {},
        ["a", 1, 2],
    ];
    expect(parseFacets(JSON.stringify(wrong))).toEqual([]);
    expect(parseFacets(JSON.stringify(Array(60).fill("mine"))).length).toBe(50);
});

test("groups are those that have sums, at most two", () => {
    expect(parseGroups("stage_id,user_id,team_id")).toEqual(["stage_id", "user_id"]);
    expect(parseGroups("constructor,stage_id,stage_id")).toEqual(["stage_id"]);
    expect(parseGroups(undefined)).toEqual([]);
});

test("facets of a search model are those that were put in", async () => {
    const search = model();
    await applyFacets(
        search,
        [
            "mine",
            "closing/year",
            ["user_id", "=", 7],
            ["user_id", "=", 8],
            ["search_text", "ilike", "desk"],
            ["no_field", "=", 1],
            "no_filter",
            {domain: [["value", ">", 5]]},
        ],
        {user_id: {7: "Mitchell"}}
    );
    applyGroups(search, ["stage_id", "no_group"]);
    expect(search.added).toEqual([[["value", ">", 5]]]);
    const labels = search.query.map(({autocompleteValue}) => autocompleteValue?.label);
    expect(labels).toEqual([undefined, undefined, "Mitchell", "desk", undefined]);
    search.query.push({searchItemId: 6});
    // A person whom the reader may not see is left out.
    expect(facetsOf(search)).toEqual([
        "mine",
        "closing/year",
        ["user_id", "=", 7],
        ["search_text", "ilike", "desk"],
        {domain: [["value", ">", 5]]},
    ]);
});

test("records in facets are looked up by their field", () => {
    const fields = {user_id: {relation: "res.users"}, value: {}};
    const facets = [
        "mine",
        ["user_id", "=", 7],
        ["user_id", "ilike", "x"],
        ["value", ">=", 7],
    ];
    expect(recordIds(facets, fields)).toEqual({user_id: [7]});
});
