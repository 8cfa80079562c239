import {rpc} from "@web/core/network/rpc";
import {registry} from "@web/core/registry";

/** How long a step waits for what a cron does, which is not alone on the machine, ms */
const BY_CRON = 60_000;

/** Make the test release the run that it holds up. */
const release = (name) => () =>
    rpc("/web/dataset/call_kw/ir.config_parameter/set_param", {
        model: "ir.config_parameter",
        method: "set_param",
        args: ["crm_cqrs.test_release", name],
        kwargs: {},
    });

registry.category("web_tour.tours").add("crm_cqrs_event_store", {
    steps: () => [
        {trigger: ".o_cqrs_health[data-name=log][data-level=good]:contains(Healthy)"},
        {
            content: "Rebuild one read model",
            trigger: ".o_cqrs_sizes button[data-model='cqrs.user.profile']",
            run: "click",
        },
        {
            trigger:
                ".modal:contains(Rebuild: User Profile) .modal-footer .btn-primary",
            run: "click",
        },
        {
            content: "The run makes progress",
            trigger:
                ".o_cqrs_run[data-state=running]:contains(User Profile) [role=progressbar]:not([aria-valuenow='0'])",
            timeout: BY_CRON,
            run: release("profile"),
        },
        {
            content: "The outcome is shown",
            trigger: ".o_cqrs_last[data-state=done]:contains(Rows corrected: 2.)",
            timeout: BY_CRON,
        },
        {content: "Rebuild everything", trigger: "[data-kind=replay]", run: "click"},
        {trigger: ".modal .modal-footer .btn-primary:contains(Rebuild)", run: "click"},
        {
            trigger:
                ".o_cqrs_run[data-state=running]:contains(Opportunity) .o_cqrs_cancel",
            timeout: BY_CRON,
            run: "click",
        },
        {
            trigger: ".o_cqrs_run:contains(Stopping at):has(.o_cqrs_cancel:disabled)",
            run: release("opportunity"),
        },
        {
            trigger: ".o_cqrs_last[data-state=cancelled]:contains(Nothing was changed)",
            timeout: BY_CRON,
        },
        {
            content: "The log of past runs",
            trigger: ".o_cqrs_runs tr[data-state=cancelled] th button",
            run: "click",
        },
        {trigger: ".o_form_view .o_breadcrumb:contains(Rebuild #)"},
        {trigger: ".o_breadcrumb a:contains(Event Store)", run: "click"},
        {trigger: ".o_cqrs_runs tr[data-state=done] th button", run: "click"},
        {
            content: "The rebuilt read models, as a table",
            trigger:
                ".o_form_view .o_cqrs_run_result tr:contains(User Profile):contains(2)",
        },
        {
            content: "All that is for administrators is under one heading",
            trigger: "[data-menu-xmlid='crm.crm_menu_config']",
            run: "click",
        },
        {trigger: ".dropdown-menu .dropdown-header:contains(Event Store)"},
        {trigger: "[data-menu-xmlid='crm_cqrs.cqrs_event_menu']", run: "click"},
        {
            content: "An event names its record, and leads to it",
            trigger: ".o_data_row .o_data_cell[name=record_name] a:eq(0)",
            run: "click",
        },
        {trigger: ".o_form_view .o_last_breadcrumb_item"},
        {trigger: ".o_breadcrumb a:contains(Events), .o_back_button", run: "click"},
        {trigger: ".o_data_row .o_data_cell[name=record_name] a:eq(0)"},
    ],
});
