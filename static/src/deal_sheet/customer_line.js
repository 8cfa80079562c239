import {useService} from "@web/core/utils/hooks";

import {Component, onWillStart, onWillUpdateProps, useState} from "@odoo/owl";

import {summaryOf} from "../customers/figures";
import {customerAddress} from "../customers/customers_question";
import {isAborted, useApi} from "../dashboard/api";
import {activeCompanies} from "../dashboard/companies";
import {formatMoney, formatNumber} from "../dashboard/formats";

const TAG = "crm_cqrs.customer";

/**
 * The customer of an opportunity in one line: what the user sees of it, and the way to its
 * whole story.
 *
 * - `account`: `{id, name}`
 * - `version`: another number once the opportunity has changed, and with it the figures
 */
export class CustomerLine extends Component {
    static template = "crm_cqrs.CustomerLine";
    static props = {account: Object, version: Number};

    setup() {
        this.action = useService("action");
        this.api = useApi();
        this.state = useState({figures: null});
        onWillStart(() => {
            this.read(this.props.account);
        });
        onWillUpdateProps(({account, version}) => {
            if (account.id !== this.props.account.id) {
                this.state.figures = null;
                this.read(account);
            } else if (version !== this.props.version) {
                this.read(account);
            }
        });
    }

    get question() {
        return {account: this.props.account.id, company: activeCompanies()};
    }

    async read({id}) {
        this.api.abort();
        try {
            const {data} = await this.api.read(`accounts/${id}`, {
                company: activeCompanies(),
            });
            this.state.figures = summaryOf(data)
                .filter(({amount}) => amount)
                .map((figure) => ({
                    ...figure,
                    money: formatMoney(figure.amount, data.currency),
                    count: figure.count && formatNumber(figure.count),
                }));
        } catch (error) {
            if (!isAborted(error)) {
                // The name leads to the customer's page, which says why.
                this.state.figures = [];
            }
        }
    }

    get link() {
        return `/odoo/sales-customer?account=${this.props.account.id}`;
    }

    open(ev) {
        if (ev.ctrlKey || ev.metaKey) {
            return;
        }
        ev.preventDefault();
        this.action.doAction({
            type: "ir.actions.client",
            tag: TAG,
            params: customerAddress(this.question),
        });
    }
}
