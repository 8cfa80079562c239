"""A process keeps what it says of people for as long as they are who they were."""

from odoo import Command
from odoo.tests import tagged

from ..models.access.answer_context import AnswerContext
from ..models.maintenance.replay import replay
from ..models.maintenance.shadow import as_of
from ..models.projections.user_access import ACCESS
from ..models.support.answer_context import begin_reading, reading_anew
from .common import SalesOrganisation, other_company


@tagged("post_install", "-at_install")
class TestPeopleAreKeptBetweenReaders(SalesOrganisation):
    def setUp(self):
        super().setUp()
        self.deal = self.opportunity(self.seller)
        # What another test has spoiled is not this one's.
        ACCESS.change(self.env.cr)

    def item(self):
        dashboard = self.dashboard(self.manager)
        [item] = dashboard["opportunities"]["items"]
        return item

    def said(self):
        """Return the names that a manager is given, each where it is."""
        salesperson = self.item()["salesperson"]
        level = self.env["cqrs.reports"]._read_level(self.manager, self.manager)
        profile = self.env["cqrs.dashboard"]._read_profile(self.manager)["hierarchy"]
        return {
            "salesperson": salesperson["name"],
            "their manager": salesperson["manager"]["name"],
            "the reports": [each["name"] for each in profile["subordinates"]],
            "own manager": profile["manager"]["name"],
            "the tree": [level["parent"]["name"], *(n["name"] for n in level["items"])],
        }

    def spoil(self, user, name):
        """Rename a person as nothing does that says so: who reads again sees it."""
        self.env.cr.execute(
            "UPDATE cqrs_user_profile SET name = %s WHERE id = %s", [name, user.id]
        )

    def version(self):
        self.env.cr.flush()
        return AnswerContext.of(self.env).people_version

    def test_until_somebody_is_another(self):
        said = {
            "salesperson": "Seller",
            "their manager": "Manager",
            "the reports": ["Seller"],
            "own manager": "Head",
            "the tree": ["Manager", "Seller"],
        }
        self.assertEqual(self.said(), said)
        for user in (self.seller, self.manager, self.head):
            self.spoil(user, "Spoiled")
        self.assertEqual(self.said(), said)
        self.seller.name = "Sally"
        self.assertEqual(
            self.said(),
            {
                "salesperson": "Sally",
                "their manager": "Spoiled",
                "the reports": ["Sally"],
                "own manager": "Spoiled",
                "the tree": ["Spoiled", "Sally"],
            },
        )

    def test_not_beyond_a_repair(self):
        self.spoil(self.seller, "Spoiled")
        self.assertEqual(self.said()["salesperson"], "Spoiled")
        replay(self.env, ["cqrs.user.profile"])
        self.assertEqual(self.said()["salesperson"], "Seller")

    def test_who_may_no_longer_see_it(self):
        both = [self.manager.id, self.seller.id]
        self.assertEqual(
            self.item()["visible_to_user_ids"], sorted([self.head.id, *both])
        )
        self.head.active = False
        self.assertEqual(self.item()["visible_to_user_ids"], sorted(both))
        other = other_company(self.env)
        self.head.active = True
        self.assertIn(self.head.id, self.item()["visible_to_user_ids"])
        self.head.write(
            {"company_ids": [Command.set(other.ids)], "company_id": other.id}
        )
        self.assertEqual(self.item()["visible_to_user_ids"], sorted(both))

    def test_in_each_company_its_own_manager(self):
        other = other_company(self.env)
        (self.seller | self.manager | self.peer).company_ids = [Command.link(other.id)]
        boss = self.employee("boss", None, self.peer, other)
        self.employee("again", boss, self.seller, other)
        self.opportunity(self.seller, 1, company_id=other.id)
        self.deal.company_id = self.env.company
        items = self.dashboard(self.seller)["opportunities"]["items"]
        self.assertEqual(
            [each["salesperson"]["manager"]["name"] for each in items],
            ["Manager", "Peer"],
        )

    def test_of_nobodys_and_of_a_stranger(self):
        self.deal.user_id = False
        self.manager.group_ids = [
            Command.link(self.env.ref("sales_team.group_sale_salesman_all_leads").id)
        ]
        items = self.dashboard(self.manager)["opportunities"]["items"]
        [item] = [each for each in items if each["odoo_id"] == self.deal.id]
        self.assertIsNone(item["salesperson"])
        self.assertEqual(item["visible_to_user_ids"], [])

    def test_what_was_rolled_back_is_not_taken_for_what_came_after(self):
        with self.env.cr.savepoint() as savepoint:
            self.seller.name = "Never"
            self.assertEqual(self.said()["salesperson"], "Never")
            savepoint.rollback()
        self.env.invalidate_all(flush=False)
        # The version is that of the change which never was.
        self.seller.name = "Sally"
        self.assertEqual(self.said()["salesperson"], "Sally")

    def test_a_name_ends_no_sums(self):
        def visibility():
            self.env.cr.flush()
            access = self.env["cqrs.access"]
            return access._visibility_version(access._viewers(self.manager))

        before, version = visibility(), self.version()
        self.peer.name = "Pete"
        self.assertEqual(visibility(), before)
        self.assertNotEqual(self.version(), version)
        self.seller_employee.parent_id = self.other_manager_employee
        self.assertNotEqual(visibility(), before)

    def test_who_looks_is_kept_with_what_they_may(self):
        def sees_all():
            self.env.cr.flush()
            viewers = self.env["cqrs.access"]._viewers(self.seller)
            return [viewer.sees_all for viewer in viewers]

        self.assertEqual(sees_all(), [False])
        # As nothing does that says so: who reads it again sees it.
        self.env.cr.execute(
            "UPDATE cqrs_user_profile SET sees_all = true WHERE id = %s",
            [self.seller.id],
        )
        self.assertEqual(sees_all(), [False])
        self.peer.email = "peer@example.com"
        self.assertEqual(sees_all(), [True])
        self.seller.active = False
        self.assertEqual(sees_all(), [])

    def test_what_nobody_is_told_ends_nothing(self):
        version, events = self.version(), len(self.events(self.seller))
        self.seller.signature = "Yours"
        self.assertEqual(len(self.events(self.seller)), events)
        self.assertEqual(self.version(), version)
        self.seller.email = "sally@example.com"
        self.assertNotEqual(self.version(), version)

    def test_who_joins_a_group_may_be_among_who_sees_an_opportunity(self):
        for change in (
            lambda: self.seller.write(
                {"group_ids": [Command.link(self.env.ref("base.group_no_one").id)]}
            ),
            lambda: self.env["res.groups"].create({"name": "cqrs new"}),
        ):
            version = self.version()
            change()
            self.assertNotEqual(self.version(), version)

    def test_the_version_outlives_the_cleaning_up(self):
        self.seller.email = "sally@example.com"
        self.manager.email = "manager@example.com"
        version = self.version()
        profiles = self.env["cqrs.user.profile"]
        profiles._gc_tokens()
        self.env.cr.execute("SELECT count(*) FROM cqrs_people")
        self.assertEqual(self.env.cr.fetchone(), (1,))
        self.assertEqual(self.version(), version)
        self.env.cr.execute("DELETE FROM cqrs_people")
        profiles._gc_tokens()
        self.env.cr.execute("SELECT count(*) FROM cqrs_people")
        self.assertEqual(self.env.cr.fetchone(), (0,))

    def test_the_past_is_neither_kept_nor_given(self):
        position = self.env["cqrs.event"]._latest_position()
        self.seller.name = "Sally"
        self.assertEqual(self.said()["salesperson"], "Sally")
        self.end_epoch()
        with as_of(self.env, position):
            self.assertEqual(self.said()["salesperson"], "Seller")
        self.assertEqual(self.said()["salesperson"], "Sally")

    def test_a_past_is_asked_anew_where_nothing_is_written(self):
        position = self.env["cqrs.event"]._latest_position()
        self.seller.name = "Sally"
        self.end_epoch()
        with reading_anew(self.env):
            begin_reading(self.env)
            self.assertEqual(self.said()["salesperson"], "Sally")
            with as_of(self.env, position):
                self.assertEqual(self.said()["salesperson"], "Seller")
            self.assertEqual(self.said()["salesperson"], "Sally")

    def test_a_name_is_not_taken_for_what_stands_for_an_owner(self):
        mark = f"salesperson {self.seller.id} {self.env.company.id}"
        for name in (mark, f'" {mark}"', f"{'0' * 32} {mark}"):
            self.deal.name = name
            self.assertEqual(self.item()["name"], name)
