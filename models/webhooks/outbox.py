"""The statements of the dispatcher; each is a transaction of its own.

So none is open while it talks to anybody, and a process that is stopped in the middle
holds no lock. Those that write do nothing for who does not hold the lease.
"""

from collections.abc import Iterable
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import takewhile
from operator import itemgetter
from typing import NamedTuple

from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from odoo.sql_db import db_connect
from odoo.tools import SQL, groupby

from ..support.binding import is_bound
from .lease import HELD

#: The condition that an endpoint is sent messages: not in a copy of the database,
#: neither a neutralised one nor another
_IS_ACTIVE = f"""
    webhook.is_paused IS NOT TRUE AND {is_bound("webhook.bound_to")}
    AND NOT EXISTS (SELECT FROM ir_config_parameter
                    WHERE key = 'database.is_neutralized' AND value = 'true')
"""

#: The position of the first waiting message of the record of ``message``. As a minimum
#: it is one probe of an index; of "there is an earlier one" PostgreSQL believes, where
#: much of one record waits, that the whole table has one soon.
_FIRST = """
    (SELECT min(first.position) FROM cqrs_webhook_message first
     WHERE first.webhook_id = message.webhook_id AND first.state = 'waiting'
       AND first.stream_model = message.stream_model
       AND first.stream_id = message.stream_id)
"""


class Waiting(NamedTuple):
    """A message that may be sent now."""

    id: int
    webhook_id: int
    message_id: str
    kind: str
    position: int | None
    attempts: int


#: Messages of one record that are sent one after another, each once the one before is
#: delivered; or a single message
Chain = tuple[Waiting, ...]


class Place(NamedTuple):
    """Progress of an endpoint.

    :ivar checkpoint: up to which its messages are taken
    :ivar waiting: the messages that wait for an attempt, not counted beyond what was
        asked for; those that wait for another one of their record are not among them
    :ivar idle: seconds since the last attempt
    """

    webhook_id: int
    checkpoint: str
    waiting: int
    is_failing: bool
    idle: float


class Taken(NamedTuple):
    """A message of the log that is to be sent.

    :ivar cursor_before: the checkpoint of the endpoint before the message
    """

    message_id: str
    kind: str
    position: int | None
    stream_model: str | None
    stream_id: int | None
    cursor_before: str


class Record(NamedTuple):
    """A record whose messages an endpoint gets in order."""

    webhook_id: int
    stream_model: str
    stream_id: int


class Outcome(NamedTuple):
    """Result of a message.

    :ivar pause: seconds until the next attempt; None if there is none
    :ivar at: the time of the attempt, aware; None if there was none
    """

    id: int
    webhook_id: int
    kind: str
    state: str
    attempts: int
    pause: float | None = None
    at: datetime | None = None
    status: int | None = None
    error: str = ""
    duration_ms: int = 0
    request: str = ""
    answer: str = ""


@contextmanager
def statements(dbname: str):
    """Give a cursor that commits each statement."""
    with closing(db_connect(dbname).cursor()) as cr:
        cr.connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        yield cr


def is_needed(cr) -> bool:
    """Return whether there is an endpoint, on a server that may be written to."""
    cr.execute(
        SQL(
            f"""
            SELECT NOT pg_is_in_recovery()
               AND EXISTS (SELECT FROM cqrs_webhook webhook WHERE {_IS_ACTIVE})
            """
        )
    )
    [(needed,)] = cr.fetchall()
    return needed


def copied(cr) -> list[int]:
    """Return the ids of endpoints of another database, which nobody has paused yet."""
    cr.execute(
        SQL(
            f"""
            SELECT id FROM cqrs_webhook webhook
            WHERE is_paused IS NOT TRUE AND NOT {is_bound("webhook.bound_to")}
              AND NOT pg_is_in_recovery()
            """
        )
    )
    return [id_ for (id_,) in cr.fetchall()]


def endpoints(cr) -> dict[int, float]:
    """Return the endpoints to which messages are sent.

    :return: ``{webhook_id: seconds}``, for which the receiver asked to be left alone; 0
        or less for none
    """
    cr.execute(
        SQL(
            f"""
            SELECT webhook.id, COALESCE(
                EXTRACT(EPOCH FROM not_before - clock_timestamp())::float, 0)
            FROM cqrs_webhook webhook
            LEFT JOIN cqrs_webhook_checkpoint ON webhook_id = webhook.id
            WHERE {_IS_ACTIVE} ORDER BY webhook.id
            """
        )
    )
    return dict(cr.fetchall())


def leave_alone(cr, holder: str, webhook_id: int, seconds: float):
    """Send an endpoint nothing for a time, whoever holds the lease by then."""
    cr.execute(
        SQL(
            f"""
            WITH {HELD}
            UPDATE cqrs_webhook_checkpoint
            SET not_before = clock_timestamp() + %(seconds)s * interval '1 second'
            WHERE webhook_id = %(webhook)s AND EXISTS (SELECT FROM held)
            """,
            holder=holder,
            webhook=webhook_id,
            seconds=seconds,
        )
    )


def ready(
    cr, room: dict[int, tuple[int, int]], in_flight: Iterable[int]
) -> list[Chain]:
    """Return messages that may be sent now, the first of each endpoint.

    Where the order of a record is kept, its next message waits for the one before, and
    has no time of its own meanwhile (``take``), so that it is not looked at. Those that
    may be sent once that one is delivered come with it.

    :param room: ``{webhook_id: (chains, messages)}``, the most chains to return of
        each, and the most messages of a chain
    :param in_flight: those that are being sent
    """
    cr.execute(
        SQL(
            f"""
            SELECT first.id,
                   COALESCE(message.next_attempt_at <= now(), true)
                       AND message.id <> ALL(%(in_flight)s),
                   message.id, webhook.id, message.message_id, message.kind,
                   message.position, message.attempts
            FROM unnest(%(ids)s::integer[], %(chains)s::integer[],
                        %(messages)s::integer[]) asked (id, chains, messages)
            JOIN cqrs_webhook webhook USING (id)
            CROSS JOIN LATERAL (
                SELECT * FROM cqrs_webhook_message message
                WHERE message.webhook_id = webhook.id AND state = 'waiting'
                  AND next_attempt_at <= now()
                  AND message.id <> ALL(%(in_flight)s)
                  AND (webhook.ordering <> 'record' OR stream_id IS NULL
                       OR position = {_FIRST})
                ORDER BY next_attempt_at LIMIT asked.chains
            ) first
            CROSS JOIN LATERAL (
                SELECT 1 AS number, first.*
                UNION ALL
                (SELECT row_number() OVER (ORDER BY position) + 1, next.*
                 FROM cqrs_webhook_message next
                 WHERE next.webhook_id = first.webhook_id AND state = 'waiting'
                   AND webhook.ordering = 'record'
                   AND next.stream_model = first.stream_model
                   AND next.stream_id = first.stream_id
                   AND next.position > first.position
                 ORDER BY position LIMIT asked.messages - 1)
            ) message
            WHERE {_IS_ACTIVE}
            ORDER BY webhook.id, first.next_attempt_at, first.id, number
            """,
            ids=list(room),
            chains=[chains for chains, __ in room.values()],
            messages=[messages for __, messages in room.values()],
            in_flight=list(in_flight),
        )
    )
    return [
        tuple(Waiting(*row[2:]) for row in takewhile(itemgetter(1), rows))
        for __, rows in groupby(cr.fetchall(), key=itemgetter(0))
    ]


def seconds_until_next(cr) -> float | None:
    """Return the seconds until a message is to be sent again, None if none is."""
    cr.execute(
        SQL(
            f"""
            SELECT EXTRACT(EPOCH FROM min(next.at) - clock_timestamp())::float
            FROM cqrs_webhook webhook CROSS JOIN LATERAL (
                SELECT min(next_attempt_at) FROM cqrs_webhook_message message
                WHERE message.webhook_id = webhook.id AND state = 'waiting'
                  AND next_attempt_at > now()
            ) next (at)
            WHERE {_IS_ACTIVE}
            """
        )
    )
    [(seconds,)] = cr.fetchall()
    return seconds


def places(cr, webhook_ids: Iterable[int], most_waiting: int) -> list[Place]:
    """Return how far endpoints are.

    :param most_waiting: the number from which on waiting messages are not counted
    """
    cr.execute(
        SQL(
            f"""
            SELECT webhook.id, checkpoint,
                   (SELECT count(*) FROM (
                        SELECT FROM cqrs_webhook_message message
                        WHERE message.webhook_id = webhook.id AND state = 'waiting'
                          AND next_attempt_at IS NOT NULL
                        LIMIT %(most_waiting)s) waiting),
                   failing_since IS NOT NULL,
                   COALESCE(EXTRACT(EPOCH FROM now() - (
                        SELECT max(at) FROM cqrs_webhook_attempt attempt
                        WHERE attempt.webhook_id = webhook.id))::float, 'infinity')
            FROM cqrs_webhook webhook
            JOIN cqrs_webhook_checkpoint checkpoint ON webhook_id = webhook.id
            WHERE webhook.id = ANY(%(ids)s) AND {_IS_ACTIVE}
            """,
            ids=list(webhook_ids),
            most_waiting=most_waiting,
        )
    )
    return [Place(*row) for row in cr.fetchall()]


def cursors(cr, webhook_id: int, limit: int) -> list[tuple[int | None, str]]:
    """Return where a receiver can read on, by what it has not got.

    All that is before the first of them has been delivered, but for what was skipped.
    A message that is dead is not delivered.

    :param limit: the most messages to return
    :return: ``(id, cursor)`` of undelivered messages, with the checkpoint before each,
        in the order of the log; and ``(None, cursor)`` of the endpoint
    """
    cr.execute(
        SQL(
            """
            (SELECT id, cursor_before FROM cqrs_webhook_message
             WHERE webhook_id = %(webhook)s AND state IN ('waiting', 'dead')
               AND cursor_before IS NOT NULL
             ORDER BY id LIMIT %(limit)s)
            UNION ALL
            (SELECT NULL, checkpoint FROM cqrs_webhook_checkpoint
             WHERE webhook_id = %(webhook)s)
            ORDER BY id NULLS LAST
            """,
            webhook=webhook_id,
            limit=limit,
        )
    )
    return cr.fetchall()


def take(cr, holder: str, place: Place, checkpoint: str, messages: list[Taken]) -> bool:
    """Add messages to those that wait, and move the checkpoint, both or neither.

    Where the order of a record is kept, a message behind another one has no time of its
    own until that one has ended (``let_next_go``).

    :param place: of the endpoint; if its checkpoint is another one by now, or the lease
        somebody else's, nothing is done
    :return: whether it was done
    """
    cr.execute(
        SQL(
            f"""
            WITH {HELD},
            moved AS (
                UPDATE cqrs_webhook_checkpoint SET checkpoint = %(new)s
                WHERE webhook_id = %(webhook)s AND checkpoint = %(old)s
                  AND EXISTS (SELECT FROM held)
                RETURNING webhook_id),
            taken AS (
                SELECT * FROM moved, unnest(
                    %(message_id)s::text[], %(kind)s::text[], %(position)s::bigint[],
                    %(stream_model)s::text[], %(stream_id)s::integer[],
                    %(cursor_before)s::text[]
                ) WITH ORDINALITY AS taken (message_id, kind, position, stream_model,
                                            stream_id, cursor_before, number)
                -- One that was sent again is there already.
                WHERE NOT EXISTS (
                    SELECT FROM cqrs_webhook_message message
                    WHERE message.webhook_id = moved.webhook_id
                      AND message.message_id = taken.message_id)),
            added AS (
                INSERT INTO cqrs_webhook_message
                    (webhook_id, message_id, kind, position, stream_model, stream_id,
                     cursor_before, next_attempt_at)
                SELECT webhook_id, message_id, kind, position, stream_model, stream_id,
                       cursor_before,
                       CASE WHEN webhook.ordering <> 'record' OR stream_id IS NULL
                              OR row_number() OVER (
                                    PARTITION BY stream_model, stream_id ORDER BY number
                                 ) = 1
                             AND ({_FIRST} < position) IS NOT TRUE
                            THEN clock_timestamp() END
                FROM taken message JOIN cqrs_webhook webhook ON webhook.id = webhook_id
                ORDER BY number
                ON CONFLICT (webhook_id, message_id) DO NOTHING)
            SELECT count(*) FROM moved
            """,
            holder=holder,
            webhook=place.webhook_id,
            old=place.checkpoint,
            new=checkpoint,
            **_columns(Taken._fields, messages),
        )
    )
    [(moved,)] = cr.fetchall()
    return bool(moved)


def record(cr, holder: str, outcomes: list[Outcome]) -> list[Record] | None:
    """Write what came of messages, and a row for each attempt.

    A message that was given up meanwhile, as its endpoint was resumed without it, stays
    so.

    :return: the records of which a message has ended; None if nothing was done, since
        somebody else has the lease
    """
    cr.execute(
        SQL(
            f"""
            WITH {HELD},
            outcome AS MATERIALIZED (
                SELECT outcome.* FROM held, unnest(
                    %(id)s::bigint[], %(webhook_id)s::integer[], %(kind)s::text[],
                    %(state)s::text[], %(attempts)s::integer[], %(pause)s::float[],
                    %(at)s::timestamptz[], %(status)s::integer[], %(error)s::text[],
                    %(duration_ms)s::integer[], %(request)s::text[], %(answer)s::text[]
                ) outcome (id, webhook_id, kind, state, attempts, pause, at, status,
                           error, duration_ms, request, answer)),
            changed AS (
                UPDATE cqrs_webhook_message message
                SET state = outcome.state, kind = outcome.kind,
                    attempts = outcome.attempts,
                    next_attempt_at =
                        clock_timestamp() + outcome.pause * interval '1 second',
                    delivered_at = CASE WHEN outcome.state = 'delivered'
                                        THEN clock_timestamp()
                                        ELSE message.delivered_at END
                FROM outcome
                WHERE message.id = outcome.id AND message.state = 'waiting'
                RETURNING message.webhook_id, message.state, stream_model, stream_id),
            attempted AS (
                INSERT INTO cqrs_webhook_attempt
                    (message_id, webhook_id, at, number, status, error, duration_ms,
                     request, answer)
                SELECT message.id, outcome.webhook_id, at, outcome.attempts, status,
                       error, duration_ms, request, answer
                FROM outcome JOIN cqrs_webhook_message message USING (id)
                WHERE at IS NOT NULL)
            SELECT webhook_id, stream_model, stream_id
            FROM held LEFT JOIN changed ON state <> 'waiting' AND stream_id IS NOT NULL
            """,
            holder=holder,
            **_columns(Outcome._fields, outcomes),
        )
    )
    rows = cr.fetchall()
    if not rows:
        return None
    return [Record(*row) for row in {*rows} if row[0]]


def let_next_go(cr, holder: str, records: list[Record] | None = None):
    """Give the first waiting message of each record a time, if it has none.

    It is a statement of its own, after the one that writes the outcome: that one would
    not see what somebody has sent again while it waited for a row of theirs.

    :param records: those of which a message has ended; None for all, since a former
        holder of the lease may have stopped in between
    """
    if records is None:
        among = SQL(
            """
            SELECT DISTINCT webhook_id, stream_model, stream_id
            FROM cqrs_webhook_message
            WHERE state = 'waiting' AND next_attempt_at IS NULL
            """
        )
    else:
        among = SQL(
            """
            SELECT * FROM unnest(%(webhook_id)s::integer[], %(stream_model)s::text[],
                                 %(stream_id)s::integer[])
            """,
            **_columns(Record._fields, records),
        )
    cr.execute(
        SQL(
            f"""
            WITH {HELD}
            UPDATE cqrs_webhook_message message
            SET next_attempt_at = clock_timestamp()
            FROM (%(among)s) record (webhook_id, stream_model, stream_id)
            CROSS JOIN LATERAL (
                SELECT id FROM cqrs_webhook_message first
                WHERE first.webhook_id = record.webhook_id AND state = 'waiting'
                  AND first.stream_model = record.stream_model
                  AND first.stream_id = record.stream_id
                ORDER BY position LIMIT 1) first
            WHERE message.id = first.id AND message.state = 'waiting'
              AND next_attempt_at IS NULL AND EXISTS (SELECT FROM held)
            """,
            holder=holder,
            among=among,
        )
    )


def note_health(cr, well: list[int], failing: list[int], after: float) -> list[int]:
    """Note since when endpoints fail; return those that have for too long.

    It waits for nobody who changes an endpoint; it is noted with the next attempt then.

    :param well: endpoints that have answered
    :param failing: endpoints of which no attempt has succeeded
    :param after: seconds of failing that are too long
    """
    cr.execute(
        SQL(
            """
            WITH changed AS (
                SELECT id FROM cqrs_webhook
                WHERE id = ANY(%(well)s) AND failing_since IS NOT NULL
                   OR id = ANY(%(failing)s) AND failing_since IS NULL
                FOR NO KEY UPDATE SKIP LOCKED),
            noted AS (
                UPDATE cqrs_webhook webhook
                SET failing_since = CASE WHEN webhook.id = ANY(%(failing)s)
                                         THEN now() AT TIME ZONE 'UTC' END
                FROM changed WHERE webhook.id = changed.id)
            SELECT id FROM cqrs_webhook
            WHERE id = ANY(%(failing)s) AND is_paused IS NOT TRUE
              AND failing_since AT TIME ZONE 'UTC'
                < now() - %(after)s * interval '1 second'
            """,
            well=well,
            failing=failing,
            after=after,
        )
    )
    return [id_ for (id_,) in cr.fetchall()]


def _columns(names: Iterable[str], rows: list[tuple]) -> dict[str, list]:
    return {name: [row[n] for row in rows] for n, name in enumerate(names)}
