import { Component } from "@odoo/owl";

/**
 * A figure, what stands behind it at a click, and how it compares.
 *
 * - `value`: a text; "" while it is not known
 * - `note`: a line below
 * - `trend`: `{text, tone, icon, title}` against the period before
 * - `points`: of a line through the last months, for a `viewBox` of 100 × 24
 * - `share`: of a bar that is filled to that, from 0 to 1
 * - `hasChanged`: somebody has just changed it
 */
export class Tile extends Component {
    static template = "crm_cqrs.Tile";
    static props = {
        name: String,
        label: String,
        value: String,
        note: { type: String, optional: true },
        trend: { type: [Object, { value: null }], optional: true },
        points: { type: String, optional: true },
        share: { type: [Number, { value: null }], optional: true },
        hasChanged: Boolean,
        onOpen: Function,
    };

    get hasShare() {
        return typeof this.props.share === "number";
    }
}
