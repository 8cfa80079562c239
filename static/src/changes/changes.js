import {deserializeDateTime, formatDateTime} from "@web/core/l10n/dates";
import {registry} from "@web/core/registry";
import {standardFieldProps} from "@web/views/fields/standard_field_props";

import {Component} from "@odoo/owl";

/** Table of changed fields: `[{path, label, type, before, after}]`, all texts. */
export class Changes extends Component {
    static template = "crm_cqrs.Changes";
    static props = {changes: Array};

    shown(change, text) {
        const time = change.type === "datetime" && text && deserializeDateTime(text);
        return time && time.isValid ? formatDateTime(time) : text;
    }
}

export class ChangesField extends Component {
    static template = "crm_cqrs.ChangesField";
    static components = {Changes};
    static props = {...standardFieldProps};

    get changes() {
        return this.props.record.data[this.props.name] || [];
    }
}

registry.category("fields").add("cqrs_changes", {
    component: ChangesField,
    supportedTypes: ["json"],
});
