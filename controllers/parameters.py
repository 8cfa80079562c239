"""Operations of the API: one declaration routes, validates and documents each.

::

    class ThingApi(Controller):
        @operation(
            "/api/v2/things/<int:thing_id>",
            summary="A thing",
            parameters=[Parameter("lang", text, {"type": "string"}, "Its language.")],
            response={"type": "object"},
        )
        def thing(self, thing_id, lang=None):
            return {"id": thing_id}

The method is called with the parts of the path and with the parameters that the query
has, parsed. It returns what the answer's JSON is made of, or a ``Response``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal

from werkzeug.exceptions import NotFound

from odoo.http import Response, request, route

from ..models.api.ir_http import UnknownPath
from ..models.projections.failures import reading_failures
from ..models.support.answer_context import only_reads
from ..models.support.exact_json import dumps
from .dispatcher import BadParameter, NoSalesAccess, NotFoundOrHidden, ReadModelBroken
from .etags import EntityTag

JSON = "application/json"

#: Header of how many records could not be applied to the read models
LEFT_OUT = "X-Records-Left-Out"

#: Of a record in Odoo
MAX_ID = 2**31 - 1


@dataclass(frozen=True)
class Parameter:
    """A parameter of the query.

    :ivar parse: makes the value of the text; raises ``ValueError`` with a sentence, or
        ``NotFound``
    :ivar schema: JSON Schema of exactly the texts that ``parse`` takes
    :ivar is_list: may be repeated, as well as written with commas; ``parse`` is given
        all texts, joined by commas, and ``schema`` is that of an array
    :ivar before: called with the value before the operation, which is not given it
    """

    name: str
    parse: Callable[[str], object]
    schema: dict
    description: str
    is_list: bool = False
    before: Callable[[object], None] | None = None


#: Those that every operation of v2 has
COMMON_PARAMETERS: list[Parameter] = []


@dataclass(frozen=True)
class Operation:
    """What is declared of an operation; ``name`` is that of its method."""

    name: str
    path: str
    summary: str
    description: str
    own_parameters: tuple[Parameter, ...]
    response: dict
    tag: str
    is_deprecated: bool
    is_view: bool
    shows_opportunities: Callable[[dict], bool] | None
    other_media_types: dict[str, dict]

    @property
    def parameters(self) -> dict[str, Parameter]:
        common = () if self.is_deprecated else COMMON_PARAMETERS
        return {each.name: each for each in (*self.own_parameters, *common)}


#: All there are, in the order of their declaration
OPERATIONS: list[Operation] = []


def operation(
    path: str,
    *,
    summary: str,
    response: dict,
    description: str = "",
    parameters=(),
    tag: str = "Dashboard",
    is_deprecated: bool = False,
    is_view: bool = False,
    shows_opportunities: Callable[[dict], bool] | None = None,
    other_media_types: dict[str, dict] | None = None,
    exists_for: Callable[[object], bool] = lambda user: True,
):
    """Make a method of a controller an operation of the API.

    :param path: as for Odoo's ``route``
    :param response: JSON Schema of the answer
    :param is_deprecated: of v1; has no ``COMMON_PARAMETERS``
    :param is_view: shows what somebody sees. It has the parameter ``USER``, the method
        is called with that user's record, and the answer has an entity tag
    :param shows_opportunities: tells of the query's values whether the answer shows
        opportunities, or figures of them: 403 then for who may read none in Odoo
    :param other_media_types: ``{media type: JSON Schema}`` of what may be asked for
        instead of JSON
    :param exists_for: tells of a ``res.users`` record whether there is anything for
        that user at the path: 404 otherwise, whatever the query
    """

    def decorate(method):
        declared = Operation(
            name=method.__name__,
            path=path,
            summary=summary,
            description=description,
            own_parameters=(*parameters, *([USER] if is_view else [])),
            response=response,
            tag=tag,
            is_deprecated=is_deprecated,
            is_view=is_view,
            shows_opportunities=shows_opportunities,
            other_media_types=other_media_types or {},
        )
        OPERATIONS.append(declared)

        def endpoint(self, **in_path):
            if not exists_for(request.env.user):
                raise UnknownPath()
            values = read_query(request.httprequest.args, declared.parameters)
            if shows_opportunities and shows_opportunities(values):
                _check_sales_access(request.env)
            if is_view:
                only_reads(request.env, is_whole=not request.httprequest.if_none_match)
            if is_view or is_deprecated:
                left_out = _check_read_models(request.env)
            if is_view:
                values["user"] = _viewed(values.get("user"))
                tag = EntityTag(values["user"])
                if not_modified := tag.not_modified():
                    return _kept_by_the_reader(not_modified)
            response = method(self, **in_path, **values)
            if not isinstance(response, Response):
                response = json_response(response)
            if is_view:
                response = tag.put_on(response)
                response.headers[LEFT_OUT] = str(left_out)
            return _kept_by_the_reader(response)

        # Not functools.wraps: Odoo would look through it, at the method's signature.
        endpoint.__name__ = method.__name__
        endpoint.__doc__ = method.__doc__
        endpoint.__qualname__ = method.__qualname__
        endpoint.__module__ = method.__module__
        return route(
            # Found with a slash at its end as well. With one of its own it would be
            # found without, but for another method: that would be 404, not 405.
            path.rstrip("/"),
            type="cqrs_api",
            auth="cqrs_api",
            methods=["GET"],
            readonly=True,
        )(endpoint)

    return decorate


def json_response(value, headers: dict[str, str] | None = None) -> Response:
    return Response(dumps(value), content_type=JSON, headers=headers)


def _kept_by_the_reader(response: Response) -> Response:
    """Say who may keep an answer, and that it is to be asked for again each time."""
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Accept, Accept-Language, Authorization, Cookie"
    return response


def always(values: dict) -> bool:
    return True


def _check_sales_access(env):
    """
    :raise NoSalesAccess: Odoo lets the caller read no leads
    """
    access = env["cqrs.access"]
    if access._may_read_leads(env.uid):
        return
    groups = access._reading_groups()
    raise NoSalesAccess(
        env._(
            "You have no access to opportunities in Odoo, so there is no dashboard for"
            " you. Ask an administrator for one of these groups: %(groups)s.",
            groups=", ".join(groups),
        ),
        groups,
    )


def _check_read_models(env) -> int:
    """Return how many records the read models leave out.

    :raise ReadModelBroken: one of them has not all that was recorded
    """
    broken, left_out = reading_failures(env)
    if broken:
        description = env._(
            "A part of what is shown here is broken (%(names)s). Changes are still"
            " recorded, and nothing is lost. Ask an administrator to rebuild it under"
            " CRM > Configuration > Event Store.",
            names=", ".join(broken),
        )
        raise ReadModelBroken(description, broken)
    return left_out


def _viewed(uuid: str | None):
    """Return the ``res.users`` record whose view is asked for.

    :raise NotFound: the caller may not look as that one, or there is none
    """
    user = request.env.user
    if uuid is None:
        return user
    return known_person(user, uuid, "user")


def known_person(user, uuid: str, parameter: str):
    """Return the ``res.users`` record of a uuid, which a parameter has asked for.

    :raise NotFound: ``user`` may not look as that one, or there is none
    """
    person = request.env["cqrs.access"]._person(user, uuid)
    if not person:
        raise NotFoundOrHidden("person", parameter)
    return person


def read_query(arguments, parameters: dict[str, Parameter]) -> dict:
    """Return the values of the query's parameters, by name; only of those given.

    :param arguments: a MultiDict of texts
    :raise BadParameter: an unknown one, one given twice, or a value without a meaning
    :raise NotFound: a value that is of nothing that the caller may see
    """
    given = arguments.to_dict(flat=False)
    for name, texts in given.items():
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise BadParameter(name, f"There is no such parameter; there are: {known}.")
        if len(texts) > 1 and not parameters[name].is_list:
            raise BadParameter(name, "It is given more than once.")
    values = {}
    # First what is waited for: others may be looked up in what is there only then.
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
            not re.fullmatch(r"\d{1,10}", text, re.ASCII)
            or not minimum <= int(text) <= maximum
        ):
            raise ValueError(f"Expected a whole number from {minimum} to {maximum}.")
        return int(text)

    schema = {"type": "integer", "minimum": minimum, "maximum": maximum}
    return {"parse": parse, "schema": schema}


def day(text: str) -> date:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("Expected a day, as 2026-01-31.") from None


def time(text: str) -> datetime:
    """Return the time of a text as RFC 3339 has it, in UTC."""
    match = re.fullmatch(
        r"(\d{4}-\d\d-\d\d)[tT ](\d\d:\d\d:\d\d)(?:\.(\d+))?([zZ]|[+-]\d\d:\d\d)",
        text,
        re.ASCII,
    )
    try:
        if not match:
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

    return {"parse": parse, "schema": {"type": "string", "enum": list(names)}}


def list_of(parse: Callable[[str], object], schema: dict) -> dict:
    """Return ``parse`` and ``schema`` of one or several of something."""

    def parse_all(text: str) -> tuple:
        return tuple(parse(each) for each in text.split(","))

    return {
        "parse": parse_all,
        "schema": {"type": "array", "items": schema, "minItems": 1},
        "is_list": True,
    }


_UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
UUID_SCHEMA = {"type": "string", "format": "uuid"}


def company_id(text: str) -> int:
    """Return the id of a company that the caller may work in.

    :raise NotFound: there is none
    """
    id_ = _COMPANY["parse"](text)
    if not request.env["cqrs.access"]._works_in(request.env.user, id_):
        raise NotFoundOrHidden("company")
    return id_


def currency(text: str):
    """Return the ``res.currency`` record of an active currency.

    :raise NotFound: there is none
    """
    if not re.fullmatch(_CODE, text):
        raise ValueError("Expected a currency, as EUR.")
    found = request.env["res.currency"].sudo().search([("name", "=", text)])
    if not found:
        raise NotFound(f"There is no active currency {text}.")
    return found


_COMPANY = whole_number(MAX_ID)
_CODE = "[A-Z]{3}"

COMPANY = Parameter(
    "company",
    company_id,
    _COMPANY["schema"],
    "Of the opportunities of this company alone, by its id in Odoo: one that you may"
    " work in. By default of all that is seen.",
)
CURRENCY = Parameter(
    "currency",
    currency,
    {"type": "string", "pattern": f"^{_CODE}$"},
    "The currency of the sums, by its code of ISO 4217: one that is active in Odoo. By"
    " default that of the company of whose view it is.",
)
USER = Parameter(
    "user",
    person_id,
    UUID_SCHEMA,
    "As whom to look: a person below you, or anyone whose opportunities you may see."
    " You see no more than both of you do.",
)
