import {currencies, formatCurrency} from "@web/core/currency";
import {localization} from "@web/core/l10n/localization";
import {user} from "@web/core/user";

export {formatNumber, formatPercent} from "../core/formats";

/**
 * @param {number} amount
 * @param {string} code of ISO 4217, as the API has it
 * @param {Object} [options] of `formatCurrency`
 */
export function formatMoney(amount, code, options) {
    const [id] =
        Object.entries(currencies).find(([, currency]) => currency.name === code) || [];
    const text = formatCurrency(amount, id && Number(id), options);
    // One that is not active any more has no symbol.
    return id ? text : `${text}\u00A0${code}`;
}

/** Return the codes of the currencies that are active. */
export function activeCurrencies() {
    return Object.values(currencies)
        .map((currency) => currency.name)
        .sort();
}

/** Return the code of the currency of the current company, if it is active. */
export function ownCurrency() {
    return currencies[user.activeCompany.currency_id]?.name;
}

/** Digits of an amount that is read at a glance */
const DIGITS = 3;

/** As `formatMoney`, in three digits: `$ 52.8M`, `$ 1.34M`, `$ 10M`. */
export function formatMoneyShortly(amount, code) {
    const rounded = Number(amount.toPrecision(DIGITS));
    const [, exponent] = rounded.toExponential().split("e");
    const thousands = Math.max(0, Math.floor(Number(exponent) / 3));
    // As many as are left of the digits, without zeros at the end.
    const [, decimals = ""] = String(
        Number((rounded / 1000 ** thousands).toPrecision(DIGITS))
    ).split(".");
    return formatMoney(rounded, code, {
        humanReadable: true,
        digits: [0, decimals.length],
    });
}

/**
 * Return an amount with its sign, as a change.
 *
 * @param {number} amount
 * @param {(amount: number) => string} format of what has no sign
 */
export function withSign(amount, format) {
    const text = format(Math.abs(amount));
    const signed = amount < 0 ? `\u2212${text}` : amount > 0 ? `+${text}` : text;
    // A sign would stand behind its number where the page runs from right to left.
    return localization.direction === "rtl" ? `\u2066${signed}\u2069` : signed;
}
