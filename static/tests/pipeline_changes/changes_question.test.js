import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations} from "@web/../tests/web_test_helpers";

import {
    changesAddress,
    changesOfPeriod,
    changesParameters,
    changesQuestion,
    presetDay,
    presetLabels,
} from "@crm_cqrs/pipeline_changes/changes_question";

describe.current.tags("headless");
beforeEach(allowTranslations);

const {DateTime} = luxon;
const PERSON = "0192f0c1-2345-7678-9abc-def012345678";
const ALONE = {company: undefined, currencies: [], ownCurrency: "EUR"};
const OFFER = {company: "2,1", currencies: ["EUR", "USD"], ownCurrency: "EUR"};
/** A Wednesday */
const NOW = DateTime.fromISO("2026-11-25T01:30:00", {zone: "Europe/Paris"});

test("without an address the question is about this week", () => {
    const {since, team, scope, currency} = changesQuestion({}, ALONE);
    expect([since, team, scope, currency]).toEqual(["week", "now", "all", undefined]);
    expect(changesQuestion({}, OFFER).currency).toBe("EUR");
});

test("an address says the question, and the question the address", () => {
    const address = {
        from: "2026-10-01",
        to: "2026-10-31",
        team: "then",
        scope: "own",
        view_as: PERSON,
        stage: 3,
        kind: "lost",
        currency: "USD",
    };
    const question = changesQuestion(address, OFFER);
    expect(changesAddress(question)).toEqual({
        ...address,
        since: undefined,
        company: "2,1",
    });
    expect(changesQuestion(changesAddress(question), OFFER)).toEqual(question);
});

test("unknown choices are dropped", () => {
    const wrong = {
        since: "constructor",
        team: "toString",
        scope: "team",
        view_as: "7",
        stage: "1.5",
        kind: "start",
        currency: "XXX",
    };
    expect(changesQuestion(wrong, OFFER)).toEqual(changesQuestion({}, OFFER));
    for (const days of [
        {from: "2026-13-01"},
        {from: "20261101"},
        {from: "2026-11-02", to: "2026-11-01"},
        {to: "2026-11-01"},
    ]) {
        expect(changesQuestion(days, ALONE).since).toBe("week");
    }
});

test("the API is asked for presets or days, of all or of one person", () => {
    const asked = (address) => {
        const question = changesQuestion(address, ALONE);
        const {since, from, to, salesperson, team} = changesParameters(
            question,
            PERSON
        );
        return [since, from, to, salesperson, team];
    };
    expect(asked({})).toEqual(["week", undefined, undefined, undefined, undefined]);
    expect(asked({from: "2026-10-01", to: "2026-10-31", scope: "own"})).toEqual([
        undefined,
        "2026-10-01",
        "2026-10-31",
        PERSON,
        undefined,
    ]);
    expect(asked({since: "month", team: "then"})).toEqual([
        "month",
        undefined,
        undefined,
        undefined,
        "then",
    ]);
});

test("presets begin at the user's days", () => {
    const day = (...asked) => presetDay(...asked).toISODate();
    expect(day("yesterday", NOW, 1)).toBe("2026-11-24");
    expect(day("week", NOW, 1)).toBe("2026-11-23");
    expect(day("week", NOW, 7)).toBe("2026-11-22");
    expect(day("week", NOW, 3)).toBe("2026-11-25");
    expect(day("month", NOW, 1)).toBe("2026-11-01");
    expect(day("quarter", NOW, 1)).toBe("2026-10-01");
    expect(presetLabels(NOW, 1).week).toBe("Since Monday");
    expect(presetLabels(NOW, 7).week).toBe("Since Sunday");
});

test("a period of the dashboard has a window of changes", () => {
    const zone = "Europe/Paris";
    const of = (name, from, until, day) =>
        changesOfPeriod({name, from, until}, zone, day);
    const quarter = ["2026-09-30T22:00:00Z", "2026-12-31T23:00:00Z"];
    expect(of("this_quarter", ...quarter)).toEqual({since: "quarter"});
    expect(of("this_quarter", ...quarter, "2026-11-20")).toEqual({
        from: "2026-10-01",
        to: "2026-11-20",
    });
    expect(of("previous_quarter", ...quarter)).toEqual({
        from: "2026-10-01",
        to: "2026-12-31",
    });
    expect(of("this_year", "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z")).toEqual({
        from: "2026-01-01",
        to: undefined,
    });
    expect(changesOfPeriod(null, zone)).toEqual({since: "week"});
});
