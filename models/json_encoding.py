"""JSON with exact amounts: a ``Decimal`` becomes a number with its own digits."""

import json
import re
from datetime import datetime
from decimal import Decimal

# json has no hook to write a number as given. A NUL marks the strings that stand
# for one: PostgreSQL stores no NUL, so no value of a record can look like it.
_MARKED = re.compile(r'"\\u0000([^"]*)"')


def dumps(value) -> str:
    """Return ``value`` as JSON; ``Decimal`` as a number, ``datetime`` as ISO 8601.

    >>> dumps({"value": Decimal("100000.00")})
    '{"value": 100000.00}'
    """
    return _MARKED.sub(r"\1", json.dumps(value, default=_default))


def _default(value):
    if isinstance(value, Decimal):
        return f"\0{value:f}"
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
