/**
 * Names of the days of a week and of the hours of a day, in the user's language.
 *
 *     weekdayLabels()[0]; // "Monday"
 *     hourLabels()[8]; // "8:00 AM"
 *
 * Pure: takes nothing and returns values.
 */

const {DateTime} = luxon;

/** A Monday */
const FIRST = DateTime.fromObject({year: 2024, month: 1, day: 1});

/** Return the names of the days, from Monday on. */
export function weekdayLabels() {
    return [0, 1, 2, 3, 4, 5, 6].map((days) => FIRST.plus({days}).toFormat("cccc"));
}

/** Return the hours, from midnight on. */
export function hourLabels() {
    return Array.from({length: 24}, (_, hour) =>
        FIRST.set({hour}).toLocaleString(DateTime.TIME_SIMPLE)
    );
}
