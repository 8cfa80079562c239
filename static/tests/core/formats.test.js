import {describe, expect, test} from "@odoo/hoot";
import {patchWithCleanup} from "@web/../tests/web_test_helpers";

import {localization} from "@web/core/l10n/localization";
import {user} from "@web/core/user";

import {formatNumber, formatPercent, formatUnit} from "@crm_cqrs/core/formats";

describe.current.tags("headless");

function setLanguage(lang, thousandsSep, decimalPoint) {
    patchWithCleanup(localization, {thousandsSep, decimalPoint, grouping: [3, 0]});
    patchWithCleanup(user, {lang});
}

test("numbers are written as the user's language has them in Odoo", async () => {
    setLanguage("en-US", ",", ".");
    expect(formatNumber(1234.56, 1)).toBe("1,234.6");
    expect(formatNumber(6.8, 1)).toBe("6.8");
    expect(formatNumber(7, 1)).toBe("7");
    expect(formatPercent(0.4567, 1)).toBe("45.7%");
    setLanguage("fr-FR", "\u202f", ",");
    expect(formatNumber(1234.56, 1)).toBe("1\u202f234,6");
    expect(formatPercent(0.4567, 1).replace(/\s/, " ")).toBe("45,7 %");
    expect(formatUnit(2048.25, 1, {style: "unit", unit: "megabyte"})).toMatch(
        /^2\u202f048,3\sMo$/
    );
    setLanguage("ar-001", ",", ".");
    // The digits of the amounts beside it.
    expect(formatPercent(-0.4567, 1).replace(/\u200e/g, "")).toBe("-45.7%");
});
