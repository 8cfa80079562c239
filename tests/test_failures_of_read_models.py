from unittest.mock import patch

from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..models.maintenance.findings import BROKEN_PROJECTION
from ..models.maintenance.repair_backup import delete_backup
from ..models.maintenance.replay import replay
from ..models.maintenance.verify import verify
from ..models.projections.failures import broken, quarantined
from ..models.projections.quarantine import MANY_FAILURES
from .common import RealCursors, SalesOrganisation
from .test_broken_read_model import LOGGERS

CHECK = "ALTER TABLE cqrs_opportunity_view ADD CONSTRAINT cqrs_test CHECK (value <> 13)"
DEPTH = (
    "ALTER TABLE cqrs_user_access ADD CONSTRAINT cqrs_test CHECK (depth < 0) NOT VALID"
)
UNDEPTH = "ALTER TABLE cqrs_user_access DROP CONSTRAINT cqrs_test"
UNCHECK = "ALTER TABLE cqrs_opportunity_view DROP CONSTRAINT cqrs_test"


@tagged("post_install", "-at_install")
class TestFailuresOfReadModels(SalesOrganisation, TransactionCase):
    def execute(self, statement):
        self.env.cr.flush()
        self.env.cr.execute(statement)

    @mute_logger(*LOGGERS)
    def test_a_write_that_changes_nothing_recorded_while_broken(self):
        deal = self.opportunity(self.seller, 1)
        self.execute("ALTER TABLE cqrs_opportunity_view DROP value")
        deal.automated_probability = 3
        self.assertEqual(len(self.events(deal)), 1)

    @mute_logger(*LOGGERS, "odoo.addons.crm_cqrs.models.event_store.reconcile")
    def test_the_reconciler_while_broken(self):
        self.opportunity(self.seller, 1)
        self.execute("ALTER TABLE cqrs_opportunity_view DROP value")
        self.assertEqual(self.env["cqrs.event"]._look("crm.lead"), (0, None))

    @mute_logger(*LOGGERS)
    def test_tables_made_anew_are_those_that_were_installed(self):
        """Odoo takes NOT NULL off a column without a field, when it updates."""

        def columns():
            self.env.cr.execute(
                """
                SELECT attrelid::regclass::text, attname, format_type(atttypid, NULL),
                       attnotnull
                FROM pg_attribute WHERE attnum > 0 AND attrelid = ANY(%s::regclass[])
                ORDER BY 1, 2
                """,
                [[each.name for each in projection._cqrs_tables]],
            )
            return self.env.cr.fetchall()

        for projection in self.env["cqrs.projection"]._projections():
            with self.subTest(projection._name):
                installed = columns()
                projection._remake_tables()
                self.assertEqual(columns(), installed)

    @mute_logger(*LOGGERS)
    def test_verify_and_replay_with_a_quarantined_record(self):
        self.execute(CHECK)
        self.opportunity(self.seller, 13)
        self.env.cr.flush()
        self.assertTrue(quarantined(self.env))
        with self.subTest("verify"), self.env.cr.savepoint():
            self.assertEqual({f.kind for f in verify(self.env)}, {BROKEN_PROJECTION})
        with self.subTest("replay"), self.env.cr.savepoint():
            drifts = [each.projection for each in replay(self.env) if each.drift]
            self.assertEqual(drifts, [])
            self.assertEqual(len(quarantined(self.env)), 5)
        with self.subTest("rebuild of the other one"), self.env.cr.savepoint():
            replay(self.env, ["cqrs.user.access"])

    @mute_logger(*LOGGERS)
    def test_months_after_a_heal(self):
        # The log is append-only: what is of another month is made so by the clock of
        # the transaction, so change the events behind a disabled trigger.
        deal = self.opportunity(self.seller, 5)
        self.env.cr.flush()
        self.execute("ALTER TABLE cqrs_event DISABLE TRIGGER USER")
        self.execute(
            "UPDATE cqrs_event SET occurred_at = occurred_at - interval '70 days'"
            f" WHERE stream_model = 'crm.lead' AND stream_id = {deal.id}"
        )
        replay(self.env)
        self.execute(CHECK)
        deal.expected_revenue = 13
        self.env.cr.flush()
        self.execute(UNCHECK)
        self.execute(
            "UPDATE cqrs_event SET occurred_at = occurred_at - interval '35 days'"
            " WHERE stream_model = 'crm.lead' AND version > 1"
            f" AND stream_id = {deal.id}"
        )
        self.execute(
            "UPDATE cqrs_metrics_tail SET occurred_at = occurred_at"
            " - interval '35 days' WHERE occurred_at = now()"
            " AND (former).expected_revenue IN (5, 13)"
            f" AND (former).user_id = {self.seller.id}"
        )
        deal.expected_revenue = 14
        self.env.cr.flush()
        self.assertEqual(quarantined(self.env), [])
        found = {r.projection: r.drift for r in replay(self.env, repair=False)}
        self.assertEqual(found, dict.fromkeys(found, 0))

    @mute_logger(*LOGGERS)
    def test_a_heal_that_heals_nothing_says_so(self):
        self.execute(CHECK)
        for __ in range(6):
            self.opportunity(self.seller, 13)
        self.env.cr.flush()
        with patch("odoo.addons.crm_cqrs.models.projections.healing.BATCH_SIZE", 3):
            healed = [self.env["cqrs.projection"]._heal() for __ in range(5)]
        self.assertEqual(healed, [0] * 5)

    @mute_logger(*LOGGERS)
    def test_settle_does_not_refuse(self):
        deal = self.opportunity(self.seller, 5)
        self.execute(CHECK)
        deal.expected_revenue = 13
        self.env.cr.flush()
        self.execute("DROP AGGREGATE cqrs_jsonb_merge (jsonb)")
        deal.expected_revenue = 14
        self.assertEqual(len(self.events(deal)), 3)

    @mute_logger(*LOGGERS)
    def test_where_failures_are_noted_nothing_is_refused_either(self):
        self.execute("DROP TABLE cqrs_projection_failure")
        deal = self.opportunity(self.seller, 5)
        deal.expected_revenue = 14
        self.assertEqual(len(self.events(deal)), 2)
        self.assertEqual(self.visible(self.seller), {deal.id})

    @mute_logger(*LOGGERS)
    def test_many_records_that_cannot_be_applied_are_a_table_that_fails(self):
        self.execute(CHECK)
        values = {"name": "Deal", "type": "opportunity", "expected_revenue": 13}
        self.env["crm.lead"].create([values] * MANY_FAILURES)
        self.env.cr.flush()
        self.assertEqual(list(broken(self.env)), ["cqrs.opportunity.view"])


@tagged("post_install", "-at_install")
class TestLateWritersOfABrokenReadModel(RealCursors):
    """Real cursors: who began before a rebuild, and ends after it."""

    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            self.lead_id = (
                env["crm.lead"]
                .create(
                    {"name": "cqrs late", "type": "opportunity", "expected_revenue": 1}
                )
                .id
            )
        self.user_ids, self.employee_ids = [], []
        self.addCleanup(self.remove)

    def remove(self):
        with self.transaction() as env:
            env["crm.lead"].browse(self.lead_id).unlink()
            env["hr.employee"].browse(self.employee_ids).unlink()
            env["res.users"].browse(self.user_ids).unlink()
            env.cr.flush()
            replay(env)
            delete_backup(env)

    def write_around_a_rebuild(self, breaking):
        """Write after a read model was broken, and while it is rebuilt."""
        with self.transaction() as env:
            env.cr.execute(breaking)
        with self.transaction() as env:
            env["crm.lead"].browse(self.lead_id).expected_revenue = 2
        with self.transaction() as late:
            late["crm.lead"].browse(self.lead_id).expected_revenue = 3
            late.cr.flush()
            self.rebuild()

    @mute_logger(*LOGGERS)
    def test_late_writer_of_what_was_written_while_broken(self):
        self.write_around_a_rebuild(
            "ALTER TABLE cqrs_opportunity_view DROP partner_name"
        )
        with self.transaction() as env:
            self.assertEqual(broken(env), {})
            env["cqrs.event"]._reconcile()
            env.cr.execute(
                "SELECT value FROM cqrs_opportunity_view WHERE id = %s", [self.lead_id]
            )
            self.assertEqual(env.cr.fetchone(), (3,))
            self.assertEqual(verify(env), [])

    @mute_logger(*LOGGERS)
    def test_late_writer_of_sums(self):
        self.write_around_a_rebuild("DROP TABLE cqrs_metrics_tail")
        with self.transaction() as env:
            env["cqrs.event"]._reconcile()
            self.assertEqual(quarantined(env), [])
            self.assertEqual(
                [r.projection for r in replay(env, repair=False) if r.drift], []
            )

    @mute_logger(*LOGGERS)
    def test_late_user_written_again_before_it_is_healed(self):
        with self.transaction() as env:
            env.cr.execute(DEPTH)
        with self.transaction() as env:
            other = env["res.users"].create({"name": "o", "login": "cqrs other"})
            self.user_ids.append(other.id)
        with self.transaction() as late:
            user = late["res.users"].create({"name": "cqrs late", "login": "cqrs late"})
            self.user_ids.append(user.id)
            late.cr.flush()
            with self.transaction() as env:
                env.cr.execute(UNDEPTH)
            self.rebuild()
        with self.transaction() as env:
            self.assertEqual(broken(env), {})
            env["res.users"].browse(user.id).email = "late@example.com"
        with self.transaction() as env:
            env["cqrs.event"]._reconcile()
            env.cr.execute(
                "SELECT depth FROM cqrs_user_access WHERE viewer_id = %s", [user.id]
            )
            self.assertEqual(env.cr.fetchall(), [(0,)])

    @mute_logger(*LOGGERS)
    def test_a_heal_of_the_closure_makes_a_new_version(self):
        with self.transaction() as env:
            employees = env["hr.employee"]
            for name in ("boss", "seller"):
                user = env["res.users"].create({"name": name, "login": f"cqrs {name}"})
                self.user_ids.append(user.id)
                employees |= employees.create({"name": name, "user_id": user.id})
            self.employee_ids += employees.ids
        with self.transaction() as env:
            env.cr.execute(DEPTH)
        with self.transaction() as env:
            other = env["res.users"].create({"name": "o", "login": "cqrs other"})
            self.user_ids.append(other.id)
        with self.transaction() as late:
            boss, seller = late["hr.employee"].browse(self.employee_ids)
            seller.parent_id = boss
            late.cr.flush()
            with self.transaction() as env:
                env.cr.execute(UNDEPTH)
            self.rebuild()

        def closure():
            with self.transaction() as env:
                env.cr.execute(
                    "SELECT viewer_id, owner_id, depth FROM cqrs_user_access"
                    " WHERE viewer_id = ANY(%s) ORDER BY 1, 2",
                    [self.user_ids],
                )
                rows = env.cr.fetchall()
                env.cr.execute("SELECT sum(token) FROM cqrs_access_version")
                return rows, env.cr.fetchone()[0]

        before, version = closure()
        with self.transaction() as env:
            env["cqrs.event"]._reconcile()
        after, new_version = closure()
        with self.subTest("profile"), self.transaction() as env:
            drifts = [r.projection for r in replay(env, repair=False) if r.drift]
            self.assertEqual(drifts, [])
        self.assertNotEqual(before, after)
        self.assertNotEqual(version, new_version)
