"""Measure what the plan says: ``python -m benchmarks PLAN``."""

import json
import sys
import time
import traceback
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from .found import Found
from .odoo_databases import configure
from .plan import OPTIONAL, PARTS, Plan

EXPECTED = {
    "reads": (15, 40, 530),
    "freshness": (10, 17, 120),
    "writes": (20, 50, 450),
    "parallel": (20, 120, 1000),
    "reorganisation": (5, 16, 240),
    "rebuild": (10, 27, 180),
    "products": (10, 60, 240),
    "history": (10, 40, 400),
    "webhooks": (60, 320, 1600),
    "sales": (40, 120, 500),
    "screen": (30, 90, 400),
}
"""Seconds that each part takes, about, by pace: for the bar."""


def main(path: str) -> int:
    plan = Plan.of(json.loads(Path(path).read_text()))
    configure()
    # What follows imports Odoo's models, which needs the configuration.
    from . import (
        freshness,
        history,
        parallel,
        products,
        reads,
        rebuild,
        reorganisation,
        report,
        sales,
        screen,
        webhooks,
        writes,
    )

    modules = {
        "reads": reads,
        "freshness": freshness,
        "writes": writes,
        "parallel": parallel,
        "reorganisation": reorganisation,
        "rebuild": rebuild,
        "products": products,
        "history": history,
        "webhooks": webhooks,
        "sales": sales,
        "screen": screen,
    }
    whole = Found()
    failed = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    # The bar is for a person, the tables are what was asked for.
    # Drawn by no thread of its own, since writers are forked.
    console = Console(stderr=True)
    with Progress(*columns, console=console, auto_refresh=False) as progress:
        for part in (part for part in PARTS + OPTIONAL if part in plan.parts):
            total = plan.pick(*EXPECTED[part])
            task = progress.add_task(part.capitalize(), total=total)
            began = time.monotonic()

            def on_round(task=task, began=began, total=total):
                # Not quite full before it is over, however long that takes.
                done = min(time.monotonic() - began, 0.99 * total)
                progress.update(task, completed=done, refresh=True)

            try:
                whole.add(modules[part].measure(plan, on_round))
            except Exception:  # noqa: BLE001  (what the others find is worth having)
                console.print(traceback.format_exc(), markup=False, highlight=False)
                failed.append(part)
            progress.update(task, completed=total, refresh=True)
            if not console.is_terminal:
                seconds = time.monotonic() - began
                console.print(f"{part.capitalize()}: {seconds:.0f} s")
    width = None if sys.stdout.isatty() else 160
    report.show(Console(width=width), plan, whole)
    report.write(plan, whole)
    if failed:
        console.print(f"What is missing since it failed: {', '.join(failed)}")
    for fault in whole.faults:
        console.print(fault, markup=False, highlight=False)
    return 1 if failed or whole.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
