"""The oracle: the rows that the projections must have, from Odoo's own records.

It is slow and plain on purpose: loops over records read through the ORM, one at a time.
It shares no code with the projections, so that the two are unlikely to be wrong in the
same way. ``verify`` reports the differences.
"""

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timezone
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal, localcontext
from typing import NamedTuple

from odoo.tools import SQL, split_every

from ..event_store.upcast import upcast
from ..projections.metrics_tables import KEY, MEASURES

#: Records read at a time
BATCH_SIZE = 10_000

#: Rounds nothing: sums and products of floats may have a thousand digits
EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
_PERCENT = Decimal("0.01")
_LARGEST = Decimal(sys.float_info.max)


@dataclass(frozen=True)
class Drift:
    """A row of a projection that differs from the one that Odoo's records give.

    :ivar table: the projection's table
    :ivar key: the row's key
    :ivar expected: ``{column: value}`` by the records, None if there should be no row
    :ivar found: ``{column: value}`` of the row, None if there is none
    """

    table: str
    key: tuple
    expected: dict | None
    found: dict | None


def drifts(env) -> Iterator[Drift]:
    """Yield all differences between the projections and Odoo's records."""
    for oracle in ORACLES.values():
        yield from oracle(env)


def _oracle(compare: Callable) -> Callable[..., Iterator[Drift]]:
    """Let a comparison see the records of all companies, archived ones too."""

    def oracle(env) -> Iterator[Drift]:
        env.cr.flush()
        yield from compare(env(su=True, context={"active_test": False}))

    return oracle


@_oracle
def _opportunities(env) -> Iterator[Drift]:
    env.cr.execute("SELECT id FROM crm_lead UNION SELECT id FROM cqrs_opportunity_view")
    ids = sorted(id_ for (id_,) in env.cr.fetchall())
    for batch in split_every(BATCH_SIZE, ids, list):
        values = _lead_values(env, batch)
        expected = {
            lead.id: {
                "name": lead.name or "",
                "value": values[lead.id].expected_revenue,
                "currency_id": lead.company_id.currency_id.id or None,
                "probability": float(values[lead.id].probability),
                "stage_id": lead.stage_id.id or None,
                "status": _status(lead.won_status),
                "active": lead.active,
                "user_id": lead.user_id.id or None,
                "team_id": lead.team_id.id or None,
                "company_id": lead.company_id.id or None,
                "partner_id": lead.partner_id.id or None,
                "partner_name": _text(lead.partner_id.complete_name),
                "closing_date": values[lead.id].date_deadline,
                "closed_at": values[lead.id].date_closed,
                "created_at": values[lead.id].create_date,
            }
            for lead in _leads(env, batch)
            if lead.type == "opportunity"
        }
        yield from _differences(env, "cqrs_opportunity_view", ("id",), expected, batch)
        env.invalidate_all(flush=False)


@_oracle
def _profiles(env) -> Iterator[Drift]:
    employees = defaultdict(list)
    for employee in env["hr.employee"].search([]):
        employees[employee.user_id.id].append(employee)
    expected = {}
    for user in env["res.users"].search([("share", "=", False)]):
        mine = sorted(
            employees[user.id],
            key=lambda e: (not e.active, e.company_id != user.company_id, e.id),
        )
        employee = mine[0] if mine else env["hr.employee"]
        expected[user.id] = {
            "name": user.name or user.login or "",
            "email": user.email or _text(user.login),
            "login": user.login or "",
            "active": user.active,
            "company_id": user.company_id.id or None,
            "company_ids": sorted(user.company_ids.ids),
            "employee_id": employee.id or None,
            "manager_employee_id": employee.parent_id.id or None,
            "is_salesperson": user.has_group("sales_team.group_sale_salesman"),
            "sees_all": user.has_group("sales_team.group_sale_salesman_all_leads")
            or user.has_group("base.group_system"),
        }
    yield from _differences(env, "cqrs_user_profile", ("id",), expected)


@_oracle
def _access(env) -> Iterator[Drift]:
    depths, paths = defaultdict(list), Counter()

    def above(viewer, employee, via, depth):
        key = viewer.id, employee.user_id.id, employee.company_id.id, via
        depths[key].append(depth)
        paths[key] += 1

    # Access is by company: an employee without one is a link, and nobody's report.
    for employee in env["hr.employee"].search(
        [("user_id", "!=", False), ("company_id", "!=", False)]
    ):
        owner = employee.user_id
        manager, seen, depth = employee.parent_id, {employee}, 0
        while manager and manager not in seen:
            seen.add(manager)
            depth += bool(manager.user_id)
            if manager.active and manager.user_id and manager.user_id != owner:
                above(manager.user_id, employee, "hierarchy", depth)
            manager = manager.parent_id
        department, seen, depth = employee.department_id, set(), 1
        while department and department not in seen:
            seen.add(department)
            manager = department.manager_id
            if manager.active and manager.user_id and manager.user_id != owner:
                above(manager.user_id, employee, "department", depth)
            department, depth = department.parent_id, depth + 1
    expected = {
        key: {"depth": min(each), "paths": paths[key]} for key, each in depths.items()
    }
    for user in env["res.users"].search([("share", "=", False)]):
        expected[user.id, user.id, None, "hierarchy"] = {"depth": 0, "paths": 1}
    key = ("viewer_id", "owner_id", "company_id", "via")
    yield from _differences(env, "cqrs_user_access", key, expected)


@_oracle
def _metrics(env):
    with localcontext(EXACT):
        expected = _expected_sums(env)
    query = SQL(
        "SELECT %s FROM (%s) sums",
        SQL(
            ", ".join(
                ["dimension", *KEY, *(f"{measure}::text" for measure in MEASURES)]
            )
        ),
        env["cqrs.metrics"]._all_sums(),
    )
    found = {
        row[:7]: {
            name: Decimal(amount)
            for name, amount in zip(MEASURES, row[7:], strict=True)
            if Decimal(amount)
        }
        for row in env.execute_query(query)
    }
    yield from _compare("cqrs_metrics", expected, found)


def _expected_sums(env) -> dict[tuple, dict[str, Decimal]]:
    """Return the sums that are not zero, by dimension and key."""
    sums = defaultdict(Counter)
    ids = env["crm.lead"].search([("type", "=", "opportunity")], order="id").ids
    for batch in split_every(BATCH_SIZE, ids, list):
        values = _lead_values(env, batch)
        for lead in _leads(env, batch):
            value = values[lead.id]
            status = _status(lead.won_status)
            closing = value.date_deadline
            if status in ("won", "lost"):
                closing = value.date_closed
            month = closing and date(closing.year, closing.month, 1)
            measures = _measures(
                lead.active, status, value.expected_revenue, value.probability
            )
            group = tuple(
                record.id or None
                for record in (
                    lead.user_id,
                    lead.team_id,
                    lead.company_id,
                    lead.company_id.currency_id,
                )
            )
            for dimension in (
                ("owner", *group, None, None),
                ("stage", *group, lead.stage_id.id or None, None),
                ("month", *group, None, month or None),
            ):
                sums[dimension].update(measures)
        env.invalidate_all(flush=False)
    _add_changes(env, sums)
    expected = {
        key: {name: Decimal(amount) for name, amount in each.items() if amount}
        for key, each in sums.items()
    }
    return {key: each for key, each in expected.items() if each}


def _measures(active: bool, status: str, value: Decimal, probability: Decimal) -> dict:
    """Return the amounts that one opportunity adds to the sums."""
    measures = {"total": active}
    if status == "won":
        measures |= {"won": 1, "won_revenue": value}
    elif status == "lost":
        measures |= {"lost": 1}
    elif active:
        measures |= {
            "active": 1,
            "pipeline_value": value,
            "weighted_pipeline": value * probability * _PERCENT,
        }
    return measures


def _add_changes(env, sums: dict):
    """Add the sums by month of the change, from the log, one event after another.

    Odoo's records do not tell their former values.
    """
    current = env["cqrs.event"]._sources()["crm.lead"].schema_version
    with env.cr._cnx.cursor("cqrs_oracle") as cursor:
        cursor.itersize = BATCH_SIZE
        cursor.execute(
            "SELECT stream_id, schema_version, occurred_at, before IS NULL, after::text"
            " FROM cqrs_event WHERE stream_model = 'crm.lead'"
            " ORDER BY stream_id, version"
        )
        former_id, state = None, {}
        for stream_id, schema, occurred_at, is_creation, after in cursor:
            if stream_id != former_id:
                former_id, state = stream_id, {}
            day = occurred_at.astimezone(timezone.utc).date()
            former = state
            after = json.loads(after, parse_float=Decimal) if after else None
            after = upcast("crm.lead", schema, current, after)
            if after is None or is_creation:
                state = after or {}
            else:
                state = {**state, **after}
            for sign, each in ((-1, former), (1, state)):
                if each.get("type") == "opportunity":
                    key = [each.get(name) for name in _GROUP]
                    key = ("change", *key, None, day.replace(day=1))
                    measures = _measures(
                        bool(each.get("active")),
                        each.get("won_status"),
                        _number(each.get("expected_revenue")),
                        _number(each.get("probability")),
                    )
                    for name, amount in measures.items():
                        sums[key][name] += sign * amount


#: Fields of the recorded state by which there are sums
_GROUP = ("user_id", "team_id", "company_id", "company_id.currency_id")


#: ``{table: function(env)}`` that yields each ``Drift`` of the table
ORACLES = {
    "cqrs_opportunity_view": _opportunities,
    "cqrs_user_profile": _profiles,
    "cqrs_user_access": _access,
    "cqrs_metrics": _metrics,
}


# Odoo's cursor turns numeric into float; a number that is not set is 0 to the ORM.
_COLUMNS = {
    "value": SQL("value::text"),
    "probability": SQL("COALESCE(probability, 0)"),
}


def _differences(
    env, table: str, key: tuple[str, ...], expected: dict, ids: list | None = None
) -> Iterator[Drift]:
    """Compare the rows of a table, all or those of some ids, with the expected ones.

    :param expected: ``{key: {column: value}}``; a key of several columns is a tuple
    """
    where = SQL() if ids is None else SQL("WHERE id = ANY(%s)", ids)
    columns = next(iter(expected.values()), {})
    query = SQL(
        "SELECT %s FROM %s %s",
        SQL(", ").join(
            _COLUMNS.get(name) or SQL.identifier(name) for name in (*key, *columns)
        ),
        SQL.identifier(table),
        where,
    )
    found = {}
    for row in env.execute_query(query):
        values = dict(zip(columns, row[len(key) :], strict=True))
        if "value" in values:
            values["value"] = Decimal(values["value"])
        found[row[: len(key)] if len(key) > 1 else row[0]] = values
    yield from _compare(table, expected, found)


def _compare(table: str, expected: dict, found: dict) -> Iterator[Drift]:
    for each in sorted(expected.keys() | found.keys(), key=repr):
        if expected.get(each) != found.get(each):
            as_tuple = each if isinstance(each, tuple) else (each,)
            yield Drift(table, as_tuple, expected.get(each), found.get(each))


class _LeadValues(NamedTuple):
    """The numbers and times of a lead; values that Odoo cannot read are 0 or None."""

    expected_revenue: Decimal
    probability: Decimal
    date_deadline: date | None
    date_closed: date | None
    create_date: date | None


def _lead_values(env, ids: list[int]) -> dict[int, _LeadValues]:
    """Return the values of leads that the ORM may round or fail to read."""
    rows = env.execute_query(
        SQL(
            """
            SELECT id, expected_revenue::text, probability::text, %s
            FROM crm_lead WHERE id = ANY(%s)
            """,
            SQL(", ").join(
                SQL(
                    "CASE WHEN extract(year FROM %(column)s) BETWEEN 1 AND 9999"
                    " THEN %(column)s END",
                    column=SQL.identifier(column),
                )
                for column in _LeadValues._fields[2:]
            ),
            ids,
        )
    )
    return {
        id_: _LeadValues(_number(value), _number(probability), *times)
        for id_, value, probability, *times in rows
    }


def _leads(env, ids: list[int]):
    """Return the leads that exist, without reading fields that may be unreadable."""
    leads = env["crm.lead"].browse(ids).exists()
    leads.fetch(_LEAD_FIELDS)
    return leads


_LEAD_FIELDS = (
    *("name", "type", "active", "company_id", "user_id", "team_id", "stage_id"),
    *("won_status", "partner_id"),
)


def _number(value: str | int | Decimal | None) -> Decimal:
    number = Decimal(value or 0)
    return number if number.is_finite() and abs(number) <= _LARGEST else Decimal(0)


def _status(won_status: str | bool) -> str:
    return won_status if won_status in ("won", "lost") else "pending"


def _text(value: str | bool) -> str | None:
    return None if value is False else value
