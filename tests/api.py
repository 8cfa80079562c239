"""Asks API v2 as the people of the sales organisation."""

import json
from decimal import Decimal
from urllib.parse import urlencode

from odoo.tests import HttpCase

from .common import SalesOrganisation

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
        return self.url_open(url, headers=headers, allow_redirects=False)

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


def exact(response):
    return json.loads(response.text, parse_float=Decimal)
