"""The status of the log, and of the work over it, for the command line."""

from odoo.tools import SQL

from ..event_store.append_only import missing_triggers
from ..event_store.archive import archive_tables
from ..privacy.again import due
from ..projections.failures import broken, quarantined
from ..seals.reach import reach
from ..seals.seal import TRIGGERS as SEAL_TRIGGERS
from ..support.triggers import not_holding
from .jobs import jobs
from .renamed import refused
from .run import LOCK


def status(env) -> dict:
    """Return ``{events, streams, last_position, epoch, …}``; times are aware, UTC.

    ``streams`` is ``{model: {streams, deleted}}``; ``bytes`` counts indexes too;
    ``archive_tables`` is ``[{table, tablespace, bytes}]``, whose events and bytes are
    among the others;
    ``missing_triggers`` names those that should keep log and seals from being edited;
    ``holding_readers_back`` is the oldest open transaction that has written, in any
    database of the cluster, None if there is none (or the database role may not see
    it); ``last_verified`` and ``unfinished_verification`` are None if there is none;
    ``seals`` is how far the seals reach (``reach.py``);
    ``jobs`` is about the scheduled actions (``jobs.py``);
    ``failed_looks`` is ``{model: failure}`` of the reconciler, ``broken_projections``
    is ``{projection: error}``, ``quarantined`` is ``[{projection, records, since,
    error}]``; ``webhooks`` is the health of each endpoint, by its id and name;
    ``refused`` is how many ``{api_keys, webhooks}`` of another database, of which this
    one is a copy, or of a former name, by that database's name.
    """
    log = _row(env, _LOG)
    archives = env.execute_query_dict(SQL(_ARCHIVES, archive_tables(env)))
    log["event_bytes"] += sum(table["bytes"] for table in archives)
    return {
        **log,
        "archive_tables": archives,
        "streams": {
            row.pop("stream_model"): row for row in env.execute_query_dict(_STREAMS)
        },
        "missing_triggers": [
            *missing_triggers(env),
            *(trigger.name for trigger in not_holding(env, SEAL_TRIGGERS)),
        ],
        "holding_readers_back": holding_readers_back(env),
        "last_verified": last_verification(env),
        "unfinished_verification": unfinished_verification(env),
        "seals": reach(env),
        "erasures_due": len(due(env)),
        "jobs": jobs(env),
        "failed_looks": dict(env.execute_query(_FAILED_LOOKS)),
        "broken_projections": broken(env),
        "quarantined": quarantined(env),
        "webhooks": _webhooks(env),
        "refused": refused(env),
    }


def to_act_on(document: dict) -> list[str]:
    """Return the names of the parts of a status that ask somebody to act."""
    names = (
        "missing_triggers",
        "failed_looks",
        "broken_projections",
        "quarantined",
        "unfinished_verification",
        "erasures_due",
    )
    found = [name for name in names if document[name]]
    verified = document["last_verified"]
    if verified and verified["findings"]:
        found.append("last_verified")
    return found


def _webhooks(env) -> dict[str, dict]:
    endpoints = env["cqrs.webhook"].search([])
    health = endpoints._read_health()
    return {
        f"{each.id} {each.name}": {
            "paused": each.pause_reason or each.is_paused,
            **health.get(each.id, {}),
        }
        for each in endpoints
    }


def holding_readers_back(env) -> dict | None:
    """Return the transaction that readers of the log wait for, None if there is none.

    It is ``{database, pid, application, user, prepared, since, seconds}`` of the oldest
    open transaction that has written, in any database of the cluster. A prepared one
    has no ``pid``, and its name in ``prepared``. PostgreSQL may not tell the age of
    another role's transaction: None.
    """
    return _row(env, _OLDEST_WRITER)


def last_verification(env) -> dict | None:
    """Return ``{id, finished_at, seconds, findings, coverage, …}`` of the last one.

    ``coverage`` is that of ``scope.py``; ``whole_since`` and ``whole_seconds``, as of
    the last verification without findings, tell since when everything was verified.
    """
    return _row(env, _LAST_VERIFIED)


def unfinished_verification(env) -> dict | None:
    """Return ``{id, state, began_at, seconds, error}`` of an unfinished verification.

    It is the last one, if it has failed, was cancelled or abandoned, or has not ended
    for ``OVERDUE_SECONDS``. ``error`` is one line.
    """
    return _row(env, _UNFINISHED)


#: Seconds after which a verification that has not ended counts as unfinished
OVERDUE_SECONDS = 6 * 3600

_LOG = SQL(
    """
    SELECT count(*) AS events,
           max(position) AS last_position,
           (SELECT max(epoch) FROM cqrs_epoch) AS epoch,
           count(*) FILTER (WHERE occurred_at > now() - interval '1 hour')
               AS events_last_hour,
           pg_total_relation_size('cqrs_event') AS event_bytes,
           pg_total_relation_size('cqrs_stream') AS stream_bytes
    FROM cqrs_event
    """
)

_ARCHIVES = """
    SELECT relname AS "table", spcname AS tablespace,
           pg_total_relation_size(pg_class.oid) AS bytes
    FROM unnest(%s::text[]) WITH ORDINALITY AS listed (name, place)
    JOIN pg_class ON pg_class.oid = to_regclass(listed.name)
    LEFT JOIN pg_tablespace ON pg_tablespace.oid = reltablespace
    ORDER BY place
"""

_STREAMS = SQL(
    """
    SELECT stream_model, count(*) AS streams, count(*) - count(state) AS deleted
    FROM cqrs_stream GROUP BY stream_model ORDER BY stream_model
    """
)

_OLDEST_WRITER = SQL(
    """
    SELECT database, pid, application, "user", prepared,
           since,
           GREATEST(0, extract(epoch FROM clock_timestamp() - since))::integer
               AS seconds
    FROM (
        SELECT datname AS database, pid, application_name AS application,
               usename AS "user", NULL AS prepared, xact_start AS since,
               backend_xid AS xid
        FROM pg_stat_activity
        WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
        UNION ALL
        SELECT database, NULL, NULL, owner, gid, prepared, transaction
        FROM pg_prepared_xacts
    ) writer
    ORDER BY age(xid) DESC LIMIT 1
    """
)

_LAST_VERIFIED = SQL(
    """
    SELECT id, finished_at AT TIME ZONE 'UTC' AS finished_at,
           extract(epoch FROM now() AT TIME ZONE 'UTC' - finished_at)::integer
               AS seconds,
           findings, result::jsonb -> 'coverage' AS coverage, whole_since,
           extract(epoch FROM now() - whole_since)::integer AS whole_seconds
    FROM cqrs_run LEFT JOIN LATERAL (
        SELECT COALESCE((result::jsonb -> 'coverage' ->> 'whole_since')::timestamptz,
                        finished_at AT TIME ZONE 'UTC') AS whole_since
        FROM cqrs_run clean
        WHERE kind = 'verify' AND state = 'done' AND COALESCE(findings, 0) = 0
        ORDER BY id DESC LIMIT 1
    ) clean ON true
    WHERE kind = 'verify' AND state = 'done'
    ORDER BY id DESC LIMIT 1
    """
)


# The process that performs a run holds a lock on it.
IS_PERFORMED = SQL(
    """
    EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND objsubid = 2
          AND classid::bigint = %s AND objid::bigint = cqrs_run.id
          AND database = (SELECT oid FROM pg_database
                          WHERE datname = current_database()))
    """,
    LOCK,
)

_UNFINISHED = SQL(
    """
    SELECT id, state, began_at AT TIME ZONE 'UTC' AS began_at,
           extract(epoch FROM now() AT TIME ZONE 'UTC' - began_at)::integer AS seconds,
           NULLIF(split_part(btrim(error, E' \n'), E'\n', 1), '') AS error
    FROM cqrs_run CROSS JOIN LATERAL (
        SELECT COALESCE(started_at, create_date) AS began_at) began
    WHERE kind = 'verify'
      AND id > COALESCE((SELECT max(id) FROM cqrs_run
                         WHERE kind = 'verify' AND state = 'done'), 0)
      AND (state IN ('failed', 'cancelled') OR state = 'running' AND NOT %s
           OR state IN ('running', 'pending')
               AND create_date < now() AT TIME ZONE 'UTC' - interval '1 s' * %s)
    ORDER BY id DESC LIMIT 1
    """,
    IS_PERFORMED,
    OVERDUE_SECONDS,
)

_FAILED_LOOKS = SQL(
    """
    SELECT stream_model, failure FROM cqrs_reconciliation
    WHERE failure IS NOT NULL ORDER BY stream_model
    """
)


def _row(env, query: SQL) -> dict | None:
    rows = env.execute_query_dict(query)
    return rows[0] if rows else None
