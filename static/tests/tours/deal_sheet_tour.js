import {registry} from "@web/core/registry";

const tours = registry.category("web_tour.tours");

const row = (name) => `.o_cqrs_opportunity a:contains(${name})`;
const sheet = (name) => `.o_cqrs_deal_sheet[aria-label$='${name}']`;
const event = (text) => `.o_cqrs_deal_event:eq(0):contains(${text})`;
const value = (text) =>
    `.o_cqrs_deal_sheet [name=expected_revenue] input:value(${text})`;

/** A salesperson acts on a deal. */
tours.add("crm_cqrs_sheet_act", {
    steps: () => [
        {
            content: "The first click opens the deal beside the list",
            trigger: row("Seller deal 1"),
            run: "click",
        },
        {trigger: `${sheet("Seller deal 1")} .o_cqrs_deal_place:contains(1 of 2)`},
        {trigger: ".o_cqrs_opportunity[aria-current=true]:contains(Seller deal 1)"},
        {
            content: "The second acts on it",
            trigger:
                ".o_cqrs_deal_sheet .o_statusbar_status button:contains(Negotiation)",
            run: "click",
        },
        {trigger: event("Moved from New to Negotiation")},
        {
            content: "The list follows",
            trigger:
                ".o_cqrs_opportunity:contains(Seller deal 1):contains(Negotiation)",
        },
        {
            content: "What is not saved yet is saved before the sheet goes on",
            trigger: ".o_cqrs_deal_sheet [name=expected_revenue] input",
            run: "edit 55000",
        },
        {trigger: ".o_cqrs_deal_next", run: "click"},
        {trigger: `${sheet("Seller deal 2")} .o_cqrs_deal_place:contains(2 of 2)`},
        {trigger: ".o_cqrs_deal_next:disabled"},
        {trigger: ".o_cqrs_opportunity:contains(Seller deal 1):contains(55,000.00)"},
        {trigger: ".o_cqrs_deal_previous", run: "click"},
        {
            trigger: `${sheet("Seller deal 1")} ${event("100,000.00")}:contains(55,000.00)`,
        },
        {
            content: "What cannot be saved keeps the sheet where it is",
            trigger: ".o_cqrs_deal_sheet [name=name] textarea",
            run: "clear",
        },
        {trigger: ".o_cqrs_deal_next", run: "click"},
        {trigger: ".o_cqrs_deal_sheet .o_field_invalid[name=name]"},
        {trigger: ".o_cqrs_deal_place:contains(1 of 2)"},
        {trigger: ".o_cqrs_deal_sheet .o_form_button_cancel", run: "click"},
        {
            trigger: ".o_cqrs_deal_sheet [name=name] textarea:value(Seller deal 1)",
        },
        {
            content: "Lost, with the reason",
            trigger: ".o_cqrs_deal_sheet .o_form_statusbar button:contains(Lost)",
            run: "click",
        },
        {
            trigger:
                ".modal [name=lost_reason_id] .o_selection_badge:contains(Too late)",
            run: "click",
        },
        {
            trigger: ".modal-footer button.btn-primary:contains(Mark as Lost)",
            run: "click",
        },
        {trigger: `${event("Lost")}:contains(Lost reason: Too late)`},
        {
            content: "The list has it no more; the sheet keeps its place",
            trigger:
                ".o_cqrs_opportunities:not(:has(.o_cqrs_opportunity:contains(Seller deal 1)))",
        },
        {trigger: ".o_cqrs_deal_place:contains(1 of 2)"},
        {trigger: ".o_cqrs_deal_next", run: "click"},
        {trigger: `${sheet("Seller deal 2")} .o_form_sheet`},
        {
            trigger: ".o_cqrs_deal_sheet .o_form_statusbar button:contains(Won)",
            run: "click",
        },
        {trigger: event("Won")},
        {trigger: ".o_cqrs_deal_close", run: "click"},
        {trigger: "body:not(:has(.o_cqrs_deal_sheet))"},
    ],
});

/** A manager finds out who changed an amount, and puts it back. */
tours.add("crm_cqrs_sheet_put_back", {
    steps: () => [
        {content: "One click", trigger: row("Seller deal 1"), run: "click"},
        {trigger: `${event("Value from")}:contains(Seller):contains(7.00)`},
        {content: "Two", trigger: `${event("")} .o_cqrs_put_back`, run: "click"},
        {trigger: ".o_cqrs_put_back_dialog tr[data-state=same]:contains(100,000.00)"},
        {content: "Three", trigger: ".o_cqrs_put_back_confirm", run: "click"},
        {trigger: value("100,000.00")},
        {trigger: `${event("Value from")}:contains(Manager)`},
        {trigger: ".o_cqrs_opportunity:contains(Seller deal 1):contains(100,000.00)"},
        {
            content: "The same change once more is a comparison",
            trigger: ".o_cqrs_deal_event:eq(1) .o_cqrs_put_back",
            run: "click",
        },
        {trigger: ".o_cqrs_put_back_dialog tr[data-state=changed]:contains(7.00)"},
        {trigger: ".modal:not(:has(.o_cqrs_put_back_confirm))"},
        {trigger: ".modal-footer button:contains(Close)", run: "click"},
        {trigger: "body:not(:has(.modal))"},
    ],
});

/** A head reads a customer's whole story, two clicks from the dashboard. */
tours.add("crm_cqrs_sheet_customer", {
    steps: () => [
        {content: "One click", trigger: row("Seller deal 2"), run: "click"},
        {
            trigger:
                ".o_cqrs_customer_line:contains(Cqrs Nile):contains(Pipeline):contains(200,000.00)",
        },
        {content: "Two", trigger: ".o_cqrs_customer_link", run: "click"},
        {
            trigger:
                "body:not(:has(.o_cqrs_deal_sheet)) .o_breadcrumb:contains(Cqrs Nile)",
        },
        {trigger: ".o_cqrs_story_entry:contains(Seller deal 2)"},
        {
            content: "And back",
            trigger: ".o_breadcrumb a:contains(Sales Dashboard), .o_back_button",
            run: "click",
        },
        {trigger: row("Seller deal 2"), run: "click"},
        {trigger: `${sheet("Seller deal 2")} .o_form_sheet`},
        {
            content: "The history with all fields is one click, too",
            trigger: ".o_cqrs_deal_history",
            run: "click",
        },
        {trigger: "body:not(:has(.o_cqrs_deal_sheet)) .o_cqrs_history_entry"},
    ],
});
