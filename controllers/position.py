"""The parameter ``min_position``, with which a client waits for its own write."""

import re

from odoo.http import request

from ..models.api.position import HEADER, WAIT_SECONDS
from .errors import RETRY_SECONDS, PositionNotReached
from .operations import COMMON_PARAMETERS
from .query import Parameter


def _parse(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,17}", text, re.ASCII):
        raise ValueError(f"Expected a position, as the header {HEADER} gives it.")
    return int(text)


def _wait(position: int):
    """Wait for the event of a position.

    :raise PositionNotReached: it is not visible, on a replica after ``WAIT_SECONDS``
    """
    if not request.env["cqrs.event"]._await_position(position):
        raise PositionNotReached(
            f"Event {position} cannot be seen yet.",
            retry_after=RETRY_SECONDS,
        )


COMMON_PARAMETERS.append(
    Parameter(
        "min_position",
        _parse,
        {"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
        "Answer only once the event of this position, and so all that its"
        " transaction wrote, can be seen; that of one's own last write is in the header"
        f" {HEADER} of the write's answer. On a replica that lags it is waited for, up"
        f" to {WAIT_SECONDS:g} seconds; then, and elsewhere at once: 503.",
        before=_wait,
    )
)
