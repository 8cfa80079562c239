import json
from decimal import Decimal
from pathlib import Path

from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL

from ..models.event_store.chain import COVERED, event_hash
from ..models.event_store.past_state import changes_between, state_at
from ..models.event_store.upcast import UPCASTERS, upcast
from ..models.maintenance.replay import replay
from ..models.maintenance.shadow import as_of
from ..models.maintenance.verify import verify
from .common import schema_raised

OLD_EVENTS = Path(__file__).parent / "fixtures" / "opportunity_events_v1.json"

#: A lead that no database has
RECORD = 2_000_000_001


def revenue_is_expected(payload):
    if "planned_revenue" in payload:
        payload["expected_revenue"] = payload.pop("planned_revenue")
    return payload


def probability_is_a_percentage(payload):
    if payload.get("probability") is not None:
        payload["probability"] *= 100
    return payload


@tagged("post_install", "-at_install")
class TestUpcasters(TransactionCase):
    """Events of version 1 read by a schema of version 3."""

    def setUp(self):
        super().setUp()
        for event in json.loads(OLD_EVENTS.read_text(), parse_float=str):
            self.record(event)

    def record(self, event):
        """Write an old event as its release did."""
        values = {
            "hash_format": SQL("1"),
            "event_id": SQL("gen_random_uuid()"),
            "stream_model": SQL("'crm.lead'::text"),
            "stream_id": SQL("%s", RECORD),
            "version": SQL("%s", event["version"]),
            "type": SQL("%s::text", event["type"]),
            "schema_version": SQL("1"),
            **{name: self.jsonb(event[name]) for name in ("before", "after")},
            "details": SQL("NULL::jsonb"),
            "company_id": SQL("NULL::integer"),
            "user_id": SQL("1"),
            "acting_user_id": SQL("1"),
            "origin": SQL("'orm'::text"),
            "correlation_id": SQL("NULL::text"),
            "module_version": SQL("'18.0.1.0.0'::text"),
        }
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO cqrs_event (
                    %(names)s, occurred_at, txid, epoch, hash)
                SELECT %(names)s, now(), pg_current_xact_id(), 1, %(hash)s
                FROM (SELECT %(values)s) event (%(names)s)
                """,
                names=SQL(", ").join(map(SQL.identifier, values)),
                values=SQL(", ").join(values.values()),
                hash=event_hash(
                    SQL(
                        "(SELECT hash FROM cqrs_event WHERE stream_model = 'crm.lead'"
                        " AND stream_id = %s AND version = %s - 1)",
                        RECORD,
                        event["version"],
                    ),
                    SQL("now()"),
                    {name: SQL.identifier("event", name) for name in COVERED},
                ),
            )
        )

    def jsonb(self, payload):
        """Return the payload with the digits of the fixture."""
        if payload is None:
            return SQL("NULL::jsonb")
        numbers = {"planned_revenue", "probability"}
        text = ", ".join(
            f'"{key}": {value if key in numbers else json.dumps(value)}'
            for key, value in payload.items()
        )
        return SQL("%s::jsonb", "{%s}" % text)

    def schema_3(self):
        return schema_raised(
            self.env, "crm.lead", revenue_is_expected, probability_is_a_percentage
        )

    def state(self, **point):
        return state_at(self.env, "crm.lead", RECORD, **point)

    def test_a_chain_brings_a_payload_to_the_current_version(self):
        with self.schema_3():
            old = {"planned_revenue": Decimal("5.50"), "probability": Decimal("0.5")}
            self.assertEqual(
                upcast("crm.lead", 1, 3, old),
                {"expected_revenue": Decimal("5.50"), "probability": Decimal("50.0")},
            )
            half = {"expected_revenue": 7, "probability": Decimal("0.5")}
            self.assertEqual(
                upcast("crm.lead", 2, 3, half),
                {"expected_revenue": 7, "probability": Decimal("50.0")},
            )
            self.assertEqual(
                upcast("crm.lead", 3, 3, {"probability": 50}), {"probability": 50}
            )
            self.assertIsNone(upcast("crm.lead", 1, 3, None))
        self.assertEqual(UPCASTERS, {})

    def test_without_upcasters_an_event_reads_as_it_stands(self):
        self.assertEqual(
            self.state()["planned_revenue"], Decimal("1234567890123456.78")
        )

    def test_the_state_of_then_in_the_terms_of_today(self):
        with self.schema_3():
            state = self.state()
            self.assertEqual(
                (state["expected_revenue"], state["probability"]),
                (Decimal("1234567890123456.78"), 50),
            )
            self.assertNotIn("planned_revenue", state)
            self.assertNotIn("referred", state)
            self.assertEqual(
                changes_between(self.env, "crm.lead", RECORD, 1, 2),
                {
                    "expected_revenue": (
                        Decimal("1234567890123456.10"),
                        Decimal("1234567890123456.78"),
                    ),
                    "referred": (None, "a friend"),
                },
            )

    def test_a_replay_projects_the_upcast_events(self):
        with self.schema_3():
            replay(self.env)
            self.env.cr.execute(
                "SELECT value::text, probability, version FROM cqrs_opportunity_view"
                " WHERE id = %s",
                [RECORD],
            )
            self.assertEqual(self.env.cr.fetchall(), [("1234567890123456.78", 50.0, 3)])
            self.env.cr.execute(
                "SELECT max(position) - 1 FROM cqrs_event WHERE stream_id = %s",
                [RECORD],
            )
            (second,) = self.env.cr.fetchone()
            with as_of(self.env, second):
                view = self.env["cqrs.opportunity.view"].browse(RECORD)
                self.assertEqual((view.version, view.probability), (2, 25))

    def test_the_log_itself_stays_as_it_was_written(self):
        log = SQL(
            "SELECT before::text, after::text, hash FROM cqrs_event"
            " WHERE stream_id = %s ORDER BY version",
            RECORD,
        )
        before = self.env.execute_query(log)
        with self.schema_3():
            replay(self.env)
            # Once replayed, all agrees but the records, which know no version 3.
            self.assertEqual(
                {each.kind for each in verify(self.env)}, {"unrecorded_change"}
            )
        self.assertEqual(self.env.execute_query(log), before)
