import {registry} from "@web/core/registry";

/** The address of the receiver; the web client soon forgets it. */
const receiver = new URL(window.location.href).searchParams.get("receiver");

const click = (content, trigger) => ({content, trigger, run: "click"});
const header = (name) => `.o_form_view .o_form_statusbar button:contains(${name})`;

registry.category("web_tour.tours").add("crm_cqrs_webhook", {
    steps: () => [
        click("Create a webhook", ".o_list_view .o_list_button_add"),
        {
            trigger: ".o_field_widget[name=name] input",
            run: "edit Warehouse",
        },
        {
            content: "An address that cannot be used",
            trigger: ".o_field_widget[name=url] input",
            run: "edit hooks.example.com",
        },
        click("Save", ".o_form_button_save"),
        {
            content: "The error says what to do",
            trigger: ".modal:contains(begins with https://)",
        },
        click("Close the error", ".modal .modal-footer button"),
        {
            trigger: ".o_field_widget[name=url] input",
            run: (helpers) => helpers.edit(receiver),
        },
        click("Save again", ".o_form_button_save"),
        {
            content: "The secret is shown",
            trigger: ".modal .o_field_widget[name=secret]:contains(whsec_)",
        },
        click("Done", ".modal .modal-footer button:contains(Done)"),
        {
            content: "It is not shown again",
            trigger:
                ".o_form_statusbar:not(:contains(Show Secret)):contains(Rotate Secret)",
        },
        click("Test", header("Test")),
        {
            content: "Request and answer",
            trigger:
                ".modal:contains(has taken the message) .o_field_widget[name=answer]:contains(thanks)",
        },
        {
            trigger: ".modal .o_field_widget[name=request]:contains(crm_cqrs.test)",
        },
        click("Close", ".modal .modal-footer button:contains(Close)"),
        click("Pause", header("Pause")),
        {trigger: ".o_form_view .ribbon:contains(Paused)"},
        click("Resume", header("Resume")),
        {content: "It asks", trigger: ".modal .o_field_widget[name=waiting]"},
        click("Skip", ".modal .modal-footer button:contains(Skip It)"),
        {trigger: ".o_form_view:not(:has(.modal)):not(:has(.ribbon))"},
        click("Rotate", header("Rotate Secret")),
        {trigger: ".modal .o_field_widget[name=overlap_hours] input:value(24)"},
        click("Confirm", ".modal .modal-footer button:contains(Rotate Secret)"),
        {trigger: ".modal .o_field_widget[name=secret]:contains(whsec_)"},
        click("Done", ".modal .modal-footer button:contains(Done)"),
        click("Send again", header("Send Again")),
        {
            content: "With a count",
            trigger: ".modal .o_field_widget[name=count]",
        },
        click("Confirm", ".modal .modal-footer button:contains(Send Again)"),
        {trigger: ".o_notification:contains(sent again)"},
        click("Messages", ".oe_stat_button:contains(Delivered)"),
        click("The test", ".o_list_view .o_data_row:contains(Test) .o_data_cell"),
        click(
            "Its attempt",
            ".o_field_widget[name=attempt_ids] .o_data_row .o_data_cell"
        ),
        {trigger: ".modal .o_field_widget[name=answer]:contains(thanks)"},
    ],
});
