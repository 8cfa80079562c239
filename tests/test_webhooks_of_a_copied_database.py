"""Webhooks of a copied, renamed or neutralized database."""

import os

from odoo.modules.neutralize import neutralize_database
from odoo.tests import TransactionCase, tagged
from odoo.tools import file_open

from .common import INSTALLED, OwnDatabase

VALUES = {
    "name": "Outside",
    "url": "https://hooks.example.com/",
    "headers": '{"Authorization": "Bearer 1"}',
}
MAKE = f"""
admin = env.ref("base.user_admin")
env["cqrs.webhook"].with_user(admin).create({VALUES!r})
env.cr.commit()
"""
LOOK = """
print("bound:", env["cqrs.webhook"].search([])._is_bound())
"""


@tagged("post_install", "-at_install")
class TestBoundWebhooks(TransactionCase):
    def setUp(self):
        super().setUp()
        admin = self.env.ref("base.user_admin")
        self.webhook = self.env["cqrs.webhook"].with_user(admin).create(VALUES)

    def test_it_is_bound_where_it_was_made(self):
        self.assertTrue(self.webhook._is_bound())

    def test_it_is_not_bound_under_another_uuid(self):
        self.env.cr.execute(
            "UPDATE ir_config_parameter SET value = gen_random_uuid()"
            " WHERE key = 'database.uuid'"
        )
        self.assertFalse(self.webhook._is_bound())

    def test_it_is_bound_to_no_database_without_a_uuid(self):
        self.webhook._set_state(bound_to=False)
        self.assertFalse(self.webhook._is_bound())
        self.env.cr.execute(
            "DELETE FROM ir_config_parameter WHERE key = 'database.uuid'"
        )
        self.assertFalse(self.webhook._is_bound())

    def test_odoo_neutralizes_it(self):
        self.assertTrue(self.webhook._signing_secrets())
        self.env.flush_all()
        neutralize_database(self.env.cr)
        self.env.invalidate_all()
        self.assertEqual(self.webhook._signing_secrets(), [])
        self.assertFalse(self.webhook.headers)
        found = (self.webhook.is_paused, self.webhook.pause_reason)
        self.assertEqual(found, (True, "copied"))

    def test_a_version_without_webhooks_is_neutralized(self):
        self.env.cr.execute("DROP TABLE cqrs_webhook CASCADE")
        with file_open("crm_cqrs/data/neutralize.sql") as file:
            self.env.cr.execute(file.read())


@tagged("post_install", "-at_install")
class TestWebhooksOfACopiedDatabase(OwnDatabase):
    template = INSTALLED

    def assert_webhook(self, is_paused, has_headers, secrets):
        """Assert the state of the only webhook of the database."""
        rows = self.query(
            "SELECT is_paused IS TRUE, headers IS NOT NULL,"
            " (SELECT count(*) FROM cqrs_webhook_secret) FROM cqrs_webhook"
        )
        self.assertEqual(rows, [(is_paused, has_headers, secrets)])

    def test_a_copy_is_another_database_and_can_be_neutralized(self):
        from ..devtools.databases import database

        self.odoo("shell", script=MAKE)
        self.assert_webhook(False, True, 1)
        original, copy = self.db, f"{self.db}_copy"
        database.create_from(os.environ, original, copy)
        self.addCleanup(database.drop, os.environ, copy)

        self.db = copy
        self.assertIn("bound: False", self.odoo("shell", script=LOOK).stdout)
        self.odoo("neutralize")
        self.assert_webhook(True, False, 0)

        self.db = original
        self.assertIn("bound: True", self.odoo("shell", script=LOOK).stdout)
        self.assert_webhook(False, True, 1)
