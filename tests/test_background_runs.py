from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..models.maintenance import run as run_module
from ..models.maintenance.run import LOCK
from .common import RealCursors


@tagged("post_install", "-at_install")
class TestBackgroundRuns(RealCursors):
    """Real cursors: a run, and those who watch it."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.remove)

    def remove(self):
        with self.registry.cursor() as cr:
            cr.execute("DELETE FROM cqrs_run")

    def committed(self, **values):
        """Return the id of a run that every transaction sees."""
        with self.registry.cursor() as cr:
            return self.runs(cr).create({"kind": "verify", **values}).id

    def runs(self, cr):
        return self.environment(cr)["cqrs.run"]

    def perform(self, run_id, report):
        with self.registry.cursor() as cr:
            self.runs(cr).browse(run_id)._perform(report)

    def perform_pending(self):
        with self.registry.cursor() as cr:
            self.runs(cr)._perform_pending()

    def seen(self, run_id, *names):
        """Return what a transaction of somebody else sees of a run."""
        with self.registry.cursor() as cr:
            return tuple(self.runs(cr).browse(run_id).read(names)[0][n] for n in names)

    def drift(self):
        """Take a row from a projection."""
        with self.registry.cursor() as cr:
            cr.execute(
                "DELETE FROM cqrs_user_profile"
                " WHERE id = (SELECT min(id) FROM cqrs_user_profile)"
            )

    def profiles(self):
        with self.registry.cursor() as cr:
            cr.execute("SELECT count(*) FROM cqrs_user_profile")
            return cr.fetchone()[0]

    def replaced(self):
        with self.registry.cursor() as cr:
            cr.execute("SELECT table_name, row ->> 'name' FROM cqrs_replaced")
            return cr.fetchall()

    def test_what_a_replay_replaces_is_kept_until_it_has_been_verified(self):
        def perform(kind):
            run_id = self.committed(kind=kind)
            self.perform_pending()
            return self.seen(run_id, "state", "findings")

        self.assertEqual(perform("replay"), ("done", 0))
        self.assertEqual(perform("verify"), ("done", 0))
        with self.registry.cursor() as cr:
            cr.execute(
                "UPDATE cqrs_user_profile SET name = 'Wrong'"
                " WHERE id = (SELECT min(id) FROM cqrs_user_profile)"
            )
        # A row that differs counts as missing and as stale.
        self.assertEqual(perform("replay"), ("done", 2))
        kept = [("cqrs_user_profile", "Wrong")]
        self.assertEqual(self.replaced(), kept)
        self.drift()
        self.assertEqual(perform("verify"), ("done", 1))
        self.assertEqual(self.replaced(), kept)
        self.assertEqual(perform("replay"), ("done", 1))
        self.assertEqual(perform("verify"), ("done", 0))
        self.assertEqual(self.replaced(), [])

    def test_the_night_verifies_on_record(self):
        cron = self.env.ref("crm_cqrs.ir_cron_verify")
        self.assertEqual(
            (cron.code, cron.interval_number, cron.interval_type),
            ("model._verify_nightly()", 1, "days"),
        )
        with self.registry.cursor() as cr:
            self.runs(cr)._verify_nightly()
        with self.registry.cursor() as cr:
            run = self.runs(cr).search([], limit=1)
            self.assertEqual((run.kind, run.state, run.findings), ("verify", "done", 0))

    def test_a_button_has_the_cron_perform_it(self):
        cron = self.env.ref("crm_cqrs.ir_cron_run")
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
        admin = self.env.ref("base.user_admin")
        for method, kind in (
            ("verify", "verify"),
            ("verify_all", "verify"),
            ("replay", "replay"),
            ("reconcile", "reconcile"),
            ("build", "build"),
        ):
            runs = self.env["cqrs.run"].with_user(admin)
            action = getattr(runs, f"action_{method}")()
            run = self.env["cqrs.run"].browse(action["res_id"])
            self.assertEqual(
                (run.kind, run.state, run.user_id), (kind, "pending", admin)
            )
        self.assertEqual(
            len(self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])),
            len(triggers) + 5,
        )

    def test_only_administrators(self):
        user = new_test_user(self.env, "cqrs_runs", "sales_team.group_sale_manager")
        run = self.env["cqrs.run"].create({"kind": "verify"})
        for call in (
            lambda: run.with_user(user).action_cancel(),
            lambda: run.with_user(user).action_replay(),
            lambda: run.with_user(user).read(["state"]),
            lambda: run.with_user(self.env.ref("base.user_admin")).write({"step": "x"}),
        ):
            with self.assertRaises(AccessError):
                call()

    def test_the_progress_is_seen_while_it_works(self):
        run_id = self.committed()
        seen = []
        self.perform(
            run_id,
            lambda done, step: seen.append(
                (*self.seen(run_id, "state", "progress", "step"), 100 * done, step)
            ),
        )
        self.assertEqual(seen[0][:2], ("running", 0))
        for state, progress, step, told, told_step in seen:
            self.assertEqual((state, step), ("running", told_step))
            self.assertAlmostEqual(progress, told)
        progress = [each[1] for each in seen]
        self.assertEqual(progress, sorted(set(progress)))
        self.assertEqual(
            self.seen(run_id, "state", "progress", "findings"), ("done", 100, 0)
        )
        [result] = self.seen(run_id, "result")
        self.assertEqual(result["findings"], [])
        self.assertGreater(result["seals"]["unsealed"], 0)

    def test_a_replay_repairs_and_says_what(self):
        profiles = self.profiles()
        self.drift()
        run_id = self.committed(kind="replay", projections=["cqrs.user.profile"])
        self.perform_pending()
        state, findings, result = self.seen(run_id, "state", "findings", "result")
        [replayed] = result["projections"]
        del replayed["seconds"]
        self.assertEqual(
            (state, findings, replayed),
            (
                "done",
                1,
                {
                    "projection": "cqrs.user.profile",
                    "rows": profiles,
                    "missing": 1,
                    "stale": 0,
                    "repaired": 1,
                },
            ),
        )
        self.assertEqual(self.profiles(), profiles)

    def test_a_reconciliation_says_how_much_was_recorded(self):
        self.perform_pending()
        with self.registry.cursor() as cr:
            cr.execute(
                "UPDATE crm_stage SET sequence = sequence + 1"
                " WHERE id = (SELECT min(id) FROM crm_stage)"
            )
        run_id = self.committed(kind="reconcile")
        self.perform_pending()
        self.assertEqual(
            self.seen(run_id, "state", "findings", "result"), ("done", 1, {"events": 1})
        )

    def test_a_cancelled_run_ends_at_its_next_step_and_leaves_nothing(self):
        profiles = self.profiles()
        self.drift()
        run_id = self.committed(kind="replay")

        def cancel(done, step):
            with self.registry.cursor() as cr:
                self.runs(cr).browse(run_id).action_cancel()

        self.perform(run_id, cancel)
        state, progress, finished = self.seen(
            run_id, "state", "progress", "finished_at"
        )
        self.assertEqual(state, "cancelled")
        self.assertLess(0, progress)
        self.assertLess(progress, 50)
        self.assertLess(fields.Datetime.now() - finished, timedelta(minutes=1))
        self.assertEqual(self.profiles(), profiles - 1)
        self.perform(self.committed(kind="replay"), lambda done, step: None)
        self.assertEqual(self.profiles(), profiles)

    def test_a_run_cancelled_before_it_began_is_not_performed(self):
        run_id = self.committed()
        with self.registry.cursor() as cr:
            self.runs(cr).browse(run_id).action_cancel()
        self.perform_pending()
        self.assertEqual(self.seen(run_id, "state", "started_at"), ("cancelled", False))

    @mute_logger("odoo.addons.crm_cqrs.models.maintenance.run")
    def test_a_failure_is_noted_and_the_next_run_performed(self):
        failing, next_ = self.committed(), self.committed(kind="replay")
        with patch.object(run_module, "verify", side_effect=ZeroDivisionError("why")):
            self.perform_pending()
        self.assertEqual(self.seen(failing, "state", "error"), ("failed", "why"))
        self.assertEqual(self.seen(next_, "state", "error"), ("done", False))

    def test_a_run_that_was_interrupted_is_not_taken_up_again(self):
        interrupted = self.committed()
        with (
            patch.object(run_module, "verify", side_effect=KeyboardInterrupt),
            self.assertRaises(KeyboardInterrupt),
        ):
            self.perform_pending()
        self.perform_pending()
        self.assertEqual(self.seen(interrupted, "state", "attempts"), ("cancelled", 1))

    def test_a_run_whose_server_was_killed_is_taken_up_again(self):
        killed = self.committed(kind="replay", state="running", attempts=1)
        cancelled = self.committed(state="running", cancel_requested=True)
        hopeless = self.committed(state="running", attempts=3)
        elsewhere = self.committed(state="running")
        with self.registry.cursor() as cr:
            cr.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, elsewhere])
            self.perform_pending()
        self.assertEqual(
            self.seen(killed, "state", "attempts", "error"), ("done", 2, False)
        )
        self.assertEqual(self.seen(cancelled, "state"), ("cancelled",))
        self.assertEqual(
            self.seen(hopeless, "state", "error"),
            (
                "failed",
                (
                    "The server stopped during each of 3 attempts. Check the "
                    "server log, then start the run again."
                ),
            ),
        )
        self.assertEqual(self.seen(elsewhere, "state"), ("running",))
