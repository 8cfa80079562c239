import {registry} from "@web/core/registry";

const tours = registry.category("web_tour.tours");

/**
 * Click on a bar of the waterfall, as a mouse does: on the canvas, in the bar's middle. It is
 * clicked again until something holds: the chart may still be laid out.
 */
async function clickBar({anchor: canvas}, label, holds) {
    for (let tries = 0; tries < 20 && !document.querySelector(holds); tries++) {
        const chart = Chart.getChart(canvas);
        const bar = chart?.getDatasetMeta(0).data[chart.data.labels.indexOf(label)];
        if (bar) {
            const {x, y} = bar.getCenterPoint();
            const {left, top} = canvas.getBoundingClientRect();
            const place = {clientX: left + x, clientY: top + y, bubbles: true};
            for (const type of ["mousemove", "click"]) {
                canvas.dispatchEvent(new MouseEvent(type, place));
            }
        }
        await new Promise((resolve) => setTimeout(resolve, 300));
    }
}

const deal = (kind, name) =>
    `.o_cqrs_changed_deals[data-kind=${kind}] .o_cqrs_changed_deal:contains(${name})`;

tours.add("crm_cqrs_why_the_pipeline_fell", {
    steps: () => [
        {
            content: "The pipeline fell, by an amount and a part of it",
            trigger:
                ".o_cqrs_tile_box:has([data-name=pipeline]) .o_cqrs_tile_trend.text-danger:contains(130):contains(33%)",
            run: "click",
        },
        {
            trigger:
                ".o_cqrs_summary:contains(fell by):contains(130,000.00):contains(32.5%)",
        },
        {
            content: "The bar of what was lost: after the two that came and changed",
            trigger: ".o_cqrs_chart[data-name=changes] canvas",
            run: (helpers) => clickBar(helpers, "Lost", "[data-kind=lost]"),
        },
        {trigger: ".o_cqrs_changed_deals[data-kind=lost]"},
        {trigger: deal("lost", "Seller deal 2")},
        {
            content: "The deal, what became of it, and who did it",
            trigger: `${deal("lost", "Seller deal 2")}:contains(100,000.00):contains(by Seller)`,
        },
        {trigger: ".o_cqrs_changed_total:contains(1 opportunity):contains(100,000.00)"},
        {
            content: "The table says the same",
            trigger: ".o_cqrs_chart[data-name=changes] .o_cqrs_toggle",
            run: "click",
        },
        {
            trigger:
                ".o_cqrs_chart[data-name=changes] tr[data-key=lost].table-active:contains(100,000.00)",
        },
        {
            trigger: ".o_cqrs_chart[data-name=changes] tr[data-key=decreased] button",
            run: "click",
        },
        {
            content: "A chip says how the value fell",
            trigger: `${deal("decreased", "Manager deal 1")} [data-chip=value]:contains(100,000.00):contains(40,000.00)`,
        },
        {
            content: "A definition is one click from the number",
            trigger: ".o_cqrs_changed_deals .o_cqrs_define",
            run: "click",
        },
        {trigger: ".o_cqrs_definition:contains(Value Decreased):contains(fell)"},
        {
            trigger: ".o_cqrs_chart[data-name=changes] tr[data-key=lost] button",
            run: "click",
        },
        {
            content: "The deal opens",
            trigger: `${deal("lost", "Seller deal 2")} a`,
            run: "click",
        },
        {
            trigger:
                ".o_cqrs_deal_sheet[aria-label$='Seller deal 2']:has(.o_form_sheet) .o_cqrs_deal_sentence:contains(Lost)",
        },
        {trigger: ".o_cqrs_deal_close", run: "click"},
        {trigger: "body:not(:has(.o_cqrs_deal_sheet))"},
        {trigger: deal("lost", "Seller deal 2")},
        {
            content: "The table is still there, beside the deal that was opened",
            trigger: ".o_cqrs_chart[data-name=changes] .o_cqrs_toggle",
            run: "click",
        },
        {
            content: "The bar of the beginning is the dashboard of then",
            trigger: ".o_cqrs_chart[data-name=changes] canvas",
            run: (helpers) => clickBar(helpers, "At the Beginning", ".o_cqrs_past"),
        },
        {trigger: ".o_cqrs_past:contains(Nothing here is live)"},
        {
            trigger:
                ".o_cqrs_tile[data-name=pipeline]:has(.o_cqrs_tile_value:contains(400,000.00))",
        },
        {trigger: ".o_cqrs_to_now", run: "click"},
        {
            trigger:
                ".o_cqrs_tile[data-name=pipeline]:has(.o_cqrs_tile_value:contains(270,000.00))",
        },
    ],
});
