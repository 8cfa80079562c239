import {describe, expect, test} from "@odoo/hoot";

import {allowTranslations, patchWithCleanup} from "@web/../tests/web_test_helpers";
import {localization} from "@web/core/l10n/localization";

import {
    rangeName,
    recordsAddress,
    recordsQuestion,
} from "@crm_cqrs/dashboard/records_question";

describe.current.tags("headless");

const {DateTime} = luxon;
const PERSON = "0192f0c1-2345-7678-9abc-def012345678";
const FIELDS = {
    user_id: {type: "many2one", groupable: true, sortable: true},
    closed_at: {type: "datetime", groupable: true, sortable: true},
    viewer_id: {type: "many2one", groupable: false, sortable: false},
};
const DEFAULT = {
    figure: "pipeline",
    viewAs: undefined,
    scope: "all",
    currency: undefined,
    range: null,
    day: undefined,
    stageId: undefined,
    ownerId: undefined,
    groupBy: ["stage_id"],
    orderBy: [],
};

/** Return a question as the address of another browser gives it. */
function shared(question) {
    const texts = Object.entries(recordsAddress(question)).filter(
        ([, value]) => value !== undefined
    );
    const query = new URLSearchParams(texts);
    return recordsQuestion(Object.fromEntries(query), FIELDS, ["EUR"]);
}

function days(from, to, zone = "America/Los_Angeles") {
    const [first, end] = [from, to].map((day) => DateTime.fromISO(day, {zone}));
    return {from: first, to: end};
}

test("an address gives the question again", () => {
    const question = {
        figure: "won",
        viewAs: PERSON,
        scope: "own",
        currency: "EUR",
        range: days("2026-10-01", "2027-01-01"),
        day: undefined,
        stageId: undefined,
        ownerId: 7,
        groupBy: ["user_id", "closed_at:month"],
        orderBy: [
            {name: "closed_at", asc: false},
            {name: "user_id", asc: true},
        ],
    };
    expect(recordsAddress(question)).toEqual({
        figure: "won",
        view_as: PERSON,
        scope: "own",
        currency: "EUR",
        from: "2026-10-01",
        to: "2026-12-31",
        tz: "America/Los_Angeles",
        day: undefined,
        stage: undefined,
        owner: 7,
        group: "user_id,closed_at:month",
        sort: "-closed_at,user_id",
    });
    const {range, ...rest} = shared(question);
    const {range: asked, ...others} = question;
    expect(rest).toEqual(others);
    // In whichever zone the reader is.
    expect(+range.from).toBe(+asked.from);
    expect(+range.to).toBe(+asked.to);
    const overdue = {...DEFAULT, figure: "overdue", day: "2026-11-29"};
    expect(shared(overdue).day).toBe("2026-11-29");
    for (const stageId of [3, false]) {
        const {stageId: given, groupBy} = shared({...DEFAULT, stageId, groupBy: []});
        expect(given).toBe(stageId);
        expect(groupBy).toEqual([]);
    }
});

test("unknown choices of an address are left out", () => {
    expect(recordsQuestion({}, FIELDS, ["EUR"])).toEqual(DEFAULT);
    const wrong = {
        figure: "constructor",
        view_as: "7",
        scope: "valueOf",
        currency: "XXX",
        from: "2026-10-01",
        to: "2026-12-31",
        stage: "1.5",
        owner: "-7",
        sort: "viewer_id,-nothing,constructor,--user_id",
    };
    expect(recordsQuestion(wrong, FIELDS, ["EUR"])).toEqual(DEFAULT);
    const group =
        "viewer_id,nothing,closed_at:hour,user_id:month,closed_at:month:1,user_id";
    expect(recordsQuestion({group}, FIELDS, ["EUR"]).groupBy).toEqual(["user_id"]);
    const won = {figure: "won", from: "2026-10-01", to: "2026-12-31", tz: "UTC"};
    expect(recordsQuestion(won, FIELDS, ["EUR"]).range).not.toBe(null);
    for (const part of [
        {from: "x"},
        {to: undefined},
        {to: "2026-09-30"},
        {tz: "Mars"},
    ]) {
        expect(recordsQuestion({...won, ...part}, FIELDS, ["EUR"]).range).toBe(null);
    }
    expect(recordsQuestion({...won, stage: 3}, FIELDS, ["EUR"]).stageId).toBe(
        undefined
    );
});

test("days are named after their month, across a change of the clock, or by themselves", () => {
    allowTranslations();
    patchWithCleanup(localization, {dateFormat: "MM/dd/yyyy"});
    expect(rangeName(days("2026-11-01", "2026-12-01"))).toBe("November 2026");
    expect(rangeName(days("2026-11-02", "2026-11-03"))).toBe("11/02/2026");
    expect(rangeName(days("2026-11-02", "2026-11-09"))).toBe(
        "11/02/2026 to 11/08/2026"
    );
    expect(rangeName(days("2026-10-01", "2027-01-01"))).toBe(
        "10/01/2026 to 12/31/2026"
    );
});
