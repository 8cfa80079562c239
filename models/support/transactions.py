"""Transactions that run beside live writes, and the errors that end them."""

from collections.abc import Callable
from typing import TypeVar

import psycopg2

from odoo.service.model import (
    MAX_TRIES_ON_CONCURRENCY_FAILURE,
    PG_CONCURRENCY_EXCEPTIONS_TO_RETRY,
)

Result = TypeVar("Result")

#: Classes of errors: the connection, the state of the transaction (read-only, idle for
#: too long), conflicts, resources, locks and cancellation
_RAISED = ("08", "25", "40", "53", "55", "57")


def is_raised(error: Exception) -> bool:
    """Return whether bare Odoo would have this error, too, and so must raise it."""
    if not isinstance(error, psycopg2.Error):
        return False
    return error.pgcode is None or error.pgcode.startswith(_RAISED)


def committed(env, work: Callable[[], Result]) -> Result:
    """Do the work and commit; repeat it after a conflict with a live write.

    Nothing may be pending when it is called; nothing is pending after a failure either.
    """
    for tries_left in reversed(range(MAX_TRIES_ON_CONCURRENCY_FAILURE)):
        try:
            result = work()
            env.cr.commit()
            return result
        except BaseException as error:
            env.cr.rollback()
            if not tries_left or not isinstance(
                error, PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
            ):
                raise
