"""Measure what the plan says: ``python -m benchmarks PLAN``."""

import json
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from .odoo_databases import configure
from .plan import PARTS, Plan


def main(path: str) -> None:
    plan = Plan.of(json.loads(Path(path).read_text()))
    configure()
    # What follows imports Odoo's models, which needs the configuration.
    from . import freshness, reads, rebuild, reorganisation, report, writes

    modules = {
        "reads": reads,
        "freshness": freshness,
        "writes": writes,
        "reorganisation": reorganisation,
        "rebuild": rebuild,
    }
    found = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    # The bar is for a person, the tables are what was asked for.
    # Drawn by no thread of its own, since writers are forked.
    console = Console(stderr=True)
    with Progress(*columns, console=console, auto_refresh=False) as progress:
        parts = [part for part in PARTS if part in plan.parts]
        for part in parts:
            task = progress.add_task(part.capitalize(), total=None)

            def on_round(task=task):
                progress.advance(task)
                progress.refresh()

            began = time.monotonic()
            found.append(modules[part].measure(plan, on_round))
            done = progress.tasks[task].completed
            progress.update(task, total=done, refresh=True)
            if not console.is_terminal:
                seconds = time.monotonic() - began
                console.print(f"{part.capitalize()}: done in {seconds:.0f} s")
    whole = report.merge(found)
    width = None if sys.stdout.isatty() else 160
    report.show(Console(width=width), plan, whole)
    if plan.json:
        plan.json.write_text(report.as_json(plan, whole) + "\n")
    if plan.charts:
        plan.charts.mkdir(parents=True, exist_ok=True)
        for chart in whole.charts:
            report.draw(chart, plan.charts)


if __name__ == "__main__":
    main(sys.argv[1])
