import {Component} from "@odoo/owl";

import {Definition} from "../past/definition";

/**
 * A figure and its trend; a click opens the records behind it.
 *
 * - `value`: a text; "" while it is not known
 * - `note`: a line below
 * - `trend`: `{text, tone, icon, title}`, a button that opens the changes
 * - `points`: points of a line through the last months, for a `viewBox` of 100 × 24
 * - `share`: filled part of a bar, from 0 to 1
 * - `parts`: `{name, text, title, isAlert}`, figures of their own below it
 * - `hasChanged`: whether the figure has just changed
 */
export class Tile extends Component {
    static template = "crm_cqrs.Tile";
    static components = {Definition};
    static props = {
        name: String,
        label: String,
        value: String,
        note: {type: String, optional: true},
        trend: {type: [Object, {value: null}], optional: true},
        points: {type: String, optional: true},
        share: {type: [Number, {value: null}], optional: true},
        parts: {type: Array, optional: true},
        hasChanged: Boolean,
        onOpen: Function,
        onOpenPart: Function,
        onOpenTrend: Function,
    };

    get hasShare() {
        return typeof this.props.share === "number";
    }
}
