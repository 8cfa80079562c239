import {currencies, formatCurrency} from "@web/core/currency";
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

/** As `formatMoney`, in a few characters, such as `$ 1.5M` and `$ 10M`. */
export function formatMoneyShortly(amount, code) {
    const magnitude = amount ? Math.floor(Math.log10(Math.abs(amount)) / 3) : 0;
    const tenths = Math.round((10 * amount) / 1000 ** magnitude);
    return formatMoney(amount, code, {
        humanReadable: true,
        digits: [0, tenths % 10 ? 1 : 0],
    });
}
