"""A page of the contract for people to read."""

import json
import re

from markupsafe import Markup, escape
from werkzeug.exceptions import NotFound

from odoo import SUPERUSER_ID
from odoo.http import Controller, Response, request, route

from ...models.support.exact_json import dumps
from ..operations import OPERATIONS, Operation
from ..problems import KINDS
from ..without_database import explained
from .document import (
    TAGS,
    URL,
    examples,
    path_parameters,
    query_parameter,
    tagged,
    templated,
    version,
)
from .schemas import COMPONENTS

DOCS_URL = "/api/v2/docs"


class DocsApi(Controller):
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
        if request.env is None:
            # Odoo keeps the page's template in the database.
            raise explained(NotFound(), request.httprequest)
        page = request.env(user=SUPERUSER_ID)["ir.qweb"]._render(
            "crm_cqrs.api_docs",
            {
                "version": version(),
                "tags": [
                    (tag, text, [_Described(o) for o in OPERATIONS if o.tag == tag])
                    for tag, text in TAGS.items()
                ],
                "kinds": KINDS,
                "openapi_url": URL,
                "markup": _markup,
            },
        )
        html = f"<!DOCTYPE html>\n{page}"
        return tagged(Response(html, content_type="text/html; charset=utf-8"))


class _Described:
    """An operation as the page of the documentation shows it."""

    def __init__(self, operation: Operation):
        self.name = operation.name
        self.path = templated(operation.path)
        self.method = operation.method
        self.summary = operation.summary
        self.description = operation.description
        self.is_deprecated = operation.is_deprecated
        self.parameters = [
            (each["name"], _type(each["schema"]), each["description"])
            for each in (
                *path_parameters(operation.path),
                *map(query_parameter, operation.parameters.values()),
            )
        ]
        self.parameters += [
            (member.name, _type(member.schema), member.description)
            for member in operation.body
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
