import json
from decimal import Decimal

from odoo.tests import HttpCase, tagged

from .common import SalesOrganisation, other_company


@tagged("post_install", "-at_install")
class TestManagerDashboard(SalesOrganisation, HttpCase):
    """The acceptance scenario, over HTTP, as the people of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own = cls.opportunity(cls.manager) | cls.opportunity(cls.manager)
        cls.subordinates = cls.opportunity(cls.seller) | cls.opportunity(cls.seller)
        cls.peers = cls.opportunity(cls.peer)

    def get_dashboard(self, user):
        self.env.cr.flush()
        self.authenticate(user.login, user.login)
        response = self.url_open("/api/v2/dashboard/")
        self.assertEqual(response.status_code, 200, response.text)
        self.assertEqual(response.headers["Content-Type"], "application/json")
        return json.loads(response.text, parse_float=Decimal)

    def ids(self, dashboard):
        return {item["odoo_id"] for item in dashboard["opportunities"]["items"]}

    def test_a_manager_sees_the_own_and_the_subordinates(self):
        dashboard = self.get_dashboard(self.manager)
        self.assertEqual(self.ids(dashboard), set((self.own | self.subordinates).ids))
        opportunities = dashboard["opportunities"]
        self.assertEqual(
            [opportunities[key] for key in ("total", "own", "subordinates")], [4, 2, 2]
        )
        metrics = dashboard["metrics"]
        self.assertEqual(metrics["pipeline_value"], Decimal("400000.00"))
        self.assertEqual(metrics["won_revenue"], Decimal("0.00"))
        self.assertEqual(metrics["active_opportunities"], 4)
        self.assertEqual(metrics["currency"], self.env.company.currency_id.name)
        hierarchy = dashboard["user"]["hierarchy"]
        self.assertIs(hierarchy["is_manager"], True)
        self.assertEqual(hierarchy["reports_count"], 1)
        self.assertEqual([s["name"] for s in hierarchy["subordinates"]], ["Seller"])
        self.assertEqual(dashboard["hierarchy"], hierarchy)

    def test_a_salesperson_sees_the_own(self):
        dashboard = self.get_dashboard(self.seller)
        self.assertEqual(self.ids(dashboard), set(self.subordinates.ids))
        self.assertEqual(dashboard["metrics"]["pipeline_value"], Decimal("200000.00"))
        self.assertIs(dashboard["user"]["hierarchy"]["is_manager"], False)

    def test_a_peer_sees_none_of_them(self):
        self.assertEqual(self.ids(self.get_dashboard(self.peer)), set(self.peers.ids))
        dashboard = self.get_dashboard(self.other_manager)
        self.assertEqual(self.ids(dashboard), set(self.peers.ids))

    def test_an_opportunity_carries_its_people(self):
        deal = self.subordinates[0]
        partner = self.env["res.partner"].create({"name": "Customer"})
        deal.partner_id = partner
        [item] = [
            item
            for item in self.get_dashboard(self.head)["opportunities"]["items"]
            if item["odoo_id"] == deal.id
        ]
        self.assertEqual(
            item,
            {
                "odoo_id": deal.id,
                "name": "Deal",
                "value": Decimal("100000.00"),
                "currency": self.env.company.currency_id.name,
                "stage": {"id": self.stage_new.id, "name": "New"},
                "status": "pending",
                "salesperson": {
                    "id": self.uuid(self.seller),
                    "user_id": self.seller.id,
                    "name": "Seller",
                    "email": self.seller.email,
                    "manager": {"name": "Manager", "email": self.manager.email},
                },
                "partner": {"id": partner.id, "name": "Customer"},
                "visible_to_user_ids": sorted(
                    (self.seller | self.manager | self.head).ids
                ),
                "version": 2,
            },
        )

    def test_winning_moves_the_amount_to_the_cent(self):
        self.subordinates[0].write({"expected_revenue": 99_999.99})
        self.subordinates[0].action_set_won()
        metrics = self.get_dashboard(self.manager)["metrics"]
        self.assertEqual(metrics["pipeline_value"], Decimal("300000.00"))
        self.assertEqual(metrics["won_revenue"], Decimal("99999.99"))
        self.assertEqual(metrics["active_opportunities"], 3)

    def test_a_lost_opportunity_leaves_the_pipeline_and_the_list(self):
        self.own[0].action_set_lost()
        dashboard = self.get_dashboard(self.manager)
        self.assertEqual(dashboard["opportunities"]["total"], 3)
        self.assertEqual(dashboard["metrics"]["pipeline_value"], Decimal("300000.00"))

    def test_moving_the_subordinate_takes_the_opportunities_away(self):
        self.seller_employee.parent_id = self.other_manager_employee
        self.assertEqual(self.ids(self.get_dashboard(self.manager)), set(self.own.ids))
        dashboard = self.get_dashboard(self.other_manager)
        self.assertEqual(self.ids(dashboard), set((self.peers | self.subordinates).ids))

    def test_currencies_are_converted_at_the_rate_of_the_day_and_said(self):
        currency = self.env.company.currency_id
        foreign = self.env["res.currency"].create({"name": "CQX", "symbol": "x"})
        company = other_company(self.env, foreign)
        self.env["res.currency.rate"].create(
            {"currency_id": foreign.id, "rate": 4, "company_id": self.env.company.id}
        )
        self.manager.company_ids |= company
        self.opportunity(self.manager, 1000.02, company_id=company.id)
        metrics = self.get_dashboard(self.manager)["metrics"]
        self.assertEqual(metrics["pipeline_value"], Decimal("400250.01"))
        self.assertEqual(
            metrics["amounts"],
            [
                {
                    "currency": currency.name,
                    "rate": Decimal("1.0"),
                    "pipeline_value": Decimal("400000.00"),
                    "weighted_pipeline": Decimal("0.00"),
                    "won_revenue": Decimal("0.00"),
                },
                {
                    "currency": "CQX",
                    "rate": Decimal("0.25"),
                    "pipeline_value": Decimal("1000.02"),
                    "weighted_pipeline": Decimal("0.00"),
                    "won_revenue": Decimal("0.00"),
                },
            ],
        )

    def test_an_amount_of_any_length_is_exact(self):
        # More digits than a Decimal has by default, and about as many as a float.
        for amount in (1e40, 1e300):
            with self.subTest(amount):
                self.own[0].expected_revenue = amount
                metrics = self.get_dashboard(self.manager)["metrics"]
                self.env.cr.execute(
                    "SELECT round(sum(expected_revenue), 2)::text FROM crm_lead"
                    " WHERE id = ANY(%s)",
                    [(self.own | self.subordinates).ids],
                )
                pipeline = Decimal(self.env.cr.fetchone()[0])
                self.assertGreater(pipeline, Decimal(amount) / 2)
                self.assertEqual(metrics["pipeline_value"], pipeline)
                self.assertEqual(metrics["team"]["pipeline_value"], Decimal(200000))
                for url in (
                    "v2/dashboard/metrics?by=stage",
                    "v2/dashboard/metrics/series",
                    "v2/dashboard/users/hierarchy?metrics=true",
                    "sales/dashboard/real",
                    "opportunities",
                ):
                    response = self.url_open(f"/api/{url}")
                    self.assertEqual(response.status_code, 200, response.text)
        self.env["cqrs.dashboard.metrics"]._refresh_users(self.manager.ids)

    def test_the_answer_says_as_of_when(self):
        meta = self.get_dashboard(self.manager)["meta"]
        self.env.cr.execute("SELECT max(position) FROM cqrs_event")
        self.assertEqual(meta["position"], self.env.cr.fetchone()[0])
        self.assertRegex(meta["generated_at"], r"^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$")
