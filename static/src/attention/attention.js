import {_t} from "@web/core/l10n/translation";

import {Component, onWillStart, onWillUpdateProps, useState} from "@odoo/owl";

import {isAborted, useApi} from "../dashboard/api";
import {formatMoney, formatMoneyShortly, formatNumber} from "../dashboard/formats";
import {Definition} from "../past/definition";
import {KINDS, reasons} from "./reasons";
import {previewOf} from "../deal_sheet/preview";

const FIELDS =
    "odoo_id,name,value,currency,converted_value,stage,salesperson,closing_date," +
    "stage_days,idle_days,pushes,attention";
const LIMIT = 20;

/**
 * List of the open opportunities that need attention, the most valuable first, with a count
 * of each reason, by which it can be narrowed.
 *
 * - `parameters`: `{user, salesperson, company, currency}` of the API
 * - `today`: as `2026-11-29`, where the user is
 * - `revision`: another number once opportunities may have changed
 * - `showsOwners`: whether the opportunities may be of several people
 * - `onOpen`: called with the id of an opportunity, those of the list, and the list
 */
export class Attention extends Component {
    static template = "crm_cqrs.Attention";
    static components = {Definition};
    static props = {
        parameters: Object,
        today: String,
        revision: Number,
        showsOwners: Boolean,
        onOpen: Function,
    };

    setup() {
        this.api = useApi();
        this.kinds = KINDS;
        this.state = useState({
            counts: null,
            kind: null,
            items: [],
            next: null,
            isLoading: true,
            error: "",
        });
        onWillStart(() => {
            this.load(this.props);
        });
        onWillUpdateProps((nextProps) => {
            const isOther =
                JSON.stringify(nextProps.parameters) !==
                JSON.stringify(this.props.parameters);
            if (isOther || nextProps.revision !== this.props.revision) {
                this.load(nextProps);
            }
        });
    }

    get asked() {
        return this.state.kind || Object.keys(KINDS).join();
    }

    choose(kind) {
        this.state.kind = this.state.kind === kind ? null : kind;
        this.load(this.props);
    }

    load(props) {
        return this.attempt(async () => {
            const [counts, page] = await Promise.all([
                this.api.read("attention", props.parameters),
                this.readPage(props),
            ]);
            Object.assign(this.state, {
                counts: counts.data,
                items: page.items,
                next: page.next,
            });
        });
    }

    more() {
        return this.attempt(async () => {
            const page = await this.readPage(this.props, this.state.next);
            this.state.items.push(...page.items);
            this.state.next = page.next;
        });
    }

    async readPage({parameters}, cursor) {
        const {data} = await this.api.read("opportunities", {
            ...parameters,
            attention: this.asked,
            sort: "-value",
            fields: FIELDS,
            limit: LIMIT,
            cursor,
        });
        return data;
    }

    async attempt(work) {
        this.api.abort();
        Object.assign(this.state, {isLoading: true, error: ""});
        try {
            await work();
            this.state.isLoading = false;
        } catch (error) {
            if (!isAborted(error)) {
                Object.assign(this.state, {isLoading: false, error: error.message});
            }
        }
    }

    /** The number and the value at stake: of the kind, or of all. */
    get totalText() {
        const {counts, kind} = this.state;
        if (!counts) {
            return "";
        }
        const {count, amount} = kind ? this.countOf(kind) : counts.any;
        return _t("%(count)s, %(amount)s at stake", {
            count: formatNumber(count),
            amount: formatMoneyShortly(amount, counts.currency),
        });
    }

    countOf(kind) {
        return (
            this.state.counts?.kinds.find((each) => each.kind === kind) || {
                count: 0,
                amount: 0,
            }
        );
    }

    count(kind) {
        return this.state.counts ? formatNumber(this.countOf(kind).count) : "–";
    }

    stake(kind) {
        const {counts} = this.state;
        return counts ? formatMoney(this.countOf(kind).amount, counts.currency) : "";
    }

    reasons(item) {
        return reasons(item, this.props.today);
    }

    money(item) {
        const {amount, currency} = item.converted_value;
        return formatMoney(amount, currency);
    }

    link(item) {
        return `/odoo/crm.lead/${item.odoo_id}`;
    }

    open(item) {
        return this.props.onOpen(
            item.odoo_id,
            this.state.items.map(({odoo_id}) => odoo_id),
            {preview: previewOf(item)}
        );
    }
}
