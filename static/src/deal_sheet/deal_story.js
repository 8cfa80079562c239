import {deserializeDateTime, formatDateTime} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";
import {useService} from "@web/core/utils/hooks";

import {Component, useState} from "@odoo/owl";

import {PutBackDialog} from "./put_back_dialog";

const HISTORY = "crm_cqrs.lead_history_action";

/**
 * The last events of an opportunity as sentences, the newest first; what a person changed
 * can be put back.
 *
 * - `id`: that of the opportunity
 * - `entries`, `hasMore`: as `cqrs.history` gives them
 * - `beforePutBack`: called first; returns whether it may go on
 * - `onPutBack`: called after the former values have been written
 */
export class DealStory extends Component {
    static template = "crm_cqrs.DealStory";
    static props = {
        id: Number,
        entries: Array,
        hasMore: Boolean,
        beforePutBack: Function,
        onPutBack: Function,
    };

    setup() {
        this.action = useService("action");
        this.dialog = useService("dialog");
        this.orm = useService("orm");
        this.notification = useService("notification");
        // One at a time.
        this.state = useState({asked: null});
    }

    get rows() {
        return this.props.entries.map((entry) => {
            const time = deserializeDateTime(entry.occurred_at);
            return {
                ...entry,
                who: entry.user ? entry.user.name : _t("Unknown user"),
                time: formatDateTime(time),
                isoTime: time.toISO(),
                relativeTime: time.toRelative(),
                label: _t("Put back: %s", entry.sentences[0]),
            };
        });
    }

    async putBack({version}) {
        if (this.state.asked || !(await this.props.beforePutBack())) {
            return;
        }
        const {id} = this.props;
        this.state.asked = version;
        try {
            const comparison = await this.orm.call("cqrs.history", "read_comparison", [
                "crm.lead",
                id,
                version,
            ]);
            this.dialog.add(PutBackDialog, {
                comparison,
                write: (paths) =>
                    this.orm.call("cqrs.history", "put_back", [
                        "crm.lead",
                        id,
                        version,
                        paths,
                    ]),
                onDone: () => this.onDone(),
            });
        } finally {
            this.state.asked = null;
        }
    }

    async onDone() {
        this.notification.add(_t("The change has been put back."), {type: "success"});
        await this.props.onPutBack();
    }

    openHistory() {
        return this.action.doAction(HISTORY, {
            additionalContext: {active_id: this.props.id},
        });
    }
}
