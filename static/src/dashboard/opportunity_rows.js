import {formatDate} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";

import {
    Component,
    onWillStart,
    onWillUpdateProps,
    useEffect,
    useRef,
    useState,
} from "@odoo/owl";

import {isAborted, useApi} from "./api";
import {isClosed, opportunityParameters} from "./choices";
import {COLUMNS, fieldsOf} from "./columns";
import {formatMoney, formatNumber} from "./formats";
import {useEndInSight} from "../core/use_end_in_sight";
import {previewOf} from "../deal_sheet/preview";
import {useDealPlace, useOpenedLead} from "../opportunities/lead_opener";

const {DateTime} = luxon;

const PATH = "opportunities";
const LIMIT = 40;
const MAX_LIMIT = 200;

/**
 * Rows of a list of opportunities, read page by page as the user scrolls.
 *
 * - `view`: choices of the dashboard, with the `domain` of the rows
 * - `person`: `{id, userId}` with the opportunities; null while it is not known
 * - `columns`: names of `COLUMNS`
 * - `revision`: another number once opportunities may have changed
 * - `selection`: reactive `{ids}`, a set of the chosen ones
 * - `level`: how deep the group of the rows is; 0 outside of groups
 * - `onRead`: called with `{ids, total, hasMore, readsAll}` after each reading
 * - `onOpen`: called with the id of an opportunity, those of the rows, and the list
 */
export class OpportunityRows extends Component {
    static template = "crm_cqrs.OpportunityRows";
    static props = {
        view: Object,
        person: {type: [Object, {value: null}]},
        columns: Array,
        revision: Number,
        selection: Object,
        level: {type: Number, optional: true},
        isFiltered: {type: Boolean, optional: true},
        onRead: {type: Function, optional: true},
        onClear: {type: Function, optional: true},
        onOpen: Function,
    };
    static defaultProps = {level: 0};

    setup() {
        this.end = useRef("end");
        this.body = useRef("body");
        this.opened = useOpenedLead();
        useDealPlace(() => this.list);
        this.focusId = null;
        this.state = useState({
            items: [],
            total: null,
            next: null,
            isLoading: true,
            isStale: false,
            error: "",
        });
        this.selection = useState(this.props.selection);
        this.api = useApi();
        this.columnsByName = COLUMNS;
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
            () => this.showOpened(),
            () => [this.opened.list?.id, this.state.items.length]
        );
        useEffect(
            () => {
                const row = this.focusId && `tr[data-id="${this.focusId}"] a`;
                if (row) {
                    this.body.el?.querySelector(row)?.focus();
                }
                this.focusId = null;
            },
            () => [this.state.items.length]
        );
        useEndInSight(
            this.end,
            () => this.state.items.length,
            // In a group the user asks for more.
            () => !this.props.level && !this.state.error && this.more()
        );
    }

    /** The number of cells of a row. */
    get width() {
        return this.props.columns.length + 2;
    }

    get showsOwners() {
        return this.props.columns.includes("salesperson");
    }

    /** Whether the day is that of having been closed. */
    get showsClosed() {
        return isClosed(this.props.view.status);
    }

    /** Replace the rows by the first page for these choices. */
    async load(props) {
        Object.assign(this.state, {items: [], next: null, total: null, isStale: false});
        await this.read(props, LIMIT);
    }

    /** Read the rows shown again. */
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
            const {length} = this.state.items;
            // The button goes: the focus goes on with what it has brought, also where it
            // has come to the button meanwhile.
            const hasFocus = () =>
                this.end.el && this.end.el === document.activeElement;
            const hadFocus = hasFocus();
            await this.read(this.props, LIMIT, this.state.next);
            this.focusId =
                hadFocus || hasFocus() ? this.state.items[length]?.odoo_id : null;
        }
    }

    read(...asked) {
        this.reading = this.readNow(...asked);
        return this.reading;
    }

    async readNow(props, limit, cursor) {
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

    async readPage({view, columns}, limit, cursor) {
        const {data: page} = await this.api.read(PATH, {
            ...opportunityParameters(view),
            fields: fieldsOf(view.day ? [] : columns),
            limit,
            cursor,
        });
        const before = cursor ? this.state.items : [];
        Object.assign(this.state, {
            items: [...before, ...page.items],
            next: page.next,
            total: page.total,
        });
        this.props.onRead?.({
            ids: this.ids,
            total: page.total,
            hasMore: Boolean(page.has_more_than_total),
            readsAll: Boolean(page.reads_all),
        });
    }

    get ids() {
        return this.state.items.map(({odoo_id}) => odoo_id);
    }

    /** Return the text of a cell, of a column that has no markup of its own. */
    text(name, item) {
        const value = item[name];
        if (value === null || value === undefined) {
            return "";
        }
        if (name.endsWith("_at")) {
            return formatDate(DateTime.fromISO(value));
        }
        return name === "probability"
            ? `${formatNumber(value)} %`
            : formatNumber(value);
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

    isSelected(item) {
        return this.selection.ids.has(item.odoo_id);
    }

    select(item) {
        const {ids} = this.selection;
        if (!ids.delete(item.odoo_id)) {
            ids.add(item.odoo_id);
        }
    }

    selectLabel(item) {
        return _t("Select %s", item.name);
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
        const {ids, ...rest} = this.list;
        this.props.onOpen(item.odoo_id, ids, {...rest, preview: previewOf(item)});
    }

    /** The list, for the sheet. */
    get list() {
        return {
            ids: this.ids,
            total: this.state.total,
            more: () => this.moreIds(),
        };
    }

    /** Read the next page; return the ids of all that has been read. */
    async moreIds() {
        // Having scrolled may read it already, or have read it.
        await (this.state.isLoading ? this.reading : this.more());
        return this.ids;
    }

    /** Scroll to the row of the opportunity that the sheet has gone on to. */
    showOpened() {
        const id = this.opened.list?.id;
        const row = id && this.body.el?.querySelector(`[data-id="${id}"]`);
        row?.scrollIntoView({block: "nearest"});
    }

    isOpened(item) {
        return this.opened.list?.id === item.odoo_id;
    }

    link(item) {
        return `/odoo/crm.lead/${item.odoo_id}`;
    }
}

/** Return a text that differs where other rows are to be shown. */
function question({view, person, columns}) {
    return JSON.stringify([opportunityParameters(view), person?.id, columns]);
}
