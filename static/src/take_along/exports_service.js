import {_t} from "@web/core/l10n/translation";
import {registry} from "@web/core/registry";
import {user} from "@web/core/user";
import {browser} from "@web/core/browser/browser";
import {useService} from "@web/core/utils/hooks";

import {Component, reactive, useState} from "@odoo/owl";

const RUNS = "cqrs.run";
const OPPORTUNITIES = "cqrs.opportunity.view";
/** The type of the bus's messages that an Excel file is finished */
const NOTIFICATION = "crm_cqrs/export";
const CSV = "/crm_cqrs/list.csv";
/** Milliseconds between two looks at what is under way */
const PAUSE = 1000;
const FIELDS = [
    "state",
    "title",
    "progress",
    "step_name",
    "cancel_requested",
    "outcome",
    "waits_for",
    "file_url",
];

export const isUnderWay = ({state}) => ["pending", "running"].includes(state);

/**
 * Excel files that are made for the user in the background, on any screen.
 *
 * - `runs`: `[{id, title, state, progress, …}]`, reactive: those under way, and those that
 *   have ended since and were not closed
 * - `toExcel(question)`: has a file made, which is downloaded once it is there
 * - `toCsv(question)`: downloads the list
 * - `look()`: looks for what is under way since before the page was loaded
 */
export const exportsService = {
    dependencies: ["orm", "bus_service"],
    start(env, {orm, bus_service: bus}) {
        const state = reactive({runs: []});
        let timer = null;
        let hasLooked = false;

        async function look() {
            if (!hasLooked) {
                hasLooked = true;
                const domain = [
                    ["kind", "=", "excel"],
                    ["user_id", "=", user.userId],
                    ["state", "in", ["pending", "running"]],
                ];
                await read(domain);
            }
        }

        async function refresh() {
            await read([["id", "in", state.runs.filter(isUnderWay).map(({id}) => id)]]);
        }

        async function read(domain) {
            browser.clearTimeout(timer);
            const found = await orm.silent
                .searchRead(RUNS, domain, FIELDS, {order: "id"})
                .catch(() => []);
            for (const run of found) {
                const known = state.runs.find(({id}) => id === run.id);
                if (!known) {
                    state.runs.push(run);
                } else if (isUnderWay(known)) {
                    Object.assign(known, run);
                    if (run.state === "done" && run.file_url) {
                        download(run.file_url);
                    }
                }
            }
            if (state.runs.some(isUnderWay)) {
                browser.clearTimeout(timer);
                timer = browser.setTimeout(refresh, PAUSE);
            }
        }

        bus.subscribe(NOTIFICATION, ({run_id: id}) => {
            if (state.runs.some((run) => run.id === id)) {
                refresh();
            }
        });

        return {
            state,
            look,
            async toExcel(question) {
                const id = await orm.call(OPPORTUNITIES, "request_excel", [question]);
                await read([["id", "=", id]]);
            },
            async toCsv(question) {
                // An error shows here, where the file's answer could not show one.
                await orm.call(OPPORTUNITIES, "check_list", [question]);
                post(CSV, {
                    csrf_token: odoo.csrf_token,
                    question: JSON.stringify(question),
                    company_ids: JSON.stringify(
                        user.activeCompanies.map((company) => company.id)
                    ),
                });
            },
            async cancel(id) {
                await orm.call(RUNS, "action_cancel", [[id]]);
                await refresh();
            },
            forget(id) {
                state.runs = state.runs.filter((run) => run.id !== id);
            },
        };
    },
};

registry.category("services").add("crm_cqrs.exports", exportsService);

/** Download a file, and stay on the page. */
function download(url) {
    const link = document.createElement("a");
    link.href = url;
    link.download = "";
    link.click();
}

/** Send a form whose answer is a file: the browser writes it to the disk as it comes. */
function post(url, values) {
    const form = document.createElement("form");
    Object.assign(form, {method: "post", action: url, hidden: true});
    for (const [name, value] of Object.entries(values)) {
        form.append(Object.assign(document.createElement("input"), {name, value}));
    }
    document.body.append(form);
    form.submit();
    form.remove();
}

/** The Excel files that are under way or have just been made, at the edge of any screen. */
export class ExportsUnderWay extends Component {
    static template = "crm_cqrs.ExportsUnderWay";
    static props = {};

    setup() {
        this.exports = useService("crm_cqrs.exports");
        this.state = useState(this.exports.state);
        this.isUnderWay = isUnderWay;
        this.Math = Math;
    }

    get runs() {
        return this.state.runs;
    }

    textOf(run) {
        if (run.cancel_requested && isUnderWay(run)) {
            return _t("Stopping at the next step.");
        }
        if (run.state === "pending") {
            return run.waits_for || _t("Starting soon.");
        }
        if (run.state === "running") {
            return run.step_name || "";
        }
        return run.state === "done"
            ? _t("%s The file can be downloaded for seven days.", run.outcome)
            : run.outcome || "";
    }
}

registry
    .category("main_components")
    .add("crm_cqrs.ExportsUnderWay", {Component: ExportsUnderWay});
