from contextlib import closing
from types import SimpleNamespace
from unittest.mock import patch

from odoo import SUPERUSER_ID
from odoo.http import request
from odoo.sql_db import db_connect
from odoo.tests import HttpCase, new_test_user, tagged

from ..models.api import position
from ..models.api.position import HEADER
from ..models.event_store import metadata
from .common import SalesOrganisation

URL = "/api/v2/dashboard/"


@tagged("post_install", "-at_install")
class TestApiPosition(SalesOrganisation, HttpCase):
    def setUp(self):
        super().setUp()
        self.lead = self.opportunity(self.seller)
        self.authenticate("cqrs_seller", "cqrs_seller")

    def call(self, method, *args, of=None, context=None):
        records = of or self.lead
        return self.url_open(
            f"/web/dataset/call_kw/{records._name}/{method}",
            json={
                "params": {
                    "model": records._name,
                    "method": method,
                    "args": [records.ids, *args],
                    "kwargs": {"context": context or {}},
                }
            },
        )

    def latest(self):
        self.env.cr.execute("SELECT max(position) FROM cqrs_event")
        return self.env.cr.fetchone()[0]

    def test_every_answer_says_from_which_position_it_is_made(self):
        response = self.url_open(URL)
        self.assertEqual(response.headers[HEADER], str(self.latest()))
        self.assertEqual(response.json()["meta"]["position"], self.latest())

    def test_a_write_says_which_is_its_own(self):
        before = self.latest()
        response = self.call("write", {"name": "Another"})
        self.assertIs(response.json()["result"], True)
        self.env.cr.execute(
            "SELECT position FROM cqrs_event WHERE stream_model = 'crm.lead'"
            " AND stream_id = %s ORDER BY version DESC LIMIT 1",
            [self.lead.id],
        )
        [(own,)] = self.env.cr.fetchall()
        self.assertGreater(own, before)
        self.assertEqual(response.headers[HEADER], str(own))
        self.assertEqual(self.url_open(f"{URL}?min_position={own}").status_code, 200)

    def test_what_records_nothing_says_nothing(self):
        self.assertNotIn(HEADER, self.call("read", ["name"]).headers)
        # The same value again is no change.
        self.assertNotIn(HEADER, self.call("write", {"name": "Deal"}).headers)
        refused = self.call("write", {"no_such_field": 1})
        self.assertIn("error", refused.json())
        self.assertNotIn(HEADER, refused.headers)

    def test_who_is_no_internal_user_is_told_no_position(self):
        for group in ("base.group_portal", "base.group_public"):
            outsider = new_test_user(self.env, f"cqrs_{group}", groups=group)
            self.lead.partner_id = outsider.partner_id
            self.env.cr.flush()
            self.authenticate(outsider.login, outsider.login)
            before = self.latest()
            answer = self.call("write", {"name": group}, of=outsider)
            self.assertIs(answer.json()["result"], True)
            self.assertGreater(self.latest(), before)
            self.assertNotIn(HEADER, answer.headers)

        # As the form of a website, which makes a lead as the superuser.
        def as_superuser(users):
            request.update_env(user=SUPERUSER_ID)
            request.env["crm.lead"].browse(self.lead.id).name = "Asked"
            return True

        before = self.latest()
        with patch.object(self.env.registry["res.users"], "context_get", as_superuser):
            answer = self.call("context_get", of=outsider)
        self.assertIs(answer.json()["result"], True)
        self.assertGreater(self.latest(), before)
        self.assertNotIn(HEADER, answer.headers)

    def test_a_visitor_learns_nothing_of_the_database(self):
        self.authenticate(None, None)
        for path in ("dashboard/", "openapi.json", "docs", "problems/not-found", "x"):
            answer = self.url_open(f"/api/v2/{path}")
            told = {HEADER, "Server-Timing", "X-Odoo-User", "X-Records-Left-Out"}
            self.assertEqual((path, told & answer.headers.keys()), (path, set()))
            self.assertIn("X-Correlation-ID", answer.headers)

    def test_an_answer_says_who_has_asked(self):
        for path, status in (("", 200), ("?color=red", 400), ("opportunities/0", 404)):
            answer = self.url_open(f"{URL}{path}")
            self.assertEqual(
                (answer.status_code, answer.headers["X-Odoo-User"]),
                (status, str(self.seller.id)),
            )
            self.assertIn("Server-Timing", answer.headers)

    def test_what_a_savepoint_has_undone_is_not_its_own(self):
        def undo(lead):
            try:
                with lead.env.cr.savepoint():
                    lead.name = "Undone"
                    lead.env.cr.flush()
                    raise ZeroDivisionError
            except ZeroDivisionError:
                return True

        with patch.object(self.env.registry["crm.lead"], "action_set_lost", undo):
            response = self.call("action_set_lost")
        self.assertIs(response.json()["result"], True)
        # Of this test's transaction, in which the request is a part.
        self.assertEqual(response.headers[HEADER], str(self.latest()))

    def test_what_another_transaction_has_recorded_is_not_its_own(self):
        served = SimpleNamespace(
            httprequest=SimpleNamespace(environ={position._RECORDED: True})
        )
        with (
            patch.object(metadata, "request", served),
            closing(db_connect(self.env.cr.dbname).cursor()) as cr,
        ):
            events = self.env(cr=cr)["cqrs.event"]
            self.assertGreater(events._latest_position(), 0)
            self.assertIsNone(events._recorded_position())

    def append_event(self, position):
        self.env.cr.execute(
            """
            INSERT INTO cqrs_event OVERRIDING SYSTEM VALUE
            SELECT (jsonb_populate_record(event, jsonb_build_object(
                'position', %s, 'version', event.version + 1))).*
            FROM cqrs_event event ORDER BY position DESC LIMIT 1
            """,
            [position],
        )

    def test_one_that_is_seen_is_answered(self):
        later = self.latest() + 1000
        self.append_event(later)
        response = self.url_open(f"{URL}?min_position={later}")
        self.assertEqual(
            (response.status_code, response.headers[HEADER]), (200, str(later))
        )
        self.assertEqual(response.json()["meta"]["position"], later)

    def test_one_that_is_not_is_503_and_says_when_to_ask_again(self):
        """Not even where a later one is: they are not in the order of commits."""
        missing = self.latest() + 1
        self.append_event(missing + 1)
        # Here, where it would be written, there is no use in waiting for it.
        with patch.object(position.time, "sleep") as sleep:
            response = self.url_open(f"{URL}?min_position={missing}")
        sleep.assert_not_called()
        self.assertEqual(response.status_code, 503)
        self.assertEqual(response.headers["Retry-After"], "1")
        self.assertEqual(
            response.json(),
            {
                "type": "/api/v2/problems/position-not-reached",
                "title": "Position Not Reached",
                "status": 503,
                "detail": f"Event {missing} cannot be seen yet.",
                "trace_id": response.headers["X-Correlation-ID"],
            },
        )

    def test_it_is_waited_for_before_what_may_come_with_it_is_looked_up(self):
        missing = self.latest() + 1
        for name, value in (("company", 2**31 - 1), ("currency", "XXX")):
            with self.subTest(name):
                url = f"{URL}?{name}={value}"
                self.assertEqual(self.url_open(url).status_code, 404)
                response = self.url_open(f"{url}&min_position={missing}")
                self.assertEqual(response.status_code, 503)

    def test_what_is_no_position_is_a_bad_parameter(self):
        for text in ("", "0", "-1", "x", "1.0", str(10**18)):
            with self.subTest(text):
                response = self.url_open(f"{URL}?min_position={text}")
                self.assertEqual(response.status_code, 400)
                self.assertEqual(response.json()["parameter"], "min_position")
