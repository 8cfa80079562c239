"""Nothing is sent from a copied, renamed or neutralized database until it is confirmed."""

import os

from odoo.modules.neutralize import neutralize_database
from odoo.tests import TransactionCase, tagged
from odoo.tools import file_open

from .common import INSTALLED, OwnDatabase

MAKE = """
env["cqrs.webhook"].create({
    "name": "Outside", "url": "https://hooks.example.com/",
    "headers": '{"Authorization": "Bearer 1"}',
})
env.cr.commit()
"""
LOOK = """
webhook = env["cqrs.webhook"].search([])
print("bound", webhook._is_bound())
env["cqrs.webhook"]._pause_copies()
env.cr.commit()
"""
CONFIRM = """
webhook = env["cqrs.webhook"].search([])
webhook._bind()
print("bound", webhook._is_bound())
env.cr.commit()
"""


@tagged("post_install", "-at_install")
class TestBoundWebhooks(TransactionCase):
    def setUp(self):
        super().setUp()
        self.webhooks = self.env["cqrs.webhook"]
        self.webhook = self.webhooks.create(
            {
                "name": "Outside",
                "url": "https://hooks.example.com/",
                "headers": '{"Authorization": "Bearer 1"}',
            }
        )

    def change_uuid(self):
        self.env.cr.execute(
            "UPDATE ir_config_parameter SET value = gen_random_uuid()"
            " WHERE key = 'database.uuid'"
        )

    def assert_paused(self, reason):
        found = (self.webhook.is_paused, self.webhook.pause_reason)
        self.assertEqual(found, (True, reason))

    def test_where_it_was_made_it_is_bound(self):
        self.assertTrue(self.webhook._is_bound())
        self.webhooks._pause_copies()
        self.assertFalse(self.webhook.is_paused)

    def test_another_uuid_pauses_it_until_it_is_confirmed(self):
        self.change_uuid()
        self.assertFalse(self.webhook._is_bound())
        self.webhooks._pause_copies()
        self.assert_paused("copied")
        self.webhook._bind()
        self.assertTrue(self.webhook._is_bound())
        self.assert_paused("copied")
        self.webhook._resume(send_backlog=False)
        self.webhooks._pause_copies()
        self.assertFalse(self.webhook.is_paused)

    def test_a_copy_of_a_paused_one_says_that_it_is_a_copy(self):
        self.webhook._pause("person")
        self.change_uuid()
        self.webhooks._pause_copies()
        self.assert_paused("copied")

    def test_a_database_without_a_uuid_is_no_database_of_anybody(self):
        self.env.cr.execute(
            "DELETE FROM ir_config_parameter WHERE key = 'database.uuid'"
        )
        self.assertFalse(self.webhook._is_bound())
        self.webhooks._pause_copies()
        self.assert_paused("copied")

    def test_odoo_neutralizes_them(self):
        self.assertTrue(self.webhook._signing_secrets())
        self.env.flush_all()
        neutralize_database(self.env.cr)
        self.env.invalidate_all()
        self.assertEqual(self.webhook._signing_secrets(), [])
        self.assertFalse(self.webhook.headers)
        self.assertFalse(self.webhook._is_bound())
        self.assert_paused("copied")

    def test_a_version_without_them_is_neutralized(self):
        self.env.cr.execute("DROP TABLE cqrs_webhook CASCADE")
        with file_open("crm_cqrs/data/neutralize.sql") as file:
            self.env.cr.execute(file.read())


@tagged("post_install", "-at_install")
class TestWebhooksOfACopiedDatabase(OwnDatabase):
    """With databases that are copied, renamed and neutralized as administrators do."""

    template = INSTALLED

    def states(self):
        return self.query(
            "SELECT is_paused, pause_reason, headers IS NOT NULL,"
            " (SELECT count(*) FROM cqrs_webhook_secret) FROM cqrs_webhook"
        )

    def test_copies(self):
        from ..devtools.databases import database

        self.odoo("shell", script=MAKE)
        self.assertEqual(self.states(), [(None, None, True, 1)])
        original, copy = self.db, f"{self.db}_copy"
        database.create_from(os.environ, original, copy)
        self.addCleanup(database.drop, os.environ, copy)

        self.db = copy
        self.assertIn("bound False", self.odoo("shell", script=LOOK).stdout)
        self.assertEqual(self.states(), [(True, "copied", True, 1)])
        self.assertIn("bound True", self.odoo("shell", script=CONFIRM).stdout)
        self.odoo("neutralize")
        self.assertEqual(self.states(), [(True, "copied", False, 0)])

        self.db = original
        self.assertIn("bound True", self.odoo("shell", script=LOOK).stdout)
        self.assertEqual(self.states(), [(None, None, True, 1)])
