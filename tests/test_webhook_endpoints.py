"""Endpoints of webhooks: what may be entered, and where their secrets are."""

import base64
import json
import logging
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import SQL, config

from .common import SalesOrganisation, administrator


class Endpoints(SalesOrganisation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = administrator(
            cls.env, "base.group_allow_export", "sales_team.group_sale_manager"
        )
        cls.webhooks = cls.env["cqrs.webhook"].with_user(cls.admin)

    def endpoint(self, **values):
        return self.webhooks.create(
            {
                "name": "Warehouse",
                "url": "https://hooks.example.com/crm",
                "user_id": self.manager.id,
                **values,
            }
        )


@tagged("post_install", "-at_install")
class TestWebhookEndpoints(Endpoints):
    def assert_refused(self, sentence, **values):
        with self.assertRaisesRegex(ValidationError, sentence):
            self.endpoint(**values)

    def test_an_endpoint_is_made_in_its_form(self):
        with Form(self.webhooks) as form:
            form.name = "Warehouse"
            form.url = "https://hooks.example.com/crm"
            form.event_types = "OpportunityWon, Lead*"
        webhook = form.record
        self.assertEqual(
            (webhook.payload, webhook.ordering, webhook.is_paused),
            ("thin", "record", False),
        )
        self.assertEqual((webhook.user_id, webhook.owner_id), 2 * (self.admin,))
        self.assertIn(self.env.cr.dbname, webhook.bound_to)
        self.assertIn("LeadConverted", webhook._chosen_types())
        self.assertIn("OpportunityWon", webhook._chosen_types())
        self.assertNotIn("OpportunityLost", webhook._chosen_types())
        self.assertEqual(self.endpoint()._chosen_types(), ())

    def test_an_address_of_another_form_is_refused(self):
        for url, sentence in (
            ("hooks.example.com", "begins with https://"),
            ("ftp://hooks.example.com", "begins with https://"),
            ("https:/hooks.example.com", "begins with https://"),
            ("https://", "begins with https://"),
            ("https://a\\b.example.com", "no backslashes"),
            ("https://[::1", "needs the name of a host"),
            ("https://0x7f.1/", "needs the name of a host"),
            ("http://example.com/", "cqrs_webhook_allowed = example.com"),
            ("https://10.0.0.1/", "cqrs_webhook_allowed = 10.0.0.1"),
            ("https://[::1]/", "cqrs_webhook_allowed = ::1"),
            ("https://me:word@example.com", "no user and no password"),
            ("https://example.com/#top", "has no #"),
            ("https://example.com:0/", "port"),
            ("https://example.com:99999/", "port"),
            ("https://exämple.com/", "Punycode"),
            ("https://example.com/a b", "Punycode"),
            ("https://example.com/\r\nHost: b", "Punycode"),
            ("https://example.com/" + 2000 * "a", "at most 2000"),
        ):
            with self.subTest(url):
                self.assert_refused(sentence, url=url)
        allowed = {"cqrs_webhook_allowed": "example.com, 10.0.0.0/24"}
        with patch.dict(config._runtime_options, allowed):
            for url in ("http://example.com/", "http://10.0.0.1/", "http://in.house/"):
                self.endpoint(url=url)
            self.assert_refused("cqrs_webhook_allowed", url="http://10.0.1.1/")
        webhook = self.endpoint(url="https://example.com:8443/crm?tenant=1")
        with self.assertRaisesRegex(ValidationError, "begins with"):
            webhook.url = "gopher://example.com"

    def test_unknown_event_types_are_refused(self):
        self.assert_refused(
            "no event type OpportunityWonn. Choose from OpportunityCreated, ",
            event_types="OpportunityWonn, OpportunityLost",
        )
        self.assert_refused("no event type Stage", event_types="Stage*")
        self.assert_refused("no event type Opp", event_types="Opp*Won")
        self.endpoint(event_types="*")

    def test_headers_that_cannot_be_sent_are_refused(self):
        for headers, sentence in (
            ("{", "as a JSON object"),
            ('["a"]', "as a JSON object"),
            ("[]", "as a JSON object"),
            ('{"": "a"}', "not the name of a header"),
            ('{"X Tenant": "a"}', "not the name of a header"),
            ('{"X-Tenänt": "a"}', "not the name of a header"),
            ('{"X-Tenant": 1}', "needs a text"),
            ('{"X-Tenant": "a\\r\\nHost: b"}', "needs a text"),
            ('{"X-Tenant": "ä"}', "needs a text"),
            ('{"X-Tenant": " a"}', "needs a text"),
            ('{"Webhook-Id": "a"}', "set by the sender"),
            ('{"CONTENT-LENGTH": "1"}', "set by the sender"),
            ('{"content-encoding": "gzip"}', "set by the sender"),
            ('{"host": "a"}', "set by the sender"),
            ('{"Transfer-Encoding": "chunked"}', "set by the sender"),
            ('{"X-A": "1", "x-a": "2"}', "twice"),
            (json.dumps({"X-A": 5000 * "a"}), "at most 4000"),
        ):
            with self.subTest(headers[:40]):
                self.assert_refused(sentence, headers=headers)
        webhook = self.endpoint(headers='{"X-Tenant": "a b", "Authorization": "B x"}')
        self.assertEqual(
            webhook._further_headers(), {"X-Tenant": "a b", "Authorization": "B x"}
        )
        self.assertEqual(self.endpoint()._further_headers(), {})

    def test_somebody_who_sees_no_opportunities_is_refused(self):
        nobody = new_test_user(self.env, "cqrs_nobody", groups="base.group_user")
        self.assert_refused("may read no opportunities", user_id=nobody.id)
        portal = new_test_user(self.env, "cqrs_portal", groups="base.group_portal")
        self.assert_refused("not an active internal user", user_id=portal.id)
        self.assert_refused("not an active internal user", owner_id=portal.id)
        self.peer.active = False
        self.assert_refused("not an active internal user", user_id=self.peer.id)

    def test_administrators_alone_manage_endpoints(self):
        webhook = self.endpoint()
        for user in (self.head, self.seller):
            webhooks = self.env["cqrs.webhook"].with_user(user)
            with self.assertRaises(AccessError):
                webhooks.search([])
            for method in ("action_show_secret", "action_rotate"):
                with self.assertRaises(AccessError):
                    getattr(webhook.with_user(user), method)()
            with self.assertRaises(AccessError):
                self.env["cqrs.webhook.rotation"].with_user(user).create(
                    {"webhook_id": webhook.id}
                )

    def test_nobody_writes_the_state(self):
        webhook = self.endpoint()
        for name, value in (
            ("is_paused", True),
            ("pause_reason", "person"),
            ("failing_since", "2026-01-01"),
            ("bound_to", "another"),
        ):
            with self.assertRaisesRegex(UserError, "with its buttons"):
                webhook.write({name: value})
            with self.assertRaisesRegex(UserError, "with its buttons"):
                self.endpoint(**{name: value})
        webhook._pause("failing")
        self.assertEqual((webhook.is_paused, webhook.pause_reason), (True, "failing"))
        self.assertFalse(webhook.copy().is_paused)
        webhook._resume(send_backlog=True)
        self.assertEqual((webhook.is_paused, webhook.pause_reason), (False, False))


@tagged("post_install", "-at_install")
class TestWebhookSecrets(Endpoints):
    def shown(self, webhook):
        """Return the secret as the dialog shows it."""
        action = webhook.action_show_secret()
        form = Form(self.env[action["res_model"]].with_context(**action["context"]))
        return form.secret

    def test_a_secret_is_shown_once(self):
        webhook = self.endpoint()
        self.assertTrue(webhook.has_new_secret)
        secret = self.shown(webhook)
        self.assertEqual(webhook._signing_secrets(), [secret])
        self.assertFalse(webhook.has_new_secret)
        with self.assertRaisesRegex(UserError, "shown already"):
            webhook.action_show_secret()

    def test_a_secret_is_one_of_standard_webhooks(self):
        secrets = {self.endpoint()._take_new_secret() for __ in range(3)}
        self.assertEqual(len(secrets), 3)
        for secret in secrets:
            self.assertRegex(secret, r"^whsec_")
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
            self.assertEqual(len(key), 32)

    def test_a_copy_has_a_secret_of_its_own(self):
        webhook = self.endpoint()
        self.assertNotEqual(
            webhook._signing_secrets(), webhook.copy()._signing_secrets()
        )

    def test_both_secrets_sign_in_the_overlap(self):
        webhook = self.endpoint()
        first = self.shown(webhook)
        second = self.rotate(webhook, 24)
        self.assertEqual(webhook._signing_secrets(), [second, first])
        self.pass_hours(23.9)
        self.assertEqual(webhook._signing_secrets(), [second, first])
        self.pass_hours(0.2)
        self.assertEqual(webhook._signing_secrets(), [second])

    def test_a_rotation_may_end_the_former_secrets(self):
        webhook = self.endpoint()
        self.rotate(webhook, 24)
        self.rotate(webhook, 24)
        self.assertEqual(len(webhook._signing_secrets()), 3)
        last = self.rotate(webhook, 0)
        self.assertEqual(webhook._signing_secrets(), [last])
        self.assertIn("0 more hours", webhook.message_ids[0].body)
        # A longer overlap does not bring back, or prolong, one that ends.
        self.rotate(webhook, 1)
        self.rotate(webhook, 100)
        self.pass_hours(2)
        self.assertEqual(len(webhook._signing_secrets()), 2)
        for hours in (-1, 169):
            with self.assertRaisesRegex(UserError, "from 0 to 168 hours"):
                self.rotate(webhook, hours)

    def rotate(self, webhook, hours):
        action = webhook.action_rotate()
        dialog = self.env[action["res_model"]].with_user(self.admin)
        with Form(dialog.with_context(**action["context"])) as form:
            self.assertEqual(form.overlap_hours, 24)
            form.overlap_hours = hours
        action = form.record.action_rotate()
        return action["context"]["default_secret"]

    def pass_hours(self, hours):
        """Let the ends of all secrets come nearer."""
        self.env.cr.execute(
            SQL(
                "UPDATE cqrs_webhook_secret"
                " SET expires_at = expires_at - interval '1 hour' * %s",
                hours,
            )
        )

    def test_no_rpc_and_no_export_gives_a_secret(self):
        webhook = self.endpoint()
        [secret] = webhook._signing_secrets()
        exported = webhook.export_data(list(webhook.fields_get()))
        for answer in (webhook.read(), exported, webhook.copy_data()):
            self.assertNotIn(secret, str(answer))
        for model in ("cqrs.webhook.secret", "cqrs_webhook_secret"):
            self.assertNotIn(model, self.env.registry)
        self.shown(webhook)
        self.assertNotIn(secret, str(webhook.message_ids.mapped("body")))

    def test_no_log_gives_a_secret(self):
        """Not even Odoo's log of every statement."""
        with self.assertLogs("odoo.sql_db", logging.DEBUG) as logs:
            webhook = self.endpoint()
            webhook._rotate()
            secrets = webhook._signing_secrets()
            webhook._take_new_secret()
        self.assertIn("INSERT INTO cqrs_webhook_secret", str(logs.output))
        self.assertEqual(len(secrets), 2)
        for secret in secrets:
            self.assertNotIn(secret, str(logs.output))

    def test_a_deleted_endpoint_has_no_secrets(self):
        webhook = self.endpoint()
        id_ = webhook.id
        webhook.unlink()
        self.env.cr.execute(
            SQL("SELECT count(*) FROM cqrs_webhook_secret WHERE webhook_id = %s", id_)
        )
        self.assertEqual(self.env.cr.fetchone(), (0,))
