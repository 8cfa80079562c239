"""The body of a request that changes something: a JSON object, parsed as declared."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from werkzeug.exceptions import BadRequest

from ..models.support import json_schema
from .errors import InvalidValue

#: Methods whose requests have a body
WITH_BODY = ("POST", "PATCH")

#: Bytes of a body
MAX_BODY = 64 * 1024


@dataclass(frozen=True)
class Member:
    """A member of the body.

    :ivar schema: JSON Schema of its values
    :ivar parse: makes the value from the JSON value; raises ``ValueError`` with a
        sentence
    :ivar is_required: it has to be given
    """

    name: str
    parse: Callable[[object], object]
    schema: dict
    description: str
    is_required: bool = False


def read_body(httprequest, members: Iterable[Member]) -> dict:
    """Return the values of the members of a body, by name; an empty one has none.

    :raise BadRequest: it is no JSON object
    :raise InvalidValue: a member is unknown, missing, or has an invalid value
    """
    given = _object(httprequest)
    known = {member.name: member for member in members}
    for name in given:
        if name not in known:
            names = ", ".join(known) or "none"
            raise InvalidValue(name, f"There is no such member; there are: {names}.")
    values = {}
    for name, member in known.items():
        if name in given:
            try:
                values[name] = member.parse(given[name])
            except ValueError as error:
                raise InvalidValue(name, str(error)) from error
        elif member.is_required:
            raise InvalidValue(name, f"It has to be given. {member.description}")
    return values


def _object(httprequest) -> dict:
    length = httprequest.content_length or 0
    if length > MAX_BODY:
        raise BadRequest(f"The body has more than {MAX_BODY} bytes.")
    raw = httprequest.get_data()
    if not raw:
        return {}
    try:
        given = json.loads(raw)
    except ValueError as error:
        raise BadRequest("The body is no JSON.") from error
    if not isinstance(given, dict):
        raise BadRequest("The body is no JSON object.")
    return given


def schema_of(members: Iterable[Member]) -> dict:
    """Return the JSON Schema of a body."""
    members = tuple(members)
    schema = {
        "type": "object",
        "properties": {
            each.name: {**each.schema, "description": each.description}
            for each in members
        },
        "additionalProperties": False,
    }
    required = [each.name for each in members if each.is_required]
    return schema | ({"required": required} if required else {})


def text(maximum: int, minimum: int = 0) -> dict:
    """Return ``parse`` and ``schema`` of a text."""

    def parse(value) -> str:
        if not isinstance(value, str) or not minimum <= len(value) <= maximum:
            raise ValueError(f"Expected a text of {minimum} to {maximum} characters.")
        if re.search("[\0\ud800-\udfff]", value):
            raise ValueError("Expected a text without NUL and unpaired surrogates.")
        return value

    schema = json_schema.string(maximum, minimum=minimum)
    return {"parse": parse, "schema": schema}


def number(maximum: int, minimum: int = 1) -> dict:
    """Return ``parse`` and ``schema`` of a whole number."""

    def parse(value) -> int:
        # 65.0 is an integer by JSON Schema, and a boolean is none.
        is_whole = type(value) in (int, float) and value == value // 1
        if not is_whole or not minimum <= value <= maximum:
            raise ValueError(f"Expected a whole number from {minimum} to {maximum}.")
        return int(value)

    return {"parse": parse, "schema": json_schema.integer(minimum, maximum)}


def choice(*names: str) -> dict:
    """Return ``parse`` and ``schema`` of one of several texts."""

    def parse(value) -> str:
        if value not in names:
            raise ValueError(f"Expected one of {', '.join(names)}.")
        return value

    return {"parse": parse, "schema": json_schema.choice(*names)}


def list_of(parse: Callable, schema: dict, maximum: int = 1000) -> dict:
    """Return ``parse`` and ``schema`` of a list."""

    def parse_all(value) -> list:
        if not isinstance(value, list) or len(value) > maximum:
            raise ValueError(f"Expected a list of at most {maximum}.")
        return [parse(each) for each in value]

    return {"parse": parse_all, "schema": json_schema.array(schema, maximum)}
