"""Customers, orders and invoices: what writes pay, what readers wait, what it takes."""

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from odoo.tools import SQL

from devtools.web.person import DASHBOARD, Person

from .found import Found, Table, milliseconds, ratio
from .measure import Samples, interleave
from .odoo_databases import environment
from .plan import Plan
from .reads import FLOOR, Case, Cases, answers
from .worker import Worker

KINDS = ("sales_bare", "sales")
ROLES = ("head", "manager", "leaf")
OPERATIONS = {
    # name: title, and seconds by pace
    "post100": ("posting of 100 invoices", (0, 30, 120)),
    "contacts100": ("create of 100 contacts, none on record", (0, 10, 60)),
    "accounts100": ("create of 100 customers, all on record", (0, 10, 60)),
    "account_field": ("write of a field on record", (0, 5, 30)),
    "account_other_field": ("write of a field that is not", (0, 5, 30)),
    "account_field100": ("write of a field on record of 100", (0, 5, 30)),
    "create": ("create of a lead", (0, 5, 30)),
    "field": ("write of a field of a lead", (0, 5, 30)),
}
ACCOUNTS = f"{DASHBOARD}accounts"
FIGURES = (
    *("won_revenue", "pipeline_value", "ordered", "invoiced", "credited", "paid"),
    *("open", "overdue"),
)
ENDPOINTS = {
    "list by name": f"{ACCOUNTS}?sort=name",
    **{f"list by {each}": f"{ACCOUNTS}?sort=-{each}" for each in FIGURES},
    "list of some, by a text": f"{ACCOUNTS}?text=benchmark",
    "list of invoices": f"{DASHBOARD}invoices",
    "figures": f"{DASHBOARD}metrics",
    "figures by month": f"{DASHBOARD}metrics?by=month",
    "dashboard": DASHBOARD,
}
MODELS = ("res.partner", "sale.order", "account.move")
TABLES = (
    *("cqrs_contact", "cqrs_order_view", "cqrs_invoice_view", "cqrs_receivable"),
    *("cqrs_contact_metrics", "cqrs_contact_totals"),
    *("cqrs_month_sales", "cqrs_contact_orders"),
    *("cqrs_account_invoices", "cqrs_sales_tail"),
)


def measure(plan: Plan, on_round: Callable[[], None]) -> Found:
    result = Found()
    # Readers come first, since what is written lies in the tails of tables.
    add_reads(plan, result, on_round)
    add_sizes(plan, result)
    add_writes(plan, result, on_round)
    result.figures["sales_first_build_s"] = plan.sales["first_build_s"]
    result.figures["sales_accounts"] = plan.sales["accounts"]
    return result


def add_writes(plan: Plan, result: Found, on_round: Callable[[], None]) -> None:
    samples = Samples()
    table = Table(
        "Writes with orders and invoices installed: p50 in ms, as a multiple of bare "
        "Odoo's, by the clock and of the processor",
        ("", "bare", "with crm_cqrs", "of the processor"),
    )
    path = os.environ["CRM_CQRS_ADDONS_PATH"]
    with ExitStack() as stack:
        workers = {}
        for kind in KINDS:
            workers[kind] = Worker(plan.databases[kind], path, 1)
            stack.callback(workers[kind].stop)
        for operation, (title, seconds) in OPERATIONS.items():
            cases = {
                f"{operation} {kind}": partial(worker.perform, operation)
                for kind, worker in workers.items()
            }
            interleave(cases, plan.pick(*seconds), samples, on_round=on_round)
            bare, ours = (f"{operation} {kind}" for kind in KINDS)
            by_the_clock, of_the_processor = samples.ratios(ours, bare)
            result.ratios[f"sales_{operation}_vs_bare"] = by_the_clock
            result.ratios[f"processor_sales_{operation}_vs_bare"] = of_the_processor
            table.rows.append(
                (
                    title,
                    milliseconds(samples.median(bare)),
                    f"{milliseconds(samples.median(ours))} = {ratio(by_the_clock)}",
                    ratio(of_the_processor),
                )
            )
    result.add_times(samples, "sales writes")
    result.tables.append(table)


def add_reads(plan: Plan, result: Found, on_round: Callable[[], None]) -> None:
    samples = Samples()
    seconds = plan.pick(0, 30, 120)
    interleave(cases(plan), seconds, samples, on_round=on_round)
    result.add_times(samples, "sales")
    table = Table(
        f"Reads with {plan.sales['accounts']:,} customers and five invoices each: "
        "p50 / p95 in ms, p50 as a multiple of the floor",
        ("", *ROLES),
    )
    for title in ("floor", *ENDPOINTS, "an account", "its timeline"):
        row = [title]
        for role in ROLES:
            name, floor = f"{role}: {title}", f"{role}: floor"
            if name not in samples:
                row.append("")
                continue
            points = "/".join(
                milliseconds(samples.percentile(name, p)) for p in (50, 95)
            )
            value = samples.ratio(name, floor)
            row.append(f"{points} {value.value:.1f}x")
            if title in ("list by name", "an account"):
                what = title.replace(" ", "_")
                result.ratios[f"sales_{what}_{role}_vs_floor"] = value
        table.rows.append(tuple(row))
    by_figure = [
        samples.median(name)
        for each in FIGURES
        if (name := f"head: list by {each}") in samples
    ]
    if by_figure:
        result.figures["sales_list_by_figure_head_ms"] = 1000 * max(by_figure)
    result.tables.append(table)


def cases(plan: Plan) -> dict[str, Case]:
    """Return what each role asks; what a version does not answer is left out."""
    result: dict[str, Case] = {}
    for role in ROLES:
        case = Cases(plan, "sales", plan.roles[role])
        result[f"{role}: floor"] = case(Person.get, FLOOR)
        for title, url in ENDPOINTS.items():
            if answers(case.person, url):
                result[f"{role}: {title}"] = case(Person.get, url)
        if f"{role}: list by invoiced" not in result:
            continue
        found = json.loads(case.person.get(ENDPOINTS["list by invoiced"]).text)
        account = f"{ACCOUNTS}/{found['items'][0]['odoo_id']}"
        for title, url in (
            ("an account", account),
            ("its timeline", f"{account}/timeline"),
        ):
            if answers(case.person, url):
                result[f"{role}: {title}"] = case(Person.get, url)
    return result


def add_sizes(plan: Plan, result: Found) -> None:
    """Add what the log and the read models take, for each event and account."""
    accounts = plan.sales["accounts"]
    table = Table(
        "What customers, orders and invoices take",
        ("", "rows", "bytes", "bytes each", "bytes for each customer"),
    )
    with environment(plan.databases["sales"]) as env:
        rows = [
            (f"events of {model}", *size_of_rows(env, "cqrs_event", model))
            for model in MODELS
        ]
        rows += [
            (f"states of {model}", *size_of_rows(env, "cqrs_stream", model))
            for model in MODELS
        ]
        for name in TABLES:
            env.cr.execute("SELECT to_regclass(%s)", [name])
            if env.cr.fetchone()[0]:
                statement = SQL(
                    "SELECT (SELECT count(*) FROM %s), pg_total_relation_size(%s)",
                    SQL.identifier(name),
                    name,
                )
                rows.append((name, *env.execute_query(statement)[0]))
    for title, count, size in rows:
        each = size / count if count else 0
        cells = (f"{count:,}", f"{size:,}", f"{each:,.0f}", f"{size / accounts:,.0f}")
        table.rows.append((title, *cells))
        if title.startswith("events of"):
            result.figures[f"sales_bytes_per_{title}".replace(" ", "_")] = each
    result.figures["sales_bytes_per_account"] = sum(row[2] for row in rows) / accounts
    result.tables.append(table)


def size_of_rows(env, table: str, model: str) -> tuple[int, int]:
    """Return how many rows of a model there are, and their bytes, indexes included.

    Of the indexes, each row has the same part.
    """
    query = SQL(
        """
        SELECT count(*) FILTER (WHERE is_ours),
               COALESCE(sum(size) FILTER (WHERE is_ours), 0)
               + pg_indexes_size(%s) * count(*) FILTER (WHERE is_ours)
                 / GREATEST(count(*), 1)
        FROM (SELECT stream_model = %s AS is_ours, pg_column_size(entry.*) AS size
              FROM %s entry) rows
        """,
        table,
        model,
        SQL.identifier(table),
    )
    [(count, size)] = env.execute_query(query)
    return count, int(size)
