import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event
from types import SimpleNamespace
from unittest.mock import patch

import psycopg2

from odoo.http import _request_stack
from odoo.sql_db import connection_info_for
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.event_store import first_build
from .common import INSTALLED, ODOO, OwnDatabase, RealCursors

#: More than a batch, so that another is under way when it is killed. Of several:
#: CRM_CQRS_BUILD_LEADS=120000 ./dev test -k first_build_goes_on
LEADS = int(os.environ.get("CRM_CQRS_BUILD_LEADS", "60000"))
INSERT = """
INSERT INTO crm_lead (name, type, active, stage_id, expected_revenue, create_date)
SELECT 'Deal ' || n, 'opportunity', true, (SELECT min(id) FROM crm_stage), n, now()
FROM generate_series(1, %s) n
RETURNING id
"""


@tagged("post_install", "-at_install")
class TestFirstBuildGoesOn(OwnDatabase):
    template = INSTALLED

    def events(self):
        """Return ``{lead: the id of its event}`` of what has been recorded."""
        return dict(
            self.query(
                "SELECT stream_id, event_id FROM cqrs_event"
                " WHERE stream_model = 'crm.lead'"
            )
        )

    def kill_when_some_are_recorded(self):
        command = [ODOO, "cqrs", "build", "-d", self.db]
        before = len(self.events())
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                while len(self.events()) == before:
                    if process.poll() is not None:
                        self.fail(process.stderr.read())
                    time.sleep(0.1)
            finally:
                process.kill()
        # PostgreSQL finds out once a statement has ended.
        while self.query(
            "SELECT FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ):
            time.sleep(0.1)

    def build(self):
        return json.loads(self.odoo("cqrs", "build", "--json").stdout)

    def without_statistics(self):
        """Return the tables that have rows and of which the planner knows nothing."""
        return self.query(
            """
            SELECT relname::text FROM pg_class
            WHERE relname LIKE 'cqrs%' AND relkind = 'r' AND relpages > 0
              AND relname IN ('cqrs_event', 'cqrs_stream', 'cqrs_opportunity_view',
                              'cqrs_metrics_tail', 'cqrs_user_access')
              AND NOT EXISTS (SELECT FROM pg_statistic WHERE starelid = pg_class.oid)
            ORDER BY relname
            """
        )

    def test_a_build_that_is_killed_goes_on(self):
        self.assertEqual(self.without_statistics(), [])
        self.query(INSERT % LEADS)
        self.query("ANALYZE crm_lead; SELECT 1")
        self.kill_when_some_are_recorded()
        first = self.events()
        leads = [id_ for (id_,) in self.query("SELECT id FROM crm_lead ORDER BY id")]
        self.assertLess(len(first), len(leads))
        # Nobody is there to see it.
        changed = max(first)
        self.query(
            f"UPDATE crm_lead SET name = 'Unseen' WHERE id = {changed} RETURNING 1"
        )

        self.assertEqual(self.build(), {"events": len(leads) - len(first)})
        events = self.events()
        self.assertEqual(sorted(events), leads)
        self.assertEqual({lead: events[lead] for lead in first}, first)
        self.assertEqual(
            self.query(
                """
                SELECT count(*), min(version), max(version), min(origin), max(origin)
                FROM cqrs_event WHERE stream_model = 'crm.lead'
                """
            ),
            [(len(leads), 1, 1, "migration", "migration")],
        )

        with self.subTest("a restored dump has no statistics; who verifies makes them"):
            self.query(
                "SET allow_system_table_mods = on; DELETE FROM pg_statistic"
                " WHERE starelid::regclass::text LIKE 'cqrs%' RETURNING 1"
            )
            self.assertIn(("cqrs_event",), self.without_statistics())

        with self.subTest("what changed between the attempts is reconciled"):
            done = self.odoo("cqrs", "reconcile", "--json")
            self.assertEqual(json.loads(done.stdout), {"events": 1})
            self.assertIn("findings: -\n", self.odoo("cqrs", "verify").stdout)
            self.assertEqual(self.without_statistics(), [])

        with self.subTest("nothing is left to do"):
            self.assertEqual(self.build(), {"events": 0})

        inserted = [id_ for (id_,) in self.query(INSERT % 3)]
        with self.subTest("cancelled"):
            self.query(
                """
                CREATE FUNCTION cancel() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN NEW.cancel_requested = true; RETURN NEW; END $$;
                CREATE TRIGGER cancel BEFORE INSERT ON cqrs_run
                    FOR EACH ROW EXECUTE FUNCTION cancel();
                SELECT 1
                """
            )
            done = self.odoo("cqrs", "build", status=1)
            self.assertEqual(done.stdout, "")
            self.assertIn("build: cancelled", done.stderr)
            self.assertEqual(sorted(self.events()), leads)
            self.query("DROP FUNCTION cancel() CASCADE; SELECT 1")

        with self.subTest("only what has no event yet"):
            self.assertEqual(self.build(), {"events": 3})
            self.assertEqual(
                self.query(
                    "SELECT stream_id, version, type, origin FROM cqrs_event"
                    " ORDER BY position DESC LIMIT 3"
                ),
                [
                    (id_, 1, "OpportunityCreated", "migration")
                    for id_ in sorted(inserted, reverse=True)
                ],
            )


@tagged("post_install", "-at_install")
class TestFirstBuildInBatches(RealCursors):
    """Real cursors, committed: five leads that no hook has seen, a batch for each."""

    def setUp(self):
        super().setUp()
        with self.registry.cursor() as cr:
            self.event(cr)._build()
            self.event(cr)._reconcile()
            cr.execute(INSERT % 5)
            self.lead_ids = [id_ for (id_,) in cr.fetchall()]
        self.addCleanup(self.remove)
        self.enterContext(patch.object(first_build, "FIRST_BATCH", 1))
        self.enterContext(patch.object(first_build, "BATCH_SIZE", 1))
        self.enterContext(patch.object(first_build, "CONNECTIONS", 2))

    def remove(self):
        with self.registry.cursor() as cr:
            env = self.environment(cr)
            env["crm.lead"].browse(self.lead_ids).unlink()

    def event(self, cr):
        return self.environment(cr)["cqrs.event"]

    def build(self, *report):
        with self.registry.cursor() as cr:
            return self.event(cr)._build(*report)

    def recorded(self, columns="stream_id"):
        with self.registry.cursor() as cr:
            cr.execute(
                f"SELECT {columns} FROM cqrs_event"
                " WHERE stream_model = 'crm.lead' AND stream_id = ANY(%s)"
                " ORDER BY stream_id, version",
                [self.lead_ids],
            )
            return cr.fetchall()

    def indexes(self):
        with self.registry.cursor() as cr:
            cr.execute(
                "SELECT indexname::text, indexdef FROM pg_indexes"
                " WHERE tablename LIKE 'cqrs%%'"
            )
            return dict(cr.fetchall())

    def test_it_says_how_far_it_is(self):
        said, before = [], self.indexes()

        def report(*each):
            said.append(each)
            # Others read and write meanwhile.
            self.assertEqual(self.indexes(), before)

        self.assertEqual(self.build(report), 5)
        self.assertEqual(
            said,
            [(0, "5 records")]
            + [(n / 5, f"crm.lead, {n} of 5 records") for n in range(1, 6)]
            + [(1, "statistics")],
        )
        self.assertEqual(self.recorded(), [(id_,) for id_ in self.lead_ids])

    def test_a_report_that_raises_ends_it_and_the_next_goes_on(self):
        event, pool = self.registry["cqrs.event"], ThreadPoolExecutor
        cancelled, ended = Event(), Event()
        record_batch, shutdown = event._record_batch, pool.shutdown

        def wait_for_the_end(records, model, ids):
            if ids[0] not in self.lead_ids[:2]:
                ended.wait()
            return record_batch(records, model, ids)

        def end(executor, **options):
            shutdown(executor, **{**options, "wait": False})
            # Not that of the statistics after the first batch.
            if cancelled.is_set():
                ended.set()
            shutdown(executor, **options)

        def cancel(done, step):
            if done >= 0.4:
                cancelled.set()
                raise ZeroDivisionError

        with (
            patch.object(event, "_record_batch", wait_for_the_end),
            patch.object(pool, "shutdown", end),
            self.assertRaises(ZeroDivisionError),
        ):
            self.build(cancel)
        first = self.recorded("stream_id, event_id")
        # Two that it reported, and of those beside them what was under way.
        self.assertIn(len(first), (3, 4))
        with self.registry.cursor() as cr:
            cr.execute(
                "SELECT id FROM cqrs_opportunity_view WHERE id = ANY(%s) ORDER BY id",
                [self.lead_ids],
            )
            self.assertEqual(cr.fetchall(), self.recorded())
        self.assertEqual(self.build(), 5 - len(first))
        self.assertEqual(
            [each for each in self.recorded("stream_id, event_id") if each in first],
            first,
        )

    def test_a_batch_that_fails_ends_it_and_says_why(self):
        event = self.registry["cqrs.event"]
        record_batch, failing = event._record_batch, self.lead_ids[2]

        def fail(records, model, ids):
            if failing in ids:
                records.env.cr.execute("SELECT 1 / 0")
            return record_batch(records, model, ids)

        with (
            patch.object(event, "_record_batch", fail),
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(Exception, "division by zero"),
        ):
            self.build()
        recorded = {id_ for (id_,) in self.recorded()}
        self.assertIn(self.lead_ids[0], recorded)
        self.assertNotIn(failing, recorded)
        self.assertEqual(self.build(), 5 - len(recorded))

    def test_an_end_before_its_time_hides_nothing_from_the_reconciler(self):
        with self.registry.cursor() as cr:
            self.event(cr)._build()
            cr.execute(
                "UPDATE crm_lead SET name = 'Unseen' WHERE id = %s", self.lead_ids[:1]
            )
            cr.execute(INSERT % 1)
            self.lead_ids += cr.fetchone()
        look = self.look()
        with self.assertRaises(ZeroDivisionError):
            self.build(lambda done, step: 1 / 0)
        # Its horizon tells less: another open transaction may hold it back.
        self.assertEqual(self.look(), look)
        with self.registry.cursor() as cr:
            self.assertEqual(self.event(cr)._reconcile(["crm.lead"]), 2)

    def look(self):
        """Return when the reconciler has last looked at leads."""
        with self.registry.cursor() as cr:
            cr.execute(
                "SELECT looked_at FROM cqrs_reconciliation"
                " WHERE stream_model = 'crm.lead'"
            )
            return cr.fetchone()

    def test_every_event_names_the_request_that_asked_for_it(self):
        request = SimpleNamespace(
            session=SimpleNamespace(uid=2),
            httprequest=SimpleNamespace(environ={"HTTP_X_CORRELATION_ID": "asked"}),
        )
        _request_stack.push(request)
        try:
            self.build()
        finally:
            _request_stack.pop()
        self.assertEqual(
            self.recorded("acting_user_id, correlation_id"), [(2, "asked")] * 5
        )

    def test_an_install_is_one_transaction(self):
        said = []
        before = self.indexes()
        with self.registry.cursor() as cr:
            # What is pending is recorded, too.
            [lead_id] = self.event(cr).env["crm.lead"].create({"name": "Pending"})._ids
            self.assertEqual(
                self.event(cr)._build_at_once(lambda *each: said.append(each)), 6
            )
        self.assertEqual(
            said,
            [(0, "6 records")]
            + [(n / 6, f"crm.lead, {n} of 6 records") for n in range(1, 7)]
            + [(1, "indexes and statistics")],
        )
        self.lead_ids.append(lead_id)
        self.assertEqual(self.recorded(), [(id_,) for id_ in self.lead_ids])
        self.assertEqual(self.indexes(), before)

    def test_an_install_that_fails_leaves_nothing(self):
        before = self.indexes()
        with (
            self.assertRaises(ZeroDivisionError),
            closing(self.registry.cursor()) as cr,
        ):
            self.event(cr)._build_at_once(lambda done, step: done and 1 / 0)
        self.assertEqual(self.recorded(), [])
        self.assertEqual(self.indexes(), before)

    def test_what_is_deleted_during_an_install_is_found(self):
        with self.registry.cursor() as cr:
            cr.execute("DELETE FROM cqrs_reconciliation")
        with self.registry.cursor() as installing:
            # Its snapshot is older than the deletion, which is counted before.
            installing.execute("SELECT 1 FROM crm_lead LIMIT 1")
            with self.registry.cursor() as cr:
                cr.execute("DELETE FROM crm_lead WHERE id = %s", self.lead_ids[:1])
            with self.registry.cursor() as cr:
                cr.execute("SELECT pg_stat_force_next_flush()")
            time.sleep(0.1)
            self.assertEqual(self.event(installing)._build_at_once(), 5)
        with self.registry.cursor() as cr:
            self.assertEqual(self.event(cr)._reconcile(["crm.lead"]), 1)

    def test_statistics_are_gathered_after_the_first_batch_of_several_and_at_the_end(
        self,
    ):
        for size, times in ((5, 1), (1, 2)):
            with (
                self.subTest(size),
                patch.object(first_build, "FIRST_BATCH", size),
                patch.object(
                    self.registry["cqrs.event"], "_gather_statistics"
                ) as analyze,
            ):
                self.build()
                self.assertEqual(analyze.call_count, times)
                with self.registry.cursor() as cr:
                    cr.execute(INSERT % 5)
                    self.lead_ids += [id_ for (id_,) in cr.fetchall()]

    def test_autovacuum_passes_over_what_is_filled_until_it_is_full(self):
        passed_over = []

        def vacuum(*__):
            # As autovacuum does.
            connection = psycopg2.connect(**connection_info_for(self.env.cr.dbname)[1])
            connection.autocommit = True
            with closing(connection), connection.cursor() as cr:
                cr.execute("VACUUM (SKIP_LOCKED) cqrs_event")
            passed_over.append("skipping vacuum" in "".join(connection.notices))

        self.build(vacuum)
        vacuum()
        # Nothing is held before the first batch has told what there is, nor for the
        # indexes at the end.
        self.assertEqual(passed_over, [False] * 2 + [True] * 4 + [False] * 2)

    def test_a_server_that_ends_idle_transactions_leaves_it_alone(self):
        cursor = self.registry.cursor

        def impatient():
            cr = cursor()
            cr.execute("SET LOCAL idle_in_transaction_session_timeout = '100ms'")
            return cr

        with self.registry.cursor() as cr:
            event = self.event(cr)
            with (
                patch.object(self.registry, "cursor", impatient),
                event._without_autovacuum(),
            ):
                time.sleep(0.5)
