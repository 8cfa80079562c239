from datetime import datetime, timedelta, timezone
from decimal import Decimal

from odoo.tests import tagged

from ..models.event_store.past_state import changes_between, state_at
from .common import SalesOrganisation, without_triggers


@tagged("post_install", "-at_install")
class TestStateAtATime(SalesOrganisation):
    def setUp(self):
        super().setUp()
        self.lead = self.opportunity(self.seller, 1234.5, referred="a friend")
        self.lead.write({"expected_revenue": 0.1, "referred": False})
        self.env.cr.flush()
        self.lead.expected_revenue = 7
        self.env.cr.flush()

    def at(self, **point):
        return state_at(self.env, "crm.lead", self.lead.id, **point)

    def changes(self, start, end):
        return changes_between(self.env, "crm.lead", self.lead.id, start, end)

    def age(self, version, delta):
        """Let an event have occurred earlier (all have one time here); return when."""
        with without_triggers(self.env.cr):
            self.env.cr.execute(
                "UPDATE cqrs_event SET occurred_at = occurred_at - %s"
                " WHERE stream_model = 'crm.lead' AND stream_id = %s AND version = %s"
                " RETURNING occurred_at",
                [delta, self.lead.id, version],
            )
            (time,) = self.env.cr.fetchone()
        return time

    def test_any_version_with_exact_amounts(self):
        self.assertEqual(self.at(version=1)["expected_revenue"], Decimal("1234.5"))
        self.assertEqual(self.at(version=1)["referred"], "a friend")
        amount = self.at(version=2)["expected_revenue"]
        self.assertEqual((type(amount), str(amount)), (Decimal, "0.10"))
        self.assertNotIn("referred", self.at(version=2))
        self.assertEqual(self.at()["expected_revenue"], 7)
        self.assertEqual(self.at(), self.at(version=3))
        self.assertEqual(self.at()["stage_id"], self.stage_new.id)

    def test_nothing_before_the_creation_nor_after_the_deletion(self):
        self.assertIsNone(self.at(version=0))
        self.lead.unlink()
        self.env.cr.flush()
        self.assertIsNone(self.at())
        self.assertEqual(self.at(version=3)["expected_revenue"], 7)
        self.assertEqual(self.changes(3, 4)["name"], ("Deal", None))

    def test_the_difference_between_two_versions(self):
        self.assertEqual(
            self.changes(1, 3),
            {
                "expected_revenue": (Decimal("1234.5"), 7),
                "referred": ("a friend", None),
            },
        )
        self.assertEqual(self.changes(0, 1)["name"], (None, "Deal"))
        self.assertEqual(self.changes(2, 2), {})

    def test_any_time_inclusive(self):
        first = self.age(1, timedelta(days=20))
        second = self.age(2, timedelta(days=10))
        self.assertIsNone(self.at(time=first - timedelta(microseconds=1)))
        just_before = second - timedelta(microseconds=1)
        self.assertEqual(self.at(time=just_before), self.at(version=1))
        self.assertEqual(self.at(time=second), self.at(version=2))
        self.assertEqual(self.changes(just_before, second), self.changes(1, 2))

    def test_what_is_not_a_point(self):
        with self.assertRaises(ValueError):
            self.at(version=1, time=datetime.now(timezone.utc))
        with self.assertRaises(ValueError):
            self.at(time=datetime(2026, 1, 1))
