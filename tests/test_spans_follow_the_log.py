"""The past of opportunities: followed, exact at every moment, and what the log says."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone
from unittest.mock import patch

from odoo.modules.registry import Registry
from odoo.tests import BaseCase, TransactionCase, tagged
from odoo.tests.common import get_db_name
from odoo.tools import SQL, mute_logger

from ..models.access.answer_context import AnswerContext
from ..models.maintenance.oracle import drifts
from ..models.maintenance.replay import replay
from ..models.maintenance.shadow import as_of
from ..models.projections import filling
from ..models.projections.failures import broken
from ..models.projections.followed_reading import NotFilled
from .common import RealCursors, SalesOrganisation, seed_of_chance
from .plain_spans import FOREVER, found_spans, plain_spans
from .test_failures_of_read_models import CHECK, LOGGERS, UNCHECK

SEED = seed_of_chance()

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)


def hours(number):
    return BEGIN + timedelta(hours=number)


class SpansOfHistories(SalesOrganisation, TransactionCase):
    """Events of one transaction, dated by hand."""

    def setUp(self):
        super().setUp()
        self.spans = self.env["cqrs.opportunity.span"]
        self.env.cr.flush()
        self.env.cr.execute("ALTER TABLE cqrs_event DISABLE TRIGGER USER")

    def date_events(self, moment):
        """Date what has been recorded since the last time."""
        self.env.cr.flush()
        self.env.cr.execute(
            "UPDATE cqrs_event SET occurred_at = %s WHERE occurred_at = now()",
            [moment],
        )

    def check(self, message=None):
        """Check that readers, the follower, the oracle and a replay agree."""
        self.env.cr.flush()
        expected = plain_spans(self.env)
        relation = self.spans._relation()
        self.assertEqual(found_spans(self.env, relation), expected, message)
        self.spans._follow()
        relation = self.spans._relation()
        self.assertEqual(relation, SQL.identifier("cqrs_opportunity_span"))
        self.assertEqual(found_spans(self.env, relation), expected, message)
        of_spans = [d for d in drifts(self.env) if d.table == "cqrs_opportunity_span"]
        self.assertEqual(of_spans, [], message)
        [found] = replay(self.env, ["cqrs.opportunity.span"], repair=False)
        # The demo data is older than the installation.
        [(earlier,)] = self.env.execute_query(
            SQL("SELECT count(*) FROM cqrs_prehistory")
        )
        rows = earlier + len(expected)
        self.assertEqual((found.rows, found.drift), (rows, 0), message)
        return expected

    def of(self, lead):
        """Return ``(version, since, until, value, user_id)`` of a lead's spans."""
        spans = found_spans(self.env, self.spans._relation(), [lead.id])
        return [
            (row["version"], row["since"], row["until"], row["value"], row["user_id"])
            for __, row in sorted(spans.items())
        ]


@tagged("post_install", "-at_install")
class TestSpansOfALead(SpansOfHistories):
    def test_a_span_lasts_until_something_that_counts_changes(self):
        lead = self.opportunity(self.seller, 100)
        self.date_events(hours(0))
        lead.priority = "2"
        self.date_events(hours(1))
        lead.expected_revenue = 200
        self.date_events(hours(2))
        lead.user_id = self.peer
        self.date_events(hours(3))
        seller, peer = self.seller.id, self.peer.id
        self.assertEqual(
            self.of(lead),
            [
                (1, hours(0), hours(2), 100, seller),
                (3, hours(2), hours(3), 200, seller),
                (4, hours(3), FOREVER, 200, peer),
            ],
        )
        self.check()
        lead.unlink()
        self.date_events(hours(4))
        self.assertEqual(self.of(lead)[-1], (4, hours(3), hours(4), 200, peer))
        self.check()

    def test_a_stretch_goes_on_through_stages_and_closing_dates(self):
        lead = self.opportunity(self.seller, 100)
        self.date_events(hours(0))
        lead.stage_id = self.stage_new.copy()
        self.date_events(hours(1))
        lead.date_deadline = date(2026, 5, 1)
        self.date_events(hours(2))
        lead.expected_revenue = 200
        self.date_events(hours(3))
        lead.probability = 7
        self.date_events(hours(4))
        lead.user_id = self.peer
        self.date_events(hours(5))
        rows = self.check()
        self.assertEqual(
            [
                (row["stretch_since"], row["until"])
                for (id_, __), row in sorted(rows.items())
                if id_ == lead.id
            ],
            [
                (None, hours(1)),
                (None, hours(2)),
                (hours(0), hours(3)),
                (None, hours(4)),
                (hours(3), hours(5)),
                (hours(5), FOREVER),
            ],
        )

    def test_events_of_one_transaction_are_one_span(self):
        lead = self.opportunity(self.seller, 100)
        lead.expected_revenue = 200
        self.env.cr.flush()
        lead.expected_revenue = 300
        self.date_events(hours(0))
        self.assertEqual(self.of(lead), [(3, hours(0), FOREVER, 300, self.seller.id)])
        self.check()

    def test_what_began_earlier_and_was_recorded_later_never_goes_back(self):
        lead = self.opportunity(self.seller, 100)
        self.date_events(hours(0))
        lead.expected_revenue = 200
        self.date_events(hours(5))
        lead.expected_revenue = 300
        self.date_events(hours(3))
        lead.expected_revenue = 400
        self.date_events(hours(6))
        seller = self.seller.id
        self.assertEqual(
            self.of(lead),
            [
                (1, hours(0), hours(5), 100, seller),
                (3, hours(5), hours(6), 300, seller),
                (4, hours(6), FOREVER, 400, seller),
            ],
        )
        self.check()

    def test_a_change_that_is_taken_back_at_once_is_none(self):
        lead = self.opportunity(self.seller, 100)
        self.date_events(hours(0))
        for value in (200, 100):
            lead.expected_revenue = value
            self.date_events(hours(1))
        self.assertEqual(self.of(lead), [(1, hours(0), FOREVER, 100, self.seller.id)])
        self.check()

    @mute_logger(*LOGGERS)
    def test_a_lead_left_out_of_the_read_models_has_no_spans_until_it_is_healed(self):
        lead = self.opportunity(self.seller, 5)
        self.date_events(hours(0))
        self.check()
        self.env.cr.execute(CHECK)
        lead.expected_revenue = 13
        self.date_events(hours(1))
        self.assertEqual(self.of(lead), [])
        self.spans._follow()
        self.assertEqual(self.of(lead), [])
        self.env.cr.execute(UNCHECK)
        lead.expected_revenue = 14
        self.date_events(hours(2))
        self.spans._follow()
        self.assertEqual(len(self.of(lead)), 3)
        self.check()
        self.env.cr.execute("SELECT FROM cqrs_projection_failure")
        self.assertEqual(self.env.cr.rowcount, 0)

    def test_the_past_is_read_as_it_was_known(self):
        lead = self.opportunity(self.seller, 100)
        self.date_events(hours(0))
        self.spans._follow()
        lead.expected_revenue = 200
        self.date_events(hours(2))
        version = self.spans._version()
        with as_of(self.env, hours(1)):
            self.assertEqual(
                self.of(lead), [(1, hours(0), FOREVER, 100, self.seller.id)]
            )
            self.assertIsNone(self.spans._version())
        self.assertEqual(len(self.of(lead)), 2)
        self.assertEqual(self.spans._version(), version)

    def test_events_restored_into_a_younger_cluster_are_seen(self):
        lead = self.opportunity(self.seller, 100)
        self.date_events(hours(0))
        self.check()
        # As a dump leaves it: the checkpoint and an event of ids not yet given out.
        self.env.cr.execute(
            """
            UPDATE cqrs_opportunity_span_checkpoint
            SET snapshot = '4000000000000:4000000000000:', txid = NULL;
            INSERT INTO cqrs_event OVERRIDING SYSTEM VALUE
            SELECT (e).* FROM (
                SELECT jsonb_populate_record(e, jsonb_build_object(
                    'position', -1, 'stream_id', -1, 'txid', '4000000000000')) AS e
                FROM cqrs_event e
                WHERE stream_model = 'crm.lead' AND stream_id = %s) restored
            """,
            [lead.id],
        )
        self.env["cqrs.event"]._begin_epoch_if_restored()
        lead.expected_revenue = 200
        self.date_events(hours(1))
        expected = plain_spans(self.env)
        self.assertEqual(found_spans(self.env, self.spans._relation()), expected)
        self.spans._follow()
        self.assertEqual(found_spans(self.env, self.spans._relation()), expected)
        self.assertIn((-1, 1), expected)
        lead.expected_revenue = 300
        self.date_events(hours(2))
        expected = plain_spans(self.env)
        self.assertEqual(found_spans(self.env, self.spans._relation()), expected)

    def test_a_repair_changes_the_version_of_the_past(self):
        lead = self.opportunity(self.seller, 100)
        self.date_events(hours(0))
        self.check()
        version = self.spans._version()
        self.spans._follow()
        self.assertEqual(self.spans._version(), version)
        self.env.cr.execute(
            "UPDATE cqrs_opportunity_span SET value = 7 WHERE opportunity_id = %s",
            [lead.id],
        )
        [found] = replay(self.env, ["cqrs.opportunity.span"])
        self.assertEqual(found.repaired, 2)
        self.assertNotEqual(self.spans._version(), version)
        self.check()

    @mute_logger("odoo.addons.crm_cqrs.models.projections.filling", *LOGGERS)
    def test_a_damaged_table_is_told_and_rebuilt(self):
        self.opportunity(self.seller, 100)
        self.date_events(hours(0))
        self.env.cr.execute("ALTER TABLE cqrs_opportunity_span DROP probability")
        self.spans._follow()
        self.assertIn("cqrs.opportunity.span", broken(self.env))
        # Nobody who does not ask for the past is turned away.
        self.assertEqual(AnswerContext.of(self.env).broken, [])
        replay(self.env)
        self.assertEqual(broken(self.env), {})
        self.check()

    def test_a_table_made_anew_is_filled_in_batches_and_says_so_meanwhile(self):
        lead = self.opportunity(self.seller, 100)
        self.date_events(hours(0))
        lead.expected_revenue = 200
        self.date_events(hours(1))
        expected = self.check()
        self.spans._remake_tables()
        with patch.object(filling, "FILL_BATCH_SIZE", 1):
            self.assertTrue(self.spans._fill_next())
            with self.assertRaises(NotFilled):
                self.spans._relation()
            self.assertRegex(broken(self.env)[self.spans._name], "being filled")
            lead.expected_revenue = 300
            self.date_events(hours(2))
            while self.spans._fill_next():
                pass
        self.assertEqual(broken(self.env), {})
        self.assertEqual(len(self.check()), len(expected) + 1)
        self.env.cr.execute(
            "SELECT FROM pg_indexes WHERE tablename = 'cqrs_opportunity_span'"
        )
        self.assertGreater(self.env.cr.rowcount, 2)

    def test_settled_is_what_the_follower_knows_to_be(self):
        moment = self.env.cr.now().replace(tzinfo=timezone.utc)
        self.env.cr.execute(
            "UPDATE cqrs_opportunity_span_checkpoint SET settled_upto = NULL"
        )
        self.assertFalse(self.spans._is_settled(hours(0)))
        self.spans._follow()
        self.assertTrue(self.spans._is_settled(hours(0)))
        self.assertFalse(self.spans._is_settled(moment + timedelta(seconds=1)))


@tagged("post_install", "-at_install")
class TestSpansBesideWriters(BaseCase):
    """Real cursors, and no transaction of the test itself, which would never end."""

    environment = RealCursors.environment
    transaction = RealCursors.transaction

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        with self.transaction() as env:
            leads = env["crm.lead"].create(
                [{"name": f"Span {n}", "type": "opportunity"} for n in range(8)]
            )
            self.ids = leads.ids
        self.addCleanup(self.remove)

    def remove(self):
        with self.transaction() as env:
            env["crm.lead"].browse(self.ids).exists().unlink()

    def follow(self):
        with self.transaction() as env:
            env["cqrs.projection"]._follow_all()

    def check(self, env):
        expected = plain_spans(env, self.ids)
        relation = env["cqrs.opportunity.span"]._relation()
        self.assertEqual(found_spans(env, relation, self.ids), expected)
        return expected

    def is_clean(self):
        with self.transaction() as env:
            self.check(env)
            dirty, __, __ = env["cqrs.opportunity.span"]._dirty()
            return not set(dirty).intersection(self.ids)

    def test_a_transaction_under_way_is_neither_waited_for_nor_skipped(self):
        slow_id, quick_id = self.ids[:2]
        with self.transaction() as slow:
            slow["crm.lead"].browse(slow_id).expected_revenue = 1
            slow.cr.flush()
            self.check(slow)
            with self.transaction() as env:
                env["crm.lead"].browse(quick_id).expected_revenue = 2
            self.follow()
            self.assertTrue(self.is_clean())
        self.assertFalse(self.is_clean())
        self.follow()
        self.assertTrue(self.is_clean())

    def test_a_reader_of_an_older_snapshot_stays_exact(self):
        with self.transaction() as reader:
            before = self.check(reader)
            with self.transaction() as env:
                env["crm.lead"].browse(self.ids[0]).expected_revenue = 1
            self.follow()
            self.assertEqual(self.check(reader), before)
        with self.transaction() as env:
            self.assertNotEqual(self.check(env), before)

    def test_a_moment_is_settled_once_what_began_before_it_has_ended(self):
        with self.transaction() as slow:
            slow["crm.lead"].browse(self.ids[0]).expected_revenue = 1
            slow.cr.flush()
            began = slow.cr.now().replace(tzinfo=timezone.utc)
            moment = began + timedelta(microseconds=1)
            self.follow()
            with self.transaction() as env:
                self.assertFalse(env["cqrs.opportunity.span"]._is_settled(moment))
        with self.transaction() as env:
            # It has ended, and who has looked before does not know yet.
            self.assertFalse(env["cqrs.opportunity.span"]._is_settled(moment))

        def is_settled():
            self.follow()
            with self.transaction() as env:
                return env["cqrs.opportunity.span"]._is_settled(moment)

        # Tests of other databases, or another connection of this one, may be slow.
        for __ in range(600):
            if is_settled():
                return
            threading.Event().wait(0.1)
        self.fail("never settled")

    def test_what_is_settled_stays_as_it_is(self):
        at = """
            SELECT opportunity_id, version, value::text, user_id, stage_id
            FROM %s span WHERE since <= %s AND until > %s
              AND opportunity_id = ANY(%s) ORDER BY 1
        """
        seen = []

        def look(moments):
            with self.transaction() as env:
                spans = env["cqrs.opportunity.span"]
                for moment in moments:
                    if spans._is_settled(moment):
                        query = SQL(at, spans._relation(), moment, moment, self.ids)
                        seen.append((moment, env.execute_query(query)))

        done = threading.Event()

        def write(number):
            draw = random.Random(SEED + number)
            for __ in range(15):
                with self.transaction() as env:
                    # Nobody else writes it: this is not about conflicts.
                    lead = env["crm.lead"].browse(draw.choice(self.ids[number::2]))
                    lead.expected_revenue = draw.randint(1, 10**6)
                    env.cr.flush()
                    done.wait(draw.random() / 20)
                    self.check(env)

        def follow():
            while not done.is_set():
                self.follow()

        def read():
            moments = []
            while not done.is_set():
                with self.transaction() as env:
                    self.check(env)
                    moments.append(env.cr.now().replace(tzinfo=timezone.utc))
                look(moments[-20:])

        with ThreadPoolExecutor(5) as pool:
            others = [pool.submit(work) for work in (follow, follow, read)]
            try:
                for writer in [pool.submit(write, n) for n in range(2)]:
                    writer.result()
            finally:
                done.set()
            for other in others:
                other.result()
        self.follow()
        self.assertTrue(self.is_clean())
        self.assertTrue(seen)
        with self.transaction() as env:
            relation = env["cqrs.opportunity.span"]._relation()
            for moment, rows in seen:
                query = SQL(at, relation, moment, moment, self.ids)
                self.assertEqual(env.execute_query(query), rows)
