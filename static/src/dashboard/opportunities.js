import {_t} from "@web/core/l10n/translation";
import {Dropdown} from "@web/core/dropdown/dropdown";
import {CheckBox} from "@web/core/checkbox/checkbox";

import {Component, onWillUpdateProps, useState} from "@odoo/owl";

import {STATUSES, isClosed, isSortable, opportunityParameters} from "./choices";
import {COLUMNS} from "./columns";
import {DealActions} from "./deal_actions";
import {formatNumber} from "./formats";
import {OpportunityGroups} from "./opportunity_groups";
import {OpportunityRows} from "./opportunity_rows";

/**
 * List of the opportunities behind the figures: sorted, searched, filtered, grouped, with the
 * columns of one's choice, and extended as the user scrolls. Several can be chosen, and
 * changed together.
 *
 * - `view`: choices of the dashboard
 * - `person`: `{id, userId}` with the opportunities; null while it is not known
 * - `stages`: `[{id, name}]` to choose from, of a past day
 * - `revision`: another number once opportunities may have changed
 * - `onChange`: called with the choices that differ from `view`
 * - `onChanged`: called when the user has changed opportunities
 * - `showsOwners`: false where all are one salesperson's
 * - `onOpen`: called with the id of an opportunity, those of the list, and the list
 */
export class Opportunities extends Component {
    static template = "crm_cqrs.Opportunities";
    static components = {
        CheckBox,
        DealActions,
        Dropdown,
        OpportunityGroups,
        OpportunityRows,
    };
    static props = {
        view: Object,
        person: {type: [Object, {value: null}]},
        stages: Array,
        revision: Number,
        onChange: Function,
        onChanged: {type: Function, optional: true},
        showsOwners: {type: Boolean, optional: true},
        onOpen: Function,
    };

    setup() {
        this.state = useState({
            ids: null,
            total: null,
            hasMore: false,
            readsAll: false,
        });
        this.selection = useState({ids: new Set()});
        this.statuses = STATUSES;
        onWillUpdateProps((nextProps) => {
            if (question(nextProps) !== question(this.props)) {
                this.selection.ids.clear();
                this.state.total = null;
            }
        });
    }

    /** Columns that can be chosen; of a past day there are those of always. */
    get offered() {
        return Object.entries(COLUMNS).map(([name, {label}]) => ({
            name,
            label,
            isChosen: this.props.view.columns.includes(name),
            isFixed: name === "value",
        }));
    }

    get names() {
        const {view, showsOwners} = this.props;
        return view.columns.filter(
            (name) =>
                !(view.day && COLUMNS[name].field) &&
                !(name === "salesperson" && showsOwners === false)
        );
    }

    get columns() {
        const columns = this.names.map((name) => {
            const {label, sort, breakpoint = "md", isNumber} = COLUMNS[name];
            return {
                key: name,
                name: sort,
                label:
                    name === "closing_date" && this.showsClosed ? _t("Closed") : label,
                className: [
                    name === "value" ? "" : `d-none d-${breakpoint}-table-cell`,
                    isNumber ? "text-end" : "",
                ].join(" "),
                isNumber,
            };
        });
        return [{name: "name", label: _t("Opportunity")}, ...columns].map((column) =>
            this.sortable(column)
        );
    }

    /** Whether the day is that of having been closed, in column and order. */
    get showsClosed() {
        return isClosed(this.props.view.status);
    }

    get isFiltered() {
        const {domain, stage, status, day} = this.props.view;
        return Boolean((domain && !day) || stage || status !== "pending");
    }

    get isGrouped() {
        const {day, groupBy} = this.props.view;
        return !day && groupBy.length > 0;
    }

    get countText() {
        const {ids, total, hasMore} = this.state;
        if (total === null) {
            return "";
        }
        if (!ids) {
            return formatNumber(total);
        }
        const counts = {shown: formatNumber(ids.length), total: formatNumber(total)};
        return hasMore
            ? _t("%(shown)s of more than %(total)s", counts)
            : _t("%(shown)s of %(total)s", counts);
    }

    get rows() {
        const {view, person, revision, onOpen} = this.props;
        return {
            view,
            person,
            revision,
            onOpen,
            columns: this.names,
            selection: this.selection,
            isFiltered: this.isFiltered,
            onRead: (read) => Object.assign(this.state, read),
            onClear: () => this.clear(),
        };
    }

    sortable({name, ...column}) {
        return name && isSortable(this.props.view, name)
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

    chooseColumn({name}) {
        const {columns} = this.props.view;
        const isChosen = columns.includes(name);
        this.props.onChange({
            columns: Object.keys(COLUMNS).filter((each) =>
                each === name ? !isChosen : columns.includes(each)
            ),
        });
    }

    clear() {
        this.props.onChange({stage: undefined, status: "pending"});
        this.env.searchModel.clearFilters();
    }

    // Several at once

    get selectedIds() {
        return [...this.selection.ids];
    }

    get areAllSelected() {
        const {ids} = this.state;
        return Boolean(ids?.length) && ids.every((id) => this.selection.ids.has(id));
    }

    selectAll() {
        const {ids} = this.selection;
        if (this.areAllSelected) {
            ids.clear();
        } else {
            (this.state.ids || []).forEach((id) => ids.add(id));
        }
    }

    afterActions() {
        this.selection.ids.clear();
        this.props.onChanged?.();
    }
}

/** Return a text that differs where other opportunities are listed. */
function question({view, person}) {
    return JSON.stringify([opportunityParameters(view), view.groupBy, person?.id]);
}
