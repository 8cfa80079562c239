import {_t} from "@web/core/l10n/translation";
import {usePopover} from "@web/core/popover/popover_hook";

import {Component} from "@odoo/owl";

import {DEFINITIONS} from "./definitions";

class DefinitionPopover extends Component {
    static template = "crm_cqrs.DefinitionPopover";
    static props = {
        name: String,
        text: String,
        close: {type: Function, optional: true},
    };
}

/**
 * Button that shows the definition of a number.
 *
 * - `of`: its name among `DEFINITIONS`
 */
export class Definition extends Component {
    static template = "crm_cqrs.Definition";
    static props = {of: String};

    setup() {
        this.popover = usePopover(DefinitionPopover, {position: "bottom"});
    }

    get definition() {
        return DEFINITIONS[this.props.of];
    }

    get label() {
        return _t("Definition: %s", this.definition.name);
    }

    toggle(ev) {
        if (this.popover.isOpen) {
            this.popover.close();
        } else {
            const {name, text} = this.definition;
            this.popover.open(ev.currentTarget, {
                name: String(name),
                text: String(text),
            });
        }
    }
}
