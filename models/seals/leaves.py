"""The leaves of a seal: one for each event, over its columns, in the log's order."""

from collections.abc import Iterator
from typing import NamedTuple

from odoo.tools import SQL

from .document import DIGEST, SealDocument

#: ``[epoch, txid, position]`` of an event, its place in the log's order
Place = list[int]

#: Before every event; an event that was moved may have any epoch or position
BEGINNING = [-(2**31), 0, 0]

#: Leaves that a statement returns at most, but for one seal
EVENTS_AT_A_TIME = 100_000

_ORDER = SQL("event.epoch, event.txid, event.position")

#: The text of the leaf of ``event``.
# Personal values may be erased: the leaf has the commitment to them. An event of format
# 1 has them in before and after, and one hash over all: the leaf has that hash alone.
# An array, since an object with the names of the columns takes half as long again.
LEAF_TEXT = SQL(
    """
    json_build_array(
        event.position, event.epoch, event.txid, event.event_id, event.stream_model,
        event.stream_id, event.version, event.type, event.schema_version,
        CASE WHEN event.hash_format > 1 THEN event.before END,
        CASE WHEN event.hash_format > 1 THEN event.after END,
        CASE WHEN event.hash_format > 1 THEN event.details END,
        encode(event.commitment, 'hex'),
        event.company_id, event.user_id, event.acting_user_id, event.origin,
        event.correlation_id, event.occurred_at AT TIME ZONE 'UTC',
        event.module_version, event.hash_format, encode(event.hash, 'hex')
    )::text
    """
)

_HASH = SQL("sha256(decode('00', 'hex') || convert_to(%s, 'UTF8'))", LEAF_TEXT)


class Leaves(NamedTuple):
    """The hashes of some leaves, one after the other, and where the last one stands."""

    count: int
    hashes: bytes
    end: Place | None
    streams: bytes | None

    def split(self) -> list[bytes]:
        return [self.hashes[at : at + 32] for at in range(0, len(self.hashes), 32)]


def after(place: Place | None) -> SQL:
    """Return the condition that an event stands after a place."""
    return SQL("(%s) > (%s, %s::xid8, %s)", _ORDER, *_place(place or BEGINNING))


def between(start: Place | None, end: Place) -> SQL:
    """Return the condition that an event stands after a place, not after another."""
    return SQL("%s AND (%s) <= (%s, %s::xid8, %s)", after(start), _ORDER, *_place(end))


def read_leaves(
    env, condition: SQL, limit: int | None = None, with_streams: bool = True
) -> Leaves:
    """Return the first leaves of the events that a condition leaves.

    :param with_streams: whether to return the digests, as ``digests_of`` reads them
    """
    [(count, hashes, end, streams)] = env.execute_query(
        SQL(
            """
            WITH leaf AS MATERIALIZED (
                SELECT event.epoch, event.txid, event.position, stream_model,
                       stream_id, %(hash)s AS hash
                FROM cqrs_event event WHERE %(condition)s
                ORDER BY %(order)s LIMIT %(limit)s
            )
            SELECT count(*),
                   string_agg(hash, '' ORDER BY epoch, txid, position),
                   (SELECT ARRAY[epoch::text, txid::text, position::text] FROM leaf
                    ORDER BY leaf.epoch DESC, leaf.txid DESC, leaf.position DESC
                    LIMIT 1),
                   %(streams)s
            FROM leaf
            """,
            hash=_HASH,
            condition=condition,
            order=_ORDER,
            limit=limit,
            streams=_STREAMS if with_streams else SQL("NULL::bytea"),
        )
    )
    return Leaves(
        count,
        bytes(hashes or b""),
        end and [int(each) for each in end],
        bytes(streams or b"") if with_streams else None,
    )


# The digest of a stream is the beginning of the hash of its leaves.
_STREAMS = SQL(
    """
    (SELECT string_agg(convert_to(stream_model, 'UTF8') || decode('00', 'hex')
                       || int4send(count) || digests, '' ORDER BY stream_model)
     FROM (
        SELECT stream_model, count(*)::integer AS count,
               string_agg(int4send(stream_id) || substr(sha256(hashes), 1, %s), ''
                          ORDER BY stream_id) AS digests
        FROM (
            SELECT stream_model, stream_id,
                   string_agg(hash, '' ORDER BY epoch, txid, position) AS hashes
            FROM leaf GROUP BY stream_model, stream_id
        ) stream
        GROUP BY stream_model
     ) model)
    """,
    DIGEST,
)


def read_sealed(
    env, seals: list[SealDocument]
) -> Iterator[tuple[SealDocument, int, bytes]]:
    """Yield the number and the hashes of the leaves under each seal."""
    for part in _parts(seals):
        rows = env.execute_query(
            SQL(
                "SELECT leaf.count, leaf.hashes FROM (VALUES %s) AS seal (number,"
                " start_epoch, start_txid, start_position, epoch, txid, position)"
                " CROSS JOIN LATERAL (%s) leaf ORDER BY seal.number",
                SQL(", ").join(
                    SQL(
                        "(%s, %s, %s::xid8, %s::bigint, %s, %s::xid8, %s::bigint)",
                        number,
                        *_place(seal.content["start"] or BEGINNING),
                        *_place(seal.content["end"]),
                    )
                    for number, seal in enumerate(part)
                ),
                _SEALED,
            )
        )
        for seal, (count, hashes) in zip(part, rows, strict=True):
            yield seal, count, bytes(hashes or b"")


def _parts(seals: list[SealDocument]) -> Iterator[list[SealDocument]]:
    """Split seals so that no statement returns many leaves."""
    part, events = [], 0
    for seal in seals:
        part.append(seal)
        events += seal.content["events"]
        if events >= EVENTS_AT_A_TIME:
            yield part
            part, events = [], 0
    if part:
        yield part


def _place(place: Place) -> tuple[int, str, int]:
    return place[0], str(place[1]), place[2]


# One range of the index of the order for each seal.
_SEALED = SQL(
    """
    SELECT count(*), string_agg(hash, '' ORDER BY epoch, txid, position) AS hashes
    FROM (
        SELECT event.epoch, event.txid, event.position, %s AS hash
        FROM cqrs_event event
        WHERE (%s) > (seal.start_epoch, seal.start_txid, seal.start_position)
          AND (%s) <= (seal.epoch, seal.txid, seal.position)
    ) event
    """,
    _HASH,
    _ORDER,
    _ORDER,
)


def last_place(env) -> Place | None:
    """Return where the last event stands."""
    return _read_place(
        env,
        SQL("true ORDER BY event.epoch DESC, event.txid DESC, event.position DESC"),
    )


def place_of(env, position: int) -> Place | None:
    """Return where the event of a position stands."""
    return _read_place(env, SQL("position = %s", position))


def _read_place(env, condition: SQL) -> Place | None:
    rows = env.execute_query(
        SQL(
            "SELECT event.epoch, event.txid::text, event.position"
            " FROM cqrs_event event WHERE %s LIMIT 1",
            condition,
        )
    )
    return [int(each) for each in rows[0]] if rows else None


def leaf_text(env, position: int) -> str:
    """Return the text of an event's leaf."""
    [(text,)] = env.execute_query(
        SQL("SELECT %s FROM cqrs_event event WHERE position = %s", LEAF_TEXT, position)
    )
    return text
