from unittest.mock import patch
from uuid import UUID

import psycopg2

from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import SalesOrganisation

URL = "/api/v2/dashboard/"
CONFLICT = "DO $$ BEGIN RAISE 'conflict' USING ERRCODE = '40001'; END $$"
NO_PATH = {"detail": "There is nothing under this path."}
LOGGER = "odoo.addons.crm_cqrs.controllers.dispatcher"


@tagged("post_install", "-at_install")
class TestApiErrors(SalesOrganisation, HttpCase):
    def setUp(self):
        super().setUp()
        self.authenticate("cqrs_seller", "cqrs_seller")

    def problem(self, response, status, kind):
        """Assert that an answer is this problem; return its other members."""
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.headers["Content-Type"], "application/problem+json")
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        problem = response.json()
        self.assertEqual(problem.pop("type"), f"/api/v2/problems/{kind}")
        self.assertEqual(problem.pop("status"), status)
        self.assertEqual(problem.pop("trace_id"), response.headers["X-Correlation-ID"])
        self.assertTrue(problem.pop("title"))
        return problem

    def failing(self, error):
        return patch.object(
            self.env.registry["cqrs.dashboard"],
            "_read_dashboard",
            side_effect=error,
            autospec=True,
        )

    def test_a_path_without_a_route_is_404(self):
        for path in (
            *("/api/v2", "/api/v2/", "/api/v2/nothing", "/api/v2/users/nobody"),
            *("/api/v2//dashboard/", "/api/v2/dashboard//opportunities"),
        ):
            for method in ("GET", "POST", "DELETE"):
                with self.subTest(path, method=method):
                    response = self.url_open(path, method=method, allow_redirects=False)
                    problem = self.problem(response, 404, "not-found")
                    self.assertEqual(problem, NO_PATH)

    def test_an_id_of_any_length_is_none_of_an_opportunity(self):
        for digits in (11, 4300, 4301, 7000):
            for path in ("opportunities", "access"):
                with self.subTest(path, digits=digits):
                    response = self.url_open(f"{URL}{path}/{'1' * digits}")
                    self.problem(response, 404, "not-found")

    def test_a_path_without_a_route_is_404_in_any_language_and_for_anybody(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.authenticate(None, None)
        self.opener.cookies.set("frontend_lang", "fr_FR")
        response = self.url_open("/api/v2//nothing", allow_redirects=False)
        self.problem(response, 404, "not-found")

    def test_an_attachment_does_not_take_the_place_of_a_route(self):
        self.env["ir.attachment"].create(
            {
                "name": "nothing",
                "type": "binary",
                "url": "/api/v2/nothing",
                "raw": b"something",
                "public": True,
            }
        )
        self.problem(self.url_open("/api/v2/nothing"), 404, "not-found")

    def test_what_lies_beside_is_left_to_odoo(self):
        response = self.url_open("/api/v20/nothing")
        self.assertEqual(response.status_code, 404)
        self.assertIn("text/html", response.headers["Content-Type"])

    def test_another_method_is_405_and_says_which_there_are(self):
        paths = (URL, "/api/v2/events", "/api/opportunities")
        for path in (*paths, "/api/v2/dashboard", "/api/opportunities/"):
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                with self.subTest(path, method=method):
                    response = self.url_open(path, method=method, json={})
                    self.problem(response, 405, "method-not-allowed")
                    allowed = set(response.headers["Allow"].split(", "))
                    self.assertEqual(allowed, {"GET", "HEAD", "OPTIONS"})

    def test_options_need_no_credentials(self):
        self.authenticate(None, None)
        response = self.url_open(URL, method="OPTIONS")
        self.assertEqual((response.status_code, response.text), (204, ""))
        self.assertEqual(response.headers["Allow"], "GET, HEAD, OPTIONS")

    def test_head_has_the_headers_of_get_and_no_body(self):
        get, head = self.url_open(URL), self.url_open(URL, method="HEAD")
        self.assertEqual((head.status_code, head.text), (200, ""))
        self.assertEqual(head.headers["Content-Type"], "application/json")
        self.assertEqual(head.headers.keys() ^ get.headers.keys(), set())

    def test_a_bad_parameter_is_named(self):
        problem = self.problem(self.url_open(f"{URL}?color=red"), 400, "bad-parameter")
        self.assertEqual(problem["parameter"], "color")
        self.assertTrue(problem["detail"])

    def test_a_parameter_may_have_any_name(self):
        for name in ("self", "opportunity_id", "user_id", "arguments"):
            with self.subTest(name):
                response = self.url_open(f"{URL}?{name}=1")
                problem = self.problem(response, 400, "bad-parameter")
                self.assertEqual(problem["parameter"], name)
                for url in ("openapi.json", "docs", "problems/not-found"):
                    response = self.url_open(f"/api/v2/{url}?{name}=1")
                    self.assertEqual(response.status_code, 200, url)

    def test_a_failure_says_nothing_but_a_trace_id_that_is_in_the_log(self):
        with (
            self.failing(ZeroDivisionError("a secret")),
            self.assertLogs(LOGGER, "ERROR") as logs,
            mute_logger("odoo.http"),
        ):
            response = self.url_open(URL)
        self.assertEqual(self.problem(response, 500, "internal-error"), {})
        self.assertNotIn("secret", response.text)
        trace_id = response.json()["trace_id"]
        self.assertEqual(str(UUID(trace_id)), trace_id)
        self.assertEqual(
            [record.getMessage() for record in logs.records],
            [f"GET {URL} is answered with 500 ZeroDivisionError, trace id {trace_id}"],
        )

    def test_what_may_not_be_seen_is_404(self):
        with self.failing(AccessError("You may not see record 42.")):
            problem = self.problem(self.url_open(URL), 404, "not-found")
        self.assertEqual(
            problem, {"detail": "There is no such record, or none that you may see."}
        )

    def test_a_database_that_cannot_answer_is_503(self):
        with (
            self.failing(psycopg2.OperationalError("server closed the connection")),
            mute_logger("odoo.http", LOGGER),
        ):
            response = self.url_open(URL)
        self.assertEqual(
            self.problem(response, 503, "unavailable"),
            {"detail": "The database cannot answer just now."},
        )
        self.assertEqual(response.headers["Retry-After"], "1")

    def test_a_conflict_of_transactions_is_tried_again(self):
        read = self.env.registry["cqrs.dashboard"]._read_dashboard
        tries = []

        def fail_once(dashboard, *args):
            tries.append(1)
            if len(tries) == 1:
                dashboard.env.cr.execute(CONFLICT)
            return read(dashboard, *args)

        self.env["ir.config_parameter"].set_param(
            "crm_cqrs.api_requests_per_minute", "5"
        )
        with (
            patch.object(
                self.env.registry["cqrs.dashboard"], "_read_dashboard", fail_once
            ),
            patch("odoo.service.model.time.sleep"),
            mute_logger("odoo.service.model", "odoo.sql_db"),
        ):
            response = self.url_open(URL)
        self.assertEqual((response.status_code, len(tries)), (200, 2))
        # It is one request all the same.
        self.assertRegex(response.headers["RateLimit"], r'^"user";r=4;t=\d+$')

    def test_each_kind_has_a_page(self):
        self.authenticate(None, None)
        page = self.url_open("/api/v2/problems/bad-parameter")
        self.assertEqual(page.status_code, 200)
        self.assertIn("<h1>Bad Parameter</h1>", page.text)
        missing = self.url_open("/api/v2/problems/none")
        self.assertEqual(self.problem(missing, 404, "not-found"), NO_PATH)

    def test_an_answer_says_how_long_it_took(self):
        answer = r'^total;dur=\d+\.\d, db;dur=\d+\.\d;desc="\d+ queries"$'
        for url in (URL, f"{URL}?color=red"):
            self.assertRegex(self.url_open(url).headers["Server-Timing"], answer)
