import {describe, expect, test} from "@odoo/hoot";
import {queryAll, waitFor} from "@odoo/hoot-dom";
import {advanceTime, animationFrame} from "@odoo/hoot-mock";
import {defineMailModels} from "@mail/../tests/mail_test_helpers";
import {
    contains,
    getService,
    makeServerError,
    mountWithCleanup,
    onRpc,
} from "@web/../tests/web_test_helpers";

import {WebClient} from "@web/webclient/webclient";

describe.current.tags("desktop");
defineMailModels();

const READ_AT = "2026-11-24 13:01:05";

const run = (values) => ({
    id: 7,
    display_name: "Rebuild #7",
    kind: "replay",
    state: "running",
    progress: 0,
    step_name: "",
    create_date: "2026-11-24 13:00:00",
    started_at: "2026-11-24 13:00:00",
    finished_at: false,
    cancel_requested: false,
    findings: 0,
    outcome: false,
    is_abandoned: false,
    ...values,
});
const done = run({
    state: "done",
    progress: 100,
    finished_at: "2026-11-24 13:00:20",
    findings: 2,
    outcome: "Rows corrected: 2.",
});

const health = (runs = [], parts = {}) => ({
    level: "good",
    read_at: READ_AT,
    log: {
        level: "good",
        last_position: 1234,
        events: 1200,
        lately: 0,
        per_minute: 0,
        is_more: false,
        minutes: 10,
        missing_triggers: [],
    },
    reconciler: {level: "good", seconds: 30, never: [], failures: []},
    reader: {level: "good", waiting: 0, is_more: false, holder: null},
    verification: {level: "watch", last: null, unfinished: null},
    seals: {
        level: "good",
        number: 7,
        seconds: 90,
        key: "ab".repeat(32),
        signed_at: READ_AT,
        unsealed: 0,
        is_more: false,
        unsealed_seconds: null,
        not_handed_out: 0,
        missing_triggers: [],
    },
    tail: {level: "good", changes: 0, is_more: false, seconds: null},
    projections: {level: "good", broken: [], quarantined: []},
    jobs: {
        level: "good",
        count: 7,
        inactive: [],
        can_activate: false,
        is_neutralized: false,
        late: 0,
    },
    webhooks: {level: "good", endpoints: []},
    replaced: {rows: 0, is_more: false, since: false, tables: []},
    sizes: [],
    runs,
    ...parts,
});

/** Open the event store screen; each look gets the next answer, and the last one repeats. */
async function openDesk(...answers) {
    onRpc("cqrs.health", "read_health", () => {
        expect.step("look");
        const answer = answers.length > 1 ? answers.shift() : answers[0];
        if (answer instanceof Error) {
            throw answer;
        }
        return answer;
    });
    await mountWithCleanup(WebClient);
    await getService("action").doAction({
        type: "ir.actions.client",
        tag: "crm_cqrs.desk",
    });
    expect.verifySteps(["look"]);
}

/** Show the figures of each part, which are folded away. */
function unfold() {
    queryAll("details").forEach((each) => {
        each.open = true;
    });
}

async function wait(seconds) {
    await advanceTime(1000 * seconds);
    await animationFrame();
}

test("a run in progress is polled every second until its outcome", async () => {
    await openDesk(
        health([run({progress: 41.6, step_name: "User Profile"})]),
        health([run({progress: 80, step_name: "Opportunity"})]),
        health([done])
    );
    expect(".o_cqrs_run [role=progressbar]").toHaveAttribute("aria-valuenow", "42");
    expect(".o_cqrs_percent").toHaveText("42 %");
    expect(".o_cqrs_run").toHaveText(/Rebuild #7\s+Running\s+1 min 5 s/);
    expect(".o_cqrs_run").toHaveText(/User Profile/);
    await wait(1);
    expect.verifySteps(["look"]);
    expect(".o_cqrs_percent").toHaveText("80 %");
    expect(".o_cqrs_run").toHaveText(/Opportunity/);
    await wait(1);
    expect.verifySteps(["look"]);
    expect(".o_cqrs_run").toHaveCount(0);
    expect(".o_cqrs_last").toHaveText(/Done\s+20 s\s+Rows corrected: 2\./);
    // Without a run in progress the polling slows down.
    await wait(9);
    expect.verifySteps([]);
    await wait(1);
    expect.verifySteps(["look"]);
});

test("webhooks that need somebody are named", async () => {
    const endpoint = {
        level: "good",
        is_paused: false,
        pause_reason: null,
        lag_events: 0,
        lag_seconds: 0,
        dead: 0,
        last_error: null,
    };
    const endpoints = [
        {...endpoint, name: "Warehouse"},
        {...endpoint, name: "Mailing", is_paused: true, pause_reason: "person"},
        {
            ...endpoint,
            name: "Billing",
            level: "bad",
            is_paused: true,
            pause_reason: "failing",
            last_error: "HTTP 500",
        },
        {...endpoint, name: "Search", level: "watch", dead: 3, last_error: "HTTP 404"},
        {...endpoint, name: "Map", level: "watch", lag_events: 12, lag_seconds: 7200},
    ];
    await openDesk(health([], {webhooks: {level: "bad", endpoints}}));
    unfold();
    const card = ".o_cqrs_health[data-name=webhooks]";
    expect(card).toHaveText(/3\s+active\s+Paused: Mailing\./);
    for (const text of [
        "Billing was switched off: HTTP 500",
        "Search: 3 dead message(s). The last error: HTTP 404",
        "Map is 12 event(s) behind, for 2 h: –",
    ]) {
        expect(`${card} .o_cqrs_problem:contains(${text})`).toHaveCount(1);
    }
    expect(`${card} .o_cqrs_problem`).toHaveCount(3);
    expect(`${card} .o_cqrs_to_do:contains(Correct the receiver)`).toHaveCount(2);
    expect(`${card} button`).toHaveText("View Webhooks");
});

test("a run that nothing performs says why, and the actions can be activated", async () => {
    const why = "This database is a neutralized copy.";
    const off = {
        level: "watch",
        count: 7,
        inactive: ["Perform runs", "Seal"],
        can_activate: true,
        is_neutralized: true,
        late: null,
    };
    onRpc("cqrs.health", "action_activate_jobs", () => {
        expect.step("activate");
        return false;
    });
    await openDesk(
        health([run({state: "pending", waits_for: why})], {jobs: off}),
        health([run({state: "running", progress: 3, waits_for: false})])
    );
    expect(".o_cqrs_run").toHaveText(/This database is a neutralized copy/);
    expect(".o_cqrs_health[data-name=jobs]").toHaveText(
        /neutralized copy[^]*Activate them if this copy is to keep itself up to date\./
    );
    unfold();
    expect(".o_cqrs_health[data-name=jobs] .o_cqrs_figures").toHaveText(
        /5\s+of 7 active/
    );
    // What is switched off is not promised.
    expect(".o_cqrs_health:contains(every night)").toHaveCount(0);
    expect(".o_cqrs_health:contains(every five minutes)").toHaveCount(0);
    await contains(".o_cqrs_activate").click();
    expect.verifySteps([]);
    await contains(".modal-footer .btn-primary").click();
    expect.verifySteps(["activate", "look"]);
    expect(".o_cqrs_activate").toHaveCount(0);
    expect(".o_cqrs_health[data-name=jobs]").toHaveText(/All of them run on time/);
});

test("each part says in a sentence what its state means, and what to do", async () => {
    const parts = {
        log: {
            ...health().log,
            level: "bad",
            missing_triggers: ["cqrs_event_append_only"],
            erasures_due: 2,
        },
        reconciler: {level: "watch", seconds: 1200, never: [], failures: []},
        reader: {
            level: "watch",
            waiting: 3,
            is_more: false,
            holder: {application: "import", pid: 42, database: "sales", seconds: 90},
        },
        tail: {level: "watch", changes: 12, is_more: false, seconds: 600},
    };
    await openDesk(
        health([], {verification: {level: "good", last: {seconds: 60, findings: 0}}}),
        health([], {level: "bad", ...parts}),
        health([run({kind: "verify"})])
    );
    expect(".o_cqrs_overall_to_do").toHaveText("There is nothing to do.");
    expect(".o_cqrs_means").toHaveCount(9);
    expect(".o_cqrs_problem").toHaveCount(0);
    expect("details[open]").toHaveCount(0);
    await wait(10);
    const problem = (name, index = 0) =>
        `.o_cqrs_health[data-name=${name}] .o_cqrs_problem:eq(${index})`;
    for (const [where, means, toDo] of [
        [
            problem("log"),
            "is not protected: cqrs_event_append_only",
            "Upgrade the module",
        ],
        [problem("log", 1), "erasures undone: 2", "Repeat the erasures."],
        [problem("reconciler"), "looked for since 20 min", "scheduled actions"],
        [problem("reader"), "by import (process 42)", "Wait until it ends."],
        [problem("verification"), "ever been verified", "Verify now."],
        [problem("tail"), "have waited 10 min", "scheduled actions"],
    ]) {
        expect(`${where} .o_cqrs_means:contains(${means})`).toHaveCount(1);
        expect(`${where} .o_cqrs_to_do:contains(${toDo})`).toHaveCount(1);
    }
    expect(".o_cqrs_health[data-name=seals] .o_cqrs_problem").toHaveCount(0);
    await wait(10);
    expect(problem("verification")).toHaveText(
        /the first verification is under way\.\s+Wait for its result\./
    );
    expect.verifySteps(["look", "look"]);
});

test("a run is cancelled only once", async () => {
    onRpc("cqrs.run", "action_cancel", ({args}) => {
        expect.step(["cancel", ...args]);
        return true;
    });
    await openDesk(
        health([run()]),
        health([run({cancel_requested: true, step_name: "User Profile"})]),
        health([run({state: "cancelled", outcome: "Cancelled. Nothing was changed."})])
    );
    expect(".o_cqrs_cancel").toHaveAttribute("aria-label", "Cancel Rebuild #7");
    await contains(".o_cqrs_cancel").click();
    expect.verifySteps([["cancel", [7]], "look"]);
    expect(".o_cqrs_cancel").not.toBeEnabled();
    expect(".o_cqrs_run").toHaveText(/Stopping at the next step\./);
    await wait(1);
    expect.verifySteps(["look"]);
    expect(".o_cqrs_last").toHaveText(/Cancelled\. Nothing was changed\./);
});

test("runs are listed in the order of their turn", async () => {
    const waiting = {state: "pending", started_at: false};
    await openDesk(
        health([
            run({id: 9, display_name: "Verify #9", ...waiting, create_date: READ_AT}),
            run({id: 8, display_name: "Verify #8", ...waiting}),
            run(),
        ])
    );
    expect(".o_cqrs_run:eq(0)").toHaveText(/Rebuild #7/);
    expect(".o_cqrs_run:eq(1)").toHaveText(/Verify #8\s+Waiting/);
    expect(".o_cqrs_run:eq(1)").toHaveText(/Starting soon\./);
    expect(".o_cqrs_run:eq(2)").toHaveText(/Verify #9/);
});

test("a run that does not start points to the scheduled actions", async () => {
    const create_date = "2026-11-24 12:59:00";
    await openDesk(health([run({state: "pending", started_at: false, create_date})]));
    expect(".o_cqrs_run").toHaveText(
        /Not started yet\. Check that scheduled actions are running\./
    );
});

test("each outcome is told in words", async () => {
    await openDesk(
        health([
            run({id: 6, is_abandoned: true}),
            run({id: 5, state: "failed", outcome: "No space left on device"}),
            run({
                id: 4,
                state: "cancelled",
                outcome: "Cancelled. Nothing was changed.",
            }),
            done,
        ])
    );
    const line = (index) => `.o_cqrs_runs tbody tr:eq(${index}) td:last`;
    expect(line(0)).toHaveText(
        /Interrupted\s+The server stopped during this run\. The run resumes within minutes\./
    );
    expect(line(1)).toHaveText(/Failed\s+No space left on device/);
    expect(line(2)).toHaveText(/Cancelled\s+Cancelled\. Nothing was changed\./);
    expect(line(3)).toHaveText(/Done\s+Rows corrected: 2\./);
    // An interrupted run is not in progress, so it is the last run.
    expect(".o_cqrs_run").toHaveCount(0);
    expect(".o_cqrs_last").toHaveText(/Interrupted/);
});

test("a refused run shows the error and does not start", async () => {
    expect.errors(1);
    onRpc("cqrs.run", "action_verify", () => {
        throw makeServerError({
            type: "AccessError",
            message: "Only administrators can do this.",
        });
    });
    await openDesk(health());
    await contains("[data-kind=verify]").click();
    await waitFor(".modal:contains(Only administrators can do this.)");
    expect.verifyErrors(["Only administrators can do this."]);
    expect.verifySteps([]);
    expect("[data-kind=verify]").toBeEnabled();
    expect(".o_cqrs_progress").toHaveText(/No runs yet\./);
});

test("runs that write ask for confirmation", async () => {
    for (const kind of ["verify", "reconcile", "replay"]) {
        onRpc("cqrs.run", `action_${kind}`, ({args}) => {
            expect.step([kind, ...args]);
            return {};
        });
    }
    const sizes = [
        {table: "cqrs_event", model: "cqrs.event", name: "Event", rows: 9, bytes: 8192},
        {
            table: "cqrs_user_profile",
            model: "cqrs.user.profile",
            name: "User Profile",
            rows: null,
            bytes: 3 * 1024 ** 2,
        },
    ];
    await openDesk(health([], {sizes}));
    await contains("[data-kind=verify]").click();
    expect.verifySteps([["verify"], "look"]);
    await contains("[data-kind=reconcile]").click();
    await contains(
        ".modal:contains(Do you want to reconcile?) .modal-footer .btn-secondary"
    ).click();
    expect.verifySteps([]);
    await contains("[data-kind=reconcile]").click();
    await contains(".modal .modal-footer .btn-primary").click();
    expect.verifySteps([["reconcile"], "look"]);
    // The log itself cannot be rebuilt.
    expect(".o_cqrs_sizes button").toHaveCount(1);
    expect(".o_cqrs_sizes tbody tr:eq(1)").toHaveText(/cqrs_user_profile\s+–\s+3 MB/);
    await contains(".o_cqrs_sizes button").click();
    await contains(
        ".modal:contains(Rebuild: User Profile) .modal-footer .btn-primary"
    ).click();
    expect.verifySteps([["replay", ["cqrs.user.profile"]], "look"]);
});

test("a verification that deletes kept rows asks for confirmation", async () => {
    onRpc("cqrs.run", "action_verify_all", () => {
        expect.step("verify");
        return {};
    });
    const replaced = {
        rows: 3,
        is_more: false,
        since: READ_AT,
        tables: ["cqrs_metrics"],
    };
    await openDesk(health([], {replaced}));
    await contains("[data-kind=verify_all]").click();
    await contains(".modal:contains(are deleted) .modal-footer .btn-primary").click();
    expect.verifySteps(["verify", "look"]);
});

test("a session that ended leads to the login, and nothing is asked any more", async () => {
    const expired = makeServerError({errorName: "odoo.http.SessionExpiredException"});
    onRpc("/web/session/get_session_info", () => {
        expect.step("session");
        throw expired;
    });
    await openDesk(health(), expired);
    await wait(10);
    expect.verifySteps(["look", "session"]);
    await waitFor(".modal:contains(Your Odoo session expired)");
    await wait(60);
    expect.verifySteps([]);
});

test("an unreachable server is reported until it responds", async () => {
    await openDesk(health([run()]), makeServerError({message: "away"}), health([done]));
    await wait(1);
    expect.verifySteps(["look"]);
    expect(".o_control_panel").toHaveText(
        /The server does not respond\. The figures may be out of date\./
    );
    expect(".o_cqrs_run").toHaveCount(1);
    // A part that was healthy then may not be healthy now.
    expect(".o_cqrs_overall").toHaveText("Status unknown");
    expect(".o_cqrs_health:contains(Healthy)").toHaveCount(0);
    await wait(1);
    expect.verifySteps(["look"]);
    expect(".o_cqrs_overall").toHaveText("Everything is healthy");
    expect(".o_control_panel").not.toHaveText(/does not respond/);
    expect(".o_cqrs_last").toHaveCount(1);
});

test("a part that cannot be read shows the error; the others stay", async () => {
    await openDesk(
        health([], {level: "bad", tail: {level: "bad", error: "no such table"}})
    );
    expect(".o_cqrs_health[data-name=tail]").toHaveText(
        /Needs action\s+Could not be read: no such table\s+Upgrade the module\./
    );
    expect(".o_cqrs_health[data-name=log]").toHaveText(/Healthy/);
});

test("failures of read models are listed", async () => {
    const projections = {
        level: "bad",
        broken: [{name: "User Access", error: "no such table"}],
        quarantined: [{name: "Opportunity", records: 2, error: "too long"}],
    };
    await openDesk(health(), health([], {projections}));
    expect(".o_cqrs_health[data-name=projections]").toHaveText(
        /Dashboards and lists show all that was recorded\./
    );
    expect(".o_cqrs_health[data-name=projections] button").toHaveCount(0);
    await wait(10);
    expect.verifySteps(["look"]);
    expect(".o_cqrs_health[data-name=projections]").toHaveText(
        /User Access is broken, and screens that need it are closed: no such table\s+Rebuild it\.\s+Opportunity is missing 2 record\(s\): too long\s+View the failures/
    );
    expect(".o_cqrs_health[data-name=projections] button").toHaveCount(1);
});

test("the last seal is said to be signed or not, and what waits for the next", async () => {
    const {seals} = health();
    await openDesk(
        health(),
        health([], {
            seals: {
                ...seals,
                key: null,
                unsealed: 3,
                unsealed_seconds: 1200,
                not_handed_out: 2,
                missing_triggers: ["cqrs_seal_append_only"],
            },
        }),
        health([], {seals: {...seals, number: null, key: null, signed_at: null}})
    );
    unfold();
    const card = ".o_cqrs_health[data-name=seals]";
    expect(card).toHaveText(
        /Seals prove.*1 min 30 s\s+since the last seal\s+Seal 7 is signed with the key abababababababab….*All events are sealed/s
    );
    await wait(10);
    expect(card).toHaveText(
        /not protected: cqrs_seal_append_only.*Upgrade the module.*not signed any more since.*cqrs_seal_key.*Not written to the file of seals yet: 2.*can write to that file.*3 event\(s\) not sealed yet, for 20 min/s
    );
    await wait(10);
    expect(card).toHaveText(/Never sealed\s+Events are sealed every five minutes/s);
    expect.verifySteps(["look", "look"]);
});

test("unfinished verifications and failed reconciliations are listed", async () => {
    const last = {id: 3, seconds: 90000, findings: 0, whole_seconds: 172800};
    const verified = (unfinished, level) => ({
        level,
        verification: {level, last, unfinished: {id: 4, seconds: 7200, ...unfinished}},
        reconciler: {
            level: "bad",
            seconds: 30,
            never: [],
            failures: ["crm.lead/7: why"],
        },
    });
    await openDesk(
        health([], verified({state: "failed", error: "No space left"}, "bad")),
        health([], verified({state: "cancelled", error: null}, "watch")),
        health([], verified({state: "running", error: null}, "watch"))
    );
    unfold();
    const card = ".o_cqrs_health[data-name=verification]";
    expect(card).toHaveText(
        /Needs action.*The verification started 2 h ago failed: No space left\s+Remove the cause, then verify again\..*Verified 1 d 1 h ago.*All of it was verified in the last 2 d\./s
    );
    expect(".o_cqrs_health[data-name=reconciler]").toHaveText(
        /A change could not be recorded: crm\.lead\/7: why\s+Correct the record/
    );
    await wait(10);
    expect(card).toHaveText(/Needs attention.*started 2 h ago was cancelled/s);
    await wait(10);
    expect(card).toHaveText(/Needs attention.*started 2 h ago has not finished/s);
    expect.verifySteps(["look", "look"]);
});
