"""The contract: OpenAPI 3.1, and a page to read, from what ``@operation`` declares."""

import json
import re
from decimal import Decimal
from functools import cache

from markupsafe import Markup, escape

from odoo import SUPERUSER_ID
from odoo.http import Controller, Response, request, route
from odoo.modules.module import Manifest
from odoo.tools import file_open

from ...models.api import position
from ...models.event_store import metadata
from ...models.support.exact_json import dumps
from ..operations import LEFT_OUT, OPERATIONS, Operation, json_response
from ..problems import KINDS
from ..query import Parameter
from .schemas import COMPONENTS, ref

URL = "/api/v2/openapi.json"
DOCS_URL = "/api/v2/docs"

#: Answers recorded by ``tests/test_api_examples.py``: ``{operation: {url, body}}``
EXAMPLES = "crm_cqrs/static/api_docs/examples.json"

_DESCRIPTION = """\
What the people of a sales organisation sell, for browsers, mobile applications and
servers. Everything is read with GET; nothing is written. There is [a page of it to
read](/api/v2/docs).

- **Who asks**: an Odoo session, or an API key as `Authorization: Bearer <key>`. You see
  your own opportunities and those of the people below you, if Odoo lets you read
  opportunities at all: 403 otherwise, wherever they are asked for. What you may not see
  is answered as what does not exist: 404.
- **Whose view**: with `user` you look as a person below you.
- **Amounts** are exact decimals with the digits of their currency: read them as
  decimals, not as floats. Sums are in the currency of the company of whose view it is,
  or in `currency`, converted at the rate of the day; `amounts` says from what. An
  opportunity's own value is in its own. `own` and `team` add up to their total exactly.
  Of stages, salespeople and months each sum is rounded by itself: what is weighted or
  converted may differ from the total by a cent for each of them.
- **Of which company**: of all that the viewer works in, or of `company` alone.
- **Times** are ISO 8601 with an offset, in UTC.
- **Errors** are `application/problem+json` (RFC 9457), whose `type` leads to a page.
- **Lists** go on with `cursor=<next>`, or along the `Link` with `rel="next"`.
- **Caching**: keep the `ETag` and ask with `If-None-Match`: 304 means that you have the
  answer, which is then at most five minutes old or was made from the same events.
- **Left out**: `X-Records-Left-Out` counts the records that could not be applied to the
  read models; they are neither listed nor counted until they can be.
- **Support**: send an `X-Correlation-ID`, or note the one of the answer, which also
  stands in the server's log and in the events.
"""

_TAGS = {
    "Dashboard": "What somebody sees, in figures.",
    "Opportunities": "What somebody sees, one by one.",
    "People": "Who is who, and who stands above whom.",
    "Events": "Everything that has happened. For administrators.",
    "Deprecated": "API v1. Use v2.",
}

_HEADERS = {
    metadata.HEADER: ("Of the request, or made for it.", {"type": "string"}),
    position.HEADER: (
        "Of the last event that the answer has seen.",
        {"type": "integer", "minimum": 1},
    ),
    LEFT_OUT: (
        "How many records could not be applied to the read models, and are left out.",
        {"type": "integer", "minimum": 0},
    ),
    "ETag": ("Of the answer, strong.", {"type": "string"}),
    "Link": ("The next page, with `rel=next`.", {"type": "string"}),
    "WWW-Authenticate": ("What to authenticate with.", {"type": "string"}),
    "Retry-After": ("In how many seconds to ask again.", {"type": "integer"}),
    "RateLimit": (
        "If there is a limit: what is left (`r`), for so many seconds (`t`).",
        {"type": "string"},
    ),
    "RateLimit-Policy": (
        "If there is a limit: a user's requests (`q`) in so many seconds (`w`).",
        {"type": "string"},
    ),
    "Server-Timing": ("How long it took, in milliseconds.", {"type": "string"}),
    "Deprecation": ("Since when it is (RFC 9745).", {"type": "string"}),
    "Sunset": ("Until when it is served (RFC 8594).", {"type": "string"}),
}


class ContractApi(Controller):
    # For everybody: who writes a client has no account yet, nor has a linter or a code
    # generator, and there is nothing of the database in it.
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
        return _tagged(json_response(specification()))

    @route(
        DOCS_URL,
        type="cqrs_api",
        auth="none",
        methods=["GET"],
        readonly=True,
        save_session=False,
    )
    def docs(self, **parameters):
        """Return the contract, for people."""
        page = request.env(user=SUPERUSER_ID)["ir.qweb"]._render(
            "crm_cqrs.api_docs",
            {
                "version": _version(),
                "tags": [
                    (tag, text, [_Described(o) for o in OPERATIONS if o.tag == tag])
                    for tag, text in _TAGS.items()
                ],
                "kinds": KINDS,
                "openapi_url": URL,
                "markup": _markup,
            },
        )
        html = f"<!DOCTYPE html>\n{page}"
        return _tagged(Response(html, content_type="text/html; charset=utf-8"))


def _tagged(response: Response) -> Response:
    """Return an answer with the tag of its text, or that the reader has it."""
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    return response.make_conditional(request.httprequest)


@cache
def specification() -> dict:
    """Return the OpenAPI 3.1 document of all operations."""
    paths = {}
    for operation in OPERATIONS:
        paths[_templated(operation.path)] = {"get": _operation(operation)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CRM CQRS",
            "version": _version(),
            "summary": "What a sales organisation sells, by who may see it",
            "description": _DESCRIPTION,
            "contact": {
                "name": Manifest.for_addon("crm_cqrs")["author"],
                "url": Manifest.for_addon("crm_cqrs")["website"],
            },
            "license": {"name": "LGPL-3.0-only", "identifier": "LGPL-3.0-only"},
        },
        "servers": [{"url": "/", "description": "The Odoo that serves this document"}],
        "tags": [{"name": tag, "description": text} for tag, text in _TAGS.items()],
        "security": [{"key": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": COMPONENTS,
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
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "session_id",
                    "description": "Of who is logged in to Odoo.",
                },
            },
        },
    }


#: ``{response: (kinds of problems, its headers)}``
_PROBLEMS = {
    "BadRequest": (("bad-parameter", "bad-request"), ()),
    "Unauthorized": (("unauthorized",), ("WWW-Authenticate",)),
    "Forbidden": (("no-sales-access",), ()),
    "NotFound": (("not-found",), ()),
    "Gone": (("v1-switched-off",), ("Link",)),
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
    "429": "TooManyRequests",
    "500": "InternalError",
    "503": "Unavailable",
}


def _operation(operation: Operation) -> dict:
    responses = {"200": _answer(operation)}
    if operation.is_view:
        responses["304"] = {"$ref": "#/components/responses/NotModified"}
    for status, name in _STATUSES.items():
        if _may_answer(operation, status):
            responses[status] = {"$ref": f"#/components/responses/{name}"}
    described = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description or operation.summary,
        "parameters": [
            *_path_parameters(operation.path),
            *map(_query_parameter, operation.parameters.values()),
        ],
        "responses": responses,
    }
    if operation.is_deprecated:
        described["deprecated"] = True
    return described


def _may_answer(operation: Operation, status: str) -> bool:
    if status == "403":
        return operation.shows_opportunities is not None
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


#: Those of any answer
_OF_ALL = (metadata.HEADER, "Server-Timing", "RateLimit", "RateLimit-Policy")


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


def _templated(path: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)


def _path_parameters(path: str) -> list[dict]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": "The id of the opportunity in Odoo.",
            "schema": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
        }
        for name in re.findall(r"<int:(\w+)>", path)
    ]


def _query_parameter(parameter: Parameter) -> dict:
    described = {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "schema": parameter.schema,
    }
    if parameter.is_list:
        described |= {"style": "form", "explode": True}
    return described


@cache
def examples() -> dict:
    """Return ``{operation: {url, body}}``, with exact numbers."""
    with file_open(EXAMPLES) as file:
        return json.load(file, parse_float=Decimal)


def _version() -> str:
    return Manifest.for_addon("crm_cqrs").version


class _Described:
    """An operation as the page of the documentation shows it."""

    def __init__(self, operation: Operation):
        self.name = operation.name
        self.path = _templated(operation.path)
        self.summary = operation.summary
        self.description = operation.description
        self.is_deprecated = operation.is_deprecated
        self.parameters = [
            (each["name"], _type(each["schema"]), each["description"])
            for each in (
                *_path_parameters(operation.path),
                *map(_query_parameter, operation.parameters.values()),
            )
        ]
        self.fields = list(_fields(operation.response))
        if example := examples().get(operation.name):
            self.url = example["url"]
            self.body = dumps(example["body"], indent=2)
        else:
            self.url = self.body = None


def _resolved(schema: dict) -> dict:
    if "$ref" in schema:
        return COMPONENTS[schema["$ref"].rpartition("/")[2]]
    return schema


def _fields(schema: dict, prefix: str = ""):
    """Yield ``(path, type, description)`` of what is in an answer, one level deep in
    each of its lists and objects that are not answers by themselves."""
    schema = _resolved(schema)
    for name, field in schema.get("properties", {}).items():
        yield f"{prefix}{name}", _type(field), field.get("description", "")
        inner = _inner(field)
        if inner and prefix.count(".") < 2:
            mark = "[]" if "array" in _types(_resolved(field)) else ""
            yield from _fields(inner, f"{prefix}{name}{mark}.")


def _inner(field: dict) -> dict | None:
    field = _resolved(field)
    if "items" in field:
        field = _resolved(field["items"])
    for choice in field.get("anyOf", ()):
        if "$ref" in choice:
            field = _resolved(choice)
    return field if "properties" in field else None


def _types(schema: dict) -> list[str]:
    types = schema.get("type", [])
    return [types] if isinstance(types, str) else types


def _type(schema: dict) -> str:
    schema_ = _resolved(schema)
    if "anyOf" in schema_:
        return " or ".join(_type(choice) for choice in schema_["anyOf"])
    if "const" in schema_:
        return json.dumps(schema_["const"])
    if "enum" in schema_:
        return " · ".join(schema_["enum"])
    names = _types(schema_)
    if "array" in names and "items" in schema_:
        return f"list of {_type(schema_['items'])}"
    text = " or ".join(names)
    if schema_.get("format"):
        text = f"{text} ({schema_['format']})"
    if "maximum" in schema_ and "minimum" in schema_ and schema_["maximum"] < 2**31 - 1:
        text = f"{text}, {schema_['minimum']} to {schema_['maximum']}"
    return text


def _markup(text: str):
    """Return a text of ours as HTML: `code` and *emphasis*, nothing else."""
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*([^*]+)\*", r"<em>\1</em>", html))
