import {formatDate, formatDateTime} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {user, userBus} from "@web/core/user";
import {useBus, useService} from "@web/core/utils/hooks";
import {useSetupAction} from "@web/search/action_hook";
import {Layout} from "@web/search/layout";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";

import {Component, onWillStart, useRef, useState} from "@odoo/owl";

import {isAborted, useApi} from "../dashboard/api";
import {PATHS} from "../dashboard/companies";
import {formatMoney, formatNumber} from "../dashboard/formats";
import {useLive} from "../dashboard/live";
import {currentOffer} from "../dashboard/use_choices";
import {previewOf} from "../deal_sheet/preview";
import {useDealInAddress} from "../deal_sheet/use_deal_in_address";
import {useDealPlace, useLeadOpener} from "../opportunities/lead_opener";
import {Ageing} from "./ageing";
import {
    customerAddress,
    customerParameters,
    customerQuestion,
} from "./customers_question";
import {noteOf, summaryOf} from "./figures";
import {personOf} from "./person";
import {Story} from "./story";
import {TakeAlong} from "../take_along/take_along";
import {SharedNote, useShared} from "../take_along/use_shared";

const {DateTime} = luxon;

export const CUSTOMER_TAG = "crm_cqrs.customer";
const PATH = "accounts";
const HISTORY_TAG = "crm_cqrs.history";

/** The model whose form shows a record of each kind */
const MODELS = {
    contact: "res.partner",
    order: "sale.order",
    invoice: "account.move",
    credit_note: "account.move",
};
/** The read model that opens a document */
const VIEWS = {
    order: "cqrs.order.view",
    invoice: "cqrs.invoice.view",
    credit_note: "cqrs.invoice.view",
};
const STATUSES = {won: _t("Won"), lost: _t("Lost")};
const ORDER_STATES = {
    draft: _t("Quotation"),
    sent: _t("Quotation Sent"),
    sale: _t("Confirmed"),
    done: _t("Confirmed"),
    cancel: _t("Cancelled"),
};
const PAYMENTS = {
    not_paid: _t("Not Paid"),
    in_payment: _t("In Payment"),
    paid: _t("Paid"),
    partial: _t("Partly Paid"),
    reversed: _t("Reversed"),
};

/**
 * The whole story of a customer: figures, what is open by its age, deals, orders, invoices,
 * and in one timeline what happened to all of them.
 *
 * The address has the `account` (an id), `view_as` (a person's uuid), `currency`, and the
 * `company` switched on, or several, as `1,3`.
 */
export class Customer extends Component {
    static template = "crm_cqrs.Customer";
    static components = {Ageing, Layout, SharedNote, Story, TakeAlong};
    static props = {...standardActionServiceProps};
    static path = PATHS.customer;
    static displayName = _t("Customer");

    setup() {
        this.root = useRef("root");
        this.action = useService("action");
        this.orm = useService("orm");
        this.openLead = useLeadOpener();
        this.api = useApi();
        this.offer = currentOffer();
        const {props} = this;
        // From the form of a contact the action has its id alone.
        const {params, context} = props.action;
        const address = {account: context?.active_id, ...params};
        this.question = useState({
            ...(props.state?.question || customerQuestion(address, this.offer)),
            company: this.offer.company,
        });
        this.shared = useShared(props.action.params);
        this.state = useState({
            account: null,
            person: null,
            error: null,
            isReading: false,
            isBehind: false,
            revision: 0,
        });
        this.position = null;
        useBus(userBus, "ACTIVE_COMPANIES_CHANGED", () => {
            this.offer = currentOffer();
            this.choose(customerQuestion(customerAddress(this.question), this.offer));
        });
        useSetupAction({
            rootRef: this.root,
            getLocalState: () => ({question: {...this.question}}),
        });
        this.live = useLive(() => this.look());
        this.publish();
        useDealInAddress(() => this.look());
        useDealPlace(() => ({ids: this.dealIds}));
        onWillStart(() => {
            // Not awaited: the screen stands at once, and shows that it is loading.
            this.load();
        });
    }

    // Choices

    /** The address of what is shown, for a colleague. */
    getAddress() {
        return {params: customerAddress(this.question)};
    }

    publish() {
        this.props.updateActionState?.(customerAddress(this.question));
    }

    choose(choice) {
        Object.assign(this.question, choice);
        this.publish();
        this.load();
    }

    // Data

    async load() {
        Object.assign(this.state, {account: null, error: null});
        await this.read();
    }

    async look() {
        if (this.state.account && !this.state.error) {
            await this.read();
        }
        return !this.state.isBehind;
    }

    async read() {
        this.api.abort();
        this.state.isReading = true;
        try {
            await this.readAccount();
            this.state.isBehind = false;
        } catch (error) {
            if (isAborted(error)) {
                return;
            }
            if (error.status === 404 && this.question.viewAs && this.shared.useOwn()) {
                this.choose({viewAs: undefined});
                return;
            }
            if (this.state.account) {
                this.state.isBehind = true;
            } else {
                this.state.error = error;
            }
        }
        this.state.isReading = false;
    }

    async readAccount() {
        const {account: id} = this.question;
        this.state.person = await personOf(this.api, this.question, this.state);
        // An address without a customer leads nowhere, as one of an unknown customer.
        const path = `${PATH}/${id || 0}`;
        const {data, position} = await this.api.read(
            path,
            customerParameters(this.question)
        );
        if (this.state.account && position === this.position) {
            return;
        }
        this.position = position;
        this.state.account = data;
        this.state.revision++;
        this.env.config.setDisplayName(data.name || _t("Customer"));
    }

    // Texts

    get summary() {
        return summaryOf(this.state.account);
    }

    get isMissing() {
        return [403, 404].includes(this.state.error.status);
    }

    get note() {
        return noteOf(this.state.account);
    }

    /** The figures in each company and currency, where these are several. */
    get byCompany() {
        const {by_company, currency} = this.state.account;
        const isOne = by_company.length === 1 && by_company[0].currency === currency;
        return isOne ? [] : by_company;
    }

    headOf({company_id, currency}) {
        const company = user.allowedCompanies.find(({id}) => id === company_id);
        const names = [company?.name, currency || this.state.account.currency];
        return names.filter(Boolean).join(" · ");
    }

    get amounts() {
        return this.summary.map(({name, label}) => ({name, label}));
    }

    money(amount, currency = this.state.account.currency) {
        return amount
            ? formatMoney(amount, currency || this.state.account.currency)
            : "–";
    }

    count(number) {
        return formatNumber(number);
    }

    day(text) {
        return text ? formatDate(DateTime.fromISO(text)) : "";
    }

    time(text) {
        return text ? formatDateTime(DateTime.fromISO(text), {showSeconds: false}) : "";
    }

    totalText({total, items}) {
        return items.length < total
            ? _t("the last %(shown)s of %(total)s", {
                  shown: formatNumber(items.length),
                  total: formatNumber(total),
              })
            : formatNumber(total);
    }

    /** Cards of the deals, orders and invoices, of those that the user may read. */
    get lists() {
        const {opportunities, orders, invoices} = this.state.account.recent;
        return [
            opportunities && {
                name: "opportunities",
                label: _t("Opportunities"),
                empty: _t("No opportunities that you can see."),
                ...this.card(opportunities),
                rows: opportunities.items.map((deal) => this.dealRow(deal)),
            },
            orders && {
                name: "orders",
                label: _t("Orders"),
                empty: _t("No orders that you can see."),
                ...this.card(orders),
                rows: orders.items.map((order) => this.orderRow(order)),
            },
            invoices && {
                name: "invoices",
                label: _t("Invoices"),
                empty: _t("No invoices that you can see."),
                ...this.card(invoices),
                rows: invoices.items.map((invoice) => this.invoiceRow(invoice)),
            },
        ].filter(Boolean);
    }

    card(list) {
        return {totalText: this.totalText(list)};
    }

    dealRow(deal) {
        const {odoo_id, name, value, currency, stage, status, closing_date, closed_at} =
            deal;
        return {
            id: odoo_id,
            kind: "opportunity",
            name,
            amount: this.money(value, currency),
            state: STATUSES[status] || stage?.name || "",
            tone:
                {won: "text-bg-success", lost: "text-bg-danger"}[status] ||
                "text-bg-light",
            note: status === "pending" ? this.day(closing_date) : this.day(closed_at),
        };
    }

    orderRow({odoo_id, name, untaxed, currency, state, is_confirmed, ordered_at}) {
        return {
            id: odoo_id,
            kind: "order",
            name,
            amount: this.money(untaxed, currency),
            state: ORDER_STATES[state] || state,
            tone: is_confirmed ? "text-bg-success" : "text-bg-light",
            note: this.day(ordered_at),
        };
    }

    invoiceRow(invoice) {
        const {odoo_id, name, total, residual, currency, state, payment_state} =
            invoice;
        const isPosted = state === "posted";
        const isPaid = ["paid", "in_payment", "reversed"].includes(payment_state);
        const left = isPosted && residual && residual !== total;
        return {
            id: odoo_id,
            kind: invoice.move_type === "out_refund" ? "credit_note" : "invoice",
            name: isPosted ? name : _t("Draft"),
            amount: this.money(total, currency),
            state: invoice.is_overdue
                ? _t("Overdue")
                : isPosted
                  ? PAYMENTS[payment_state] || payment_state
                  : state === "cancel"
                    ? _t("Cancelled")
                    : _t("Draft"),
            tone: invoice.is_overdue
                ? "text-bg-danger"
                : isPosted && isPaid
                  ? "text-bg-success"
                  : "text-bg-light",
            note: [
                this.day(invoice.invoiced_on),
                left ? _t("%s left", this.money(residual, currency)) : "",
            ]
                .filter(Boolean)
                .join(" · "),
        };
    }

    // Elsewhere

    get dealIds() {
        const {account} = this.state;
        return account?.recent.opportunities.items.map(({odoo_id}) => odoo_id) || [];
    }

    async open(kind, id) {
        if (kind === "opportunity") {
            const {items} = this.state.account.recent.opportunities;
            const item = items.find(({odoo_id}) => odoo_id === id);
            const preview = item && previewOf(item);
            return this.openLead(id, this.dealIds, {preview});
        }
        if (kind === "contact") {
            return this.action.doAction({
                type: "ir.actions.act_window",
                res_model: MODELS.contact,
                res_id: id,
                views: [[false, "form"]],
            });
        }
        // The form leaves out what Odoo lets the user see here alone.
        const form = await this.orm.call(VIEWS[kind], "action_open_document", [[id]]);
        return this.action.doAction(form);
    }

    link(kind, id) {
        return `/odoo/${kind === "opportunity" ? "crm.lead" : MODELS[kind]}/${id}`;
    }

    openHistory() {
        return this.action.doAction(
            {
                type: "ir.actions.client",
                tag: HISTORY_TAG,
                name: _t("History"),
                params: {model: "res.partner"},
            },
            {additionalContext: {active_id: this.state.account.odoo_id}}
        );
    }
}

registry.category("actions").add(CUSTOMER_TAG, Customer);
