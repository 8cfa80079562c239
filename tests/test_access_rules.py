from unittest.mock import patch

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from ..models.access import thresholds
from ..models.access.options import OPTIONS
from .common import SalesOrganisation, administrator, other_company

TEAM = "crm_cqrs.group_sale_team"


@tagged("post_install", "-at_install")
class TestAccessRules(SalesOrganisation):
    """*User: Own and Team's Documents* in Odoo's own screens."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.deal = cls.opportunity(cls.seller)
        cls.manager.group_ids = [Command.set(cls.env.ref(TEAM).ids)]
        cls.env.cr.flush()

    def leads(self, user, **context):
        return self.env["crm.lead"].with_user(user).with_context(**context)

    def found(self, user, leads=None, **context):
        """Return which of the leads a search gives; that is who may be read too."""
        leads = leads or self.deal
        mine = self.leads(user, **context)
        found = mine.search([("id", "in", leads.ids)])
        self.assertEqual(found, mine.browse(leads.ids)._filtered_access("read"))
        return found

    # What the standard groups mean

    def test_own_documents_are_what_they_were(self):
        self.assertFalse(self.found(self.head))
        self.assertTrue(self.found(self.seller))
        self.assertTrue(self.found(self.head, self.opportunity(None)))
        self.assertFalse(self.deal.with_user(self.head).has_access("write"))

    def test_all_documents_are_what_they_were(self):
        everything = self.env.ref("sales_team.group_sale_salesman_all_leads")
        self.peer.group_ids = [Command.set(everything.ids)]
        leads = self.deal | self.opportunity(self.other_manager)
        self.assertEqual(self.found(self.peer, leads).ids, sorted(leads.ids)[::-1])
        self.assertTrue(self.deal.with_user(self.peer).has_access("write"))
        # With or without what it implies since this addon is here.
        domain = self.env["ir.rule"].with_user(self.peer)._compute_domain
        before = domain("crm.lead", "write")
        everything.implied_ids = [Command.unlink(self.env.ref(TEAM).id)]
        self.assertEqual(domain("crm.lead", "write"), before)

    def test_it_stands_between_own_and_all_documents(self):
        privilege = self.env.ref("sales_team.res_groups_privilege_sales")
        hierarchy = self.env["res.groups"]._get_view_group_hierarchy()
        names = [
            self.env["res.groups"].browse(id_).name
            for id_ in hierarchy["privileges"][privilege.id]["group_ids"]
        ]
        self.assertEqual(
            names,
            [
                "User: Own Documents Only",
                "User: Own and Team's Documents",
                "User: All Documents",
                "Administrator",
            ],
        )

    def test_who_loses_it_with_the_addon_keeps_the_own_documents(self):
        team = self.env.ref(TEAM)
        self.env["ir.rule"].search([("groups", "=", team.id)]).unlink()
        team.unlink()
        self.assertTrue(self.manager.has_group("sales_team.group_sale_salesman"))

    # What the team's documents are

    def test_a_manager_works_on_the_teams_leads(self):
        lead = self.found(self.manager)
        self.assertTrue(lead)
        lead.write({"name": "Mine to change", "user_id": self.manager.id})
        lead.user_id = self.seller
        lead.action_set_lost()
        created = self.leads(self.manager).create(
            {"name": "For you", "user_id": self.seller.id}
        )
        self.assertEqual(created.user_id, self.seller)
        with self.assertRaises(AccessError):
            lead.unlink()
        with self.assertRaises(AccessError):
            self.leads(self.manager).create({"name": "No", "user_id": self.peer.id})
        with self.assertRaises(AccessError):
            self.deal.with_user(self.peer).write({"name": "No"})

    def test_leads_that_are_no_opportunities_too(self):
        self.deal.type = "lead"
        self.assertTrue(self.found(self.manager))

    def test_a_move_shows_at_once_before_a_flush(self):
        self.assertTrue(self.found(self.manager))
        self.seller_employee.parent_id = self.other_manager_employee
        self.assertFalse(self.found(self.manager))
        with self.assertRaises(AccessError):
            self.deal.with_user(self.manager).read(["name"])
        self.seller_employee.parent_id = self.manager_employee
        self.assertTrue(self.found(self.manager))

    def test_a_department_moves_its_employees_before_a_flush(self):
        department = self.env["hr.department"].create({"name": "cqrs"})
        self.seller_employee.department_id = department
        department.manager_id = self.other_manager_employee
        self.assertEqual(
            bool(self.found(self.manager)),
            self.seller_employee.parent_id == self.manager_employee,
        )

    def test_an_assignment_shows_at_once_before_a_flush(self):
        self.deal.user_id = self.peer
        self.assertFalse(self.found(self.manager))
        self.deal.user_id = self.seller
        self.assertTrue(self.found(self.manager))
        new = self.env["crm.lead"].create({"name": "x", "user_id": self.seller.id})
        self.assertTrue(self.found(self.manager, new))

    def test_a_team_shows_at_once_before_a_flush(self):
        self.env["ir.config_parameter"].set_param(OPTIONS["team_leaders"], True)
        theirs = self.opportunity(self.peer)
        team = self.env["crm.team"].create({"name": "cqrs", "user_id": self.manager.id})
        theirs.team_id = team
        self.assertTrue(self.found(self.manager, theirs))
        team.user_id = self.peer
        self.assertFalse(self.found(self.manager, theirs))

    def test_reading_it_records_no_event_of_a_lead(self):
        # Else each of a transaction's writes would become an event of its own.
        lead = self.found(self.manager)
        before = len(self.events(self.deal))
        for name in ("One", "Two", "Three"):
            lead.name = name
            self.assertTrue(self.found(self.manager))
        self.assertEqual(len(self.events(self.deal)), before + 1)

    def test_a_department_manager_if_the_option_is_on(self):
        self.other_manager.group_ids = [Command.set(self.env.ref(TEAM).ids)]
        department = self.env["hr.department"].create(
            {"name": "cqrs", "manager_id": self.other_manager_employee.id}
        )
        self.seller_employee.write(
            {"department_id": department.id, "parent_id": self.manager_employee.id}
        )
        everywhere = self.opportunity(self.seller)
        everywhere.company_id = False
        for lead in self.deal | everywhere:
            self.assertFalse(self.found(self.other_manager, lead))
        option = OPTIONS["department_managers"]
        self.env["ir.config_parameter"].set_param(option, True)
        for lead in self.deal | everywhere:
            self.assertTrue(self.found(self.other_manager, lead))
        profiles = self.env["cqrs.user.profile"].with_user(self.other_manager)
        people = self.other_manager | self.peer
        self.assertEqual(set(profiles.search([]).ids), set(people.ids))

    def test_one_without_a_company(self):
        self.deal.company_id = False
        self.assertTrue(self.found(self.manager))
        self.assertFalse(self.deal.with_user(self.head).has_access("read"))

    def test_the_condition_is_made_for_few_owners_or_for_many(self):
        self.env.cr.flush()
        for few, sees_few_owners in ((2, True), (1, False)):
            with patch.object(thresholds, "INDEXED_OWNERS", few):
                [viewer] = self.env["cqrs.access"]._own_view(self.manager)
                self.assertIs(viewer.sees_few_owners, sees_few_owners)

    def test_new_records_and_the_opposite(self):
        leads = self.leads(self.manager)
        theirs = self.opportunity(self.peer) | self.opportunity(None)
        both = [("id", "in", (self.deal | theirs).ids)]
        su = leads.sudo()
        for domain, expected in [
            ([("cqrs_in_team", "=", True)], self.deal),
            ([("cqrs_in_team", "!=", False)], self.deal),
            ([("cqrs_in_team", "=", False)], theirs),
            ([("cqrs_in_team", "in", [True, False])], self.deal | theirs),
            ([("cqrs_lent", "=", True)], leads.browse()),
            ([("cqrs_lent", "=", False)], self.deal | theirs),
        ]:
            with self.subTest(domain=domain):
                found = su.search(both + domain, order="id")
                self.assertEqual(found.ids, sorted(expected.ids))
                filtered = su.search(both, order="id").filtered_domain(domain)
                self.assertEqual(filtered, found)
        self.assertFalse(leads.new({"user_id": self.seller.id}).cqrs_in_team)

    def test_one_persons_answer_is_not_anothers(self):
        for user, expected in [
            (self.manager, True),
            (self.peer, False),
            (self.head, True),
        ]:
            self.assertIs(self.deal.with_user(user).sudo().cqrs_in_team, expected)

    # Several companies

    def test_companies(self):
        other = other_company(self.env)
        both = self.env.company | other
        self.seller.company_ids = [Command.link(other.id)]
        deal = self.opportunity(self.seller, company_id=other.id)
        leads = self.deal | deal
        both_companies = {"allowed_company_ids": both.ids}
        # May work in that company, but stands above the seller in the first alone.
        self.manager.company_ids = [Command.link(other.id)]
        found = self.found(self.manager, leads, **both_companies)
        self.assertEqual(found.ids, self.deal.ids)
        self.manager.company_ids = [Command.unlink(other.id)]
        # Stands above the seller in that company too, but may not work there.
        boss = self.employee("boss", user=self.manager, company=other)
        self.employee("sub", boss, self.seller, company=other)
        self.assertEqual(self.found(self.manager, leads).ids, self.deal.ids)
        self.manager.company_ids = [Command.link(other.id)]
        for companies, expected in [
            (both, leads),
            (other, deal),
            (self.env.company, self.deal),
        ]:
            with self.subTest(companies=companies.mapped("name")):
                context = {"allowed_company_ids": companies.ids}
                found = self.found(self.manager, leads, **context)
                self.assertEqual(set(found.ids), set(expected.ids))
                views = self.env["cqrs.opportunity.view"].with_user(self.manager)
                found = views.with_context(**context).search([("id", "in", leads.ids)])
                self.assertEqual(set(found.ids), set(expected.ids))

    # What hangs on a lead

    def test_the_chatter_and_the_activities_follow_the_lead(self):
        message = self.deal.message_post(body="Hello")
        activity = self.deal.activity_schedule(
            "mail.mail_activity_data_todo", user_id=self.seller.id
        )
        for user, readable in [(self.manager, True), (self.head, False)]:
            with self.subTest(user.name):
                for record in (message, activity):
                    mine = record.with_user(user)
                    self.assertIs(mine.has_access("read"), readable)
                    found = mine.search([("id", "=", record.id)])
                    self.assertIs(bool(found), readable)
        self.deal.with_user(self.manager).message_post(body="Well done")

    def test_meetings_and_the_history_follow_the_lead(self):
        meeting = self.env["calendar.event"].create(
            {
                "name": "Meeting",
                "start": "2030-01-01 10:00:00",
                "stop": "2030-01-01 11:00:00",
                "opportunity_id": self.deal.id,
            }
        )
        mine = meeting.with_user(self.manager)
        self.assertEqual(mine.opportunity_id.name, "Deal")
        with self.assertRaises(AccessError):
            meeting.with_user(self.head).opportunity_id.read(["name"])
        history = self.env["cqrs.history"]
        self.assertTrue(
            history.with_user(self.manager).read_page("crm.lead", self.deal.id)
        )
        with self.assertRaises(AccessError):
            history.with_user(self.head).read_page("crm.lead", self.deal.id)

    def test_the_activity_report_follows_the_lead(self):
        subtype = self.env.ref("mail.mt_activities")
        self.deal.message_post(
            body="Called",
            subtype_id=subtype.id,
            mail_activity_type_id=self.env.ref("mail.mail_activity_data_call").id,
        )
        self.env.flush_all()
        report = self.env["crm.activity.report"]
        domain = [("lead_id", "=", self.deal.id)]
        self.assertEqual(report.with_user(self.manager).search_count(domain), 1)
        self.assertEqual(report.with_user(self.head).search_count(domain), 0)

    # The read models

    def test_salespeople_read_their_part_of_the_read_models(self):
        opportunities = self.env["cqrs.opportunity.view"]
        profiles = self.env["cqrs.user.profile"]
        access = self.env["cqrs.user.access"]
        theirs = self.opportunity(self.peer)
        everything = [("id", "in", (self.deal | theirs).ids)]
        for user, deals, people in [
            (self.head, self.deal, self.head | self.manager | self.seller),
            (self.manager, self.deal, self.manager | self.seller),
            (self.seller, self.deal, self.seller),
            (self.peer, theirs, self.peer),
        ]:
            with self.subTest(user.name):
                mine = opportunities.with_user(user)
                self.assertEqual(mine.search(everything).ids, deals.ids)
                mine = profiles.with_user(user)
                self.assertEqual(set(mine.search([]).ids), set(people.ids))
                viewers = access.with_user(user).search([]).viewer_id
                self.assertEqual(set(viewers.ids), set(people.ids))
                with self.assertRaises(AccessError):
                    mine.browse(self.other_manager.id).read(["email"])

    def test_the_metrics_are_the_own(self):
        metrics = self.env["cqrs.dashboard.metrics"]
        metrics._refresh_users((self.head | self.manager | self.seller).ids)
        for user in self.manager | self.seller:
            self.assertEqual(metrics.with_user(user).search([]).user_id, user)

    def test_people_of_a_company_where_the_user_may_not_work(self):
        other = other_company(self.env)
        boss = self.employee("boss", user=self.peer, company=other)
        self.employee("sub", boss, self.seller, company=other)
        profiles = self.env["cqrs.user.profile"].with_user(self.peer)
        self.assertEqual(profiles.search([]).ids, self.peer.ids)
        self.peer.company_ids = [Command.link(other.id)]
        self.assertEqual(set(profiles.search([]).ids), {self.peer.id, self.seller.id})

    def test_administrators_read_everybody(self):
        admin = administrator(self.env, "sales_team.group_sale_salesman")
        self.env.cr.flush()
        profiles = self.env["cqrs.user.profile"].with_user(admin)
        people = self.head | self.manager | self.seller | self.peer | admin
        self.assertLessEqual(set(people.ids), set(profiles.search([]).ids))

    def test_nobody_else_reads_or_writes_them(self):
        outsider = new_test_user(self.env, login="cqrs_outsider")
        for model in (
            "cqrs.opportunity.view",
            "cqrs.user.profile",
            "cqrs.user.access",
            "cqrs.dashboard.metrics",
        ):
            with self.subTest(model):
                theirs = self.env[model].with_user(outsider)
                self.assertFalse(theirs.has_access("read"))
                mine = self.env[model].with_user(self.manager)
                for operation in ("write", "create", "unlink"):
                    self.assertFalse(mine.has_access(operation))


@tagged("post_install", "-at_install")
class TestAccessRulesOfManyOwners(TestAccessRules):
    """The same with the condition that is made for who stands above many."""

    def setUp(self):
        super().setUp()
        self.startPatcher(patch.object(thresholds, "INDEXED_OWNERS", -1))
