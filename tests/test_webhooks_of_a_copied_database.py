"""Webhooks of a copied, renamed or neutralized database."""

import os

from odoo.modules.neutralize import neutralize_database
from odoo.tests import TransactionCase, tagged
from odoo.tools import file_open

from ..models.webhooks.settings import ALLOWED_OPTION
from .common import INSTALLED, OwnDatabase
from .receiver import Receiver, answering

VALUES = {
    "name": "Outside",
    "url": "https://hooks.example.com/",
    "headers": '{"Authorization": "Bearer 1"}',
}
MAKE = """
admin = env.ref("base.user_admin")
env["cqrs.webhook"].with_user(admin).create({values!r})
env.cr.commit()
env["crm.lead"].create({{"name": "New", "type": "opportunity", "user_id": admin.id}})
env.cr.commit()
"""
CHANGE = """
env["crm.lead"].search([("name", "in", ("New", "Newer"))]).name = "Newer"
env["crm.lead"].search([("name", "=", "Newer")]).description = str(env.cr.now())
env.cr.commit()
"""
LOOK = """
print("bound:", env["cqrs.webhook"].search([])._is_bound())
"""
RESUME = """
env["cqrs.webhook"].search([])._resume(send_backlog=True)
env.cr.commit()
"""
SEND = """
from odoo.addons.crm_cqrs.models.webhooks.dispatcher import run_once
print("attempts:", run_once(env.cr.dbname))
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
    """With a receiver, and databases that are copied as administrators do it."""

    template = INSTALLED

    def setUp(self):
        super().setUp()
        self.conf = self.configuration(**{ALLOWED_OPTION: "127.0.0.1"})
        self.receiver = self.enterContext(Receiver(answering()))

    def shell(self, script: str) -> str:
        """Run a script, then send what there is; return what it prints."""
        return self.odoo("shell", "-c", self.conf, script=script + SEND).stdout

    def webhook(self):
        """Return the state of the only webhook of the database."""
        [state] = self.query(
            "SELECT is_paused IS TRUE, pause_reason, headers IS NOT NULL,"
            " (SELECT count(*) FROM cqrs_webhook_secret) FROM cqrs_webhook"
        )
        return state

    def test_nothing_leaves_a_copy_until_it_is_resumed(self):
        from ..devtools.databases import database

        self.shell(MAKE.format(values=VALUES | {"url": self.receiver.url}))
        self.assertEqual(len(self.receiver.requests), 1)
        original, copy = self.db, f"{self.db}_copy"
        self.odoo("shell", script=CHANGE)
        database.create_from(os.environ, original, copy)
        self.addCleanup(database.drop, os.environ, copy)

        self.db = copy
        self.assertIn("bound: False\nattempts: 0", self.shell(LOOK))
        self.assertEqual(self.webhook(), (True, "copied", True, 1))
        self.assertEqual(len(self.receiver.requests), 1)
        self.assertIn("bound: True\nattempts: 1", self.shell(RESUME + LOOK))
        self.assertEqual(len(self.receiver.requests), 2)
        self.odoo("neutralize")
        self.assertEqual(self.webhook(), (True, "copied", False, 0))
        self.assertIn("attempts: 0", self.shell(RESUME + CHANGE))
        self.assertEqual(len(self.receiver.requests), 2)

        self.db = original
        self.assertIn("bound: True\nattempts: 1", self.shell(LOOK))
        self.assertEqual(self.webhook(), (False, None, True, 1))
        self.assertEqual(len(self.receiver.requests), 3)
