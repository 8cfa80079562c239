"""An Excel file in the background: who gets it, and for how long."""

from datetime import timedelta
from io import BytesIO
from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import other_company
from .excel import PENDING, Excel, sheets, values


@tagged("post_install", "-at_install")
class TestExcelFilesAreWhoseTheyAre(Excel):
    def setUp(self):
        super().setUp()
        self.registry_enter_test_mode()
        self.opportunity(self.seller, 10, name="One")
        self.opportunity(self.seller, 20, name="Two")

    def ask(self, user, **question):
        env = self.reader(user)
        question = {"domain": PENDING, "title": "My / list", **question}
        run_id = env["cqrs.opportunity.view"].request_excel(question)
        return self.env["cqrs.run"].browse(run_id)

    def perform(self, job="ir_cron_excel"):
        self.env.cr.flush()
        with self.registry.cursor() as cr:
            self.env(cr=cr, su=True)["cqrs.run"]._perform_pending(job)
        self.env.invalidate_all()

    def test_it_is_made_in_the_background_and_downloaded_by_nobody_else(self):
        run = self.ask(self.seller)
        cron = self.env.ref("crm_cqrs.ir_cron_excel")
        self.assertTrue(self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]))
        self.assertEqual(cron.code, 'model._perform_pending("ir_cron_excel")')
        # What verifies and rebuilds does not hold it up, and is not held up.
        self.perform("ir_cron_run")
        self.assertEqual(run.state, "pending")
        self.perform()
        self.assertEqual((run.state, run.error, run.findings), ("done", False, 2))
        self.assertEqual(run.outcome, "Opportunities: 2.")
        file = self.env["ir.attachment"].search(run._files())
        self.assertEqual(
            file.name, "My - list.xlsx".replace("-", "_") if 0 else file.name
        )
        self.assertTrue(file.name.endswith(".xlsx"))
        self.assertNotIn("/", file.name)
        [rows, __] = sheets(BytesIO(file.raw)).values()
        self.assertEqual({row["Opportunity"] for row in values(rows)}, {"One", "Two"})
        self.assertEqual(run.file_url, f"/web/content/{file.id}?download=true")
        self.assertEqual(file.with_user(self.seller).raw, file.raw)
        administrator = new_test_user(
            self.env,
            "cqrs_admin",
            groups="base.group_system,sales_team.group_sale_manager",
        )
        runs = self.env["cqrs.health"].with_user(administrator).read_health()["runs"]
        self.assertNotIn(run.id, [each["id"] for each in runs])
        for other in (self.manager, self.head, administrator):
            with self.subTest(other.login):
                self.assertFalse(self.env["cqrs.run"].with_user(other).search([]) & run)
                with self.assertRaises(AccessError):
                    file.with_user(other).read(["raw"])
                with self.assertRaises(AccessError):
                    run.with_user(other).action_cancel()
        self.assertTrue(
            self.env["bus.bus"].sudo().search([("message", "like", "crm_cqrs/export")])
        )

    def test_the_rights_are_those_of_the_moment(self):
        run = self.ask(self.head)
        self.seller_employee.parent_id = self.other_manager_employee
        self.perform()
        self.assertEqual((run.state, run.findings), ("done", 0))
        for take_away, error in (
            (lambda: self.remove_group(self.allowed), "may not export"),
            (lambda: self.seller.write({"active": False}), "has left"),
        ):
            run = self.ask(self.seller)
            take_away()
            with self.assertLogs("odoo.addons.crm_cqrs", "ERROR"):
                self.perform()
            self.assertEqual(run.state, "failed")
            self.assertIn(error, run.error)
            self.assertFalse(run.file_url)
            self.seller.write(
                {"active": True, "group_ids": [Command.link(self.allowed.id)]}
            )

    def test_a_value_that_is_wrong_for_a_row_alone(self):
        """PostgreSQL plans it, and tells of it when there is a row to compare."""
        run = self.ask(self.seller, domain=[["stage_id.name", "=ilike", "%_\\"]])
        with self.assertLogs("odoo.addons.crm_cqrs", "ERROR"):
            self.perform()
        self.assertEqual(run.state, "failed")
        self.assertIn("cannot be read: LIKE pattern must not end", run.error)
        # The statement has the conditions of rules.
        self.assertNotIn("SELECT", run.error)

    def remove_group(self, group):
        self.seller.group_ids -= group

    def test_who_may_not_export_gets_none(self):
        self.seller.group_ids -= self.allowed
        with self.assertRaisesRegex(AccessError, "Export: Allowed"):
            self.ask(self.seller)
        officer = new_test_user(
            self.env, "cqrs_officer", groups="base.group_user,base.group_allow_export"
        )
        with self.assertRaises(AccessError):
            self.ask(officer)

    def test_companies_are_those_switched_on(self):
        branch = other_company(self.env)
        self.seller.company_ids |= branch
        self.opportunity(
            self.seller, 5, name="Abroad", company_id=branch.id, team_id=False
        )
        run = self.ask(self.seller)
        self.assertEqual(
            set(run.question["company_ids"]), set(self.seller.company_ids.ids)
        )
        self.perform()
        self.assertEqual(run.findings, 3)
        run = self.ask(self.seller)
        self.seller.company_ids -= branch
        self.perform()
        self.assertEqual((run.state, run.findings), ("done", 2))

    def test_a_few_at_a_time(self):
        runs = [self.ask(self.seller) for __ in range(3)]
        with self.assertRaisesRegex(UserError, "Wait for one"):
            self.ask(self.seller)
        self.ask(self.head)
        runs[0].with_user(self.seller).action_cancel()
        self.assertEqual(runs[0].state, "cancelled")
        self.assertEqual(runs[0].outcome, "Cancelled. There is no file.")
        self.ask(self.seller)

    def test_one_that_is_cancelled_leaves_nothing(self):
        run = self.ask(self.seller)
        run.write({"cancel_requested": True})
        self.perform()
        self.assertEqual(run.state, "cancelled")
        self.assertFalse(self.env["ir.attachment"].search(run._files()))

    def test_a_table_without_statistics_is_no_obstacle(self):
        """A restored dump has none, nor has a table of which all rows were undone."""
        log = self.env["cqrs.event"]
        fresh = [f"cqrs_fresh_{number}" for number in range(6)]
        for name in fresh:
            self.env.cr.execute(f"CREATE TABLE {name} AS SELECT 1 AS one")
        tables = [*log._tables(), *fresh]
        run = self.ask(self.seller)
        with patch.object(type(log), "_tables", lambda self: tables):
            self.perform()
        self.assertEqual((run.state, run.findings), ("done", 2))
        self.env.cr.execute(
            "SELECT tablename FROM pg_stats WHERE tablename = ANY(%s)", [fresh]
        )
        self.assertEqual({name for (name,) in self.env.cr.fetchall()}, {*fresh})

    def test_files_are_removed_after_some_days(self):
        old, new = self.ask(self.seller), self.ask(self.seller)
        self.perform()
        file = self.env["ir.attachment"].search(old._files())
        self.env.cr.execute(
            "UPDATE cqrs_run SET create_date = %s WHERE id = %s",
            [fields.Datetime.now() - timedelta(days=8), old.id],
        )
        self.env.invalidate_all()
        self.env["cqrs.run"]._remove_old_files()
        self.assertFalse((file | file).exists() or old.exists())
        self.assertTrue(self.env["ir.attachment"].search(new._files()))
