from datetime import timedelta, timezone
from decimal import Decimal

from odoo.tests import tagged

from ..models.event_store.reader import Checkpoint, Filters, read_page
from .common import SalesOrganisation


@tagged("post_install", "-at_install")
class TestReaderFilters(SalesOrganisation):
    def setUp(self):
        super().setUp()
        self.env.cr.execute(
            "SELECT max(epoch), pg_current_xact_id()::text FROM cqrs_epoch"
        )
        epoch, txid = self.env.cr.fetchone()
        # Other tests have committed as many events as they wanted.
        self.start = Checkpoint(epoch, int(txid))
        self.env.cr.flush()
        self.lead = self.opportunity(self.seller, revenue=1234567.89)
        self.other = self.opportunity(self.peer)
        self.lead.with_user(self.seller).stage_id = self.stage_won
        self.env.cr.flush()

    def matching(self, limit=1000, **filters):
        return read_page(self.env, self.start, limit, Filters(**filters)).events

    def types(self, **filters):
        return [event.type for event in self.matching(**filters)]

    def stream(self, record):
        return {"stream_model": record._name, "stream_id": record.id}

    def test_a_transaction_is_not_given_its_own_events(self):
        self.assertEqual(self.matching(**self.stream(self.lead)), [])
        self.end_epoch()
        self.assertEqual(
            self.types(**self.stream(self.lead)),
            ["OpportunityCreated", "OpportunityWon"],
        )

    def test_an_event_has_exact_numbers_and_aware_times(self):
        self.end_epoch()
        created, won = self.matching(**self.stream(self.lead))
        self.assertEqual(created.after["expected_revenue"], Decimal("1234567.89"))
        self.assertEqual(str(created.after["expected_revenue"]), "1234567.89")
        self.assertIsNone(created.before)
        self.assertEqual(won.before["stage_id"], self.stage_new.id)
        self.assertEqual(won.after["stage_id"], self.stage_won.id)
        self.assertEqual((created.version, won.version), (1, 2))
        self.assertEqual(won.user_id, self.seller.id)
        self.assertEqual(won.occurred_at.tzinfo, timezone.utc)
        self.env.cr.execute(
            "SELECT now() = %s, txid::text, hash = decode(%s, 'hex')"
            " FROM cqrs_event WHERE position = %s",
            [won.occurred_at, won.hash, won.position],
        )
        self.assertEqual(self.env.cr.fetchone(), (True, str(won.txid), True))

    def test_events_of_a_former_epoch_come_first_whatever_their_ids(self):
        """A dump restored into a younger cluster brings ids of the future."""
        self.env.cr.execute(
            """
            INSERT INTO cqrs_event OVERRIDING SYSTEM VALUE
            SELECT (jsonb_populate_record(event, '{
                "position": 4000000000, "version": 3, "txid": "4000000000000"}')).*
            FROM cqrs_event event
            WHERE stream_model = 'crm.lead' AND stream_id = %s AND version = 2
            """,
            [self.lead.id],
        )
        self.end_epoch()
        self.other.name = "After the restore"
        self.end_epoch()
        events = self.matching(types=("OpportunityWon", "OpportunityUpdated"))
        self.assertEqual(
            [(event.type, event.txid == 4000000000000) for event in events],
            [
                ("OpportunityWon", False),
                ("OpportunityWon", True),
                ("OpportunityUpdated", False),
            ],
        )
        self.assertEqual(events[2].after, {"name": "After the restore"})
        self.assertGreater(events[2].epoch, events[1].epoch)

    def test_filters(self):
        self.end_epoch()
        stream = self.stream(self.lead)
        self.assertEqual(
            self.types(**stream, types=("OpportunityWon",)), ["OpportunityWon"]
        )
        self.assertEqual(
            {e.stream_id for e in self.matching(types=("OpportunityWon", "NoSuch"))}
            & {self.lead.id, self.other.id},
            {self.lead.id},
        )
        self.assertEqual(
            {e.stream_model for e in self.matching(stream_model="crm.stage")},
            {"crm.stage"},
        )
        self.assertEqual(
            [e.type for e in self.matching(user_id=self.seller.id)], ["OpportunityWon"]
        )
        now = self.matching(**stream)[0].occurred_at
        second = timedelta(microseconds=1)
        self.assertEqual(len(self.matching(**stream, since=now)), 2)
        self.assertEqual(self.matching(**stream, since=now + second), [])
        self.assertEqual(self.matching(**stream, until=now), [])
        self.assertEqual(len(self.matching(**stream, until=now + second)), 2)

    def test_pages_follow_each_other(self):
        self.end_epoch()
        types = ("OpportunityCreated", "StageCreated", "UserCreated")
        for filters in ({}, {"types": types}):
            everything = read_page(self.env, None, 100_000, Filters(**filters)).events
            for by_event in (False, True):
                after, pages, is_last = None, [], False
                while not is_last:
                    page = read_page(self.env, after, 7, Filters(**filters))
                    pages += page.events
                    after, is_last = page.checkpoint, page.is_last
                    if by_event and page.events:
                        after = page.checkpoint_at(page.events[-1])
                self.assertEqual(pages, everything)

    def test_a_checkpoint_survives_its_text_and_nothing_else_is_one(self):
        for checkpoint in (
            Checkpoint(2, 4000000000000, ((0, 0), (17, 3), (3999999999999, 0))),
            Checkpoint(1, 3),
        ):
            self.assertEqual(Checkpoint.parse(str(checkpoint)), checkpoint)
        for text in (
            "",
            "17",
            "*",
            "é",
            "MS4yLjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc",
            "MS4y",
            "czEuMTcuMTg",  # an id below 0
            "czEuMTcuMA",  # one that is not below the end
        ):
            with self.subTest(text), self.assertRaises(ValueError):
                Checkpoint.parse(text)
