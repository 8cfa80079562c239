import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations} from "@web/../tests/web_test_helpers";

import {DEFAULT_COLUMNS} from "@crm_cqrs/dashboard/columns";
import {
    dashboardQuestion,
    facetTexts,
    listQuestion,
} from "@crm_cqrs/take_along/list_question";

describe.current.tags("headless");
beforeEach(() => allowTranslations());

const VIEW = {scope: "all", status: "pending", sort: "-value"};
const FACETS = [
    {type: "field", title: "Tag", values: ["Big", "Small"]},
    {type: "filter", values: ["Mine"]},
    {type: "groupBy", title: "Stage", values: ["Stage"]},
];
const ME = {id: 7, name: "Anna", isOther: false};

test("the question of the dashboard's list is what the list shows", () => {
    expect(dashboardQuestion(VIEW, ME)).toEqual({
        domain: [
            ["status", "=", "pending"],
            ["active", "in", [true]],
        ],
        order: "value desc, id desc",
        columns: [],
        day: false,
        person: false,
        currency: false,
        title: "Opportunities",
        description: ["Open"],
    });
});

test("all choices are asked for", () => {
    const view = {
        scope: "team",
        status: "lost",
        sort: "closing_date",
        currency: "EUR",
        domain: '["|",["value",">",5],["tag_ids","in",[1]]]',
    };
    const question = dashboardQuestion(
        view,
        {...ME, isOther: true},
        facetTexts({facets: FACETS})
    );
    expect(question.domain).toEqual([
        ["status", "=", "lost"],
        ["active", "in", [true, false]],
        ["user_id", "!=", 7],
        "|",
        ["value", ">", 5],
        ["tag_ids", "in", [1]],
    ]);
    expect(question.order).toBe("closed_at asc, id asc");
    expect([question.person, question.currency]).toEqual([7, "EUR"]);
    expect(question.title).toBe("Opportunities (Anna)");
    expect(question.description).toEqual(["Lost", "Others", "Tag: Big, Small", "Mine"]);
    const any = dashboardQuestion({...VIEW, status: "any", scope: "own"}, ME);
    expect(any.domain).toEqual([
        ["active", "in", [true, false]],
        ["user_id", "=", 7],
    ]);
});

test("a file has the columns and the order of the list", () => {
    const view = {
        ...VIEW,
        columns: ["salesperson", "stage", "closing_date", "idle_days", "value"],
    };
    const names = ["name", "partner_name", "user_id", "stage_id"];
    expect(dashboardQuestion(view, ME).columns).toEqual([
        ...names,
        "closing_date",
        "idle_days",
        "value",
    ]);
    expect(dashboardQuestion({...view, status: "won"}, ME).columns[4]).toBe(
        "closed_at"
    );
    expect(dashboardQuestion({...VIEW, columns: DEFAULT_COLUMNS}, ME).columns).toEqual(
        []
    );
    const order = (sort) => dashboardQuestion({...VIEW, sort}, ME).order;
    // As the API has ties: what began at the same moment comes in the order of its ids.
    expect(order("-idle_days")).toBe("idle_days desc, id asc");
    expect(order("stage_days")).toBe("stage_days asc, id desc");
    expect(order("-pushes")).toBe("pushes desc, id desc");
    expect(order("stage")).toBe("stage_id asc, id asc");
    expect(order("-changed_at")).toBe("changed_at desc, id desc");
});

test("of a past day there is what the past knows", () => {
    const view = {
        ...VIEW,
        day: "2026-11-02",
        stage: 3,
        sort: "name",
        domain: '[["value",">",5]]',
    };
    const question = dashboardQuestion(view, ME, ["Mine"]);
    expect(question.day).toBe("2026-11-02");
    expect(question.domain).toEqual([
        ["status", "=", "pending"],
        ["active", "in", [true]],
        ["stage_id", "=", 3],
    ]);
    expect(question.order).toBe("value desc, id desc");
    expect(question.description).toEqual(["Open"]);
});

test("the question of a list of Odoo's has its order and columns", () => {
    const list = {
        domain: [["status", "in", ["won"]]],
        orderBy: [
            {name: "__count", asc: false},
            {name: "stage_id", asc: true},
        ],
        context: {cqrs_person: 7, cqrs_currency: undefined},
        columns: ["name", "value"],
        facets: ["Stage: New"],
        title: "Won",
    };
    expect(listQuestion(list)).toEqual({
        domain: [["status", "in", ["won"]]],
        order: "stage_id asc, id desc",
        person: 7,
        currency: false,
        columns: ["name", "value"],
        title: "Won",
        description: ["Stage: New"],
    });
    expect(listQuestion({...list, orderBy: []}).order).toBe("value desc, id desc");
});
