"""What was found: as tables, as JSON, as charts."""

import json
import os
from pathlib import Path

import pygal
from rich.console import Console
from rich.table import Table as RichTable

from .found import Chart, Found, Table, ratio
from .measure import Ratio
from .plan import Plan

MARKS = ("<!-- measured -->\n", "<!-- end of what was measured -->\n")
"""What a document of ours has the tables between."""
WANTED = {
    "read_dashboard_head_vs_floor": "≤ 3",
    "read_dashboard_leaf_vs_floor": "≤ 3",
    "read_page_head_vs_floor": "≤ 4",
    "read_page_adversarial_vs_floor": "≤ 4",
    "read_304_vs_floor": "≤ 1.5",
    "read_page_three_currencies_vs_one": "≤ 2",
    "read_dashboard_head_vs_v1_speedup": "≥ 50",
    "read_growth_10k_to_1m": "≤ 1.3",
    "write_create_vs_bare": "≤ 1.10",
    "write_create100_vs_bare": "≤ 1.05",
    "write_field_vs_bare": "≤ 1.20",
    "write_field100_vs_bare": "≤ 1.10",
    "write_unlink_vs_bare": "≤ 1.25",
    "write_concurrent_failures": "0",
    "parallel_failures": "0",
    "webhook_p95_ms": "≤ 300",
    "webhook_behind_a_job_s": "≤ 1",
    "webhook_deliveries_per_s": "≥ 300",
    "webhook_beside_a_dead_endpoint_vs_alone": "≤ 1.05",
    "webhook_processor_beside_a_dead_endpoint_vs_alone": "≤ 1.05",
    "webhook_processor_write_field_ten_endpoints_vs_none": "≤ 1.01",
    "sales_post100_vs_bare": "≤ 1.10",
    "sales_contacts100_vs_bare": "≤ 1.05",
    "sales_accounts100_vs_bare": "≤ 1.20",
    "sales_list_by_name_head_vs_floor": "≤ 6",
    "sales_an_account_head_vs_floor": "≤ 6",
    "sales_list_by_figure_head_ms": "≤ 150",
    "first_build_s": "≤ 60",
    "fold_events_per_s": "≥ 200,000",
    "rebuild_s": "≤ 60",
}
"""What the addon is to hold at a million opportunities."""


def write(plan: Plan, found: Found) -> None:
    """Write the files that were asked for."""
    if plan.json:
        plan.json.write_text(as_json(plan, found) + "\n")
    plan.charts.mkdir(parents=True, exist_ok=True)
    for chart in found.charts:
        draw(chart, plan.charts)
    if plan.markdown:
        before, after = "", ""
        if plan.markdown.exists():
            before, _mark, rest = plan.markdown.read_text().partition(MARKS[0])
            after = rest.partition(MARKS[1])[2]
        charts = os.path.relpath(plan.charts, plan.markdown.parent)
        text = as_markdown(plan, found, charts)
        plan.markdown.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}")


def tables(plan: Plan, found: Found) -> list[Table]:
    """Return all that was found, the ratios with their spread at the end."""
    ratios = Table(
        "Ratios: lower is better, of a speedup higher",
        ("", "ratio", "in parts of the run", "spread", "wanted at 1m"),
    )
    for name, value in found.ratios.items():
        ratios.rows.append(
            (
                name,
                f"{value.value:.2f}",
                *spread(value),
                WANTED.get(name, ""),
            )
        )
    figures = Table("Figures", ("", "", "wanted at 1m"))
    for name, value in found.figures.items():
        text = f"{value:,.1f}".removesuffix(".0")
        figures.rows.append((name, text, WANTED.get(name, "")))
    against = Table(
        f"As a multiple of {plan.about.get('against')}: p50, over all roles",
        ("", "by the clock", "of the processor"),
    )
    for title, *values in found.against:
        against.rows.append((title, *map(ratio, values)))
    about = Table("Measured", ("", ""))
    about.rows += plan.about.items()
    every = (*found.tables, against, ratios, figures, about)
    return [each for each in every if each.rows]


def spread(value: Ratio) -> tuple[str, str]:
    """Return between what it was in parts of the run, and how far that is."""
    if value.low == value.high:
        return "there is but one", "unknown"
    return f"{value.low:.2f} to {value.high:.2f}", f"{value.spread_percent:.0f} %"


def show(console: Console, plan: Plan, found: Found) -> None:
    for table in tables(plan, found):
        drawn = RichTable(title=table.title, title_justify="left", title_style="bold")
        for number, column in enumerate(table.columns):
            drawn.add_column(column, justify="right" if number else "left")
        for row in table.rows:
            drawn.add_row(*row)
        console.print(drawn)


def as_markdown(plan: Plan, found: Found, charts: str) -> str:
    """Return the tables, what was measured on first, and the charts of a folder."""
    *rest, about = tables(plan, found)
    lines = []
    for table in (about, *rest):
        lines += [f"### {table.title}", "", f"| {' | '.join(table.columns)} |"]
        lines.append("|---" + "|--:" * (len(table.columns) - 1) + "|")
        lines += [f"| {' | '.join(row)} |" for row in table.rows]
        lines.append("")
    lines += [f"![{each.title}]({charts}/{each.name}.svg)" for each in found.charts]
    return "\n".join(lines) + "\n"


def as_json(plan: Plan, found: Found) -> str:
    """Return the JSON: ``ratios`` and ``figures`` are flat, ``spread`` has the lowest
    and the highest of the ratio in parts of the run."""
    growth = {"from": plan.small_size, "to": plan.size}
    return json.dumps(
        {
            "size": plan.size,
            "growth": growth,
            "ratios": {name: round(r.value, 4) for name, r in found.ratios.items()},
            "spread": {
                name: [round(r.low, 4), round(r.high, 4)]
                for name, r in found.ratios.items()
            },
            "figures": {name: round(v, 2) for name, v in found.figures.items()},
            "against": {
                title: [round(value.value, 4) for value in values]
                for title, *values in found.against
            },
            "times": found.times,
            "about": plan.about,
        },
        indent=2,
    )


def draw(chart: Chart, folder: Path) -> None:
    """Write a chart as SVG."""
    drawn = pygal.HorizontalBar(
        title=chart.title,
        show_legend=False,
        print_values=True,
        logarithmic=max(chart.bars.values()) > 50 * min(chart.bars.values()),
        value_formatter=lambda value: f"{value:.3g}",
        # Nothing is loaded from elsewhere.
        js=(),
        disable_xml_declaration=True,
    )
    drawn.x_labels = list(chart.bars)
    drawn.add("", list(chart.bars.values()))
    drawn.render_to_file(folder / f"{chart.name}.svg")
