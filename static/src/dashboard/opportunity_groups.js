import {_t} from "@web/core/l10n/translation";

import {Component, onWillStart, onWillUpdateProps, useState} from "@odoo/owl";

import {isAborted, useApi} from "./api";
import {domainParameter, figureParameters} from "./choices";
import {formatMoney, formatNumber} from "./formats";
import {OpportunityRows} from "./opportunity_rows";
import {GROUPINGS} from "../search/facets";
import {
    GROUP_SORTS,
    comeInPages,
    groupDomain,
    groupFigures,
    groupKey,
    groupLabel,
} from "../search/groups";

/**
 * Groups of a list of opportunities, each with its number and its sum, which are parts of the
 * figures above; the rows of a group, or its groups, are read when it is opened.
 *
 * Properties are those of `OpportunityRows`; `view.groupBy` has the fields of these groups and
 * of those within them.
 */
export class OpportunityGroups extends Component {
    static template = "crm_cqrs.OpportunityGroups";
    static components = {OpportunityRows};
    static props = {...OpportunityRows.props};
    static defaultProps = {level: 0};

    setup() {
        this.api = useApi();
        this.state = useState({
            answer: null,
            groups: [],
            next: null,
            opened: new Set(),
            isLoading: true,
            error: "",
        });
        onWillStart(() => {
            this.load(this.props);
        });
        onWillUpdateProps((nextProps) => {
            const isOther = question(nextProps) !== question(this.props);
            if (isOther) {
                this.state.opened.clear();
            }
            if (isOther || nextProps.revision !== this.props.revision) {
                this.load(nextProps);
            }
        });
    }

    get field() {
        return this.props.view.groupBy[0];
    }

    get width() {
        return this.props.columns.length + 2;
    }

    async load(props) {
        await this.read(props);
    }

    more() {
        return this.read(this.props, this.state.next);
    }

    async read(props, cursor) {
        this.api.abort();
        Object.assign(this.state, {isLoading: true, error: ""});
        const {view} = props;
        const field = view.groupBy[0];
        try {
            if (!props.person) {
                return;
            }
            const {data} = await this.api.read("metrics", {
                user: view.viewAs,
                ...figureParameters(view),
                domain: domainParameter(view),
                by: GROUPINGS[field],
                sort: comeInPages(field) ? GROUP_SORTS[view.status] : undefined,
                cursor,
            });
            const before = cursor ? this.state.groups : [];
            Object.assign(this.state, {
                answer: data,
                groups: [...before, ...data.groups],
                next: data.next || null,
                isLoading: false,
            });
            if (!props.level) {
                const {count} = groupFigures(data, view.scope, view.status);
                props.onRead?.({
                    ids: null,
                    total: count,
                    hasMore: false,
                    readsAll: false,
                });
            }
        } catch (error) {
            if (!isAborted(error)) {
                Object.assign(this.state, {isLoading: false, error: error.message});
            }
        }
    }

    /** The groups with something of what is listed. */
    get rows() {
        const {scope, status} = this.props.view;
        const {currency} = this.state.answer || {};
        return this.state.groups
            .map((group) => ({group, ...groupFigures(group, scope, status)}))
            .filter(({count}) => count)
            .map(({group, count, amount}) => {
                const key = groupKey(group, this.field);
                return {
                    key,
                    id: String(key),
                    label: groupLabel(group, this.field),
                    count: formatNumber(count),
                    amount: amount === null ? "" : formatMoney(amount, currency),
                    isOpen: this.state.opened.has(String(key)),
                };
            });
    }

    toggle({id}) {
        const {opened} = this.state;
        if (!opened.delete(id)) {
            opened.add(id);
        }
    }

    /** Return the choices of what is in a group. */
    viewOf({key}) {
        const {view} = this.props;
        const domain = JSON.parse(view.domain || "[]");
        return {
            ...view,
            groupBy: view.groupBy.slice(1),
            domain: JSON.stringify(groupDomain(domain, this.field, key)),
        };
    }

    get indent() {
        const {level} = this.props;
        return level ? `padding-inline-start: ${1.5 * level}rem` : undefined;
    }

    labelOf({label, count}) {
        return _t("%(label)s (%(count)s)", {label, count});
    }
}
OpportunityGroups.components.OpportunityGroups = OpportunityGroups;

/** Return a text that differs where other groups are to be shown. */
function question({view, person}) {
    const {viewAs, groupBy, domain, status, scope} = view;
    return JSON.stringify([
        figureParameters(view),
        viewAs,
        groupBy,
        domain,
        status,
        scope,
        person?.id,
    ]);
}
