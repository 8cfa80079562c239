"""The hash chain of a stream: the columns that an event's hash covers, and their form.

The difference statement and ``verify`` use the same builder, so that they cannot drift
apart.
"""

from odoo.tools import SQL

#: Default of the column ``hash_format``. Raised with any change of the form below; the
#: events written before it then need the old form to be verified.
HASH_FORMAT = 1

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


def event_hash(previous: SQL, occurred_at: SQL, columns: dict[str, SQL]) -> SQL:
    """Return the expression of an event's SHA-256, a ``bytea``.

    :param previous: hash of the stream's previous event, NULL for its first
    :param occurred_at: a ``timestamptz``
    :param columns: the typed expression of each of ``COVERED``
    """
    return SQL(
        """
        sha256(COALESCE(%(previous)s, '') || convert_to(
            json_build_array(
                %(columns)s,
                to_char(%(occurred_at)s AT TIME ZONE 'UTC',
                        'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            )::text, 'UTF8'))
        """,
        previous=previous,
        columns=SQL(", ").join(columns[name] for name in COVERED),
        occurred_at=occurred_at,
    )
