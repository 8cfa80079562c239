import {registry} from "@web/core/registry";

const tours = registry.category("web_tour.tours");

const tile = (name, text) =>
    `.o_cqrs_tile[data-name="${name}"]:has(.o_cqrs_tile_value:contains(${text}))`;
const person = (name) => `.o_cqrs_pick:contains(${name})`;
/** Check that a text is not cut. */
const isWhole = ({anchor}) => {
    if (anchor.scrollWidth > anchor.clientWidth) {
        throw new Error(`cut: ${anchor.textContent}`);
    }
};

/** Wait until the address has a parameter, of which a function of its text holds. */
async function inAddress(name, holds) {
    const text = () => new URLSearchParams(location.search).get(name);
    // Odoo writes the address a moment after the screen is there.
    for (let tries = 0; tries < 50 && !holds(text()); tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    if (!holds(text())) {
        throw new Error(`The address does not say it: ${location.search}`);
    }
}

/** The sheet with an opportunity. */
const sheet = (name) => `.o_cqrs_deal_sheet[aria-label$='${name}']`;

tours.add("crm_cqrs_dashboard_drill", {
    steps: () => [
        {trigger: tile("active", "4")},
        {
            content: "Open the records behind the figure",
            trigger: tile("pipeline", "400,000.00"),
            run: "click",
        },
        {
            content: "The sum of the records is the figure",
            trigger: ".o_list_view tfoot:contains(400,000.00)",
        },
        {trigger: ".o_group_header:contains(New (4))", run: "click"},
        {trigger: ".o_list_view:not(:has(.o_data_cell:contains(Peer deal)))"},
        {
            content: "A record opens the lead",
            trigger: ".o_data_row .o_data_cell[name=name]:contains(Seller deal 1)",
            run: "click",
        },
        {
            content: "The sheet goes through the list",
            trigger: `${sheet("Seller deal 1")} .o_cqrs_deal_place:contains(of 4)`,
        },
        {trigger: ".o_data_row.o_cqrs_opened:contains(Seller deal 1)"},
        {content: "The form", trigger: ".o_cqrs_deal_sheet .o_form_sheet"},
        {
            content: "Back to the dashboard",
            trigger: ".o_breadcrumb a:contains(Sales Dashboard), .o_back_button",
            run: "click",
        },
        {trigger: `${tile("won", "12,345.67")}`, run: "click"},
        {trigger: ".o_list_view tfoot:contains(12,345.67)"},
        {
            trigger: ".o_breadcrumb a:contains(Sales Dashboard)",
            run: "click",
        },
        {
            content: "What is overdue stands out, and opens its records",
            trigger:
                "[data-part=overdue].o_cqrs_tone_warning[title^='1 opportunity, ']:contains(100k overdue)",
            run: "click",
        },
        {trigger: ".o_breadcrumb:contains(Overdue)"},
        {trigger: ".o_list_view tfoot:contains(100,000.00)"},
        {
            trigger: ".o_breadcrumb a:contains(Sales Dashboard)",
            run: "click",
        },
        {
            content: "Another period has figures of its own",
            trigger: "select[name=period]",
            run: "select yesterday",
        },
        {trigger: `${tile("won", "0.00")}:not(:contains(Q))`},
        {trigger: "[data-scope=own]", run: "click"},
        {trigger: tile("pipeline", "0.00")},
        {
            content: "No column repeats the own name",
            trigger: ".o_cqrs_opportunities:not(:has(th:contains(Salesperson)))",
        },
        {trigger: "[data-scope=team]", run: "click"},
        {trigger: tile("pipeline", "400,000.00")},
        {
            content: "Show the chart as a table",
            trigger: ".o_cqrs_chart[data-name=stages] .o_cqrs_toggle",
            run: "click",
        },
        {
            trigger:
                ".o_cqrs_chart[data-name=stages] tr:contains(New):contains(400,000.00):contains(4)",
        },
    ],
});

tours.add("crm_cqrs_dashboard_look_as", {
    steps: () => [
        {trigger: tile("pipeline", "400,000.00")},
        {trigger: ".o_cqrs_count:contains(4 of 4)"},
        {
            content: "Who has a team begins with its figures",
            trigger:
                ".o_cqrs_grid:not(:has(.o_cqrs_day)) .o_cqrs_opportunities th:contains(Salesperson)",
        },
        {
            content: "A lead opens beside the list, and goes through it",
            trigger: ".o_cqrs_opportunity a:contains(Manager deal 2)",
            run: "click",
        },
        {
            trigger: `${sheet("Manager deal 2")} .o_form_sheet`,
        },
        {trigger: ".o_cqrs_opportunity.o_cqrs_opened:contains(Manager deal 2)"},
        {
            content: "What Odoo does not let the user open says so",
            trigger: ".o_cqrs_deal_previous",
            run: "click",
        },
        {
            trigger: ".o_cqrs_deal_problem:contains(Own and Team's Documents)",
        },
        {trigger: ".o_cqrs_deal_next", run: "click"},
        {trigger: `${sheet("Manager deal 2")} .o_form_sheet`},
        {
            content: "The full form is one click further",
            trigger: ".o_cqrs_deal_expand",
            run: "click",
        },
        {
            trigger:
                "body:not(:has(.o_cqrs_deal_sheet)) .o_form_view .o_breadcrumb:contains(Manager deal 2)",
        },
        {
            trigger:
                ".o_pager:has(.o_pager_value:contains(1)):has(.o_pager_limit:contains(2))",
        },
        {
            trigger: ".o_breadcrumb a:contains(Sales Dashboard), .o_back_button",
            run: "click",
        },
        {trigger: tile("pipeline", "400,000.00")},
        {
            content: "View the dashboard as the seller",
            trigger: person("Seller"),
            run: "click",
        },
        {trigger: ".o_cqrs_banner:contains(Seller)"},
        {trigger: tile("pipeline", "200,000.00")},
        {trigger: ".o_cqrs_count:contains(2 of 2)"},
        {
            trigger: ".o_cqrs_opportunities:not(:has(a:contains(Manager deal)))",
        },
        {
            trigger: `${tile("pipeline", "200,000.00")}`,
            run: "click",
        },
        {
            content: "The records are those of the seller",
            trigger: ".o_list_view tfoot:contains(200,000.00)",
        },
        {trigger: ".o_breadcrumb a:contains(Sales Dashboard)", run: "click"},
        {content: "Back to the own dashboard", trigger: ".o_cqrs_back", run: "click"},
        {trigger: ".o_cqrs_dashboard:not(:has(.o_cqrs_banner))"},
        {trigger: tile("pipeline", "400,000.00")},
    ],
});

tours.add("crm_cqrs_dashboard_former", {
    steps: () => [
        {trigger: tile("pipeline", "450,000.00")},
        {
            content: "Former salespeople have a row, after those who are there",
            trigger: "tr:contains(Seller) + tr .o_cqrs_former button",
            run: "click",
        },
        {
            content: "Open the opportunities of a former salesperson",
            trigger: person("Leaver"),
            run: "click",
        },
        {trigger: ".o_list_view tfoot:contains(50,000.00)"},
        {trigger: ".o_breadcrumb:contains(Leaver)"},
    ],
});

tours.add("crm_cqrs_dashboard_alone", {
    steps: () => [
        {trigger: tile("pipeline", "200,000.00")},
        {trigger: ".o_cqrs_count:contains(2 of 2)"},
        {
            content: "What is to be done comes first",
            trigger:
                ".o_cqrs_day:first-child .o_cqrs_activity:eq(0):contains(Call back):contains(2 days overdue):contains(Seller deal 1)",
        },
        {
            trigger:
                ".o_cqrs_activities:has(.o_cqrs_due:contains(2 due)):has([data-state=planned]:contains(1)):not(:contains(Of the peer))",
        },
        {trigger: ".o_cqrs_activities [data-state=planned]", run: "click"},
        {
            trigger:
                ".o_cqrs_activities [data-state=planned][aria-pressed=true]:not(:has(.o_cqrs_activity:contains(Call back)))",
        },
        {
            trigger:
                ".o_cqrs_activities ul:contains(Visit):not(:contains(Call back)):not(:contains(Send offer))",
        },
        {trigger: ".o_cqrs_activities [data-state=planned]", run: "click"},
        {trigger: ".o_cqrs_activity button:contains(Call back)", run: "click"},
        {
            content: "Odoo's own dialog marks it as done",
            trigger: ".modal .modal-footer button:contains(Mark Done)",
            run: "click",
        },
        {
            trigger:
                ".o_cqrs_activities:has(.o_cqrs_due:contains(1 due)):not(:contains(Call back))",
        },
        {
            content: "Deals by what needs attention, without the own name",
            trigger: ".o_cqrs_attention [data-kind=overdue]",
            run: "click",
        },
        {
            trigger:
                ".o_cqrs_attention .o_cqrs_attention_item:contains(Seller deal 2):contains(overdue)",
        },
        {
            content: "No column repeats the own name",
            trigger:
                ".o_cqrs_opportunities thead:contains(Stage):not(:contains(Salesperson))",
        },
        {
            trigger:
                ".o_cqrs_dashboard:not(:has(.o_cqrs_organisation)):not(:has([data-scope]))",
        },
        {
            content: "Opportunities of others cannot be found",
            trigger: ".o_cqrs_search .o_searchview_input",
            run: "edit Peer",
        },
        {trigger: ".o_cqrs_search .o_searchview_input", run: "press Enter"},
        {
            trigger: ".o_searchview_facet:contains(Peer)",
            run: () => inAddress("search", (text) => text?.includes("Peer")),
        },
        {
            trigger:
                ".o_cqrs_opportunities .o_cqrs_empty:contains(No opportunities found)",
        },
        {trigger: ".o_cqrs_empty button", run: "click"},
        {trigger: ".o_cqrs_count:contains(2 of 2)"},
        {trigger: ".o_cqrs_sort[data-name=name]", run: "click"},
        {trigger: ".o_cqrs_opportunity:eq(0):contains(Seller deal 1)"},
        {trigger: ".o_cqrs_sort[data-name=name]", run: "click"},
        {trigger: ".o_cqrs_opportunity:eq(0):contains(Seller deal 2)"},
    ],
});

tours.add("crm_cqrs_dashboard_link", {
    steps: () => [
        {trigger: ".o_cqrs_banner:contains(Seller)"},
        {trigger: "[data-scope=own][aria-pressed=true]"},
        {trigger: "select[name=period]:value(this_year)"},
        {trigger: "select[name=status]:value(won)"},
        {trigger: "th[aria-sort=ascending]:contains(Opportunity)"},
        {trigger: ".o_cqrs_opportunity .badge:contains(Won)", run: isWhole},
        {trigger: ".o_cqrs_pick .text-truncate:contains(Seller)", run: isWhole},
        {
            content: "What the address says wrongly is dropped from it",
            trigger: ".o_cqrs_count:contains(1 of 1)",
            run: () => inAddress("stage", (text) => text === null),
        },
        {trigger: ".o_cqrs_search:not(:has(.o_searchview_facet))"},
        {trigger: `${tile("won", "12,345.67")}`},
    ],
});

const ofBranch = (amount) =>
    `${tile("pipeline", amount)}:not(:has(.o_cqrs_tile_value:contains(,)))`;

const switcher = ".o_switch_company_menu button";
/** Switch a company on or off; Odoo then loads the page again. */
const toggleCompany = (which) => [
    {trigger: switcher, run: "click"},
    {trigger: `.o_switch_company_item${which} [role=menuitemcheckbox]`, run: "click"},
    {
        trigger: ".o_switch_company_menu_buttons .btn-primary",
        run: "click",
        expectUnloadPage: true,
    },
];

tours.add("crm_cqrs_dashboard_company", {
    steps: () => [
        {
            content: "The current company's opportunities, in its currency",
            trigger: tile("pipeline", "400,000.00"),
        },
        {trigger: ".o_cqrs_count:contains(4 of 4)"},
        ...toggleCompany(":contains(Branch)"),
        {trigger: tile("pipeline", "400,222.22")},
        {
            trigger: "body",
            run: () => inAddress("company", (text) => /^\d+,\d+$/.test(text)),
        },
        {trigger: ".o_cqrs_count:contains(5 of 5)"},
        {
            content: "A person with another currency is shown in the user's currency",
            trigger: person("Abroad"),
            run: "click",
        },
        {trigger: ".o_cqrs_banner:contains(Abroad)"},
        {trigger: ofBranch("222.22")},
        {trigger: ".o_cqrs_back", run: "click"},
        {trigger: tile("pipeline", "400,222.22")},
        ...toggleCompany(":not(:contains(Branch))"),
        {
            content: "The other company's, in that one's currency",
            trigger: ofBranch("888.88"),
        },
        {trigger: ".o_cqrs_count:contains(1 of 1)"},
        {trigger: ".o_cqrs_opportunity:contains(Abroad):contains(888.88)"},
        {trigger: ".o_cqrs_person:contains(Manager) td[title*='888.88']"},
        {trigger: tile("pipeline", "888.88"), run: "click"},
        {
            content: "The records behind the figure, and their sum",
            trigger:
                ".o_list_view:not(:has(.o_group_header:eq(1))) tfoot:contains(888.88)",
        },
        {trigger: ".o_group_header:contains(New (1))", run: "click"},
        {trigger: ".o_data_row .o_data_cell[name=name]:contains(Abroad)"},
        {trigger: ".o_breadcrumb a:contains(Sales Dashboard)", run: "click"},
        {
            trigger: "select[name=currency]:value(CQX)",
            async run() {
                await inAddress("currency", (text) => text === "CQX");
                await inAddress("company", Number);
            },
        },
        {trigger: ofBranch("888.88")},
    ],
});

tours.add("crm_cqrs_dashboard_company_link", {
    steps: () => [
        {trigger: ofBranch("888.88")},
        {trigger: ".o_cqrs_count:contains(1 of 1)"},
        {trigger: "select[name=currency]:value(CQX)"},
    ],
});

tours.add("crm_cqrs_dashboard_one_company", {
    steps: () => [
        {trigger: tile("pipeline", "200,000.00")},
        {
            trigger:
                ".o_cqrs_choices:has(select[name=period]):not(:has(select[name=currency]))",
        },
    ],
});

tours.add("crm_cqrs_dashboard_no_access", {
    steps: () => [
        {
            trigger:
                ".o_cqrs_error:contains(do not have access to opportunities):contains(Ask an administrator):contains(User: Own Documents Only):not(:contains(Trace))",
        },
    ],
});

tours.add("crm_cqrs_dashboard_not_there", {
    steps: () => [
        {trigger: ".o_cqrs_error:contains(do not have access to this dashboard)"},
        {trigger: ".o_cqrs_banner:not(:has(.placeholder))"},
        {trigger: ".o_cqrs_back", run: "click"},
        {trigger: tile("pipeline", "400,000.00")},
    ],
});
