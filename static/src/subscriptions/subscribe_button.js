import {useService} from "@web/core/utils/hooks";

import {Component} from "@odoo/owl";

import {facetTexts} from "../take_along/list_question";
import {SubscriptionDialog} from "./subscription_dialog";

/**
 * Opens the dialog by which a view of the dashboard is mailed each week.
 *
 * - `address`: returns the parameters of the dashboard's address
 */
export class SubscribeButton extends Component {
    static template = "crm_cqrs.SubscribeButton";
    static props = {address: Function};

    setup() {
        this.dialog = useService("dialog");
    }

    open() {
        this.dialog.add(SubscriptionDialog, {
            address: this.props.address(),
            searched: facetTexts(this.env.searchModel),
        });
    }
}
