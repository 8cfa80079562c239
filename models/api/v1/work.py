"""The work of reading something: time, statements and blocks of the database."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import current_thread

from odoo.tools import SQL

_BLOCKS = SQL(
    """
    SELECT COALESCE(sum(pg_stat_get_xact_blocks_fetched(oid)), 0)::bigint
    FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace
      AND relkind IN ('r', 'i', 'm')
    """
)
_ONE_PROCESS = SQL("SELECT set_config('max_parallel_workers_per_gather', '0', true)")


@dataclass(frozen=True)
class Work:
    """The cost of reading something.

    :ivar seconds: from the question to the answer
    :ivar database_seconds: of these, in statements
    :ivar statements: sent to the database
    :ivar blocks: of tables and indexes, of 8 kB as a rule, that the statements looked
        at, whether in memory or on disk
    """

    seconds: float
    database_seconds: float
    statements: int
    blocks: int


def worked(env, read: Callable) -> tuple[object, Work]:
    """Return what a function returns, and its work.

    PostgreSQL counts the blocks of this connection alone: until the transaction ends,
    it uses no parallel workers.
    """
    cr, thread = env.cr, current_thread()
    cr.execute(_ONE_PROCESS)
    before = _blocks(cr)
    for name in ("query_time", "query_count"):
        # Odoo counts in requests alone.
        if not hasattr(thread, name):
            setattr(thread, name, 0)
    statements, database, start = (
        *(cr.sql_log_count, thread.query_time),
        time.perf_counter(),
    )
    value = read()
    seconds = time.perf_counter() - start
    statements = cr.sql_log_count - statements
    database = thread.query_time - database
    return value, Work(seconds, database, statements, _blocks(cr) - before)


def _blocks(cr) -> int:
    cr.execute(_BLOCKS)
    return cr.fetchone()[0]
