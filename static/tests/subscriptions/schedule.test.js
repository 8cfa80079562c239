import {describe, expect, test} from "@odoo/hoot";

import {hourLabels, weekdayLabels} from "@crm_cqrs/subscriptions/schedule";

describe.current.tags("headless");

test("a week begins on Monday, whatever the language", () => {
    const days = weekdayLabels();
    expect(days).toHaveLength(7);
    expect(days[0]).toBe("Monday");
    expect(days[6]).toBe("Sunday");
});

test("each hour of the day has its own label", () => {
    const hours = hourLabels();
    expect(new Set(hours).size).toBe(24);
    expect(hours[8].replace("\u202f", " ")).toBe("8:00 AM");
    expect(hours[20].replace("\u202f", " ")).toBe("8:00 PM");
});
