from psycopg2.errors import SerializationFailure

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.maintenance.replay import replay
from ..models.maintenance.shadow import as_of
from .common import RealCursors, SalesOrganisation, money

METRICS = "cqrs.metrics"


@tagged("post_install", "-at_install")
class TestMetricsAreReplayed(SalesOrganisation):
    def setUp(self):
        super().setUp()
        self.deal = self.opportunity(self.seller, 100, date_deadline="2031-01-31")
        self.deal.expected_revenue = 120
        self.lost = self.opportunity(self.seller, 5)
        self.lost.action_set_lost()
        self.env.cr.flush()

    def fold(self):
        self.env["cqrs.metrics"]._fold_batch()

    def pipeline(self):
        self.env.cr.flush()
        return self.env["cqrs.metrics"]._read(self.manager)["pipeline_value"]

    def replayed(self, **kwargs):
        """Return ``(missing, stale, repaired)``."""
        [each] = replay(self.env, [METRICS], **kwargs)
        return each.missing, each.stale, each.repaired

    def test_they_equal_however_much_is_folded(self):
        self.assertEqual(self.replayed(), (0, 0, 0))
        self.fold()
        self.assertEqual(self.replayed(), (0, 0, 0))
        self.deal.action_set_won()
        self.env.cr.flush()
        self.assertEqual(self.replayed(), (0, 0, 0))

    def test_a_wrong_sum_is_found_and_repaired(self):
        self.fold()
        self.env.cr.execute(
            "UPDATE cqrs_metrics SET pipeline_value = 7, active = 9"
            " WHERE user_id = %s AND dimension = 'owner'",
            [self.seller.id],
        )
        self.assertEqual(self.pipeline(), money("7.00"))
        self.assertEqual(self.replayed(repair=False), (1, 1, 0))
        self.assertEqual(self.pipeline(), money("7.00"))
        self.assertEqual(self.replayed(), (1, 1, 2))
        self.assertEqual(self.pipeline(), money("120.00"))
        self.env.cr.execute(
            "SELECT row ->> 'pipeline_value' FROM cqrs_replaced"
            " WHERE table_name = 'cqrs_metrics' AND row ->> 'user_id' = %s",
            [str(self.seller.id)],
        )
        self.assertEqual(self.env.cr.fetchall(), [("7",)])
        self.assertEqual(self.replayed(), (0, 0, 0))

    def test_who_sees_everything_reads_the_sums_of_all_owners(self):
        self.deal.date_deadline = "2199-01-31"
        for by in (None, "month", "stage"):
            with self.subTest(by=by):
                self.env.cr.flush()
                self.fold()
                self.env.cr.execute(
                    "UPDATE cqrs_metrics SET active = active + 7"
                    " WHERE dimension = 'all' AND month = '2199-01-01'"
                )
                self.assertEqual(self.env.cr.rowcount, 1)
                sees_all, seller = self.env.ref("base.user_admin"), self.seller
                wrong, right = (self.active(each, by) for each in (sees_all, seller))
                self.assertEqual(right, 1)
                self.assertEqual(self.replayed(), (1, 1, 2))
                self.assertEqual(self.active(sees_all, by), wrong - 7)
                self.assertEqual(self.active(seller, by), right)

    def active(self, user, by):
        metrics = self.env["cqrs.metrics"]._read(user, by)
        groups = metrics.get("groups", [metrics])
        return sum(group["active_opportunities"] for group in groups)

    def test_a_sum_that_is_not_a_number_is_repaired(self):
        """As an older version left it where an amount had been NaN once."""
        self.fold()
        for amount in ("NaN", "Infinity"):
            self.env.cr.execute(
                "UPDATE cqrs_metrics SET pipeline_value = %s WHERE user_id = %s",
                [amount, self.seller.id],
            )
            missing, stale, repaired = self.replayed()
            self.assertEqual((missing > 0, repaired), (True, missing + stale))
            self.assertEqual(self.pipeline(), money("120.00"))
            self.assertEqual(self.replayed(), (0, 0, 0))

    def test_lost_sums_and_lost_changes_are_repaired(self):
        for table in ("cqrs_metrics", "cqrs_metrics_tail"):
            with self.subTest(table):
                self.fold()
                self.deal.expected_revenue += 1
                self.env.cr.flush()
                before = self.pipeline()
                self.env.cr.execute(f"DELETE FROM {table}")
                self.assertNotEqual(self.replayed()[0], 0)
                self.assertEqual(self.pipeline(), before)
                self.assertEqual(self.replayed(), (0, 0, 0))

    def test_a_sum_that_should_not_be_is_removed(self):
        self.fold()
        columns = (
            "team_id, company_id, currency_id, stage_id, month, total, active, won,"
            " lost, pipeline_value, weighted_pipeline, won_revenue"
        )
        self.env.cr.execute(
            f"INSERT INTO cqrs_metrics (dimension, user_id, {columns})"
            f" SELECT dimension, %s, {columns} FROM cqrs_metrics"
            " WHERE user_id = %s AND dimension = 'owner'",
            [self.head.id, self.seller.id],
        )
        self.assertEqual(self.replayed(), (0, 1, 1))
        self.env.cr.execute(
            "SELECT FROM cqrs_metrics WHERE user_id = %s", [self.head.id]
        )
        self.assertEqual(self.env.cr.rowcount, 0)

    def test_a_change_of_the_wrong_sign_is_found(self):
        self.env.cr.execute(
            "UPDATE cqrs_metrics_tail SET former = state, state = former"
        )
        missing, stale, __ = self.replayed(repair=False)
        self.assertTrue(missing and stale)

    def test_the_past_has_its_own(self):
        self.env.cr.execute("SELECT max(position) FROM cqrs_event")
        (then,) = self.env.cr.fetchone()
        before = self.pipeline()
        self.deal.expected_revenue = 1
        self.env.cr.flush()
        self.fold()
        self.assertEqual(self.pipeline(), money("1.00"))
        with as_of(self.env, then):
            past = self.env["cqrs.metrics"]._read(self.manager)["pipeline_value"]
        self.assertEqual(past, before)
        self.assertEqual(self.pipeline(), money("1.00"))


@tagged("post_install", "-at_install")
class TestMetricsAreRepairedOnce(RealCursors):
    """Real cursors: two repairs of the same drift."""

    def setUp(self):
        super().setUp()
        with self.registry.cursor() as cr:
            lead = self.environment(cr)["crm.lead"].create(
                {"name": "cqrs repair", "type": "opportunity", "expected_revenue": 5}
            )
            self.lead_id = lead.id
        self.addCleanup(self.remove)
        self.fold()

    def fold(self):
        with self.registry.cursor() as cr:
            self.environment(cr)["cqrs.metrics"]._fold()

    def remove(self):
        with self.registry.cursor() as cr:
            self.environment(cr)["crm.lead"].browse(self.lead_id).unlink()
        self.fold()

    def drift(self, cr, **kwargs):
        return sum(e.drift for e in replay(self.environment(cr), [METRICS], **kwargs))

    @mute_logger("odoo.sql_db")
    def test_the_later_is_run_again_and_finds_nothing(self):
        for damage in (
            "UPDATE cqrs_metrics SET active = active + 1 WHERE dimension = 'owner'",
            "DELETE FROM cqrs_metrics WHERE dimension = 'stage'",
            "DELETE FROM cqrs_metrics WHERE dimension = 'all'",
        ):
            with self.subTest(damage):
                with self.registry.cursor() as cr:
                    cr.execute(damage)
                with self.registry.cursor() as cr:
                    cr.execute("SELECT 1")  # takes the snapshot
                    with self.registry.cursor() as first:
                        self.assertGreater(self.drift(first), 0)
                    with self.assertRaises(SerializationFailure):
                        self.drift(cr)
                    cr.rollback()
                    self.assertEqual(self.drift(cr), 0)

    def test_a_repair_beside_a_fold_and_a_write(self):
        with self.registry.cursor() as cr:
            cr.execute("DELETE FROM cqrs_metrics WHERE dimension IN ('month', 'all')")
        with self.registry.cursor() as cr:
            cr.execute("SELECT 1")
            with self.registry.cursor() as other:
                lead = self.environment(other)["crm.lead"].browse(self.lead_id)
                lead.expected_revenue = 6
            self.assertGreater(self.drift(cr), 0)
            with self.registry.cursor() as other:
                other.execute("SET LOCAL lock_timeout = '1s'")
                lead = self.environment(other)["crm.lead"].browse(self.lead_id)
                lead.expected_revenue = 7
            with self.registry.cursor() as other:
                # It would wait for the sums of all owners, or make the repair fail.
                other.execute("SET LOCAL lock_timeout = '1s'")
                self.assertEqual(self.environment(other)[METRICS]._fold_batch(), 0)
        with self.registry.cursor() as cr:
            self.assertEqual(self.drift(cr, repair=False), 0)
        self.fold()
        with self.registry.cursor() as cr:
            self.assertEqual(self.drift(cr, repair=False), 0)
