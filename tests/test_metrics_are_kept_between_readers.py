"""A process keeps the sums of what is folded for as long as they are what they were."""

from odoo.tests import tagged

from ..models.access.options import OPTIONS
from ..models.maintenance.replay import replay
from .common import SalesOrganisation, as_json, money, other_company


@tagged("post_install", "-at_install")
class TestMetricsAreKeptBetweenReaders(SalesOrganisation):
    def setUp(self):
        super().setUp()
        self.deal = self.opportunity(self.seller, 100)
        self.fold()

    def fold(self):
        self.env.cr.flush()
        self.env["cqrs.metrics"]._fold_batch()

    def pipeline(self, user=None):
        self.env.cr.flush()
        metrics = self.env["cqrs.metrics"]._read(user or self.manager)
        return metrics["pipeline_value"]

    def spoil_the_sums(self):
        """Change them as nothing does that says so: who reads them again sees it."""
        self.env.cr.execute(
            "UPDATE cqrs_metrics SET pipeline_value = pipeline_value + 7"
            " WHERE user_id = %s",
            [self.seller.id],
        )

    def test_until_the_next_fold(self):
        self.assertEqual(self.pipeline(), money("100.00"))
        self.spoil_the_sums()
        self.assertEqual(self.pipeline(), money("100.00"))
        self.deal.expected_revenue = 120
        self.assertEqual(self.pipeline(), money("120.00"))
        self.fold()
        self.assertEqual(self.pipeline(), money("127.00"))

    def salespeople(self):
        """Return the name and the pipeline of each salesperson, as the API has them."""
        self.env.cr.flush()
        metrics = self.env["cqrs.metrics"]._read_as_json(self.manager, ("salesperson",))
        return [
            (group["salesperson"]["name"], group["pipeline_value"])
            for group in as_json(metrics["groups"])
        ]

    def test_groups_of_people_and_their_names(self):
        self.assertEqual(self.salespeople(), [("Seller", money("100.00"))])
        self.spoil_the_sums()
        self.assertEqual(self.salespeople(), [("Seller", money("100.00"))])
        self.seller.name = "Sold"
        self.assertEqual(self.salespeople(), [("Sold", money("100.00"))])
        self.deal.expected_revenue = 120
        self.assertEqual(self.salespeople(), [("Sold", money("120.00"))])
        self.deal.expected_revenue = 130
        self.assertEqual(self.salespeople(), [("Sold", money("130.00"))])
        self.fold()
        self.assertEqual(self.salespeople(), [("Sold", money("137.00"))])

    def test_people_of_a_level(self):
        def pipeline():
            self.env.cr.flush()
            level = self.env["cqrs.reports"]._read_level(
                self.manager, self.manager, has_metrics=True
            )
            return level["items"][0]["metrics"]["pipeline_value"]

        self.assertEqual(pipeline(), money("100.00"))
        self.spoil_the_sums()
        self.assertEqual(pipeline(), money("100.00"))
        self.deal.expected_revenue = 120
        self.assertEqual(pipeline(), money("120.00"))
        self.fold()
        self.assertEqual(pipeline(), money("127.00"))

    def test_not_beyond_a_repair(self):
        self.spoil_the_sums()
        self.assertEqual(self.pipeline(), money("107.00"))
        replay(self.env, ["cqrs.metrics"])
        self.assertEqual(self.pipeline(), money("100.00"))

    def test_a_fold_that_changes_nothing_ends_nothing(self):
        self.assertEqual(self.pipeline(), money("100.00"))
        self.spoil_the_sums()
        self.fold()
        self.assertEqual(self.pipeline(), money("100.00"))

    def test_a_move_shows_at_once(self):
        self.assertEqual(self.pipeline(), money("100.00"))
        self.seller_employee.parent_id = self.other_manager_employee
        self.assertEqual(self.pipeline(), money("0.00"))
        self.assertEqual(self.pipeline(self.other_manager), money("100.00"))

    def test_a_rate_of_today_shows_at_once(self):
        currency = self.env["res.currency"].create({"name": "CQX", "symbol": "CQX"})
        rate = self.env["res.currency.rate"].create(
            {"currency_id": currency.id, "rate": 2, "company_id": False}
        )

        def pipeline():
            metrics = self.env["cqrs.metrics"]._read(
                self.manager, target_currency=currency
            )
            return metrics["pipeline_value"]

        self.assertEqual(pipeline(), money("200.00"))
        rate.rate = 3
        self.assertEqual(pipeline(), money("300.00"))

    def test_a_company_that_has_another_currency_now(self):
        # Until they are recorded again, the deals are in the one it had.
        company, before = self.env.company, self.env.company.currency_id
        currency = self.env["res.currency"].create({"name": "CQX", "symbol": "CQX"})
        self.env["res.currency.rate"].create(
            {"currency_id": currency.id, "rate": 2, "company_id": False}
        )
        self.env.cr.flush()
        self.env.cr.execute("UPDATE res_company SET currency_id = %s", [currency.id])
        before.active = False
        self.env.invalidate_all()
        self.assertEqual(company.currency_id, currency)
        self.assertEqual(self.pipeline(), money("200.00"))

    def test_what_was_rolled_back_is_not_taken_for_what_came_after(self):
        savepoint = self.env.cr.savepoint(flush=True)
        self.seller_employee.parent_id = self.other_manager_employee
        self.assertEqual(self.pipeline(), money("0.00"))
        savepoint.close(rollback=True)
        self.env.invalidate_all(flush=False)
        # The version is that of the move which never was.
        self.peer_employee.parent_id = self.manager_employee
        self.opportunity(self.peer, 1)
        self.assertEqual(self.pipeline(), money("101.00"))

    def test_a_fold_that_was_rolled_back_is_not_taken_for_a_later_one(self):
        with self.env.cr.savepoint() as savepoint:
            self.deal.expected_revenue = 120
            self.fold()
            self.assertEqual(self.pipeline(), money("120.00"))
            savepoint.rollback()
        self.env.invalidate_all(flush=False)
        self.deal.expected_revenue = 130
        self.fold()
        self.assertEqual(self.pipeline(), money("130.00"))

    def test_a_team_and_an_option_that_change(self):
        team = self.env["crm.team"].create(
            {"name": "Kept", "user_id": self.other_manager.id}
        )
        self.opportunity(self.seller, 1, team_id=team.id)
        self.fold()
        self.assertEqual(self.pipeline(self.other_manager), money("0.00"))
        self.env["ir.config_parameter"].set_param(OPTIONS["team_leaders"], "True")
        self.assertEqual(self.pipeline(self.other_manager), money("1.00"))
        self.assertEqual(self.pipeline(self.peer), money("0.00"))
        team.user_id = self.peer
        self.assertEqual(self.pipeline(self.other_manager), money("0.00"))
        self.assertEqual(self.pipeline(self.peer), money("1.00"))

    def test_each_company_has_its_own(self):
        company = other_company(self.env)
        self.manager.company_ids |= company
        self.opportunity(self.manager, 1, company_id=company.id, team_id=False)
        self.fold()
        metrics = self.env["cqrs.metrics"]
        for __ in ("read", "kept"):
            for company_id, expected in (
                (None, "101.00"),
                (company.id, "1.00"),
                (self.env.company.id, "100.00"),
            ):
                chosen = company_id and (company_id,)
                found = metrics._read(self.manager, company_ids=chosen)
                self.assertEqual(found["pipeline_value"], money(expected))

    def test_each_sees_their_own(self):
        self.assertEqual(self.pipeline(self.seller), money("100.00"))
        self.assertEqual(self.pipeline(self.manager), money("100.00"))
        self.assertEqual(self.pipeline(self.peer), money("0.00"))
        metrics = self.env["cqrs.metrics"]
        self.assertEqual(
            metrics._read(self.seller)["own"]["pipeline_value"], money("100.00")
        )
        self.assertEqual(
            metrics._read(self.manager)["own"]["pipeline_value"], money("0.00")
        )
        self.assertEqual(metrics._read(self.manager)["opportunities"]["total"], 1)
