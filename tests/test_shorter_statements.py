"""Writes of some fields, and deletions, have statements that miss nothing."""

from contextlib import suppress
from itertools import combinations, islice

from odoo import Command
from odoo.tests import tagged

from ..models.event_store.capture import PENDING
from ..models.event_store.watches import SHORTER_UP_TO, UPDATED_UP_TO
from ..models.maintenance.verify import verify
from .common import SalesOrganisation


@tagged("post_install", "-at_install")
class TestShorterStatements(SalesOrganisation):
    def sql(self, query, *params):
        self.env.flush_all()
        self.env.cr.execute(query, params)
        self.env.invalidate_all(flush=False)

    def last(self, lead):
        return self.events(lead)[-1][1:]

    def shorter(self):
        return self.env["cqrs.event"]._watches()["crm.lead"].shorter

    def is_sound(self):
        self.env.cr.flush()
        self.assertEqual(verify(self.env), [])

    def test_a_write_is_compared_in_its_own_fields(self):
        lead = self.opportunity(self.seller, 5)
        self.sql("UPDATE crm_lead SET referred = 'SQL' WHERE id = %s", lead.id)
        lead.expected_revenue = 7
        self.assertEqual(
            self.last(lead),
            ("OpportunityUpdated", {"expected_revenue": 5}, {"expected_revenue": 7}),
        )
        with self.subTest("the reconciler records what SQL has changed"):
            self.env["cqrs.event"]._look("crm.lead")
            self.assertEqual(
                self.last(lead),
                ("OpportunityUpdated", {"referred": None}, {"referred": "SQL"}),
            )
        self.is_sound()

    def test_fields_that_follow_are_compared_with_it(self):
        tag = self.env["crm.tag"].create({"name": "cqrs shorter"})
        customer = self.env["res.partner"].create({"name": "Customer"})
        lead = self.opportunity(self.seller)
        lead.write({"tag_ids": [Command.link(tag.id)], "partner_id": customer.id})
        type_, before, after = self.last(lead)
        self.assertEqual(type_, "OpportunityUpdated")
        self.assertEqual(after["tag_ids"], tag.ids)
        self.assertEqual(after["partner_id"], customer.id)
        self.assertEqual(after["partner_id.complete_name"], "Customer")
        self.assertEqual(before.keys(), after.keys())
        self.assertTrue(self.events(customer), "it joins, being referred to")
        self.is_sound()

    def test_a_write_of_a_record_that_is_not_on_record(self):
        self.env.cr.flush()
        lead = self.env["crm.lead"].create({"name": "Deal", "type": "opportunity"})
        self.env.flush_all()
        # As if SQL had created it.
        self.env.cr.precommit.clear()
        self.assertEqual(self.events(lead), [])
        lead.expected_revenue = 7
        [(version, type_, before, after)] = self.events(lead)
        self.assertEqual((version, type_, before), (1, "OpportunityCreated", None))
        self.assertEqual((after["name"], after["expected_revenue"]), ("Deal", 7))
        self.is_sound()

    def test_a_record_that_sql_deletes_after_a_write(self):
        deals = self.opportunity(self.seller) | self.opportunity(self.seller)
        deals.write({"expected_revenue": 7})
        self.sql("DELETE FROM crm_lead WHERE id = %s", deals[0].id)
        self.assertEqual(self.last(deals[0])[0], "OpportunityDeleted")
        self.assertEqual(self.last(deals[1])[0], "OpportunityUpdated")
        self.assertEqual(self.visible(self.seller), {deals[1].id})
        self.is_sound()

    def test_a_deletion_takes_the_rows_with_it(self):
        deals = self.opportunity(self.seller, 5) | self.opportunity(self.seller, 7)
        state = self.events(deals[0])[-1][3]
        deals[0].unlink()
        self.assertEqual(self.last(deals[0]), ("OpportunityDeleted", state, None))
        self.assertIn(None, self.shorter())
        self.assertEqual(self.visible(self.seller), {deals[1].id})
        self.assertEqual(self.dashboard(self.seller)["metrics"]["pipeline_value"], 7)
        self.is_sound()

    def test_a_deletion_that_is_undone(self):
        lead = self.opportunity(self.seller)
        # Odoo's own assertRaises would drop the marks.
        with suppress(ZeroDivisionError), self.env.cr.savepoint(flush=False):
            lead.unlink()
            raise ZeroDivisionError
        self.env.invalidate_all(flush=False)
        marks = self.env.cr.precommit.data[PENDING].marks["crm.lead"]
        self.assertEqual(marks.deleted, {lead.id})
        self.sql("UPDATE crm_lead SET referred = 'SQL' WHERE id = %s", lead.id)
        self.assertEqual(
            self.last(lead),
            ("OpportunityUpdated", {"referred": None}, {"referred": "SQL"}),
        )
        self.assertEqual(self.visible(self.seller), {lead.id})
        self.is_sound()

    def test_a_write_and_a_deletion_in_one_transaction(self):
        deals = self.opportunity(self.seller, 5) | self.opportunity(self.seller, 6)
        self.sql("UPDATE crm_lead SET referred = 'SQL' WHERE id = %s", deals[0].id)
        deals.write({"expected_revenue": 7})
        deals[1].unlink()
        after = self.last(deals[0])[2]
        self.assertEqual(after, {"expected_revenue": 7, "referred": "SQL"})
        self.assertEqual(self.last(deals[1])[0], "OpportunityDeleted")
        self.is_sound()

    def test_a_process_keeps_some_of_them(self):
        event = self.env["cqrs.event"]
        known = self.shorter()
        names = sorted(event._watches()["crm.lead"].captured - {"type"})
        self.assertIsNone(event._update_of("crm.lead", frozenset({"name", "type"})))
        many = frozenset(names[: UPDATED_UP_TO + 1])
        self.assertIsNone(event._update_of("crm.lead", many))
        for pair in islice(combinations(names, 2), SHORTER_UP_TO + 5):
            event._update_of("crm.lead", frozenset(pair))
        self.assertEqual(len(known), SHORTER_UP_TO)
        lead = self.opportunity(self.seller, 5)
        values = {"referred": "a friend", "street": "1 Road", "zip": "1000"}
        lead.write(values)
        self.assertEqual(self.last(lead)[2], values)
        self.assertEqual(len(known), SHORTER_UP_TO)
