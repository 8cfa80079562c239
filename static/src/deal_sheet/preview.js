import {formatDate} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";

import {formatMoney} from "../dashboard/formats";

const {DateTime} = luxon;

/**
 * Return the values in a list of an opportunity, for the sheet until the form stands.
 *
 *     previewOf({odoo_id: 7, name: "Desks", value: 5, currency: "EUR"});
 *     // {id: 7, name: "Desks", facts: [{label: "Value", text: "5.00 €"}]}
 *
 * Pure.
 *
 * @param {object} item of the API, with some of `partner`, `value`, `currency`, `stage`,
 *  `closing_date` and `salesperson`
 */
export function previewOf(item) {
    const {odoo_id, name, partner, value, currency, stage, closing_date: day} = item;
    const facts = [
        {label: _t("Value"), text: currency && formatMoney(value, currency)},
        {label: _t("Customer"), text: partner?.name},
        {label: _t("Salesperson"), text: item.salesperson?.name},
        {label: _t("Stage"), text: stage?.name},
        {label: _t("Closing"), text: day && formatDate(DateTime.fromISO(day))},
    ];
    return {id: odoo_id, name, facts: facts.filter(({text}) => text)};
}
