import hashlib
from dataclasses import replace
from unittest.mock import patch

from odoo.tests import BaseCase, tagged
from odoo.tools import SQL

from ..models.api.cloudevents import cloud_event
from ..models.event_store.past_state import changes_between, state_at
from ..models.event_store.personal import undeclared_personal
from ..models.event_store.reader import Filters, read_page
from ..models.event_store.source import Source
from ..models.maintenance.replay import replay
from ..models.maintenance.verify import verify
from .common import SalesOrganisation
from .old_events import write_in_format_1
from .test_update_of_an_older_version import migrate

CONTACT = {"contact_name": "Zoé Planted", "email_from": "zoe@planted.example"}


@tagged("post_install", "-at_install")
class TestPersonalParts(SalesOrganisation):
    def setUp(self):
        super().setUp()
        self.lead = self.opportunity(self.seller, **CONTACT)

    def stored(self, record=None):
        """Return the columns of each event of a record as they are stored."""
        record = record or self.lead
        self.env.cr.flush()
        return self.env.execute_query_dict(
            SQL(
                "SELECT version, type, before, after, personal, hash_format,"
                " personal::text AS text, encode(commitment, 'hex') AS commitment"
                " FROM cqrs_event WHERE stream_model = %s AND stream_id = %s"
                " ORDER BY version",
                record._name,
                record.id,
            )
        )

    def test_personal_values_are_apart_from_the_others(self):
        [created] = self.stored()
        self.assertEqual(created["hash_format"], 2)
        self.assertEqual(created["after"]["expected_revenue"], 100_000)
        self.assertIsNone(created["before"])
        self.assertEqual(created["after"].keys() & {"name", *CONTACT}, set())
        personal = created["personal"]
        self.assertEqual(personal.keys(), {"salt", "before", "after"})
        self.assertIsNone(personal["before"])
        self.assertEqual(personal["after"], {"name": "Deal", **CONTACT})
        self.assertEqual(
            created["commitment"], hashlib.sha256(created["text"].encode()).hexdigest()
        )

    def test_an_event_that_touches_nothing_personal_stores_nothing_more(self):
        self.lead.expected_revenue = 2
        changed = self.stored()[-1]
        self.assertIsNone(changed["personal"])
        self.assertIsNone(changed["commitment"])
        self.assertEqual(changed["after"], {"expected_revenue": 2})

    def test_a_change_of_both_kinds(self):
        self.lead.write({"phone": "+33 1", "referred": "Planted", "priority": "2"})
        changed = self.stored()[-1]
        self.assertEqual(changed["before"], {"priority": "0"})
        self.assertEqual(changed["after"], {"priority": "2"})
        self.assertEqual(
            changed["personal"]["before"], {"phone": None, "referred": None}
        )
        self.assertEqual(
            changed["personal"]["after"], {"phone": "+33 1", "referred": "Planted"}
        )

    def test_a_personal_field_names_the_event_all_the_same(self):
        self.seller.partner_id.name = "Renamed"
        renamed = self.stored(self.seller)[-1]
        self.assertEqual(renamed["type"], "UserRenamed")
        self.assertEqual((renamed["before"], renamed["after"]), ({}, {}))
        self.assertEqual(renamed["personal"]["after"], {"partner_id.name": "Renamed"})

    def test_a_deletion(self):
        lead = self.lead
        self.lead.unlink()
        deleted = self.stored(lead)[-1]
        self.assertIsNone(deleted["after"])
        self.assertIsNone(deleted["personal"]["after"])
        self.assertEqual(deleted["personal"]["before"], {"name": "Deal", **CONTACT})
        self.assertEqual(deleted["before"].keys() & {"name", *CONTACT}, set())

    def test_equal_values_have_different_commitments(self):
        leads = self.env["crm.lead"].create([{"name": "Same"}] * 3)
        stored = [self.stored(lead)[0] for lead in leads]
        self.assertEqual(len({each["personal"]["salt"] for each in stored}), 3)
        self.assertEqual(len({each["commitment"] for each in stored}), 3)

    def test_every_reader_gives_the_whole(self):
        self.lead.write({"phone": "+33 1", "priority": "2"})
        self.end_epoch()
        whole = {"phone": "+33 1", "priority": "2"}
        event = self.env["cqrs.event"].search(
            [("stream_model", "=", "crm.lead"), ("stream_id", "=", self.lead.id)],
            limit=1,
        )
        self.assertEqual(event.after, whole)
        self.assertEqual(event.before, {"phone": None, "priority": "0"})
        self.assertFalse(event.is_erased)
        self.assertEqual(
            {change["path"] for change in event.changes}, {"phone", "priority"}
        )
        [created, changed] = read_page(
            self.env,
            filters=Filters(stream_model="crm.lead", stream_id=self.lead.id),
        ).events
        self.assertEqual(created.after["contact_name"], CONTACT["contact_name"])
        self.assertEqual(changed.after, whole)
        self.assertEqual(cloud_event(changed, "urn:x")["data"]["after"], whole)
        self.assertNotIn("erased", cloud_event(changed, "urn:x"))
        then = state_at(self.env, "crm.lead", self.lead.id, version=1)
        self.assertEqual(then["email_from"], CONTACT["email_from"])
        self.assertEqual(
            changes_between(self.env, "crm.lead", self.lead.id, 1, 2)["phone"],
            (None, "+33 1"),
        )

    def test_replay_and_verify(self):
        self.lead.write({"phone": "+33 1", "priority": "2"})
        self.lead.flush_recordset()
        self.env.cr.flush()
        self.lead.write({"phone": False, "contact_name": "Other"})
        self.seller.partner_id.email = "other@planted.example"
        self.opportunity(self.seller, **CONTACT).unlink()
        self.env.cr.flush()
        self.assertEqual({each.drift for each in replay(self.env)}, {0})
        self.assertEqual(verify(self.env), [])

    def with_source(self, **changes):
        """Record under another declaration from here on."""
        watches = self.env["cqrs.event"]._watches()
        watch = watches["crm.lead"]
        source = replace(watch.source, **changes)
        changed = replace(watch, source=source, difference=None, shorter={})
        self.enterContext(patch.dict(watches, {"crm.lead": changed}))

    def test_a_field_that_is_personal_no_longer(self):
        """The fold takes the last value, whichever part it is in."""
        source = self.env["cqrs.event"]._watches()["crm.lead"].source
        self.lead.phone = "+33 1"
        self.env.cr.flush()
        self.with_source(personal=tuple(set(source.personal) - {"phone", "email_from"}))
        self.lead.write({"phone": "+33 2", "email_from": False})
        self.assertEqual(self.stored()[-1]["after"]["phone"], "+33 2")
        self.assertEqual({each.drift for each in replay(self.env)}, {0})

    def test_a_source_without_personal_fields(self):
        stage = self.env["crm.stage"].create({"name": "Plain"})
        self.env.cr.flush()
        stage.name = "Plainer"
        created, renamed = self.stored(stage)
        self.assertIsNone(created["personal"])
        self.assertEqual(renamed["after"], {"name": {"en_US": "Plainer"}})
        self.assertEqual(renamed["hash_format"], 2)

    def test_what_nobody_declared_is_personal_where_it_is_text(self):
        paths = ["name", "color", "description", "partner_id.email", "partner_id.color"]
        self.assertEqual(
            undeclared_personal(self.env["crm.lead"], [*paths, "lead_properties"]),
            ("name", "description", "partner_id.email", "lead_properties"),
        )

    def test_older_events_stay_as_they_are_beside_new_ones(self):
        self.lead.expected_revenue = 2
        self.env.cr.flush()
        write_in_format_1(self.env, self.lead)
        self.lead.phone = "+33 1"
        self.assertEqual([e["hash_format"] for e in self.stored()], [1, 1, 2])
        self.assertEqual(self.stored()[0]["after"]["email_from"], CONTACT["email_from"])
        self.assertEqual({each.drift for each in replay(self.env)}, {0})
        self.assertEqual(verify(self.env), [])

    def test_an_update_adds_the_columns_and_writes_no_event(self):
        before = self.rows()
        migrate(self.env.cr, "19.0.1.3.0", "pre-personal-parts")
        self.assertEqual(self.rows(), before)
        self.env.cr.execute(
            "DROP TABLE cqrs_event CASCADE;"
            "CREATE TABLE cqrs_event (position bigint, hash_format smallint);"
            "INSERT INTO cqrs_event VALUES (1, 1)"
        )
        before = self.rows()
        for __ in range(2):
            migrate(self.env.cr, "19.0.1.3.0", "pre-personal-parts")
        self.assertEqual(self.rows(), before)
        self.env.cr.execute("SELECT personal, commitment FROM cqrs_event")
        self.assertEqual(self.env.cr.fetchall(), [(None, None)])

    def rows(self):
        """Return where each event lies on disk."""
        return self.env.execute_query(
            SQL(
                "SELECT pg_relation_filenode('cqrs_event'), ctid::text, xmin::text"
                " FROM cqrs_event ORDER BY position"
            )
        )


class TestAPersonalNoun(BaseCase):
    def test_a_field_that_names_the_events_cannot_be_personal(self):
        with self.assertRaisesRegex(ValueError, "kind names the events"):
            Source("x.y", "Y", fields=("kind",), personal=("kind",), noun_field="kind")
