import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations} from "@web/../tests/web_test_helpers";

import {highlightedMonths, monthRows, wrapped} from "@crm_cqrs/dashboard/charts";

describe.current.tags("headless");
beforeEach(() => allowTranslations());

const NOW = luxon.DateTime.fromISO("2026-02-24T13:00:00Z", {locale: "en"});

test("each month has a label, the year stands where it begins", () => {
    const rows = monthRows({tz: "UTC", groups: []}, NOW, "all");
    expect(rows.map(({axisLabel}) => axisLabel.join(" "))).toEqual([
        "Mar 2025",
        ..."Apr May Jun Jul Aug Sep Oct Nov Dec".split(" "),
        "Jan 2026",
        "Feb",
    ]);
    expect(rows.at(-1).label).toBe("February 2026");
    const from = luxon.DateTime.fromISO("2026-01-01T00:00:00Z");
    const range = {from, to: from.plus({months: 3})};
    expect(highlightedMonths(rows, range)).toEqual(["2026-01", "2026-02"]);
});

test("a long name takes lines, and is not cut", () => {
    expect(wrapped("Proposition", 18)).toEqual(["Proposition"]);
    expect(wrapped("Waiting for the signature of the board", 18)).toEqual([
        "Waiting for the",
        "signature of the",
        "board",
    ]);
    expect(wrapped("Donaudampfschifffahrtsgesellschaft ist da", 18)).toEqual([
        "Donaudampfschifffahrtsgesellschaft",
        "ist da",
    ]);
});
