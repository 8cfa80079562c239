"""The past over HTTP, beside a replay and what Odoo's own tracking values tell."""

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from itertools import count

from odoo.tools import SQL

from devtools.web.person import DASHBOARD, Person

from .found import Found, Table, milliseconds
from .measure import Samples, interleave
from .odoo_databases import environment
from .plan import Plan
from .reads import FLOOR, Case, Cases, answers
from .rebuild import fold

ROLES = ("head", "manager", "leaf")
TABLES = (
    *("cqrs_opportunity_span", "cqrs_stage_move", "cqrs_opportunity_pace"),
    *("cqrs_past_level", "cqrs_flow_level", "cqrs_stay_level", "cqrs_past_last_id"),
)
KIND = "history"
#: The day that the data end; see ``devtools/bench.py``
DAY = date(2026, 11, 1)
AS_OF = DAY - timedelta(days=400)
QUARTER = (DAY - timedelta(days=92), DAY - timedelta(days=1))
YEAR = (DAY - timedelta(days=366), DAY - timedelta(days=1))
EARLY = (DAY - timedelta(days=1500), DAY - timedelta(days=1409))
"""A quarter four years ago: it costs the same as the last one."""


def at(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def between(days: tuple[date, date]) -> str:
    return f"from={at(days[0])}&to={at(days[1])}"


ENDPOINTS = {
    "figures as of a day": f"{DASHBOARD}metrics?as_of={at(AS_OF)}",
    "dashboard as of a day": f"{DASHBOARD}?as_of={at(AS_OF)}",
    "figures of a quarter as of a day": (
        f"{DASHBOARD}metrics?period=this_quarter&as_of={at(AS_OF)}"
    ),
    "list as of a day": f"{DASHBOARD}opportunities?as_of={at(AS_OF)}",
    "list as of a day, the last to close first": (
        f"{DASHBOARD}opportunities?sort=-closing_date&as_of={at(AS_OF)}"
    ),
    "series by day": f"{DASHBOARD}metrics/series?every=day",
    "waterfall of a quarter, again": f"{DASHBOARD}changes?{between(QUARTER)}",
    "waterfall of an early quarter, again": f"{DASHBOARD}changes?{between(EARLY)}",
    "a bar's first page": (
        f"{DASHBOARD}changes/opportunities?kind=lost&{between(QUARTER)}"
    ),
    "flow of a year": f"{DASHBOARD}flow?{between(YEAR)}",
    "needs attention": f"{DASHBOARD}opportunities?attention=overdue,stuck",
}
FIRST = "waterfall of a quarter, first"
TITLES = ("floor", FIRST, *ENDPOINTS)


def measure(plan: Plan, on_round: Callable[[], None]) -> Found:
    samples = Samples()
    interleave(cases(plan), plan.pick(0, 20, 240), samples, on_round=on_round)
    result = Found()
    result.add_times(samples, "history")
    table = Table(
        f"The past at {plan.size}: p50 / p95 in ms, p50 as a multiple of the floor",
        ("", *ROLES),
    )
    for title in TITLES:
        row = [title]
        for role in ROLES:
            name = f"{role}: {title}"
            if name not in samples:
                row.append("")
                continue
            points = "/".join(
                milliseconds(samples.percentile(name, p)) for p in (50, 95)
            )
            multiple = samples.median(name) / samples.median(f"{role}: floor")
            row.append(f"{points} {multiple:.1f}x")
        table.rows.append(tuple(row))
    result.tables.append(table)
    result.tables.append(beside(plan))
    result.tables.append(sizes(plan))
    return result


def cases(plan: Plan) -> dict[str, Case]:
    result: dict[str, Case] = {}
    for role in ROLES:
        case = Cases(plan, KIND, plan.roles[role])
        result[f"{role}: floor"] = case(Person.get, FLOOR)
        for title, url in ENDPOINTS.items():
            if answers(case.person, url):
                result[f"{role}: {title}"] = case(Person.get, url)
        if answers(case.person, ENDPOINTS["waterfall of a quarter, again"]):
            result[f"{role}: {FIRST}"] = case(ask_anew, count(1))
    return result


def ask_anew(person: Person, numbers) -> None:
    """Ask for a window that nobody has asked for, so that nothing of it is kept."""
    begin = datetime(*QUARTER[0].timetuple()[:3], tzinfo=timezone.utc)
    begin += timedelta(seconds=next(numbers))
    text = begin.isoformat().replace("+00:00", "Z")
    person.get(f"{DASHBOARD}changes?from={text}&to={at(QUARTER[1])}")


# The pipeline of a day, from the last tracking value before it of each field, or the
# first after it. Closing dates, probabilities, companies and deleted leads are unknown.
_BY_TRACKING = """
    SELECT count(*), sum(CASE WHEN status = 'pending' THEN value END)
    FROM crm_lead lead
    CROSS JOIN LATERAL (
        SELECT COALESCE(
            (SELECT t.new_value_float FROM mail_message m
             JOIN mail_tracking_value t ON t.mail_message_id = m.id
             WHERE m.model = 'crm.lead' AND m.res_id = lead.id
               AND t.field_id = %(value)s AND m.date <= %(at)s
             ORDER BY m.date DESC LIMIT 1),
            (SELECT t.old_value_float FROM mail_message m
             JOIN mail_tracking_value t ON t.mail_message_id = m.id
             WHERE m.model = 'crm.lead' AND m.res_id = lead.id
               AND t.field_id = %(value)s AND m.date > %(at)s
             ORDER BY m.date LIMIT 1),
            lead.expected_revenue) AS value,
               CASE WHEN lead.date_closed <= %(at)s THEN lead.won_status
                    ELSE 'pending' END AS status
    ) past
    WHERE lead.create_date <= %(at)s AND lead.type = 'opportunity'
"""


def beside(plan: Plan) -> Table:
    """Return what the same takes by other ways: once each, they are slow."""
    table = Table("The figures of a day by other ways", ("", "seconds", "lacks"))
    __, seconds = fold(plan.databases[KIND])
    table.rows.append(
        ("fold of the log, with which a replay begins", f"{seconds:.1f}", "")
    )
    with environment(plan.databases[KIND]) as env:
        field = env["ir.model.fields"]._get("crm.lead", "expected_revenue")
        began = time.perf_counter()
        env.cr.execute(_BY_TRACKING, {"value": field.id, "at": str(AS_OF)})
        table.rows.append(
            (
                "Odoo's tracking values",
                f"{time.perf_counter() - began:.1f}",
                "closing dates, weights, companies, deleted deals",
            )
        )
    return table


def sizes(plan: Plan) -> Table:
    """Return what the tables of the past take on disk, for an event."""
    table = Table("Tables of the past", ("", "rows", "MB", "bytes for an event"))
    with environment(plan.databases[KIND]) as env:
        [(events,)] = env.execute_query(SQL("SELECT count(*) FROM cqrs_event"))
        for name in TABLES:
            [(rows, size)] = env.execute_query(
                SQL(
                    "SELECT count(*), pg_total_relation_size(%s::regclass) FROM %s",
                    name,
                    SQL.identifier(name),
                )
            )
            table.rows.append(
                (name, f"{rows:,}", f"{size / 2**20:.0f}", f"{size / events:.0f}")
            )
    return table
