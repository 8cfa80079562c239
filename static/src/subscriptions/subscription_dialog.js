import {Dialog} from "@web/core/dialog/dialog";
import {RecordAutocomplete} from "@web/core/record_selectors/record_autocomplete";
import {_t} from "@web/core/l10n/translation";
import {user} from "@web/core/user";
import {useService} from "@web/core/utils/hooks";

import {Component, onWillStart, useEffect, useRef, useState} from "@odoo/owl";

import {hourLabels, weekdayLabels} from "./schedule";

const MODEL = "cqrs.subscription";
const MONDAY = 0;
const EIGHT = 8;

/**
 * Dialog that has a view of the dashboard mailed each week, and shows to whom it is.
 *
 * - `address`: parameters of the dashboard's address
 * - `searched`: what is searched for, in words
 */
export class SubscriptionDialog extends Component {
    static template = "crm_cqrs.SubscriptionDialog";
    static components = {Dialog, RecordAutocomplete};
    static props = {address: Object, searched: Array, close: Function};

    setup() {
        this.orm = useService("orm");
        this.names = useService("name");
        this.notification = useService("notification");
        this.root = useRef("root");
        this.weekdays = weekdayLabels();
        this.hours = hourLabels();
        this.state = useState({
            weekday: MONDAY,
            hour: EIGHT,
            users: [{id: user.userId, name: user.name}],
            subscriptions: [],
            isBusy: false,
        });
        onWillStart(() => this.read());
        // Odoo's component gives its field no name.
        useEffect(() => {
            this.root.el
                ?.querySelector(".o_cqrs_recipients input")
                ?.setAttribute("aria-label", _t("Add a recipient"));
        });
    }

    async read() {
        this.state.subscriptions = await this.orm.call(MODEL, "read_subscriptions", [
            this.props.address,
        ]);
    }

    get userIds() {
        return this.state.users.map(({id}) => id);
    }

    async add(ids) {
        const names = await this.names.loadDisplayNames("res.users", ids);
        for (const id of ids) {
            if (!this.userIds.includes(id)) {
                this.state.users.push({id, name: names[id]});
            }
        }
    }

    remove({id}) {
        this.state.users = this.state.users.filter((each) => each.id !== id);
        // The button that had the focus is gone; the focus goes on here.
        this.root.el.querySelector(".o_cqrs_recipients input").focus();
    }

    removeLabel({name}) {
        return _t("Remove %s", name);
    }

    async subscribe() {
        const {weekday, hour} = this.state;
        const isDone = await this.attempt(() =>
            this.orm.call(MODEL, "action_subscribe", [
                this.props.address,
                weekday,
                hour,
                this.userIds,
            ])
        );
        if (isDone) {
            this.notification.add(
                _t("This view is mailed each week: %(day)s, %(hour)s.", {
                    day: this.weekdays[weekday],
                    hour: this.hours[hour],
                }),
                {type: "success"}
            );
            this.props.close();
        }
    }

    /** Stop a subscription, or let it go on. */
    change(method, {id}) {
        return this.attempt(async () => {
            await this.orm.call(MODEL, method, [[id]]);
            await this.read();
        });
    }

    /** Return whether a work was done; Odoo says why where it was not. */
    async attempt(work) {
        this.state.isBusy = true;
        try {
            await work();
            return true;
        } finally {
            this.state.isBusy = false;
        }
    }
}
