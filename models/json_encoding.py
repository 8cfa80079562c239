"""JSON with exact amounts: a ``Decimal`` becomes a number with its own digits."""

import json
import re
import secrets
from datetime import date
from decimal import Decimal

# json has no hook to write a number as given. A mark that nobody can guess makes the
# strings that stand for one.
_MARK = secrets.token_hex(16)
_MARKED = re.compile(rf'"{_MARK}([^"]*)"')


def dumps(value, indent: int | None = None) -> str:
    """Return ``value`` as JSON; ``Decimal`` as a number, dates and times as ISO 8601.

    >>> dumps({"value": Decimal("100000.00")})
    '{"value": 100000.00}'
    """
    return _MARKED.sub(r"\1", json.dumps(value, default=_default, indent=indent))


def _default(value):
    if isinstance(value, Decimal):
        return f"{_MARK}{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
