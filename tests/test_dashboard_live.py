import json
import threading
from unittest.mock import Mock, patch

from odoo.tests import TransactionCase, new_test_user, tagged

from ..models.live import announcer as announcer_module
from ..models.live import changed
from ..models.live.announcer import CHANGED, CHANNEL, Announcer, channel
from .common import SalesOrganisation

ANNOUNCE = "odoo.addons.crm_cqrs.models.live.changed.announcer.announce"
SEND = "odoo.addons.crm_cqrs.models.live.announcer._send"


@tagged("post_install", "-at_install")
class TestChangesAreAnnounced(SalesOrganisation):
    """A transaction that recorded something says so once, after its commit."""

    def setUp(self):
        super().setUp()
        self.env.cr.flush()
        self.forget()

    def forget(self):
        self.env.cr.postcommit.clear()
        self.addCleanup(self.env.cr.postcommit.clear)

    def announced(self):
        """Return what the commit would have told."""
        self.env.cr.flush()
        callbacks = [
            callback
            for callback in self.env.cr.postcommit._funcs
            if getattr(callback, "func", None) == changed.announcer.announce
        ]
        return [callback.args for callback in callbacks]

    def test_a_change_is_announced_once(self):
        lead = self.opportunity(self.seller)
        lead.expected_revenue = 1
        self.env.cr.flush()
        self.assertEqual(self.announced(), [(self.env.cr.dbname,)])

    def test_what_changes_nothing_is_not(self):
        lead = self.opportunity(self.seller)
        self.env.cr.flush()
        self.forget()
        lead.expected_revenue = lead.expected_revenue
        self.assertEqual(self.announced(), [])

    def test_what_a_savepoint_undoes_loses_nothing(self):
        lead = self.opportunity(self.seller)
        self.assertEqual(len(self.announced()), 1)
        with self.assertRaises(ValueError), self.env.cr.savepoint():
            lead.expected_revenue = 2
            self.env.cr.flush()
            raise ValueError
        self.assertEqual(len(self.announced()), 1)


@tagged("post_install", "-at_install")
class TestAnnouncer(TransactionCase):
    def test_many_commits_are_one_message(self):
        sent, began, go_on = [], threading.Event(), threading.Event()

        def send(dbname):
            sent.append(dbname)
            began.set()
            go_on.wait(10)

        announcer = Announcer()
        with patch(SEND, send), patch.object(announcer_module, "INTERVAL", 0):
            announcer.announce("first")
            self.assertTrue(began.wait(10))
            began.clear()
            for __ in range(100):
                announcer.announce("second")
            go_on.set()
            self.assertTrue(began.wait(10))
        self.assertEqual(sent, ["first", "second"])

    def test_what_is_pending_at_the_end_is_sent(self):
        announcer = Announcer()
        with (
            patch(SEND) as send,
            patch.object(threading.Thread, "start"),
        ):
            announcer.announce("db")
            announcer.send_pending()
            announcer.send_pending()
        send.assert_called_once_with("db")

    def test_a_database_that_is_gone_stops_nothing(self):
        announcer = Announcer()
        with (
            patch(SEND, side_effect=[OSError, None]) as send,
            patch.object(threading.Thread, "start"),
        ):
            announcer.announce("gone")
            announcer.send_pending()
            announcer.announce("there")
            announcer.send_pending()
        self.assertEqual(send.call_count, 2)

    def test_the_message_has_no_data(self):
        self.env["bus.bus"]._sendone(channel(self.env), CHANGED, {})
        self.env.cr.precommit.run()
        self.addCleanup(self.env.cr.postcommit.clear)
        row = self.env["bus.bus"].search([], order="id desc", limit=1)
        self.assertEqual(
            json.loads(row.message), {"type": "crm_cqrs/changed", "payload": {}}
        )

    def test_only_internal_users_are_told(self):
        def channels(user):
            websocket = self.env["ir.websocket"].with_user(user)
            # It asks the request for its session.
            request = Mock(session=Mock(uid=user.id))
            with patch("odoo.addons.bus.models.ir_websocket.wsrequest", request):
                built = websocket._build_bus_channel_list([CHANNEL, "other"])
            # Records do not compare with texts.
            return [each for each in built if isinstance(each, (str, tuple))]

        internal = new_test_user(self.env, "cqrs_internal", groups="base.group_user")
        portal = new_test_user(self.env, "cqrs_portal", groups="base.group_portal")
        self.assertIn(channel(self.env), channels(internal))
        for user in (internal, portal):
            self.assertNotIn(CHANNEL, channels(user))
            self.assertIn("other", channels(user))
        self.assertNotIn(channel(self.env), channels(portal))
