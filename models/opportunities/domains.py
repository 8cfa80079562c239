"""Odoo's domains over ``cqrs.opportunity.view`` as filters of opportunities.

What a filter of its own says as well (stages, owners, teams, states, words) becomes
that filter, which has an index or a sum. The ORM makes a condition of the rest, as the
caller: rights and rules of the fields and models in it are the ORM's.
"""

import json
from dataclasses import replace

import psycopg2
import psycopg2.errors

from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.orm.domains import DomainAnd, DomainCondition
from odoo.tools import SQL
from odoo.tools.query import Query

from ..support.json_schema import MAX_ID
from .filters import MAX_TEXT, Filters, common

MODEL = "cqrs.opportunity.view"
#: Characters of a domain
MAX_DOMAIN = 10_000
#: Records that a name may stand for, to be looked up before the opportunities
MAX_NAMED = 500

#: ``{field: filter}`` of what ``Filters`` says as well
_LISTS = {
    "stage_id": "stage_ids",
    "user_id": "user_ids",
    "team_id": "team_ids",
    "status": "statuses",
}


def canonical(env, text: str) -> str | None:
    """Return a domain in the form of ``Filters.domain``; None for an empty one.

    :param text: JSON
    :raise ValueError: it is no domain, or one of what the caller may not read
    """
    try:
        given = json.loads(text)
        if not isinstance(given, list):
            raise TypeError("it is no list")
        domain = json.dumps(given, separators=(",", ":"))
        condition = domain_condition(env, domain)
        # PostgreSQL alone knows which values it can compare.
        with env.cr.savepoint(flush=False):
            env.execute_query(
                SQL(
                    "EXPLAIN SELECT FROM cqrs_opportunity_view view WHERE %s", condition
                )
            )
    except (
        AccessError,
        ArithmeticError,
        AssertionError,
        AttributeError,
        KeyError,
        NotImplementedError,
        RecursionError,
        TypeError,
        UserError,
        ValueError,
        psycopg2.DataError,
        psycopg2.ProgrammingError,
        psycopg2.errors.ProgramLimitExceeded,
        psycopg2.errors.StatementTooComplex,
    ) as exc:
        raise ValueError(refusal(exc)) from exc
    return domain if given else None


def refusal(exc: Exception) -> str:
    """Return the sentence that a domain is refused with, for an error."""
    # PostgreSQL also quotes the statement, which has the conditions of rules.
    reason = exc.diag.message_primary if isinstance(exc, psycopg2.Error) else exc
    return f"Expected a domain of Odoo over {MODEL}, as JSON: {reason}"


def resolved_domain(env, filters: Filters) -> Filters:
    """Return filters that have as much of their domain as they can say themselves."""
    if filters.domain is None:
        return filters
    domain = Domain(json.loads(filters.domain)).optimize(env[MODEL])
    parts = domain.children if isinstance(domain, DomainAnd) else (domain,)
    rest = []
    for part in parts:
        narrower = _narrowed(env, filters, part)
        if narrower is None:
            rest.append(part)
        else:
            filters = narrower
    left = [*Domain.AND(rest)] if rest else None
    return replace(filters, domain=left and _text(left))


def domain_condition(env, domain: str) -> SQL:
    """Return the condition of a domain on a row ``view``.

    :param domain: as of ``Filters``
    """
    # Archived ones too: filters say which.
    model = env[MODEL].with_context(active_test=False)
    full = Domain(json.loads(domain)).optimize_full(model)
    if full.is_true() or full.is_false():
        return SQL("TRUE") if full.is_true() else SQL("FALSE")
    query = Query(env, "view", SQL.identifier(model._table))
    table = query.from_clause
    condition = full._to_sql(model, "view", query)
    if query.from_clause == table:
        return condition
    query.add_where(condition)
    return SQL("view.id IN %s", query.subselect())


def _narrowed(env, filters: Filters, part: Domain) -> Filters | None:
    """Return the filters with a part of a domain; None if they cannot say it."""
    if not isinstance(part, DomainCondition):
        return None
    name, operator, value = part.field_expr, part.operator, part.value
    if name == "search_text":
        return _with_text(filters, operator, value)
    if name not in _LISTS:
        return None
    if operator == "any" and name in ("stage_id", "user_id"):
        value, operator = _named(env, name, value), "in"
    if operator != "in" or value is None or len(value) > MAX_NAMED:
        return None
    type_ = str if name == "status" else int
    none = {False} if name == "user_id" else set()
    if not all(type(each) is type_ or each in none for each in value):
        return None
    if type_ is int and any(abs(each) > MAX_ID for each in value):
        return None
    wanted = tuple(sorted(each or None for each in value if each))
    if False in value:
        wanted = (*wanted, None)
    filter_ = _LISTS[name]
    return replace(filters, **{filter_: common(getattr(filters, filter_), wanted)})


def _named(env, name: str, domain) -> list[int] | None:
    """Return the ids of a field's records that a domain finds, None if it is many."""
    if not isinstance(domain, Domain):
        return None
    model = env[env[MODEL]._fields[name].comodel_name].with_context(active_test=False)
    ids = model.search(domain, limit=MAX_NAMED + 1).ids
    return ids if len(ids) <= MAX_NAMED else None


def _with_text(filters: Filters, operator: str, value) -> Filters | None:
    if operator not in ("ilike", "=") or not isinstance(value, str):
        return None
    # All words have to be found, whichever text has them.
    text = " ".join(filter(None, (filters.text, value)))
    return replace(filters, text=text) if len(text) <= MAX_TEXT else None


def _text(domain: list) -> str:
    return json.dumps(domain, default=_plain, separators=(",", ":"))


def _plain(value):
    if isinstance(value, Domain):
        return list(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return list(value)
