from odoo import Command
from odoo.exceptions import AccessError, UserError
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
        # Values are not added up, since they may be in several currencies.
        described = self.records(self.head).fields_get(["value", "converted_value"])
        self.assertIsNone(described["value"].get("aggregator"))
        self.assertEqual(described["converted_value"]["aggregator"], "sum")

    def test_it_can_be_asked_who_sees_what(self):
        of_seller = ("viewer_id", "=", self.seller.id)
        of_manager = ("viewer_id", "in", self.manager.ids)
        sellers = {self.sellers.id, self.won.id}
        self.assertEqual(set(self.records(self.head, of_seller).ids), sellers)
        self.assertEqual(
            set(self.records(self.head, of_manager).ids), sellers | {self.managers.id}
        )
        # Of nobody as whom one may not look.
        self.assertFalse(self.records(self.seller, of_manager))
        self.assertFalse(self.records(self.peer, of_manager))
        # No more than who asks sees too.
        self.env["cqrs.delegation"].create(
            {
                "lender_id": self.peer.id,
                "delegate_id": self.seller.id,
                "date_to": "2099-12-31",
            }
        )
        self.assertIn(self.peers.id, self.records(self.seller, of_seller).ids)
        self.assertEqual(set(self.records(self.head, of_seller).ids), sellers)
        self.assertFalse(self.records(self.head, ("viewer_id", "=", False)))

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

    # What somebody sees is nobody else's business

    def test_nobody_is_told_who_else_sees_their_leads(self):
        everything = self.env.ref("sales_team.group_sale_salesman_all_leads")
        self.peer.group_ids += everything
        self.env["cqrs.delegation"].create(
            {
                "lender_id": self.seller.id,
                "delegate_id": self.other_manager.id,
                "date_to": "2099-12-31",
            }
        )
        self.env.cr.flush()
        mine = self.env["cqrs.opportunity.view"].with_user(self.seller)
        others = self.peer | self.head | self.other_manager
        for other in others:
            for records in (mine, mine.sudo()):
                with self.subTest(other.login, su=records.env.su):
                    domain = [("viewer_id", "=", other.id)]
                    self.assertEqual(records.search_count(domain), 0)
        self.assertEqual(mine.search_count([("viewer_id", "in", others.ids)]), 0)
        self.assertEqual(mine.search_count([("viewer_id", "not in", others.ids)]), 2)
        self.assertEqual(mine.search_count([("viewer_id", "=", self.seller.id)]), 2)
        for domain in (
            [("viewer_id.login", "=", self.peer.login)],
            [("viewer_id", "any", [("id", "=", self.peer.id)])],
            [("viewer_id", "=", self.peer.name)],
        ):
            with self.subTest(domain=domain), self.assertRaises(UserError):
                mine.search_count(domain)

    def test_who_is_in_which_group_is_for_administrators(self):
        profiles = self.env["cqrs.user.profile"].with_user(self.head)
        for name in ("sees_all", "is_salesperson"):
            with self.subTest(name):
                with self.assertRaises(AccessError):
                    profiles.search_count([(name, "=", True)])
                with self.assertRaises(AccessError):
                    profiles.search([], order=name)
                with self.assertRaises(AccessError):
                    profiles._read_group([], [name])
                with self.assertRaises(AccessError):
                    profiles.search([], limit=1).read([name])

    def test_it_can_be_asked_of_people_below(self):
        of_seller = [("viewer_id", "=", self.seller.id)]
        views = self.env["cqrs.opportunity.view"]
        theirs = views.with_user(self.head).search(of_seller)
        self.assertEqual(set(theirs.ids), {self.sellers.id, self.won.id})
        # Once she sees nothing, nothing is found.
        self.seller.group_ids = [Command.set(self.env.ref("base.group_user").ids)]
        self.assertFalse(views.with_user(self.head).search(of_seller))

    def test_values_that_are_no_users(self):
        mine = self.env["cqrs.opportunity.view"].with_user(self.seller)
        for value in (False, True, 0, -1, 2**40):
            with self.subTest(value=value):
                domain = [("viewer_id", "=", value)]
                self.assertEqual(mine.search_count(domain), 0)
