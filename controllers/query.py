"""The query of a request: its parameters, each parsed by its declaration."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal

from werkzeug.exceptions import NotFound

from ..models.support import json_schema
from ..models.support.json_schema import CURSOR, MAX_CURSOR, MAX_TIME
from .errors import BadParameter

#: The most values of a parameter that takes several
MAX_VALUES = 500


@dataclass(frozen=True)
class Parameter:
    """A parameter of the query.

    :ivar parse: makes the value from the text; raises ``ValueError`` with a sentence,
        or ``NotFound``
    :ivar schema: JSON Schema of exactly the texts that ``parse`` takes
    :ivar is_list: it may be repeated, as well as written with commas; ``parse`` gets
        all texts, joined by commas, and ``schema`` is the schema of an array
    :ivar before: called with the value before the operation, which does not get it
    :ivar is_required: it has to be given
    """

    name: str
    parse: Callable[[str], object]
    schema: dict
    description: str
    is_list: bool = False
    before: Callable[[object], None] | None = None
    is_required: bool = False


def read_query(arguments, parameters: dict[str, Parameter]) -> dict:
    """Return the values of the given parameters of the query, by name.

    :param arguments: a MultiDict of texts
    :raise BadParameter: a parameter is unknown, missing, given twice, or has an invalid
        value
    :raise NotFound: a value names nothing that the caller may see
    """
    given = arguments.to_dict(flat=False)
    for name, texts in given.items():
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise BadParameter(name, f"There is no such parameter; there are: {known}.")
        if len(texts) > 1 and not parameters[name].is_list:
            raise BadParameter(name, "It is given more than once.")
    for name, parameter in parameters.items():
        if parameter.is_required and name not in given:
            raise BadParameter(name, f"It has to be given. {parameter.description}")
    values = {}
    # First the parameters that wait: others may look up records that come only then.
    for name in sorted(given, key=lambda name: not parameters[name].before):
        parameter = parameters[name]
        try:
            value = parameter.parse(",".join(given[name]))
        except ValueError as exc:
            raise BadParameter(name, str(exc)) from exc
        except NotFound as exc:
            exc.members = {"parameter": name}
            raise
        if parameter.before:
            parameter.before(value)
        else:
            values[name] = value
    return values


def whole_number(maximum: int, minimum: int = 1) -> dict:
    """Return ``parse`` and ``schema`` of a whole number."""

    def parse(text: str) -> int:
        if (
            not re.fullmatch(r"\d{1,16}", text, re.ASCII)
            or not minimum <= int(text) <= maximum
        ):
            raise ValueError(f"Expected a whole number from {minimum} to {maximum}.")
        return int(text)

    return {"parse": parse, "schema": json_schema.integer(minimum, maximum)}


def day(text: str) -> date:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("Expected a day, as 2026-01-31.") from None


def time(text: str) -> datetime:
    """Return the time that a text gives by RFC 3339, in UTC."""
    match = re.fullmatch(
        r"(\d{4}-\d\d-\d\d)[tT ](\d\d:\d\d:\d\d)(?:\.(\d+))?([zZ]|[+-]\d\d:\d\d)",
        text,
        re.ASCII,
    )
    try:
        if not match or len(text) > MAX_TIME:
            raise ValueError
        day_, clock, fraction, zone = match.groups()
        # Python 3.10 reads neither Z nor any number of digits.
        micros = f"{fraction or 0:0<6}"[:6]
        zone = zone.upper().replace("Z", "+00:00")
        value = datetime.fromisoformat(f"{day_}T{clock}.{micros}{zone}")
        return value.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ValueError(
            "Expected ISO 8601 with a zone, as 2026-01-31T12:00:00Z or"
            " 2026-01-31T12:00:00%2B01:00 (a bare + in a query is a space)."
        ) from None


def decimal(text: str) -> Decimal:
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,6})?", text, re.ASCII):
        raise ValueError("Expected a number, as 1000 or 99.95.")
    return Decimal(text)


_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def person_id(text: str) -> str:
    if not re.fullmatch(_UUID, text):
        raise ValueError("Expected the id of a person, a UUID.")
    return text.lower()


def one_of(*names: str) -> dict:
    """Return ``parse`` and ``schema`` of a choice."""

    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"Expected one of {', '.join(names)}.")
        return text

    return {"parse": parse, "schema": json_schema.choice(*names)}


def cursor_text() -> dict:
    """Return ``parse`` and ``schema`` of a cursor, which is still to be decoded."""

    def parse(text: str) -> str:
        if len(text) > MAX_CURSOR:
            raise ValueError("Expected a cursor that this API gave.")
        return text

    return {"parse": parse, "schema": CURSOR}


def list_of(parse: Callable[[str], object], schema: dict) -> dict:
    """Return ``parse`` and ``schema`` of one or several of something."""

    def parse_all(text: str) -> tuple:
        return tuple(parse(each) for each in several(text))

    return {
        "parse": parse_all,
        "schema": {**json_schema.array(schema, MAX_VALUES), "minItems": 1},
        "is_list": True,
    }


def several(text: str) -> list[str]:
    """Return the values of a parameter that takes several."""
    values = text.split(",")
    if len(values) > MAX_VALUES:
        raise ValueError(f"Expected {MAX_VALUES} values at most.")
    return values
