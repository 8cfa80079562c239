import {formatDate} from "@web/core/l10n/dates";
import {Dialog} from "@web/core/dialog/dialog";
import {_t} from "@web/core/l10n/translation";

import {Component, onWillStart, useState} from "@odoo/owl";

import {useSlow} from "../past/use_slow";
import {isAborted, useApi} from "./api";
import {formatMoney, formatNumber} from "./formats";

const {DateTime} = luxon;

const PATH = "opportunities";
const FIELDS =
    "odoo_id,name,value,currency,stage,status,salesperson,partner,closing_date";
const LIMIT = 80;

/**
 * Dialog with the opportunities behind a figure of a past day, as they were then.
 *
 * - `title`: that of the figure
 * - `parameters`: those of the API
 * - `onOpen`: called with the id of an opportunity, and those of the list
 */
export class PastDeals extends Component {
    static template = "crm_cqrs.PastDeals";
    static components = {Dialog};
    static props = {
        title: String,
        parameters: Object,
        onOpen: Function,
        close: Function,
    };

    setup() {
        this.api = useApi();
        this.waiting = useSlow();
        this.state = useState({
            items: [],
            total: null,
            next: null,
            isLoading: true,
            error: "",
        });
        onWillStart(() => {
            this.read();
        });
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

    async read(cursor) {
        Object.assign(this.state, {isLoading: true, error: ""});
        try {
            const asked = {
                ...this.props.parameters,
                fields: FIELDS,
                limit: LIMIT,
                cursor,
            };
            const {data} = await this.waiting.during(this.api.read(PATH, asked));
            Object.assign(this.state, {
                items: [...this.state.items, ...data.items],
                total: data.total,
                next: data.next,
                isLoading: false,
            });
        } catch (error) {
            if (!isAborted(error)) {
                Object.assign(this.state, {isLoading: false, error: error.message});
            }
        }
    }

    money({value, currency}) {
        return formatMoney(value, currency);
    }

    day({closing_date}) {
        return closing_date ? formatDate(DateTime.fromISO(closing_date)) : "";
    }

    async open(item) {
        const ids = this.state.items.map(({odoo_id}) => odoo_id);
        this.props.close();
        await this.props.onOpen(item.odoo_id, ids);
    }

    link(item) {
        return `/odoo/crm.lead/${item.odoo_id}`;
    }
}
