"""Scheduled actions, and threads, of a database in which nobody works."""

from datetime import timedelta
from unittest.mock import patch

from odoo.tests import TransactionCase, tagged

from ..models.live import quiet
from ..models.webhooks.dispatcher import Dispatcher

VALUES = {"name": "Outside", "url": "https://hooks.example.com/"}


@tagged("post_install", "-at_install")
class TestQuietDatabase(TransactionCase):
    def setUp(self):
        super().setUp()
        # The last event is older than none.
        self.patch(quiet, "QUIET_AFTER_MINUTES", -1)
        self.now = self.env.cr.now().replace(microsecond=0)
        self.env["ir.cron"].search([]).nextcall = self.now + timedelta(days=1)
        self.env.flush_all()

    def put_off(self, name):
        """Return the minutes until an action's next call, after one that is due."""
        cron = self.env.ref(f"crm_cqrs.{name}")
        job = {
            "id": cron.id,
            "nextcall": self.now,
            "interval_type": cron.interval_type,
            "interval_number": cron.interval_number,
        }
        cron._reschedule_later(job)
        cron.invalidate_recordset()
        return (cron.nextcall - self.now) / timedelta(minutes=1)

    def test_actions_of_each_few_minutes_sleep_for_an_hour(self):
        for name in quiet.SLEEPING:
            with self.subTest(name):
                self.assertEqual(self.put_off(name), 60)
        for name in ("ir_cron_verify", "ir_cron_retention"):
            with self.subTest(name):
                self.assertEqual(self.put_off(name), 24 * 60)

    def test_they_run_when_odoo_has_something_to_do(self):
        others = self.env["ir.cron"].search([("cron_name", "not like", "CRM CQRS")])
        others[0].nextcall = self.now + timedelta(minutes=17)
        # One that would be due before, and one that is switched off.
        others[1].nextcall = self.now - timedelta(minutes=5)
        others[2].write({"nextcall": self.now + timedelta(minutes=9), "active": False})
        self.env.flush_all()
        self.assertEqual(self.put_off("ir_cron_fold_metrics"), 17)

    def test_they_are_awake_where_something_was_recorded(self):
        self.env["crm.lead"].create({"name": "New"})
        self.env.cr.flush()
        with patch.object(quiet, "QUIET_AFTER_MINUTES", 30):
            self.assertEqual(self.put_off("ir_cron_fold_metrics"), 1)
            self.assertEqual(self.put_off("ir_cron_reconcile"), 5)

    def test_they_are_awake_where_an_endpoint_is_told(self):
        admin = self.env.ref("base.user_admin")
        webhook = self.env["cqrs.webhook"].with_user(admin).create(VALUES)
        self.env.flush_all()
        self.assertEqual(self.put_off("ir_cron_webhooks"), 1)
        webhook._pause()
        self.env.flush_all()
        self.assertEqual(self.put_off("ir_cron_webhooks"), 60)

    def test_they_are_awake_where_an_administrator_says_so(self):
        self.env["ir.config_parameter"].set_param(quiet.NEVER_ASLEEP, "True")
        self.assertEqual(self.put_off("ir_cron_reconcile"), 5)

    def test_a_commit_wakes_them_once(self):
        waker = quiet.Waker()
        triggers = self.env["ir.cron.trigger"]
        before = triggers.search([])
        waker.wake(self.env.cr)
        waker.wake(self.env.cr)
        found = triggers.search([]) - before
        expected = [self.env.ref(f"crm_cqrs.{name}").id for name in quiet.SLEEPING]
        at_once = found.filtered(lambda each: each.call_at <= self.env.cr.now())
        self.assertCountEqual(at_once.mapped("cron_id.id"), expected)
        self.assertEqual(len(at_once), len(expected))

    def test_of_two_long_transactions_the_second_waits_no_hour(self):
        """Their events are older than what keeps the actions awake."""
        waker, triggers = quiet.Waker(), self.env["ir.cron.trigger"]
        before = triggers.search([])
        waker.wake(self.env.cr)
        woken = triggers.search([]) - before
        woken.filtered(lambda each: each.call_at <= self.env.cr.now()).unlink()
        for name in quiet.SLEEPING:
            self.assertEqual(self.put_off(name), 60)
        # The second one, to which this process does not wake them again.
        waker.wake(self.env.cr)
        end = self.now + timedelta(minutes=quiet.WAKE_EVERY_MINUTES, seconds=1)
        for name in quiet.SLEEPING:
            action = self.env.ref(f"crm_cqrs.{name}")
            due = [("cron_id", "=", action.id), ("call_at", "<=", end)]
            with self.subTest(name):
                self.assertEqual(len(triggers.search(due) & woken.exists()), 1)

    def test_no_thread_stays_where_no_endpoint_is(self):
        # None is committed.
        dispatcher = Dispatcher(self.env.cr.dbname, 0)
        self.assertIsNone(dispatcher._look())
        dispatcher.start()
        dispatcher._thread.join(10)
        self.assertFalse(dispatcher.is_alive)
