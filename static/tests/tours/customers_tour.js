import {registry} from "@web/core/registry";

const tours = registry.category("web_tour.tours");

const customer = (name) => `.o_cqrs_customer:contains(${name})`;
const first = (name) => `.o_cqrs_customer_table tbody tr:first-child:contains(${name})`;
const figure = (name, text) =>
    `.o_cqrs_summary_figures [data-name=${name}]:contains(${text})`;

/** Wait until the address has a parameter with a text. */
async function inAddress(name, text) {
    const value = () => new URLSearchParams(location.search).get(name);
    for (let tries = 0; tries < 50 && value() !== text; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    if (value() !== text) {
        throw new Error(`The address does not say it: ${location.search}`);
    }
}

tours.add("crm_cqrs_customers", {
    steps: () => [
        {
            content: "The list has the figures that may be read, and no others",
            trigger: ".o_cqrs_sort[data-name=won_revenue]",
        },
        {
            content: "Search as people type",
            trigger: ".o_cqrs_customers input[type=search]",
            run: "edit cqrs",
        },
        {trigger: ".o_cqrs_count:contains(4 of 4)"},
        {content: "The greatest first", trigger: first("Cqrs Nile")},
        {
            trigger: `${customer("Cqrs Nile")} td[data-name=won_revenue]:contains(250.50)`,
        },
        {
            content: "What Odoo's rules hide adds nothing to the totals",
            trigger: ".o_cqrs_totals td[data-name=pipeline_value]:contains(3,300.00)",
        },
        {trigger: ".o_cqrs_sort[data-name=pipeline_value]", run: "click"},
        {
            trigger:
                ".o_cqrs_customer_table th[aria-sort=descending] [data-name=pipeline_value]",
        },
        {trigger: first("Cqrs Elbe"), run: () => inAddress("sort", "-pipeline_value")},
        {trigger: ".o_cqrs_sort[data-name=name]", run: "click"},
        {trigger: first("Cqrs Elbe")},
        {trigger: ".o_cqrs_sort[data-name=name]", run: "click"},
        {trigger: first("Cqrs Quiet")},
        {
            content: "A click opens the whole story",
            trigger: `${customer("Cqrs Nile")} a`,
            run: "click",
        },
        {trigger: figure("pipeline_value", "1,300.00")},
        {trigger: figure("won_revenue", "250.50")},
        {
            content: "The deals beside the story",
            trigger: ".o_cqrs_customer_lists [data-name=opportunities]:contains(Deal)",
        },
        {
            trigger:
                ".o_cqrs_story_entry[data-type=OpportunityWon]:contains(Won):contains(Deal)",
        },
        {trigger: ".o_cqrs_story_entry[data-kind=contact]:contains(Cqrs Clerk)"},
        {
            content: "A deal opens, and leads back",
            trigger: "[data-name=opportunities] .o_cqrs_record:first-child a",
            run: "click",
        },
        {
            content: "It opens beside the customer, whose line it has",
            trigger:
                ".o_cqrs_deal_sheet:has(.o_form_sheet) .o_cqrs_customer_link:contains(Cqrs Nile)",
        },
        {trigger: ".o_cqrs_deal_close", run: "click"},
        {trigger: "body:not(:has(.o_cqrs_deal_sheet))"},
        {trigger: ".o_cqrs_open_history", run: "click"},
        {content: "The history of the contact", trigger: ".o_cqrs_history_entry"},
        {trigger: ".o_breadcrumb a:contains(Cqrs Nile), .o_back_button", run: "click"},
        {trigger: ".o_cqrs_open_contact", run: "click"},
        {
            content: "From the contact's form the history is one click, too",
            trigger: ".o_form_view button.oe_stat_button:contains(History)",
            run: "click",
        },
        {trigger: ".o_cqrs_history_entry"},
        {
            trigger:
                ".o_back_button, .o_breadcrumb .o_back_button, .o_breadcrumb a:contains(Cqrs Nile)",
            run: "click",
        },
        {
            content: "And so is the customer's story",
            trigger: ".o_form_view button.oe_stat_button:contains(Customer)",
            run: "click",
        },
        {trigger: figure("won_revenue", "250.50")},
    ],
});

tours.add("crm_cqrs_customer_nobody_sees", {
    steps: () => [
        {trigger: ".o_cqrs_error:contains(There is no such customer)"},
        {trigger: ".o_cqrs_retry", run: "click"},
        {trigger: ".o_cqrs_error:contains(There is no such customer)"},
    ],
});

tours.add("crm_cqrs_customers_link", {
    steps: () => [
        {trigger: ".o_cqrs_banner:contains(viewing the customers as Seller)"},
        {trigger: first("Cqrs Nile")},
        {trigger: ".o_cqrs_totals td[data-name=pipeline_value]:contains(3,000.00)"},
        {trigger: ".o_cqrs_back", run: "click"},
        {trigger: ".o_cqrs_totals td[data-name=pipeline_value]:contains(3,300.00)"},
        {
            trigger: ".o_cqrs_customers input[type=search]",
            run: "edit nobody has this name",
        },
        {trigger: ".o_cqrs_empty:contains(No customers found) button", run: "click"},
        {trigger: ".o_cqrs_customer"},
    ],
});

const chain = (name, text) =>
    `.o_cqrs_document_tile[data-name=${name}]:contains(${text})`;

tours.add("crm_cqrs_the_whole_customer", {
    steps: () => [
        {
            content: "Won, ordered, invoiced and paid",
            trigger: chain("won_revenue", "400.00"),
        },
        {trigger: chain("invoiced", "425.00")},
        {trigger: ".o_cqrs_document_part[title*='305.00']"},
        {trigger: chain("ordered", "350.00"), run: "click"},
        {content: "The orders behind it", trigger: ".o_list_view .o_data_row"},
        {
            trigger: ".o_breadcrumb a:contains(Sales Dashboard), .o_back_button",
            run: "click",
        },
        {
            content: "The overdue invoices of the team",
            trigger: ".o_cqrs_document_part[title*='305.00']",
            run: "click",
        },
        {trigger: ".o_list_view .o_data_row"},
        {
            content: "Customers beside the dashboard",
            trigger: ".o_menu_sections [data-menu-xmlid='crm_cqrs.customers_menu']",
            run: "click",
        },
        {trigger: ".o_cqrs_overdue_only", run: "click"},
        {
            trigger: `${customer("Cqrs Customer")} td[data-name=overdue].text-danger:contains(305.00)`,
        },
        {trigger: `${customer("Cqrs Customer")} a`, run: "click"},
        {trigger: figure("ordered", "350.00")},
        {trigger: figure("invoiced", "425.00")},
        {trigger: ".o_cqrs_ageing [data-name='61_90']:contains(180.00)"},
        {trigger: ".o_cqrs_story_entry[data-kind=order]:contains(Order confirmed)"},
        {trigger: ".o_cqrs_story_entry[data-kind=invoice]:contains(Partly paid)"},
        {trigger: ".o_cqrs_story_entry[data-kind=credit_note]:contains(Posted)"},
        {trigger: "[data-name=invoices] .badge:contains(Overdue)"},
        {
            content: "An order opens, with its history one click away",
            trigger: "[data-name=orders] .o_cqrs_record a",
            run: "click",
        },
        {
            trigger: ".o_form_view button.oe_stat_button:contains(History)",
            run: "click",
        },
        {trigger: ".o_cqrs_history_entry"},
    ],
});
