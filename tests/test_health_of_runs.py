"""Runs of the event store on its desk: how they go, and what came of them."""

from datetime import timedelta

from odoo.tests import tagged

from ..models.maintenance.run import LOCK
from ..models.maintenance.status import status
from .health import Health


@tagged("post_install", "-at_install")
class TestHealthOfRuns(Health):
    def test_what_the_last_verification_found(self):
        self.env["cqrs.run"].search([]).unlink()
        self.assertEqual(
            self.health("verification"),
            {"level": "watch", "last": None, "unfinished": None},
        )
        now = self.env.cr.now().replace(microsecond=0)
        for findings, hours, level in ((0, 1, "good"), (0, 50, "watch"), (3, 1, "bad")):
            run = self.run_of(
                state="done",
                findings=findings,
                finished_at=now - timedelta(hours=hours),
            )
            verification = self.health("verification")
            last = verification["last"]
            self.assertEqual(
                (verification["level"], last["id"], last["findings"]),
                (level, run.id, findings),
            )
            self.assertLess(abs(last["seconds"] - hours * 3600), 2)

    def test_a_verification_that_did_not_end_well_is_not_passed_over(self):
        self.env["cqrs.run"].search([]).unlink()
        now = self.env.cr.now().replace(microsecond=0)
        hour_ago, week_ago = now - timedelta(hours=1), now - timedelta(days=7)

        def verified(findings=0):
            return self.run_of(state="done", findings=findings, finished_at=hour_ago)

        for values, level in (
            ({"state": "failed", "finished_at": now, "error": "Why\nWhere"}, "bad"),
            ({"state": "cancelled", "finished_at": now}, "watch"),
            # Nobody performs it: the server was stopped.
            ({"state": "running", "started_at": hour_ago}, "watch"),
            ({"state": "pending", "create_date": week_ago}, "watch"),
        ):
            with self.subTest(**values), self.env.cr.savepoint() as savepoint:
                # Alone, and after one that was well.
                for is_first in (True, False):
                    before = None if is_first else verified()
                    run = self.run_of(**values)
                    self.date_back(run, values.get("create_date", now))
                    verification = self.health("verification")
                    self.assertEqual(
                        (verification["level"], (verification["last"] or {}).get("id")),
                        (level, before and before.id),
                    )
                    unfinished = verification["unfinished"]
                    self.assertEqual(
                        (unfinished["id"], unfinished["state"], unfinished["error"]),
                        (run.id, run.state, values.get("error") and "Why"),
                    )
                    self.assertEqual(
                        status(self.env)["unfinished_verification"], unfinished
                    )
                # Found is found, whatever came after.
                verified(findings=3)
                self.run_of(**values)
                self.assertEqual(self.health("verification")["level"], "bad")
                # What came of the next one counts again.
                verified()
                verification = self.health("verification")
                self.assertEqual(
                    (verification["level"], verification["unfinished"]), ("good", None)
                )
                savepoint.rollback()

    def test_a_verification_that_goes_on_is_waited_for(self):
        self.env["cqrs.run"].search([]).unlink()
        now = self.env.cr.now().replace(microsecond=0)
        self.run_of(state="done", finished_at=now)
        run = self.run_of(state="running", started_at=now)
        with self.registry.cursor() as cr:
            cr.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK, run.id])
            for hours, level, unfinished in ((1, "good", None), (7, "watch", run.id)):
                self.date_back(run, now - timedelta(hours=hours))
                verification = self.health("verification")
                self.assertEqual(
                    (
                        verification["level"],
                        verification["unfinished"] and verification["unfinished"]["id"],
                    ),
                    (level, unfinished),
                )
            cr.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK, run.id])

    def test_a_run_that_nobody_performs_is_told_apart(self):
        runs = self.run_of(state="running") + self.run_of(state="running")
        abandoned, performed = runs
        with self.registry.cursor() as cr:
            cr.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK, performed.id])
            shown = {run["id"]: run for run in self.health("runs")}
            cr.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK, performed.id])
        self.assertEqual(
            (shown[abandoned.id]["is_abandoned"], shown[performed.id]["is_abandoned"]),
            (True, False),
        )

    def test_a_run_says_what_came_of_it(self):
        for values, outcome in (
            ({"state": "pending"}, False),
            ({"state": "running"}, False),
            ({"state": "done"}, "Everything is correct."),
            ({"state": "done", "findings": 2}, "Findings: 2."),
            (
                {"state": "done", "kind": "replay"},
                "All rows match the log.",
            ),
            (
                {"state": "done", "kind": "replay", "findings": 12345},
                "Rows corrected: 12,345.",
            ),
            (
                {"state": "done", "kind": "reconcile", "findings": 1},
                "Missing changes recorded: 1.",
            ),
            (
                {"state": "done", "kind": "build"},
                "All records already have events.",
            ),
            ({"state": "failed", "error": "why\nwhere"}, "why"),
            ({"state": "cancelled"}, "Cancelled. Nothing was changed."),
            (
                {"state": "cancelled", "kind": "build"},
                "Cancelled. Events recorded so far are kept.",
            ),
        ):
            self.assertEqual(self.run_of(**values).outcome, outcome)

    def test_a_run_has_a_name_and_a_step_that_people_know(self):
        run = self.run_of(kind="replay", step="cqrs.user.profile")
        self.assertEqual(
            (run.display_name, run.step_name), (f"Rebuild #{run.id}", "User Profile")
        )
        run.step = "indexes and statistics"
        self.assertEqual(run.step_name, "indexes and statistics")

    def test_one_projection_is_rebuilt(self):
        runs = self.env["cqrs.run"].with_user(self.admin)
        action = runs.action_replay(["cqrs.user.profile"])
        run = self.env["cqrs.run"].browse(action["res_id"])
        self.assertEqual((run.kind, run.projections), ("replay", ["cqrs.user.profile"]))
        with self.assertRaisesRegex(ValueError, "no such projection: res.users"):
            runs.action_replay(["res.users"])
