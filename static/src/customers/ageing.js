import {_t} from "@web/core/l10n/translation";

import {Component} from "@odoo/owl";

import {formatMoney, formatNumber} from "../dashboard/formats";
import {agesOf, hasAges} from "./figures";

/**
 * The open part of a customer's invoices, by the days for which it has been due: a bar each.
 *
 * - `ageing`: of the API
 * - `currency`: code of that of the amounts
 */
export class Ageing extends Component {
    static template = "crm_cqrs.Ageing";
    static props = {ageing: Object, currency: String};

    get hasAny() {
        return hasAges(this.props.ageing);
    }

    get ages() {
        return agesOf(this.props.ageing);
    }

    money(amount) {
        return amount ? formatMoney(amount, this.props.currency) : "–";
    }

    countText({count}) {
        return count === 1
            ? _t("1 instalment")
            : _t("%s instalments", formatNumber(count));
    }
}
