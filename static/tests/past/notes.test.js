import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations, patchWithCleanup} from "@web/../tests/web_test_helpers";

import {localization} from "@web/core/l10n/localization";

import {pastNotes} from "@crm_cqrs/past/notes";

describe.current.tags("headless");
beforeEach(() => {
    allowTranslations();
    patchWithCleanup(localization, {
        decimalPoint: ".",
        grouping: [3],
        thousandsSep: ",",
    });
});

const RECORDED = {
    settled: true,
    recorded_since: "2026-01-05T00:00:00Z",
    reconstructed: 0,
};
const notes = (answer) =>
    pastNotes({...RECORDED, ...answer}, (time) => time.slice(0, 10));

test("an answer that is settled and recorded needs no note", () => {
    expect(notes({})).toEqual([]);
});

test("a note says that figures may change, or are reconstructed", () => {
    expect(notes({settled: false})[0]).toInclude("still being saved");
    const [note] = notes({reconstructed: 0.25});
    expect(note).toInclude("25%");
    expect(note).toInclude("2026-01-05");
    expect(note).toInclude("deleted opportunities are missing");
    expect(notes({reconstructed: "0.0001", recorded_since: null})[0]).toInclude("1%");
});
