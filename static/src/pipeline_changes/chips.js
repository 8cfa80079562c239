/**
 * Chips of an opportunity in *Pipeline Changes*: a short text for each field that differs
 * between two times.
 *
 *     chips({ value: 10, … }, { value: 15, … }, formats);
 *     // [{ name: "value", tone: "up", icon: "fa-arrow-up", before: "$ 10", after: "$ 15", … }]
 *
 * Pure: takes values and returns values, a few comparisons an opportunity.
 */

import {_t} from "@web/core/l10n/translation";

/**
 * @param {Object|null} before `{value, currency, stage, closing_date, salesperson}`; null
 *  where it was not there; without a field that is not known, or not to be seen
 * @param {Object|null} after the same
 * @param {{money: (amount: number, currency: string) => string,
 *  day: (day: string) => string}} formats
 * @returns {{name: string, label: string, tone: string, icon: string, before: string,
 *  after: string}[]}
 */
export function chips(before, after, {money, day}) {
    if (!before || !after) {
        return [];
    }
    const found = [];
    const add = (name, label, tone, icon, format) => {
        const [old, present] = [before[name], after[name]];
        // A field that is not given is not known.
        if (old === undefined || present === undefined || idOf(old) === idOf(present)) {
            return;
        }
        const shown = (value, {currency}) =>
            value === null || value === ""
                ? _t("none")
                : String(format(value, currency));
        const texts = {before: shown(old, before), after: shown(present, after)};
        found.push({name, label, tone, icon, ...texts});
    };
    const isUp = Number(after.value) > Number(before.value);
    const isLater = (after.closing_date || "9999") > (before.closing_date || "9999");
    add(
        "value",
        isUp ? _t("Value up") : _t("Value down"),
        isUp ? "up" : "down",
        isUp ? "fa-arrow-up" : "fa-arrow-down",
        money
    );
    add("stage", _t("Stage"), "plain", "fa-flag-o", nameOf);
    add(
        "closing_date",
        isLater ? _t("Closing later") : _t("Closing earlier"),
        isLater ? "down" : "up",
        "fa-calendar-o",
        day
    );
    add("salesperson", _t("Salesperson"), "plain", "fa-user-o", nameOf);
    return found;
}

function idOf(value) {
    return value && typeof value === "object" ? (value.id ?? value.name) : value;
}

function nameOf(value) {
    return value.name ?? value;
}
