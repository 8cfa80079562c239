from decimal import Decimal
from uuid import uuid4

from odoo import Command
from odoo.tests import tagged

from ..models.access.options import OPTIONS
from .api import ApiCase
from .common import administrator, money, other_company

NOT_FOUND = "/api/v2/problems/not-found"
NOBODY = {
    "type": NOT_FOUND,
    "detail": "There is no such person, or none that you may see.",
}
NO_OPPORTUNITY = {
    "type": NOT_FOUND,
    "detail": "There is no such opportunity, or none that you may see.",
}


@tagged("post_install", "-at_install")
class TestApiViews(ApiCase):
    """What each route shows to whom, and as whom one may look."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own = cls.opportunity(cls.manager, 1_000)
        cls.deals = cls.opportunity(cls.seller, 200) | cls.opportunity(cls.seller, 30)
        cls.peers = cls.opportunity(cls.peer, 4)
        cls.admin = administrator(cls.env, "sales_team.group_sale_manager")
        cls.env.cr.flush()

    def ids(self, caller, /, **query):
        page = self.body(caller, "opportunities", **query)
        self.assertEqual(page["total"], len(page["items"]))
        return {item["odoo_id"] for item in page["items"]}

    # As whom

    def test_a_manager_looks_as_a_subordinate_and_sees_what_that_one_does(self):
        seller = self.uuid(self.seller)
        dashboard = self.body(self.manager, user=seller)
        self.assertEqual(dashboard["user"]["id"], seller)
        self.assertEqual(dashboard["user"]["odoo"]["user_id"], self.seller.id)
        self.assertEqual(dashboard["metrics"]["pipeline_value"], money("230.00"))
        self.assertEqual(
            [dashboard["opportunities"][name] for name in ("total", "own")], [2, 2]
        )
        self.assertEqual(
            {item["odoo_id"] for item in dashboard["opportunities"]["items"]},
            set(self.deals.ids),
        )
        self.assertEqual(self.ids(self.manager, user=seller), set(self.deals.ids))
        self.assertEqual(self.ids(self.head, user=seller), set(self.deals.ids))
        metrics = self.body(self.manager, "metrics", user=seller)
        self.assertEqual(metrics["own"]["pipeline_value"], money("230.00"))
        profile = self.body(self.manager, "users/profile", user=seller)
        self.assertEqual(profile, dashboard["user"])

    def test_of_anybody_else_there_is_nothing(self):
        for path in (
            "",
            "opportunities",
            "users/profile",
            "users/hierarchy",
            "metrics",
        ):
            for user, other in (
                (self.seller, self.manager),
                (self.manager, self.head),
                (self.manager, self.peer),
                (self.peer, self.seller),
            ):
                with self.subTest(path, user=user.login, other=other.login):
                    response = self.get(user, path, user=self.uuid(other))
                    self.assertProblem(response, 404, **NOBODY, parameter="user")
        nobody = self.get(self.manager, user=str(uuid4()))
        self.assertProblem(nobody, 404, **NOBODY, parameter="user")

    def test_one_may_ask_for_oneself(self):
        own = self.uuid(self.seller)
        self.assertEqual(self.ids(self.seller, user=own), set(self.deals.ids))

    def test_of_an_archived_person_there_is_nothing(self):
        seller = self.uuid(self.seller)
        self.seller.active = False
        self.assertProblem(self.get(self.manager, user=seller), 404)

    def test_administrators_look_as_anybody_of_their_companies(self):
        peers = self.ids(self.admin, user=self.uuid(self.peer))
        self.assertEqual(peers, set(self.peers.ids))
        company = other_company(self.env)
        stranger, __ = self.person("stranger", company=company)
        self.assertProblem(self.get(self.admin, user=self.uuid(stranger)), 404)

    def test_a_department_manager_looks_as_its_people_with_the_option(self):
        department = self.env["hr.department"].create(
            {"name": "cqrs", "manager_id": self.other_manager_employee.id}
        )
        self.seller_employee.department_id = department
        seller = self.uuid(self.seller)
        self.assertProblem(self.get(self.other_manager, user=seller), 404)
        parameter = OPTIONS["department_managers"]
        self.env["ir.config_parameter"].set_param(parameter, True)
        self.assertEqual(self.ids(self.other_manager, user=seller), set(self.deals.ids))

    def test_who_looks_as_another_sees_no_more_than_they_do(self):
        # The seller sees all documents, and works in a company the manager does not.
        company = other_company(self.env)
        self.seller.write(
            {
                "group_ids": [
                    Command.link(
                        self.env.ref("sales_team.group_sale_salesman_all_leads").id
                    )
                ],
                "company_ids": [Command.link(company.id)],
            }
        )
        elsewhere = self.opportunity(self.seller, 5_000, company_id=company.id)
        self.assertLess(
            {*self.peers.ids, *elsewhere.ids}, self.ids(self.seller, limit=200)
        )
        seller = self.uuid(self.seller)
        self.assertEqual(
            self.ids(self.manager, user=seller), {*self.own.ids, *self.deals.ids}
        )
        metrics = self.body(self.manager, "metrics", user=seller)
        self.assertEqual(metrics["pipeline_value"], money("1230.00"))
        for lead in self.peers | elsewhere:
            for path in (f"opportunities/{lead.id}", f"access/{lead.id}"):
                self.assertProblem(self.get(self.manager, path, user=seller), 404)

    def test_what_a_subordinate_is_lent_stays_theirs(self):
        self.env["cqrs.delegation"].create(
            {
                "lender_id": self.peer.id,
                "delegate_id": self.seller.id,
                "date_from": "2000-01-01",
                "date_to": "2100-01-01",
            }
        )
        seen = {*self.deals.ids, *self.peers.ids}
        self.assertEqual(self.ids(self.seller), seen)
        as_seller = self.ids(self.manager, user=self.uuid(self.seller))
        self.assertEqual(as_seller, set(self.deals.ids))

    # One by one

    def test_an_opportunity_by_its_id(self):
        deal = self.deals[0]
        item = self.body(self.manager, f"opportunities/{deal.id}")
        self.env.cr.execute(
            "SELECT changed_at FROM cqrs_opportunity_view WHERE id = %s", [deal.id]
        )
        [(changed_at,)] = self.env.cr.fetchall()
        self.assertEqual(
            {name: value for name, value in item.items() if name != "salesperson"},
            {
                "odoo_id": deal.id,
                "name": "Deal",
                "value": money("200.00"),
                "currency": self.env.company.currency_id.name,
                "stage": {"id": self.stage_new.id, "name": "New"},
                "status": "pending",
                "partner": None,
                "visible_to_user_ids": sorted(
                    (self.seller | self.manager | self.head).ids
                ),
                "version": 1,
                "probability": None,
                "archived": False,
                "team_id": deal.team_id.id or None,
                "company_id": self.env.company.id,
                "closing_date": None,
                "closed_at": None,
                "created_at": f"{deal.create_date.isoformat()}+00:00",
                "changed_at": f"{changed_at.isoformat()}+00:00",
            },
        )
        self.assertEqual(item["salesperson"]["id"], self.uuid(self.seller))
        some = self.body(self.seller, f"opportunities/{deal.id}", fields="name,version")
        self.assertEqual(some, {"name": "Deal", "version": 1})

    def test_an_archived_one_too(self):
        self.deals[0].action_set_lost()
        item = self.body(self.seller, f"opportunities/{self.deals[0].id}")
        self.assertEqual((item["status"], item["archived"]), ("lost", True))

    def test_what_one_may_not_see_is_not_there(self):
        for id_ in (self.deals[0].id, 2**31 - 1, 2**31, 10**30, 0):
            for path in ("opportunities", "access"):
                with self.subTest(path, id=id_):
                    response = self.get(self.peer, f"{path}/{id_}")
                    self.assertProblem(response, 404, **NO_OPPORTUNITY)
        self.assertProblem(self.get(self.peer, "opportunities/x"), 404)
        response = self.get(self.head, f"opportunities/{self.deals[0].id}", by="x")
        self.assertProblem(response, 400, parameter="by")

    # Why

    def test_why_one_sees_it(self):
        deal = self.deals[0]
        self.assertEqual(
            self.body(self.manager, f"access/{deal.id}"),
            {
                "user_id": self.manager.id,
                "accessible_opportunities": 3,
                "is_manager": True,
                "subordinate_count": 1,
                "opportunity_id": deal.id,
                "visible": True,
                "reasons": ["Seller reports to Manager: Manager > Seller."],
            },
        )

    def test_whether_a_subordinate_sees_it(self):
        seller = self.uuid(self.seller)
        own = self.body(self.manager, f"access/{self.own.id}", user=seller)
        self.assertEqual(
            (own["user_id"], own["visible"], own["accessible_opportunities"]),
            (self.seller.id, False, 2),
        )
        self.assertEqual(len(own["reasons"]), 1)
        deal = self.body(self.manager, f"access/{self.deals[0].id}", user=seller)
        self.assertEqual(
            (deal["visible"], deal["reasons"]), (True, ["Seller owns the opportunity."])
        )

    # Figures

    def test_the_figures_by_salesperson(self):
        self.opportunity(None, 7)
        metrics = self.body(self.manager, "metrics", by="salesperson")
        groups = [
            (group["salesperson"]["id"], group["pipeline_value"], group["own"])
            for group in metrics["groups"]
        ]
        self.assertEqual(
            [group[:2] for group in groups],
            [
                (self.uuid(self.manager), money("1000.00")),
                (self.uuid(self.seller), money("230.00")),
            ],
        )
        self.assertEqual(groups[1][2]["pipeline_value"], money("0.00"))
        self.assertEqual(metrics["pipeline_value"], money("1230.00"))

    def test_the_figures_by_stage_and_month(self):
        self.deals[0].date_deadline = "2026-05-17"
        self.deals[1].action_set_won()
        stages = self.body(self.seller, "metrics", by="stage")["groups"]
        self.assertEqual(
            [(group["stage"]["name"], group["pipeline_value"]) for group in stages[:1]],
            [("New", money("200.00"))],
        )
        self.assertEqual(sum(group["won_revenue"] for group in stages), Decimal(30))
        months = self.body(self.seller, "metrics", by="month")["groups"]
        figures = {group["month"]: group["pipeline_value"] for group in months}
        self.assertEqual(figures["2026-05"], money("200.00"))
        response = self.get(self.seller, "metrics", by="year")
        self.assertProblem(response, 400, parameter="by")


@tagged("post_install", "-at_install")
class TestApiHierarchy(ApiCase):
    """The organisation, a level at a time."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.second, cls.second_employee = cls.person("a_second", cls.manager_employee)
        for owner, value in (
            (cls.head, 10_000),
            (cls.manager, 1_000),
            (cls.seller, 200),
            (cls.second, 30),
            (cls.peer, 4),
        ):
            cls.opportunity(owner, value)

    def node(self, user, reports):
        return {
            "id": self.uuid(user),
            "user_id": user.id,
            "name": user.name,
            "email": user.email,
            "is_manager": reports > 0,
            "reports_count": reports,
        }

    def test_a_level_has_the_person_and_the_reports_by_name(self):
        level = self.body(self.manager, "users/hierarchy")
        self.assertEqual(
            level,
            {
                "parent": self.node(self.manager, 2),
                "total": 2,
                "items": [self.node(self.second, 0), self.node(self.seller, 0)],
                "former": None,
                "next": None,
            },
        )

    def test_the_level_below(self):
        top = self.body(self.head, "users/hierarchy")
        self.assertEqual(top["items"], [self.node(self.manager, 2)])
        below = self.body(self.head, "users/hierarchy", parent=top["items"][0]["id"])
        self.assertEqual(below["parent"], self.node(self.manager, 2))
        self.assertEqual(below["total"], 2)

    def test_nobody_looks_up_or_aside(self):
        for user, other in (
            (self.manager, self.head),
            (self.manager, self.peer),
            (self.seller, self.second),
        ):
            response = self.get(user, "users/hierarchy", parent=self.uuid(other))
            self.assertProblem(response, 404, **NOBODY, parameter="parent")
        response = self.get(
            self.head,
            "users/hierarchy",
            user=self.uuid(self.seller),
            parent=self.uuid(self.manager),
        )
        self.assertProblem(response, 404)

    def figures(self, level):
        """Return own, team and total of the parent and of each report."""
        return [
            (
                node["metrics"]["own"]["pipeline_value"],
                node["metrics"]["team"]["pipeline_value"],
                node["metrics"]["pipeline_value"],
            )
            for node in (level["parent"], *level["items"])
        ]

    def test_what_each_person_sells_and_those_below(self):
        level = self.body(self.head, "users/hierarchy", metrics="true")
        self.assertEqual(
            self.figures(level),
            [
                (money("10000.00"), money("1230.00"), money("11230.00")),
                (money("1000.00"), money("230.00"), money("1230.00")),
            ],
        )
        self.assertEqual(
            level["items"][0]["metrics"]["currency"], self.env.company.currency_id.name
        )
        level = self.body(self.manager, "users/hierarchy", metrics="true")
        self.assertEqual(
            self.figures(level)[1:],
            [
                (money("30.00"), money("0.00"), money("30.00")),
                (money("200.00"), money("0.00"), money("200.00")),
            ],
        )

    def test_an_opportunity_counts_once_where_a_person_is_below_twice(self):
        company = other_company(self.env)
        for user in (self.head, self.manager, self.seller):
            user.company_ids |= company
        above = self.employee("manager 2", user=self.manager, company=company)
        self.employee("seller 2", above, user=self.seller, company=company)
        self.opportunity(self.seller, 500, company_id=False, user_id=self.seller.id)
        level = self.body(self.manager, "users/hierarchy", metrics="true")
        self.assertEqual(level["total"], 2)
        self.assertEqual(
            self.figures(level)[0],
            (money("1000.00"), money("730.00"), money("1730.00")),
        )

    def test_former_people_have_a_row_and_all_rows_add_up(self):
        trainee, employee = self.person("trainee", self.seller_employee)
        newcomer, __ = self.person("newcomer", employee)
        leaver, leaver_employee = self.person("leaver", self.manager_employee)
        for number, user in enumerate((trainee, newcomer, leaver)):
            self.opportunity(user, 4000 + number)
        self.assertIsNone(self.body(self.manager, "users/hierarchy")["former"])
        # One user is archived, of another the employee alone.
        self.seller.active = False
        leaver_employee.active = False
        asked = {"metrics": "true"}
        for fold in (False, True):
            if fold:
                self.env["cqrs.metrics"]._fold_batch()
            with self.subTest(fold=fold):
                top = self.body(self.head, "users/hierarchy", **asked)
                self.assertIsNone(top["former"])
                level = self.body(self.manager, "users/hierarchy", **asked)
                self.assertEqual(level["items"][0]["name"], self.second.name)
                self.assertEqual(level["total"], 1)
                self.assertEqual(level["former"]["count"], 3)
                self.assert_adds_up(level)
        query = {**asked, "former": "true", "limit": 2}
        first = self.body(self.manager, "users/hierarchy", **query)
        rest = self.body(self.manager, "users/hierarchy", cursor=first["next"], **query)
        items = first["items"] + rest["items"]
        self.assertEqual(
            [(item["name"], item["is_former"]) for item in items],
            [("Leaver", True), ("Seller", True), ("Trainee", False)],
        )
        self.assertEqual((first["total"], first["former"]), (3, None))
        self.assertEqual(
            sum(item["metrics"]["pipeline_value"] for item in items),
            level["former"]["metrics"]["pipeline_value"],
        )
        self.assertEqual(items[2]["metrics"]["team"]["pipeline_value"], money("4001"))
        below = self.body(
            self.manager, "users/hierarchy", parent=items[2]["id"], **asked
        )
        self.assertEqual([item["name"] for item in below["items"]], ["Newcomer"])
        opportunities = self.body(
            self.manager, "opportunities", salesperson=items[1]["id"]
        )
        self.assertEqual(opportunities["total"], 1)

    def assert_adds_up(self, level):
        """Assert that own, reports and former people add up to the parent's total."""
        rows = [*level["items"], level["former"]]
        for amounts in (lambda each: each, lambda each: each["exact"]):
            parent = level["parent"]["metrics"]
            for name in ("pipeline_value", "weighted_pipeline", "won_revenue"):
                parts = [amounts(row["metrics"])[name] for row in rows]
                self.assertEqual(
                    amounts(parent["own"])[name] + sum(parts), amounts(parent)[name]
                )

    def test_it_is_paged_by_name(self):
        names, cursor = [], {}
        while True:
            response = self.get(self.manager, "users/hierarchy", limit=1, **cursor)
            level = response.json()
            self.assertEqual((level["total"], len(level["items"])), (2, 1))
            names.append(level["items"][0]["name"])
            if level["next"] is None:
                self.assertNotIn("Link", response.headers)
                break
            cursor = {"cursor": level["next"]}
            self.assertIn('rel="next"', response.headers["Link"])
        self.assertEqual(names, ["A Second", "Seller"])
        cursor = self.body(self.manager, "users/hierarchy", limit=1)["next"]
        response = self.get(
            self.head,
            "users/hierarchy",
            parent=self.uuid(self.manager),
            limit=1,
            cursor=cursor,
        )
        self.assertProblem(response, 400, parameter="cursor")
