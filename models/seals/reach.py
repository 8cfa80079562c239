"""The part of the log that seals cover, and since when nothing is covered."""

from odoo.tools import SQL, config

from .handing_out import FILE_OPTION
from .leaves import after

#: Events up to which those that are not sealed are counted
COUNT_UP_TO = 10_000


def reach(env) -> dict:
    """Return how far the seals reach; times are aware, UTC.

    ``number``, ``made_at``, ``seconds``, ``key`` and ``total`` are those of the last
    seal, None before the first; ``key`` is None if it is not signed. ``signed_at`` is
    when the last signed one was made: nothing since is covered by a signature.
    ``unsealed`` counts the events after the last seal, ``is_more`` if there are more
    than counted; ``unsealed_since`` is when the first of them occurred, and
    ``unsealed_seconds`` how long events have waited since then or since the last seal.
    ``not_handed_out`` counts the seals that are not in the configured file yet.
    """
    rows = env.execute_query_dict(_LAST)
    last = (
        rows[0]
        if rows
        else dict.fromkeys(
            ("number", "made_at", "seconds", "key", "total", "signed_at", "end")
        )
    )
    end = last.pop("end")
    [unsealed] = env.execute_query_dict(
        SQL(
            """
            SELECT count(*) AS unsealed, count(*) >= %(many)s AS is_more,
                   min(occurred_at) AS unsealed_since,
                   extract(epoch FROM now() - GREATEST(min(occurred_at), %(made_at)s))
                       ::integer AS unsealed_seconds
            FROM (SELECT event.occurred_at FROM cqrs_event event WHERE %(after)s
                  ORDER BY event.epoch, event.txid, event.position
                  LIMIT %(many)s) event
            """,
            many=COUNT_UP_TO,
            made_at=last["made_at"],
            after=after(end and [int(each) for each in end]),
        )
    )
    [(waiting,)] = env.execute_query(SQL(_WAITING, config.get(FILE_OPTION)))
    return {**last, **unsealed, "not_handed_out": waiting}


_LAST = SQL(
    """
    SELECT number, made_at, extract(epoch FROM now() - made_at)::integer AS seconds,
           content ->> 'key' AS key, (content ->> 'total')::integer AS total,
           (SELECT (signed.content ->> 'made_at')::timestamptz FROM cqrs_seal signed
            WHERE signed.signature IS NOT NULL ORDER BY signed.number DESC LIMIT 1)
               AS signed_at,
           ARRAY[content -> 'end' ->> 0, content -> 'end' ->> 1,
                 content -> 'end' ->> 2] AS "end"
    FROM (SELECT *, (content ->> 'made_at')::timestamptz AS made_at FROM cqrs_seal
          ORDER BY number DESC LIMIT 1) last
    """
)

_WAITING = """
    SELECT CASE WHEN path IS NULL THEN 0 ELSE
        COALESCE((SELECT max(number) FROM cqrs_seal), 0)
        - COALESCE((SELECT number FROM cqrs_seal_handed_out
                    WHERE destination = path), 0) END
    FROM (VALUES (%s::text)) AS file (path)
"""
