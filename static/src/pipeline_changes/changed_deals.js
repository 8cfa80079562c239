import {formatDate, formatDateTime} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";

import {Component, onWillStart, onWillUpdateProps, useState} from "@odoo/owl";

import {isAborted, useApi} from "../dashboard/api";
import {formatMoney, formatNumber, withSign} from "../dashboard/formats";
import {useDealPlace, useLeadOpener} from "../opportunities/lead_opener";
import {Definition} from "../past/definition";
import {useSlow} from "../past/use_slow";
import {chips} from "./chips";
import {definitionOf, kindLabel} from "./waterfall";

const {DateTime} = luxon;

const PATH = "changes/opportunities";
const LIMIT = 40;
/** Kinds whose opportunities are not there any more, or no longer the viewer's to open */
const GONE = ["deleted", "merged", "reassigned_out"];

/**
 * List of the opportunities behind a bar: what changed, by how much, and who did it.
 *
 * - `kind`: that of the bar
 * - `parameters`: those of the API with which the bar was read
 * - `currency`: code of that of the amounts
 */
export class ChangedDeals extends Component {
    static template = "crm_cqrs.ChangedDeals";
    static components = {Definition};
    static props = {kind: String, parameters: Object, currency: String};

    setup() {
        this.api = useApi();
        this.openLead = useLeadOpener();
        useDealPlace(() => ({ids: this.ids}));
        this.waiting = useSlow();
        this.state = useState({
            items: [],
            total: null,
            amount: null,
            next: null,
            isLoading: true,
            error: "",
        });
        onWillStart(() => {
            this.load(this.props);
        });
        onWillUpdateProps((nextProps) => {
            if (JSON.stringify(nextProps) !== JSON.stringify(this.props)) {
                this.load(nextProps);
            }
        });
    }

    get label() {
        return kindLabel(this.props.kind);
    }

    get listLabel() {
        return _t("Opportunities: %s", this.label);
    }

    get definition() {
        return definitionOf(this.props.kind);
    }

    get totalText() {
        const {total, amount} = this.state;
        if (total === null) {
            return "";
        }
        return total === 1
            ? _t("1 opportunity, %s", this.signed(amount))
            : _t("%(total)s opportunities, %(amount)s", {
                  total: formatNumber(total),
                  amount: this.signed(amount),
              });
    }

    load(props) {
        Object.assign(this.state, {items: [], total: null, amount: null, next: null});
        return this.read(props);
    }

    more() {
        return this.read(this.props, this.state.next);
    }

    async read({kind, parameters}, cursor) {
        this.api.abort();
        Object.assign(this.state, {isLoading: true, error: ""});
        try {
            const asked = {...parameters, kind, limit: LIMIT, cursor};
            const {data} = await this.waiting.during(this.api.read(PATH, asked));
            Object.assign(this.state, {
                items: cursor ? [...this.state.items, ...data.items] : data.items,
                total: data.total,
                amount: data.amount,
                next: data.next,
                isLoading: false,
            });
        } catch (error) {
            if (!isAborted(error)) {
                Object.assign(this.state, {isLoading: false, error: error.message});
            }
        }
    }

    chips({before, after}) {
        return chips(before, after, {
            money: formatMoney,
            day: (day) => formatDate(DateTime.fromISO(day)),
        });
    }

    signed(amount) {
        return signedMoney(amount, this.props.currency);
    }

    tone({change}) {
        return change < 0 ? "text-danger" : change > 0 ? "text-success" : "text-muted";
    }

    /** Return who made the change, and when. */
    origin({changed_by, changed_at}) {
        const when =
            changed_at &&
            formatDateTime(DateTime.fromISO(changed_at), {showSeconds: false});
        const who = changed_by && (changed_by.name ?? changed_by);
        return who && when
            ? _t("by %(person)s, %(time)s", {person: who, time: when})
            : when || who || "";
    }

    canOpen(item) {
        return !GONE.includes(this.props.kind) && item.odoo_id;
    }

    get ids() {
        return this.state.items
            .filter((each) => this.canOpen(each))
            .map(({odoo_id}) => odoo_id);
    }

    open(item) {
        return this.openLead(item.odoo_id, this.ids);
    }

    link(item) {
        return `/odoo/crm.lead/${item.odoo_id}`;
    }
}

/** Return an amount with its sign, as a change. */
export function signedMoney(amount, currency, format = formatMoney) {
    return withSign(amount, (size) => format(size, currency));
}
