import re
from unittest.mock import patch

import jsonschema_rs

from odoo.http import _generate_routing_rules
from odoo.tests import HttpCase, tagged
from odoo.tools import config

from ..controllers.contract.docs_page import DOCS_URL
from ..controllers.contract.document import URL
from ..controllers.operations import OPERATIONS
from ..controllers.problems import BASE, KINDS
from ..models.api.settings import CORS_ORIGINS, REQUESTS_PER_MINUTE

#: Of the API, but no operations of it
ABOUT_IT = {URL, DOCS_URL, f"{BASE}<string:name>"}


@tagged("post_install", "-at_install")
class TestApiContract(HttpCase):
    def document(self):
        response = self.url_open(URL)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "application/json")
        return response.json()

    def test_anybody_may_read_it(self):
        self.authenticate(None, None)
        self.assertEqual(self.document()["openapi"], "3.1.0")
        response = self.url_open(DOCS_URL)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "text/html; charset=utf-8")

    def test_it_names_the_address_at_which_it_was_read(self):
        [server] = self.document()["servers"]
        self.assertEqual(server["url"], self.base_url())
        forwarded = {
            "X-Forwarded-Host": "crm.example.com",
            "X-Forwarded-Proto": "https",
        }
        # Of itself Odoo believes nobody who says to be a proxy.
        for is_behind_a_proxy, url in (
            (False, self.base_url()),
            (True, "https://crm.example.com"),
        ):
            with (
                self.subTest(url),
                patch.dict(config._runtime_options, proxy_mode=is_behind_a_proxy),
            ):
                response = self.url_open(URL, headers=forwarded)
                [server] = response.json()["servers"]
                self.assertEqual(server["url"], url)

    def test_it_has_one_date(self):
        for url in (URL, DOCS_URL):
            with self.subTest(url):
                raw = self.url_open(url).raw
                self.assertEqual(len(raw.headers.getlist("Date")), 1)

    def test_who_has_it_is_not_sent_it_again(self):
        self.authenticate(None, None)
        for url in (URL, DOCS_URL):
            with self.subTest(url):
                headers = self.url_open(url).headers
                self.assertEqual(headers["Cache-Control"], "no-cache")
                held = {"If-None-Match": headers["ETag"]}
                again = self.url_open(url, headers=held)
                self.assertEqual((again.status_code, again.content), (304, b""))
                other = self.url_open(url, headers={"If-None-Match": '"", "x"'})
                self.assertEqual(other.status_code, 200)

    def test_it_names_every_header_of_an_answer(self):
        self.env["ir.config_parameter"].set_param(REQUESTS_PER_MINUTE, 60)
        two = [{"name": name, "type": "opportunity"} for name in "ab"]
        self.env["crm.lead"].create(two).user_id = self.env.ref("base.user_admin")
        self.authenticate("admin", "admin")
        document = self.document()
        self.env["ir.config_parameter"].set_param(CORS_ORIGINS, "https://app.example")
        response = self.url_open(
            "/api/v2/dashboard/opportunities?limit=1",
            headers={"Origin": "https://app.example"},
        )
        declared = document["paths"]["/api/v2/dashboard/opportunities"]["get"]
        named = set(declared["responses"]["200"]["headers"])
        # What HTTP itself has, and a web server adds.
        of_http = {"Cache-Control", "Content-Length", "Content-Type", "Vary"}
        of_odoo = {"Connection", "Content-Security-Policy", "Date", "Server"}
        of_odoo |= {"Set-Cookie", "X-Content-Type-Options"}
        # What browsers ask for the page.
        of_http |= {
            f"Access-Control-{n}" for n in ("Allow-Credentials", "Expose-Headers")
        }
        sent = set(response.headers) - of_http - of_odoo
        self.assertEqual(sent, named)

    def test_every_route_of_the_api_is_in_it(self):
        routes = {
            url
            for url, endpoint in _generate_routing_rules(["crm_cqrs"], nodb_only=False)
            if endpoint.routing["type"] == "cqrs_api"
        }
        declared = {operation.path for operation in OPERATIONS}
        # With a slash at the end or without is the same to Odoo.
        self.assertEqual(routes - ABOUT_IT, {path.rstrip("/") for path in declared})
        templated = {re.sub(r"<int:(\w+)>", r"{\1}", path) for path in declared}
        self.assertEqual(set(self.document()["paths"]), templated)
        self.assertIn("/api/v2/dashboard/opportunities/{opportunity_id}", templated)

    def test_it_says_of_each_parameter_what_is_taken(self):
        paths = self.document()["paths"]
        parameters = {
            each["name"]: each
            for each in paths["/api/v2/dashboard/opportunities"]["get"]["parameters"]
            if "name" in each
        }
        self.assertEqual(
            parameters["limit"]["schema"],
            {"type": "integer", "format": "int32", "minimum": 1, "maximum": 200},
        )
        self.assertEqual(len(parameters["sort"]["schema"]["enum"]), 24)
        self.assertIs(parameters["status"]["explode"], True)
        self.assertIn("min_position", parameters)
        [id_, *__] = paths["/api/v2/dashboard/access/{opportunity_id}"]["get"][
            "parameters"
        ]
        self.assertEqual((id_["in"], id_["required"]), ("path", True))

    def test_what_is_deprecated_says_so(self):
        deprecated = {
            path
            for path, item in self.document()["paths"].items()
            if any(operation.get("deprecated") for operation in item.values())
        }
        self.assertEqual(
            deprecated, {"/api/sales/dashboard/real", "/api/opportunities"}
        )

    def test_its_schemas_are_schemas_and_all_that_it_refers_to_is_there(self):
        document = self.document()
        for name, schema in document["components"]["schemas"].items():
            with self.subTest(name):
                jsonschema_rs.meta.validate(schema)
        references = set(re.findall(r"'\$ref': '#/([^']+)'", str(document)))
        self.assertGreater(len(references), 10)
        for reference in references:
            found = document
            for part in reference.split("/"):
                found = found[part]

    def test_the_page_needs_nothing_from_elsewhere(self):
        page = self.url_open(DOCS_URL).text
        self.assertNotIn("<script", page)
        loaded = re.findall(r'(?:src|<link[^>]*href)="([^"]+)"', page)
        self.assertEqual(loaded, ["data:,", "/crm_cqrs/static/api_docs/docs.css"])
        self.assertEqual(self.url_open(loaded[1]).status_code, 200)

    def test_the_page_has_every_operation_and_every_problem(self):
        page = self.url_open(DOCS_URL).text
        for operation in OPERATIONS:
            self.assertIn(f'id="{operation.name}"', page)
            for name in operation.parameters:
                self.assertIn(f"<code>{name}</code>", page)
        for kind in KINDS:
            self.assertIn(f'href="{BASE}{kind}"', page)
            self.assertEqual(self.url_open(f"{BASE}{kind}").status_code, 200)
