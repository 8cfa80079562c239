import {deserializeDateTime, formatDateTime} from "@web/core/l10n/dates";
import {Dialog} from "@web/core/dialog/dialog";
import {_t} from "@web/core/l10n/translation";

import {Component, useState} from "@odoo/owl";

const NOTES = {
    same: "",
    changed: _t("Changed again since"),
    gone: _t("The former value has been deleted"),
};

/**
 * Dialog that asks before a change is put back, or compares where that is not possible.
 *
 * - `comparison`: as of `cqrs.history`
 * - `write`: called with the paths of the fields; returns a promise of the answer
 * - `onDone`: called after they have been written
 */
export class PutBackDialog extends Component {
    static template = "crm_cqrs.PutBackDialog";
    static components = {Dialog};
    static props = {
        comparison: Object,
        write: Function,
        onDone: Function,
        close: Function,
    };

    setup() {
        this.state = useState({
            comparison: this.props.comparison,
            isRefused: false,
            isWriting: false,
        });
    }

    get fields() {
        return this.state.comparison.fields.map((field) => ({
            ...field,
            ...Object.fromEntries(
                ["before", "after", "now"].map((side) => [side, shown(field, side)])
            ),
            note: NOTES[field.state],
        }));
    }

    /** Paths of the fields that can be put back. */
    get paths() {
        return this.state.comparison.fields
            .filter(({state}) => state === "same")
            .map(({path}) => path);
    }

    get title() {
        return this.paths.length
            ? _t("Put this change back?")
            : _t("This change cannot be put back");
    }

    get text() {
        const {fields} = this.state.comparison;
        if (!this.paths.length) {
            return fields.length
                ? _t("What has been changed since is not overwritten. Compare:")
                : _t("You may not write what this change has written.");
        }
        return this.paths.length < fields.length
            ? _t(
                  "The fields that still have the value of this change get the former one. The others stay as they are."
              )
            : _t(
                  "The former values are written, and the fields that follow from them adapt. That is a change like any other."
              );
    }

    async putBack() {
        this.state.isWriting = true;
        try {
            const answer = await this.props.write(this.paths);
            if (answer.is_done) {
                this.props.close();
                await this.props.onDone();
                return;
            }
            this.state.comparison = answer;
            this.state.isRefused = true;
        } finally {
            this.state.isWriting = false;
        }
    }
}

/** Return a value of a field as it is shown. */
function shown(field, side) {
    const text = field[side];
    if (!text) {
        return _t("empty");
    }
    return field.type === "datetime" ? formatDateTime(deserializeDateTime(text)) : text;
}
