"""Contacts: which are on record, when they join, and what a write of them costs."""

from odoo import Command
from odoo.tests import tagged

from ..models.event_store.capture import PENDING
from ..models.event_store.erasure import erase
from ..models.maintenance.verify import verify
from .common import RealCursors, SalesOrganisation


class Contacts(SalesOrganisation):
    def contact(self, name="Person", **values):
        return self.env["res.partner"].create({"name": name, **values})

    def types(self, record):
        return [type_ for __, type_, *__ in self.events(record)]

    def last(self, record):
        return self.events(record)[-1][1:]

    def sql(self, query, *params):
        self.env.flush_all()
        self.env.cr.execute(query, params)
        self.env.invalidate_all()

    def made_long_ago(self, contact):
        self.sql(
            "UPDATE res_partner SET create_date = '2020-01-01' WHERE id = %s",
            contact.id,
        )

    def is_marked(self, record):
        """Return whether this transaction has marked a record."""
        self.env.flush_all()
        pending = self.env.cr.precommit.data.get(PENDING)
        return bool(pending) and record.id in pending.marks[record._name].all_ids

    def is_sound(self):
        self.env.cr.flush()
        self.assertEqual(verify(self.env), [])


@tagged("post_install", "-at_install")
class TestWhichContactsAreOnRecord(Contacts):
    def test_companies_and_contacts_of_somebody(self):
        company = self.contact("Company", is_company=True)
        for contact, types in (
            (company, ["AccountCreated"]),
            (self.contact(user_id=self.seller.id), ["ContactCreated"]),
            (self.contact(parent_id=company.id), ["ContactCreated"]),
            (self.contact(), []),
            (self.contact(parent_id=company.id, type="delivery"), []),
        ):
            with self.subTest(types=types, type=contact.type):
                self.assertEqual(self.types(contact), types)
        self.is_sound()

    def test_a_contact_with_others_below_it(self):
        head = self.contact("Head")
        self.assertEqual(self.types(head), [])
        self.contact("Below", parent_id=head.id)
        self.assertEqual(self.types(head), ["ContactCreated"])

    def test_the_contact_of_an_opportunity(self):
        person = self.contact()
        deal = self.opportunity(self.seller, partner_id=person.id)
        [(version, type_, before, after)] = self.events(person)
        self.assertEqual((version, type_, before), (1, "ContactCreated", None))
        self.assertEqual(after["name"], "Person")
        with self.subTest("stays on record without it"):
            deal.unlink()
            person.phone = "+1 555 0100"
            self.assertEqual(
                self.last(person),
                ("ContactUpdated", {"phone": None}, {"phone": "+1 555 0100"}),
            )
        self.is_sound()

    def test_a_contact_that_was_there_joins_by_a_baseline(self):
        person = self.contact()
        self.made_long_ago(person)
        self.opportunity(self.seller, partner_id=person.id)
        event = self.env["cqrs.event"].search(
            [("stream_model", "=", "res.partner"), ("stream_id", "=", person.id)]
        )
        self.assertEqual(event.type, "ContactCreated")
        self.assertEqual(event.origin, "migration")
        self.assertFalse(event.user_id, "nobody has created it just now")
        self.is_sound()

    def test_a_contact_that_was_there_gets_a_salesperson(self):
        person = self.contact()
        self.made_long_ago(person)
        person.user_id = self.seller
        self.assertEqual(self.types(person), ["ContactJoined"])

    def test_the_build_finds_contacts_of_opportunities_on_record(self):
        """As in a database that is updated: the opportunities have their events."""
        person, stranger = self.contact(), self.contact()
        self.opportunity(self.seller, partner_id=person.id)
        self.env.cr.execute(
            "DELETE FROM cqrs_stream WHERE stream_model = 'res.partner'"
            " AND stream_id = %s",
            [person.id],
        )
        missing = self.env["cqrs.event"]._missing("res.partner")
        self.assertIn(person.id, missing)
        self.assertNotIn(stranger.id, missing)

    def test_a_row_that_is_not_on_record_is_no_difference(self):
        person = self.contact()
        difference = self.env["cqrs.event"]._difference("res.partner")
        self.env.cr.flush()
        differing = self.env.execute_query(difference.differing())
        self.assertNotIn(person.id, [id_ for id_, __ in differing])
        company = self.contact("Company", is_company=True)
        self.assertEqual(
            self.env["cqrs.event"]._of_interest("res.partner", [person.id, company.id]),
            company.ids,
        )
        self.sql("UPDATE res_partner SET phone = '1' WHERE id = %s", person.id)
        self.env["cqrs.event"]._look("res.partner")
        self.assertEqual(self.types(person), [])
        self.sql("UPDATE res_partner SET is_company = true WHERE id = %s", person.id)
        self.env["cqrs.event"]._look("res.partner")
        self.assertEqual(self.types(person), ["AccountCreated"])


@tagged("post_install", "-at_install")
class TestChangesOfContacts(Contacts):
    def setUp(self):
        super().setUp()
        self.company = self.contact("Company", is_company=True)
        self.person = self.contact("Person", parent_id=self.company.id)
        self.env.cr.flush()

    def test_each_change_has_its_word(self):
        for type_, values in (
            ("AccountRenamed", {"name": "Other Name"}),
            ("AccountReassigned", {"user_id": self.seller.id}),
            ("AccountArchived", {"active": False}),
            ("AccountRestored", {"active": True}),
            ("AccountUpdated", {"category_id": [Command.create({"name": "Good"})]}),
        ):
            with self.subTest(type_):
                if "active" in values:
                    self.person.active = values["active"]
                self.company.write(values)
                self.assertEqual(self.types(self.company)[-1], type_)
        self.assertEqual(
            self.last(self.company)[2], {"category_id": self.company.category_id.ids}
        )

    def test_another_company(self):
        other = self.contact("Other", is_company=True)
        self.person.parent_id = other
        type_, __, after = self.last(self.person)
        self.assertEqual(type_, "ContactMoved")
        self.assertEqual(after["parent_id"], other.id)
        self.assertEqual(after["commercial_partner_id"], other.id)

    def test_a_renamed_company_changes_the_full_names_of_its_contacts(self):
        self.company.name = "New Name"
        self.assertEqual(
            self.last(self.person)[1:],
            (
                {"complete_name": "Company, Person"},
                {"complete_name": "New Name, Person"},
            ),
        )

    def test_a_write_of_another_field_is_not_marked(self):
        self.person.write({"comment": "Nothing of this is on record."})
        self.assertFalse(self.is_marked(self.person))
        self.person.write({"phone": "1"})
        self.assertTrue(self.is_marked(self.person))
        deal = self.opportunity(self.seller)
        deal.write({"message_bounce": 3})
        self.assertFalse(self.is_marked(deal))
        deal.write({"name": "Deal 2"})
        self.assertTrue(self.is_marked(deal))

    def test_a_field_that_is_recomputed_from_one_that_is_not_captured(self):
        """The full name follows ``company_name``, which no event has."""
        self.env.cr.flush()
        self.person.parent_id = False
        self.env.cr.flush()
        self.person.write({"company_name": "Former Employer"})
        self.assertEqual(
            self.last(self.person)[2], {"complete_name": "Former Employer, Person"}
        )

    def test_a_merge(self):
        other = self.contact("Other", is_company=True)
        deal = self.opportunity(self.seller, partner_id=other.id)
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge([self.company.id, other.id], self.company)
        self.env.cr.flush()
        event = self.env["cqrs.event"].search(
            [("stream_model", "=", "res.partner"), ("type", "=", "AccountMerged")]
        )
        self.assertEqual(event.stream_id, self.company.id)
        self.assertEqual(event.details, {"merged_from": [other.id]})
        self.assertEqual(self.types(other)[-1], "AccountDeleted")
        self.assertEqual(self.events(deal)[-1][3]["partner_id"], self.company.id)
        self.is_sound()

    def test_a_merge_of_contacts_that_are_not_on_record(self):
        kept, gone = self.contact("Kept"), self.contact("Gone")
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge([kept.id, gone.id], kept)
        self.assertEqual(self.types(kept) + self.types(gone), [])

    def test_personal_values_leave_the_contacts_own_stream(self):
        self.person.write({"phone": "+1 555 0199", "ref": "Secret 77123"})
        self.env.cr.flush()
        self.person.write({"name": "x", "phone": False, "ref": False})
        erase(self.env, {"res.partner": self.person.ids}, "asked")
        self.env.cr.execute(
            "SELECT count(*) FROM cqrs_event WHERE cqrs_event::text ~ %s",
            ["Secret 77123|555 0199"],
        )
        self.assertEqual(self.env.cr.fetchone(), (0,))
        self.is_sound()


@tagged("post_install", "-at_install")
class TestTwoOpportunitiesOfOneContact(RealCursors):
    """Nobody waits for, or fails by, another who lets the same contact join."""

    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            self.person_id = env["res.partner"].create({"name": "cqrs person"}).id
        self.addCleanup(self.remove)

    def remove(self):
        with self.transaction() as env:
            env["crm.lead"].search([("partner_id", "=", self.person_id)]).unlink()
            env["res.partner"].browse(self.person_id).unlink()

    def deal(self, env):
        env["crm.lead"].create({"name": "cqrs deal", "partner_id": self.person_id})
        env.cr.flush()

    def versions(self):
        with self.registry.cursor() as cr:
            cr.execute(
                "SELECT array_agg(version ORDER BY version) FROM cqrs_event"
                " WHERE stream_model = 'res.partner' AND stream_id = %s",
                [self.person_id],
            )
            return cr.fetchone()[0]

    def test_another_is_about_to_let_it_join(self):
        with self.registry.cursor() as first, self.registry.cursor() as second:
            self.deal(self.environment(first))
            second.execute("SET LOCAL lock_timeout = '1s'")
            self.deal(self.environment(second))
            second.commit()
            first.commit()
        self.assertEqual(self.versions(), [1])

    def test_the_other_gives_up(self):
        with self.registry.cursor() as first, self.registry.cursor() as second:
            self.deal(self.environment(first))
            self.deal(self.environment(second))
            second.commit()
            first.rollback()
        self.assertIsNone(self.versions())
        with self.transaction() as env:
            env["cqrs.event"]._reconcile(["crm.lead"])
        self.assertEqual(self.versions(), [1])

    def test_another_has_let_it_join_since_our_snapshot(self):
        with self.registry.cursor() as first, self.registry.cursor() as second:
            second.execute("SELECT 1 FROM res_partner LIMIT 1")
            self.deal(self.environment(first))
            first.commit()
            self.deal(self.environment(second))
            second.commit()
        self.assertEqual(self.versions(), [1])
