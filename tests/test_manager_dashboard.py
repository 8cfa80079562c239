import json
from decimal import Decimal

from odoo.tests import HttpCase, tagged

from .common import SalesOrganisation, other_company

METRICS = "/api/v2/dashboard/metrics"


@tagged("post_install", "-at_install")
class TestManagerDashboard(SalesOrganisation, HttpCase):
    """What the acceptance scenario does not ask of it, over HTTP."""

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

    def test_a_lost_opportunity_leaves_the_pipeline_and_the_list(self):
        self.own[0].action_set_lost()
        dashboard = self.get_dashboard(self.manager)
        self.assertEqual(dashboard["opportunities"]["total"], 3)
        self.assertEqual(dashboard["metrics"]["pipeline_value"], Decimal("300000.00"))

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
                    "exact": {
                        "pipeline_value": Decimal(400000),
                        "weighted_pipeline": 0,
                        "won_revenue": 0,
                    },
                },
                {
                    "currency": "CQX",
                    "rate": Decimal("0.25"),
                    "pipeline_value": Decimal("1000.02"),
                    "weighted_pipeline": Decimal("0.00"),
                    "won_revenue": Decimal("0.00"),
                    "exact": {
                        "pipeline_value": Decimal("1000.02"),
                        "weighted_pipeline": 0,
                        "won_revenue": 0,
                    },
                },
            ],
        )

    def test_groups_come_in_pages_that_add_up(self):
        customers = self.env["res.partner"].create(
            [{"name": f"cqrs {name}"} for name in "AB"]
        )
        for deal, customer in zip(self.own, customers, strict=True):
            deal.partner_id = customer
        self.env.cr.flush()
        self.authenticate(self.manager.login, self.manager.login)
        url = "/api/v2/dashboard/metrics?by=customer,salesperson&limit=1&sort=label"
        groups = []
        while url:
            response = self.url_open(url)
            self.assertEqual(response.status_code, 200, response.text)
            metrics = json.loads(response.text, parse_float=Decimal)
            groups += metrics["groups"]
            url = response.links.get("next", {}).get("url")
            self.assertEqual(bool(url), metrics["next"] is not None)
        self.assertEqual(metrics["group_count"], 3)
        self.assertEqual(
            [
                (
                    group["customer"] and group["customer"]["name"],
                    group["salesperson"]["name"],
                    group["pipeline_value"],
                    group["own"]["active_opportunities"],
                )
                for group in groups
            ],
            [
                ("cqrs A", "Manager", Decimal("100000.00"), 1),
                ("cqrs B", "Manager", Decimal("100000.00"), 1),
                (None, "Seller", Decimal("200000.00"), 0),
            ],
        )
        cursor = self.url_open(f"{METRICS}?by=customer&limit=1").json()["next"]
        for query, parameter in {
            f"cursor={cursor}": "cursor",
            "by=team,team": "by",
            "by=team,stage,month": "by",
            "by=price": "by",
            "by=customer&sort=customer": "sort",
            f"by=customer&cursor={cursor}x": "cursor",
            f"by=tag&cursor={cursor}": "cursor",
        }.items():
            with self.subTest(query):
                response = self.url_open(f"{METRICS}?{query}")
                self.assertEqual(response.status_code, 400, response.text)
                self.assertEqual(response.json()["parameter"], parameter)

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
                    "v2/dashboard/metrics?by=stage,month&sort=-average_value",
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
