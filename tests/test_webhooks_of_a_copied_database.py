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
env.cr.rollback()
webhook = env["cqrs.webhook"].search([])
print(f"bound: {webhook._is_bound()}, paused: {webhook.pause_reason or None}")
"""
RESUME = """
env.cr.rollback()
env["cqrs.webhook"].search([])._resume(send_backlog=True)
env.cr.commit()
"""
NEUTRALIZE = """
from odoo.modules.neutralize import neutralize_database
neutralize_database(env.cr)
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
        """Run a script; return what it prints."""
        return self.odoo("shell", "-c", self.conf, script=script).stdout

    def webhook(self):
        """Return the state of the only webhook of the database."""
        [state] = self.query(
            "SELECT is_paused IS TRUE, pause_reason, headers IS NOT NULL,"
            " (SELECT count(*) FROM cqrs_webhook_secret) FROM cqrs_webhook"
        )
        return state

    def test_nothing_leaves_a_copy_until_it_is_resumed(self):
        from ..devtools.databases import database

        make = MAKE.format(values=VALUES | {"url": self.receiver.url})
        self.assertEqual(self.shell(make + SEND + CHANGE), "attempts: 1\n")
        original, copy = self.db, f"{self.db}_copy"
        database.create_from(os.environ, original, copy)
        self.addCleanup(database.drop, os.environ, copy)

        self.db = copy
        self.assertEqual(
            self.shell(LOOK + SEND + LOOK + RESUME + LOOK + SEND + NEUTRALIZE + SEND),
            "bound: False, paused: None\nattempts: 0\n"
            "bound: False, paused: copied\n"
            "bound: True, paused: None\nattempts: 1\nattempts: 0\n",
        )
        self.assertEqual(self.webhook(), (True, "copied", False, 0))
        # One to the original's, one from the copy once it was resumed.
        self.assertEqual(len(self.receiver.requests), 2)

        self.db = original
        self.assertEqual(self.webhook(), (False, None, True, 1))
