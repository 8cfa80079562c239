import {user} from "@web/core/user";
import {formatFloat} from "@web/core/utils/numbers";

/** Types of `formatToParts` that a number itself consists of */
const OF_NUMBER = ["minusSign", "integer", "group", "decimal", "fraction"];

/** Return a number as Odoo's language has it; zeros at its end are left out. */
export function formatNumber(value, digits = 0) {
    return formatFloat(value, {digits: [16, digits], trailingZeros: false});
}

/** Return a part as a percentage: the number as Odoo has it, the sign as the language. */
export function formatPercent(ratio, digits = 0) {
    return formatUnit(100 * ratio, digits, {style: "unit", unit: "percent"});
}

/**
 * Return a number with a unit where the user's language writes it.
 *
 * @param {Object} options of `Intl.NumberFormat`
 */
export function formatUnit(value, digits, options) {
    const number = formatNumber(value, digits);
    const parts = new Intl.NumberFormat(user.lang, {
        numberingSystem: "latn",
        maximumFractionDigits: digits,
        ...options,
    }).formatToParts(value);
    const first = parts.findIndex(({type}) => OF_NUMBER.includes(type));
    return parts
        .map(({type, value: text}, index) => {
            if (index === first) {
                return number;
            }
            return OF_NUMBER.includes(type) ? "" : text;
        })
        .join("");
}
