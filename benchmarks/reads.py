"""Reads over HTTP: v2, v1, Odoo's own, and the floor, asked in turn."""

from collections.abc import Callable
from functools import cache

import psycopg2

from devtools.console import Failure
from devtools.web.person import DASHBOARD, Person

from . import currencies
from .found import Chart, Found, Table, milliseconds, ratio
from .measure import Samples, interleave
from .odoo_databases import environment
from .plan import Plan, Role
from .processor import Cost, Meter

ROLES = ("head", "director", "manager", "leaf", "adversarial")
FEWEST = ("head", "leaf", "adversarial")
"""The roles that ratios compare; a run that only tries everything has no others."""
PAGE = f"{DASHBOARD}opportunities"
ENDPOINTS = {
    "metrics": f"{DASHBOARD}metrics",
    "metrics by stage": f"{DASHBOARD}metrics?by=stage",
    "metrics by salesperson": f"{DASHBOARD}metrics?by=salesperson",
    "metrics by month": f"{DASHBOARD}metrics?by=month",
    "metrics by team": f"{DASHBOARD}metrics?by=team",
    "profile": f"{DASHBOARD}users/profile",
    "hierarchy": f"{DASHBOARD}users/hierarchy",
    "hierarchy with metrics": f"{DASHBOARD}users/hierarchy?metrics=true",
}
#: Added up of the opportunities themselves
GROUPS = {
    "metrics by customer": f"{DASHBOARD}metrics?by=customer",
    "metrics by stage and month": f"{DASHBOARD}metrics?by=stage,month",
}
ORDERS = ("value", "closing_date", "created_at", "changed_at", "stage", "name")
BEFORE = "before"
FLOOR = "/cqrs_floor"
PAGE_SIZE = 80
DEEP = 1000
"""The page that is far into a list; the last whole one where there are fewer."""

SORTS = tuple(f"{sign}{order}" for order in ORDERS for sign in ("-", ""))
TITLES = (
    *("floor", "304", "dashboard", *ENDPOINTS),
    *(f"page {sort}" for sort in SORTS),
    *(f"page 1000 {sort}" for sort in SORTS),
    *("v2 dashboard", "v1 dashboard", "v1 page"),
    *GROUPS,
    *("Odoo's dashboard", "Odoo's sums", "Odoo's page", "Odoo's page 1000"),
)
"""What each role asks for; the ``v2 dashboard`` in turn with v1 and Odoo."""

Case = Callable[[], Cost]


def measure(plan: Plan, on_round: Callable[[], None]) -> Found:
    samples = Samples()
    boxes = ((0, 10, 120), (0, 4, 120), (0, 7, 200), (0, 4, 60))
    for some, seconds in zip(cases(plan), boxes, strict=True):
        interleave(some, plan.pick(*seconds), samples, on_round=on_round)
    if BEFORE in plan.databases:
        before = asked(plan, BEFORE, "before ")
        now = asked(plan, "installed", "now ")
        some = before | {
            name: case
            for name, case in now.items()
            if name.replace("now ", "before ", 1) in before
        }
        seconds = plan.pick(0, 120, 600)
        interleave(some, seconds, samples, on_round=on_round)
    result = found(plan, samples)
    result.add(currencies.measure(plan, who(plan), plan.pick(0, 10, 60)))
    return result


def cases(plan: Plan) -> tuple[dict[str, Case], ...]:
    """Return what is asked: what the ratios are of, the rest of v2, what is slow, and
    what is asked of data of both sizes."""
    fast = asked(plan, "installed")
    firsts = ("floor", "dashboard", "304", "page -value")
    first = {
        f"{name}: {title}": fast.pop(f"{name}: {title}")
        for name in who(plan)
        for title in firsts
    }
    slow: dict[str, Case] = {}
    growth: dict[str, Case] = {}
    for name in who(plan):
        role = plan.roles[name]
        case = Cases(plan, "installed", role)
        slow[f"{name}: v2 dashboard"] = case(Person.get, DASHBOARD)
        slow[f"{name}: v1 dashboard"] = case(Person.get, "/api/sales/dashboard/real")
        slow[f"{name}: v1 page"] = case(Person.get, "/api/opportunities")
        for title, url in GROUPS.items():
            slow[f"{name}: {title}"] = case(Person.get, url)
        bare = Cases(plan, "bare", role)
        slow[f"{name}: Odoo's sums"] = bare(odoo_sums)
        slow[f"{name}: Odoo's page"] = bare(odoo_page)
        number, _cursors = deep_cursors(plan, role)
        if number > 1:
            slow[f"{name}: Odoo's page 1000"] = bare(odoo_page, number)
        slow[f"{name}: Odoo's dashboard"] = bare(odoo_dashboard)
    for name in ("head", "leaf"):
        for size, people in (("installed", plan.roles), ("small", plan.small_roles)):
            case = Cases(plan, size, people[name])
            growth[f"{name}: {size} dashboard"] = case(Person.get, DASHBOARD)
            growth[f"{name}: {size} page"] = case(Person.get, PAGE)
    return first, fast, slow, growth


def who(plan: Plan) -> tuple[str, ...]:
    return FEWEST if plan.pace == "once" else ROLES


def asked(plan: Plan, kind: str, prefix: str = "") -> dict[str, Case]:
    """Return what is asked of v2, for each role; of an older one, what it answers."""
    result: dict[str, Case] = {}
    for name in who(plan):
        role = plan.roles[name]
        case = Cases(plan, kind, role)
        before = f"{prefix}{name}: "
        result[f"{before}floor"] = case(Person.get, FLOOR)
        result[f"{before}dashboard"] = case(Person.get, DASHBOARD)
        etag = case.person.get(DASHBOARD).headers["ETag"]
        known = {"If-None-Match": etag}
        result[f"{before}304"] = case(Person.get, DASHBOARD, 304, known)
        for endpoint, url in ENDPOINTS.items():
            if kind != BEFORE or answers(case.person, url):
                result[f"{before}{endpoint}"] = case(Person.get, url)
        number, cursors = deep_cursors(plan, role)
        for sort, cursor in cursors.items():
            url = f"{PAGE}?sort={sort}"
            if kind == BEFORE and not answers(case.person, url):
                continue
            result[f"{before}page {sort}"] = case(Person.get, url)
            # A cursor is signed by the database that it was made in.
            if number > 1 and kind == "installed" and not prefix:
                url = f"{url}&cursor={cursor}"
                result[f"{before}page 1000 {sort}"] = case(Person.get, url)
    return result


def answers(person: Person, url: str) -> bool:
    """Return whether a version has what is asked of a newer one."""
    try:
        person.get(url)
    except Failure:
        return False
    return True


class Cases:
    """Makes cases of what a person asks a server, with what that costs."""

    def __init__(self, plan: Plan, kind: str, role: Role) -> None:
        self.person = log_in(plan, kind, role)
        self._meter = Meter(plan.servers[kind])
        self._database = plan.databases[kind]

    def __call__(self, ask: Callable[..., object], *arguments: object) -> Case:
        def case() -> Cost:
            self._meter.backends = backends(self._database)
            before = self._meter.now()
            ask(self.person, *arguments)
            return self._meter.since(before)

        return case


def backends(name: str) -> set[int]:
    """Return the processes of PostgreSQL that serve a database at the moment."""
    with maintenance().cursor() as cr:
        cr.execute("SELECT pid FROM pg_stat_activity WHERE datname = %s", [name])
        return {pid for (pid,) in cr.fetchall()}


@cache
def maintenance():
    """Return a connection for what is asked about the others."""
    connection = psycopg2.connect(dbname="postgres")
    connection.autocommit = True
    return connection


def log_in(plan: Plan, kind: str, role: Role) -> Person:
    return _logged_in(plan.urls[kind], plan.databases[kind], role.login, plan.password)


@cache
def _logged_in(url: str, name: str, login: str, password: str) -> Person:
    """Return the session of a person, once: to check a password takes long."""
    person = Person(url)
    person.log_in(name, login, password)
    return person


def deep_cursors(plan: Plan, role: Role) -> tuple[int, dict[str, str | None]]:
    """Return 1,000, or the number of the last whole page, and what leads there by
    order; None where it is the first.

    Made as the API makes it, of one long page: to walk there over HTTP would take
    longer than all that is measured.
    """
    from odoo.addons.crm_cqrs.controllers.cursors import encode_cursor
    from odoo.addons.crm_cqrs.controllers.opportunities import (
        _place,
        list_of_opportunities,
    )
    from odoo.addons.crm_cqrs.models.opportunities.filters import Filters

    cursors = {}
    with environment(plan.databases["installed"], role.user_id) as env:
        # Of no user's request: the reader is asked for whom.
        reader = env["cqrs.opportunities"].sudo()
        filters = Filters()
        total = reader._count(env.user, filters)
        number = min(DEEP, max(total // PAGE_SIZE, 1))
        for sort in SORTS:
            cursors[sort] = None
            if number > 1:
                order, descending = sort.removeprefix("-"), sort.startswith("-")
                before = (number - 1) * PAGE_SIZE
                page = reader._read_page(
                    env.user, order, descending, filters, None, before
                )
                bound_to = list_of_opportunities(env, env.user, sort, filters, None)
                cursors[sort] = encode_cursor(env, _place(page.next), bound_to)
    return number, cursors


def odoo_sums(person: Person) -> None:
    """What Odoo's own screens ask for the same three numbers."""
    person.call(
        "crm.lead",
        "web_read_group",
        domain=[["type", "=", "opportunity"]],
        groupby=["won_status"],
        aggregates=["expected_revenue:sum"],
    )


def odoo_page(person: Person, number: int = 1) -> None:
    """What Odoo's list asks for the same columns; it pages by OFFSET."""
    named = {"fields": {"display_name": {}}}
    person.call(
        "crm.lead",
        "web_search_read",
        domain=[["type", "=", "opportunity"]],
        specification={
            "name": {},
            "expected_revenue": {},
            "company_currency": named,
            "stage_id": named,
            "won_status": {},
            "user_id": named,
            "partner_id": named,
        },
        order="expected_revenue desc, id desc",
        limit=PAGE_SIZE,
        offset=(number - 1) * PAGE_SIZE,
        count_limit=10001,
    )


def odoo_dashboard(person: Person) -> None:
    odoo_sums(person)
    odoo_page(person)


def found(plan: Plan, samples: Samples) -> Found:
    result = Found()
    result.add_times(samples, "reads")
    ratios = {
        "read_dashboard_head_vs_floor": ("head: dashboard", "head: floor"),
        "read_dashboard_leaf_vs_floor": ("leaf: dashboard", "leaf: floor"),
        "read_page_head_vs_floor": ("head: page -value", "head: floor"),
        "read_page_adversarial_vs_floor": (
            "adversarial: page -value",
            "adversarial: floor",
        ),
        "read_304_vs_floor": ("head: 304", "head: floor"),
        "read_dashboard_head_vs_v1_speedup": (
            "head: v1 dashboard",
            "head: v2 dashboard",
        ),
        "read_dashboard_head_vs_odoo_speedup": (
            "head: Odoo's dashboard",
            "head: v2 dashboard",
        ),
        "read_growth_10k_to_1m": ("head: installed dashboard", "head: small dashboard"),
    }
    for name, (measured, base) in ratios.items():
        result.ratios[name] = samples.ratio(measured, base)
    result.tables += tables(plan, samples)
    every = []
    for title in TITLES:
        names = [(f"now {role}: {title}", f"before {role}: {title}") for role in ROLES]
        names = [each for each in names if each[0] in samples]
        if names:
            ratios = [samples.ratios(*each) for each in names]
            result.add_against(title, ratios)
            every += ratios
    if every:
        result.add_against("all reads", every)
    result.charts.append(
        Chart(
            "reads",
            f"Dashboard of the head at {plan.size}, p50 in ms",
            {
                name: 1000 * samples.median(f"head: {name}")
                for name in ("floor", "304", "dashboard", "v1 dashboard")
                + ("Odoo's dashboard",)
            },
        )
    )
    return result


def tables(plan: Plan, samples: Samples) -> list[Table]:
    times = Table(
        f"Reads at {plan.size}: p50 / p95 / p99 in ms, p50 as a multiple of the floor",
        ("", *ROLES),
    )
    for ending in TITLES:
        row = [ending]
        for role in ROLES:
            name, base = f"{role}: {ending}", f"{role}: floor"
            if name not in samples:
                row.append("")
                continue
            points = (milliseconds(samples.percentile(name, p)) for p in (50, 95, 99))
            multiple = samples.median(name) / samples.median(base)
            row.append(f"{'/'.join(points)} {multiple:.1f}x")
        times.rows.append(tuple(row))
    costs = Table(
        f"Processor time of reads at {plan.size}: p50 in ms, of Odoo + PostgreSQL, as "
        "a multiple of the floor's",
        ("", *ROLES),
    )
    for ending in TITLES:
        row = [ending]
        for role in ROLES:
            name, base = f"{role}: {ending}", f"{role}: floor"
            if name not in samples:
                row.append("")
                continue
            parts = (f"{name} odoo", f"{name} postgres")
            cell = " + ".join(milliseconds(samples.median(part)) for part in parts)
            multiple = samples.median(f"{name} processor") / samples.median(
                f"{base} processor"
            )
            row.append(f"{cell} {multiple:.1f}x")
        costs.rows.append(tuple(row))
    growth = Table(
        f"Growth from {plan.small_size} to {plan.size}, p50", ("", "head", "leaf")
    )
    for what in ("dashboard", "page"):
        cells = [
            ratio(samples.ratio(f"{role}: installed {what}", f"{role}: small {what}"))
            for role in ("head", "leaf")
        ]
        growth.rows.append((what, *cells))
    return [times, costs, growth]
