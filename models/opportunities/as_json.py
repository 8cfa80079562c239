"""The fields of an opportunity in the API, and the JSON that PostgreSQL makes of them.

A field is declared once, in ``API_FIELDS``. Fields that follow from the owner come as
marks, and are put in afterwards: few people own many opportunities, and change seldom.
"""

import json
import re
import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from odoo.tools import SQL

from ..support.exact_json import dumps
from ..support.json_schema import (
    BOOLEAN,
    COUNT,
    CURRENCY,
    DAY,
    ID,
    IDS,
    MAX_ID,
    MONEY,
    TEXT,
    TIME,
    UUID,
    array,
    choice,
    component,
    integer,
    nullable,
    obj,
)
from ..support.sql_arrays import integers
from .conversion import Conversion
from .pace import IDLE_DAYS, KINDS, PUSHES

# As in ISO 8601; the tables have times in UTC, without a zone.
_ISO_TIME = """to_char({}, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""

# A secret, so that no name can pass for a mark. (People who can read the statements of
# the database could read everything anyway.)
_MARK = secrets.token_hex(16)
_MARKS = re.compile(f'"{_MARK} ([^"]*)"')

_OWNER_MARK = f"""
    concat_ws(' ', '{_MARK} {{}}', COALESCE(page.user_id, 0),
              COALESCE(page.company_id, 0))
"""


#: A record of Odoo; the name is null if there is no such record any more
NAMED = component("NamedRecord", obj(id=ID, name=nullable(TEXT)))

#: The field that needs a conversion
CONVERTED = "converted_value"


class ApiField(NamedTuple):
    """A field of an opportunity in the API.

    :ivar sql: the expression of its JSON over the relations of ``items``
    :ivar schema: its JSON Schema
    :ivar is_given: it is in an answer also if it is not asked for
    """

    name: str
    sql: str
    schema: dict
    is_given: bool = True


_FIELDS = (
    ApiField("odoo_id", "page.id", ID),
    ApiField("name", "page.name", TEXT),
    ApiField("value", "round(page.value, currency.decimal_places)", MONEY),
    ApiField("currency", "currency.name", CURRENCY),
    ApiField(
        CONVERTED,
        """
        json_build_object(
            'amount', round(
                page.value * (given.rates ->> COALESCE(page.currency_id, 0)::text)
                    ::numeric,
                given.decimal_places),
            'currency', given.currency)
        """,
        {
            **component("ConvertedAmount", obj(amount=MONEY, currency=CURRENCY)),
            "description": "In the viewer's currency, or in `currency`.",
        },
        is_given=False,
    ),
    ApiField(
        "stage",
        """
        CASE WHEN page.stage_id IS NOT NULL THEN json_build_object(
            'id', page.stage_id,
            'name', given.stages ->> page.stage_id::text) END
        """,
        nullable(NAMED),
    ),
    ApiField(
        "status",
        "page.status",
        component("OpportunityStatus", choice("pending", "won", "lost")),
    ),
    ApiField(
        "salesperson",
        _OWNER_MARK.format("salesperson"),
        nullable(
            {
                **component(
                    "Owner",
                    obj(
                        id=nullable(UUID),
                        user_id=ID,
                        name=nullable(TEXT),
                        email=nullable(TEXT),
                        manager=nullable(
                            component("Manager", obj(name=TEXT, email=nullable(TEXT)))
                        ),
                    ),
                ),
                "description": "The owner; null if it is unassigned.",
            }
        ),
    ),
    ApiField(
        "partner",
        """
        CASE WHEN page.partner_id IS NOT NULL THEN json_build_object(
            'id', page.partner_id, 'name', page.partner_name) END
        """,
        nullable({**NAMED, "description": "The customer."}),
    ),
    ApiField(
        "visible_to_user_ids",
        _OWNER_MARK.format("visible_to_user_ids"),
        {
            **IDS,
            "description": "The owner and whoever stands above, as Odoo's user ids.",
        },
    ),
    ApiField(
        "version",
        "page.version",
        {
            **nullable(integer(1, MAX_ID)),
            "description": "Of its stream; null of a moment before its first event.",
        },
    ),
    ApiField(
        "probability",
        "page.probability",
        nullable({"type": "number", "minimum": 0, "maximum": 100}),
    ),
    ApiField("archived", "NOT page.active", BOOLEAN),
    ApiField("team_id", "page.team_id", nullable(ID)),
    ApiField("company_id", "page.company_id", nullable(ID)),
    ApiField(
        "closing_date",
        "page.closing_date",
        nullable({**DAY, "description": "Expected."}),
    ),
    ApiField("closed_at", _ISO_TIME.format("page.closed_at"), nullable(TIME)),
    ApiField("created_at", _ISO_TIME.format("page.created_at"), nullable(TIME)),
    ApiField(
        "changed_at",
        _ISO_TIME.format("page.changed_at"),
        {**TIME, "description": "Of its last event."},
    ),
)
_DAYS = nullable({"type": "number", "minimum": 0})

#: Fields of the pace, over a row ``told`` of ``pace.told``
_PACE_FIELDS = tuple(
    ApiField(name, f"told.{name}", schema, is_given=False)
    for name, schema in {
        "age_days": {
            **_DAYS,
            "description": "Since its creation, while it is open: pending and not"
            " archived. A duration, with one digit.",
        },
        "stage_days": {
            **_DAYS,
            "description": "In its stage, while it is open. Time in which it was"
            " archived, closed or a lead does not count.",
        },
        "idle_days": {
            **_DAYS,
            "description": "Since a person or an import last changed it, while it is"
            " open.",
        },
        "pushes": {**COUNT, "description": "How often its closing date moved later."},
        "pushed_days": {
            **COUNT,
            "description": "By how many days it did, all in all.",
        },
        "is_overdue": {
            **BOOLEAN,
            "description": "It is open, and was expected to close before today.",
        },
        "is_stuck": {
            **BOOLEAN,
            "description": "It is open, and in its stage for longer than nine in ten of"
            " the deals that its company has won were.",
        },
        "attention": {
            **array(component("AttentionKind", choice(*KINDS)), len(KINDS)),
            "description": "Why it needs attention: it is overdue, stuck, pushed"
            f" ({PUSHES} times or more), idle ({IDLE_DAYS} days or more), or no"
            " activity is planned.",
        },
    }.items()
)

_DOCUMENTS = component(
    "DocumentsOfOpportunity", obj(count=COUNT, amount=MONEY, currency=CURRENCY)
)
#: Figures of its orders and invoices (``documents/deals.py``)
_SALES_FIELDS = tuple(
    ApiField(
        name,
        f"given.sales #> ARRAY[page.id::text, '{name}']",
        {
            **_DOCUMENTS,
            "description": f"{what} In the viewer's currency, or in `currency`. Absent"
            " where there are no such documents, or you may read none of them.",
        },
        is_given=False,
    )
    for name, what in (
        ("ordered", "Its confirmed orders that you see, untaxed."),
        (
            "invoiced",
            (
                "The posted invoices of its orders so far that you see, untaxed, less"
                " credit notes. One of several opportunities counts in each of them."
            ),
        ),
        ("paid", "What is paid of the same invoices, with taxes."),
    )
)
_FIELDS = (*_FIELDS, *_PACE_FIELDS, *_SALES_FIELDS)

#: ``{name: field}``, in the order of the answers
API_FIELDS = {field.name: field for field in _FIELDS}
#: The names of those that are given where none are asked for
FIELDS = tuple(field.name for field in _FIELDS if field.is_given)
#: The names of those of the pace
PACE_FIELDS = frozenset(field.name for field in _PACE_FIELDS)
#: The names of those of orders and invoices
SALES_FIELDS = frozenset(field.name for field in _SALES_FIELDS)


def items(
    ids: list[int],
    names: tuple[str, ...],
    stages: dict[int, str | None],
    currency_id: int,
    conversion: Conversion | None = None,
    pace: SQL | None = None,
    rows: SQL | None = None,
    sales: dict[int, dict] | None = None,
) -> SQL:
    """Return the query of the JSON array of opportunities, in order of ids, as text.

    It has marks in the place of owners. An amount has the digits of its currency.

    :param names: names of ``API_FIELDS``
    :param stages: ``{stage id: name}``
    :param currency_id: the currency of an opportunity without one
    :param conversion: that of converted values, where they are given
    :param pace: the joins of ``pace.told``, where names ask for it
    :param rows: the relation of the opportunities, by default as they are now
    :param sales: ``{id: {name of SALES_FIELDS: value}}``, where names ask for it
    """
    return SQL(
        """
        SELECT COALESCE(json_agg(item ORDER BY number), '[]')::text
        FROM unnest(%(ids)s) WITH ORDINALITY AS place (id, number)
        JOIN %(rows)s page ON page.id = place.id
        CROSS JOIN (SELECT %(stages)s::jsonb AS stages%(conversion)s%(sales)s) given
        JOIN res_currency currency
          ON currency.id = COALESCE(page.currency_id, %(currency_id)s)
        %(pace)s
        CROSS JOIN LATERAL (SELECT %(expressions)s) item
        """,
        ids=integers(ids),
        rows=rows or SQL("cqrs_opportunity_view"),
        stages=json.dumps(stages),
        currency_id=currency_id,
        conversion=_converting(conversion) if CONVERTED in names else SQL(),
        pace=pace or SQL(),
        sales=SQL(", %s::jsonb AS sales", dumps(sales)) if sales is not None else SQL(),
        expressions=_expressions(names),
    )


def _converting(conversion: Conversion) -> SQL:
    return SQL(
        ", %s::jsonb AS rates, %s AS currency, %s AS decimal_places",
        json.dumps({id_ or 0: str(rate) for id_, rate in conversion.rates.items()}),
        conversion.currency.name,
        conversion.currency.decimal_places,
    )


@lru_cache
def _expressions(names: tuple[str, ...]) -> SQL:
    return SQL(", ").join(
        SQL("%s AS %s", SQL(API_FIELDS[name].sql), SQL.identifier(name))
        for name in dict.fromkeys(names)
    )


def with_owners(
    text: str,
    known: dict[str, str],
    ask: Callable[[set[str]], dict[str, dict[str, str]]],
) -> str:
    """Return the text with the owners' fields in the place of the marks.

    :param known: the JSON of ``"<field> <owner> <company>"``; what is missing is added
    :param ask: returns the fields of each ``"<owner> <company>"``, as JSON, by name
    """

    def field(mark: re.Match) -> str:
        return known[mark[1]]

    try:
        return _MARKS.sub(field, text)
    except KeyError:
        missing = {mark for mark in _MARKS.findall(text) if mark not in known}
    for owned, fields in ask({mark.split(" ", 1)[1] for mark in missing}).items():
        known.update({f"{name} {owned}": value for name, value in fields.items()})
    return _MARKS.sub(field, text)


def owners(owned: list[str], above: SQL) -> SQL:
    """Return the query of the fields that follow from owners, by ``owned``.

    The salesperson's manager is that in the company of the opportunity, before others.

    :param owned: ``"<owner> <company>"`` of each, 0 for nobody, or none
    :param above: the query of who stands above the owner of a row ``owned``
    """
    return SQL(
        """
        SELECT asked.owned,
               COALESCE(CASE WHEN owned.user_id IS NOT NULL THEN json_build_object(
                   'id', profile.uuid,
                   'user_id', owned.user_id,
                   'name', profile.name,
                   'email', profile.email,
                   'manager', above.manager) END, 'null')::text AS salesperson,
               COALESCE(above.viewer_ids, '[]')::text AS visible_to_user_ids
        FROM unnest(%(owned)s::text[]) AS asked (owned)
        CROSS JOIN LATERAL (
            SELECT NULLIF(split_part(asked.owned, ' ', 1)::integer, 0) AS user_id,
                   NULLIF(split_part(asked.owned, ' ', 2)::integer, 0) AS company_id
        ) owned
        -- OFFSET 0: as probes, or the planner would read all profiles.
        LEFT JOIN LATERAL (
            SELECT * FROM cqrs_user_profile profile
            WHERE profile.id = owned.user_id OFFSET 0
        ) profile ON true
        CROSS JOIN LATERAL (
            SELECT (array_agg(json_build_object('name', name, 'email', email)
                              ORDER BY (company_id = owned.company_id) DESC,
                                       viewer_id)
                    FILTER (WHERE depth = 1))[1] AS manager,
                   to_json(array_agg(DISTINCT viewer_id ORDER BY viewer_id)
                           FILTER (WHERE sees)) AS viewer_ids
            FROM (%(above)s) above
        ) above
        """,
        owned=owned,
        above=above,
    )
