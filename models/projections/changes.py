"""The changes of records between two versions, as the relation ``stream``."""

from odoo.tools import SQL

from ..event_store.fold import fold
from ..event_store.personal import whole


def current_versions(env, model: str, stream_ids: list[int]) -> list[tuple[int, int]]:
    """Return ``(stream_id, version)`` of some recorded states."""
    return env.execute_query(
        SQL(
            "SELECT stream_id, version FROM cqrs_stream"
            " WHERE stream_model = %s AND stream_id = ANY(%s)",
            model,
            stream_ids,
        )
    )


def net_changes(
    model: str, held: dict[int, int], wanted: dict[int, int] | None = None
) -> SQL:
    """Return the query of ``stream``, one row a record, between two versions.

    :param held: ``{stream_id: version}`` to begin with
    :param wanted: ``{stream_id: version}`` to end with, 0 before the creation; the
        present versions by default
    """
    events = SQL("(%s)", _events_until(model, held))
    if wanted is None:
        state = SQL("present.state")
        after = SQL()
    else:
        state = SQL("after.state")
        after = SQL(
            "LEFT JOIN (%s) after USING (stream_id)",
            fold(SQL("(%s)", _events_until(model, wanted))),
        )
    return SQL(
        """
        SELECT present.stream_id, %(state)s AS state, before.state AS former,
               present.version, event.occurred_at
        FROM cqrs_stream present
        JOIN cqrs_event event USING (stream_model, stream_id, version)
        LEFT JOIN (%(before)s) before USING (stream_id)
        %(after)s
        WHERE present.stream_model = %(model)s AND present.stream_id = ANY(%(ids)s)
        """,
        state=state,
        before=fold(events),
        after=after,
        model=model,
        ids=list(held),
    )


def each_change(
    model: str, held: dict[int, int], wanted: dict[int, int] | None = None
) -> SQL:
    """Return the query of ``stream``, one row an event, between two versions.

    The parameters are those of ``net_changes``. If the wanted version is the older one,
    each event is undone: its states are exchanged.
    """
    wanted = wanted or dict.fromkeys(held, 2**31 - 1)
    return SQL(
        # A stream that was deleted and created again starts over, as in the fold.
        """
        SELECT stream_id, CASE WHEN is_undone THEN former ELSE state END AS state,
               CASE WHEN is_undone THEN state ELSE former END AS former,
               version, occurred_at
        FROM (
            SELECT stream_id, version, occurred_at, state, lag(state) OVER (
                       PARTITION BY stream_id ORDER BY version) AS former
            FROM (
                SELECT stream_id, version, occurred_at,
                       CASE WHEN before IS NULL THEN after
                            WHEN after IS NOT NULL THEN jsonb_strip_nulls(
                                first_value(after) OVER life
                                || cqrs_jsonb_merge(after)
                                    FILTER (WHERE before IS NOT NULL) OVER life)
                       END AS state
                FROM (
                    SELECT stream_id, version, occurred_at, before, %(after)s AS after,
                           count(*) FILTER (WHERE before IS NULL) OVER (
                               PARTITION BY stream_id ORDER BY version) AS life
                    FROM cqrs_event event
                    WHERE stream_model = %(model)s AND stream_id = ANY(%(ids)s)
                ) event
                WINDOW life AS (PARTITION BY stream_id, life ORDER BY version)
            ) stream
        ) change
        JOIN (
            SELECT id, LEAST(held, wanted) AS low, GREATEST(held, wanted) AS high,
                   wanted < held AS is_undone
            FROM unnest(%(ids)s::integer[], %(held)s::integer[], %(wanted)s::integer[])
                AS span (id, held, wanted)
        ) span ON id = stream_id AND version > low AND version <= high
        """,
        after=whole("after"),
        model=model,
        ids=list(held),
        held=list(held.values()),
        wanted=[wanted[id_] for id_ in held],
    )


def _events_until(model: str, versions: dict[int, int]) -> SQL:
    return SQL(
        """
        SELECT event.* FROM cqrs_event event
        JOIN unnest(%s::integer[], %s::integer[]) AS until (id, last_version)
          ON event.stream_id = until.id AND event.version <= last_version
        WHERE event.stream_model = %s
        """,
        list(versions),
        list(versions.values()),
        model,
    )
