import {_t} from "@web/core/l10n/translation";
import {useService} from "@web/core/utils/hooks";

import {
    Component,
    onWillStart,
    onWillUnmount,
    onWillUpdateProps,
    useState,
} from "@odoo/owl";

import {formatNumber} from "../core/formats";
import {RECORDS_MODEL} from "../dashboard/drill_down";
import {STATES, dueState, dueText, inState} from "./activity_dates";

const MODEL = "mail.activity";
const LEADS = "crm.lead";
const FIELDS = ["display_name", "icon", "date_deadline", "res_id", "res_name"];
const LIMIT = 20;
/** Activities up to which each state is counted */
const COUNT_UP_TO = 1000;

/**
 * List of a person's planned activities on leads and opportunities, the most urgent first,
 * as far as Odoo lets the user read them.
 *
 * - `userId`: of `res.users`
 * - `today`: as `2026-11-29`, where the user is
 * - `revision`: another number once opportunities may have changed
 * - `onOpen`: called with the id of an opportunity, and those of the list
 */
export class Activities extends Component {
    static template = "crm_cqrs.Activities";
    static props = {
        userId: Number,
        today: String,
        revision: Number,
        onOpen: Function,
    };

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.bus = useService("bus_service");
        this.states = STATES;
        this.state = useState({
            counts: null,
            chosen: null,
            items: [],
            limit: LIMIT,
            isLoading: true,
            hasFailed: false,
        });
        this.reload = () => this.load(this.props);
        this.bus.subscribe("mail.activity/updated", this.reload);
        onWillUnmount(() => this.bus.unsubscribe("mail.activity/updated", this.reload));
        onWillStart(() => {
            this.load(this.props);
        });
        onWillUpdateProps((nextProps) => {
            if (
                ["userId", "today", "revision"].some(
                    (n) => nextProps[n] !== this.props[n]
                )
            ) {
                this.load(nextProps);
            }
        });
    }

    choose(state) {
        this.state.chosen = this.state.chosen === state ? null : state;
        this.state.limit = LIMIT;
        return this.load(this.props);
    }

    more() {
        this.state.limit += LIMIT;
        return this.load(this.props);
    }

    async load({userId, today}) {
        const number = (this.lastLoad = (this.lastLoad || 0) + 1);
        Object.assign(this.state, {isLoading: true, hasFailed: false});
        try {
            const found = await this.read(userId, today);
            if (number === this.lastLoad) {
                Object.assign(this.state, found);
            }
        } catch {
            this.state.hasFailed = true;
        }
        if (number === this.lastLoad) {
            this.state.isLoading = false;
        }
    }

    async read(userId, today) {
        const {chosen, limit} = this.state;
        const theirs = [
            ["user_id", "=", userId],
            ["res_model", "=", LEADS],
        ];
        const shown = chosen ? [inState(chosen, today)] : [];
        const orm = this.orm.silent;
        const [items, ...counts] = await Promise.all([
            orm.searchRead(MODEL, [...theirs, ...shown], FIELDS, {
                order: "date_deadline, id",
                limit,
            }),
            ...Object.keys(STATES).map((state) =>
                orm.searchCount(MODEL, [...theirs, inState(state, today)], {
                    limit: COUNT_UP_TO,
                })
            ),
        ]);
        return {
            items,
            counts: Object.fromEntries(
                Object.keys(STATES).map((state, index) => [state, counts[index]])
            ),
        };
    }

    get hasMore() {
        return this.state.items.length === this.state.limit;
    }

    count(state) {
        const {counts} = this.state;
        if (!counts) {
            return "–";
        }
        const count = formatNumber(counts[state]);
        return counts[state] < COUNT_UP_TO ? count : `${count}+`;
    }

    get dueText() {
        const {counts} = this.state;
        return counts ? _t("%s due", formatNumber(counts.overdue + counts.today)) : "";
    }

    due(item) {
        return dueText(item.date_deadline, this.props.today);
    }

    stateOf(item) {
        return dueState(item.date_deadline, this.props.today);
    }

    link(item) {
        return `/odoo/${LEADS}/${item.res_id}`;
    }

    /** Open an activity in Odoo's own dialog, which marks it as done. */
    openActivity(item) {
        return this.action.doAction(
            {
                type: "ir.actions.act_window",
                name: item.display_name,
                res_model: MODEL,
                res_id: item.id,
                views: [[false, "form"]],
                target: "new",
            },
            {onClose: this.reload}
        );
    }

    async openDeal(item) {
        const ids = [...new Set(this.state.items.map(({res_id}) => res_id))];
        const deals = await this.orm.search(RECORDS_MODEL, [["id", "in", ids]], {
            context: {active_test: false},
        });
        const known = new Set(deals);
        if (known.has(item.res_id)) {
            return this.props.onOpen(
                item.res_id,
                ids.filter((id) => known.has(id))
            );
        }
        // A lead is no opportunity yet.
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: LEADS,
            res_id: item.res_id,
            views: [[false, "form"]],
        });
    }
}
