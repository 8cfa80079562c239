import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations, patchWithCleanup} from "@web/../tests/web_test_helpers";

import {localization} from "@web/core/l10n/localization";

import {formatMoneyShortly, withSign} from "@crm_cqrs/dashboard/formats";

describe.current.tags("headless");
beforeEach(() => {
    allowTranslations();
    patchWithCleanup(localization, {
        decimalPoint: ".",
        direction: "ltr",
        grouping: [3],
        thousandsSep: ",",
    });
});

test("amounts at a glance have three digits", () => {
    const shortly = (amount) => formatMoneyShortly(amount, "CQX").split(/\s/)[0];
    expect(
        [
            52_834_112.5, 1_340_000, -1_340_000, 10_000_000, 999_950, 999_499, 65_200,
            1000, 888.88, 42, 0.5, 0, 5e12,
        ].map(shortly)
    ).toEqual([
        ..."52.8M 1.34M -1.34M 10M 1M 999k 65.2k 1k 889 42 0.5 0 5T".split(" "),
    ]);
});

test("a change has its sign", () => {
    expect([-5, 5, 0].map((amount) => withSign(amount, String))).toEqual([
        "\u22125",
        "+5",
        "0",
    ]);
});
