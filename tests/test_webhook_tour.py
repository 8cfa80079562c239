from unittest.mock import patch

from odoo.tests import HttpCase, tagged
from odoo.tools import config

from .receiver import Receiver, answering
from .test_webhook_endpoints import Endpoints


@tagged("post_install", "-at_install")
class TestWebhookTour(Endpoints, HttpCase):
    def test_by_clicks(self):
        """Create, secret, test, pause, resume, rotate, send again, log."""
        # A request of the test before would share the cursor.
        self._wait_remaining_requests()
        self.opportunity(self.manager).name = "Changed"
        self.env.cr.flush()
        allowed = {"cqrs_webhook_allowed": "127.0.0.1"}
        self.enterContext(patch.dict(config._runtime_options, allowed))
        with Receiver(answering("200 OK", b"thanks")) as receiver:
            self.start_tour(
                f"/odoo/webhooks?receiver={receiver.url}",
                "crm_cqrs_webhook",
                login=self.admin.login,
                timeout=120,
            )
        webhook = self.webhooks.search([("url", "=", receiver.url)])
        self.assertFalse(webhook.is_paused)
        self.assertFalse(webhook.has_new_secret)
        self.assertEqual(len(webhook._signing_secrets()), 2)
        self.assertIn(b"crm_cqrs.test", receiver.requests[0])
