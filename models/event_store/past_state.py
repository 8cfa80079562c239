"""The state of a record at a version or a time, and its changes between two of them."""

import json
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from odoo.tools import SQL

from .fold import fold
from .upcast import current_events, upcast_events


def state_at(
    env,
    model: str,
    record_id: int,
    version: int | None = None,
    time: datetime | None = None,
) -> dict | None:
    """Return the state of a record from its events, at present by default.

    ``{field path: value}`` without nulls, in the form of ``state.py``; numbers
    are ``int`` or ``Decimal``. None before its creation and once it is deleted.

    :param version: the last event to include, from 1
    :param time: the time up to which events are included; aware, inclusive
    :raise ValueError: both a version and a time, or a time without a zone
    """
    if version is not None and time is not None:
        raise ValueError("a state is asked for by version or by time, not by both")
    return _state(env, model, record_id, time if version is None else version)


def changes_between(
    env,
    model: str,
    record_id: int,
    start: int | datetime,
    end: int | datetime,
) -> dict[str, tuple]:
    """Return ``{field path: (value at start, value at end)}`` where these differ.

    Points are versions or times, as in ``state_at``; version 0 is before the creation.
    None stands for an empty field, and for every field if there is no state.
    """
    old = _state(env, model, record_id, start) or {}
    new = _state(env, model, record_id, end) or {}
    return {
        path: (old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    }


class StateAt(NamedTuple):
    """The state of a record at a time.

    :ivar version: of the last event until then
    :ivar changed_at: the time of that event
    :ivar values: as of ``state_at``; empty once it is deleted
    :ivar is_reached: False if there was no event yet: it is the first state then
    """

    version: int
    changed_at: datetime
    values: dict
    is_reached: bool


def states_at(env, model: str, ids: list[int], time: datetime) -> dict[int, StateAt]:
    """Return the states of some records at a time, by id.

    Of a record without an event until then it is the state of its first event. A record
    whose events came in another order than their times is as of its versions: an event
    counts from the time on at which all before it count, too.
    """
    condition = SQL(
        """
        event.stream_model = %(model)s AND event.stream_id = ANY(%(ids)s)
        AND (event.version = 1 OR event.version < ALL(
            SELECT later.version FROM cqrs_event later
            WHERE later.stream_model = %(model)s
              AND later.stream_id = event.stream_id AND later.occurred_at > %(time)s))
        """,
        model=model,
        ids=ids,
        time=time,
    )
    rows = env.execute_query(
        SQL(
            """
            SELECT stream_id, version, changed_at, state::text, began_at <= %(time)s
            FROM (%(folded)s) folded
            JOIN (SELECT stream_id, min(occurred_at) AS began_at,
                         max(occurred_at) AS changed_at
                  FROM cqrs_event event WHERE %(condition)s
                  GROUP BY stream_id) times USING (stream_id)
            """,
            folded=fold(SQL("(%s)", _events(env, condition))),
            condition=condition,
            time=time,
        )
    )
    return {
        id_: StateAt(version, changed_at, _parsed(text) or {}, is_reached)
        for id_, version, changed_at, text, is_reached in rows
    }


def _parsed(text: str | None) -> dict | None:
    return text and json.loads(text, parse_float=Decimal)


def _state(env, model: str, record_id: int, point: int | datetime | None):
    events = SQL("(%s)", _events(env, _until(model, record_id, point)))
    # As text: psycopg2 would read the numbers of a jsonb as floats.
    rows = env.execute_query(SQL("SELECT state::text FROM (%s) folded", fold(events)))
    return _parsed(rows[0][0]) if rows else None


def _until(model: str, record_id: int, point: int | datetime | None) -> SQL:
    stream = SQL("event.stream_model = %s AND event.stream_id = %s", model, record_id)
    if point is None:
        return stream
    if isinstance(point, datetime):
        if point.tzinfo is None:
            raise ValueError("a time needs a zone")
        return SQL("%s AND event.occurred_at <= %s", stream, point)
    return SQL("%s AND event.version <= %s", stream, point)


def _events(env, condition: SQL) -> SQL:
    """Return the query of the events in their present form."""
    rows = [row for page in upcast_events(env, condition) for row in page]
    upcast = rows and SQL(
        "unnest(%s::bigint[], %s::jsonb[], %s::jsonb[])"
        " upcast (position, before, after)",
        *map(list, zip(*rows, strict=True)),
    )
    return current_events(env, SQL("cqrs_event"), condition, upcast or None)
