from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import SalesOrganisation, money


@tagged("post_install", "-at_install")
class TestDashboardRecords(SalesOrganisation):
    """The lists that the dashboard's figures open count what the figures count."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.managers = cls.opportunity(cls.manager, 100_000.5)
        cls.sellers = cls.opportunity(cls.seller, 30_000.25, probability=33.3)
        cls.won = cls.opportunity(cls.seller, 7_000, stage_id=cls.stage_won.id)
        cls.peers = cls.opportunity(cls.peer, 1)

    def records(self, user, *domain):
        records = self.env["cqrs.opportunity.view"].with_user(user)
        return records.search(list(domain))

    def total(self, user, aggregate, *domain):
        records = self.env["cqrs.opportunity.view"].with_user(user)
        [[total]] = records._read_group(list(domain), aggregates=[aggregate])
        return total

    def test_the_weighted_sum_is_that_of_the_metrics(self):
        metrics = self.dashboard(self.head)["metrics"]
        total = self.total(self.head, "weighted_value:sum", ("status", "=", "pending"))
        self.assertAlmostEqual(total, float(metrics["weighted_pipeline"]), 2)
        record = self.records(self.head, ("id", "=", self.sellers.id))
        self.assertAlmostEqual(
            record.weighted_value, 30_000.25 * self.sellers.probability / 100, 2
        )

    def test_the_sum_is_that_of_the_metrics(self):
        metrics = self.dashboard(self.head)["metrics"]
        pending = self.total(self.head, "value:sum", ("status", "=", "pending"))
        won = self.total(self.head, "value:sum", ("status", "=", "won"))
        self.assertEqual(metrics["pipeline_value"], money(f"{pending:.2f}"))
        self.assertEqual(metrics["won_revenue"], money(f"{won:.2f}"))
        self.assertEqual(won, 7_000)

    def test_it_can_be_asked_who_sees_what(self):
        of_seller = ("viewer_id", "=", self.seller.id)
        of_manager = ("viewer_id", "in", self.manager.ids)
        sellers = {self.sellers.id, self.won.id}
        self.assertEqual(set(self.records(self.head, of_seller).ids), sellers)
        self.assertEqual(
            set(self.records(self.head, of_manager).ids), sellers | {self.managers.id}
        )
        # No more than who asks sees too.
        self.assertEqual(set(self.records(self.seller, of_manager).ids), sellers)
        self.assertFalse(self.records(self.peer, of_manager))
        self.assertFalse(self.records(self.head, ("viewer_id", "=", False)))

    def test_a_figure_is_of_every_company(self):
        company = self.env["res.company"].create({"name": "Second"})
        self.head.company_ids = [Command.link(company.id)]
        manager = self.employee("boss", company=company)
        manager.user_id = self.head
        person, __ = self.person("abroad", manager, company)
        abroad = self.opportunity(person, 5, company_id=company.id, team_id=False)
        records = self.env["cqrs.opportunity.view"].with_user(self.head)
        records = records.with_context(allowed_company_ids=self.head.company_id.ids)

        def shown(records):
            found = records.web_search_read([("id", "=", abroad.id)], {"name": {}})
            groups = records.web_read_group(
                [("id", "=", abroad.id)], ["user_id"], ["value:sum"]
            )["groups"]
            return found["length"], [group["value:sum"] for group in groups]

        self.assertEqual(shown(records), (0, []))
        counted = records.with_context(cqrs_counted="pending")
        self.assertEqual(shown(counted), (1, [5]))

    def test_a_record_opens_the_lead_where_odoo_lets_one(self):
        record = self.records(self.seller, ("id", "=", self.sellers.id))
        action = record.action_open_lead()
        self.assertEqual(action["res_model"], "crm.lead")
        self.assertEqual(action["res_id"], self.sellers.id)
        # The privilege is that of the own documents alone.
        with self.assertRaises(UserError):
            record.with_user(self.manager).action_open_lead()
        self.manager.group_ids += self.env.ref("crm_cqrs.group_sale_team")
        record.with_user(self.manager).action_open_lead()
