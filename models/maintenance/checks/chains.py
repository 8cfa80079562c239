"""The chain of each stream: hashes, versions, and the order of readers."""

from collections.abc import Iterator

from odoo.tools import SQL

from ...event_store.chain import IS_ALTERED, expected_hash
from ..findings import (
    BROKEN_CHAIN,
    DOUBLED_VERSION,
    VERSION_GAP,
    WRONG_ORDER,
    Finding,
    enough,
)
from ..scope import Scope


def broken_links(env, scope: Scope, model: str) -> Iterator[Finding]:
    """Find the first event of each stream whose hash or place in the log is wrong."""
    rows = env.execute_query(
        SQL(
            """
            SELECT stream_id, min(version) FILTER (WHERE is_altered),
                   min(version) FILTER (WHERE is_misplaced)
            FROM (
                SELECT stream_id, version, %s AS is_altered, is_misplaced
                FROM (
                    SELECT stream_model, stream_id, version, event_id, hash,
                           hash_format, personal, commitment, %s AS expected,
                           (epoch, txid, position) <= (
                               lag(epoch) OVER stream, lag(txid) OVER stream,
                               lag(position) OVER stream) AS is_misplaced
                    FROM cqrs_event event WHERE stream_model = %s AND %s
                    WINDOW stream AS (PARTITION BY stream_id ORDER BY version)
                ) event
            ) link
            WHERE is_altered OR is_misplaced
            GROUP BY stream_id ORDER BY stream_id
            LIMIT %s
            """,
            IS_ALTERED,
            expected_hash(SQL("lag(hash) OVER stream")),
            model,
            scope.holds(SQL("stream_model"), SQL("stream_id")),
            enough(),
        )
    )
    for stream_id, altered, misplaced in rows:
        if altered:
            yield Finding(
                BROKEN_CHAIN,
                model,
                stream_id,
                altered,
                env._("The hash of this event does not match its content."),
            )
        if misplaced:
            yield Finding(
                WRONG_ORDER,
                model,
                stream_id,
                misplaced,
                env._("Readers receive this event before the previous one."),
            )


def version_gaps(env, scope: Scope, model: str) -> Iterator[Finding]:
    rows = env.execute_query(
        SQL(
            """
            SELECT stream_id, version, former
            FROM (
                SELECT stream_id, version,
                       lag(version, 1, 0) OVER (
                           PARTITION BY stream_id ORDER BY version) AS former
                FROM cqrs_event WHERE stream_model = %s AND %s
            ) step
            WHERE version NOT IN (former, former + 1)
            ORDER BY stream_id, version
            LIMIT %s
            """,
            model,
            scope.holds(SQL("stream_model"), SQL("stream_id")),
            enough(),
        )
    )
    for stream_id, version, former in rows:
        yield Finding(
            VERSION_GAP,
            model,
            stream_id,
            version,
            env._("The previous event has version %s.", former),
        )


def doubled_versions(env, scope: Scope) -> Iterator[Finding]:
    """Find the versions that several tables of the log have: a key holds for one."""
    rows = env.execute_query(
        SQL(
            """
            SELECT stream_model, stream_id, version FROM cqrs_event WHERE %s
            GROUP BY stream_model, stream_id, version HAVING count(*) > 1
            ORDER BY stream_model, stream_id, version
            LIMIT %s
            """,
            scope.holds(SQL("stream_model"), SQL("stream_id")),
            enough(),
        )
    )
    for stream_model, stream_id, version in rows:
        yield Finding(
            DOUBLED_VERSION,
            stream_model,
            stream_id,
            version,
            env._("Two tables of the log have an event with this version."),
        )
