import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {userBus} from "@web/core/user";
import {useBus, useService} from "@web/core/utils/hooks";
import {useDebounced} from "@web/core/utils/timing";
import {useSetupAction} from "@web/search/action_hook";
import {Layout} from "@web/search/layout";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";

import {Component, onWillStart, useRef, useState} from "@odoo/owl";

import {useEndInSight} from "../core/use_end_in_sight";
import {isAborted, useApi} from "../dashboard/api";
import {PATHS} from "../dashboard/companies";
import {formatMoney, formatNumber} from "../dashboard/formats";
import {useLive} from "../dashboard/live";
import {currentOffer} from "../dashboard/use_choices";
import {CUSTOMER_TAG} from "./customer";
import {
    customerAddress,
    customersAddress,
    customersParameters,
    customersQuestion,
    sortedBy,
} from "./customers_question";
import {columnsOf, noteOf} from "./figures";
import {personOf} from "./person";
import {TakeAlong} from "../take_along/take_along";
import {SharedNote, useShared} from "../take_along/use_shared";

export const CUSTOMERS_TAG = "crm_cqrs.customers";
const PATH = "accounts";
const LIMIT = 40;
const MAX_LIMIT = 200;
/** Customers up to which the totals follow each change; those of more take a while */
const SUMMED_AGAIN = 5000;

/**
 * List of customers with what is expected of them, won, ordered, invoiced and to be paid.
 *
 * The address has all choices: `sort`, `search`, `overdue`, `view_as` (a person's uuid),
 * `currency`, and the `company` switched on, or several, as `1,3`.
 */
export class Customers extends Component {
    static template = "crm_cqrs.Customers";
    static components = {Layout, SharedNote, TakeAlong};
    static props = {...standardActionServiceProps};
    static path = PATHS.customers;
    static displayName = _t("Customers");

    setup() {
        this.root = useRef("root");
        this.end = useRef("end");
        this.action = useService("action");
        this.api = useApi();
        this.offer = currentOffer();
        const {props} = this;
        this.question = useState({
            ...(props.state?.question ||
                customersQuestion(props.action.params || {}, this.offer)),
            company: this.offer.company,
        });
        this.shared = useShared(props.action.params);
        this.state = useState({
            items: [],
            total: null,
            totals: null,
            isSumming: true,
            currency: null,
            next: null,
            person: null,
            isLoading: true,
            isStale: false,
            error: null,
        });
        this.position = null;
        this.search = useDebounced((text) => this.choose({search: text.trim()}), 300);
        useBus(userBus, "ACTIVE_COMPANIES_CHANGED", () => {
            this.offer = currentOffer();
            this.choose(customersQuestion(customersAddress(this.question), this.offer));
        });
        useSetupAction({
            rootRef: this.root,
            getLocalState: () => ({question: {...this.question}}),
        });
        this.live = useLive(() => this.look());
        this.publish();
        onWillStart(() => {
            // Not awaited: the screen stands at once, and shows that it is loading.
            this.load();
        });
        useEndInSight(
            this.end,
            () => this.state.items.length,
            () => !this.state.error && this.more()
        );
    }

    // Choices

    /** The address of what is shown, for a colleague. */
    getAddress() {
        return {params: customersAddress(this.question)};
    }

    publish() {
        this.props.updateActionState?.(customersAddress(this.question));
    }

    choose(choice) {
        Object.assign(this.question, choice);
        this.publish();
        this.load();
    }

    sortBy(name) {
        this.choose({sort: sortedBy(this.question.sort, name)});
    }

    clear() {
        this.choose({search: "", overdue: false});
    }

    backToMine() {
        this.choose({viewAs: undefined});
        // The button that had the focus is gone; the focus goes on here.
        this.root.el?.querySelector("input[type=search]")?.focus({preventScroll: true});
    }

    // Data

    /** Replace the list by the first page; its totals stay until the others are there. */
    async load() {
        Object.assign(this.state, {
            items: [],
            next: null,
            total: null,
            isSumming: true,
            isStale: false,
        });
        await this.read(LIMIT);
    }

    async look() {
        const {isLoading, error, items} = this.state;
        if (isLoading || error) {
            return !error;
        }
        if (items.length > MAX_LIMIT) {
            // That takes several pages, and the rows that the user reads would jump.
            this.state.isStale = true;
            return true;
        }
        await this.read(Math.max(LIMIT, items.length), undefined, true);
        return !this.state.error;
    }

    async more() {
        if (this.state.next && !this.state.isLoading) {
            await this.read(LIMIT, this.state.next);
        }
    }

    async read(limit, cursor, isLook = false) {
        this.api.abort();
        Object.assign(this.state, {isLoading: !isLook, error: null});
        try {
            const isAnother = await this.readPage(limit, cursor);
            this.state.isLoading = false;
            const {items, total} = this.state;
            // Those that were read are gone where another reading ended theirs.
            if (
                items.length &&
                (total === null || (isAnother && total <= SUMMED_AGAIN))
            ) {
                await this.readTotals();
            }
        } catch (error) {
            if (error.status === 404 && this.question.viewAs && this.shared.useOwn()) {
                this.choose({viewAs: undefined});
                return;
            }
            // What was right a moment ago is better than nothing.
            if (!isAborted(error) && !isLook) {
                Object.assign(this.state, {isLoading: false, error});
            }
        }
    }

    /** Read a page; return whether it is a first one that is not there yet. */
    async readPage(limit, cursor) {
        this.state.person = await personOf(this.api, this.question, this.state);
        const parameters = {...customersParameters(this.question), limit, cursor};
        const {data, position} = await this.api.read(PATH, parameters);
        if (!cursor && this.state.items.length && position === this.position) {
            return false;
        }
        this.position = position;
        // While another list is read, the columns stay.
        this.shown = data.items[0] || this.shown;
        Object.assign(this.state, {
            items: cursor ? [...this.state.items, ...data.items] : data.items,
            currency: data.currency,
            next: data.next,
        });
        return !cursor;
    }

    /** Read how many customers there are, and their figures together; the list is there. */
    async readTotals() {
        const parameters = {
            ...customersParameters(this.question),
            limit: 1,
            totals: true,
        };
        try {
            const {data} = await this.api.read(PATH, {
                ...parameters,
                fields: "odoo_id",
            });
            Object.assign(this.state, {
                total: data.total,
                totals: data.totals,
                isSumming: false,
            });
        } catch (error) {
            if (isAborted(error)) {
                throw error;
            }
            // The list is right without them.
            this.state.isSumming = false;
        }
    }

    // Texts

    get columns() {
        const columns = columnsOf(this.state.items[0] || this.shown || {});
        const sorted = this.question.sort.replace(/^-/, "");
        // A phone has room for one of them.
        const onPhone = columns.some(({name}) => name === sorted)
            ? sorted
            : columns[0]?.name;
        return columns.map((column) => ({
            ...column,
            ...this.sorting(column.name),
            className: column.name === onPhone ? "" : "d-none d-md-table-cell",
        }));
    }

    get nameColumn() {
        return {name: "name", label: _t("Customer"), ...this.sorting("name")};
    }

    sorting(name) {
        const {sort} = this.question;
        if (sort.replace(/^-/, "") !== name) {
            return {ariaSort: "none", icon: "fa-sort opacity-25"};
        }
        return sort.startsWith("-")
            ? {ariaSort: "descending", icon: "fa-sort-down"}
            : {ariaSort: "ascending", icon: "fa-sort-up"};
    }

    get isFiltered() {
        return Boolean(this.question.search || this.question.overdue);
    }

    get hasInvoices() {
        return "overdue" in (this.state.items[0] || this.shown || {});
    }

    get countText() {
        const {items, total} = this.state;
        return total === null || !items.length
            ? ""
            : _t("%(shown)s of %(total)s", {
                  shown: formatNumber(items.length),
                  total: formatNumber(total),
              });
    }

    /** Return the text of a figure of all customers; none where it could not be read. */
    total(name) {
        const {total, totals} = this.state;
        return total === null ? "" : this.money(totals[name]);
    }

    get errorText() {
        const {error} = this.state;
        return error.status === 404 && this.question.viewAs
            ? _t("This person is not, or no longer, on your team.")
            : error.message;
    }

    money(amount) {
        return amount ? formatMoney(amount, this.state.currency) : "–";
    }

    note(item) {
        return noteOf(item);
    }

    // Elsewhere

    link(item) {
        return `/odoo/${PATHS.customer}?account=${item.odoo_id}`;
    }

    open(item) {
        const {viewAs, currency} = this.question;
        return this.action.doAction({
            type: "ir.actions.client",
            tag: CUSTOMER_TAG,
            name: item.name,
            params: customerAddress({account: item.odoo_id, viewAs, currency}),
        });
    }
}

registry.category("actions").add(CUSTOMERS_TAG, Customers);
