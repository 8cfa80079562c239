"""Webhooks: from commit to receiver, how many, what a write pays; Odoo's beside them.

A server sends, a process of its own receives, and other processes write. The endpoints
are made in ``webhooks``, Odoo's own webhook action in ``automated``, in which the addon
is not installed.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

from odoo.service.model import retrying
from odoo.tools import SQL, config

from odoo.addons.crm_cqrs.models.webhooks.settings import ALLOWED_OPTION

from devtools.web.receivers import Receivers, receivers
from devtools.web.serving import HOST

from .found import Found, Table, milliseconds, ratio
from .measure import Samples, interleave, rounds
from .odoo_databases import environment
from .plan import Plan
from .processor import Cost, Meter
from .reads import backends
from .worker import Worker

KIND, AUTOMATED = "webhooks", "automated"
ENDPOINTS = 10
ONE, DEAD = "/good/0", "/silent/0"
JOB_SECONDS, INTO_THE_JOB = 20, 3
BACKLOG = 100
"""Events that are delivered at once, beside a dead endpoint and without."""
SETTLE = 0.3
"""Seconds in which the dispatcher has done what follows from something."""
PATIENCE = 120
"""Seconds that a message may be on its way."""


def measure(plan: Plan, on_round: Callable[[], None]) -> Found:
    samples, result = Samples(), Found()
    name = plan.databases[KIND]
    # As in the configuration of the server, since an endpoint is checked when made.
    config[ALLOWED_OPTION] = HOST
    with receivers() as there, ExitStack() as stack:
        automate(plan, there)
        webhook_ids = stack.enter_context(endpoints(plan, there, [ONE]))
        before = len(there.received(ONE))
        lead_ids = opportunities(plan, KIND, BACKLOG)
        there.wait_for(lambda: len(there.received(ONE)) >= before + BACKLOG, PATIENCE)
        odoos = opportunities(plan, AUTOMATED, 1)
        for number in rounds(plan.pick(0, 60, 300)):
            began = time.monotonic()
            lead_id = lead_ids[number % len(lead_ids)]
            samples.add("webhook", to_received(name, lead_id, number, there, ONE))
            other = plan.databases[AUTOMATED]
            path = f"/good/{AUTOMATED}"
            samples.add("Odoo's", to_received(other, odoos[0], number, there, path))
            on_round()
            time.sleep(max(0, began + 1 - time.monotonic()))
        for number in range(plan.pick(1, 1, 5)):
            with job(plan):
                time.sleep(INTO_THE_JOB)
                behind = to_received(name, lead_ids[0], -1 - number, there, ONE)
            samples.add("behind a job", behind)
            on_round()
        with endpoints(plan, there, [DEAD]) as [dead]:
            drain(plan, there, lead_ids, dead, samples, on_round)
        paths = [f"/good/{n}" for n in range(1, ENDPOINTS)]
        webhook_ids += stack.enter_context(endpoints(plan, there, paths))
        throughput(plan, there, webhook_ids, lead_ids, result, on_round)
        # Writes are measured on what is open, which is to be the same in each database.
        for kind, ids in ((KIND, lead_ids), (AUTOMATED, odoos)):
            with environment(plan.databases[kind]) as env:
                env["crm.lead"].browse(ids).active = False
        costs(plan, samples, on_round)
    report(plan, samples, result)
    return result


@contextmanager
def endpoints(plan: Plan, there: Receivers, paths: list[str]) -> Iterator[list[int]]:
    """Have endpoints that see what the head of all sees, for the block; gives ids."""
    with environment(plan.databases[KIND]) as env:
        made = env["cqrs.webhook"].create(
            [
                {
                    "name": path,
                    "url": there.url(path),
                    "user_id": plan.roles["head"].user_id,
                    "owner_id": env.uid,
                }
                for path in paths
            ]
        )
        for webhook, path in zip(made, paths, strict=True):
            there.trust(path, *webhook._signing_secrets())
        ids = made.ids
        # A server that has none hears of the first one by its scheduled action.
        deliver = env.ref("crm_cqrs.ir_cron_webhooks")
        deliver.active = True
        deliver._trigger()
    # Until the dispatcher knows them: it looks each 5 s.
    opportunities(plan, KIND, 1)
    for path in paths:
        if not path.startswith("/silent/"):
            there.wait_for(lambda path=path: there.received(path), PATIENCE)
    yield ids
    with environment(plan.databases[KIND]) as env:
        # Their last messages may be on their way.
        retrying(env["cqrs.webhook"].browse(ids).unlink, env)


def automate(plan: Plan, there: Receivers) -> None:
    """Have Odoo's own action tell of what the benchmark writes."""
    with environment(plan.databases[AUTOMATED]) as env:
        model = env.ref("crm.model_crm_lead")
        revenue = env.ref("crm.field_crm_lead__expected_revenue")
        env["base.automation"].create(
            {
                "name": "Benchmark",
                "model_id": model.id,
                "trigger": "on_create_or_write",
                "trigger_field_ids": [(6, 0, revenue.ids)],
                "action_server_ids": [
                    (
                        0,
                        0,
                        {
                            "name": "Benchmark",
                            "model_id": model.id,
                            "state": "webhook",
                            "webhook_url": there.url(f"/good/{AUTOMATED}"),
                            "webhook_field_ids": [(6, 0, revenue.ids)],
                        },
                    )
                ],
            }
        )


def opportunities(plan: Plan, kind: str, count: int) -> list[int]:
    """Return the ids of new opportunities of the head's, in a database."""
    with environment(plan.databases[kind]) as env:
        values = {
            "name": "Benchmark of webhooks",
            "type": "opportunity",
            "user_id": plan.roles["head"].user_id,
        }
        return env["crm.lead"].create([values] * count).ids


def to_received(
    name: str, lead_id: int, amount: int, there: Receivers, path: str
) -> float:
    """Write one field; return the seconds from its commit until it is received."""
    time.sleep(0.1)
    before = len(there.received(path))
    with environment(name) as env:
        # No two writes of a lead have the same amount.
        env["crm.lead"].browse(lead_id).expected_revenue = 10**6 + amount
        env.cr.flush()
        began = time.monotonic()
    there.wait_for(lambda: len(there.received(path)) > before, PATIENCE, 0.002)
    return there.received(path)[before]["at"] - began


@contextmanager
def job(plan: Plan) -> Iterator[None]:
    """A scheduled action of the server that runs for 20 s; the block begins with it."""
    name = plan.databases[KIND]
    with environment(name) as env:
        cron = env["ir.cron"].create(
            {
                "name": "Benchmark",
                "model_id": env.ref("crm.model_crm_lead").id,
                "state": "code",
                "code": f"env.cr.execute('SELECT pg_sleep({JOB_SECONDS})')",
                "interval_number": 1,
                "interval_type": "months",
                "nextcall": env.cr.now() - timedelta(minutes=1),
            }
        )
        cron._trigger()
    running = SQL(
        "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND query LIKE %s",
        name,
        "SELECT pg_sleep(%",
    )
    asked_until = time.monotonic() + PATIENCE
    while True:
        with environment(name) as env:
            if env.execute_query(running):
                break
        if time.monotonic() > asked_until:
            raise RuntimeError("The server never ran the job.")
        time.sleep(0.1)
    yield
    is_over = False
    while not is_over:
        time.sleep(0.2)
        with environment(name) as env:
            is_over = bool(env["ir.cron"].browse(cron.id).lastcall)
    with environment(name) as env:
        retrying(env["ir.cron"].browse(cron.id).unlink, env)


def drain(
    plan: Plan,
    there: Receivers,
    lead_ids: list[int],
    dead: int,
    samples: Samples,
    on_round: Callable[[], None],
) -> None:
    """Deliver events to an endpoint, with a dead one beside it and without.

    Beside the time by the clock, that of the processor is taken, of the server and its
    connections: it varies much less.
    """
    name = plan.databases[KIND]
    amounts = iter(range(2 * 10**6, 10**9))

    def deliver() -> Cost:
        before = len(there.received(ONE))
        expected = before + len(lead_ids)
        with environment(name) as env:
            env["crm.lead"].browse(lead_ids).write({"expected_revenue": next(amounts)})
            env.cr.flush()
            own = env.cr._cnx.info.backend_pid
            meter = Meter(plan.servers[KIND], backends(name) - {own})
            began, at = meter.now(), time.monotonic()
        there.wait_for(lambda: len(there.received(ONE)) >= expected, PATIENCE, 0.005)
        # What the last ones leave to be written down is part of it.
        time.sleep(SETTLE)
        cost = meter.since(began)
        return replace(cost, seconds=there.received(ONE)[expected - 1]["at"] - at)

    def dead_is(is_paused: bool) -> None:
        # Not by its buttons: it shall go on as the one that fails that it is.
        with environment(name) as env:
            env.cr.execute(
                SQL(
                    "UPDATE cqrs_webhook SET is_paused = %s WHERE id = %s",
                    is_paused,
                    dead,
                )
            )
        time.sleep(SETTLE)

    def case(is_paused: bool) -> Cost:
        dead_is(is_paused)
        return deliver()

    def fails() -> bool:
        with environment(name) as env:
            return bool(env["cqrs.webhook"].browse(dead).failing_since)

    # It has as much of its own as one that fails gets.
    deliver()
    there.wait_for(fails, PATIENCE)
    deliver()
    cases = {
        "alone": partial(case, True),
        "alone again": partial(case, True),
        "beside a dead one": partial(case, False),
    }
    interleave(cases, plan.pick(0, 90, 400), samples, on_round=on_round)


def throughput(
    plan: Plan,
    there: Receivers,
    webhook_ids: list[int],
    lead_ids: list[int],
    result: Found,
    on_round: Callable[[], None],
) -> None:
    """Deliver a backlog to ten endpoints while a process writes as fast as it can."""
    name = plan.databases[KIND]
    paths = [f"/good/{n}" for n in range(ENDPOINTS)]
    with environment(name) as env:
        env["cqrs.webhook"].browse(webhook_ids)._pause("person")
    time.sleep(2)
    before = len(there.received(*paths))
    for number in range(plan.pick(1, 10, 50)):
        with environment(name) as env:
            amount = 3 * 10**6 + number
            env["crm.lead"].browse(lead_ids).write({"expected_revenue": amount})
        on_round()
    backlog = ENDPOINTS * plan.pick(1, 10, 50) * len(lead_ids)
    worker = Worker(name, os.environ["CRM_CQRS_ADDONS_PATH"], 1)
    try:
        worker.perform("field")
        writes, began = 0, time.monotonic()
        with environment(name) as env:
            env["cqrs.webhook"].browse(webhook_ids)._resume(send_backlog=True)
        while len(there.received(*paths)) < before + backlog:
            worker.perform("field")
            writes += 1
            on_round()
            if time.monotonic() > began + 10 * PATIENCE:
                raise RuntimeError("The backlog was not delivered.")
        beside = writes / (time.monotonic() - began)
    finally:
        worker.stop()
    lines = there.received(*paths)[before : before + backlog]
    times = [each["at"] for each in lines]
    result.figures.update(
        webhook_deliveries_per_s=len(times) / (max(times) - min(times)),
        webhook_writes_beside_per_s=beside,
    )
    if wrong := sum(not each["is_verified"] for each in lines):
        result.faults.append(f"{wrong} webhooks were signed wrongly.")


COSTS = {
    "bare": "bare Odoo",
    AUTOMATED: "bare Odoo, its own webhook action",
    "installed": "with crm_cqrs, no endpoint",
    "again": "the same in a second copy",
    KIND: f"with crm_cqrs, {ENDPOINTS} endpoints",
}


def costs(plan: Plan, samples: Samples, on_round: Callable[[], None]) -> None:
    """Write one field in each database in turn."""
    with ExitStack() as stack:
        cases = {}
        for kind in COSTS:
            path = plan.addons_paths.get(kind, os.environ["CRM_CQRS_ADDONS_PATH"])
            worker = Worker(plan.databases[kind], path, 1)
            stack.callback(worker.stop)
            cases[f"field {kind}"] = partial(worker.perform, "field")
        interleave(cases, plan.pick(0, 60, 300), samples, on_round=on_round)


def report(plan: Plan, samples: Samples, result: Found) -> None:
    result.add_times(samples, "webhooks")
    result.figures.update(
        webhook_p50_ms=1000 * samples.percentile("webhook", 50),
        webhook_p95_ms=1000 * samples.percentile("webhook", 95),
        webhook_behind_a_job_s=max(
            samples.percentile("behind a job", 99), samples.median("behind a job")
        ),
    )
    for case, title in (
        ("beside a dead one", "beside_a_dead_endpoint"),
        ("alone again", "alone"),
    ):
        clock, processor = samples.ratios(case, "alone")
        result.ratios[f"webhook_{title}_vs_alone"] = clock
        result.ratios[f"webhook_processor_{title}_vs_alone"] = processor
    for kind, title in ((KIND, "ten_endpoints"), ("again", "none_again")):
        result.ratios[f"webhook_processor_write_field_{title}_vs_none"] = samples.ratio(
            f"field {kind} processor", "field installed processor"
        )
    table = Table(
        f"From the beginning of a commit to received, at {plan.size}, one write a"
        " second, in ms",
        ("", "p50", "p95", "worst", "signed", "after a rollback", "tried again"),
    )
    beside = (
        ("webhook", f"this addon, {ONE}", "yes", "nothing", "yes"),
        ("Odoo's", "Odoo's webhook action", "no", "may send", "no"),
        ("behind a job", f"this addon, behind a job of {JOB_SECONDS} s", *[""] * 3),
    )
    for name, title, *words in beside:
        points = [milliseconds(samples.percentile(name, p)) for p in (50, 95, 99)]
        table.rows.append((title, *points, *words))
    result.tables.append(table)
    table = Table(
        f"Write of one field at {plan.size}: p50 in ms, as a multiple of"
        " 'with crm_cqrs, no endpoint'",
        ("", "by the clock", "of the processor"),
    )
    for kind, title in COSTS.items():
        cells = []
        for ending in ("", " processor"):
            case, base = f"field {kind}{ending}", f"field installed{ending}"
            cells.append(
                f"{milliseconds(samples.median(case))} = "
                f"{ratio(samples.ratio(case, base))}"
            )
        table.rows.append((title, *cells))
    result.tables.append(table)
    table = Table(
        f"Delivery of {BACKLOG} events to an endpoint, in ms; as a multiple of alone",
        ("", "p50", "p95", "by the clock", "of the processor"),
    )
    for name in ("alone", "alone again", "beside a dead one"):
        points = [milliseconds(samples.percentile(name, p)) for p in (50, 95)]
        table.rows.append((name, *points, *map(ratio, samples.ratios(name, "alone"))))
    result.tables.append(table)
