import {formatDateTime} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";
import {user} from "@web/core/user";

import {Component, onWillStart, onWillUpdateProps, useState} from "@odoo/owl";

import {isAborted, useApi} from "../dashboard/api";
import {formatMoney} from "../dashboard/formats";

const {DateTime} = luxon;

const LIMIT = 20;
const MAX_LIMIT = 200;

const ICONS = {
    contact: "fa-user",
    opportunity: "fa-star",
    order: "fa-shopping-cart",
    invoice: "fa-file-text-o",
    credit_note: "fa-undo",
};
const KINDS = {
    contact: _t("Contact"),
    opportunity: _t("Opportunity"),
    order: _t("Order"),
    invoice: _t("Invoice"),
    credit_note: _t("Credit Note"),
};
/** Types of events that are good news, or bad */
const GOOD = /(Won|Confirmed|Paid)$/;
const BAD = /(Lost|Cancelled|Deleted)$/;

/**
 * The timeline of a customer, the newest first.
 *
 * - `accountId`: Odoo's id
 * - `user`: uuid of the person whose view it is; the user's own by default
 * - `revision`: another number once something may have happened
 * - `onOpen`, `link`: called with the kind of a record and its id
 */
export class Story extends Component {
    static template = "crm_cqrs.Story";
    static props = {
        accountId: Number,
        user: {type: String, optional: true},
        revision: Number,
        onOpen: Function,
        link: Function,
    };

    setup() {
        this.api = useApi();
        this.state = useState({items: [], next: null, isLoading: true, error: ""});
        onWillStart(() => {
            this.load(this.props);
        });
        onWillUpdateProps((nextProps) => {
            const {accountId, revision} = this.props;
            if (
                nextProps.accountId !== accountId ||
                nextProps.user !== this.props.user
            ) {
                this.state.items = [];
                this.load(nextProps);
            } else if (nextProps.revision !== revision) {
                this.load(nextProps);
            }
        });
    }

    /** Read what is shown, and is no more than a page, again. */
    load(props) {
        const limit = Math.min(Math.max(LIMIT, this.state.items.length), MAX_LIMIT);
        return this.read(props, limit);
    }

    more() {
        return this.read(this.props, LIMIT, this.state.next);
    }

    async read({accountId, user}, limit, cursor) {
        this.api.abort();
        Object.assign(this.state, {isLoading: true, error: ""});
        try {
            const path = `accounts/${accountId}/timeline`;
            const {data} = await this.api.read(path, {user, limit, cursor});
            Object.assign(this.state, {
                items: cursor ? [...this.state.items, ...data.items] : data.items,
                next: data.next,
                isLoading: false,
            });
        } catch (error) {
            if (!isAborted(error)) {
                Object.assign(this.state, {isLoading: false, error: error.message});
            }
        }
    }

    get entries() {
        return this.state.items.map((item) => {
            const at = DateTime.fromISO(item.at).setZone(user.tz || "UTC");
            return {
                ...item,
                icon: ICONS[item.kind],
                label: KINDS[item.kind],
                tone: GOOD.test(item.type)
                    ? "o_cqrs_good"
                    : BAD.test(item.type)
                      ? "o_cqrs_bad"
                      : "",
                time: formatDateTime(at, {showSeconds: false}),
                relativeTime: at.toRelative(),
                who: item.user?.name,
                amountText: item.amount ? formatMoney(item.amount, item.currency) : "",
            };
        });
    }

    retry() {
        return this.state.next ? this.more() : this.load(this.props);
    }
}
