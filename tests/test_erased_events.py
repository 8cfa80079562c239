from decimal import Decimal

from psycopg2.errors import RestrictViolation, SerializationFailure

from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..models.api.cloudevents import cloud_event
from ..models.event_store.erasure import erase
from ..models.event_store.past_state import state_at
from ..models.event_store.reader import Filters, Place, read_page
from ..models.maintenance.replay import replay
from ..models.maintenance.verify import verify
from .common import RealCursors, SalesOrganisation, without_triggers
from .old_events import write_in_format_1

PLANTED = "Planted"
REASON = "Request 17"


class ErasedLead(SalesOrganisation):
    def setUp(self):
        super().setUp()
        self.lead = self.opportunity(
            self.seller, name="Planted deal", contact_name="Planted Zoé"
        )
        self.lead.write({"phone": "Planted 1", "expected_revenue": 2})
        self.env.cr.flush()
        self.lead.expected_revenue = 3
        self.env.cr.flush()

    def erase(self, *leads):
        leads = leads or (self.lead,)
        return erase(self.env, {"crm.lead": [lead.id for lead in leads]}, REASON)

    def stored(self, column="*", record=None):
        record = record or self.lead
        return self.env.execute_query_dict(
            SQL(
                "SELECT %s FROM cqrs_event WHERE stream_model = %s AND stream_id = %s"
                " ORDER BY version",
                SQL(column),
                record._name,
                record.id,
            )
        )

    def planted_in(self, table):
        return self.env.execute_query(
            SQL(
                "SELECT t::text FROM %s t WHERE t::text LIKE %s",
                SQL.identifier(table),
                f"%{PLANTED}%",
            )
        )

    def empty(self):
        self.lead.write({"name": "Gone", "contact_name": False, "phone": False})

    def assert_whole(self):
        replayed = replay(self.env, repair=False)
        self.assertEqual({each.drift for each in replayed}, {0})
        self.assertEqual(verify(self.env), [])

    def found(self):
        return [(each.kind, each.version) for each in verify(self.env)]

    def tamper(self, version, change):
        with without_triggers(self.env.cr):
            self.env.cr.execute(
                f"UPDATE cqrs_event SET {change} WHERE stream_model = 'crm.lead'"
                " AND stream_id = %s AND version = %s",
                [self.lead.id, version],
            )


@tagged("post_install", "-at_install")
class TestErasedEvents(ErasedLead):
    def test_a_deleted_lead_leaves_nothing_personal_in_the_log(self):
        self.assertNotEqual(self.planted_in("cqrs_event"), [])
        self.lead.unlink()
        # The creation, the change of the phone, the deletion.
        self.assertEqual(self.erase(), 3)
        for table in ("cqrs_event", "cqrs_stream", "cqrs_opportunity_view"):
            self.assertEqual(self.planted_in(table), [])
        erased = self.stored()[-1]
        self.assertEqual(erased["type"], "PersonalDataErased")
        self.assertEqual(erased["details"], {"reason": REASON, "events": 3})
        self.assertEqual((erased["before"], erased["after"]), ({}, None))
        self.assertIsNone(erased["personal"])
        self.assertEqual(erased["user_id"], self.env.uid)
        self.assert_whole()

    def test_an_emptied_lead_keeps_what_it_has(self):
        self.empty()
        self.assertEqual(self.erase(), 3)
        for table in ("cqrs_event", "cqrs_stream", "cqrs_opportunity_view"):
            self.assertEqual(self.planted_in(table), [])
        erased = self.stored()[-1]
        self.assertEqual(erased["personal"]["after"], {"name": "Gone"})
        state = state_at(self.env, "crm.lead", self.lead.id)
        self.assertEqual((state["name"], state["expected_revenue"]), ("Gone", 3))
        self.assert_whole()
        self.lead.write({"phone": "+33 2"})
        self.env.cr.flush()
        self.assertEqual(self.stored()[-1]["type"], "OpportunityUpdated")
        self.assert_whole()

    def test_values_that_a_record_still_has_stay_with_it(self):
        self.erase()
        self.assertEqual(self.stored()[-1]["personal"]["after"]["name"], "Planted deal")
        self.assertEqual(
            [bool(each["personal"]) for each in self.stored()],
            [False, False, False, True],
        )
        self.assert_whole()

    def test_nothing_else_is_touched(self):
        other = self.opportunity(self.seller, name="Planted other")
        place = (
            "SELECT ctid::text, xmin::text FROM cqrs_event WHERE NOT"
            " (stream_model = 'crm.lead' AND stream_id = %s) ORDER BY position"
        )
        others = self.env.execute_query(SQL(place, self.lead.id))
        kept = [{**each, "personal": None} for each in self.stored()]
        self.erase()
        self.assertEqual(self.env.execute_query(SQL(place, self.lead.id)), others)
        self.assertEqual(
            [{**each, "personal": None} for each in self.stored()[:-1]], kept
        )
        self.assertEqual(other.name, "Planted other")

    def test_a_second_erasure_finds_nothing(self):
        self.lead.unlink()
        self.erase()
        events = len(self.stored())
        self.assertEqual(self.erase(), 0)
        self.assertEqual(erase(self.env, {"crm.lead": [], "no.model": [1]}, REASON), 0)
        self.assertEqual(len(self.stored()), events)

    def test_many_streams_at_once(self):
        leads = self.env["crm.lead"].create([{"name": "Planted"} for __ in range(50)])
        self.seller.partner_id.name = "Planted seller"
        self.env.cr.flush()
        erased = erase(
            self.env,
            {"crm.lead": leads.ids, "res.users": self.seller.ids},
            REASON,
        )
        self.assertEqual(erased, 52)
        [last] = self.stored(record=self.seller)[-1:]
        self.assertEqual(last["personal"]["after"]["partner_id.name"], "Planted seller")
        self.assert_whole()

    def test_events_in_an_archive_table(self):
        log = self.env["cqrs.event"]
        table, room = log._archive_with_room(None)
        log._move_to_archive(table, Place(10**8, 0, 0), room)
        self.assertNotEqual(self.planted_in(table), [])
        self.empty()
        self.assertEqual(self.erase(), 3)
        self.assertEqual(self.planted_in("cqrs_event"), [])
        self.assert_whole()

    def test_readers_say_that_values_were_erased(self):
        self.lead.flush_recordset()
        self.erase()
        self.end_epoch()
        events = self.env["cqrs.event"].search(
            [("stream_model", "=", "crm.lead"), ("stream_id", "=", self.lead.id)],
            order="version",
        )
        self.assertEqual(events.mapped("is_erased"), [True, True, False, False])
        self.assertEqual(events[1].after, {"expected_revenue": 2})
        self.assertEqual(
            [
                [change["path"] for change in event.changes or ()]
                for event in events[1:]
            ],
            [["expected_revenue"], ["expected_revenue"], []],
        )
        read = read_page(
            self.env,
            filters=Filters(stream_model="crm.lead", stream_id=self.lead.id),
        ).events
        api = [cloud_event(event, "urn:x") for event in read]
        self.assertEqual([each.get("erased") for each in api], [True, True, None, None])
        self.assertEqual(api[1]["data"]["after"], {"expected_revenue": Decimal(2)})
        self.assertEqual(api[3]["type"], "crm_cqrs.PersonalDataErased")
        then = state_at(self.env, "crm.lead", self.lead.id, version=2)
        self.assertEqual(then["expected_revenue"], 2)
        self.assertNotIn("phone", then)

    def test_the_history_says_it(self):
        self.lead.contact_name = "Planted only"
        self.env.cr.flush()
        self.erase()
        reader = self.env["cqrs.history"].with_user(self.seller)
        entries = reader.read_page("crm.lead", self.lead.id)["entries"]
        self.assertEqual(
            [(entry["sentences"], entry["reasons"]) for entry in entries],
            [
                (["Personal data erased"], [f"Reason: {REASON}"]),
                (["Edited"], ["Personal data of this change was erased."]),
                (["Value from $\xa02.00 to $\xa03.00"], []),
                (
                    ["Value from $\xa0100,000.00 to $\xa02.00"],
                    ["Personal data of this change was erased."],
                ),
                (
                    ["Created as an opportunity"],
                    ["Personal data of this change was erased."],
                ),
            ],
        )
        self.assertEqual(entries[0]["changes"], [])


@tagged("post_install", "-at_install")
class TestErasedEventsOfAnOlderVersion(ErasedLead):
    """Events of format 1: their hash covers the personal values themselves."""

    def setUp(self):
        super().setUp()
        write_in_format_1(self.env, self.lead)
        self.assertEqual(verify(self.env), [])

    def test_only_personal_fields_leave_them(self):
        hashes = [each["hash"] for each in self.stored()]
        self.empty()
        self.assertEqual(self.erase(), 3)
        self.assertEqual(self.planted_in("cqrs_event"), [])
        events = self.stored()
        self.assertEqual([each["hash"] for each in events][:3], hashes)
        self.assertEqual(events[1]["before"], {"expected_revenue": 100_000})
        self.assertEqual(events[1]["after"], {"expected_revenue": 2})
        remains = events[-1]["details"]["remains"]
        self.assertEqual(remains.keys(), {events[0]["event_id"], events[1]["event_id"]})
        self.assert_whole()
        self.assertEqual(
            self.env["cqrs.event"]
            .search(
                [("stream_model", "=", "crm.lead"), ("stream_id", "=", self.lead.id)],
                order="version",
            )
            .mapped("is_erased"),
            [True, True, False, True, False],
        )

    def test_a_loss_that_no_event_names_is_found(self):
        self.tamper(2, "before = before - 'phone', after = after - 'phone'")
        self.assertIn(("broken_chain", 2), self.found())

    def test_a_change_of_what_remains_is_found(self):
        self.erase()
        self.tamper(2, """after = '{"expected_revenue": 9}'""")
        self.assertEqual(self.found(), [("broken_chain", 2)])

    def test_a_value_that_comes_back_is_found(self):
        self.erase()
        self.tamper(2, """after = after || '{"phone": "Forged"}'""")
        self.assertIn(("broken_chain", 2), self.found())

    def test_they_have_no_part_of_their_own(self):
        self.tamper(3, """personal = '{"after": {"phone": "Forged"}}'""")
        self.assertIn(("broken_chain", 3), self.found())

    def test_a_second_erasure_names_them_again_if_more_is_personal(self):
        self.erase()
        self.erase()
        self.assert_whole()


@tagged("post_install", "-at_install")
class TestWhatTheDatabasePermits(ErasedLead):
    def update(self, change, version=2):
        self.env.cr.execute(
            f"UPDATE cqrs_event SET {change} WHERE stream_model = 'crm.lead'"
            " AND stream_id = %s AND version = %s",
            [self.lead.id, version],
        )

    def assert_refused(self, change, version=2):
        with (
            self.subTest(change),
            mute_logger("odoo.sql_db"),
            self.assertRaises(RestrictViolation),
            self.env.cr.savepoint(),
        ):
            self.update(change, version)

    def test_an_event_loses_its_personal_part_and_nothing_else(self):
        for change in (
            "personal = personal",
            "personal = personal || '{}'",
            "personal = personal - 'salt'",
            "personal = '{}'",
            "personal = NULL, commitment = NULL",
            "personal = NULL, type = 'X'",
            "personal = NULL, after = after - 'expected_revenue'",
            "personal = NULL, hash_format = 1",
            # Equal by value, and another hash.
            """personal = NULL, after = '{"expected_revenue": 2.0}'""",
            "after = after - 'expected_revenue'",
        ):
            self.assert_refused(change)
        # An event that has no personal part has nothing to lose.
        self.assert_refused("personal = NULL", version=3)
        self.update("personal = NULL")
        self.assert_refused("personal = NULL")

    def test_an_event_of_format_1_loses_the_fields_that_the_transaction_names(self):
        write_in_format_1(self.env, self.lead)
        self.assert_refused("before = before - 'phone', after = after - 'phone'")
        self.env.cr.execute("SET LOCAL crm_cqrs.erasing = '{phone}'")
        for change in (
            "before = before - 'phone'",
            "before = before - 'phone', after = '{}'",
            "before = before - 'phone', after = after - 'phone' || '{\"phone\": 1}'",
            "before = '{\"expected_revenue\": 100000}', after = after - 'phone'",
            "before = before - 'phone', after = after - 'phone', type = 'X'",
        ):
            self.assert_refused(change)
        self.update("before = before - 'phone', after = after - 'phone'")

    def test_events_of_now_lose_no_field_whatever_the_transaction_names(self):
        self.env.cr.execute("SET LOCAL crm_cqrs.erasing = '{expected_revenue}'")
        self.assert_refused("personal = NULL, after = after - 'expected_revenue'")

    def test_the_permission_ends_with_the_erasure(self):
        write_in_format_1(self.env, self.lead)
        self.erase()
        self.env.cr.execute("SHOW crm_cqrs.erasing")
        self.assertEqual(self.env.cr.fetchone(), ("",))

    def test_a_loss_that_no_event_names_is_found(self):
        self.update("personal = NULL")
        found = self.found()
        self.assertIn(("broken_chain", 2), found)
        self.erase()
        self.lead.phone = "Planted 2"
        self.env.cr.flush()
        self.update("personal = NULL", version=5)
        self.assertIn(("broken_chain", 5), self.found())

    def test_a_personal_value_that_was_altered_is_found(self):
        self.tamper(2, 'personal = personal || \'{"salt": "forged"}\'')
        self.assertEqual(self.found(), [("broken_chain", 2)])

    def test_a_commitment_that_was_altered_is_found(self):
        self.tamper(2, "commitment = sha256('forged')")
        self.assertEqual(self.found(), [("broken_chain", 2)])
        self.tamper(2, "personal = NULL, commitment = NULL")
        self.assertIn(("broken_chain", 2), self.found())


@tagged("post_install", "-at_install")
class TestErasureBesideWriters(RealCursors):
    @mute_logger("odoo.sql_db")
    def test_a_write_that_committed_meanwhile_makes_it_run_again(self):
        with self.transaction() as env:
            lead_id = env["crm.lead"].create({"name": "cqrs erased"}).id
        self.addCleanup(self.remove, lead_id)
        with self.registry.cursor() as cr:
            env = self.environment(cr)
            cr.execute("SELECT 1")  # takes the snapshot
            with self.transaction() as other:
                other["crm.lead"].browse(lead_id).phone = "Planted"
            with self.assertRaises(SerializationFailure):
                erase(env, {"crm.lead": [lead_id]}, REASON)
            cr.rollback()
            self.assertEqual(erase(env, {"crm.lead": [lead_id]}, REASON), 2)

    def remove(self, lead_id):
        with self.transaction() as env:
            env["crm.lead"].browse(lead_id).unlink()
