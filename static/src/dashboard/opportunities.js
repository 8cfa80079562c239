import {formatDate} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";
import {useDebounced} from "@web/core/utils/timing";

import {
    Component,
    onWillStart,
    onWillUpdateProps,
    useEffect,
    useRef,
    useState,
} from "@odoo/owl";

import {isAborted, useApi} from "./api";
import {STATUSES, isClosed, isSortable, opportunityParameters} from "./choices";
import {formatMoney, formatNumber} from "./formats";
import {useOpenedLead} from "../opportunities/lead_opener";

const {DateTime} = luxon;

const PATH = "opportunities";
const FIELDS =
    "odoo_id,name,value,currency,converted_value,stage,status,salesperson,partner,closing_date,closed_at";
const LIMIT = 40;
const MAX_LIMIT = 200;

/**
 * List of the opportunities behind the figures: sorted, searched, filtered, and extended
 * as the user scrolls.
 *
 * - `view`: choices of the dashboard
 * - `person`: `{id, userId}` with the opportunities; null while it is not known
 * - `stages`: `[{id, name}]` to choose from
 * - `revision`: another number once opportunities may have changed
 * - `showsOwners`: whether the opportunities may be of several people
 * - `onChange`: called with the choices that differ from `view`
 * - `onOpen`: called with the id of an opportunity, those of the list, and the `total` and
 *  `more` of the list
 */
export class Opportunities extends Component {
    static template = "crm_cqrs.Opportunities";
    static props = {
        view: Object,
        person: {type: [Object, {value: null}]},
        stages: Array,
        revision: Number,
        showsOwners: Boolean,
        onChange: Function,
        onOpen: Function,
    };

    setup() {
        this.end = useRef("end");
        this.rows = useRef("rows");
        this.opened = useOpenedLead();
        this.state = useState({
            items: [],
            total: null,
            next: null,
            isLoading: true,
            isStale: false,
            error: "",
        });
        this.search = useDebounced(
            (text) => this.props.onChange({search: text.trim()}),
            300
        );
        this.api = useApi();
        this.statuses = STATUSES;
        onWillStart(() => {
            this.load(this.props);
        });
        onWillUpdateProps((nextProps) => {
            if (question(nextProps) !== question(this.props)) {
                this.load(nextProps);
            } else if (nextProps.revision !== this.props.revision) {
                this.refresh(nextProps);
            }
        });
        useEffect(
            (end) => {
                if (!end) {
                    return;
                }
                const observer = new IntersectionObserver(
                    ([entry]) => {
                        if (entry.isIntersecting && !this.state.error) {
                            this.more();
                        }
                    },
                    {rootMargin: "200px"}
                );
                observer.observe(end);
                return () => observer.disconnect();
            },
            // Observed again after each page: the end may still be in sight.
            () => [this.end.el, this.state.items.length]
        );
        useEffect(
            () => this.showOpened(),
            () => [this.opened.list?.id, this.state.items.length]
        );
    }

    get columns() {
        return [
            {name: "name", label: _t("Opportunity")},
            ...(this.props.showsOwners
                ? [{label: _t("Salesperson"), className: "d-none d-md-table-cell"}]
                : []),
            {name: "stage", label: _t("Stage"), className: "d-none d-md-table-cell"},
            {
                name: "closing_date",
                label: this.showsClosed ? _t("Closed") : _t("Closing"),
                className: "d-none d-sm-table-cell text-nowrap",
            },
            {name: "value", label: _t("Value"), className: "text-end", isNumber: true},
        ].map((column) => this.sortable(column));
    }

    /** Whether the day is that of having been closed, in column and order. */
    get showsClosed() {
        return isClosed(this.props.view.status);
    }

    get isFiltered() {
        const {search, stage, status, day} = this.props.view;
        return Boolean((search && !day) || stage || status !== "pending");
    }

    get countText() {
        const {items, total} = this.state;
        return total === null
            ? ""
            : _t("%(shown)s of %(total)s", {
                  shown: formatNumber(items.length),
                  total: formatNumber(total),
              });
    }

    sortable({name, ...column}) {
        return isSortable(this.props.view, name)
            ? {...column, name, ...this.sorting(name)}
            : column;
    }

    sorting(name) {
        const {sort} = this.props.view;
        if (!name || sort.replace("-", "") !== name) {
            return {ariaSort: name ? "none" : undefined, icon: "fa-sort opacity-25"};
        }
        return sort.startsWith("-")
            ? {ariaSort: "descending", icon: "fa-sort-down"}
            : {ariaSort: "ascending", icon: "fa-sort-up"};
    }

    sortBy(column) {
        const {sort} = this.props.view;
        // Amounts from the greatest down, the rest from the first.
        const first = column.isNumber ? `-${column.name}` : column.name;
        const second = column.isNumber ? column.name : `-${column.name}`;
        this.props.onChange({sort: sort === first ? second : first});
    }

    clear() {
        this.props.onChange({search: "", stage: undefined, status: "pending"});
    }

    /** Replace the list by the first page for these choices. */
    async load(props) {
        Object.assign(this.state, {items: [], next: null, total: null, isStale: false});
        await this.read(props, LIMIT);
    }

    /** Read the opportunities shown again. */
    async refresh(props = this.props) {
        if (this.state.isLoading || !props.person) {
            return;
        }
        if (this.state.items.length > MAX_LIMIT) {
            // That takes several pages, and the rows that the user reads would jump.
            this.state.isStale = true;
            return;
        }
        this.state.isStale = false;
        await this.read(props, Math.max(LIMIT, this.state.items.length));
    }

    async more() {
        if (this.state.next && !this.state.isLoading) {
            await this.read(this.props, LIMIT, this.state.next);
        }
    }

    async read(props, limit, cursor) {
        this.api.abort();
        Object.assign(this.state, {isLoading: true, error: ""});
        try {
            if (props.person) {
                await this.readPage(props, limit, cursor);
                this.state.isLoading = false;
            }
        } catch (error) {
            if (!isAborted(error)) {
                Object.assign(this.state, {isLoading: false, error: error.message});
            }
        }
    }

    async readPage({view}, limit, cursor) {
        const parameters = {
            ...opportunityParameters(view),
            fields: FIELDS,
            limit,
            cursor,
        };
        const {data: page} = await this.api.read(PATH, parameters);
        const before = cursor ? this.state.items : [];
        Object.assign(this.state, {
            items: [...before, ...page.items],
            next: page.next,
            total: page.total,
        });
    }

    money(item) {
        return formatMoney(item.value, item.currency);
    }

    /** The value in the currency in which values compare, if it is in another one. */
    convertedMoney(item) {
        const {amount, currency} = item.converted_value;
        return currency === item.currency ? "" : formatMoney(amount, currency);
    }

    closing(item) {
        const day = this.showsClosed ? item.closed_at : item.closing_date;
        return day ? formatDate(DateTime.fromISO(day)) : "";
    }

    isLate(item) {
        const {day} = this.props.view;
        const today = day ? DateTime.fromISO(day) : DateTime.local().startOf("day");
        return (
            item.status === "pending" &&
            item.closing_date &&
            DateTime.fromISO(item.closing_date) < today
        );
    }

    /** Open an opportunity beside the list, whose row then has the focus. */
    open(item, ev) {
        if (ev.ctrlKey || ev.metaKey) {
            return;
        }
        ev.preventDefault();
        ev.currentTarget
            .closest(".o_cqrs_opportunity")
            .querySelector("a")
            .focus({preventScroll: true});
        this.props.onOpen(item.odoo_id, this.ids, {
            total: this.state.total,
            more: () => this.moreIds(),
        });
    }

    get ids() {
        return this.state.items.map(({odoo_id}) => odoo_id);
    }

    /** Read the next page; return the ids of all that has been read, null at the end. */
    async moreIds() {
        if (!this.state.next) {
            return null;
        }
        await this.more();
        return this.ids;
    }

    /** Scroll to the row of the opportunity that the sheet has gone on to. */
    showOpened() {
        const id = this.opened.list?.id;
        const row = id && this.rows.el?.querySelector(`[data-id="${id}"]`);
        row?.scrollIntoView({block: "nearest"});
    }

    isOpened(item) {
        return this.opened.list?.id === item.odoo_id;
    }

    link(item) {
        return `/odoo/crm.lead/${item.odoo_id}`;
    }
}

/** Return a text that differs where another list is to be shown. */
function question({view, person}) {
    return JSON.stringify([opportunityParameters(view), person?.id]);
}
