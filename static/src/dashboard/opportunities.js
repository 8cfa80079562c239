import { formatDate } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { useDebounced } from "@web/core/utils/timing";

import {
    Component,
    onWillStart,
    onWillUnmount,
    onWillUpdateProps,
    useEffect,
    useRef,
    useState,
} from "@odoo/owl";

import { readApi } from "./api";
import { ALL } from "./figures";
import { formatMoney } from "./formats";

const { DateTime } = luxon;

const PATH = "opportunities";
const FIELDS =
    "odoo_id,name,value,currency,stage,status,salesperson,partner,closing_date,closed_at";
const LIMIT = 40;
const MAX_LIMIT = 200;

export const STATUSES = ["pending", "won", "lost", "any"];
export const SORTS = ["value", "name", "stage", "closing_date"];

/** What is lost is archived as a rule, and what is won may be. */
const FILTERS = {
    pending: { status: "pending" },
    won: { status: "won", archived: "any" },
    lost: { status: "lost", archived: "any" },
    any: { archived: "any" },
};

/**
 * The opportunities behind the figures: sorted, searched, filtered, and without an end
 * to see but the last one.
 *
 * - `view`: `{viewAs, scope, company, sort, status, stage, search}`, as in the address
 * - `person`: `{id, userId}` whose view it is; null while it is not known
 * - `stages`: `[{id, name}]` to choose from
 * - `revision`: is another number once they may have changed
 * - `onChange`: called with what is to be different in `view`
 */
export class Opportunities extends Component {
    static template = "crm_cqrs.Opportunities";
    static props = {
        view: Object,
        person: { type: [Object, { value: null }] },
        stages: Array,
        revision: Number,
        onChange: Function,
        onOpen: Function,
    };

    setup() {
        this.end = useRef("end");
        this.state = useState({
            items: [],
            total: null,
            next: null,
            isLoading: true,
            isStale: false,
            error: "",
        });
        this.search = useDebounced((text) => this.props.onChange({ search: text.trim() }), 300);
        this.abort = null;
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
        onWillUnmount(() => this.abort?.abort());
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
                    { rootMargin: "200px" }
                );
                observer.observe(end);
                return () => observer.disconnect();
            },
            // Observed anew after each page: the end may still be in sight.
            () => [this.end.el, this.state.items.length]
        );
    }

    get columns() {
        return [
            { name: "name", label: _t("Opportunity") },
            { label: _t("Salesperson"), className: "d-none d-md-table-cell" },
            { name: "stage", label: _t("Stage"), className: "d-none d-md-table-cell" },
            {
                name: "closing_date",
                label: _t("Closing"),
                className: "d-none d-sm-table-cell text-nowrap",
            },
            { name: "value", label: _t("Value"), className: "text-end", isNumber: true },
        ].map((column) => ({ ...column, ...this.sorting(column.name) }));
    }

    get statuses() {
        return [
            ["pending", _t("Open")],
            ["won", _t("Won")],
            ["lost", _t("Lost")],
            ["any", _t("All")],
        ];
    }

    get isFiltered() {
        const { search, stage, status } = this.props.view;
        return Boolean(search || stage || status !== "pending");
    }

    get countText() {
        const { items, total } = this.state;
        return total === null ? "" : _t("%(shown)s of %(total)s", { shown: items.length, total });
    }

    sorting(name) {
        const { sort } = this.props.view;
        if (!name || sort.replace("-", "") !== name) {
            return { ariaSort: name ? "none" : undefined, icon: "fa-sort opacity-25" };
        }
        return sort.startsWith("-")
            ? { ariaSort: "descending", icon: "fa-sort-down" }
            : { ariaSort: "ascending", icon: "fa-sort-up" };
    }

    sortBy(column) {
        const { sort } = this.props.view;
        // Amounts from the greatest down, the rest from the first.
        const first = column.isNumber ? `-${column.name}` : column.name;
        const second = column.isNumber ? column.name : `-${column.name}`;
        this.props.onChange({ sort: sort === first ? second : first });
    }

    clear() {
        this.props.onChange({ search: "", stage: undefined, status: "pending" });
    }

    /** Read the first page of what is asked for now, instead of what is shown. */
    async load(props) {
        Object.assign(this.state, { items: [], next: null, total: null, isStale: false });
        await this.read(props, LIMIT);
    }

    /** Read again what is shown. */
    async refresh(props = this.props) {
        if (this.state.isLoading || !props.person) {
            return;
        }
        if (this.state.items.length > MAX_LIMIT) {
            // It would take several pages, and what is being read would jump.
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
        this.abort?.abort();
        const { signal } = (this.abort = new AbortController());
        Object.assign(this.state, { isLoading: true, error: "" });
        try {
            if (props.person) {
                await this.readPages(props, limit, cursor, signal);
                this.state.isLoading = false;
            }
        } catch (error) {
            if (error.name !== "AbortError") {
                Object.assign(this.state, { isLoading: false, error: error.message });
            }
        }
    }

    async readPages(props, limit, cursor, signal) {
        const { view } = props;
        const ask = (parameters) =>
            readApi(
                PATH,
                {
                    user: view.viewAs,
                    scope: view.scope,
                    company: view.company === ALL ? undefined : view.company,
                    sort: view.sort,
                    stage: view.stage,
                    text: view.search,
                    ...FILTERS[view.status],
                    ...parameters,
                },
                signal
            ).then(({ data }) => data);
        const page = await ask({ fields: FIELDS, limit, cursor });
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

    closing(item) {
        const day = item.status === "pending" ? item.closing_date : item.closed_at;
        return day ? formatDate(DateTime.fromISO(day)) : "";
    }

    isLate(item) {
        return (
            item.status === "pending" &&
            item.closing_date &&
            DateTime.fromISO(item.closing_date) < DateTime.local().startOf("day")
        );
    }

    link(item) {
        return `/odoo/crm.lead/${item.odoo_id}`;
    }
}

/** What is asked for, to tell whether another list is. */
function question({ view, person }) {
    return JSON.stringify([
        view.viewAs,
        view.scope,
        view.company,
        view.sort,
        view.status,
        view.stage,
        view.search,
        person?.id,
    ]);
}
