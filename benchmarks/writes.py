"""Writes, whole transactions with commit: bare Odoo, this addon, OCA's auditlog.

Each database has a process that writes to it (``worker.py``).
"""

import multiprocessing
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property, partial

import psycopg2
from psycopg2.errors import OperationalError

from odoo.service.model import retrying

from .found import Chart, Found, Table, milliseconds, ratio
from .measure import Ratio, Samples, interleave
from .odoo_databases import close_connections, environment
from .plan import Plan
from .processor import Cost, Meter
from .worker import Worker

KINDS = ("bare", "installed", "auditlog_fast", "auditlog_full")
BEFORE = "before"
"""The kind of the version that the addon is measured against, if there is one."""
MEASURED = ("create", "create100", "field", "field100", "unlink")
"""What there are ratios of."""
AGAINST = ("create", "field", "plain", "stage", "field100", "unlink")
"""What is measured against another version."""
DURABLE = (
    "ALTER SYSTEM SET fsync = on",
    "ALTER SYSTEM SET synchronous_commit = on",
    "ALTER SYSTEM SET full_page_writes = on",
    "SELECT pg_reload_conf()",
)
"""What ./dev's PostgreSQL has off, and customers' has on."""
AS_BEFORE = (
    "ALTER SYSTEM RESET fsync",
    "ALTER SYSTEM RESET synchronous_commit",
    "ALTER SYSTEM RESET full_page_writes",
    "SELECT pg_reload_conf()",
)
LARGE = ("create100", "field100", "import")
"""Take so long that the quick form leaves ``auditlog`` out."""
POOL = 2500
"""Opportunities that are written to; those that are deleted are others."""
WRITERS = 16
ADDON = "crm_cqrs"
PATIENCE = 60
"""Seconds that the last write of a writer may take."""


class Writer:
    """Does one kind of write in a database, again and again."""

    def __init__(self, name: str, import_rows: int = 1000) -> None:
        self.name = name
        self.import_rows = import_rows
        self.meter = Meter()
        # The same for all databases, which have the same data.
        self._random = random.Random(19)
        with environment(name) as env:
            env.cr.execute("SELECT user_id FROM bench_role ORDER BY user_id")
            self.user_ids = [user_id for (user_id,) in env.cr.fetchall()]
            self.stage_ids = env["crm.stage"].search([("is_won", "=", False)]).ids
            # Every so many, so that they are of all ages and owners.
            env.cr.execute(
                """
                SELECT id, n %% GREATEST(total / %(pool)s, 2) AS turn FROM (
                    SELECT id, row_number() OVER (ORDER BY id) AS n,
                           count(*) OVER () AS total
                    FROM crm_lead
                    WHERE type = 'opportunity' AND won_status = 'pending' AND active
                      AND company_id = (SELECT min(id) FROM res_company)
                ) lead ORDER BY turn, id LIMIT 4 * %(pool)s
                """,
                {"pool": POOL},
            )
            rows = env.cr.fetchall()
        self.ids = [lead_id for lead_id, turn in rows if not turn][:POOL]
        self.doomed = [lead_id for lead_id, turn in rows if turn]
        self._random.shuffle(self.ids)
        self._random.shuffle(self.doomed)

    def perform(self, operation: str) -> Cost:
        """Do it in a transaction of its own, and commit."""
        if prepare := getattr(self, f"prepare_{operation}", None):
            with environment(self.name) as env:
                prepare(env)
        before = self.meter.now()
        with environment(self.name) as env:
            self.meter.backends.add(env.cr.connection.get_backend_pid())
            getattr(self, f"do_{operation}")(env)
        return self.meter.since(before)

    def _amount(self) -> int:
        return self._random.randint(1, 10**6)

    def _values(self) -> dict:
        # Of the user's own: to assign it to another costs Odoo a message to that one,
        # beside which all else is little.
        return {
            "name": "Benchmark",
            "type": "opportunity",
            "expected_revenue": self._amount(),
        }

    def _choose(self, env, count: int = 1):
        return env["crm.lead"].browse(self._random.sample(self.ids, count))

    def do_create(self, env) -> None:
        env["crm.lead"].create(self._values())

    def do_create100(self, env) -> None:
        env["crm.lead"].create([self._values() for _ in range(100)])

    def do_field(self, env) -> None:
        self._choose(env).expected_revenue = self._amount()

    def do_plain(self, env) -> None:
        self._choose(env).priority = self._random.choice("0123")

    def do_stage(self, env) -> None:
        lead = self._choose(env)
        others = [each for each in self.stage_ids if each != lead.stage_id.id]
        lead.stage_id = self._random.choice(others)

    def do_field100(self, env) -> None:
        self._choose(env, 100).write({"expected_revenue": self._amount()})

    def do_reassign(self, env) -> None:
        lead = self._choose(env)
        others = [each for each in self.user_ids if each != lead.user_id.id]
        lead.user_id = self._random.choice(others)

    def do_unlink(self, env) -> None:
        env["crm.lead"].browse(self.doomed.pop()).unlink()

    # Products are there only in the databases of the part of that name.

    @cached_property
    def products(self) -> list[int]:
        with environment(self.name) as env:
            ids = env["product.template"].search([], order="id").ids
        self._random.shuffle(ids)
        return ids

    def do_product_create(self, env) -> None:
        env["product.template"].create({"name": "Benchmark", "list_price": 1})

    def do_product_field(self, env) -> None:
        product = env["product.template"].browse(self._random.choice(self.products))
        product.list_price = self._amount()

    def do_product_field100(self, env) -> None:
        ids = self._random.sample(self.products, 100)
        env["product.template"].browse(ids).write({"list_price": self._amount()})

    # So are invoices, and customers who have some.

    def prepare_post100(self, env) -> None:
        line = {"name": "Benchmark", "price_unit": self._amount(), "tax_ids": False}
        values = {"move_type": "out_invoice", "invoice_line_ids": [(0, 0, line)]}
        ids = self._random.sample(self.customers, 100)
        drafts = [{**values, "partner_id": customer_id} for customer_id in ids]
        self.draft_ids = env["account.move"].create(drafts).ids

    def do_post100(self, env) -> None:
        env["account.move"].browse(self.draft_ids).action_post()

    @cached_property
    def customers(self) -> list[int]:
        """Return the ids of companies, which are on record wherever the addon is."""
        with environment(self.name) as env:
            domain = [("is_company", "=", True), ("customer_rank", ">", 0)]
            return env["res.partner"].search(domain, order="id", limit=POOL).ids

    def do_contacts100(self, env) -> None:
        """None of whom is a company's, has a salesperson or a deal."""
        env["res.partner"].create([{"name": f"Benchmark {n}"} for n in range(100)])

    def do_accounts100(self, env) -> None:
        values = {"is_company": True, "email": "info@benchmark.example"}
        env["res.partner"].create(
            [{"name": f"Benchmark {n}", **values} for n in range(100)]
        )

    def _customer(self, env, count: int = 1):
        return env["res.partner"].browse(self._random.sample(self.customers, count))

    def do_account_field(self, env) -> None:
        self._customer(env).ref = str(self._amount())

    def do_account_other_field(self, env) -> None:
        """Write a field that no event tells of."""
        self._customer(env).function = str(self._amount())

    def do_account_field100(self, env) -> None:
        self._customer(env, 100).write({"ref": str(self._amount())})

    def do_import(self, env) -> None:
        rows = [
            [f"Import {n}", "opportunity", str(self._amount())]
            for n in range(self.import_rows)
        ]
        result = env["crm.lead"].load(["name", "type", "expected_revenue"], rows)
        if not result["ids"]:
            raise RuntimeError(f"The import was refused: {result['messages']}")


OPERATIONS = {
    # name: seconds, by pace
    "create": (0, 3, 30),
    "create100": (0, 6, 60),
    "field": (0, 4, 30),
    "plain": (0, 2, 20),
    "stage": (0, 1, 20),
    "field100": (0, 3, 40),
    "reassign": (0, 1, 30),
    "unlink": (0, 3, 30),
    "import": (0, 0, 60),
}
TITLES = {
    "create": "create",
    "create100": "create of 100",
    "field": "write of one field",
    "plain": "write of a field that no list is sorted by",
    "stage": "change of the stage",
    "field100": "write of one field of 100",
    "reassign": "change of the salesperson",
    "unlink": "unlink",
    "import": "import",
}


def measure(plan: Plan, on_round: Callable[[], None]) -> Found:
    import_rows = plan.pick(20, 150, 1000)
    samples, durable, against = Samples(), Samples(), Samples()
    result = Found()
    with ExitStack() as stack:
        workers = {}
        for kind in (kind for kind in (*KINDS, BEFORE) if kind in plan.databases):
            path = plan.addons_paths.get(kind, os.environ["CRM_CQRS_ADDONS_PATH"])
            worker = Worker(plan.databases[kind], path, import_rows)
            stack.callback(worker.stop)
            workers[kind] = worker
        for operation, seconds in OPERATIONS.items():
            cases = {
                f"{operation} {kind}": partial(worker.perform, operation)
                for kind, worker in workers.items()
                if kind in KINDS[:2]
                or (kind != BEFORE and (plan.pace == "full" or operation not in LARGE))
            }
            interleave(cases, plan.pick(*seconds), samples, on_round=on_round)
        if BEFORE in workers:
            for operation in AGAINST:
                cases = {
                    f"{operation} {kind}": partial(workers[kind].perform, operation)
                    for kind in ("installed", BEFORE)
                }
                interleave(cases, plan.pick(0, 15, 30), against, on_round=on_round)
        add_concurrent(plan, {k: workers[k] for k in KINDS[:2]}, result, on_round)
        if plan.is_private and plan.pace != "quick":
            with durable_commits():
                for operation in MEASURED:
                    cases = {
                        f"{operation} {kind}": partial(workers[kind].perform, operation)
                        for kind in KINDS[:2]
                    }
                    interleave(cases, plan.pick(0, 0, 30), durable, on_round=on_round)
    add_costs(plan, samples, result)
    for operation in AGAINST if against.names() else ():
        names = (f"{operation} installed", f"{operation} {BEFORE}")
        result.add_against(TITLES[operation], [against.ratios(*names)])
    if durable.names():
        add_durable(plan, durable, result)
    return result


@contextmanager
def durable_commits() -> Iterator[None]:
    """Have PostgreSQL wait for the disk at each commit, as customers' does."""
    # Not in a transaction.
    with closing(psycopg2.connect(dbname="postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cr:
            try:
                for statement in DURABLE:
                    cr.execute(statement)
                yield
            finally:
                for statement in AS_BEFORE:
                    cr.execute(statement)


def add_durable(plan: Plan, samples: Samples, result: Found) -> None:
    """Add what is found where commits wait for the disk."""
    table = Table(
        f"Writes at {plan.size} with fsync on: p50 in ms, by the clock and of the "
        "processor",
        ("", "bare", f"with {ADDON}", "bare, processor", f"with {ADDON}, processor"),
    )
    for operation in MEASURED:
        row = [TITLES[operation]]
        for ending in ("", " processor"):
            bare, installed = (f"{operation} {kind}{ending}" for kind in KINDS[:2])
            value = samples.ratio(installed, bare)
            row.append(milliseconds(samples.median(bare)))
            row.append(f"{milliseconds(samples.median(installed))} = {ratio(value)}")
        table.rows.append(tuple(row))
        result.ratios[f"fsync_write_{operation}_vs_bare"] = samples.ratio(
            f"{operation} installed", f"{operation} bare"
        )
    result.add_times(samples, "writes with fsync")
    result.tables.append(table)


def add_costs(plan: Plan, samples: Samples, result: Found) -> None:
    import_rows = plan.pick(20, 150, 1000)
    result.add_times(samples, "writes")
    for name in MEASURED:
        bare, installed = f"{name} bare", f"{name} installed"
        result.ratios[f"write_{name}_vs_bare"] = samples.ratio(installed, bare)
        result.ratios[f"processor_write_{name}_vs_bare"] = samples.ratio(
            f"{installed} processor", f"{bare} processor"
        )
    result.ratios["write_create_vs_auditlog"] = samples.ratio(
        "create installed", "create auditlog_full"
    )
    table = Table(
        f"Processor time of writes at {plan.size}: p50 in ms, of Odoo + PostgreSQL, as "
        "a multiple of bare Odoo's",
        ("", *KINDS),
    )
    for operation, title in TITLES.items():
        base = f"{operation} bare"
        cells = []
        for kind in KINDS:
            name = f"{operation} {kind}"
            if name not in samples:
                cells.append("")
                continue
            parts = (f"{name} odoo", f"{name} postgres")
            cell = " + ".join(milliseconds(samples.median(part)) for part in parts)
            if kind != "bare":
                value = samples.ratio(f"{name} processor", f"{base} processor")
                cell += f" = {ratio(value)}"
            cells.append(cell)
        table.rows.append((title, *cells))
    result.tables.append(table)
    table = Table(
        f"Writes at {plan.size}, with commit: p50 in ms, as a multiple of bare Odoo's",
        ("", "bare", f"with {ADDON}", "auditlog, fast", "auditlog, full"),
    )
    for operation, title in TITLES.items():
        base = f"{operation} bare"
        cells = [milliseconds(samples.median(base))]
        for kind in KINDS[1:]:
            name = f"{operation} {kind}"
            cells.append(
                f"{milliseconds(samples.median(name))} = "
                f"{ratio(samples.ratio(name, base))}"
                if name in samples
                else ""
            )
        if operation == "import":
            title = f"{title} of {import_rows:,} rows"
        table.rows.append((title, *cells))
    result.tables.append(table)
    bars = {
        f"{operation} {kind}": samples.ratio(
            f"{operation} {kind}", f"{operation} bare"
        ).value
        for operation in TITLES
        for kind in KINDS[1:]
        if f"{operation} {kind}" in samples
    }
    title = f"Writes at {plan.size} as a multiple of bare Odoo's"
    result.charts.append(Chart("writes", title, bars))


@dataclass
class Tally:
    """What a number of writers got done."""

    commits: int = 0
    retries: int = 0
    failures: int = 0


def add_concurrent(
    plan: Plan,
    workers: dict[str, Worker],
    result: Found,
    on_round: Callable[[], None],
) -> None:
    """16 processes, half of whose writes are to a hundred opportunities they share."""
    turns, seconds = plan.pick(1, 3, 6), plan.pick(1, 2, 5)
    speeds: dict[str, list[float]] = {kind: [] for kind in workers}
    totals = {kind: Tally() for kind in workers}
    for turn in range(turns):
        for kind in sorted(workers, reverse=bool(turn % 2)):
            done = workers[kind].write_together(seconds)
            speeds[kind].append(done["commits"] / done["seconds"])
            for name in asdict(totals[kind]):
                setattr(totals[kind], name, getattr(totals[kind], name) + done[name])
        on_round()
    parts = [a / b for a, b in zip(speeds["installed"], speeds["bare"], strict=True)]
    whole = statistics.median(speeds["installed"]) / statistics.median(speeds["bare"])
    result.ratios["write_concurrent_tps_vs_bare_speedup"] = Ratio(
        whole, min(whole, *parts), max(whole, *parts)
    )
    result.figures["write_concurrent_failures"] = totals["installed"].failures
    table = Table(
        f"{WRITERS} concurrent writers",
        ("", "commits/s", "commits", "retries", "failures"),
    )
    for kind, tally in totals.items():
        speed = statistics.median(speeds[kind])
        counts = (tally.commits, tally.retries, tally.failures)
        table.rows.append((kind, f"{speed:.0f}", *map(str, counts)))
        result.figures[f"write_concurrent_{kind}_retries"] = tally.retries
        result.figures[f"write_concurrent_{kind}_tps"] = speed
    result.tables.append(table)


def write_together(writer: Writer, seconds: float) -> dict[str, float]:
    """Have all writers write for so long; return their ``Tally``, and the seconds."""
    # A fork copies what other threads hold, locked for ever: until they are idle.
    time.sleep(1)
    close_connections()
    context = multiprocessing.get_context("fork")
    began = time.monotonic()
    pipes, processes = [], []
    for number in range(WRITERS):
        answers, answer = context.Pipe(duplex=False)
        work = (writer, began + seconds, number, answer)
        process = context.Process(target=_write, args=work)
        process.start()
        pipes.append(answers)
        processes.append(process)
    total = Tally()
    try:
        for answers in pipes:
            if not answers.poll(seconds + PATIENCE):
                raise RuntimeError("A writer does not end.")
            tally = answers.recv()
            if not isinstance(tally, Tally):
                raise tally
            total.commits += tally.commits
            total.retries += tally.retries
            total.failures += tally.failures
        return {**asdict(total), "seconds": time.monotonic() - began}
    finally:
        for process in processes:
            process.kill()
            process.join()


def _write(writer: Writer, end: float, number: int, answer) -> None:
    try:
        answer.send(write_until(writer, end, number))
    except Exception as error:  # noqa: BLE001  (raised again by the parent)
        answer.send(RuntimeError(f"A writer failed: {error!r}"))
    finally:
        # Without the ends of what the parent has begun, such as its display.
        os._exit(0)


def write_until(writer: Writer, end: float, number: int) -> Tally:
    chance = random.Random(number)
    tally = Tally()
    hot, own = writer.ids[:100], writer.ids[100 + number : 2000 : WRITERS]
    while not tally.commits or time.monotonic() < end:
        draw = chance.random()
        lead_id = chance.choice(hot if draw < 0.5 else own)
        attempts = 0

        def work(env, draw=draw, lead_id=lead_id):
            nonlocal attempts
            attempts += 1
            lead = env["crm.lead"].browse(lead_id)
            if draw > 0.9:
                lead.create(writer._values())
            elif draw > 0.7:
                lead.stage_id = chance.choice(writer.stage_ids)
            else:
                lead.expected_revenue = chance.randint(1, 10**6)

        try:
            with environment(writer.name) as env:
                retrying(partial(work, env), env)
        except OperationalError:
            tally.failures += 1
        else:
            tally.commits += 1
        tally.retries += attempts - 1
    return tally
