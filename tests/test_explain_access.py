import random

from odoo import Command
from odoo.tests import new_test_user, tagged

from ..models.access.options import OPTIONS
from .common import SalesOrganisation, other_company, seed_of_chance


@tagged("post_install", "-at_install")
class TestExplainAccess(SalesOrganisation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.deal = cls.opportunity(cls.seller)

    def explain(self, user, deal=None):
        """Return the reasons; positive ones follow ``True``, others ``False``."""
        deal = deal or self.deal
        self.env.cr.flush()
        access = self.env["cqrs.access"]
        answer = access._explain(user, deal.id)
        self.assertIs(answer["visible"], access._may_see(user, deal.id))
        return [answer["visible"], *answer["reasons"]]

    def test_the_owner(self):
        self.assertEqual(
            self.explain(self.seller), [True, "Seller owns the opportunity."]
        )

    def test_the_chain_is_named(self):
        self.assertEqual(
            self.explain(self.head),
            [
                True,
                "Seller reports to Head: Head > Manager > Seller.",
            ],
        )

    def test_an_employee_without_a_user_is_named_in_the_chain(self):
        link = self.employee("link", self.other_manager_employee)
        self.seller_employee.parent_id = link
        self.assertEqual(
            self.explain(self.other_manager)[1],
            "Seller reports to Other Manager: Other_Manager > Link > Seller.",
        )

    def test_who_does_not_stand_above(self):
        self.assertEqual(
            self.explain(self.peer),
            [
                False,
                (
                    "Seller owns the opportunity and does not report to Peer in"
                    f" {self.env.company.name}."
                ),
            ],
        )

    def test_all_documents(self):
        everything = self.env.ref("sales_team.group_sale_salesman_all_leads")
        self.peer.group_ids = [Command.link(everything.id)]
        self.assertEqual(
            self.explain(self.peer),
            [
                True,
                "Peer can see all documents of their companies.",
            ],
        )

    def test_a_company_where_the_user_may_not_work(self):
        other = other_company(self.env)
        deal = self.opportunity(None, company_id=other.id)
        self.assertEqual(
            self.explain(self.head, deal),
            [
                False,
                (
                    f"The opportunity belongs to {other.name}, a company that Head"
                    " does not have access to."
                ),
            ],
        )

    def test_without_a_company(self):
        deal = self.opportunity(self.seller)
        deal.company_id = False
        self.assertEqual(
            self.explain(self.peer, deal)[1],
            "Seller owns the opportunity and does not report to Peer in any company.",
        )
        self.assertTrue(self.explain(self.head, deal)[0])

    def test_an_unassigned_one(self):
        deal = self.opportunity(None)
        self.assertEqual(
            self.explain(self.peer, deal),
            [
                False,
                (
                    "The opportunity is unassigned, and Peer does not see "
                    "unassigned opportunities as a salesperson or through a sales"
                    " team."
                ),
            ],
        )
        self.env["ir.config_parameter"].set_param(OPTIONS["unassigned"], True)
        self.assertEqual(
            self.explain(self.peer, deal),
            [
                True,
                (
                    "The opportunity is unassigned, and Peer sees unassigned "
                    "opportunities as a salesperson."
                ),
            ],
        )

    def test_a_team_leader_and_a_department_manager(self):
        for option in ("team_leaders", "department_managers"):
            self.env["ir.config_parameter"].set_param(OPTIONS[option], True)
        team = self.env["crm.team"].create({"name": "North", "user_id": self.peer.id})
        self.deal.team_id = team
        department = self.env["hr.department"].create(
            {"name": "cqrs", "manager_id": self.peer_employee.id}
        )
        self.seller_employee.write(
            {"department_id": department.id, "parent_id": self.manager_employee.id}
        )
        self.assertEqual(
            self.explain(self.peer),
            [
                True,
                (
                    "Peer manages the department of Seller or one of its parent "
                    "departments."
                ),
                "Peer leads the sales team North.",
            ],
        )

    def test_a_delegation(self):
        lent = {"delegate_id": self.peer.id, "date_to": "2099-12-31"}
        self.env["cqrs.delegation"].create(
            [{**lent, "lender_id": self.seller.id}, {**lent, "lender_id": self.head.id}]
        )
        self.assertEqual(
            self.explain(self.peer),
            [
                True,
                "Head has lent Peer their view.",
                "Seller reports to Head: Head > Manager > Seller.",
                "Seller has lent Peer their view.",
                "Seller owns the opportunity.",
            ],
        )
        deal = self.opportunity(self.other_manager)
        self.assertEqual(
            self.explain(self.peer, deal)[2:],
            [
                (
                    "Head, who has lent Peer their view, does not see the opportunity"
                    " either."
                ),
                (
                    "Seller, who has lent Peer their view, does not see the "
                    "opportunity either."
                ),
            ],
        )

    def test_who_has_no_profile_and_what_does_not_exist(self):
        self.seller.active = False
        self.assertEqual(self.explain(self.seller), [False, "Seller is archived."])
        portal = new_test_user(
            self.env, login="cqrs_portal", groups="base.group_portal"
        )
        self.assertEqual(
            self.explain(portal), [False, "This internal user does not exist."]
        )
        lead = self.opportunity(self.peer, type="lead")
        self.assertEqual(
            self.explain(self.peer, lead), [False, "This opportunity does not exist."]
        )

    def test_it_agrees_with_may_see(self):
        seed = seed_of_chance()
        choose = random.Random(seed)
        with self.subTest(seed=seed):
            for option in OPTIONS:
                self.env["ir.config_parameter"].set_param(
                    OPTIONS[option], choose.choice([True, False])
                )
            other = other_company(self.env)
            companies = self.env.company | other
            users, employees = self.env["res.users"], self.env["hr.employee"]
            for number in range(12):
                user, employee = self.person(
                    f"random_{number}", choose.choice([None, *employees])
                )
                user.company_ids = [
                    Command.set(choose.choice([self.env.company, companies]).ids)
                ]
                employee.active = choose.random() > 0.1
                users |= user
                employees |= employee
            everything = self.env.ref("sales_team.group_sale_salesman_all_leads")
            users[1].group_ids = [Command.link(everything.id)]
            team = self.env["crm.team"].create(
                {"name": "cqrs", "user_id": choose.choice(users).id}
            )
            for __ in range(4):
                lender, delegate = choose.sample(list(users), 2)
                self.env["cqrs.delegation"].create(
                    {
                        "lender_id": lender.id,
                        "delegate_id": delegate.id,
                        "date_to": "2099-12-31",
                    }
                )
            users[0].active = False
            users[2].group_ids = [Command.set(self.env.ref("base.group_user").ids)]
            verdicts = set()
            for __ in range(40):
                deal = self.opportunity(
                    choose.choice([None, *users[1:]]),
                    team_id=choose.choice([False, team.id]),
                    company_id=False,
                )
                if choose.random() < 0.7:
                    self.env.cr.execute(
                        "UPDATE crm_lead SET company_id = %s WHERE id = %s",
                        [choose.choice(companies).id, deal.id],
                    )
                    deal.invalidate_recordset()
                    deal._cqrs_marks("crm.lead").ids.add(deal.id)
                for user in users:
                    verdicts.add(self.explain(user, deal)[0])
            self.assertEqual(verdicts, {True, False})
