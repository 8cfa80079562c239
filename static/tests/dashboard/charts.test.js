import {beforeEach, describe, expect, test} from "@odoo/hoot";
import {allowTranslations} from "@web/../tests/web_test_helpers";

import {
    hasOverdue,
    highlightedMonths,
    monthRows,
    stageColumns,
    stageRows,
    wrapped,
} from "@crm_cqrs/dashboard/charts";

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

test("what is overdue of a stage is a part of its bar", () => {
    const of = (pipeline_value, name, id) => ({
        stage: {id, name},
        pipeline_value,
        weighted_pipeline: 10,
        active_opportunities: 2,
    });
    const byStage = {groups: [of(400, "New", 1), of(300, "Qualified", 2)]};
    const overdue = {groups: [of(100, "New", 1)]};
    expect(stageRows(byStage, "all", overdue).map(({values}) => values)).toEqual([
        [400, 300, 100, 10, 2],
        [300, 300, 0, 10, 2],
    ]);
    const drawn = (late) =>
        stageColumns(String, hasOverdue(byStage, "all", late))
            .filter(({isDrawn}) => isDrawn)
            .map(({label, color}) => [String(label), color]);
    expect(drawn(overdue)).toEqual([
        ["Not overdue", "open"],
        ["Overdue", "overdue"],
        ["Weighted", "weighted"],
    ]);
    const whole = [
        ["Pipeline", "open"],
        ["Weighted", "weighted"],
    ];
    expect(drawn(null)).toEqual(whole);
    expect(drawn({groups: [of(0, "New", 1)]})).toEqual(whole);
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
