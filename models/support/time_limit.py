"""A limit of the time that a database spends on a question, whatever it is asked in."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from psycopg2.errors import QueryCanceled
from psycopg2.extensions import TRANSACTION_STATUS_INERROR

from odoo.tools import SQL


class TooSlow(Exception):
    """The statements of a question take longer than they may."""


@contextmanager
def time_limit(cr, seconds: float) -> Iterator[None]:
    """Let the statements of a block take some time, all of them together.

    Time in between counts too, so that many short statements take no longer than one
    long one. Each costs a round trip more.

    :param cr: of the block; a savepoint takes back what the block has set
    :raise TooSlow: they take longer
    """
    end = monotonic() + seconds

    def execute(query, params=None, log_exceptions=True):
        # A transaction that has failed takes nothing but its way back.
        if cr.connection.info.transaction_status != TRANSACTION_STATUS_INERROR:
            left = round((end - monotonic()) * 1000)
            # PostgreSQL takes 0 for no limit.
            if left <= 0:
                raise TooSlow
            unlimited(SQL("SET LOCAL statement_timeout = %s", left))
        return unlimited(query, params, log_exceptions)

    unlimited = cr.execute
    unlimited("SHOW statement_timeout")
    [before] = cr.fetchone()
    try:
        with cr.savepoint(flush=False):
            cr.execute = execute
            try:
                yield
            finally:
                del cr.execute
            unlimited(SQL("SET LOCAL statement_timeout = %s", before))
    except QueryCanceled as exc:
        raise TooSlow from exc
