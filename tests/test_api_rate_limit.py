from unittest.mock import patch

import psycopg2
import psycopg2.pool

from odoo.exceptions import ValidationError
from odoo.tests import HttpCase, tagged
from odoo.tools import SQL, mute_logger

from ..models.api.settings import REQUESTS_PER_MINUTE
from ..models.api.v1 import usage
from ..models.support import primary
from ..models.support.primary import execute_on_primary
from .common import SalesOrganisation

URL = "/api/v2/dashboard/"


@tagged("post_install", "-at_install")
class TestApiRateLimit(SalesOrganisation, HttpCase):
    def setUp(self):
        super().setUp()
        self.authenticate("cqrs_seller", "cqrs_seller")
        # What is counted is committed, whatever becomes of the test.
        self.addCleanup(self.rows, SQL("DELETE FROM cqrs_api_quota"))

    def rows(self, statement):
        return execute_on_primary(
            self.env,
            SQL(
                "%s WHERE user_id = ANY(%s) RETURNING user_id, used",
                statement,
                (self.seller | self.manager).ids,
            ),
        )

    def limit(self, requests):
        self.env["res.config.settings"].create(
            {"cqrs_api_requests_per_minute": requests}
        ).execute()

    def ask(self, url=URL, status=200):
        response = self.url_open(url)
        self.assertEqual(response.status_code, status, response.text)
        return response

    def test_off_by_default_and_then_asks_nothing_of_the_database(self):
        with patch.object(primary, "db_connect") as connect:
            response = self.ask()
        connect.assert_not_called()
        self.assertNotIn("RateLimit", response.headers)
        self.assertNotIn("RateLimit-Policy", response.headers)
        self.assertEqual(self.rows(SQL("DELETE FROM cqrs_api_quota")), [])

    def test_one_too_many_is_refused_and_told_when_to_go_on(self):
        self.limit(3)
        for remaining in (2, 1, 0):
            headers = self.ask().headers
            self.assertEqual(headers["RateLimit-Policy"], '"user";q=3;w=60')
            self.assertRegex(
                headers["RateLimit"], rf'^"user";r={remaining};t=([1-9]|[1-5]\d|60)$'
            )
            self.assertNotIn("Retry-After", headers)
        response = self.ask(status=429)
        self.assertEqual(
            response.headers["RateLimit"],
            f'"user";r=0;t={response.headers["Retry-After"]}',
        )
        self.assertEqual(response.headers["RateLimit-Policy"], '"user";q=3;w=60')
        self.assertEqual(response.headers["Content-Type"], "application/problem+json")
        self.assertEqual(
            response.json(),
            {
                "type": "/api/v2/problems/too-many-requests",
                "title": "Too Many Requests",
                "status": 429,
                "detail": "There are 3 requests a minute.",
                "trace_id": response.headers["X-Correlation-ID"],
            },
        )

    def test_it_is_each_users_own_and_over_all_routes(self):
        self.limit(2)
        self.ask()
        self.ask("/api/opportunities")
        self.ask("/api/v2/events", status=429)
        self.authenticate("cqrs_manager", "cqrs_manager")
        self.assertRegex(self.ask().headers["RateLimit"], '^"user";r=1;')

    def test_errors_count_and_say_what_is_left(self):
        self.limit(2)
        headers = self.ask(f"{URL}?x=1", status=400).headers
        self.assertRegex(headers["RateLimit"], '^"user";r=1;')
        headers = self.ask("/api/v2/events?limit=0", status=400).headers
        self.assertRegex(headers["RateLimit"], '^"user";r=0;')

    def test_a_minute_later_there_is_a_new_window(self):
        self.limit(1)
        self.ask()
        self.ask(status=429)
        self.rows(
            SQL(
                "UPDATE cqrs_api_quota"
                " SET started_at = now() - make_interval(secs => 61)"
            )
        )
        self.assertRegex(self.ask().headers["RateLimit"], '^"user";r=0;')
        self.ask(status=429)

    def test_who_asks_for_the_options_is_not_counted(self):
        self.limit(1)
        for __ in range(3):
            self.assertEqual(self.url_open(URL, method="OPTIONS").status_code, 204)
        self.ask()

    def test_a_window_of_a_clock_that_was_set_back_is_over(self):
        for begins_in in ("1 day", "1 second", "-61 seconds"):
            with self.subTest(begins_in):
                self.limit(2)
                self.rows(SQL("DELETE FROM cqrs_api_quota"))
                self.ask()
                self.rows(
                    SQL(
                        "UPDATE cqrs_api_quota SET started_at = now() + %s::interval,"
                        " used = 5",
                        begins_in,
                    )
                )
                headers = self.ask().headers
                self.assertRegex(headers["RateLimit"], r'^"user";r=1;t=(60|5\d)$')
                self.ask()
                seconds = int(self.ask(status=429).headers["Retry-After"])
                self.assertLessEqual(seconds, 60)

    def test_who_cannot_be_counted_is_told_to_come_again(self):
        self.limit(1)
        for error in (psycopg2.OperationalError, psycopg2.pool.PoolError):
            with (
                patch.object(primary, "db_connect", side_effect=error),
                mute_logger("odoo.addons.crm_cqrs.controllers.dispatcher"),
            ):
                response = self.ask(status=503)
            self.assertEqual(response.headers["Retry-After"], "1")
            self.assertEqual(response.json()["type"], "/api/v2/problems/unavailable")
            self.assertEqual(
                response.json()["detail"],
                "Your requests cannot be counted just now.",
            )
        # It was not one of the requests.
        self.ask()

    def test_a_use_of_v1_that_cannot_be_counted_is_answered(self):
        with (
            patch.object(primary, "db_connect", side_effect=psycopg2.OperationalError),
            self.assertLogs(usage.__name__, "WARNING") as logs,
        ):
            self.ask("/api/opportunities")
        self.assertEqual(len(logs.records), 1)

    def test_less_than_none_is_refused(self):
        with self.assertRaises(ValidationError):
            self.limit(-1)

    def test_what_is_written_past_the_settings_limits_nothing(self):
        self.env["ir.config_parameter"].set_param(REQUESTS_PER_MINUTE, "many")
        self.ask()
