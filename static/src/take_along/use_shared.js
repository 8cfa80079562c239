import {formatDateTime} from "@web/core/l10n/dates";
import {_t} from "@web/core/l10n/translation";
import {useService} from "@web/core/utils/hooks";
import {user} from "@web/core/user";

import {Component, onWillStart, useState} from "@odoo/owl";

import {sharedFrom} from "./shared";

/**
 * Say of a screen whether its address was shared, until the user closes the note.
 *
 * - `note`: `{name, at, isOwn, isPast}` for `SharedNote`, null for none; reactive through `state`
 * - `useOwn()`: the person with the figures is none of the reader's: the reader's own are
 *   shown; returns false where the address was not shared
 *
 * @param {Object} params of the client action
 */
export function useShared(params) {
    const orm = useService("orm");
    const shared = sharedFrom(params || {});
    const state = useState({note: null});

    onWillStart(() => {
        if (shared && shared.userId !== user.userId) {
            state.note = {name: "", at: shared.at, isOwn: false};
            // Not awaited: the figures do not wait for a name.
            orm.silent
                .read("res.users", [shared.userId], ["name"])
                .then(([sharer]) => {
                    if (state.note) {
                        state.note.name = sharer?.name || "";
                    }
                })
                .catch(() => null);
        }
    });

    return {
        state,
        isShared: Boolean(shared),
        useOwn() {
            if (state.note) {
                state.note.isOwn = true;
            }
            return Boolean(shared);
        },
        close() {
            state.note = null;
        },
    };
}

/**
 * Note above a screen whose address was shared: who shared it, when, and whose it is.
 *
 * - `note`: of `useShared`
 * - `onClose`: called when the user closes it
 */
export class SharedNote extends Component {
    static template = "crm_cqrs.SharedNote";
    static props = {
        note: Object,
        isPast: {type: Boolean, optional: true},
        onClose: Function,
    };

    get text() {
        return [this.sharedText, this.rightsText].join(" ");
    }

    get sharedText() {
        const {name, at} = this.props.note;
        const who = name || _t("A colleague");
        return at
            ? _t("%(name)s shared this view on %(time)s.", {
                  name: who,
                  time: formatDateTime(at, {showSeconds: false}),
              })
            : _t("%s shared this view.", who);
    }

    get rightsText() {
        if (this.props.note.isOwn) {
            return _t(
                "It shows a person who is not on your team. You see the same choices for yourself."
            );
        }
        return this.props.isPast
            ? _t("You see what you are allowed to see.")
            : _t("You see what you are allowed to see, as it is now.");
    }
}
