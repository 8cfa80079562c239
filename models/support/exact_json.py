"""JSON with exact amounts: a ``Decimal`` becomes a number with its own digits."""

import json
import secrets
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain

# json cannot write a text as it is given. Strings with a mark that nobody can guess
# stand for such texts until the end.
_MARK = secrets.token_hex(16)


@dataclass(frozen=True)
class JsonText:
    """JSON text made by PostgreSQL, which ``dumps`` writes unchanged."""

    text: str


def dumps(value, indent: int | None = None) -> str:
    """Return ``value`` as JSON; ``Decimal`` as a number, dates and times as ISO 8601.

    JSON has no NaN and no infinity: such a ``Decimal`` is null, such a float an error.

    >>> dumps({"value": Decimal("100000.00")})
    '{"value": 100000.00}'
    """
    texts = []

    def default(value):
        if isinstance(value, Decimal):
            texts.append(f"{value:f}" if value.is_finite() else "null")
        elif isinstance(value, date):
            return value.isoformat()
        elif isinstance(value, JsonText):
            texts.append(value.text)
        else:
            raise TypeError(f"{type(value).__name__} has no JSON form")
        return _MARK

    marked = json.dumps(value, default=default, indent=indent, allow_nan=False)
    # The marks come in the order of the texts.
    parts = marked.split(f'"{_MARK}"')
    parts[1:] = chain.from_iterable(zip(texts, parts[1:], strict=True))
    return "".join(parts)
