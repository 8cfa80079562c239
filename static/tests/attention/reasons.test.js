import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations, patchWithCleanup} from "@web/../tests/web_test_helpers";

import {localization} from "@web/core/l10n/localization";

import {reasons} from "@crm_cqrs/attention/reasons";

describe.current.tags("headless");
beforeEach(() => {
    allowTranslations();
    patchWithCleanup(localization, {
        decimalPoint: ".",
        grouping: [3],
        thousandsSep: ",",
    });
});

const ITEM = {
    closing_date: "2026-11-28",
    stage_days: 40.9,
    idle_days: 1400.2,
    pushes: 3,
    attention: ["overdue", "stuck", "pushed", "idle", "no_activity"],
};

test("each reason says how much", () => {
    expect(reasons(ITEM, "2026-11-29").map(({kind, text}) => [kind, text])).toEqual([
        ["overdue", "1 day overdue"],
        ["stuck", "40 days in its stage"],
        ["pushed", "Pushed 3 times"],
        ["idle", "Idle for 1,400 days"],
        ["no_activity", "No activity planned"],
    ]);
    const [late] = reasons({...ITEM, closing_date: "2026-11-01"}, "2026-11-29");
    expect(late.text).toBe("28 days overdue");
});

test("an opportunity without a reason, or with one of a later version, has none", () => {
    expect(reasons({...ITEM, attention: []}, "2026-11-29")).toEqual([]);
    expect(reasons({...ITEM, attention: ["toString"]}, "2026-11-29")).toEqual([]);
});
