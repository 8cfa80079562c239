"""Upcasters: functions that bring older events to their present form.

The log is never rewritten. If the meaning of a captured field changes, its
``Source.schema_version`` is raised, and a pure function turns the payload of an older
event into the new form::

    @upcaster("crm.lead", 1)
    def probability_is_a_share(payload):
        if payload.get("probability") is not None:
            payload["probability"] /= 100
        return payload

An event of version 1 then goes through the upcasters from 1, from 2, … up to the
current version; a version without an upcaster leaves it unchanged. If none is
registered, reading costs nothing more.
"""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NamedTuple

from odoo.tools import SQL

from ..support.exact_json import dumps
from .personal import whole

#: Takes and returns ``{field path: value}``: a whole state in the event of a creation
#: or deletion, else the changed fields only. Numbers are ``int`` or ``Decimal``;
#: None is a field that was or became empty. Erased values are missing. It may change
#: its argument.
Upcaster = Callable[[dict], dict]

# By model and the version it starts from. Code of an addon that another database has
# installed may be here too; no source of this database has a version that needs it.
UPCASTERS: dict[tuple[str, int], Upcaster] = {}

#: Events upcast at a time
PAGE_SIZE = 10_000


class Upcast(NamedTuple):
    """An event's payloads in their present form, as JSON text."""

    position: int
    before: str | None
    after: str | None


def upcaster(stream_model: str, schema_version: int):
    """Register a function that brings payloads from a schema version to the next."""

    def register(function: Upcaster) -> Upcaster:
        UPCASTERS[stream_model, schema_version] = function
        return function

    return register


def upcast(stream_model: str, start: int, end: int, payload: dict | None):
    """Return the payload of an event of version ``start`` as of version ``end``."""
    if payload is None:
        return None
    for version in range(start, end):
        if function := UPCASTERS.get((stream_model, version)):
            payload = function(payload)
    return payload


def upcast_events(env, condition: SQL) -> Iterator[list[Upcast]]:
    """Yield pages of the events that have upcasters, in their present form.

    :param condition: on rows of ``cqrs_event``, which it calls ``event``
    """
    for model in env["cqrs.event"]._captured():
        current = env["cqrs.event"]._sources()[model].schema_version
        starts = [v for m, v in UPCASTERS if m == model and v < current]
        if starts:
            old = SQL(
                "(%s) AND stream_model = %s AND schema_version <= %s",
                condition,
                model,
                max(starts),
            )
            for rows in _pages(env, old):
                yield [
                    Upcast(
                        position,
                        _as_text(model, v, current, before),
                        _as_text(model, v, current, after, is_state=before is None),
                    )
                    for position, v, before, after in rows
                ]


def current_events(env, log: SQL, condition: SQL, upcast: SQL | None) -> SQL:
    """Return the query of the events of ``log`` in their present form.

    :param condition: on ``event``
    :param upcast: a relation ``upcast`` of ``position`` and the whole ``before`` and
        ``after`` of the events that have upcasters
    """
    if not upcast:
        return SQL("SELECT event.* FROM %s event WHERE %s", log, condition)
    env.cr.execute(SQL("SELECT * FROM %s LIMIT 0", log))
    columns = [
        SQL(
            "CASE WHEN upcast.position IS NULL THEN event.%(name)s"
            " ELSE upcast.%(name)s END AS %(name)s",
            name=SQL.identifier(name),
        )
        if name in ("before", "after")
        else SQL(
            "CASE WHEN upcast.position IS NULL THEN event.personal END AS personal"
        )
        if name == "personal"
        else SQL.identifier("event", name)
        for name in (column.name for column in env.cr.description)
    ]
    return SQL(
        "SELECT %s FROM %s event LEFT JOIN %s USING (position) WHERE %s",
        SQL(", ").join(columns),
        log,
        upcast,
        condition,
    )


def _as_text(
    model: str, start: int, end: int, text: str | None, is_state: bool = False
) -> str | None:
    if text is None:
        return None
    # Exact: psycopg2 would read the numbers of a jsonb as floats.
    payload = upcast(model, start, end, json.loads(text, parse_float=Decimal))
    if is_state:
        # A state has no nulls (``state.py``), and the fold relies on it.
        payload = {path: v for path, v in payload.items() if v is not None}
    return dumps(payload)


def _pages(env, condition: SQL) -> Iterator[list[tuple]]:
    position = 0
    while True:
        rows = env.execute_query(
            SQL(
                """
                SELECT position, schema_version, %s::text, %s::text
                FROM cqrs_event event WHERE position > %s AND (%s)
                ORDER BY position LIMIT %s
                """,
                whole("before"),
                whole("after"),
                position,
                condition,
                PAGE_SIZE,
            )
        )
        if rows:
            yield rows
            position = rows[-1][0]
        if len(rows) < PAGE_SIZE:
            return
