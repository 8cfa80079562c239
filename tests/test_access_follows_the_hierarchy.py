from odoo import Command
from odoo.tests import new_test_user, tagged

from .common import SalesOrganisation, other_company


@tagged("post_install", "-at_install")
class TestAccessFollowsTheHierarchy(SalesOrganisation):
    def setUp(self):
        super().setUp()
        self.deal = self.opportunity(self.seller)

    def assertSeenBy(self, deal, *users):
        everyone = self.env["res.users"].union(
            self.head, self.manager, self.seller, self.other_manager, self.peer, *users
        )
        self.assertEqual(
            everyone.filtered(lambda user: deal.id in self.visible(user)),
            self.env["res.users"].union(*users),
        )
        self.assertEqual(self.visible_to(deal), sorted(user.id for user in users))

    def rows(self, owner):
        """Return ``{viewer: (depth, paths)}`` of an owner, self included."""
        self.env.cr.flush()
        access = self.env["cqrs.user.access"].search([("owner_id", "=", owner.id)])
        return {row.viewer_id: (row.depth, row.paths) for row in access}

    def test_everyone_above_and_nobody_else(self):
        self.assertSeenBy(self.deal, self.seller, self.manager, self.head)
        self.assertEqual(
            self.rows(self.seller),
            {self.seller: (0, 1), self.manager: (1, 1), self.head: (2, 1)},
        )

    def test_without_a_company_everyone_above_in_any(self):
        self.deal.company_id = False
        self.assertSeenBy(self.deal, self.seller, self.manager, self.head)

    def test_a_move_takes_the_subtree_along(self):
        self.manager_employee.parent_id = self.other_manager_employee
        self.assertSeenBy(self.deal, self.seller, self.manager, self.other_manager)

    def test_a_reassignment_writes_no_access_row(self):
        query = "SELECT array_agg((xmin, a) ORDER BY a)::text FROM cqrs_user_access a"
        self.env.cr.execute(query)
        before = self.env.cr.fetchone()
        self.deal.user_id = self.peer
        self.assertSeenBy(self.deal, self.peer, self.other_manager)
        self.env.cr.execute(query)
        self.assertEqual(self.env.cr.fetchone(), before)

    def test_a_move_writes_no_opportunity_row(self):
        query = (
            "SELECT array_agg((ctid, v) ORDER BY v)::text FROM cqrs_opportunity_view v"
        )
        self.env.cr.execute(query)
        before = self.env.cr.fetchone()
        self.seller_employee.parent_id = self.other_manager_employee
        self.assertSeenBy(self.deal, self.seller, self.other_manager)
        self.env.cr.execute(query)
        self.assertEqual(self.env.cr.fetchone(), before)

    def test_a_move_writes_no_access_row_that_stays(self):
        query = (
            "SELECT array_agg((ctid, a) ORDER BY a)::text FROM cqrs_user_access a"
            " WHERE owner_id = %s"
        )
        self.env.cr.execute(query, [self.seller.id])
        before = self.env.cr.fetchone()
        link = self.employee("link", self.manager_employee)
        self.seller_employee.parent_id = link
        self.assertSeenBy(self.deal, self.seller, self.manager, self.head)
        self.env.cr.execute(query, [self.seller.id])
        self.assertEqual(self.env.cr.fetchone(), before)

    def test_an_employee_without_a_user_is_a_link(self):
        link = self.employee("link", self.other_manager_employee)
        self.seller_employee.parent_id = link
        self.assertSeenBy(self.deal, self.seller, self.other_manager)
        self.assertEqual(
            self.rows(self.seller), {self.seller: (0, 1), self.other_manager: (1, 1)}
        )

    def test_a_cycle_is_cut(self):
        self.head_employee.parent_id = self.seller_employee
        self.assertSeenBy(self.deal, self.seller, self.manager, self.head)
        self.assertEqual(
            self.rows(self.seller),
            {self.seller: (0, 1), self.manager: (1, 1), self.head: (2, 1)},
        )
        deal = self.opportunity(self.head)
        self.assertSeenBy(deal, self.seller, self.manager, self.head)
        self.head_employee.parent_id = False
        self.assertSeenBy(deal, self.head)

    def test_a_person_who_is_twice_in_a_chain(self):
        other = other_company(self.env)
        between = self.employee("between", self.head_employee, self.manager, other)
        self.seller_employee.parent_id = between
        self.assertEqual(
            self.rows(self.seller),
            {self.seller: (0, 1), self.manager: (1, 1), self.head: (2, 1)},
        )
        # The shorter way counts, and both do.
        between.parent_id = self.manager_employee
        self.assertEqual(
            self.rows(self.seller),
            {self.seller: (0, 1), self.manager: (1, 2), self.head: (3, 1)},
        )
        self.seller_employee.parent_id = self.manager_employee
        self.assertEqual(
            self.rows(self.seller),
            {self.seller: (0, 1), self.manager: (1, 1), self.head: (2, 1)},
        )

    def test_nobody_stands_above_themselves(self):
        other = other_company(self.env)
        second = self.employee("second", user=self.seller, company=other)
        self.seller_employee.parent_id = second
        self.env.cr.flush()
        access = self.env["cqrs.user.access"]
        row = access.search([("owner_id", "=", self.seller.id)])
        self.assertEqual(
            (row.viewer_id.id, row.company_id.id, row.depth, row.paths),
            (self.seller.id, False, 0, 1),
        )

    def test_a_user_without_an_employee_has_the_own_row(self):
        user, employee = self.person("alone")
        employee.unlink()
        self.assertEqual(self.rows(user), {user: (0, 1)})
        new = new_test_user(self.env, login="cqrs_new")
        self.assertEqual(self.rows(new), {new: (0, 1)})

    def test_a_deleted_employee_is_below_nobody(self):
        self.seller_employee.unlink()
        self.assertSeenBy(self.deal, self.seller)
        self.assertEqual(self.rows(self.seller), {self.seller: (0, 1)})

    def test_a_deleted_manager_takes_nobody_along(self):
        self.manager_employee.user_id = False
        self.manager_employee.unlink()
        self.assertSeenBy(self.deal, self.seller)

    def test_an_archived_manager_is_a_link_and_sees_nothing_more(self):
        self.manager_employee.active = False
        self.assertSeenBy(self.deal, self.seller, self.head)

    def test_a_leavers_deals_stay_with_the_managers(self):
        self.seller_employee.active = False
        self.seller.active = False
        self.assertSeenBy(self.deal, self.manager, self.head)

    def test_an_employee_changes_the_user(self):
        self.seller_employee.user_id = False
        self.assertSeenBy(self.deal, self.seller)
        self.seller_employee.user_id = self.seller
        self.assertSeenBy(self.deal, self.seller, self.manager, self.head)

    def test_a_company_keeps_to_itself(self):
        other = other_company(self.env)
        both = [Command.set((self.env.company | other).ids)]
        (self.seller | self.manager | self.head).company_ids = both
        deal = self.opportunity(self.seller, company_id=other.id)
        self.assertEqual(deal.company_id, other)
        # Nobody stands above the seller among the employees of that company …
        self.assertSeenBy(deal, self.seller)
        boss = self.employee("boss", user=self.manager, company=other)
        sub = self.employee("sub", boss, self.seller, company=other)
        # … now the manager does, in that company.
        self.assertSeenBy(deal, self.seller, self.manager)
        sub.parent_id = False
        self.assertSeenBy(deal, self.seller)
        sub.parent_id = boss
        self.assertSeenBy(deal, self.seller, self.manager)
        self.manager.company_ids = [Command.unlink(other.id)]
        self.assertSeenBy(deal, self.seller)

    def test_all_documents_are_those_of_the_own_companies(self):
        everything = self.env.ref("sales_team.group_sale_salesman_all_leads")
        self.peer.group_ids = [Command.link(everything.id)]
        other = other_company(self.env)
        self.seller.company_ids = [Command.link(other.id)]
        deal = self.opportunity(self.seller, company_id=other.id)
        self.assertIn(self.deal.id, self.visible(self.peer))
        self.assertNotIn(deal.id, self.visible(self.peer))
        self.peer.company_ids = [Command.link(other.id)]
        self.assertIn(deal.id, self.visible(self.peer))

    def test_an_unassigned_opportunity_is_in_nobodys_view(self):
        deal = self.opportunity(None)
        self.assertFalse(deal.user_id)
        self.assertSeenBy(deal)

    def hierarchy_version(self):
        self.env.cr.flush()
        self.env.cr.execute("SELECT sum(token) FROM cqrs_access_version")
        return self.env.cr.fetchone()

    def test_what_says_nothing_of_the_hierarchy_does_not_touch_it(self):
        before = self.hierarchy_version()
        self.seller_employee.name = "Renamed"
        self.assertEqual(self.hierarchy_version(), before)
        self.seller_employee.parent_id = False
        self.assertNotEqual(self.hierarchy_version(), before)

    def test_a_user_who_becomes_a_portal_user_has_no_row(self):
        self.seller_employee.unlink()
        self.seller.group_ids = [Command.set(self.env.ref("base.group_portal").ids)]
        self.assertEqual(self.rows(self.seller), {})

    def test_a_portal_user_sees_nothing(self):
        # Nor does one wait, or fail, for somebody else's change of the hierarchy.
        before = self.hierarchy_version()
        portal = self.env["res.users"].create(
            {
                "name": "Portal",
                "login": "cqrs_portal",
                "group_ids": [Command.set(self.env.ref("base.group_portal").ids)],
            }
        )
        self.assertEqual(self.rows(portal), {})
        self.assertEqual(self.hierarchy_version(), before)
        self.assertEqual(self.visible(portal), set())
