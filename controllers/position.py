"""The parameter ``min_position``, with which a client waits for its own write."""

import re

from odoo.http import request

from ..models.api.position import HEADER, WAIT_SECONDS
from ..models.support.json_schema import integer
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
        integer(1, 10**18 - 1),
        "Answer only when the event of this position, and with it everything that its"
        " transaction wrote, is visible. The answer to a write has the position of the"
        f" write's last event in the header {HEADER}. A replica that lags waits up to"
        f" {WAIT_SECONDS:g} seconds for the event before it answers 503; any other"
        " server answers 503 at once.",
        before=_wait,
    )
)
