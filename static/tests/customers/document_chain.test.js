import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations} from "@web/../tests/web_test_helpers";

import {
    chainOf,
    documentsBehind,
    hasDocuments,
} from "@crm_cqrs/customers/document_chain";

describe.current.tags("headless");
beforeEach(allowTranslations);

const {DateTime} = luxon;
const WON = {won: 2, won_revenue: 500};
const DOCUMENTS = {
    ordered: {count: 3, amount: 450},
    invoiced: {count: 2, amount: 300},
    paid: {count: 2, amount: 120},
    overdue_invoices: {count: 1, amount: 40},
};
const day = (text) => DateTime.fromISO(text, {zone: "Europe/Paris"});
const RANGE = {from: day("2026-10-01"), to: day("2027-01-01")};

test("without orders and invoices there is no row", () => {
    expect([hasDocuments(WON), hasDocuments(null)]).toEqual([false, false]);
    expect(hasDocuments({...WON, ...DOCUMENTS})).toBe(true);
    expect(hasDocuments({...WON, invoiced: DOCUMENTS.invoiced})).toBe(true);
});

test("from won to paid, with what is overdue", () => {
    const chain = chainOf({...WON, ...DOCUMENTS});
    expect(chain.map(({name, amount, count}) => [name, amount, count])).toEqual([
        ["won_revenue", 500, 2],
        ["ordered", 450, 3],
        ["invoiced", 300, 2],
        ["paid", 120, undefined],
    ]);
    expect(chain[3].part).toEqual({name: "overdue", amount: 40});
});

test("who may read orders alone has no invoices in the row", () => {
    const chain = chainOf({...WON, ordered: DOCUMENTS.ordered});
    expect(chain.map(({name}) => name)).toEqual(["won_revenue", "ordered"]);
});

test("orders of a period, at the midnights of its zone", () => {
    const question = {range: RANGE, scope: "own", userId: 7, isOther: true};
    expect(documentsBehind("ordered", question)).toEqual({
        model: "cqrs.order.view",
        domain: [
            ["is_confirmed", "=", true],
            ["ordered_at", ">=", "2026-09-30 22:00:00"],
            ["ordered_at", "<", "2026-12-31 23:00:00"],
            ["viewer_id", "=", 7],
            ["user_id", "=", 7],
        ],
    });
});

test("invoices by their days; what is overdue is so in any period", () => {
    const question = {range: RANGE, scope: "all", userId: 7, isOther: false};
    expect(documentsBehind("paid", question)).toEqual({
        model: "cqrs.invoice.view",
        domain: [
            ["state", "=", "posted"],
            ["invoiced_on", ">=", "2026-10-01"],
            ["invoiced_on", "<", "2027-01-01"],
        ],
    });
    expect(documentsBehind("overdue", {...question, scope: "team"}).domain).toEqual([
        ["is_overdue", "=", true],
        ["user_id", "!=", 7],
    ]);
});
