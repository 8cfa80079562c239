"""The contract: an OpenAPI 3.1 document, from what ``@operation`` declares."""

import json
import re
from decimal import Decimal
from functools import cache

from odoo.http import Controller, Response, request, route
from odoo.modules.module import Manifest
from odoo.tools import file_open

from ...models.api import position
from ...models.api.ir_http import CALLER, WEBHOOKS_SCOPE
from ...models.event_store import metadata
from ...models.support.json_schema import (
    COMPONENTS,
    COUNT,
    ID,
    MAX_ID,
    MAX_INTEGER,
    TEXT,
    integer,
    ref,
    string,
)
from .. import without_database
from ..operations import LEFT_OUT, OPERATIONS, Operation, json_response
from ..problems import KINDS
from ..query import Parameter
from .messages import webhooks

URL = "/api/v2/openapi.json"

#: Answers recorded by ``tests/test_api_examples.py``, and with orders and invoices by
#: ``tests/sales/test_api_examples_of_sales.py``: ``{operation: {url, body}}``
EXAMPLES = (
    "crm_cqrs/static/api_docs/examples.json",
    "crm_cqrs/static/api_docs/examples_of_sales.json",
)

DESCRIPTION = "crm_cqrs/controllers/contract/description.md"

#: Nothing tells a reader from outside what an Odoo is for.
_SERVER = "This Odoo: in production, or a copy of it for tests."

TAGS = {
    "Dashboard": "The figures of the opportunities that a user sees.",
    "Opportunities": "The opportunities that a user sees, one by one.",
    "Customers": "Customers, and what they have ordered and paid where Odoo has that.",
    "People": "People, and the hierarchy in which they stand.",
    "Events": "Changes of the opportunities that you may see; for administrators, the"
    " log of all changes.",
    "Webhooks": "Addresses of outside systems that are told of changes; for"
    " administrators, with an API key of the scope `crm_cqrs.webhooks`.",
    "Deprecated": "API v1. Use v2.",
}

_SECONDS = integer(0, MAX_ID)
_HEADERS = {
    metadata.HEADER: ("The request's own, or one made for it.", TEXT),
    position.HEADER: (
        "The position of the last event that the answer has seen.",
        integer(1, MAX_INTEGER),
    ),
    LEFT_OUT: (
        "The number of records that could not be applied to the read models.",
        COUNT,
    ),
    "ETag": ("The strong entity tag of the answer.", TEXT),
    "Link": ("The next page, with `rel=next`.", TEXT),
    "WWW-Authenticate": ("The credentials that are accepted.", TEXT),
    "Retry-After": ("The seconds after which to ask again.", _SECONDS),
    "RateLimit": (
        "If there is a limit: the requests left (`r`), for so many seconds (`t`).",
        TEXT,
    ),
    "RateLimit-Policy": (
        "If there is a limit: a user's requests (`q`) in so many seconds (`w`).",
        TEXT,
    ),
    "Server-Timing": (
        "The milliseconds that the answer took; not without valid credentials.",
        TEXT,
    ),
    CALLER: (
        "Odoo's id of the user who asked; not without valid credentials.",
        ID,
    ),
    "Access-Control-Allow-Origin": (
        "The origin of the page that asks, if an administrator has allowed it.",
        TEXT,
    ),
    "Deprecation": (
        "The time since which the route is deprecated (RFC 9745).",
        TEXT,
    ),
    "Sunset": ("The time until which the route is served (RFC 8594).", TEXT),
}


class ContractApi(Controller):
    # For everybody: who writes a client has no account yet, nor has a linter or a code
    # generator, and the contract says nothing of the database.
    @route(
        URL,
        type="cqrs_api",
        auth="none",
        methods=["GET"],
        readonly=True,
        save_session=False,
    )
    def openapi(self, **parameters):
        """Return the contract, for machines."""
        return tagged(json_response(served_at(request.httprequest.host_url)))


def tagged(response: Response) -> Response:
    """Return an answer with the tag of its text, or that the reader has it."""
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request.httprequest)
    # The server adds its own: with this one there would be two.
    response.headers.pop("Date", None)
    return response


def served_at(url: str) -> dict:
    """Return the document with the address at which the reader has found it.

    :param url: as the reader wrote it: behind a proxy, by the headers that Odoo takes
        from one (``proxy_mode``)
    """
    server = {"url": url.rstrip("/"), "description": _SERVER, "x-internal": False}
    return {**specification(), "servers": [server]}


@cache
def specification() -> dict:
    """Return the OpenAPI 3.1 document of all operations."""
    paths = {}
    for operation in OPERATIONS:
        of_path = paths.setdefault(templated(operation.path), {})
        of_path[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CRM CQRS",
            "version": version(),
            "summary": "Opportunities and figures, as each person may see them",
            "description": _description(),
            "contact": {
                "name": Manifest.for_addon("crm_cqrs")["author"],
                "url": Manifest.for_addon("crm_cqrs")["website"],
            },
            "license": {"name": "LGPL-3.0-only", "identifier": "LGPL-3.0-only"},
        },
        "tags": [{"name": tag, "description": text} for tag, text in TAGS.items()],
        "security": [{"key": []}, {"session": []}],
        "paths": paths,
        "webhooks": webhooks(),
        "components": {
            "schemas": dict(sorted(COMPONENTS.items())),
            "parameters": {
                "Database": {
                    "name": without_database.HEADER,
                    "in": "header",
                    "description": "The name of the database, where the server has"
                    " several and its address does not tell which. With an API key"
                    " alone: a session names its database itself.",
                    "schema": string(63, minimum=1),
                }
            },
            "headers": {
                name: {"description": text, "schema": schema}
                for name, (text, schema) in _HEADERS.items()
            },
            "responses": {
                "NotModified": {
                    "description": "You have the answer with that `If-None-Match`.",
                    "headers": _headers("ETag"),
                },
                **{
                    name: _problem(*kinds, headers=headers)
                    for name, (kinds, headers) in _PROBLEMS.items()
                },
            },
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key of Odoo, of the scope `crm_cqrs` or of"
                    " the global one (*Preferences › Account Security*).",
                },
                "webhooks": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key of Odoo, of the scope"
                    f" `{WEBHOOKS_SCOPE}` or of the global one.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "session_id",
                    "description": "The session of a user who is logged in to Odoo.",
                },
            },
        },
    }


#: ``{response: (kinds of problems, its headers)}``
_PROBLEMS = {
    "BadRequest": (
        ("bad-parameter", "bad-request", "other-database", "database-not-named"),
        (),
    ),
    "Unauthorized": (("unauthorized",), ("WWW-Authenticate",)),
    "Forbidden": (("no-sales-access", "session-of-another-database"), ()),
    "WrongScope": (("wrong-scope",), ()),
    "NotFound": (("not-found", "before-history", "database-not-found"), ()),
    "Gone": (("v1-switched-off",), ("Link",)),
    "InvalidValues": (("invalid-values",), ()),
    "TooManyRequests": (("too-many-requests",), ("Retry-After",)),
    "InternalError": (("internal-error",), ()),
    "Unavailable": (
        ("unavailable", "read-model-broken", "position-not-reached"),
        ("Retry-After",),
    ),
}
_STATUSES = {
    "400": "BadRequest",
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "NotFound",
    "410": "Gone",
    "422": "InvalidValues",
    "429": "TooManyRequests",
    "500": "InternalError",
    "503": "Unavailable",
}


def _operation(operation: Operation) -> dict:
    responses = {str(operation.status): _answer(operation)}
    if operation.is_view:
        responses["304"] = {"$ref": "#/components/responses/NotModified"}
    for status, name in _STATUSES.items():
        if _may_answer(operation, status):
            responses[status] = {"$ref": f"#/components/responses/{name}"}
    is_of_webhooks = operation.auth == "cqrs_webhooks"
    if is_of_webhooks:
        responses["403"] = {"$ref": "#/components/responses/WrongScope"}
    described = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description or operation.summary,
        "parameters": [
            *path_parameters(operation.path),
            *map(query_parameter, operation.parameters.values()),
            {"$ref": "#/components/parameters/Database"},
        ],
        "responses": responses,
    }
    if operation.is_deprecated:
        described["deprecated"] = True
    if is_of_webhooks:
        described["security"] = [{"webhooks": []}]
    if operation.body:
        described["requestBody"] = {
            "content": {"application/json": {"schema": ref(operation.body_name)}},
            "required": any(member.is_required for member in operation.body),
        }
    return described


def _may_answer(operation: Operation, status: str) -> bool:
    if status == "403":
        return bool(operation.shows_opportunities or operation.shows_model)
    if status == "422":
        return operation.method != "GET"
    if status == "410":
        return operation.is_deprecated
    return status != "404" or not operation.is_deprecated


def _answer(operation: Operation) -> dict:
    headers = (
        ["Deprecation", "Sunset"] if operation.is_deprecated else [position.HEADER]
    )
    if operation.is_view:
        headers += ["ETag", LEFT_OUT]
    if "cursor" in operation.parameters and operation.is_view:
        headers.append("Link")
    content = {"schema": operation.response}
    if example := examples().get(operation.name):
        content["examples"] = {"recorded": {"value": example["body"]}}
    answers = {"application/json": content}
    for media_type, schema in operation.other_media_types.items():
        answers[media_type] = {"schema": schema}
    return {
        "description": operation.summary,
        "headers": _headers(*headers),
        "content": answers,
    }


#: The headers of any answer
_OF_ALL = (
    *(metadata.HEADER, CALLER, "Server-Timing", "RateLimit", "RateLimit-Policy"),
    "Access-Control-Allow-Origin",
)


def _headers(*names: str) -> dict:
    return {
        name: {"$ref": f"#/components/headers/{name}"} for name in (*_OF_ALL, *names)
    }


def _problem(*kinds: str, headers: tuple[str, ...]) -> dict:
    return {
        "description": " ".join(KINDS[kind].text for kind in kinds),
        "headers": _headers(*headers),
        "content": {"application/problem+json": {"schema": ref("Problem")}},
    }


def templated(path: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)


def path_parameters(path: str) -> list[dict]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": f"The id of the {name.removesuffix('_id')} in Odoo.",
            "schema": ID,
        }
        for name in re.findall(r"<int:(\w+)>", path)
    ]


def query_parameter(parameter: Parameter) -> dict:
    described = {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "schema": parameter.schema,
    }
    if parameter.is_list:
        described |= {"style": "form", "explode": True}
    if parameter.is_required:
        described["required"] = True
    return described


@cache
def examples() -> dict:
    """Return ``{operation: {url, body}}``, with exact numbers."""
    found = {}
    for path in EXAMPLES:
        with file_open(path) as file:
            found |= json.load(file, parse_float=Decimal)
    return found


def _description() -> str:
    with file_open(DESCRIPTION) as file:
        return file.read()


def version() -> str:
    return Manifest.for_addon("crm_cqrs").version
