"""Following the log: every event once, in order, none skipped.

Transactions commit in another order than they write, so neither ``position`` nor
``occurred_at`` tells a reader which events it has already read. The order is
``(epoch, txid, position)``, read only up to the oldest open transaction: all those with
a lower id have ended, so no event can appear below it any more. An event of a slow
transaction is therefore read late, together with those of later transactions, and
never skipped.

A page::

    events = read_events(env, after=cursor, filters=Filters(types=("LeadCreated",)))
    cursor = events[-1].cursor if events else cursor

Odoo's transactions are REPEATABLE READ: one transaction sees the same log however
often it asks. A loop takes a new transaction for each page, as ``follow`` does::

    for events in follow(env.registry, after=cursor):
        …

Access is not checked here. The events of the reading transaction itself are not read,
since it has not ended.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal

from odoo import SUPERUSER_ID, api
from odoo.tools import SQL

from .personal import IS_ERASED, whole


@dataclass(frozen=True, order=True)
class Cursor:
    """The place of one event in the log. Its text is opaque to clients."""

    epoch: int
    txid: int
    position: int

    def __str__(self):
        plain = f"{self.epoch}.{self.txid}.{self.position}"
        return urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Return the cursor that ``str()`` wrote.

        :raise ValueError: the text is not one
        """
        try:
            plain = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        except ValueError:
            plain = ""
        # No more digits than PostgreSQL's integer, xid8 and bigint surely hold.
        if not re.fullmatch(r"\d{1,9}\.\d{1,19}\.\d{1,18}", plain):
            raise ValueError(f"{text!r} is not a cursor")
        return cls(*map(int, plain.split(".")))


@dataclass(frozen=True)
class Filters:
    """Conditions on the events to read; None and an empty tuple do not restrict.

    :ivar stream_model: events of records of this Odoo model
    :ivar stream_id: events of this record of the model
    :ivar types: events of one of these types
    :ivar since: events that occurred at this time or later; aware
    :ivar until: events that occurred before this time; aware
    :ivar user_id: events made as this user (``cqrs.event.user_id``)
    :ivar acting_user_id: events made while this user was logged in
    """

    stream_model: str | None = None
    stream_id: int | None = None
    types: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    user_id: int | None = None
    acting_user_id: int | None = None


@dataclass(frozen=True)
class Event:
    """One row of the log, see ``cqrs.event``.

    ``before``, ``after`` and ``details`` have exact numbers (``int``, ``Decimal``);
    ``is_erased`` says that personal values are gone from ``before`` and ``after``;
    ``occurred_at`` is aware, in UTC; ``hash`` is hexadecimal.
    """

    position: int
    event_id: str
    stream_model: str
    stream_id: int
    version: int
    type: str
    schema_version: int
    before: dict | None
    after: dict | None
    details: dict | None
    is_erased: bool
    company_id: int | None
    user_id: int | None
    acting_user_id: int | None
    origin: str
    correlation_id: str | None
    occurred_at: datetime
    txid: int
    epoch: int
    module_version: str
    hash: str

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.epoch, self.txid, self.position)


def read_events(
    env,
    after: Cursor | None = None,
    limit: int = 100,
    filters: Filters = Filters(),
) -> list[Event]:
    """Return the next events of the log, as this transaction sees it.

    :param after: the cursor of the last event already read; None for the beginning
    :param limit: the most events to return; fewer means that the log ends here for now
    """
    env.cr.execute(_statement(after, limit, filters))
    return [_event(row) for row in env.cr.dictfetchall()]


def follow(
    registry,
    after: Cursor | None = None,
    page_size: int = 1000,
    filters: Filters = Filters(),
) -> Iterator[list[Event]]:
    """Yield pages of events up to the end of the log; no page is empty.

    Each page has a read-only transaction of its own, closed while the caller works.
    """
    while True:
        with registry.cursor(readonly=True) as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            events = read_events(env, after, page_size, filters)
        if events:
            yield events
            after = events[-1].cursor
        if len(events) < page_size:
            return


# psycopg2 would read the numbers inside JSON as floats.
_read_exactly = json.JSONDecoder(parse_float=Decimal).decode


def _event(row: dict) -> Event:
    for name in ("before", "after", "details"):
        if row[name] is not None:
            row[name] = _read_exactly(row[name])
    row["occurred_at"] = row["occurred_at"].replace(tzinfo=timezone.utc)
    row["txid"] = int(row["txid"])
    return Event(**row)


# Qualified wherever it is used: a bare "txid" would sort by the text of the select
# list, which no index gives.
_ORDER = SQL("event.epoch, event.txid, event.position")

# A row comparison, so that the index ends the scan. All transactions of an earlier
# epoch have ended, whatever their ids say.
ENDED = SQL(
    """
    (event.epoch, event.txid) < (
        (SELECT max(epoch) FROM cqrs_epoch), pg_snapshot_xmin(pg_current_snapshot()))
    """
)


def _statement(after: Cursor | None, limit: int, filters: Filters) -> SQL:
    conditions = SQL(" AND ").join(_conditions(after, filters))
    page = _page(conditions, limit)
    if filters.acting_user_id is not None:
        # Nearly all events are made as the user who is logged in: the index of users
        # finds those, and an index of their own the few others.
        page = SQL(
            "SELECT * FROM ((%s) UNION ALL (%s)) event ORDER BY %s LIMIT %s",
            _page(
                SQL(
                    "event.user_id = %(user)s AND event.acting_user_id = %(user)s"
                    " AND %(conditions)s",
                    user=filters.acting_user_id,
                    conditions=conditions,
                ),
                limit,
            ),
            _page(
                SQL(
                    "event.acting_user_id = %s"
                    " AND event.acting_user_id IS DISTINCT FROM event.user_id AND %s",
                    filters.acting_user_id,
                    conditions,
                ),
                limit,
            ),
            _ORDER,
            limit,
        )
    if filters.types:
        # The first events of each type, then the first of these: a plain IN would read
        # and sort every event of the types for each page.
        page = SQL(
            """
            SELECT event.* FROM unnest(%s::text[]) wanted (type)
            CROSS JOIN LATERAL (%s) event ORDER BY %s LIMIT %s
            """,
            sorted(set(filters.types)),
            page,
            _ORDER,
            limit,
        )
    return SQL(
        """
        SELECT position, event_id::text, stream_model, stream_id, version, type,
               schema_version, %s::text AS before, %s::text AS after, details::text,
               %s AS is_erased, company_id, user_id,
               acting_user_id, origin, correlation_id,
               occurred_at AT TIME ZONE 'UTC' AS occurred_at,
               txid::text, epoch, module_version, encode(hash, 'hex') AS hash
        FROM (%s) event ORDER BY %s
        """,
        whole("before"),
        whole("after"),
        IS_ERASED,
        page,
        _ORDER,
    )


def _page(condition: SQL, limit: int) -> SQL:
    return SQL(
        "SELECT * FROM cqrs_event event WHERE %s ORDER BY %s LIMIT %s",
        condition,
        _ORDER,
        limit,
    )


def _conditions(after: Cursor | None, filters: Filters) -> Iterator[SQL]:
    yield ENDED
    if after:
        yield SQL(
            "(%s) > (%s, %s::xid8, %s)",
            _ORDER,
            after.epoch,
            str(after.txid),
            after.position,
        )
    if filters.stream_model is not None:
        yield SQL("event.stream_model = %s", filters.stream_model)
    if filters.stream_id is not None:
        yield SQL("event.stream_id = %s", filters.stream_id)
    if filters.types:
        yield SQL("event.type = wanted.type")
    if filters.since:
        yield SQL("event.occurred_at >= %s", filters.since)
    if filters.until:
        yield SQL("event.occurred_at < %s", filters.until)
    if filters.user_id is not None:
        yield SQL("event.user_id = %s", filters.user_id)
