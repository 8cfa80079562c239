from contextlib import suppress

from odoo.tests import tagged

from .common import SalesOrganisation


@tagged("post_install", "-at_install")
class TestAccessReadsOwnWrites(SalesOrganisation):
    """Who writes and then reads a projection through the ORM sees the write.

    Nothing here flushes, except for what ``setUp`` made.
    """

    def setUp(self):
        super().setUp()
        self.deal = self.opportunity(self.seller)
        self.views = self.env["cqrs.opportunity.view"]

    def test_a_search(self):
        self.deal.expected_revenue = 5
        domain = [("id", "=", self.deal.id), ("value", "=", 5)]
        self.assertEqual(self.views.search(domain).id, self.deal.id)
        self.assertEqual(self.views.search_count(domain), 1)

    def test_a_group(self):
        self.deal.expected_revenue = 5
        [(user, value)] = self.views._read_group(
            [("id", "=", self.deal.id)], ["user_id"], ["value:sum"]
        )
        self.assertEqual((user, value), (self.seller, 5))

    def test_a_record_that_was_read_before(self):
        view = self.views.browse(self.deal.id)
        self.assertEqual(view.value, 100_000)
        self.deal.expected_revenue = 5
        self.assertEqual(view.value, 5)
        self.deal.expected_revenue = 6
        self.assertEqual(view.read(["value"])[0]["value"], 6)

    def test_a_new_record_and_a_deleted_one(self):
        deal = self.env["crm.lead"].create({"name": "New", "type": "opportunity"})
        view = self.views.browse(deal.id)
        self.assertTrue(view.exists())
        self.assertEqual(view.name, "New")
        deal.unlink()
        self.assertFalse(view.exists())

    def test_an_opportunity_that_becomes_a_lead_and_one_again(self):
        view = self.views.browse(self.deal.id)
        self.assertTrue(view.exists())
        self.deal.type = "lead"
        self.assertFalse(view.exists())
        self.deal.type = "opportunity"
        self.assertTrue(view.exists())

    def test_what_is_recomputed_elsewhere(self):
        partner = self.env["res.partner"].create({"name": "Before"})
        self.deal.partner_id = partner
        view = self.views.browse(self.deal.id)
        self.assertEqual(view.partner_name, "Before")
        partner.name = "After"
        self.assertEqual(view.partner_name, "After")

    def test_a_reorganisation(self):
        access = self.env["cqrs.user.access"]
        domain = [("viewer_id", "=", self.peer.id), ("depth", ">", 0)]
        self.assertFalse(access.search(domain))
        self.seller_employee.parent_id = self.peer_employee
        self.assertEqual(access.search(domain).owner_id, self.seller)

    def test_whether_one_at_hand_may_be_seen(self):
        for model, record, condition in (
            ("cqrs.opportunity.view", self.deal, "is_visible"),
            ("cqrs.user.profile", self.seller, "is_in_team"),
        ):
            with self.subTest(model):
                at_hand = self.env[model].with_user(self.peer).browse(record.id)
                for answer in (
                    lambda at_hand=at_hand: at_hand.has_access("read"),
                    lambda at_hand=at_hand, name=condition: at_hand[name],
                ):
                    self.seller_employee.parent_id = False
                    self.assertFalse(answer())
                    self.seller_employee.parent_id = self.peer_employee
                    self.assertTrue(answer())
                self.seller_employee.parent_id = False
                self.assertFalse(at_hand.has_access("read"))

    def test_writes_before_and_after_a_read_are_two_events(self):
        self.deal.expected_revenue = 5
        self.assertEqual(self.views.browse(self.deal.id).value, 5)
        self.deal.expected_revenue = 6
        self.assertEqual(
            [after.get("expected_revenue") for *__, after in self.events(self.deal)],
            [100_000, 5, 6],
        )
        self.assertEqual(self.views.browse(self.deal.id).version, 3)

    def test_a_merge_is_recorded_once(self):
        other = self.opportunity(self.seller)
        survivor = (self.deal | other).merge_opportunity()
        self.assertEqual(self.views.browse(survivor.id).version, 2)
        types = [type_ for __, type_, *__ in self.events(survivor)]
        self.assertEqual(types, ["OpportunityCreated", "OpportunityMerged"])

    def test_what_a_savepoint_undoes_after_a_read_is_recorded_still(self):
        self.deal.expected_revenue = 5
        self.env.flush_all()
        # Not assertRaises: Odoo's flushes first.
        with suppress(ZeroDivisionError), self.env.cr.savepoint(flush=False):
            self.assertEqual(self.views.browse(self.deal.id).value, 5)
            raise ZeroDivisionError
        self.assertEqual(
            [after.get("expected_revenue") for *__, after in self.events(self.deal)],
            [100_000, 5],
        )
