/**
 * Columns of the list of opportunities: those that can be chosen, and what is read for them.
 *
 *     chosenColumns("stage,probability"); // ["stage", "probability"]
 *     fieldsOf(["stage", "probability"]); // "odoo_id,name,…,probability"
 *
 * Pure: takes values and returns values.
 */

import {_t} from "@web/core/l10n/translation";

/**
 * Columns beside the name, in their order; `sort` is the order of the API, `field` what is
 * read, and `breakpoint` the width from which on there is room.
 */
export const COLUMNS = {
    salesperson: {label: _t("Salesperson"), breakpoint: "md"},
    stage: {label: _t("Stage"), sort: "stage", breakpoint: "md"},
    closing_date: {label: _t("Closing"), sort: "closing_date", breakpoint: "sm"},
    probability: {label: _t("Probability"), field: "probability", isNumber: true},
    stage_days: {
        label: _t("Days in Stage"),
        field: "stage_days",
        sort: "stage_days",
        isNumber: true,
    },
    idle_days: {
        label: _t("Days Unchanged"),
        field: "idle_days",
        sort: "idle_days",
        isNumber: true,
    },
    pushes: {
        label: _t("Closing Date Moved"),
        field: "pushes",
        sort: "pushes",
        isNumber: true,
    },
    created_at: {label: _t("Created On"), field: "created_at", sort: "created_at"},
    changed_at: {label: _t("Changed On"), field: "changed_at", sort: "changed_at"},
    value: {label: _t("Value"), sort: "value", isNumber: true},
};

/** Columns until others are chosen */
export const DEFAULT_COLUMNS = ["salesperson", "stage", "closing_date", "value"];

const ALWAYS =
    "odoo_id,name,value,currency,converted_value,stage,status,salesperson,partner,closing_date,closed_at";

/** Return the columns that an address or a memory has, in their order; or the default. */
export function chosenColumns(text) {
    const names = text ? String(text).split(",") : [];
    const known = Object.keys(COLUMNS).filter((name) => names.includes(name));
    return known.length ? known : DEFAULT_COLUMNS;
}

/** Return the text of columns; undefined for the default. */
export function columnsText(columns) {
    const text = columns.join();
    return text === DEFAULT_COLUMNS.join() ? undefined : text;
}

/** Return the `fields` of the API that columns show. */
export function fieldsOf(columns) {
    const further = columns.map((name) => COLUMNS[name].field).filter(Boolean);
    return [ALWAYS, ...further].join();
}
