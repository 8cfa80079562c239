"""Bodies of messages, and the schemas of the contract that describe them."""

import json
from decimal import Decimal

import jsonschema_rs

from odoo.tests import HttpCase, tagged

from ..controllers.contract.document import specification
from ..controllers.contract.event_fields import FIELDS_OF
from ..models.api.cloudevents import cloud_event
from ..models.event_store.erasure import erase
from ..models.event_store.event_type import event_types
from ..models.event_store.personal import ERASED
from ..models.event_store.reader import Filters, read_page
from ..models.event_store.source import DECLARED
from ..models.feed.feed import EVENT, REMOVED, RESYNC, Message
from ..models.feed.kinds import MODELS
from ..models.webhooks.body import TEST, body
from ..models.webhooks.event_types import known_types
from .common import SalesOrganisation

CURSOR = "czEuNTAw.5f2a"
SOURCE = "urn:uuid:6b2a0b1e-7c5a-4e64-9d2f-0f9f4b7a9d11"
LEAD = DECLARED["crm.lead"]["crm_cqrs"]
CONTACT = DECLARED["res.partner"]["crm_cqrs"]


def message(event, kind=EVENT):
    return Message(kind, event, event.event_id)


@tagged("post_install", "-at_install")
class TestWebhookBodies(SalesOrganisation, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lives = {"crm.lead": cls._lives(), "res.partner": cls._lives_of_contacts()}
        cls.end_epoch(cls)
        cls.events_of = {}
        for model, ids in lives.items():
            for id_ in ids:
                of_record = Filters(stream_model=model, stream_id=id_)
                for event in read_page(cls.env, None, 1000, of_record).events:
                    cls.events_of.setdefault(event.type, []).append(event)
        cls.document = json.loads(json.dumps(specification(), default=float))

    @classmethod
    def _lives(cls) -> list[int]:
        """Have leads and opportunities live through each type of event."""
        ids = []
        for type_ in ("lead", "opportunity"):

            def new(type_=type_, **values):
                lead = cls.opportunity(cls.seller, type=type_, **values)
                ids.append(lead.id)
                return lead

            def change(lead, **values):
                lead.write(values)
                cls.env.cr.flush()

            tag = cls.env["crm.tag"].create({"name": f"Tag of {type_}"})
            lead = new(revenue=Decimal("0.1"), tag_ids=tag.ids, description="<p>a</p>")
            change(lead, email_from="a@example.com", date_deadline="2026-12-31")
            change(lead, name="Another")
            change(lead, user_id=cls.peer.id)
            change(lead, stage_id=cls.env["crm.stage"].create({"name": "Mid"}).id)
            change(lead, active=False, probability=50)
            change(lead, active=True)
            lead.action_set_lost()
            cls.env.cr.flush()
            lead.action_unarchive()
            change(lead, probability=10)
            change(lead, stage_id=cls.stage_won.id)
            change(lead, stage_id=cls.stage_new.id)
            other = "opportunity" if type_ == "lead" else "lead"
            change(lead, type=other)
            pair = new(phone="+32 2 111") | new(partner_name="Partner")
            head = pair.merge_opportunity()
            cls.env.cr.flush()
            head.unlink()
            cls.env.cr.flush()
        erase(cls.env, {"crm.lead": [ids[0]]}, "test")
        return ids

    @classmethod
    def _lives_of_contacts(cls) -> list[int]:
        """Have persons and companies live through each type of event."""
        ids = []
        for is_company in (False, True):

            def new(is_company=is_company, **values):
                contact = cls.env["res.partner"].create(
                    {"name": "Customer", "is_company": is_company, **values}
                )
                cls.env.cr.flush()
                ids.append(contact.id)
                return contact

            contact = new(user_id=cls.seller.id)
            for values in (
                {"name": "Renamed"},
                {"city": "Elsewhere"},
                {"user_id": cls.peer.id},
                {"parent_id": new(is_company=True).id},
                {"active": False},
                {"active": True},
            ):
                contact.write(values)
                cls.env.cr.flush()
            pair = contact | new(user_id=cls.seller.id)
            merger = cls.env["base.partner.merge.automatic.wizard"].create({})
            merger._merge(pair.ids, contact)
            cls.env.cr.flush()
            new(user_id=cls.seller.id).unlink()
            cls.env.cr.flush()
        # There before, and of interest only once it has a salesperson.
        contact = new(is_company=False)
        cls.env.cr.execute(
            "UPDATE res_partner SET create_date = create_date - interval '1 day'"
            " WHERE id = %s",
            [contact.id],
        )
        contact.invalidate_recordset()
        contact.user_id = cls.seller
        cls.env.cr.flush()
        return ids

    def assert_described(self, name: str, told: dict):
        described = self.document["webhooks"][name]["post"]["requestBody"]
        [media_type] = described["content"].values()
        schema = {**media_type["schema"], "components": self.document["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(told)

    def test_each_type_is_described(self):
        types = {*event_types(LEAD), *event_types(CONTACT), ERASED}
        # A company is on record from its beginning, unless it was there before.
        self.assertEqual(set(self.events_of), types - {"AccountJoined"})
        known = known_types({name: DECLARED[name]["crm_cqrs"] for name in MODELS})
        notices = {REMOVED, RESYNC, TEST}
        self.assertEqual(set(self.document["webhooks"]), {*known} | notices)
        for name, events in self.events_of.items():
            for event in events:
                for payload in ("thin", "full"):
                    with self.subTest(name, payload=payload):
                        text = body(message(event), payload, SOURCE, CURSOR)
                        told = json.loads(text)
                        self.assertEqual(told["type"], f"crm_cqrs.{name}")
                        self.assert_described(name, told)

    def test_a_schema_describes_no_other_type(self):
        event = self.events_of["OpportunityWon"][0]
        told = json.loads(body(message(event), "full", SOURCE, CURSOR))
        self.assert_described("OpportunityWon", told)
        for change in (
            {"cursor": 7},
            {"type": "crm_cqrs.OpportunityLost"},
            {"subject": 7},
            {"data": {"version": 1, "before": {}, "after": {}}},
            {"data": {**told["data"], "after": {"stage_id": "4"}}},
            {"data": {**told["data"], "after": {"won_status": "maybe"}}},
        ):
            with self.assertRaises(jsonschema_rs.ValidationError):
                self.assert_described("OpportunityWon", told | change)
        with self.assertRaises(jsonschema_rs.ValidationError):
            self.assert_described("OpportunityWon", {**told, "id": None})

    def test_each_field_is_described(self):
        for model, fields in FIELDS_OF.items():
            declared = DECLARED[model]["crm_cqrs"]
            self.assertEqual(set(fields), set(declared.paths), model)
        self.assertEqual(set(FIELDS_OF), set(MODELS))

    def test_a_full_body_is_the_event_of_the_api(self):
        for events in self.events_of.values():
            told = json.loads(
                body(message(events[0]), "full", SOURCE, CURSOR), parse_float=Decimal
            )
            whole = cloud_event(events[0], SOURCE, cursor=CURSOR)
            self.assertEqual(told.pop("time"), whole.pop("time").isoformat())
            self.assertEqual(told, whole)

    def test_amounts_are_exact(self):
        created = self.events_of["OpportunityCreated"][0]
        text = body(message(created), "full", SOURCE).decode()
        self.assertRegex(text, r'"expected_revenue": 0\.10?[,}]')

    def test_a_thin_body_has_no_values(self):
        for events in self.events_of.values():
            for event in events:
                told = json.loads(body(message(event), "thin", SOURCE))
                changed = {*(event.before or ()), *(event.after or ())}
                self.assertEqual(
                    told["data"],
                    {"version": event.version, "changed": sorted(changed)},
                )
                self.assertEqual(told["subject"], "{}/{}".format(*event.record))
                self.assertEqual(told["id"], event.event_id)

    def test_removed_has_ids_alone(self):
        event = self.events_of["OpportunityReassigned"][0]
        for payload in ("thin", "full"):
            told = json.loads(body(message(event, REMOVED), payload, SOURCE, CURSOR))
            self.assertEqual(
                told,
                {
                    "specversion": "1.0",
                    "id": event.event_id,
                    "source": SOURCE,
                    "type": "crm_cqrs.removed",
                    "subject": f"crm.lead/{event.stream_id}",
                    "cursor": CURSOR,
                },
            )
            self.assert_described("removed", told)

    def test_notices_of_no_event(self):
        for kind, cursor in ((RESYNC, CURSOR), (TEST, None)):
            text = body(Message(kind, None, "some-id"), "full", SOURCE, cursor)
            told = json.loads(text)
            self.assertEqual(
                told,
                {
                    "specversion": "1.0",
                    "id": "some-id",
                    "source": SOURCE,
                    "type": f"crm_cqrs.{kind}",
                    **({"cursor": cursor} if cursor else {}),
                },
            )
            with self.subTest(kind):
                self.assert_described(kind, {**told, "id": told["id"]})

    def test_the_contract_has_them(self):
        document = self.url_open("/api/v2/openapi.json").json()
        self.assertEqual(set(document["webhooks"]), set(self.document["webhooks"]))
        parameters = document["webhooks"]["OpportunityWon"]["post"]["parameters"]
        self.assertEqual(
            [each["name"] for each in parameters],
            ["webhook-id", "webhook-timestamp", "webhook-signature"],
        )
