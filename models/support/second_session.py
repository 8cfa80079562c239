"""A second session that reads the snapshot of the present one."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from contextvars import copy_context
from typing import TypeVar

from odoo import sql_db
from odoo.tools import SQL

Result = TypeVar("Result")


@contextmanager
def beside(env, work: Callable[..., Result]) -> Iterator[Callable[[], Result]]:
    """Call ``work(env)`` in a second session during the block, for another processor.

    It yields a function that waits for the result. Both sessions read one snapshot; the
    second one does not see what the present transaction has written. If the block
    fails, the second session is interrupted.
    """
    env.cr.execute("SELECT pg_export_snapshot()")
    (snapshot,) = env.cr.fetchone()
    with closing(sql_db.db_connect(env.cr.dbname).cursor()) as cr:
        # The first statement of its transaction, which is REPEATABLE READ.
        cr.execute(SQL("SET TRANSACTION SNAPSHOT %s", snapshot))
        # Made here: in a thread, it would wait for the lock of the registry.
        other = env(cr=cr)
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(copy_context().run, work, other)
            try:
                yield future.result
            except BaseException:
                cr._cnx.cancel()
                raise
