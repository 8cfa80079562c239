"""Writes of products, a model that an administrator puts on record by clicks.

In the same databases as those of leads: bare Odoo, this addon, OCA's auditlog.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from .found import Found, Table, milliseconds, ratio
from .measure import Samples, interleave
from .plan import Plan
from .worker import Worker
from .writes import KINDS

OPERATIONS = {
    # name: seconds, by pace
    "create": (0, 20, 60),
    "field": (0, 20, 60),
    "field100": (0, 20, 60),
}
TITLES = {
    "create": "create a product",
    "field": "write of one field",
    "field100": "write of one field of 100",
}


def measure(plan: Plan, on_round: Callable[[], None]) -> Found:
    samples, result = Samples(), Found()
    with ExitStack() as stack:
        workers = {}
        for kind in KINDS:
            path = plan.addons_paths.get(kind, os.environ["CRM_CQRS_ADDONS_PATH"])
            workers[kind] = Worker(plan.databases[kind], path, 1)
            stack.callback(workers[kind].stop)
        for operation, seconds in OPERATIONS.items():
            cases = {
                f"{operation} {kind}": partial(worker.perform, f"product_{operation}")
                for kind, worker in workers.items()
            }
            interleave(cases, plan.pick(*seconds), samples, on_round=on_round)
    result.add_times(samples, "writes of products")
    for ending, title in (
        ("", "with commit: p50 in ms, as a multiple of bare Odoo's"),
        (" processor", "processor time: p50 in ms, as a multiple of bare Odoo's"),
    ):
        table = Table(
            f"Writes of products, {title}",
            ("", "bare", "with crm_cqrs", "auditlog, fast", "auditlog, full"),
        )
        for operation, name in TITLES.items():
            base = f"{operation} bare{ending}"
            row = [name, milliseconds(samples.median(base))]
            for kind in KINDS[1:]:
                case = f"{operation} {kind}{ending}"
                row.append(
                    f"{milliseconds(samples.median(case))} = "
                    f"{ratio(samples.ratio(case, base))}"
                )
            table.rows.append(tuple(row))
        result.tables.append(table)
    return result
