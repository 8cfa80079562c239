import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations, patchWithCleanup} from "@web/../tests/web_test_helpers";

import {localization} from "@web/core/l10n/localization";
import {user} from "@web/core/user";

import {latestOf, tell} from "@crm_cqrs/dashboard/latest";

describe.current.tags("headless");
beforeEach(() => {
    allowTranslations();
    patchWithCleanup(user, {lang: "en-US"});
    patchWithCleanup(localization, {direction: "ltr"});
});

const change = (id, fields, names = {}) => ({
    id,
    fields,
    deal: `Deal ${id}`,
    customer: "",
    person: "",
    ...names,
});
const news = (changes, rest = {}) => ({
    changes,
    hasLeft: false,
    isPart: false,
    ...rest,
});
const said = (told, difference = -1340) => {
    const format = (amount) => `$${amount}`;
    const {amount, text, title} = latestOf(difference, told, format, format);
    // Names are set apart, whichever way their script runs.
    return [amount, text, title].map((each) => each.replace(/[\u2068\u2069]/g, ""));
};

test("a change says how much, whose and by whom", () => {
    const names = {customer: "Tramontana Glass", person: "Mitchell Admin"};
    const told = tell(null, "pipeline", news([change(1, ["expected_revenue"], names)]));
    expect(said(told)).toEqual([
        "\u2212$1340",
        ", Tramontana Glass, Mitchell Admin",
        "\u2212$1340, Deal 1, Tramontana Glass, Mitchell Admin",
    ]);
    expect(latestOf(-1, told, String, String).tone).toBe("text-danger");
    expect(latestOf(1, told, String, String).tone).toBe("text-success");
});

test("a deal without a customer has its own name", () => {
    const told = tell(null, "pipeline", news([change(1, null)]));
    expect(said(told, 5)[1]).toBe(", Deal 1");
});

test("each tile tells of what its figure follows from", () => {
    const changes = news([
        change(1, ["probability"]),
        change(2, ["won_status", "date_closed"]),
        change(3, ["name"]),
        change(4, null),
    ]);
    const ids = (name) => tell(null, name, changes).changes.map(({id}) => id);
    expect(ids("pipeline")).toEqual([2, 4]);
    expect(ids("weighted")).toEqual([1, 2, 4]);
    expect(ids("won")).toEqual([2, 4]);
    expect(ids("active")).toEqual([2, 4]);
    expect(ids("win_rate")).toEqual([2, 4]);
});

test("what nobody has seen adds up, the last one first", () => {
    const first = tell(null, "active", news([change(1, null), change(2, null)]));
    const told = tell(first, "active", news([change(2, null), change(3, null)]));
    expect(told.changes.map(({id}) => id)).toEqual([2, 3, 1]);
    expect(said(told)[1]).toBe(", Deal 2, 2 more");
    const many = Array.from({length: 25}, (_, id) => change(id, null));
    expect(said(tell(null, "active", news(many)))[1]).toBe(", Deal 0, and others");
});

test("what is not known is not said", () => {
    const none = news([]);
    expect(said(tell(null, "pipeline", none))).toEqual([
        "\u2212$1340",
        "",
        "\u2212$1340",
    ]);
    expect(said(null)).toEqual(["\u2212$1340", "", "\u2212$1340"]);
    const left = tell(null, "pipeline", news([], {hasLeft: true}));
    expect(said(left)[1]).toBe(", an opportunity that left your view");
    const part = tell(null, "pipeline", news([change(1, null)], {isPart: true}));
    expect(said(part)[1]).toBe(", Deal 1, and others");
});

test("the sign stays before its number, right to left", () => {
    patchWithCleanup(localization, {direction: "rtl"});
    expect(latestOf(-5, null, String, String).amount).toBe("\u2066\u22125\u2069");
});
