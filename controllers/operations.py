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

The method is called with the parts of the path and with the parsed parameters of the
query. It returns a value to be written as JSON, or a ``Response``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from odoo.http import Response, request, route

from ..models.access.answer_context import AnswerContext
from ..models.access.viewers import LEADS
from ..models.api.ir_http import UnknownPath
from ..models.support.answer_context import begin_reading
from ..models.support.exact_json import dumps
from ..models.support.json_schema import component
from .body import WITH_BODY, Member, read_body, schema_of
from .errors import NoSalesAccess, ReadModelBroken
from .etags import EntityTag
from .parameters import USER, viewed_user
from .query import Parameter, read_query

JSON = "application/json"

#: The header that counts the records that could not be applied to the read models
LEFT_OUT = "X-Records-Left-Out"

#: The path of answers with the fields asked for. Of a list or record that is always
#: whole, generated clients know each member to be there.
SPARSE = "/api/v2/dashboard/sparse"

#: Parameters that every operation of v2 has
COMMON_PARAMETERS: list[Parameter] = []


@dataclass(frozen=True)
class Operation:
    """The declaration of an operation.

    :ivar name: that of its method
    :ivar path: as for Odoo's ``route``
    :ivar response: JSON Schema of the answer
    :ivar is_deprecated: it belongs to v1 and has no ``COMMON_PARAMETERS``
    :ivar is_view: it shows a user's view. It has the parameter ``USER``, the method is
        called with that user's record, and the answer has an entity tag
    :ivar shows_opportunities: a function of the query's values: whether the answer
        shows opportunities, or figures of them. Callers who may read none in Odoo then
        get 403
    :ivar shows_model: the answer shows records of this model of Odoo, or figures of
        them. Callers who may read none get 403; without the model there is no such path
    :ivar further_version: a function of the query's values: the version of what the
        answer depends on beside the facts of ``AnswerContext``, if anything
    :ivar other_media_types: ``{media type: JSON Schema}`` of the answers that a client
        may ask for instead of JSON
    :ivar exists_for: a function of a ``res.users`` record: whether the path exists for
        that user, who gets 404 otherwise
    :ivar method: ``GET``, or another one, whose body is a JSON object that the method
        is called with as well
    :ivar former_parameters: parameters that are taken as they always were, and are not
        in the contract: another operation has them
    :ivar body: the members of the body
    :ivar status: of the answer
    :ivar auth: the method of authentication, of ``ir.http``
    """

    name: str
    path: str
    own_parameters: tuple[Parameter, ...]
    summary: str
    response: dict
    description: str = ""
    tag: str = "Dashboard"
    is_deprecated: bool = False
    is_view: bool = False
    shows_opportunities: Callable[[dict], bool] | None = None
    shows_model: str | None = None
    further_version: Callable[[dict], object] = lambda values: None
    other_media_types: dict[str, dict] = field(default_factory=dict)
    exists_for: Callable[[object], bool] = lambda user: True
    method: str = "GET"
    former_parameters: tuple[Parameter, ...] = ()
    body: tuple[Member, ...] = ()
    status: int = 200
    auth: str = "cqrs_api"

    @property
    def body_name(self) -> str:
        """The name of the schema of the body."""
        return "".join(map(str.capitalize, self.name.split("_"))) + "Body"

    @property
    def parameters(self) -> dict[str, Parameter]:
        view = [USER] if self.is_view else []
        common = [] if self.is_deprecated else COMMON_PARAMETERS
        return {each.name: each for each in (*self.own_parameters, *view, *common)}

    @property
    def taken_parameters(self) -> dict[str, Parameter]:
        former = {each.name: each for each in self.former_parameters}
        return {
            name: replace(parameter, is_required=False)
            for name, parameter in former.items()
        } | self.parameters


#: All operations, in the order of their declaration
OPERATIONS: list[Operation] = []


def operation(path: str, *, parameters=(), **declaration):
    """Make a method of a controller an operation of the API.

    :param parameters: those of the query that are its own
    :param declaration: as of ``Operation``
    """

    def decorate(method):
        declared = Operation(method.__name__, path, tuple(parameters), **declaration)
        OPERATIONS.append(declared)
        if declared.body:
            component(declared.body_name, schema_of(declared.body))

        def endpoint(self, **in_path):
            model = declared.shows_model
            if not declared.exists_for(request.env.user) or (
                model and model not in request.env
            ):
                raise UnknownPath()
            values = read_query(request.httprequest.args, declared.taken_parameters)
            if declared.method in WITH_BODY:
                values |= read_body(request.httprequest, declared.body)
            shows_opportunities = declared.shows_opportunities
            if shows_opportunities and shows_opportunities(values):
                model = LEADS
            if model:
                _check_access(request.env, model)
            if declared.is_view:
                begin_reading(
                    request.env, is_whole=not request.httprequest.if_none_match
                )
            if declared.is_view or declared.is_deprecated:
                left_out = _check_read_models(request.env)
            if declared.is_view:
                further = declared.further_version(values)
                values["user"] = viewed_user(values.get("user"))
                tag = EntityTag(values["user"], values.get("tz"), further)
                if not_modified := tag.not_modified():
                    return _kept_by_the_reader(not_modified)
            response = method(self, **in_path, **values)
            if not isinstance(response, Response):
                response = json_response(response)
                response.status_code = declared.status
            if declared.is_view:
                response = tag.put_on(response)
                response.headers[LEFT_OUT] = str(left_out)
            if declared.auth == "cqrs_webhooks":
                response.headers["Cache-Control"] = "no-store"
                return response
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
            auth=declared.auth,
            methods=[declared.method],
            readonly=declared.method == "GET",
        )(endpoint)

    return decorate


def json_response(value, headers: dict[str, str] | None = None) -> Response:
    return Response(dumps(value), content_type=JSON, headers=headers)


def _kept_by_the_reader(response: Response) -> Response:
    """Add the headers by which only its reader keeps an answer, and revalidates it."""
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Vary"] = "Accept, Accept-Language, Authorization, Cookie"
    return response


def always(values: dict) -> bool:
    return True


def _check_access(env, model: str):
    """Check that the caller may read a model.

    :raise NoSalesAccess: Odoo lets the caller read none of it
    """
    access = env["cqrs.access"]
    if access._may_read(env.uid, model):
        return
    groups = access._reading_groups(model)
    names = ", ".join(groups)
    if model == LEADS:
        description = env._(
            "The dashboard needs access to opportunities. Ask an administrator "
            "for one of these groups: %(groups)s.",
            groups=names,
        )
    else:
        description = env._(
            "You have no access to these records. Ask an administrator for one of "
            "these groups: %(groups)s.",
            groups=names,
        )
    raise NoSalesAccess(description, groups)


def _check_read_models(env) -> int:
    """Return how many records the read models leave out.

    :raise ReadModelBroken: a read model is broken
    """
    context = AnswerContext.of(env)
    if broken := context.broken:
        description = env._(
            "Some figures are unavailable because a read model is broken "
            "(%(names)s). No changes are lost. Ask an administrator to rebuild it"
            " in CRM > Configuration > Event Store.",
            names=", ".join(broken),
        )
        raise ReadModelBroken(description, broken)
    return context.left_out
