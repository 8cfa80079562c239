"""What was found: as tables, as JSON, as charts."""

import json
from pathlib import Path

import pygal
from rich.console import Console
from rich.table import Table as RichTable

from .found import Chart, Found, Table
from .plan import Plan


def merge(found: list[Found]) -> Found:
    whole = Found()
    for part in found:
        whole.ratios.update(part.ratios)
        whole.figures.update(part.figures)
        whole.times.update(part.times)
        whole.tables.extend(part.tables)
        whole.charts.extend(part.charts)
    return whole


def show(console: Console, plan: Plan, found: Found) -> None:
    """Print the tables, the ratios with their spread last."""
    ratios = Table(
        "Ratios: lower is better, of a speedup higher",
        ("", "ratio", "in parts of the run", "spread"),
    )
    for name, value in found.ratios.items():
        ratios.rows.append(
            (
                name,
                f"{value.value:.2f}",
                f"{value.low:.2f} to {value.high:.2f}",
                f"{value.spread_percent:.0f} %",
            )
        )
    figures = Table("Figures", ("", ""))
    for name, value in found.figures.items():
        figures.rows.append((name, f"{value:,.1f}".removesuffix(".0")))
    about = Table("Measured", ("", ""))
    about.rows += plan.about.items()
    for table in (*found.tables, ratios, figures, about):
        if not table.rows:
            continue
        drawn = RichTable(title=table.title, title_justify="left", title_style="bold")
        for number, column in enumerate(table.columns):
            drawn.add_column(column, justify="right" if number else "left")
        for row in table.rows:
            drawn.add_row(*row)
        console.print(drawn)


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
