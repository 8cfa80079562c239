"""Webhooks managed over the API, with keys of a scope of their own."""

from datetime import timedelta
from unittest.mock import patch

from odoo.tests import HttpCase, tagged
from odoo.tools import config, mute_logger

from ..models.api.ir_http import API_KEY_SCOPE, WEBHOOKS_SCOPE
from .receiver import Receiver, answer, answering
from .test_webhook_endpoints import Endpoints

URL = "/api/v2/webhooks"


@tagged("post_install", "-at_install")
class TestWebhookManagement(Endpoints, HttpCase):
    def setUp(self):
        super().setUp()
        self.authenticate(None, None)
        self.headers = self.of_key(self.admin, WEBHOOKS_SCOPE)
        allowed = {"cqrs_webhook_allowed": "127.0.0.1"}
        self.enterContext(patch.dict(config._runtime_options, allowed))

    def of_key(self, user, scope):
        keys = self.env["res.users.apikeys"].with_user(user).sudo()
        tomorrow = self.env.cr.now() + timedelta(days=1)
        return {"Authorization": f"Bearer {keys._generate(scope, 'test', tomorrow)}"}

    def ask(self, method, path="", status=200, key=None, **body):
        response = self.url_open(
            f"{URL}{path}",
            method=method,
            json=body or None,
            headers=key or self.headers,
        )
        self.assertEqual(response.status_code, status, response.text)
        self.env.invalidate_all()
        if status >= 400:
            media_type = "application/problem+json"
            self.assertEqual(response.headers["Content-Type"], media_type)
        else:
            self.assertEqual(response.headers["Cache-Control"], "no-store")
        return response.json()

    def created(self, **values):
        return self.ask(
            "POST",
            status=201,
            **{
                "name": "Warehouse",
                "url": "https://hooks.example.com/crm",
                "user_id": self.manager.id,
                **values,
            },
        )

    def test_the_life_of_an_endpoint(self):
        created = self.created(
            description="For reports",
            event_types=["OpportunityWon", "Lead*"],
            company_ids=self.env.company.ids,
            owner_id=self.head.id,
            payload="full",
            ordering="none",
            headers={"X-Tenant": "acme"},
        )
        webhook = self.webhooks.browse(created["id"])
        self.assertEqual([created.pop("secret")], webhook._signing_secrets())
        self.assertFalse(webhook.has_new_secret)
        self.assertEqual(webhook.event_types, "OpportunityWon, Lead*")
        self.assertEqual(webhook.owner_id, self.head)
        self.assertEqual(webhook._further_headers(), {"X-Tenant": "acme"})
        one = f"/{webhook.id}"
        self.assertEqual(self.ask("GET", one), created)
        self.assertIn(created, self.ask("GET")["webhooks"])
        changed = self.ask("PATCH", one, name="Reports", event_types=[], owner_id=None)
        self.assertEqual(
            changed, {**created, "name": "Reports", "event_types": [], "owner_id": None}
        )
        rotated = self.ask("POST", f"{one}/rotate", overlap_hours=48)["secret"]
        self.assertEqual(webhook._signing_secrets()[0], rotated)
        self.assertEqual(len(webhook._signing_secrets()), 2)
        self.ask("POST", f"{one}/rotate", overlap_hours=0)
        self.assertEqual(len(webhook._signing_secrets()), 1)
        self.assertEqual(self.ask("POST", f"{one}/pause")["pause_reason"], "person")
        self.assertTrue(webhook.is_paused)
        self.ask("POST", f"{one}/resume", 422)
        self.assertFalse(self.ask("POST", f"{one}/resume", backlog="skip")["is_paused"])
        self.ask("DELETE", one)
        self.assertFalse(webhook.exists())
        self.ask("GET", one, 404)

    def test_a_test_shows_request_and_answer(self):
        one = f"/{self.created(url='https://hooks.example.com/')['id']}"
        with Receiver(answering("200 OK", b"thanks")) as receiver:
            self.ask("PATCH", one, url=receiver.url)
            attempt = self.ask("POST", f"{one}/test")
            self.assertIn("crm_cqrs.test", receiver.requests[0].decode())
        self.assertEqual((attempt["status"], attempt["answer"]), (200, "thanks"))
        self.assertIn(f"webhook-id: {attempt['message_id']}", attempt["request"])
        with Receiver(answering("500 Internal Server Error")) as receiver:
            self.ask("PATCH", one, url=receiver.url)
            self.assertEqual(self.ask("POST", f"{one}/test")["status"], 500)
        page = self.ask("GET", f"{one}/attempts?limit=1")
        [last] = page["attempts"]
        self.assertEqual((last["status"], page["next"]), (500, last["id"]))
        page = self.ask("GET", f"{one}/attempts?limit=1&before={page['next']}")
        self.assertEqual((page["attempts"], page["next"]), ([attempt], None))
        messages = self.ask("GET", f"{one}/messages")["messages"]
        self.assertEqual(
            [(each["kind"], each["state"]) for each in messages],
            [("test", "skipped"), ("test", "delivered")],
        )
        [dead] = self.ask("GET", f"{one}/messages?state=skipped")["messages"]
        again = self.ask("POST", f"{one}/resend", messages=[dead["id"], "another"])
        self.assertEqual(again, {"messages": 1})
        [waiting] = self.ask("GET", f"{one}/messages?state=waiting")["messages"]
        self.assertEqual(waiting["id"], dead["id"])

    def test_everything_since_a_time_is_sent_again(self):
        one = f"/{self.created(user_id=self.seller.id)['id']}"
        self.opportunity(self.seller).name = "Changed"
        self.env.cr.flush()
        since = (self.env.cr.now() - timedelta(minutes=1)).isoformat() + "Z"
        count = self.ask("POST", f"{one}/resend", since=since)["messages"]
        self.assertGreaterEqual(count, 1)
        self.assertEqual(
            self.ask("POST", f"{one}/resend", since=since, until=since), {"messages": 0}
        )
        for body in ({}, {"since": since, "messages": []}, {"since": "yesterday"}):
            self.ask("POST", f"{one}/resend", 422, **body)

    def test_a_key_of_another_scope_is_refused_and_told_so(self):
        for scope in (API_KEY_SCOPE, "rpc"):
            problem = self.ask("GET", "", 403, self.of_key(self.admin, scope))
            self.assertEqual(problem["type"], "/api/v2/problems/wrong-scope")
            self.assertEqual(problem["scope"], WEBHOOKS_SCOPE)
        # And this one opens nothing else.
        for url in ("/api/v2/dashboard/", "/api/v2/events"):
            response = self.url_open(url, headers=self.headers)
            self.assertEqual(response.status_code, 403)
            self.assertEqual(response.json()["scope"], API_KEY_SCOPE)
        self.ask("GET", "", 200, self.of_key(self.admin, None))

    def test_who_is_no_administrator_finds_nothing(self):
        self.ask("GET", "", 404, self.of_key(self.head, WEBHOOKS_SCOPE))
        one = f"/{self.created()['id']}"
        headers = self.of_key(self.head, WEBHOOKS_SCOPE)
        for method, path in (
            ("GET", ""),
            ("PATCH", ""),
            ("DELETE", ""),
            ("POST", "/test"),
            ("POST", "/rotate"),
        ):
            self.ask(method, f"{one}{path}", 404, headers)

    def test_a_session_does_not_do(self):
        """A form of any page could have a browser send it."""
        self.authenticate(self.admin.login, self.admin.login)
        response = self.url_open(URL, method="POST", json={})
        self.assertEqual(response.status_code, 401)
        headers = {"Authorization": "Bearer unknown"}
        self.ask("GET", "", 401, headers)

    @mute_logger("odoo.http")
    def test_what_cannot_be_taken_is_named(self):
        for member, value in (
            ("name", ""),
            ("name", 5),
            ("url", "hooks.example.com"),
            ("event_types", "OpportunityWon"),
            ("event_types", ["Nothing"]),
            ("company_ids", [987654321]),
            ("company_ids", [True]),
            ("user_id", 987654321),
            ("user_id", 2**40),
            ("owner_id", "me"),
            ("payload", "fat"),
            ("ordering", None),
            ("headers", ["X"]),
            ("headers", {"Host": "x"}),
            ("is_paused", True),
            ("description", "a\0b"),
            ("description", "\ud800"),
        ):
            with self.subTest(member, value=value):
                values = {"name": "a", "url": "https://example.com/"}
                values |= {"user_id": self.manager.id, member: value}
                problem = self.ask("POST", "", 422, **values)
                self.assertEqual(problem["type"], "/api/v2/problems/invalid-values")
                self.assertTrue(problem["detail"])
        problem = self.ask("POST", "", 422, name="a", url="https://example.com/")
        self.assertEqual(problem["parameter"], "user_id")
        one = f"/{self.created()['id']}"
        for body in ("{", "[]", "5", " "):
            response = self.url_open(
                f"{URL}{one}", method="PATCH", data=body, headers=self.headers
            )
            self.assertEqual(response.status_code, 400, body)
        for id_ in (987654321, 2**31, 2**70):
            self.ask("GET", f"/{id_}", 404)

    def test_the_methods_of_a_path_are_told(self):
        one = f"{URL}/{self.created()['id']}"
        response = self.url_open(one, method="OPTIONS")
        self.assertEqual(
            set(response.headers["Allow"].split(", ")),
            {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH"},
        )
        response = self.url_open(one, method="PUT", headers=self.headers, json={})
        self.assertEqual(response.status_code, 405)

    def test_a_redirect_is_a_failure_in_the_log(self):
        def redirect(connection):
            connection.request()
            connection.send(answer("302 Found", b"", "Location: http://127.0.0.1:1/"))

        one = f"/{self.created()['id']}"
        with Receiver(redirect) as receiver:
            self.ask("PATCH", one, url=receiver.url)
            attempt = self.ask("POST", f"{one}/test")
        self.assertEqual(attempt["status"], 302)
        self.assertIn("points to another address", attempt["error"])
