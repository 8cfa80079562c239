"""First build, fold, a full rebuild with live writers beside it, and verify."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from psycopg2.errors import OperationalError

from odoo.service.model import retrying
from odoo.tools import SQL

from devtools.web.person import DASHBOARD

from .found import Chart, Found, Table
from .odoo_databases import environment
from .plan import Plan
from .reads import log_in
from .writes import Writer

PAUSE = 0.02
"""Seconds between two writes, and two reads, beside the rebuild."""


@dataclass
class Beside:
    """What went on at the same time; seconds that each read took."""

    writes: int = 0
    failures: int = 0
    waits: list[float] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)


def measure(plan: Plan, on_round: Callable[[], None]) -> Found:
    name = plan.databases["installed"]
    writer = Writer(name)
    fold_metrics_s = timed(lambda: fold_metrics(name))
    events, fold_s = fold(name)
    on_round()
    with beside(plan, writer) as quiet:
        time.sleep(plan.pick(1, 2, 20))
    on_round()
    with beside(plan, writer) as busy:
        rebuild_s = timed(lambda: perform(name, "replay"))
    on_round()
    # The first one covers everything, the next one what has changed and a part.
    verify_s = timed(lambda: perform(name, "verify"))
    on_round()
    verify_again_s = timed(lambda: perform(name, "verify"))
    on_round()
    result = Found()
    result.figures.update(
        first_build_s=plan.first_build_s,
        fold_events_per_s=events / fold_s,
        fold_metrics_s=fold_metrics_s,
        rebuild_s=rebuild_s,
        rebuild_events_per_s=events / rebuild_s,
        rebuild_longest_wait_of_a_reader_ms=1000 * max(busy.waits),
        without_rebuild_longest_wait_of_a_reader_ms=1000 * max(quiet.waits),
        rebuild_writes_beside=busy.writes,
        rebuild_failures_of_writers=busy.failures,
        verify_s=verify_s,
        verify_again_s=verify_again_s,
        events=events,
    )
    table = Table(f"Rebuild and replay at {plan.size}, {events} events", ("", ""))
    table.rows = [
        ("first build", f"{plan.first_build_s:.1f} s"),
        ("fold of the whole log", f"{fold_s:.2f} s, {events / fold_s:.0f} events/s"),
        ("folding the tail of the metrics", f"{fold_metrics_s:.2f} s"),
        (
            "full rebuild beside live writers",
            (
                f"{rebuild_s:.1f} s, {events / rebuild_s:.0f} events/s, "
                f"{busy.writes} writes beside it, {busy.failures} failed"
            ),
        ),
        ("longest wait of a reader in it", f"{1000 * max(busy.waits):.0f} ms"),
        ("the same with the writers alone", f"{1000 * max(quiet.waits):.0f} ms"),
        ("verify everything, records by a sample", f"{verify_s:.1f} s"),
        ("verify what changed and a part", f"{verify_again_s:.1f} s"),
    ]
    result.tables.append(table)
    bars = {
        "first build": plan.first_build_s,
        "fold": fold_s,
        "rebuild": rebuild_s,
        "verify": verify_s,
    }
    result.charts.append(Chart("rebuild", f"At {plan.size}, seconds", bars))
    return result


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def fold_metrics(name: str) -> None:
    with environment(name) as env:
        env["cqrs.metrics"]._fold()


def fold(name: str) -> tuple[int, float]:
    """Fold the log to the state of each stream; return its events and the seconds."""
    from odoo.addons.crm_cqrs.models.event_store.fold import fold as fold_query

    with environment(name) as env:
        cr = env.cr
        cr.execute("SELECT count(*) FROM cqrs_event")
        ((events,),) = cr.fetchall()
        query = fold_query(SQL.identifier("cqrs_event"))
        cr.execute("SET LOCAL jit = off")
        began = time.perf_counter()
        # All of each state is made, and none is sent.
        cr.execute(SQL("SELECT count(state), count(hash) FROM (%s) folded", query))
        return events, time.perf_counter() - began


def perform(name: str, kind: str) -> None:
    """Perform a run as the cron does.

    :raise RuntimeError: it found that something was wrong
    """
    with environment(name) as env:
        run = env["cqrs.run"].sudo().create({"kind": kind, "user_id": env.uid})
        env.cr.commit()  # pylint: disable=invalid-commit
        run._perform()
        if run.state != "done" or run.findings:
            raise RuntimeError(f"{kind}: {run.state}, {run.findings}: {run.result}")


@contextmanager
def beside(plan: Plan, writer: Writer) -> Iterator[Beside]:
    """Write, and read the head's dashboard, while the block runs."""
    tally = Beside()
    over = threading.Event()

    def write_on() -> None:
        while not over.wait(PAUSE):
            try:
                with environment(writer.name) as env:
                    retrying(lambda env=env: writer.do_field(env), env)
            except OperationalError:
                tally.failures += 1
            else:
                tally.writes += 1

    def read_on() -> None:
        person = log_in(plan, "installed", plan.roles["head"])
        while True:  # once at least, however slow the machine is
            tally.waits.append(timed(lambda: person.get(DASHBOARD)))
            if over.wait(PAUSE):
                return

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  (raised again when the block ends)
            tally.errors.append(error)

    threads = [
        threading.Thread(target=guarded, args=(work,)) for work in (write_on, read_on)
    ]
    for thread in threads:
        thread.start()
    try:
        yield tally
    finally:
        over.set()
        for thread in threads:
            thread.join()
    for error in tally.errors:
        raise error
