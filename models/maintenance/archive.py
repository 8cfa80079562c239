"""Moving the oldest part of the log to archive tables, beside live writes."""

from datetime import datetime
from functools import partial

from odoo.tools import SQL

from ..event_store.reader import Place
from ..seals.leaves import after
from ..support.progress import Report, silent
from ..support.transactions import committed

#: Events of one transaction: readers of the log wait for it, about a second
BATCH_SIZE = 10_000


def archive(
    env, before: datetime, tablespace: str | None = None, report: Report = silent
) -> int:
    """Move the oldest events to archive tables, and commit; return their number.

    It moves events that a seal covers, as long as they are old enough (``_STAYING``).
    It can run at any time, beside live writes, and continues a run that was stopped.
    Nothing may be pending when it is called.

    :param before: the time up to which events are moved, aware, exclusive
    :param tablespace: where archive tables lie, see ``_archive_with_room``
    :param report: if it raises, the batches before it stay moved
    """
    log = env["cqrs.event"]
    end, total = committed(env, partial(extent, env, before))
    done = 0
    while done < total:
        table, room = committed(env, partial(log._archive_with_room, tablespace))
        while done < total and room:
            report(done / total, f"{table}, {done} of {total} events")
            limit = min(BATCH_SIZE, room)
            moved = committed(env, partial(log._move_to_archive, table, end, limit))
            if not moved:
                # Another run has moved the others.
                total = done
            done += moved
            room -= moved
    if done:
        report(1, "statistics")
        log._gather_statistics()
    return done


def check_tablespace(env, name: str | None):
    """Raise ValueError if there is no tablespace of that name."""
    rows = env.execute_query(SQL("SELECT spcname FROM pg_tablespace ORDER BY spcname"))
    known = [each for (each,) in rows]
    if name and name not in known:
        raise ValueError(f"no such tablespace: {name} (there are {', '.join(known)})")


def extent(env, before: datetime) -> tuple[Place | None, int]:
    """Return the first event that stays, and the number of those to be moved."""
    seal = env["cqrs.seal"]._last_seal()
    rows = env.execute_query(
        SQL(_STAYING, before=before, unsealed=after(seal and seal.content["end"]))
    )
    if not rows:
        return None, 0
    end = Place(*map(int, rows[0]))
    [(total,)] = env.execute_query(
        SQL(
            "SELECT count(*) FROM ONLY cqrs_event event"
            " WHERE (event.epoch, event.txid, event.position) < (%s, %s::xid8, %s)",
            end.epoch,
            str(end.txid),
            end.position,
        )
    )
    return end, total


# The first event that is not older than the time asked for, that no seal covers, or is
# the last one in the readers' order or by position, for who reads the log's end
# (``answer_context.py``).
_STAYING = """
    SELECT staying.epoch, staying.txid::text, staying.position FROM (
        (SELECT * FROM ONLY cqrs_event event WHERE event.occurred_at >= %(before)s
         ORDER BY event.epoch, event.txid, event.position LIMIT 1)
        UNION ALL
        (SELECT * FROM ONLY cqrs_event event WHERE %(unsealed)s
         ORDER BY event.epoch, event.txid, event.position LIMIT 1)
        UNION ALL
        (SELECT * FROM ONLY cqrs_event event
         ORDER BY event.epoch DESC, event.txid DESC, event.position DESC LIMIT 1)
        UNION ALL
        (SELECT * FROM ONLY cqrs_event event ORDER BY event.position DESC LIMIT 1)
    ) staying
    ORDER BY staying.epoch, staying.txid, staying.position LIMIT 1
"""
