import {_t} from "@web/core/l10n/translation";
import {user} from "@web/core/user";
import {useService} from "@web/core/utils/hooks";
import {session} from "@web/session";

import {Component} from "@odoo/owl";

import {formatMoney, formatMoneyShortly, formatNumber} from "../dashboard/formats";
import {scoped} from "../dashboard/figures";
import {awaitedLinks, chainOf, documentsBehind, hasDocuments} from "./document_chain";

/**
 * The row *Won → Ordered → Invoiced → Paid* of the dashboard; each opens its records.
 *
 * - `figures`: of the API's metrics, of the scope that is shown; null until they are known
 * - `currency`: code of that of the amounts
 * - `period`: name of the period; empty for any time
 * - `question`: as of `documentsBehind`
 * - `onOpenWon`: called to open the opportunities that were won
 */
export class DocumentTiles extends Component {
    static template = "crm_cqrs.DocumentTiles";
    static props = {
        figures: {type: [Object, {value: null}]},
        currency: {type: String, optional: true},
        period: [String, Boolean],
        question: {type: Object, optional: true},
        onOpenWon: Function,
    };

    setup() {
        this.action = useService("action");
    }

    get chain() {
        return chainOf(this.props.figures);
    }

    /** The links that there will be, for which room is kept. */
    get awaited() {
        return awaitedLinks(session.crm_cqrs_documents || []);
    }

    get title() {
        const {period} = this.props;
        return period ? _t("From Won to Paid, %s", period) : _t("From Won to Paid");
    }

    get labels() {
        return {
            ordered: _t("Orders"),
            invoiced: _t("Invoices"),
            paid: _t("Invoices"),
            overdue: _t("Overdue Invoices"),
        };
    }

    money(amount) {
        return formatMoney(amount, this.props.currency);
    }

    short(amount) {
        return formatMoneyShortly(amount, this.props.currency);
    }

    countText({name, count}) {
        if (count === undefined) {
            return _t("with taxes");
        }
        const number = formatNumber(count);
        return {
            won_revenue:
                count === 1 ? _t("1 opportunity") : _t("%s opportunities", number),
            ordered: count === 1 ? _t("1 order") : _t("%s orders", number),
            invoiced: count === 1 ? _t("1 invoice") : _t("%s invoices", number),
        }[name];
    }

    open(name) {
        if (name === "won_revenue") {
            return this.props.onOpenWon();
        }
        const {question} = this.props;
        const {model, domain} = documentsBehind(name, {
            ...question,
            isOther: question.userId !== user.userId,
        });
        return this.action.doAction({
            type: "ir.actions.act_window",
            name: this.labels[name],
            res_model: model,
            views: [[false, "list"]],
            domain,
        });
    }
}

/**
 * Return the properties of the row for a dashboard; nothing where there are no orders and
 * invoices to see, and no figures until they are known.
 *
 * @param {Object} state answers of the API, as of `useDashboardData`
 * @param {{scope: string, day: string|undefined}} view
 * @param {Tiles} tiles
 */
export function documentTiles({closing, byMonth, person}, {scope, day}, tiles) {
    const period = tiles.periodLabel;
    // Orders and invoices have no past.
    if (day) {
        return undefined;
    }
    if (!byMonth && session.crm_cqrs_documents?.length) {
        return {figures: null, period};
    }
    const figures = closing && byMonth && scoped(closing, scope);
    return hasDocuments(figures)
        ? {
              figures,
              currency: closing.currency,
              period,
              question: {range: tiles.range, scope, userId: person.odoo.user_id},
          }
        : undefined;
}
