from dataclasses import asdict

from odoo import Command
from odoo.tests import Form, tagged

from ..models.access.options import OPTIONS
from .common import SalesOrganisation, other_company
from .plain_rules import PlainRules


@tagged("post_install", "-at_install")
class TestAccessOptions(SalesOrganisation):
    """The options of the settings: off by default, and what each shows when on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.team = cls.env["crm.team"].create({"name": "cqrs team"})
        cls.deal = cls.opportunity(cls.seller, team_id=cls.team.id)

    def option(self, name, on=True):
        self.env["ir.config_parameter"].set_param(OPTIONS[name], on)

    def sees(self, user, deal=None):
        """Return whether a user sees a deal: the same for a page, and for the sums."""
        visible = self.visible(user)
        page = self.env["cqrs.opportunities"]._read_page(user, limit=1000)
        self.assertEqual(set(page.ids), visible)
        metrics = self.env["cqrs.metrics"]._read(user)
        self.assertEqual(metrics["opportunities"]["total"], len(visible))
        return (deal or self.deal).id in visible

    def test_the_settings_are_off_at_first_and_store_what_is_set(self):
        self.assertEqual(
            asdict(self.env["cqrs.access"]._options()), dict.fromkeys(OPTIONS, False)
        )
        for option in OPTIONS:
            with self.subTest(option):
                name = f"cqrs_{option}"
                settings = self.env["res.config.settings"].create({})
                self.assertIs(settings[name], False)
                settings[name] = True
                settings.execute()
                self.assertIs(getattr(self.env["cqrs.access"]._options(), option), True)
                settings = self.env["res.config.settings"].create({})
                self.assertIs(settings[name], True)
                settings[name] = False
                settings.execute()
                self.assertIs(
                    getattr(self.env["cqrs.access"]._options(), option), False
                )

    def test_the_settings_page_shows_them(self):
        form = Form(self.env["res.config.settings"])
        for option in OPTIONS:
            self.assertIn(f"cqrs_{option}", form._view["fields"])

    # Of a company

    def test_a_company_sets_an_option_otherwise(self):
        """For its own rows, whatever it is for the others."""
        other = other_company(self.env)
        self.peer.company_ids = [Command.link(other.id)]
        here = self.opportunity(None, company_id=self.env.company.id)
        there = self.opportunity(None, company_id=other.id)
        nowhere = self.opportunity(None, company_id=False)
        for is_on, setting, seen in (
            (False, "on", {there}),
            (True, "off", {here, nowhere}),
            (True, False, {here, there, nowhere}),
            (False, False, set()),
        ):
            self.option("unassigned", is_on)
            self.env["res.config.settings"].with_company(other).create(
                {"cqrs_company_unassigned": setting}
            ).execute()
            found = {
                deal for deal in (here, there, nowhere) if self.sees(self.peer, deal)
            }
            with self.subTest(is_on=is_on, setting=setting):
                self.assertEqual(found, seen)
                rules = PlainRules(self.env)
                self.assertEqual(
                    {lead.id for lead in rules.seen(self.peer)}, self.visible(self.peer)
                )

    def test_each_option_of_a_company(self):
        other = other_company(self.env)
        for option in OPTIONS:
            other[f"cqrs_{option}"] = "on"
            options = self.env["cqrs.access"]._options()
            with self.subTest(option):
                self.assertEqual(getattr(options, option), (False, (other.id,)))
                other[f"cqrs_{option}"] = False
                options = self.env["cqrs.access"]._options()
                self.assertIs(getattr(options, option), False)

    # Team leaders

    def test_a_team_leader_sees_the_team_if_the_option_is_on(self):
        self.team.user_id = self.peer
        self.assertFalse(self.sees(self.peer))
        self.option("team_leaders")
        self.assertTrue(self.sees(self.peer))
        self.assertFalse(self.sees(self.other_manager))
        other_team = self.env["crm.team"].create({"name": "cqrs other team"})
        deal = self.opportunity(self.seller, team_id=other_team.id)
        self.assertFalse(self.sees(self.peer, deal))
        self.option("team_leaders", False)
        self.assertFalse(self.sees(self.peer))

    def test_a_leader_sees_what_the_team_has_at_present(self):
        self.option("team_leaders")
        self.team.user_id = self.peer
        self.assertTrue(self.sees(self.peer))
        self.team.user_id = self.other_manager
        self.assertFalse(self.sees(self.peer))
        self.assertTrue(self.sees(self.other_manager))
        self.deal.team_id = False
        self.assertFalse(self.sees(self.other_manager))

    def test_a_leader_of_another_company_sees_nothing(self):
        self.option("team_leaders")
        other = other_company(self.env)
        self.team.write({"company_id": False, "user_id": self.peer.id})
        deal = self.opportunity(None, team_id=self.team.id, company_id=other.id)
        self.assertEqual((deal.team_id, deal.company_id), (self.team, other))
        self.assertFalse(self.sees(self.peer, deal))
        self.peer.company_ids = [Command.link(other.id)]
        self.assertTrue(self.sees(self.peer, deal))

    def test_who_leads_no_team_is_asked_about_owners_alone(self):
        # A page of theirs goes by the index on the owner still.
        self.option("team_leaders")
        access = self.env["cqrs.access"]
        self.team.user_id = self.peer
        self.env.cr.flush()
        for user, tells in ((self.peer, False), (self.seller, True)):
            owners = access._visible_owners(access._viewers(user))
            self.assertIs(owners is not None, tells)

    def test_an_archived_leader_sees_nothing(self):
        self.option("team_leaders")
        self.team.user_id = self.peer
        self.peer.active = False
        self.assertFalse(self.sees(self.peer))

    # Unassigned

    def test_salespeople_see_unassigned_ones_if_the_option_is_on(self):
        deal = self.opportunity(None)
        self.assertFalse(self.sees(self.peer, deal))
        self.option("unassigned")
        self.assertTrue(self.sees(self.peer, deal))
        self.assertFalse(self.sees(self.peer))
        self.option("unassigned", False)
        self.assertFalse(self.sees(self.peer, deal))

    def test_who_is_no_salesperson_sees_no_unassigned_one(self):
        self.option("unassigned")
        deal = self.opportunity(None)
        self.peer.group_ids = [Command.set(self.env.ref("base.group_user").ids)]
        self.assertFalse(self.sees(self.peer, deal))

    def test_an_unassigned_one_of_another_company(self):
        self.option("unassigned")
        other = other_company(self.env)
        deal = self.opportunity(None, company_id=other.id)
        self.assertFalse(self.sees(self.peer, deal))

    # Department managers

    def departments(self):
        """Return a department of the seller's, and the one that it is part of."""
        departments = self.env["hr.department"]
        above = departments.create(
            {"name": "cqrs above", "manager_id": self.other_manager_employee.id}
        )
        own = departments.create(
            {
                "name": "cqrs own",
                "manager_id": self.peer_employee.id,
                "parent_id": above.id,
            }
        )
        # The manager by hierarchy stays, whatever Odoo makes of the department's.
        self.seller_employee.write(
            {"department_id": own.id, "parent_id": self.manager_employee.id}
        )
        return own, above

    def test_department_managers_see_theirs_if_the_option_is_on(self):
        own, __ = self.departments()
        managers = self.peer | self.other_manager
        self.assertFalse(any(map(self.sees, managers)))
        self.option("department_managers")
        self.assertTrue(all(map(self.sees, managers)))
        own.parent_id = False
        self.assertEqual(list(map(self.sees, managers)), [True, False])
        self.option("department_managers", False)
        self.assertFalse(any(map(self.sees, managers)))

    def test_an_archived_department_manager_sees_nothing_more(self):
        self.departments()
        self.option("department_managers")
        self.assertTrue(self.sees(self.peer))
        self.peer_employee.active = False
        self.assertFalse(self.sees(self.peer))
        self.assertTrue(self.sees(self.other_manager))

    def test_department_managers_of_one_without_a_company(self):
        self.departments()
        self.deal.company_id = False
        self.assertFalse(self.sees(self.peer))
        self.option("department_managers")
        self.assertTrue(self.sees(self.peer))

    def test_department_managers_are_not_among_those_above(self):
        self.departments()
        self.option("department_managers")
        above = self.seller | self.manager | self.head
        self.assertEqual(self.visible_to(self.deal), sorted(above.ids))

    def test_a_department_above_changes_its_manager(self):
        __, above = self.departments()
        self.option("department_managers")
        self.assertTrue(self.sees(self.other_manager))
        above.manager_id = False
        self.assertFalse(self.sees(self.other_manager))

    def test_the_manager_of_a_department_changes_the_user(self):
        self.departments()
        self.option("department_managers")
        self.assertTrue(self.sees(self.peer))
        self.peer_employee.user_id = False
        self.assertFalse(self.sees(self.peer))
        self.peer_employee.user_id = self.peer
        self.assertTrue(self.sees(self.peer))

    def department_rows(self, owner):
        """Return ``{viewer: (depth, paths)}`` of an owner, through departments."""
        self.env.cr.flush()
        rows = self.env["cqrs.user.access"].search(
            [("owner_id", "=", owner.id), ("via", "=", "department")]
        )
        return {row.viewer_id: (row.depth, row.paths) for row in rows}

    def test_who_manages_a_department_and_the_one_above(self):
        own, above = self.departments()
        self.assertEqual(
            self.department_rows(self.seller),
            {self.peer: (1, 1), self.other_manager: (2, 1)},
        )
        above.manager_id = self.peer_employee
        self.assertEqual(self.department_rows(self.seller), {self.peer: (1, 2)})
        # Not above themselves.
        self.peer_employee.department_id = own
        self.assertEqual(self.department_rows(self.peer), {})

    def test_who_stands_above_in_both_ways_and_then_in_one(self):
        self.departments()
        self.assertFalse(self.sees(self.peer))
        self.seller_employee.parent_id = self.peer_employee
        self.assertTrue(self.sees(self.peer))
        self.seller_employee.parent_id = self.manager_employee
        self.assertFalse(self.sees(self.peer))
        self.assertEqual(self.department_rows(self.seller)[self.peer], (1, 1))

    def test_a_cycle_of_departments_is_cut(self):
        own, above = self.departments()
        self.option("department_managers")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE hr_department SET parent_id = %s WHERE id = %s", [own.id, above.id]
        )
        self.env["cqrs.event"]._record({"hr.department": None}, origin="reconcile")
        self.assertTrue(self.sees(self.peer))
        self.assertTrue(self.sees(self.other_manager))
        self.assertEqual(
            self.department_rows(self.seller),
            {self.peer: (1, 1), self.other_manager: (2, 1)},
        )
        # Who manages one department of a cycle is above each of the others.
        self.other_manager_employee.department_id = above
        deal = self.opportunity(self.other_manager)
        self.assertTrue(self.sees(self.peer, deal))

    def test_a_department_manager_of_another_company(self):
        self.departments()
        self.option("department_managers")
        other = other_company(self.env)
        self.seller.company_ids = [Command.link(other.id)]
        deal = self.opportunity(self.seller, company_id=other.id)
        self.assertFalse(self.sees(self.peer, deal))
        self.peer.company_ids = [Command.link(other.id)]
        # The seller is nobody's employee in that company.
        self.assertFalse(self.sees(self.peer, deal))
