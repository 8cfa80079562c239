import {registry} from "@web/core/registry";

/** How long a step waits for what a cron does, which is not alone on the machine, ms */
const BY_CRON = 60_000;

const click = (content, trigger) => ({content, trigger, run: "click"});
const item = (name, done) => `.o_cqrs_item[data-item=${name}][data-done=${done}]`;

/** Ask API v1, as the page's user, and check the status of the answer. */
const expectStatus = (expected) => async () => {
    const {status, headers} = await fetch("/api/opportunities");
    if (
        status !== expected ||
        !headers.get("Link").includes("/api/v2/dashboard/opportunities")
    ) {
        throw new Error(`API v1 answers with ${status}`);
    }
};

/** Choose a day, as a person does in the browser's calendar. */
const chooseDay =
    (day) =>
    ({anchor}) => {
        anchor.value = day;
        anchor.dispatchEvent(new Event("input", {bubbles: true}));
    };

registry.category("web_tour.tours").add("crm_cqrs_v1_retirement", {
    steps: () => [
        {
            content: "A key has called twice",
            trigger:
                ".o_cqrs_callers tr:contains(Mitchell Admin):contains(test):contains(2)",
        },
        {
            content: "And a session",
            trigger:
                ".o_cqrs_callers tr:contains(/api/opportunities):contains(Session)",
        },
        {trigger: item("comparison", "no")},
        click("Compare everybody", ".o_cqrs_compare_all"),
        {
            content: "Every difference is explained",
            trigger: `${item("comparison", "yes")} .o_cqrs_outcome:contains(Every difference is explained)`,
            timeout: BY_CRON,
        },
        {
            content: "The end",
            trigger: `${item("announced", "no")} input[name=sunset]`,
            run: chooseDay("2031-01-01"),
        },
        click("Announce", ".o_cqrs_announce"),
        {trigger: `${item("announced", "yes")} .o_cqrs_dates:contains(2031)`},
        click("Switch off", `${item("off", "no")} .o_cqrs_switch_off`),
        {
            content: "Who has called is told before",
            trigger: ".modal:contains(2 users or keys have called)",
        },
        click("Confirm", ".modal .modal-footer button:contains(Switch Off)"),
        {
            content: "Gone",
            trigger: item("off", "yes"),
            run: expectStatus(410),
        },
        click("Switch on again", ".o_cqrs_switch_on"),
        {
            content: "Back",
            trigger: item("off", "no"),
            run: expectStatus(200),
        },
        {
            content: "Each step is on record",
            trigger: ".o_cqrs_steps tr[data-step=off]:contains(Mitchell Admin)",
        },
        {
            trigger:
                ".o_cqrs_steps tr[data-step=on] + tr[data-step=off] + tr[data-step=announced]",
        },
        click("Its dashboards", ".o_cqrs_run_details"),
        click(
            "One that differs",
            ".o_form_view .o_cqrs_run_result tr:contains(Mitchell Admin) th button"
        ),
        {
            content: "Both, side by side",
            trigger: ".o_cqrs_verdict[data-explained=yes]",
        },
        {
            content: "In one company",
            trigger: "select[name=company]",
            run: "selectByLabel Abroad",
        },
        {
            content: "With the reason of each",
            trigger:
                ".o_cqrs_list_all tr[data-reason=other_company]:contains(v1 only):contains(belongs to another company)",
        },
        {
            content: "And of each figure",
            trigger:
                ".o_cqrs_figures tr[data-name=pipeline_value][data-explained=yes]:contains(other companies):contains(CQX)",
        },
        {trigger: ".o_cqrs_work_table tr[data-name=statements]"},
    ],
});

registry.category("web_tour.tours").add("crm_cqrs_v1_unexplained", {
    steps: () => [
        {trigger: ".o_cqrs_verdict[data-explained=no]:contains(not explained)"},
        {
            trigger:
                ".o_cqrs_list_all tr[data-reason=unexplained]:contains(Deal abroad):contains(value)",
        },
        {trigger: ".o_cqrs_figures tr[data-name=pipeline_value][data-explained=no]"},
        {
            content: "Of somebody else",
            trigger: ".o_cqrs_person input",
            run: "edit Marc",
        },
        click("Choose", ".o-autocomplete--dropdown-item:contains(Marc Demo)"),
        {trigger: ".o_cqrs_verdict[data-explained=yes]"},
    ],
});
