import {registry} from "@web/core/registry";

registry.category("web_tour.tours").add("crm_cqrs_lead_history", {
    steps: () => [
        {
            content: "Open the history from the lead",
            trigger: ".oe_stat_button:contains(History)",
            run: "click",
        },
        {
            content: "The newest comes first: who lost it, and why",
            trigger:
                ".o_cqrs_history_entry:eq(0):contains(Seller):has(.o_cqrs_history_sentence:contains(Lost)):has(.o_cqrs_history_reason:contains(Lost reason: Budget gone))",
        },
        {
            content: "Then the move, field by field",
            trigger:
                ".o_cqrs_history_entry:eq(1):has(.o_cqrs_history_sentence:contains(Moved from New to Proposition)) tr:contains(Stage):has(del:contains(New)):contains(Proposition)",
        },
        {
            content: "The creation keeps its many fields folded",
            trigger: ".o_cqrs_history_entry:eq(2) details:not([open]) summary",
            run: "click",
        },
        {
            trigger:
                ".o_cqrs_history_entry:eq(2) details[open] tr:contains(<b>Deal</b>)",
        },
        {
            content: "All entries are shown",
            trigger:
                ".o_cqrs_history:not(:has(.o_cqrs_history_older)):not(:has(.o_cqrs_history_entry:eq(3)))",
        },
        {
            content: "Back to the lead",
            trigger: ".o_breadcrumb .breadcrumb-item:last() a",
            run: "click",
        },
        {trigger: ".o_form_view .oe_stat_button:contains(History)"},
    ],
});
