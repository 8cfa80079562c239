/**
 * Words of the comparison of API v1 and v2. Names of figures, reasons and fields
 * are those of `models/api/v1/comparison.py`.
 */

import {_t} from "@web/core/l10n/translation";

import {formatMoney, formatPercent} from "../dashboard/formats";
import {number} from "../desk/formats";

export const FIGURES = {
    pipeline_value: _t("Pipeline"),
    won_revenue: _t("Won revenue"),
    active_opportunities: _t("Open opportunities"),
    total: _t("Opportunities, not archived"),
    own: _t("Own opportunities"),
    subordinates: _t("Opportunities of others"),
    weighted_pipeline: _t("Weighted pipeline"),
    average_value: _t("Average value"),
    won: _t("Won"),
    lost: _t("Lost"),
    win_rate: _t("Win rate"),
    due: _t("Due today or later"),
    overdue: _t("Overdue"),
    name: _t("Name"),
    email: _t("Email"),
    page: _t("First page"),
    opportunities: _t("Opportunities"),
};

export const REASONS = {
    other_company: _t("It belongs to another company. API v1 shows all companies."),
    left_out: _t("It could not be applied to the read models. See Event Store."),
    currency: _t("API v2 converts into the currency of the chosen company."),
    order: _t("API v1 compares values in several currencies as bare numbers."),
    place: _t("It moves up, because others are not on the page of API v2."),
    unexplained: _t("Not explained"),
};

/** Return what a reason takes from a figure. */
const TAKEN = {
    other_company: (amount) => _t("other companies: %s", amount),
    left_out: (amount) => _t("left out of the read models: %s", amount),
};

export const FIELDS = {
    name: _t("name"),
    value: _t("value"),
    currency_id: _t("currency"),
    currency: _t("currency"),
    company_id: _t("company"),
    stage_id: _t("stage"),
    stage: _t("stage"),
    status: _t("status"),
    active: _t("archived"),
    user_id: _t("salesperson"),
    salesperson: _t("salesperson"),
    partner_id: _t("customer"),
    partner: _t("customer"),
    order: _t("order"),
};

/** Return a figure as text: an amount in its currency, a count, or what it is. */
export function figureText(value, currency) {
    if (currency) {
        return formatMoney(Number(value), currency);
    }
    return typeof value === "number" ? number(value) : value || "–";
}

/** Return a figure that v2 alone has. */
export function furtherText({name, v2, currency}) {
    if (name === "win_rate" && v2 !== null) {
        return formatPercent(Number(v2));
    }
    return v2 === null ? "–" : figureText(v2, currency);
}

/** Return why a figure differs, a sentence for each reason; none where it does not. */
export function figureReasons({reasons, currencies, is_explained}) {
    const texts = Object.entries(reasons).map(([reason, amount]) =>
        reason === "currency"
            ? _t("converted from %(from)s into %(to)s", {
                  from: currencies[0],
                  to: currencies[1],
              })
            : TAKEN[reason](figureText(amount, currencies?.[0]))
    );
    return is_explained ? texts : [...texts, `${REASONS.unexplained}`];
}

/** Return why an opportunity differs. */
export function reasonText({reason, fields}) {
    const names = fields.map((name) => `${FIELDS[name] || name}`);
    return names.length
        ? _t("%(reason)s: %(fields)s", {
              reason: REASONS[reason],
              fields: names.join(", "),
          })
        : `${REASONS[reason]}`;
}
