"""What the API says of an opportunity: JSON that PostgreSQL makes.

Of its owner an opportunity has marks alone: few people own many opportunities, and
change seldom.
"""

import json
import re
import secrets
from collections.abc import Callable
from functools import lru_cache

from odoo.tools import SQL

from ..support.sql_arrays import integers

# As in ISO 8601; the tables have times in UTC, without a zone.
_TIME = """to_char({}, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""

# Nobody can guess it, and so no name can be taken for a mark. (Who reads the database's
# statements can, and could read all that there is.)
_MARK = secrets.token_hex(16)
_MARKS = re.compile(f'"{_MARK} ([^"]*)"')

_OF_OWNER = f"""
    concat_ws(' ', '{_MARK} {{}}', COALESCE(page.user_id, 0),
              COALESCE(page.company_id, 0))
"""

#: The fields, and the expression of each over the relations of ``items``
_EXPRESSIONS = {
    "odoo_id": "page.id",
    "name": "page.name",
    "value": "round(page.value, currency.decimal_places)",
    "currency": "currency.name",
    "stage": """
        CASE WHEN page.stage_id IS NOT NULL THEN json_build_object(
            'id', page.stage_id,
            'name', given.stages ->> page.stage_id::text) END
    """,
    "status": "page.status",
    "salesperson": _OF_OWNER.format("salesperson"),
    "partner": """
        CASE WHEN page.partner_id IS NOT NULL THEN json_build_object(
            'id', page.partner_id, 'name', page.partner_name) END
    """,
    "visible_to_user_ids": _OF_OWNER.format("visible_to_user_ids"),
    "version": "page.version",
    "probability": "page.probability",
    "archived": "NOT page.active",
    "team_id": "page.team_id",
    "company_id": "page.company_id",
    "closing_date": "page.closing_date",
    "closed_at": _TIME.format("page.closed_at"),
    "created_at": _TIME.format("page.created_at"),
    "changed_at": _TIME.format("page.changed_at"),
}
FIELDS = tuple(_EXPRESSIONS)


def items(
    ids: list[int],
    names: tuple[str, ...],
    stages: dict[int, str | None],
    currency_id: int,
) -> SQL:
    """Return the query of the JSON array of opportunities, in order of ids, as text.

    It has marks for what is said of owners. An amount has the digits of its currency.

    :param names: which of ``FIELDS``
    :param stages: the name of each
    :param currency_id: that of what has none
    """
    return SQL(
        """
        SELECT COALESCE(json_agg(item ORDER BY number), '[]')::text
        FROM unnest(%(ids)s) WITH ORDINALITY AS place (id, number)
        JOIN cqrs_opportunity_view page ON page.id = place.id
        CROSS JOIN (SELECT %(stages)s::jsonb AS stages) given
        JOIN res_currency currency
          ON currency.id = COALESCE(page.currency_id, %(currency_id)s)
        CROSS JOIN LATERAL (SELECT %(expressions)s) item
        """,
        ids=integers(ids),
        stages=json.dumps(stages),
        currency_id=currency_id,
        expressions=_expressions(names),
    )


@lru_cache
def _expressions(names: tuple[str, ...]) -> SQL:
    return SQL(", ").join(
        SQL("%s AS %s", SQL(_EXPRESSIONS[name]), SQL.identifier(name))
        for name in dict.fromkeys(names)
    )


def with_owners(text: str, ask: Callable[[set[str]], dict[str, dict[str, str]]]) -> str:
    """Return the text with what is said of the owners in place of the marks.

    :param ask: returns the fields of each ``"<owner> <company>"``, as JSON, by name
    """
    parts = _MARKS.split(text)
    marks = {mark: mark.split(" ", 1) for mark in set(parts[1::2])}
    fields = ask({owned for __, owned in marks.values()})
    said = {mark: fields[owned][name] for mark, (name, owned) in marks.items()}
    parts[1::2] = [said[mark] for mark in parts[1::2]]
    return "".join(parts)


def owners(owned: list[str], above: SQL) -> SQL:
    """Return the query of what is said of owners: whose it is, and each field.

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
