import {formatDateTime} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";

import {Component} from "@odoo/owl";

const {DateTime} = luxon;

/**
 * The age of the figures: live, or out of date for a reason; their time and event.
 *
 * - `isLive`: whether changes are told
 * - `reason`: why the figures are old, if that is known
 * - `readAt`, `position`: time of the figures, and the last event that they know; null until
 *  there are figures
 */
export class Freshness extends Component {
    static template = "crm_cqrs.Freshness";
    static props = {
        isLive: Boolean,
        reason: {type: String, optional: true},
        readAt: {type: [Object, {value: null}]},
        position: {type: [Number, {value: null}]},
    };

    get time() {
        const {readAt} = this.props;
        return readAt
            ? _t("As of %s", readAt.toLocaleString(DateTime.TIME_WITH_SECONDS))
            : "";
    }

    get timeTitle() {
        const {readAt, position} = this.props;
        return readAt
            ? _t("%(time)s, event %(position)s", {
                  time: formatDateTime(readAt),
                  position,
              })
            : "";
    }
}
