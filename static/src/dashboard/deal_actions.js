import {Dialog} from "@web/core/dialog/dialog";
import {_t} from "@web/core/l10n/translation";
import {RecordSelector} from "@web/core/record_selectors/record_selector";
import {useService} from "@web/core/utils/hooks";

import {Component, useState} from "@odoo/owl";

import {formatNumber} from "./formats";

/** Changes of several opportunities: the field, and where its value is chosen. */
const CHANGES = {
    user_id: {
        model: "res.users",
        domain: [
            ["share", "=", false],
            ["active", "=", true],
        ],
        title: _t("Reassign Opportunities"),
        placeholder: _t("Salesperson"),
        question: _t("To whom should %s opportunities be reassigned?"),
        confirm: _t("Reassign"),
        done: _t("%s opportunities reassigned."),
    },
    stage_id: {
        model: "crm.stage",
        domain: [],
        title: _t("Change the Stage"),
        placeholder: _t("Stage"),
        question: _t("To which stage should %s opportunities move?"),
        confirm: _t("Change Stage"),
        done: _t("%s opportunities moved."),
    },
};

/**
 * Dialog that changes one field of several opportunities, in one transaction.
 *
 * - `ids`: of the opportunities
 * - `field`: of `CHANGES`
 * - `onDone`: called when they are changed
 */
export class ChangeDeals extends Component {
    static template = "crm_cqrs.ChangeDeals";
    static components = {Dialog, RecordSelector};
    static props = {ids: Array, field: String, onDone: Function, close: Function};

    setup() {
        this.orm = useService("orm");
        this.notification = useService("notification");
        this.change = CHANGES[this.props.field];
        this.state = useState({resId: false, isWriting: false});
    }

    get question() {
        return this.change.question.toString().replace("%s", this.count);
    }

    get count() {
        return formatNumber(this.props.ids.length);
    }

    async confirm() {
        const {ids, field, close, onDone} = this.props;
        this.state.isWriting = true;
        try {
            await this.orm.write("crm.lead", ids, {[field]: this.state.resId});
        } finally {
            this.state.isWriting = false;
        }
        this.notification.add(this.change.done.toString().replace("%s", this.count), {
            type: "success",
        });
        close();
        onDone();
    }
}

/**
 * Buttons for the opportunities that are chosen in a list.
 *
 * - `ids`: of the opportunities
 * - `onDone`: called when they were changed
 * - `onClear`: called to choose none
 */
export class DealActions extends Component {
    static template = "crm_cqrs.DealActions";
    static props = {ids: Array, onDone: Function, onClear: Function};

    setup() {
        this.action = useService("action");
        this.dialog = useService("dialog");
    }

    get countText() {
        return _t("%s selected", formatNumber(this.props.ids.length));
    }

    open(field) {
        const {ids, onDone} = this.props;
        this.dialog.add(ChangeDeals, {ids, field, onDone});
    }

    /** Open Odoo's own dialog, for all of them. */
    planActivity() {
        const {ids, onDone} = this.props;
        return this.action.doAction(
            {
                type: "ir.actions.act_window",
                name: _t("Schedule Activity"),
                res_model: "mail.activity.schedule",
                views: [[false, "form"]],
                target: "new",
                context: {active_model: "crm.lead", active_ids: ids, active_id: ids[0]},
            },
            {onClose: onDone}
        );
    }
}
