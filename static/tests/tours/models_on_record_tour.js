import {rpc} from "@web/core/network/rpc";
import {registry} from "@web/core/registry";

const searchRead = (model, domain, fields) =>
    rpc(`/web/dataset/call_kw/${model}/search_read`, {
        model,
        method: "search_read",
        args: [domain, fields],
        kwargs: {limit: 1, order: "id desc"},
    });

/** Wait until the last build is done: a cron performs it. */
async function built() {
    for (;;) {
        const [run] = await searchRead("cqrs.run", [["kind", "=", "build"]], ["state"]);
        if (run.state === "done") {
            return;
        }
        if (run.state === "failed") {
            throw new Error("The build failed.");
        }
        await new Promise((resolve) => setTimeout(resolve, 200));
    }
}

const putOnRecord = (model, name) => [
    {
        content: `Put ${model} on record`,
        trigger: ".o_list_view button:contains(Put a Model on Record)",
        run: "click",
    },
    {
        trigger: ".modal .o_field_widget[name=model_id] input",
        run: `edit ${model}`,
    },
    {
        trigger: `.modal .o-autocomplete--dropdown-item:contains(${name})`,
        run: "click",
    },
    {
        content: "All its fields",
        trigger: ".modal .o_field_widget[name=field_ids] .o_tag",
    },
    {
        trigger: ".modal .modal-footer button:contains(Put on Record)",
        run: "click",
    },
    {
        content: "The first build is under way",
        trigger: ".o_form_view .o_breadcrumb:contains(First Build #)",
        run: built,
    },
    {trigger: ".o_breadcrumb a:contains(Models on Record)", run: "click"},
    {
        content: "It is on record",
        trigger: `.o_list_view .o_data_row:contains(${model}):contains(All records)`,
    },
];

registry.category("web_tour.tours").add("crm_cqrs_models_on_record", {
    steps: () => [
        ...putOnRecord("product.template", "Product"),
        ...putOnRecord("x_visit", "Visit"),
    ],
});

registry.category("web_tour.tours").add("crm_cqrs_record_history", {
    steps: () => [
        {
            content: "Change the record",
            trigger: ".o_form_view .o_field_widget[name$=name] :is(input, textarea)",
            run: "edit Renamed by clicks",
        },
        {trigger: ".o_form_button_save:visible", run: "click"},
        {trigger: ".o_form_saved"},
        {
            content: "Its history is in the action menu",
            trigger: ".o_cp_action_menus button:has(.fa-cog)",
            run: "click",
        },
        {trigger: ".o-dropdown--menu .o-dropdown-item:contains(History)", run: "click"},
        {
            content: "Who changed it, and what",
            trigger:
                ".o_cqrs_history_entry:eq(0):has(.o_cqrs_history_sentence:contains(to Renamed by clicks)) tr:contains(Renamed by clicks)",
        },
        {
            content: "It was there before it was put on record",
            trigger:
                ".o_cqrs_history_entry:eq(1):has(.o_cqrs_history_sentence:contains(Created)):has(.o_cqrs_history_reason:contains(First Build))",
        },
    ],
});
