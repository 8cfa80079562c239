import {registry} from "@web/core/registry";

const click = (content, trigger) => ({content, trigger, run: "click"});

registry.category("web_tour.tours").add("crm_cqrs_subscription", {
    steps: () => [
        // One click is behind us: CRM > Dashboard. With two more there is a mail each week.
        click("Every Monday", ".o_cqrs_subscribe"),
        {
            content: "On Monday, at eight",
            trigger: ".modal select[name=weekday]:value(0)",
        },
        {trigger: ".modal select[name=hour]:value(8)"},
        {trigger: ".modal .o_cqrs_recipient:only-child"},
        click("Subscribe", ".modal .o_cqrs_confirm"),
        {
            content: "It says what comes",
            trigger: ".o_notification:contains(This view is mailed each week: Monday)",
        },
        {trigger: "body:not(:has(.modal))"},
        click("Once more", ".o_cqrs_subscribe"),
        {
            content: "It is there already",
            trigger: ".modal .o_cqrs_subscriptions li:contains(No mail yet)",
        },
        {
            content: "On another day",
            trigger: ".modal select[name=weekday]",
            run: "select 3",
        },
        {
            content: "To a colleague, too",
            trigger: ".modal .o_cqrs_recipients input",
            run: "edit Peer",
        },
        click("The colleague", ".o-autocomplete--dropdown-item:contains(Peer)"),
        {trigger: ".modal .o_cqrs_recipient:contains(Peer)"},
        click("Subscribe to that, too", ".modal .o_cqrs_confirm"),
        {trigger: ".o_notification:contains(Thursday)"},
        {trigger: "body:not(:has(.modal))"},
        click("What is there", ".o_cqrs_subscribe"),
        click(
            "Unsubscribe",
            ".modal .o_cqrs_subscriptions li:contains(Thursday):not(:contains(Peer)) .o_cqrs_stop"
        ),
        {
            trigger:
                ".modal .o_cqrs_subscriptions li:contains(Thursday):contains(Unsubscribed) .o_cqrs_resume",
        },
        click("Close", ".modal .modal-footer button:contains(Close)"),
        {trigger: "body:not(:has(.modal))"},
    ],
});
