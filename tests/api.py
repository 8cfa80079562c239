"""Asks API v2 as the people of the sales organisation."""

import json
import re
from decimal import Decimal
from functools import cache
from urllib.parse import parse_qs, urlencode, urlsplit

import jsonschema_rs

from odoo.tests import HttpCase

from ..controllers.contract.document import specification
from ..controllers.operations import JSON, OPERATIONS
from ..models.support.exact_json import dumps
from ..models.support.json_schema import ref
from .common import SalesOrganisation

PROBLEM = "application/problem+json"

DASHBOARD = "/api/v2/dashboard/"


class ApiCase(SalesOrganisation, HttpCase):
    def get(self, caller, path="", headers=None, /, **query):
        """Return the answer to a user of a path below the dashboard's."""
        self.env.cr.flush()
        self.authenticate(caller.login, caller.login)
        return self.ask(path, headers, **query)

    def ask(self, path="", headers=None, /, **query):
        """As ``get``, by whoever has asked last."""
        url = f"{DASHBOARD}{path}"
        if query:
            url = f"{url}?{urlencode(query, doseq=True)}"
        response = self.url_open(url, headers=headers, allow_redirects=False)
        self.assertAsTheContractSays(response)
        return response

    def assertAsTheContractSays(self, response):
        """Check that an answer has all that its schema requires, and nothing else."""
        schema = schema_of(response)
        if schema is not None:
            validator = validator_of(dumps(schema))
            errors = [
                f"{error.instance_path}: {error.message}"
                for error in validator.iter_errors(response.json())
            ]
            self.assertEqual(errors, [], response.url)

    def body(self, *arguments, **query):
        """Return what ``get`` is answered, with exact numbers."""
        response = self.get(*arguments, **query)
        self.assertEqual(response.status_code, 200, response.text)
        return exact(response)

    def assertProblem(self, response, status, **members):
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.headers["Content-Type"], "application/problem+json")
        problem = response.json()
        self.assertEqual({name: problem.get(name) for name in members}, members)


def schema_of(response) -> dict | None:
    """Return the schema of an answer in JSON; None of one without."""
    media_type = response.headers.get("Content-Type", "").partition(";")[0]
    if media_type == PROBLEM:
        return ref("Problem")
    asked = urlsplit(response.url)
    if media_type != JSON or response.status_code != 200:
        return None
    for operation in OPERATIONS:
        path = re.sub(r"<int:\w+>", "[0-9]+", operation.path.rstrip("/"))
        if re.fullmatch(path, asked.path.rstrip("/")):
            # A former parameter: the operation that has it now says what comes.
            if operation.former_parameters and "fields" in parse_qs(asked.query):
                name = operation.response["$ref"].rpartition("/")[2]
                return ref(f"Sparse{name}")
            return operation.response
    return None


@cache
def validator_of(schema: str):
    """Return the validator of a schema, given as JSON, which closes its objects."""
    document = {
        **json.loads(schema),
        "components": json.loads(dumps(specification()["components"])),
    }
    return jsonschema_rs.Draft202012Validator(closed(document), validate_formats=True)


def closed(schema):
    """Return a schema in which an object has nothing but what is said of it."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(each) for key, each in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        found["additionalProperties"] = False
    return found


def exact(response):
    return json.loads(response.text, parse_float=Decimal)
