"""The hash chain of a stream: the columns that an event's hash covers, and their form.

The difference statement and ``verify`` use the same builder, so that they cannot drift
apart.
"""

from odoo.tools import SQL

from .personal import ERASED, commitment

#: The form of the hashes that are written now. Format 1, up to 19.0.1.2.0, covered the
#: personal values themselves, in ``before`` and ``after``; format 2 covers the
#: commitment to them (``personal.py``). No event is written anew.
HASH_FORMAT = 2

#: Columns of ``cqrs_event`` that the hash covers, in order. Neither ``position`` nor
#: ``txid`` nor ``epoch`` is: they start over when a dump is restored.
COVERED = (
    "hash_format",
    "event_id",
    "stream_model",
    "stream_id",
    "version",
    "type",
    "schema_version",
    "before",
    "after",
    "details",
    "company_id",
    "user_id",
    "acting_user_id",
    "origin",
    "correlation_id",
    "module_version",
)

#: Columns that format 2 covers besides
COMMITTED = ("commitment",)


def event_hash(previous: SQL, occurred_at: SQL, columns: dict[str, SQL]) -> SQL:
    """Return the expression of an event's SHA-256, a ``bytea``.

    :param previous: hash of the stream's previous event, NULL for its first
    :param occurred_at: a ``timestamptz``
    :param columns: the typed expression of each covered column: of ``COVERED`` for
        format 1, of ``COMMITTED`` too for format 2
    """
    return SQL(
        "sha256(COALESCE(%s, '') || convert_to(%s, 'UTF8'))",
        previous,
        _text(occurred_at, columns),
    )


def _text(occurred_at: SQL, columns: dict[str, SQL]) -> SQL:
    """Return the expression of the text that an event's hash covers."""
    covered = [columns[name] for name in COVERED]
    # Hexadecimal whatever the session's bytea_output.
    covered += [SQL("encode(%s, 'hex')", columns[n]) for n in COMMITTED if n in columns]
    return SQL(
        """
        json_build_array(
            %(columns)s,
            to_char(%(occurred_at)s AT TIME ZONE 'UTC',
                    'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        )::text
        """,
        columns=SQL(", ").join(covered),
        occurred_at=occurred_at,
    )


def expected_text() -> SQL:
    """Return the expression of the text under the hash of ``event``, as it is stored.

    It reads the columns of ``cqrs_event``.
    """
    columns = {name: SQL.identifier("event", name) for name in (*COVERED, *COMMITTED)}
    former = {name: columns[name] for name in COVERED}
    return SQL(
        "CASE event.hash_format WHEN 1 THEN %s ELSE %s END",
        _text(SQL("event.occurred_at"), former),
        _text(SQL("event.occurred_at"), columns),
    )


def expected_hash(previous: SQL) -> SQL:
    """Return the expression of the hash that follows from an event as it is stored.

    It reads the columns of ``cqrs_event``.

    :param previous: hash of the stream's previous event, NULL for its first
    """
    columns = {name: SQL.identifier(name) for name in (*COVERED, *COMMITTED)}
    former = {name: columns[name] for name in COVERED}
    return SQL(
        "CASE hash_format WHEN 1 THEN %s ELSE %s END",
        event_hash(previous, SQL("occurred_at"), former),
        event_hash(previous, SQL("occurred_at"), columns),
    )


#: The condition that ``event`` is neither as it was recorded nor as an erasure left it
#: (``erasure.py``). It reads columns of the log, and ``event.expected``, the hash that
#: follows from what is stored.
IS_ALTERED = SQL(
    # The hash of format 2 covers the commitment, and not the personal part itself.
    """
    CASE WHEN hash_format = 1 THEN
        num_nonnulls(personal, commitment) > 0
        OR hash IS DISTINCT FROM expected AND NOT EXISTS (
            %(erasure)s
            AND erasure.details -> 'remains' ->> event.event_id::text
                = encode(expected, 'hex'))
    ELSE
        hash IS DISTINCT FROM expected
        OR CASE WHEN personal IS NOT NULL
                THEN commitment IS DISTINCT FROM %(commitment)s
                ELSE commitment IS NOT NULL AND NOT EXISTS (%(erasure)s) END
    END
    """,
    commitment=commitment(SQL("personal")),
    erasure=SQL(
        "SELECT FROM cqrs_event erasure"
        " WHERE erasure.stream_model = event.stream_model"
        " AND erasure.stream_id = event.stream_id"
        " AND erasure.version > event.version AND erasure.type = %s",
        ERASED,
    ),
)
