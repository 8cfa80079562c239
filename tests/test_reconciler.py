from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from .common import RealCursors, SalesOrganisation


@tagged("post_install", "-at_install")
class TestReconciler(SalesOrganisation):
    """What no hook sees, in one transaction: each look starts where the last ended."""

    def setUp(self):
        super().setUp()
        self.lead = self.opportunity(self.seller)
        self.look()

    def sql(self, query, *params):
        self.env.flush_all()
        self.env.cr.execute(query, params)

    def look(self, model="crm.lead"):
        self.env.cr.flush()
        events, failure = self.env["cqrs.event"]._look(model)
        self.assertEqual(failure, None)
        return events

    def last(self, record):
        return self.events(record)[-1][1:]

    def origin(self, record):
        event = self.env["cqrs.event"].search(
            [("stream_model", "=", record._name), ("stream_id", "=", record.id)],
            limit=1,
        )
        return event.origin, event.user_id

    def test_raw_sql_is_found_and_labelled(self):
        self.sql("UPDATE crm_lead SET expected_revenue = 7 WHERE id = %s", self.lead.id)
        self.assertEqual(self.look(), 1)
        self.assertEqual(
            self.last(self.lead),
            (
                "OpportunityUpdated",
                {"expected_revenue": 100_000},
                {"expected_revenue": 7},
            ),
        )
        self.assertEqual(self.origin(self.lead), ("reconcile", self.env["res.users"]))
        self.assertEqual(self.dashboard(self.seller)["metrics"]["pipeline_value"], 7)
        self.assertEqual(self.look(), 0)

    def test_a_row_that_shows_another_is_found(self):
        partner = self.env["res.partner"].create({"name": "Before"})
        self.lead.partner_id = partner
        self.look()
        self.sql(
            "UPDATE res_partner SET complete_name = 'After' WHERE id = %s", partner.id
        )
        self.look()
        self.assertEqual(self.last(self.lead)[2], {"partner_id.complete_name": "After"})

    def test_a_tag_added_behind_the_orm_is_found(self):
        tag = self.env["crm.tag"].create({"name": "cqrs raw"})
        self.sql("INSERT INTO crm_tag_rel VALUES (%s, %s)", self.lead.id, tag.id)
        self.look()
        self.assertEqual(self.last(self.lead)[2], {"tag_ids": tag.ids})

    def test_only_rows_written_since_the_last_look_are_looked_at(self):
        event = self.env["cqrs.event"]
        horizon, __ = self.env["cqrs.reconciliation"]._last_look("crm.lead")
        self.sql("UPDATE crm_lead SET referred = 'x' WHERE id = %s", self.lead.id)
        query = SQL(" UNION ").join(event._written_since("crm.lead", horizon))
        found = {id_ for (id_,) in self.env.execute_query(query)}
        self.assertIn(self.lead.id, found)
        # Odoo's demo leads were written long ago.
        self.sql("SELECT count(*) FROM crm_lead")
        self.assertLess(len(found), self.env.cr.fetchone()[0])


@tagged("post_install", "-at_install")
class TestKnownBypasses(SalesOrganisation):
    """Changes behind the ORM's back that are seen at once nevertheless."""

    def test_a_partner_merge(self):
        partners = self.env["res.partner"].create([{"name": "Kept"}, {"name": "Gone"}])
        lead = self.opportunity(self.seller, partner_id=partners[1].id)
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge(partners.ids, partners[0])
        after = self.events(lead)[-1][3]
        self.assertEqual(after["partner_id"], partners[0].id)
        self.assertEqual(after["partner_id.complete_name"], "Kept")

    def test_the_scoring_cron_calls_the_reconciler(self):
        cron = self.env.ref("crm_cqrs.ir_cron_reconcile")
        triggers = self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)])
        self.env["crm.lead"]._update_automated_probabilities()
        self.assertEqual(
            self.env["ir.cron.trigger"].search_count([("cron_id", "=", cron.id)]),
            triggers + 1,
        )

    def test_a_group_that_is_given_from_its_own_side(self):
        group = self.env["res.groups"].create({"name": "cqrs group"})
        group.user_ids = [Command.link(self.seller.id)]
        last = self.events(self.seller)[-1]
        self.assertEqual(last[1], "UserGroupsChanged")
        self.assertIn(group.id, last[3]["group_ids"])
        group.user_ids = [Command.clear()]
        self.assertNotIn(group.id, self.events(self.seller)[-1][3]["group_ids"])

    def test_a_department_changes_through_the_version(self):
        department = self.env["hr.department"].create({"name": "cqrs department"})
        self.seller_employee.department_id = department
        last = self.events(self.seller_employee)[-1]
        self.assertEqual(last[3]["current_version_id.department_id"], department.id)
        self.assertEqual(last[1], "EmployeeDepartmentChanged")

    def test_team_members_are_recorded_and_leave_with_the_team(self):
        team = self.env["crm.team"].create({"name": "cqrs team"})
        team.member_ids = [Command.link(self.seller.id)]
        member = team.crm_team_member_ids
        [(version, type_, __, after)] = self.events(member)
        self.assertEqual((version, type_), (1, "TeamMemberCreated"))
        self.assertEqual(after["user_id"], self.seller.id)
        member_id = member.id
        team.unlink()
        self.assertEqual(
            self.events(self.env["crm.team.member"].browse(member_id))[-1][:2],
            (2, "TeamMemberDeleted"),
        )


@tagged("post_install", "-at_install")
class TestReconcilerBesideLiveWrites(RealCursors):
    """Real cursors, committed."""

    def setUp(self):
        super().setUp()
        with self.registry.cursor() as cr:
            env = self.environment(cr)
            self.lead_ids = env["crm.lead"].create([{"name": "a"}, {"name": "b"}]).ids
        with self.registry.cursor() as cr:
            event = self.environment(cr)["cqrs.event"]
            event._reconcile(["crm.lead"])
        self.addCleanup(self.remove)

    def remove(self):
        with self.registry.cursor() as cr:
            env = self.environment(cr)
            env["crm.lead"].browse(self.lead_ids).exists().unlink()

    def versions(self, cr):
        cr.execute(
            "SELECT stream_id, max(version), count(*) FROM cqrs_event"
            " WHERE stream_model = 'crm.lead' AND stream_id = ANY(%s)"
            " GROUP BY stream_id ORDER BY stream_id",
            [self.lead_ids],
        )
        return [row[1:] for row in cr.fetchall()]

    def test_what_a_slow_transaction_commits_after_the_look_is_found_by_the_next(self):
        with self.registry.cursor() as slow, self.registry.cursor() as cr:
            slow.execute(
                "UPDATE crm_lead SET referred = 'slow' WHERE id = %s", self.lead_ids[:1]
            )
            event = self.environment(cr)["cqrs.event"]
            event._reconcile(["crm.lead"])
            self.assertEqual(self.versions(cr), [(1, 1), (1, 1)])
            slow.commit()
            cr.rollback()
            self.assertEqual(event._reconcile(["crm.lead"]), 1)
            self.assertEqual(self.versions(cr), [(2, 2), (1, 1)])

    def test_a_row_deleted_behind_the_orm_is_found(self):
        with self.registry.cursor() as cr:
            cr.execute("DELETE FROM crm_lead WHERE id = %s", self.lead_ids[:1])
            if cr._cnx.server_version >= 150000:
                cr.execute("SELECT pg_stat_force_next_flush()")
        with self.registry.cursor() as cr:
            event = self.environment(cr)["cqrs.event"]
            event._reconcile(["crm.lead"])
            cr.execute(
                "SELECT type FROM cqrs_event WHERE stream_model = 'crm.lead'"
                " AND stream_id = %s AND version = 2",
                self.lead_ids[:1],
            )
            self.assertEqual(cr.fetchone(), ("OpportunityDeleted",))

    def test_a_live_write_in_between_is_waited_for_and_recorded_once(self):
        with self.registry.cursor() as cr, self.registry.cursor() as other:
            event = self.environment(cr)["cqrs.event"]
            cr.execute("SELECT 1")  # takes the snapshot
            env = self.environment(other)
            env["crm.lead"].browse(self.lead_ids).write({"referred": "live"})
            other.commit()
            cr.execute(
                "UPDATE cqrs_reconciliation SET looked_at = now()"
                " WHERE stream_model = 'crm.lead'"
            )
            self.assertEqual(event._reconcile(["crm.lead"]), 0)
            self.assertEqual(self.versions(cr), [(2, 2), (2, 2)])

    def test_a_record_that_cannot_be_recorded_keeps_no_other_from_it(self):
        refused = self.lead_ids[0]
        with self.registry.cursor() as cr:
            events = self.environment(cr)["cqrs.event"]
            events._reconcile()
            cr.execute(
                "ALTER TABLE cqrs_event ADD CONSTRAINT cqrs_refused"
                " CHECK (stream_model <> 'crm.lead' OR stream_id <> %s"
                " OR version = 1)",
                [refused],
            )
            cr.execute(
                "UPDATE crm_lead SET referred = 'seen late' WHERE id = ANY(%s)",
                [self.lead_ids],
            )
            cr.execute("UPDATE crm_stage SET sequence = sequence + 1")
            stages = cr.rowcount
            cr.commit()  # pylint: disable=invalid-commit
            try:
                with (
                    mute_logger("odoo.sql_db"),
                    self.assertLogs("odoo.addons.crm_cqrs", "ERROR") as logs,
                ):
                    self.assertEqual(events._reconcile(), 1 + stages)
                self.assertIn(f"crm.lead/{refused}", logs.output[0])
                self.assertEqual(self.versions(cr), [(1, 1), (2, 2)])
                self.assertRegex(
                    self.failure(cr), rf"^crm\.lead/{refused}: .*cqrs_refused"
                )
                self.assert_the_run_fails(cr, refused)
            finally:
                cr.execute("ALTER TABLE cqrs_event DROP CONSTRAINT cqrs_refused")
                cr.execute("UPDATE crm_stage SET sequence = sequence - 1")
                cr.commit()  # pylint: disable=invalid-commit
            # Looked at again, though it has not been written since.
            self.assertEqual(events._reconcile(), 1 + stages)
            self.assertEqual(self.versions(cr), [(2, 2), (2, 2)])
            self.assertEqual(self.failure(cr), None)

    def test_a_model_that_cannot_be_looked_at_keeps_no_other_from_it(self):
        with self.registry.cursor() as cr:
            events = self.environment(cr)["cqrs.event"]
            events._reconcile()
            captured = events._captured()
            first = captured.index("crm.lead")
            self.assertLess(first, len(captured) - 1)
            cr.execute("UPDATE crm_stage SET sequence = sequence + 1")
            stages = cr.rowcount
            cr.execute("ALTER TABLE crm_tag_rel RENAME TO crm_tag_gone")
            cr.commit()  # pylint: disable=invalid-commit
            try:
                with (
                    mute_logger("odoo.sql_db"),
                    self.assertLogs("odoo.addons.crm_cqrs", "ERROR"),
                ):
                    self.assertEqual(events._reconcile(), stages)
                self.assertIn('"crm_tag_rel" does not exist', self.failure(cr))
            finally:
                cr.execute("ALTER TABLE crm_tag_gone RENAME TO crm_tag_rel")
                cr.execute("UPDATE crm_stage SET sequence = sequence - 1")
                cr.commit()  # pylint: disable=invalid-commit
            self.assertEqual(events._reconcile(), stages)
            self.assertEqual(self.failure(cr), None)

    def failure(self, cr):
        cr.execute(
            "SELECT failure FROM cqrs_reconciliation WHERE stream_model = 'crm.lead'"
        )
        return cr.fetchone()[0]

    def assert_the_run_fails(self, cr, refused):
        runs = self.environment(cr)["cqrs.run"]
        run = runs.create({"kind": "reconcile"})
        cr.commit()  # pylint: disable=invalid-commit
        with (
            mute_logger("odoo.sql_db", "odoo.addons.crm_cqrs.models.event_store"),
            self.assertRaises(UserError),
        ):
            run._perform()
        self.assertEqual(run.state, "failed")
        self.assertIn(f"crm.lead/{refused}", run.error)
        run.unlink()
        cr.commit()  # pylint: disable=invalid-commit
