"""Following the log: every event once, none skipped, none waited for.

Transactions commit in another order than they write, so neither ``position`` nor
``occurred_at`` tells a reader which events it has already read. A reader therefore
keeps a *checkpoint*, which is a snapshot: the transactions whose events it has read.
The next page has what is visible now and is not in the checkpoint, however long other
transactions stay open.

A page is in the order of ``(epoch, txid, position)``, and pages follow each other in
the order in which transactions end. Of one record, events come in the order of their
versions: whoever writes a record after another either has the greater transaction id,
or fails (40001).

A page::

    page = read_page(env, after=checkpoint, filters=Filters(types=("LeadCreated",)))
    checkpoint = page.checkpoint

Odoo's transactions are REPEATABLE READ: one transaction sees the same log however
often it asks. A loop takes a new transaction for each page, as ``follow`` does::

    for page in follow(env.registry, after=checkpoint):
        …

Access is not checked here. The events of the reading transaction itself are not read,
since it has not ended.
"""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from decimal import Decimal
from functools import cached_property

from odoo import SUPERUSER_ID, api
from odoo.tools import SQL

from .part import Part, in_part
from .personal import IS_ERASED, whole

#: Open transactions that a checkpoint names at most. What is written after so many
#: waits until one of them has ended: a checkpoint has to fit into an address.
MAX_OPEN = 256


@dataclass(frozen=True, order=True)
class Place:
    """The place of one event in the log."""

    epoch: int
    txid: int
    position: int


@dataclass(frozen=True)
class Horizon:
    """The part of the log that a transaction sees: all that ended before it began.

    :ivar epoch: the present one; all transactions of earlier epochs have ended
    :ivar end: no transaction from this id on is seen
    :ivar upto: nor from this one on, so that no more than ``MAX_OPEN`` have to be named
    :ivar open: the transactions before ``upto`` that have not ended
    :ivar is_replica: the snapshots of a replica list no open transactions: only those
        below the oldest one are known to have ended
    """

    epoch: int
    end: int
    upto: int
    open: frozenset[int]
    is_replica: bool

    @classmethod
    def of(cls, env) -> "Horizon":
        [(epoch, snapshot, own, is_replica)] = env.execute_query(
            SQL(
                """
                SELECT (SELECT max(epoch) FROM cqrs_epoch), pg_current_snapshot()::text,
                       pg_current_xact_id_if_assigned()::text, pg_is_in_recovery()
                """
            )
        )
        first_open, end, listed = snapshot.split(":")
        if is_replica:
            return cls(epoch, int(end), int(first_open), frozenset(), True)
        # A snapshot does not list the transaction that takes it.
        ids = sorted({int(id_) for id_ in (*listed.split(","), own) if id_})
        ids, others = ids[:MAX_OPEN], ids[MAX_OPEN:]
        upto = min([int(end), *others])
        return cls(epoch, int(end), upto, frozenset(i for i in ids if i < upto), False)

    def sees(self, epoch: int, txid: int) -> bool:
        if epoch != self.epoch:
            return epoch < self.epoch
        return txid < self.upto and txid not in self.open

    @cached_property
    def condition(self) -> SQL:
        """The condition that ``event`` is seen."""
        snapshot = (
            f"{min(self.open, default=self.upto)}:{self.upto}:"
            f"{','.join(map(str, sorted(self.open)))}"
        )
        # No row comparison: of one PostgreSQL estimates the first column alone, so that
        # the log would seem to be empty where there is but one epoch, and to go through
        # all of it for a rare type to cost nothing.
        return SQL(
            """
            event.epoch <= %(epoch)s
            AND (event.epoch < %(epoch)s
                 OR pg_visible_in_snapshot(event.txid, %(snapshot)s::pg_snapshot))
            """,
            epoch=self.epoch,
            snapshot=snapshot,
        )


@dataclass(frozen=True)
class Checkpoint:
    """The part of the log that a reader has read. Its text is opaque to clients.

    It is everything of earlier epochs, and of ``epoch`` all transactions before
    ``upto`` but for the unread ones.

    >>> checkpoint = Checkpoint(1, 500, ((480, 0), (499, 17)))
    >>> Checkpoint.parse(str(checkpoint)) == checkpoint
    True

    Checkpoints of version 19.0.1.5 were the place of an event, before which no
    transaction was open:

    >>> Checkpoint.parse(urlsafe_b64encode(b"1.499.17").decode())
    Checkpoint(epoch=1, upto=500, unread=((499, 17),))

    :ivar unread: id of each transaction that was open, or is read in part, and the
        position up to which it is read; sorted
    """

    epoch: int
    upto: int
    unread: tuple[tuple[int, int], ...] = ()

    def __str__(self):
        # Ids by their distance from the end, which is short.
        plain = f"s{self.epoch}.{self.upto}" + "".join(
            f".{self.upto - txid}" + (f"-{position}" if position else "")
            for txid, position in self.unread
        )
        return urlsafe_b64encode(plain.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Return the checkpoint that ``str()`` wrote.

        :raise ValueError: the text is not one
        """
        try:
            plain = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
        except ValueError:
            plain = ""
        # No more digits than PostgreSQL's integer, xid8 and bigint surely hold.
        if re.fullmatch(r"\d{1,9}\.\d{1,18}\.\d{1,18}", plain):
            epoch, txid, position = map(int, plain.split("."))
            return cls(epoch, txid + 1, ((txid, position),))
        if not re.fullmatch(r"s\d{1,9}\.\d{1,19}(\.\d{1,19}(-\d{1,18})?)*", plain):
            raise ValueError(f"{text!r} is not a checkpoint")
        epoch, end, *unread = plain[1:].split(".")
        upto, ids = int(end), {}
        for each in unread:
            distance, __, position = each.partition("-")
            ids[upto - int(distance)] = int(position or 0)
        if len(ids) > 2 * MAX_OPEN or any(not 0 <= id_ < upto for id_ in ids):
            raise ValueError(f"{text!r} is not a checkpoint")
        return cls(int(epoch), upto, tuple(sorted(ids.items())))

    def after(self, place: Place, horizon: Horizon) -> "Checkpoint":
        """Return the checkpoint of who has read what a horizon shows up to a place."""
        upto, unread = self.upto, dict(self.unread)
        if place.epoch != self.epoch:
            upto, unread = 0, {}
        unread = {
            txid: position
            for txid, position in unread.items()
            if txid > place.txid or not horizon.sees(place.epoch, txid)
        }
        if place.txid >= upto:
            if place.epoch == horizon.epoch:
                unread |= {id_: 0 for id_ in horizon.open if upto <= id_ < place.txid}
            upto = place.txid + 1
        unread[place.txid] = place.position
        return Checkpoint(place.epoch, upto, tuple(sorted(unread.items())))

    def at_end(self, horizon: Horizon) -> "Checkpoint":
        """Return the checkpoint of who has read all that a horizon shows, too.

        It sees what this one sees, also where a replica does not show that yet. A
        primary without transactions that this one has seen was restored, or lost them
        in a crash of another server: their ids are given out anew.
        """
        is_past = (self.epoch, self.upto) > (horizon.epoch, horizon.end)
        if is_past and not horizon.is_replica or self.epoch < horizon.epoch:
            return Checkpoint(horizon.epoch, 0).at_end(horizon)
        if self.epoch > horizon.epoch:
            return self
        unread = {
            txid: position
            for txid, position in self.unread
            if not horizon.sees(self.epoch, txid)
        }
        unread |= {id_: 0 for id_ in horizon.open if id_ >= self.upto}
        return Checkpoint(
            self.epoch, max(self.upto, horizon.upto), tuple(sorted(unread.items()))
        )


#: Nothing has been read
BEGINNING = Checkpoint(0, 0)


@dataclass(frozen=True)
class Filters:
    """Conditions on the events to read; None and an empty tuple do not restrict.

    :ivar stream_model: events of records of this Odoo model
    :ivar models: events of records of one of these Odoo models
    :ivar stream_id: events of this record of the model
    :ivar types: events of one of these types; ``*`` at the end of one stands for any
        ending
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
    models: tuple[str, ...] = ()

    @property
    def of_any_content(self) -> "Filters":
        """The filters but those on type and people, which not everybody may know."""
        return replace(self, types=(), user_id=None, acting_user_id=None)

    def ask_for(self, event: "Event") -> bool:
        """Return whether type and people of an event, as it is told, are asked for."""
        return (
            (not self.types or any(_is_of_type(event, name) for name in self.types))
            and self.user_id in (None, event.user_id)
            and self.acting_user_id in (None, event.acting_user_id)
        )


#: No condition
EVERYTHING = Filters()


@dataclass(frozen=True)
class Event:
    """One row of the log, see ``cqrs.event``.

    ``before``, ``after`` and ``details`` have exact numbers (``int``, ``Decimal``);
    ``is_erased`` says that personal values are gone from ``before`` and ``after``;
    ``occurred_at`` is aware, in UTC; ``hash`` is hexadecimal, None of an event of which
    only a side may be known (``part.py``).
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
    hash: str | None

    @property
    def place(self) -> Place:
        return Place(self.epoch, self.txid, self.position)

    @property
    def record(self) -> tuple[str, int]:
        return self.stream_model, self.stream_id


@dataclass(frozen=True)
class Page:
    """The next events of the log.

    :ivar checkpoint: the one to read on from, also where no event came
    :ivar is_last: the log ends here for now
    """

    events: list[Event]
    checkpoint: Checkpoint
    is_last: bool
    _start: Checkpoint
    _horizon: Horizon

    def checkpoint_at(self, event: Event) -> Checkpoint:
        """Return the checkpoint of who has read this page up to an event of it."""
        return self._start.after(event.place, self._horizon)


def read_page(
    env,
    after: Checkpoint | None = None,
    limit: int = 100,
    filters: Filters = EVERYTHING,
    part: Part | None = None,
    also: SQL | None = None,
) -> Page:
    """Return the next events of the log, as this transaction sees it.

    :param after: what has been read already; None for nothing
    :param limit: the most events to return; with a part, to look through
    :param part: the part of the log to return. ``filters`` are of the events as they
        are in the log
    :param also: a condition on ``event``: those that meet it are read whatever their
        type and people are
    """
    start, horizon = after or BEGINNING, Horizon.of(env)
    env.cr.execute(_statement(start, horizon, limit, filters, part, also))
    rows = env.cr.dictfetchall()
    is_last = len(rows) < limit
    if is_last:
        checkpoint = start.at_end(horizon)
    else:
        last = rows[-1]
        place = Place(last["epoch"], int(last["txid"]), last["position"])
        checkpoint = start.after(place, horizon)
    events = [_event(row) for row in rows if row.pop("is_seen")]
    return Page(events, checkpoint, is_last, start, horizon)


def end_of_log(env) -> Checkpoint:
    """Return the checkpoint of who has read all that this transaction sees."""
    return BEGINNING.at_end(Horizon.of(env))


def read_events(env, positions: list[int], part: Part | None = None) -> list[Event]:
    """Return the events of some positions, in the order of the log."""
    page = SQL(
        "SELECT * FROM cqrs_event event WHERE event.position = ANY(%s)", positions
    )
    env.cr.execute(_columns_of(page, part))
    return [_event(row) for row in env.cr.dictfetchall() if row.pop("is_seen")]


def follow(
    registry,
    after: Checkpoint | None = None,
    page_size: int = 1000,
    filters: Filters = EVERYTHING,
) -> Iterator[Page]:
    """Yield pages up to the end of the log, the last of which may be empty.

    Each page has a read-only transaction of its own, closed while the caller works.
    """
    while True:
        with registry.cursor(readonly=True) as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            page = read_page(env, after, page_size, filters)
        yield page
        if page.is_last:
            return
        after = page.checkpoint


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


def _statement(
    start: Checkpoint,
    horizon: Horizon,
    limit: int,
    filters: Filters,
    part: Part | None,
    also: SQL | None,
) -> SQL:
    late = [each for each in start.unread if horizon.sees(start.epoch, each[0])]
    asked = [(filters, SQL("true"))]
    if also and filters != filters.of_any_content:
        asked.append((filters.of_any_content, also))
    queries = []
    for each in asked:
        queries.append(_later(start, horizon, limit, *each))
        if late:
            queries.append(_late(start.epoch, late, limit, *each))
    if len(queries) == 1:
        return _columns_of(queries[0], part)
    page = SQL(
        "SELECT DISTINCT ON (%s) * FROM (%s) event ORDER BY %s LIMIT %s",
        _ORDER,
        SQL(" UNION ALL ").join(SQL("(%s)", query) for query in queries),
        _ORDER,
        limit,
    )
    return _columns_of(page, part)


def _columns_of(page: SQL, part: Part | None) -> SQL:
    page = SQL("(%s)", page)
    return SQL(
        """
        SELECT position, event_id::text, stream_model, stream_id, version, type,
               schema_version, %s::text AS before, %s::text AS after, details::text,
               %s AS is_erased, company_id, user_id,
               acting_user_id, origin, correlation_id,
               occurred_at AT TIME ZONE 'UTC' AS occurred_at,
               txid::text, epoch, module_version, encode(hash, 'hex') AS hash,
               %s AS is_seen
        FROM %s event ORDER BY %s
        """,
        whole("before"),
        whole("after"),
        IS_ERASED,
        SQL("event.is_seen") if part else SQL("true"),
        in_part(page, part) if part else page,
        _ORDER,
    )


def _late(
    epoch: int,
    late: list[tuple[int, int]],
    limit: int,
    filters: Filters,
    also: SQL,
) -> SQL:
    """Return the query of events of transactions that a checkpoint leaves unread."""
    ids, positions = zip(*late, strict=True)
    conditions = [
        SQL(
            "event.epoch = %s AND event.txid = late.txid"
            " AND event.position > late.position",
            epoch,
        ),
        also,
        *_conditions(filters),
    ]
    if filters.types:
        conditions.append(_is_of_types(filters.types))
    if filters.acting_user_id is not None:
        conditions.append(SQL("event.acting_user_id = %s", filters.acting_user_id))
    return SQL(
        """
        SELECT event.* FROM unnest(%s::xid8[], %s::bigint[]) late (txid, position)
        CROSS JOIN LATERAL (%s) event ORDER BY %s LIMIT %s
        """,
        list(map(str, ids)),
        list(positions),
        _page(SQL(" AND ").join(conditions), limit),
        _ORDER,
        limit,
    )


def _later(
    start: Checkpoint, horizon: Horizon, limit: int, filters: Filters, also: SQL
) -> SQL:
    """Return the query of events of transactions that a checkpoint does not know."""
    conditions = [horizon.condition, also, *_conditions(filters)]
    if start != BEGINNING:
        conditions.append(
            SQL(
                "(event.epoch, event.txid) >= (%s, %s::xid8)",
                start.epoch,
                str(start.upto),
            )
        )
    is_by_type = filters.types and not any("*" in name for name in filters.types)
    if is_by_type:
        conditions.append(SQL("event.type = wanted.type"))
    elif filters.types:
        conditions.append(_is_of_types(filters.types))
    condition = SQL(" AND ").join(conditions)
    page = _page(condition, limit)
    if filters.acting_user_id is not None:
        # Nearly all events are made as the user who is logged in: the index of users
        # finds those, and an index of their own the few others.
        page = SQL(
            "SELECT * FROM ((%s) UNION ALL (%s)) event ORDER BY %s LIMIT %s",
            _page(
                SQL(
                    "event.user_id = %(user)s AND event.acting_user_id = %(user)s"
                    " AND %(condition)s",
                    user=filters.acting_user_id,
                    condition=condition,
                ),
                limit,
            ),
            _page(
                SQL(
                    "event.acting_user_id = %s"
                    " AND event.acting_user_id IS DISTINCT FROM event.user_id AND %s",
                    filters.acting_user_id,
                    condition,
                ),
                limit,
            ),
            _ORDER,
            limit,
        )
    if is_by_type:
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
    return page


def _page(condition: SQL, limit: int) -> SQL:
    return SQL(
        "SELECT * FROM cqrs_event event WHERE %s ORDER BY %s LIMIT %s",
        condition,
        _ORDER,
        limit,
    )


def _is_of_type(event: Event, name: str) -> bool:
    if name.endswith("*"):
        return event.type.startswith(name.removesuffix("*"))
    return event.type == name


def _is_of_types(types: tuple[str, ...]) -> SQL:
    beginnings = [name.removesuffix("*") for name in types if name.endswith("*")]
    return SQL(
        "(event.type = ANY(%s) OR EXISTS (SELECT FROM unnest(%s::text[]) AS beginning"
        " WHERE starts_with(event.type, beginning)))",
        [name for name in types if not name.endswith("*")],
        beginnings,
    )


def _conditions(filters: Filters) -> Iterator[SQL]:
    if filters.stream_model is not None:
        yield SQL("event.stream_model = %s", filters.stream_model)
    if filters.models:
        yield SQL("event.stream_model = ANY(%s)", list(filters.models))
    if filters.stream_id is not None:
        yield SQL("event.stream_id = %s", filters.stream_id)
    if filters.since:
        yield SQL("event.occurred_at >= %s", filters.since)
    if filters.until:
        yield SQL("event.occurred_at < %s", filters.until)
    if filters.user_id is not None:
        yield SQL("event.user_id = %s", filters.user_id)
