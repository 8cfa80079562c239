"""Work on the log in a transaction of its own, beside live writes."""

from collections.abc import Callable
from typing import TypeVar

from odoo.service.model import (
    MAX_TRIES_ON_CONCURRENCY_FAILURE,
    PG_CONCURRENCY_EXCEPTIONS_TO_RETRY,
)

Result = TypeVar("Result")


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
