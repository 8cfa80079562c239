"""Work on the log in a transaction of its own, beside live writes."""

from collections.abc import Callable
from typing import TypeVar

import psycopg2

from odoo.service.model import (
    MAX_TRIES_ON_CONCURRENCY_FAILURE,
    PG_CONCURRENCY_EXCEPTIONS_TO_RETRY,
)

Result = TypeVar("Result")

#: Classes of errors of the connection, the state of the transaction (read-only, too
#: long idle), conflicts, resources, locks and cancellation
_RAISED = ("08", "25", "40", "53", "55", "57")


def is_raised(error: Exception) -> bool:
    """Return whether an error is one that bare Odoo would have, too."""
    if not isinstance(error, psycopg2.Error):
        return False
    return error.pgcode is None or error.pgcode.startswith(_RAISED)


def committed(env, work: Callable[[], Result]) -> Result:
    """Do the work and commit; once more where a live write came in between.

    To be called with nothing pending; nothing is pending either where it fails.
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
