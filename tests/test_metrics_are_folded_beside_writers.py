import random
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from psycopg2.errors import SerializationFailure

from odoo import SUPERUSER_ID
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..models.projections.metrics_tables import MEASURES
from .common import RealCursors

WRITES = 12


@tagged("post_install", "-at_install")
class TestMetricsAreFoldedBesideWriters(RealCursors):
    """Real cursors: whoever reads, at whatever moment, reads the exact sums."""

    def setUp(self):
        super().setUp()
        with self.registry.cursor() as cr:
            leads = self.environment(cr)["crm.lead"].create(
                [
                    {
                        "name": "cqrs metrics",
                        "type": "opportunity",
                        "user_id": SUPERUSER_ID,
                        "expected_revenue": revenue,
                    }
                    for revenue in (0.01, 20, 300)
                ]
            )
            self.lead_ids = leads.ids
        self.addCleanup(self.remove)
        self.fold()

    def remove(self):
        with self.registry.cursor() as cr:
            self.environment(cr)["crm.lead"].browse(self.lead_ids).unlink()
        self.fold()

    def fold(self):
        with self.registry.cursor() as cr:
            self.environment(cr)["cqrs.metrics"]._fold()

    def change(self, cr, values):
        self.environment(cr)["crm.lead"].browse(self.lead_ids[0]).write(values)

    def sums(self, cr, dimension="owner"):
        """Return the sums over all, as kept, and as counted from the opportunities."""
        metrics = self.environment(cr)["cqrs.metrics"]
        query = SQL(
            """
            SELECT kept, counted FROM (
                SELECT ARRAY[%s]::numeric[]::text[] AS kept FROM (%s) part
            ) kept, (
                SELECT ARRAY[
                    count(*) FILTER (WHERE active),
                    count(*) FILTER (WHERE active AND status = 'pending'),
                    count(*) FILTER (WHERE status = 'won'),
                    count(*) FILTER (WHERE status = 'lost'),
                    COALESCE(sum(value) FILTER (
                        WHERE active AND status = 'pending'), 0),
                    COALESCE(sum(value * probability::text::numeric * 0.01) FILTER (
                        WHERE active AND status = 'pending'), 0),
                    COALESCE(sum(value) FILTER (WHERE status = 'won'), 0)
                ]::text[] AS counted
                FROM cqrs_opportunity_view
            ) counted
            """,
            SQL(", ").join(
                SQL("COALESCE(sum(%s), 0)", SQL.identifier(name)) for name in MEASURES
            ),
            metrics._rows(dimension),
        )
        [sums] = metrics.env.execute_query(query)
        return tuple([Decimal(amount) for amount in some] for some in sums)

    def assert_exact(self, cr):
        for dimension in ("owner", "stage", "month", "all"):
            kept, counted = self.sums(cr, dimension)
            self.assertEqual(kept, counted, dimension)

    def test_no_one_ever_reads_a_wrong_number(self):
        done = threading.Event()

        def write():
            draw = random.Random(threading.get_ident())
            for __ in range(WRITES):
                with self.registry.cursor() as cr:
                    lead = self.environment(cr)["crm.lead"].browse(lead_ids.pop())
                    lead.expected_revenue = draw.randint(1, 10**6)
                    # Not won nor lost: Odoo itself counts these in shared rows.
                    lead.write(
                        draw.choice(
                            ({"active": False}, {"date_deadline": "2031-01-01"})
                        )
                    )
                    cr.flush()
                    self.assert_exact(cr)

        def fold():
            while not done.is_set():
                self.fold()

        def read():
            while not done.is_set():
                with self.registry.cursor() as cr:
                    self.assert_exact(cr)

        with self.registry.cursor() as cr:
            leads = self.environment(cr)["crm.lead"].create(
                [{"name": "cqrs", "type": "opportunity"}] * 2 * WRITES
            )
            lead_ids = leads.ids
            self.lead_ids += lead_ids
        with ThreadPoolExecutor(4) as pool:
            others = [pool.submit(work) for work in (fold, read)]
            try:
                for writer in [pool.submit(write) for __ in range(2)]:
                    writer.result()
            finally:
                done.set()
            for other in others:
                other.result()
        self.fold()
        with self.registry.cursor() as cr:
            self.assert_exact(cr)
            cr.execute("SELECT FROM cqrs_metrics_tail")
            self.assertEqual(cr.rowcount, 0)

    def test_a_writer_under_way_is_neither_waited_for_nor_lost(self):
        with self.registry.cursor() as cr:
            self.change(cr, {"expected_revenue": 7})
            cr.flush()
            with self.registry.cursor() as folding:
                folding.execute("SET LOCAL lock_timeout = '1s'")
                metrics = self.environment(folding)["cqrs.metrics"]
                self.assertEqual(metrics._fold_batch(), 0)
        with self.registry.cursor() as cr:
            self.assert_exact(cr)
            self.assertEqual(self.environment(cr)["cqrs.metrics"]._fold_batch(), 1)
            self.assert_exact(cr)

    def test_a_fold_under_way_is_not_waited_for(self):
        with self.registry.cursor() as cr:
            self.change(cr, {"expected_revenue": 7})
        with self.registry.cursor() as folding:
            self.assertEqual(self.environment(folding)["cqrs.metrics"]._fold_batch(), 1)
            with self.registry.cursor() as cr:
                cr.execute("SET LOCAL lock_timeout = '1s'")
                self.assert_exact(cr)
                self.change(cr, {"expected_revenue": 8})
                cr.flush()
                self.assert_exact(cr)
            with self.registry.cursor() as cr:
                cr.execute("SET LOCAL lock_timeout = '1s'")
                # Whoever else wants to fold leaves it to the one who does.
                self.assertEqual(self.environment(cr)["cqrs.metrics"]._fold_batch(), 0)
                self.assert_exact(cr)

    def test_a_reader_sees_the_same_before_and_after_a_fold(self):
        with self.registry.cursor() as cr:
            self.change(cr, {"expected_revenue": 7})
        with self.registry.cursor() as cr:
            before = self.sums(cr)
            self.fold()
            self.assertEqual(self.sums(cr), before)
        with self.registry.cursor() as cr:
            self.assertEqual(self.sums(cr), before)

    @mute_logger("odoo.sql_db")
    def test_what_is_folded_already_is_not_folded_again(self):
        with self.registry.cursor() as cr:
            self.change(cr, {"expected_revenue": 7})
        with self.registry.cursor() as cr:
            cr.execute("SELECT 1")  # takes the snapshot, in which it is not
            self.fold()
            with self.assertRaises(SerializationFailure) as caught:
                self.environment(cr)["cqrs.metrics"]._fold_batch()
            self.assertIsInstance(caught.exception, PG_CONCURRENCY_EXCEPTIONS_TO_RETRY)
            cr.rollback()
            self.assert_exact(cr)
