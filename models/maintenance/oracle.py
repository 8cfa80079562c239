"""The oracle: the rows that the projections must have, from Odoo's own records.

It is slow and plain on purpose: loops over records read through the ORM, one at a time.
It shares no code with the projections, so that the two are unlikely to be wrong in the
same way. ``verify`` reports the differences.

It looks at all records or, since loops over a million take minutes, at a sample of
leads, of people, and of owners with all that they have or had.
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

from ..event_store.upcast import UPCASTERS, upcast
from ..projections.metrics_tables import CONTACT_METRICS, CONTACT_TOTALS, METRICS
from .sample import Sample
from .span_oracle import expected_spans, found_spans

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


def as_oracle(compare: Callable) -> Callable[..., Iterator[Drift]]:
    """Let a comparison see the records of all companies, archived ones too."""

    def oracle(env, sample: Sample | None = None) -> Iterator[Drift]:
        env.cr.flush()
        yield from compare(env(su=True, context={"active_test": False}), sample)

    return oracle


@as_oracle
def _opportunities(env, sample: Sample | None) -> Iterator[Drift]:
    ids = sample.leads if sample else _all_leads(env)
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
                "partner_name": text_or_none(lead.partner_id.complete_name),
                "lost_reason_id": lead.lost_reason_id.id or None,
                "source_id": lead.source_id.id or None,
                "tag_ids": sorted(lead.tag_ids.ids) or None,
                "closing_date": values[lead.id].date_deadline,
                "closed_at": values[lead.id].date_closed,
                "created_at": values[lead.id].create_date,
            }
            for lead in _leads(env, batch)
            if lead.type == "opportunity"
        }
        yield from differences(env, "cqrs_opportunity_view", ("id",), expected, batch)
        env.invalidate_all(flush=False)


def _all_leads(env) -> list[int]:
    env.cr.execute("SELECT id FROM crm_lead UNION SELECT id FROM cqrs_opportunity_view")
    return sorted(id_ for (id_,) in env.cr.fetchall())


@as_oracle
def _profiles(env, sample: Sample | None) -> Iterator[Drift]:
    users = among("id", sample and sample.users)
    employees = defaultdict(list)
    for employee in env["hr.employee"].search(
        among("user_id", sample and sample.users)
    ):
        employees[employee.user_id.id].append(employee)
    expected = {}
    for user in env["res.users"].search([("share", "=", False), *users]):
        mine = sorted(
            employees[user.id],
            key=lambda e: (not e.active, e.company_id != user.company_id, e.id),
        )
        employee = mine[0] if mine else env["hr.employee"]
        expected[user.id] = {
            "name": user.name or user.login or "",
            "email": user.email or text_or_none(user.login),
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
    yield from differences(
        env, "cqrs_user_profile", ("id",), expected, sample and sample.users
    )


@as_oracle
def _access(env, sample: Sample | None) -> Iterator[Drift]:
    depths, paths = defaultdict(list), Counter()

    def above(viewer, employee, via, depth):
        key = viewer.id, employee.user_id.id, employee.company_id.id, via
        depths[key].append(depth)
        paths[key] += 1

    # Access is by company: an employee without one is a link, and nobody's report.
    owners = among("user_id", sample and sample.users)
    for employee in env["hr.employee"].search(
        [("user_id", "!=", False), ("company_id", "!=", False), *owners]
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
    owners = among("id", sample and sample.users)
    for user in env["res.users"].search([("share", "=", False), *owners]):
        expected[user.id, user.id, None, "hierarchy"] = {"depth": 0, "paths": 1}
    key = ("viewer_id", "owner_id", "company_id", "via")
    yield from differences(
        env, "cqrs_user_access", key, expected, sample and sample.users, "owner_id"
    )


@as_oracle
def _employee_spans(env, sample: Sample | None):
    fields = {
        "user_id": "user_id",
        "parent_id": "parent_id",
        "company_id": "company_id",
        "department_id": "current_version_id.department_id",
        "active": "active",
    }
    yield from _hierarchy_spans(env, "hr.employee", "cqrs_employee_span", fields)


@as_oracle
def _department_spans(env, sample: Sample | None):
    fields = {"parent_id": "parent_id", "manager_id": "manager_id"}
    yield from _hierarchy_spans(env, "hr.department", "cqrs_department_span", fields)


def _hierarchy_spans(env, model: str, table: str, fields: dict[str, str]):
    """Compare where the records of a model stood with the log, one event after another.

    There are few of them, so that all are looked at.

    :param fields: ``{column: captured field}``
    """
    current = env["cqrs.event"]._sources()[model].schema_version
    query = SQL(
        "SELECT stream_id, version, schema_version, occurred_at, before IS NULL,"
        " after::text FROM cqrs_event WHERE stream_model = %s"
        " ORDER BY stream_id, version",
        model,
    )
    expected = {}
    former_id = state = since = lasting = None
    for id_, version, schema, occurred_at, is_creation, after in env.execute_query(
        query
    ):
        if id_ != former_id:
            former_id, state, since, lasting = id_, {}, occurred_at, None
        after = upcast(model, schema, current, after and json.loads(after))
        if not (after is None or is_creation or set(fields.values()) & set(after)):
            continue
        since = max(since, occurred_at)
        if lasting:
            expected[lasting]["until"] = since
            if expected[lasting]["since"] == since:
                del expected[lasting]
            lasting = None
        if after is None:
            continue
        state = after if is_creation else {**state, **after}
        lasting = id_, version
        expected[lasting] = {"since": since, "until": None} | {
            column: state.get(field) for column, field in fields.items()
        }
        if "active" in fields:
            expected[lasting]["active"] = bool(state.get("active"))
    yield from differences(env, table, ("id", "version"), expected)


@as_oracle
def _metrics(env, sample: Sample | None):
    owners = sample and sample.owners
    with localcontext(EXACT):
        expected = _expected_sums(env, owners)
    for roll_up in (METRICS, CONTACT_METRICS, CONTACT_TOTALS):
        # Some owners are no part of the sums over all.
        if owners is None or "user_id" in roll_up.key:
            yield from compare_sums(env, "cqrs.metrics", roll_up, expected, owners)


def compare_sums(
    env, projection: str, roll_up, expected: dict, owners: list[int] | None
) -> Iterator[Drift]:
    """Compare the sums of a roll-up, and of its tail, with the expected ones.

    :param expected: ``{table: {key: {measure: amount}}}``, without those that are zero
    """
    query = SQL(
        "SELECT %s FROM (%s) sums WHERE %s",
        SQL(
            ", ".join(
                [*roll_up.key, *(f"{measure}::text" for measure in roll_up.measures)]
            )
        ),
        env[projection]._sums_of(roll_up),
        SQL("true") if owners is None else SQL("user_id = ANY(%s)", owners),
    )
    length = len(roll_up.key)
    found = {
        row[:length]: {
            name: Decimal(amount)
            for name, amount in zip(roll_up.measures, row[length:], strict=True)
            if Decimal(amount)
        }
        for row in env.execute_query(query)
    }
    yield from compare_rows(roll_up.name, expected.get(roll_up.name, {}), found)


def _expected_sums(env, owners: list[int] | None) -> dict[str, dict]:
    """Return the sums that are not zero, ``{table: {key: {measure: amount}}}``."""
    sums, of_contacts = defaultdict(Counter), defaultdict(Counter)
    totals = defaultdict(Counter)
    domain = [("type", "=", "opportunity"), *among("user_id", owners)]
    ids = env["crm.lead"].search(domain, order="id").ids
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
            stage_id, month = lead.stage_id.id or None, month or None
            dimensions = [
                ("owner", *group, None, None),
                ("stage", *group, stage_id, None),
                ("month", *group, None, month),
            ]
            if owners is None:
                # Of all owners and teams.
                dimensions.append(("all", None, None, *group[2:], stage_id, month))
            for dimension in dimensions:
                sums[dimension].update(measures)
            if lead.partner_id:
                measures.pop("total")
                of_contacts[(lead.partner_id.id, *group)].update(measures)
                totals[(lead.partner_id.id, *group[2:])].update(measures)
        env.invalidate_all(flush=False)
    _add_changes(env, sums, owners)
    return {
        METRICS.name: not_zero(sums),
        CONTACT_METRICS.name: not_zero(of_contacts),
        CONTACT_TOTALS.name: not_zero(totals),
    }


def not_zero(sums: dict[tuple, Counter]) -> dict[tuple, dict[str, Decimal]]:
    """Return the sums without those that are zero."""
    amounts = {
        key: {name: Decimal(amount) for name, amount in each.items() if amount}
        for key, each in sums.items()
    }
    return {key: each for key, each in amounts.items() if each}


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


def _add_changes(env, sums: dict, owners: list[int] | None):
    """Add the sums by month of the change, from the log, one event after another.

    Odoo's records do not tell their former values.
    """
    of_owners = SQL("true")
    # An upcaster may find the owner where no query would.
    if owners is not None and not any(model == "crm.lead" for model, __ in UPCASTERS):
        of_owners = SQL(
            "stream_id IN (SELECT stream_id FROM cqrs_event"
            " WHERE stream_model = 'crm.lead'"
            " AND (after -> 'user_id') = ANY(%s::jsonb[]))",
            [str(owner) for owner in owners],
        )
    current = env["cqrs.event"]._sources()["crm.lead"].schema_version
    with env.cr._cnx.cursor("cqrs_oracle") as cursor:
        cursor.itersize = BATCH_SIZE
        query = SQL(
            "SELECT stream_id, schema_version, occurred_at, before IS NULL, after::text"
            " FROM cqrs_event WHERE stream_model = 'crm.lead' AND %s"
            " ORDER BY stream_id, version",
            of_owners,
        )
        cursor.execute(query.code, query.params)
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
                is_covered = owners is None or each.get("user_id") in owners
                if each.get("type") == "opportunity" and is_covered:
                    key = [each.get(name) for name in _GROUP]
                    key = ("change", *key, None, day.replace(day=1))
                    measures = _measures(
                        bool(each.get("active")),
                        each.get("won_status"),
                        exact_number(each.get("expected_revenue")),
                        exact_number(each.get("probability")),
                    )
                    for name, amount in measures.items():
                        sums[key][name] += sign * amount


#: Fields of the recorded state by which there are sums
_GROUP = ("user_id", "team_id", "company_id", "company_id.currency_id")


@as_oracle
def _spans(env, sample: Sample | None):
    # A record that is left out of the read models has no row in any.
    left_out = env["cqrs.opportunity.span"]._left_out().get("crm.lead", [])
    ids = sample and [id_ for id_ in sample.leads if id_ not in left_out]
    expected = expected_spans(env, ids)
    expected = {key: row for key, row in expected.items() if key[0] not in left_out}
    found = found_spans(env, ids)
    yield from compare_rows("cqrs_opportunity_span", expected, found)
    yield from _last_spans(env, found, ids)


def _last_spans(env, found: dict, ids: list[int] | None):
    """Compare the spans that last with what Odoo's records say."""
    last = {
        (id_, version): row
        for (id_, version), row in found.items()
        if row["until"] == "infinity"
    }
    columns = ("user_id", "team_id", "company_id", "stage_id", "value", "type")
    ids = sorted(ids if ids is not None else {id_ for id_, __ in last})
    for batch in split_every(BATCH_SIZE, ids, list):
        values = _lead_values(env, batch)
        expected = {
            lead.id: {
                "user_id": lead.user_id.id or None,
                "team_id": lead.team_id.id or None,
                "company_id": lead.company_id.id or None,
                "stage_id": lead.stage_id.id or None,
                "value": values[lead.id].expected_revenue,
                "type": None if lead.type is False else lead.type,
            }
            for lead in _leads(env, batch)
        }
        among = set(batch)
        rows = {
            id_: {name: row[name] for name in columns}
            for (id_, __), row in last.items()
            if id_ in among
        }
        yield from compare_rows("cqrs_opportunity_span", expected, rows)
        env.invalidate_all(flush=False)


#: ``{table: function(env, sample)}`` that yields each ``Drift`` of the table
ORACLES = {
    "cqrs_opportunity_view": _opportunities,
    "cqrs_user_profile": _profiles,
    "cqrs_user_access": _access,
    "cqrs_employee_span": _employee_spans,
    "cqrs_department_span": _department_spans,
    "cqrs_metrics": _metrics,
    "cqrs_opportunity_span": _spans,
}


# Odoo's cursor turns numeric into float; a number that is not set is 0 to the ORM.
# Python has no infinite time.
_COLUMNS = {
    "value": SQL("value::text"),
    "probability": SQL("COALESCE(probability, 0)"),
    "until": SQL("NULLIF(until, 'infinity')"),
}


def differences(
    env,
    table: str,
    key: tuple[str, ...],
    expected: dict,
    ids: list[int] | None = None,
    column: str = "id",
) -> Iterator[Drift]:
    """Compare the rows of a table, all or those of some ids, with the expected ones.

    :param expected: ``{key: {column: value}}``; a key of several columns is a tuple
    :param column: the column that the ids are of
    """
    where = SQL()
    if ids is not None:
        where = SQL("WHERE %s = ANY(%s)", SQL.identifier(column), ids)
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
    yield from compare_rows(table, expected, found)


def compare_rows(table: str, expected: dict, found: dict) -> Iterator[Drift]:
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
        id_: _LeadValues(exact_number(value), exact_number(probability), *times)
        for id_, value, probability, *times in rows
    }


def _leads(env, ids: list[int]):
    """Return the leads that exist, without reading fields that may be unreadable."""
    leads = env["crm.lead"].browse(ids).exists()
    leads.fetch(_LEAD_FIELDS)
    return leads


_LEAD_FIELDS = (
    *("name", "type", "active", "company_id", "user_id", "team_id", "stage_id"),
    *("won_status", "partner_id", "lost_reason_id", "source_id", "tag_ids"),
)


def among(field: str, ids: list[int] | None) -> list[tuple]:
    """Return the domain of the records with one of some ids in a field; None: all."""
    return [] if ids is None else [(field, "in", ids)]


def exact_number(value: str | int | Decimal | None) -> Decimal:
    number = Decimal(value or 0)
    return number if number.is_finite() and abs(number) <= _LARGEST else Decimal(0)


def _status(won_status: str | bool) -> str:
    return won_status if won_status in ("won", "lost") else "pending"


def text_or_none(value: str | bool) -> str | None:
    return None if value is False else value
