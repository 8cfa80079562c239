"""Freshness: from a commit in one session to where somebody else sees it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count

from devtools.web.page import opened
from devtools.web.person import DASHBOARD, Person

from .found import Found, Table, milliseconds
from .measure import Samples, rounds
from .odoo_databases import environment
from .plan import Plan
from .reads import log_in

# The pipeline of a large organisation is shown in millions.
STEP = 10**9
TIMEOUT = 60
TILE = "document.querySelector('.o_cqrs_tile[data-name=pipeline] .o_cqrs_tile_value')"
WATCH = f"""
(() => {{
    const before = {TILE}.textContent;
    window.cqrsChanged = new Promise((resolve) => {{
        const look = () => {{
            if ({TILE} && {TILE}.textContent !== before) {{
                observer.disconnect();
                resolve(true);
            }}
        }};
        const observer = new MutationObserver(look);
        observer.observe(document.body, {{
            childList: true, characterData: true, subtree: true,
        }});
        setTimeout(() => {{ observer.disconnect(); resolve(false); }}, 60000);
    }});
    return true;
}})()
"""


def measure(plan: Plan, on_round: Callable[[], None]) -> Found:
    samples = Samples()
    name = plan.databases["installed"]
    person = log_in(plan, "installed", plan.roles["manager"])
    amounts = count(STEP, STEP)
    with opportunity(plan) as lead_id:
        for _ in rounds(plan.pick(0, 2, 20)):
            before = pipeline(person)
            samples.add("v2", seen_in_v2(name, lead_id, next(amounts), person, before))
            on_round()
        if plan.chromium:
            url = f"{plan.urls['installed']}/odoo/sales-dashboard"
            with opened(plan.chromium) as dashboard:
                dashboard.enter(url, person.session_id)
                dashboard.visit(url)
                dashboard.wait_for(TILE)
                # The page says nowhere that it is subscribed, which it is soon.
                time.sleep(3)
                for _ in rounds(plan.pick(0, 5, 80)):
                    samples.add(
                        "open dashboard",
                        seen_on_page(name, lead_id, next(amounts), dashboard),
                    )
                    # It looks at most every second and a half.
                    time.sleep(2)
                    on_round()
    result = Found()
    result.add_times(samples, "freshness")
    result.figures["freshness_p95_ms"] = 1000 * samples.percentile("v2", 95)
    if "open dashboard" in samples:
        seconds = samples.percentile("open dashboard", 95)
        result.figures["freshness_dashboard_p95_ms"] = 1000 * seconds
    table = Table(
        f"From the beginning of a commit to visible, at {plan.size}, in ms",
        ("", "p50", "p95", "p99"),
    )
    for where in samples.names():
        points = (milliseconds(samples.percentile(where, p)) for p in (50, 95, 99))
        table.rows.append(
            (f"in {where}" if where == "v2" else f"on an {where}", *points)
        )
    result.tables.append(table)
    return result


@contextmanager
def opportunity(plan: Plan) -> Iterator[int]:
    """An opportunity that the manager owns, for the block."""
    name = plan.databases["installed"]
    values = {
        "name": "Benchmark of the freshness",
        "type": "opportunity",
        "user_id": plan.roles["manager"].user_id,
        "expected_revenue": 1,
    }
    with environment(name) as env:
        lead_id = env["crm.lead"].create(values).id
    yield lead_id
    with environment(name) as env:
        env["crm.lead"].browse(lead_id).unlink()


def pipeline(person: Person) -> Decimal:
    return person.get(DASHBOARD).json()["metrics"]["pipeline_value"]


def commit(name: str, lead_id: int, amount: int) -> float:
    """Write; return when the commit began."""
    with environment(name) as env:
        env["crm.lead"].browse(lead_id).expected_revenue = amount
        env.cr.flush()
        began = time.perf_counter()
    return began


def seen_in_v2(
    name: str, lead_id: int, amount: int, person: Person, before: Decimal
) -> float:
    began = commit(name, lead_id, amount)
    while pipeline(person) == before:
        if time.perf_counter() - began > TIMEOUT:
            raise RuntimeError("What was written never became visible in v2.")
    return time.perf_counter() - began


def seen_on_page(name: str, lead_id: int, amount: int, dashboard) -> float:
    dashboard.evaluate(WATCH)
    began = commit(name, lead_id, amount)
    if not dashboard.evaluate("window.cqrsChanged"):
        raise RuntimeError("What was written never appeared on the dashboard.")
    return time.perf_counter() - began
