import {registry} from "@web/core/registry";
import {useService} from "@web/core/utils/hooks";
import {standardFieldProps} from "@web/views/fields/standard_field_props";

import {Component} from "@odoo/owl";

/** Name of an event's record, as a link where the reader can open it. */
export class RecordLink extends Component {
    static template = "crm_cqrs.RecordLink";
    static props = {...standardFieldProps};

    setup() {
        this.action = useService("action");
    }

    get name() {
        return this.props.record.data[this.props.name];
    }

    /** The address of the record; "" where it cannot be opened. */
    get link() {
        const {stream_model, stream_id, can_open_record} = this.props.record.data;
        const model = stream_model.includes(".") ? stream_model : `m-${stream_model}`;
        return can_open_record ? `/odoo/${model}/${stream_id}` : "";
    }

    open(ev) {
        if (ev.ctrlKey || ev.metaKey) {
            return;
        }
        ev.preventDefault();
        const {stream_model, stream_id} = this.props.record.data;
        this.action.doAction({
            type: "ir.actions.act_window",
            res_model: stream_model,
            res_id: stream_id,
            views: [[false, "form"]],
        });
    }
}

registry.category("fields").add("cqrs_record_link", {
    component: RecordLink,
    supportedTypes: ["char"],
    fieldDependencies: [
        {name: "stream_model", type: "char"},
        {name: "stream_id", type: "integer"},
        {name: "can_open_record", type: "boolean"},
    ],
});
