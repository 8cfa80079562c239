import {deserializeDateTime, formatDateTime} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {useService} from "@web/core/utils/hooks";
import {imageUrl} from "@web/core/utils/urls";
import {Layout} from "@web/search/layout";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";

import {Component, onWillStart, useState} from "@odoo/owl";

import {Changes} from "../changes/changes";
import {formatNumber} from "../core/formats";

/** The timeline of the record that the action was opened on, newest first. */
export class History extends Component {
    static template = "crm_cqrs.History";
    static components = {Changes, Layout};
    static props = {...standardActionServiceProps};

    setup() {
        this.orm = useService("orm");
        this.session = useService("crm_cqrs.session");
        // Not the context's active_model: after a reload there is none.
        this.model = this.props.action.params.model;
        this.recordId = this.props.action.context.active_id;
        this.state = useState({entries: [], more: true, loading: false, error: ""});
        // Not awaited: the screen shows at once that it is loading.
        onWillStart(() => {
            this.load();
        });
    }

    async load() {
        this.state.loading = true;
        this.state.error = "";
        const oldest = this.state.entries.at(-1)?.version;
        try {
            const page = await this.orm.call("cqrs.history", "read_page", [
                this.model,
                this.recordId,
                oldest || null,
            ]);
            this.state.entries.push(
                ...page.entries.map((entry) => this.present(entry))
            );
            this.state.more = page.more;
        } catch (error) {
            if (await this.session.isOver()) {
                return;
            }
            this.state.error =
                error.data?.message || _t("The history could not be loaded.");
        }
        this.state.loading = false;
    }

    present(entry) {
        const time = deserializeDateTime(entry.occurred_at);
        const whole = /(Created|Deleted)$/.test(entry.type);
        return {
            ...entry,
            time: formatDateTime(time),
            isoTime: time.toISO(),
            relativeTime: time.toRelative(),
            avatar: entry.user && imageUrl("res.users", entry.user.id, "avatar_128"),
            // Of a creation or deletion that is every field: asked for, not shown.
            open: !whole,
        };
    }

    /** Stands for a user deleted since, or for no user at all. */
    get unknownUser() {
        return _t("Unknown user");
    }

    countLabel(changes) {
        return changes.length === 1
            ? _t("1 field")
            : _t("%(count)s fields", {count: formatNumber(changes.length)});
    }
}

registry.category("actions").add("crm_cqrs.history", History);
