import {Component} from "@odoo/owl";

import {Definition} from "../past/definition";

/**
 * A figure and its trend; a click opens the records behind it.
 *
 * - `value`: a text, as it is read at a glance; "" while it is not known
 * - `exact`: the whole of it, for the tooltip and for who hears the screen
 * - `note`: a line below
 * - `trend`: `{text, since, tone, icon, title}`, a button that opens the changes
 * - `points`: points of a line through the last months, for a `viewBox` of 100 × 24
 * - `shares`: `[{name, share}]`, parts of a bar, each from 0 to 1
 * - `parts`: `{name, text, title, isAlert}`, figures of their own below it
 * - `latest`: `{amount, text, tone, title}`, what has changed the figure since it was seen;
 *   in the place of the line
 * - `onSee`: called when somebody who has pointed at the tile, or been in it by the
 *   keyboard, goes on
 */
export class Tile extends Component {
    static template = "crm_cqrs.Tile";
    static components = {Definition};
    static props = {
        name: String,
        label: String,
        value: String,
        exact: {type: String, optional: true},
        note: {type: String, optional: true},
        trend: {type: [Object, {value: null}], optional: true},
        points: {type: String, optional: true},
        shares: {type: Array, optional: true},
        parts: {type: Array, optional: true},
        latest: {type: Object, optional: true},
        onOpen: Function,
        onOpenPart: Function,
        onOpenTrend: Function,
        onSee: Function,
    };

    see() {
        if (this.props.latest) {
            this.props.onSee();
        }
    }
}
