from datetime import timedelta

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..models.maintenance.health import COUNT_UP_TO, TAIL_CHANGES, _level
from ..models.maintenance.status import status
from .health import Health


@tagged("post_install", "-at_install")
class TestDeskHealth(Health):
    def test_only_administrators(self):
        user = new_test_user(self.env, "cqrs_runs", "sales_team.group_sale_manager")
        with self.assertRaises(AccessError):
            self.env["cqrs.health"].with_user(user).read_health()

    def test_levels(self):
        limits = (60, 600)
        values = (0, 59, 60, 599, 600, None, False)
        levels = ["good", "good", "watch", "watch", "bad", "watch", "watch"]
        # Of False, as of an empty field, nothing is known; of 0 it is.
        self.assertEqual([_level(value, limits) for value in values], levels)

    def test_read_models_that_are_not_complete(self):
        part = self.health("projections")
        self.assertEqual(part, {"level": "good", "broken": [], "quarantined": []})
        self.execute(
            "INSERT INTO cqrs_projection_failure (projection, rebuilds, stream_model,"
            " stream_id, held_version, sqlstate, error)"
            " VALUES ('cqrs.opportunity.view', 0, 'crm.lead', 7, 0, '54000', 'long')"
        )
        part = self.health("projections")
        self.assertEqual((part["level"], part["broken"]), ("watch", []))
        [left_out] = part["quarantined"]
        self.assertEqual((left_out["records"], left_out["error"]), (1, "long"))
        self.execute(
            "INSERT INTO cqrs_projection_failure"
            " (projection, rebuilds, sqlstate, error)"
            " SELECT 'cqrs.user.access', count(*), '42P01', 'gone'"
            " FROM cqrs_projection_rebuild WHERE projection = 'cqrs.user.access'"
        )
        part = self.health("projections")
        self.assertEqual(
            (part["level"], part["broken"]),
            ("bad", [{"name": "User Access", "error": "gone"}]),
        )

    def test_events_are_counted_from_the_end_of_the_log(self):
        partner = self.env["res.users"].create({"name": "Seen", "login": "cqrs_seen"})
        self.env.cr.flush()
        log = self.health("log")
        self.execute("SELECT max(position) FROM cqrs_event")
        [position] = self.env.cr.fetchone()
        self.execute(
            "SELECT LEAST(count(*), %s) FROM cqrs_event"
            " WHERE occurred_at > now() - interval '10 minutes'",
            COUNT_UP_TO,
        )
        [lately] = self.env.cr.fetchone()
        self.assertTrue(partner)
        self.assertGreater(lately, 0)
        self.assertEqual((log["last_position"], log["lately"]), (position, lately))
        self.assertEqual((log["level"], log["missing_triggers"]), ("good", []))
        self.assertGreater(log["per_minute"], 0)

    def test_scheduled_actions_that_do_not_run(self):
        crons = self.env["ir.model.data"].search(
            [("module", "=", "crm_cqrs"), ("model", "=", "ir.cron")]
        )
        due = (
            "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' - interval '1 min'"
            " * %s WHERE interval_type = 'minutes' AND id = ANY(%s)"
        )
        ids = crons.mapped("res_id")
        for minutes, level in ((0, "good"), (11, "watch"), (61, "bad")):
            self.execute(due, minutes, ids)
            jobs = self.health("jobs")
            self.assertEqual((jobs["level"], jobs["late"]), (level, 60 * minutes))
            self.assertEqual(
                (jobs["count"], jobs["inactive"], jobs["is_neutralized"]),
                (len(ids), [], False),
            )
        run = self.run_of()
        self.assertFalse(run.waits_for)
        self.execute("UPDATE cqrs_run SET create_date = create_date - interval '3 min'")
        run.invalidate_recordset()
        self.assertRegex(run.waits_for, "No server .*odoo-bin cqrs")
        # Of one that has work to do, the others know that they are looked at.
        self.execute(due, 0, self.env.ref("crm_cqrs.ir_cron_fold_metrics").ids)
        self.assertEqual(self.health("jobs")["level"], "good")

    def test_a_neutralized_copy_says_why_nothing_happens(self):
        run = self.run_of()
        self.execute("UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC'")
        self.assertFalse(run.waits_for)
        self.env["ir.cron"].search([]).active = False
        self.env.flush_all()
        run.invalidate_recordset()
        self.assertRegex(run.waits_for, "switched off. .*odoo-bin cqrs")
        self.env["ir.config_parameter"].set_param("database.is_neutralized", True)
        run.invalidate_recordset()
        self.assertRegex(run.waits_for, "neutralized copy.*odoo-bin cqrs")
        health = self.health()
        self.assertIn("neutralized", health["runs"][0]["waits_for"])
        jobs = health["jobs"]
        self.assertEqual(
            (jobs["level"], len(jobs["inactive"]), jobs["count"], jobs["can_activate"]),
            ("watch", 12, 12, True),
        )
        self.assertTrue(jobs["is_neutralized"] and jobs["late"] is None)
        self.env["cqrs.health"].with_user(self.admin).action_activate_jobs()
        self.env.flush_all()
        run.invalidate_recordset()
        self.assertFalse(run.waits_for)
        jobs = self.health("jobs")
        self.assertEqual((len(jobs["inactive"]), jobs["can_activate"]), (4, False))
        for name in ("seal", "retention", "webhooks", "subscriptions"):
            self.assertFalse(self.env.ref(f"crm_cqrs.ir_cron_{name}").active)
        self.assertTrue(
            self.env["ir.cron.trigger"].search(
                [("cron_id", "=", self.env.ref("crm_cqrs.ir_cron_run").id)]
            )
        )
        user = new_test_user(self.env, "cqrs_copy", "sales_team.group_sale_manager")
        with self.assertRaises(AccessError):
            self.env["cqrs.health"].with_user(user).action_activate_jobs()

    def test_a_missing_trigger_is_bad(self):
        self.execute("ALTER TABLE cqrs_event DISABLE TRIGGER cqrs_event_append_only")
        health = self.health()
        self.assertEqual(
            (
                health["level"],
                health["log"]["level"],
                health["log"]["missing_triggers"],
            ),
            ("bad", "bad", ["cqrs_event_append_only"]),
        )

    def test_seals_that_are_not_made(self):
        self.execute_without_triggers("DELETE FROM cqrs_event")
        self.assertEqual(self.health("seals")["level"], "good")
        self.env["res.users"].create({"name": "Seen", "login": "cqrs_seen"})
        self.env.cr.flush()
        for minutes, level in ((14, "good"), (16, "watch"), (61, "bad")):
            self.execute_without_triggers(
                "UPDATE cqrs_event SET occurred_at = now() - %s",
                timedelta(minutes=minutes),
            )
            seals = self.health("seals")
            self.assertEqual(
                (seals["level"], seals["unsealed_seconds"]), (level, 60 * minutes)
            )
        self.execute("ALTER TABLE cqrs_seal DISABLE TRIGGER cqrs_seal_append_only")
        seals = self.health("seals")
        self.assertEqual(
            (seals["level"], seals["missing_triggers"]),
            ("bad", ["cqrs_seal_append_only"]),
        )

    def test_the_lag_of_the_reconciler_is_that_of_the_model_looked_at_first(self):
        captured = self.env["cqrs.event"]._captured()
        looks = self.env["cqrs.reconciliation"]
        for model in captured:
            looks._note_look(model, {"any": 0})
        reconciler = self.health("reconciler")
        self.assertEqual(
            (reconciler["level"], reconciler["seconds"], reconciler["never"]),
            ("good", 0, []),
        )
        for minutes, level in ((14, "good"), (20, "watch"), (61, "bad")):
            self.execute(
                "UPDATE cqrs_reconciliation SET looked_at = now() - %s"
                " WHERE stream_model = 'crm.stage'",
                timedelta(minutes=minutes),
            )
            reconciler = self.health("reconciler")
            self.assertEqual(
                (reconciler["level"], reconciler["seconds"]), (level, 60 * minutes)
            )
        self.execute("DELETE FROM cqrs_reconciliation WHERE stream_model = 'crm.stage'")
        reconciler = self.health("reconciler")
        self.assertEqual(
            (reconciler["level"], reconciler["never"]), ("bad", ["crm.stage"])
        )

    def test_who_holds_readers_back(self):
        with self.registry.cursor() as writer:
            writer.execute("SET application_name = 'long import'")
            writer.execute("SELECT pg_current_xact_id(), pg_backend_pid()")
            pid = writer.fetchone()[1]
            # As it is now, and then for the rest of this transaction.
            self.execute("SELECT pg_stat_clear_snapshot()")
            # Another one of the cluster may be older.
            self.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_xid IS NOT NULL"
                " AND pid <> pg_backend_pid() ORDER BY age(backend_xid) DESC LIMIT 1"
            )
            [oldest] = self.env.cr.fetchone()
            holder = self.health("reader")["holder"]
            self.assertEqual(holder["pid"], oldest)
            if oldest == pid:
                self.assertEqual(
                    (holder["database"], holder["application"], holder["prepared"]),
                    (self.env.cr.dbname, "long import", None),
                )

    def test_events_that_readers_wait_for(self):
        self.env["res.users"].create({"name": "Waiting", "login": "cqrs_waiting"})
        self.env.cr.flush()
        reader = self.health("reader")
        self.execute(
            "SELECT count(*) FROM cqrs_event WHERE (epoch, txid) >="
            " ((SELECT max(epoch) FROM cqrs_epoch),"
            " pg_snapshot_xmin(pg_current_snapshot()))"
        )
        [waiting] = self.env.cr.fetchone()
        # Those of this transaction at least, which has not ended.
        self.assertGreater(waiting, 0)
        self.assertEqual((reader["waiting"], reader["is_more"]), (waiting, False))

    def test_a_part_that_cannot_be_read_is_bad_and_the_others_are_shown(self):
        self.env["cqrs.run"].search([]).unlink()
        for table, part in (
            ("cqrs_metrics_tail", "tail"),
            ("cqrs_reconciliation", "reconciler"),
            ("cqrs_epoch", "log"),
        ):
            with self.subTest(part), self.env.cr.savepoint() as savepoint:
                self.execute(f"ALTER TABLE {table} RENAME TO gone")
                with mute_logger("odoo.sql_db"):
                    health = self.health()
                self.assertEqual((health["level"], health[part]["level"]), ("bad",) * 2)
                self.assertIn(f'"{table}" does not exist', health[part]["error"])
                self.assertEqual(health["verification"]["level"], "watch")
                savepoint.rollback()

    def test_a_look_that_fails_is_bad(self):
        looks = self.env["cqrs.reconciliation"]
        for model in self.env["cqrs.event"]._captured():
            looks._note_look(model, {"any": 0})
        looks._note_failure("crm.stage", "crm.stage/7: why")
        reconciler = self.health("reconciler")
        self.assertEqual(
            (reconciler["level"], reconciler["failures"]),
            ("bad", ["crm.stage/7: why"]),
        )
        self.assertEqual(
            status(self.env)["failed_looks"], {"crm.stage": "crm.stage/7: why"}
        )
        looks._note_look("crm.stage", {"any": 0})
        reconciler = self.health("reconciler")
        self.assertEqual((reconciler["level"], reconciler["failures"]), ("good", []))

    def test_the_tail_of_the_metrics(self):
        # The scheduler notes a job that failed as it does one that was well.
        self.env.ref("crm_cqrs.ir_cron_fold_metrics").lastcall = self.env.cr.now()
        self.execute("DELETE FROM cqrs_metrics_tail")
        self.execute("UPDATE cqrs_metrics_folds SET folded_at = now() - interval '1 d'")
        tail = self.health("tail")
        self.assertEqual(
            (tail["level"], tail["changes"], tail["seconds"]), ("good", 0, None)
        )
        self.lengthen_tail(1)
        for minutes, level in ((4, "good"), (6, "watch"), (61, "bad")):
            self.execute(
                "UPDATE cqrs_metrics_tail SET occurred_at = now() - %s",
                timedelta(minutes=minutes),
            )
            tail = self.health("tail")
            self.assertEqual((tail["level"], tail["seconds"]), (level, 60 * minutes))
        # What a long transaction has left is old when it comes; it is folded.
        self.execute("UPDATE cqrs_metrics_folds SET folded_at = now()")
        self.assertEqual(self.health("tail")["level"], "good")
        self.execute("DELETE FROM cqrs_metrics_tail")
        self.lengthen_tail(TAIL_CHANGES[0])
        tail = self.health("tail")
        self.assertEqual(
            (tail["level"], tail["changes"], tail["is_more"]),
            ("watch", TAIL_CHANGES[0], False),
        )
        self.lengthen_tail(TAIL_CHANGES[1])
        tail = self.health("tail")
        self.assertEqual(
            (tail["level"], tail["changes"], tail["is_more"]),
            ("bad", TAIL_CHANGES[1], True),
        )

    def test_what_rebuilds_have_replaced(self):
        self.execute("DELETE FROM cqrs_replaced")
        replaced = self.health("replaced")
        self.assertEqual(
            (replaced["rows"], replaced["tables"], replaced["since"]), (0, [], None)
        )
        self.execute(
            "INSERT INTO cqrs_replaced (table_name, row) VALUES"
            " ('cqrs_user_profile', '{}'), ('cqrs_stream', '{}'), ('cqrs_stream', '{}')"
        )
        replaced = self.health("replaced")
        self.assertEqual(
            (replaced["rows"], replaced["is_more"], replaced["tables"]),
            (3, False, ["cqrs_stream", "cqrs_user_profile"]),
        )

    def test_sizes(self):
        sizes = {size["table"]: size for size in self.health("sizes")}
        for table in ("cqrs_event", "cqrs_stream", "cqrs_opportunity_view"):
            self.execute("SELECT pg_total_relation_size(%s::regclass)", table)
            self.assertEqual(sizes[table]["bytes"], self.env.cr.fetchone()[0])
        view = sizes["cqrs_opportunity_view"]
        self.assertEqual(
            (view["model"], view["name"]),
            ("cqrs.opportunity.view", "Opportunity (Read Model)"),
        )
        tables = {
            table.name
            for projection in self.env["cqrs.projection"]._projections()
            for table in projection._cqrs_tables
        }
        self.assertEqual(
            set(sizes), tables | {"cqrs_event", "cqrs_stream", "cqrs_replaced"}
        )

    def test_the_reconciler_tells_of_each_model(self):
        seen = []
        with self.registry.cursor() as cr:
            events = self.environment(cr)["cqrs.event"]
            events._reconcile(report=lambda done, step: seen.append((done, step)))
        captured = self.env["cqrs.event"]._captured()
        self.assertEqual([step for __, step in seen], captured)
        self.assertEqual(
            [done for done, __ in seen],
            [number / len(captured) for number in range(len(captured))],
        )
