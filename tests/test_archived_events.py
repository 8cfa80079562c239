"""A log whose oldest part lies in archive tables."""

from datetime import datetime, timedelta, timezone
from unittest.mock import patch

import psycopg2

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..models.event_store import archive as archive_module
from ..models.event_store.append_only import missing_triggers
from ..models.event_store.archive import archive_tables
from ..models.event_store.erasure import erase
from ..models.event_store.past_state import state_at
from ..models.event_store.reader import Filters, read_page
from ..models.maintenance.archive import check_tablespace, extent
from ..models.maintenance.shadow import as_of
from ..models.maintenance.status import status
from ..models.maintenance.verify import verify
from .common import administrator, without_triggers
from .sealed import Sealed

FIRST = "cqrs_event_archive_1"


@tagged("post_install", "-at_install")
class TestArchivedEvents(Sealed):
    """Everything but what came last is archived, within the test's transaction."""

    def setUp(self):
        super().setUp()
        self.lead = self.opportunity(self.seller, 1)
        for revenue in (2, 3):
            self.lead.expected_revenue = revenue
            self.env.cr.flush()
        self.seal()

    def archive(self, limit=1_000_000):
        """Move the oldest events; return the table and their number."""
        self.seal()
        self.opportunity(self.seller)  # what stays
        tomorrow = self.env.cr.now() + timedelta(days=1)
        end, total = extent(self.env, tomorrow)
        log = self.env["cqrs.event"]
        table, room = log._archive_with_room(None)
        moved = log._move_to_archive(table, end, min(limit, room))
        self.assertEqual(moved, min(limit, room, total))
        return table, moved

    def count(self, relation):
        query = SQL("SELECT count(*) FROM %s", SQL(relation))
        return self.env.execute_query(query)[0][0]

    def assert_refused(self, statement, *params):
        with (
            self.subTest(statement),
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(psycopg2.errors.RestrictViolation, "append-only"),
            self.env.cr.savepoint(flush=False),
        ):
            self.env.cr.execute(statement, params)

    def test_the_log_is_read_as_before(self):
        filters = (
            Filters(),
            Filters(types=("OpportunityCreated", "OpportunityUpdated")),
            Filters(stream_model="crm.lead", stream_id=self.lead.id),
            Filters(user_id=self.env.uid),
            Filters(acting_user_id=self.env.uid),
            Filters(until=self.env.cr.now() - timedelta(days=1)),
        )

        def read():
            first, *others = [
                read_page(self.env, None, 1_000_000, each) for each in filters
            ]
            pages = [first.events, *(page.events for page in others)]
            middle = first.checkpoint_at(pages[0][len(pages[0]) // 2])
            return (
                pages,
                read_page(self.env, middle, 3).events,
                [
                    state_at(self.env, "crm.lead", self.lead.id, version=v)
                    for v in (1, 2)
                ],
                self.env["cqrs.event"].search([("stream", "=", "crm.lead")]).ids,
                self.env["cqrs.history"].read_page("crm.lead", self.lead.id),
            )

        before, events = read(), self.count("cqrs_event")
        self.assertGreater(len(before[0][0]), 100)
        table, moved = self.archive()
        self.assertEqual((table, archive_tables(self.env)), (FIRST, [FIRST]))
        self.assertEqual(self.count(FIRST), moved)
        self.assertEqual(self.count("cqrs_event"), events + 1)
        self.assertEqual(self.count("ONLY cqrs_event"), events + 1 - moved)
        after = read()
        self.assertEqual(after[:2], before[:2])
        self.assertEqual(after[2], before[2])
        self.assertEqual(set(before[3]) - set(after[3]), set())
        self.assertEqual(after[4], before[4])
        self.assertEqual(verify(self.env), [])

    def test_the_past_is_read_as_before(self):
        [(position,)] = self.env.execute_query(
            SQL(
                "SELECT position FROM cqrs_event WHERE stream_model = 'crm.lead'"
                " AND stream_id = %s AND version = 2",
                self.lead.id,
            )
        )

        def value():
            with as_of(self.env, position):
                return self.env["cqrs.opportunity.view"].browse(self.lead.id).value

        self.assertEqual(value(), 2)
        self.archive()
        self.assertEqual(value(), 2)
        self.assertEqual(
            self.env["cqrs.opportunity.view"].browse(self.lead.id).value, 3
        )

    def test_no_event_leaves_the_database(self):
        table, moved = self.archive(limit=50)
        self.assert_refused("DELETE FROM cqrs_event")
        self.assert_refused("DELETE FROM ONLY cqrs_event")
        self.assert_refused(
            "DELETE FROM cqrs_event WHERE stream_model = 'crm.lead' AND stream_id = %s",
            self.lead.id,
        )
        self.assert_refused(f"DELETE FROM {table}")
        self.assert_refused(f"TRUNCATE {table}")
        self.assert_refused("TRUNCATE cqrs_event")
        self.assert_refused("TRUNCATE ONLY cqrs_event")
        self.assert_refused(f"UPDATE {table} SET type = 'Forged'")
        self.assert_refused("UPDATE cqrs_event SET type = 'Forged'")
        self.assertEqual(self.count(table), moved)

    def test_only_its_equal_takes_the_place_of_an_event(self):
        table, __ = self.archive(limit=50)
        before = self.count("ONLY cqrs_event")
        copy = f"""
            INSERT INTO {table} SELECT (jsonb_populate_record(event, %s)).*
            FROM ONLY cqrs_event event
            WHERE stream_model = 'crm.lead' AND stream_id = %s AND version = 1
        """
        delete = """
            DELETE FROM ONLY cqrs_event
            WHERE stream_model = 'crm.lead' AND stream_id = %s AND version = 1
        """
        for changed in ('{"position": 0}', '{"origin": "cron"}', '{"details": {}}'):
            with self.env.cr.savepoint(flush=False) as savepoint:
                self.env.cr.execute(copy, [changed, self.lead.id])
                self.assert_refused(delete, self.lead.id)
                savepoint.rollback()
        # Equal as numbers, not as they are written, and so not hashed alike.
        with self.env.cr.savepoint(flush=False) as savepoint:
            self.env.cr.execute(copy, ["{}", self.lead.id])
            with without_triggers(self.env.cr):
                self.env.cr.execute(
                    f"""
                    UPDATE {table} SET after = replace(
                        after::text, '"expected_revenue": 1.0',
                        '"expected_revenue": 1.00')::jsonb
                    WHERE stream_model = 'crm.lead' AND stream_id = %s
                    """,
                    [self.lead.id],
                )
            self.assert_refused(delete, self.lead.id)
            savepoint.rollback()
        # In a table of another name's making.
        with self.env.cr.savepoint(flush=False) as savepoint:
            self.env.cr.execute(
                "CREATE TEMPORARY TABLE cqrs_event ON COMMIT DROP AS TABLE cqrs_event"
            )
            self.assert_refused(delete.replace("ONLY", "ONLY public."), self.lead.id)
            savepoint.rollback()
        self.env.cr.execute(copy, ["{}", self.lead.id])
        self.env.cr.execute(delete, [self.lead.id])
        self.assertEqual(self.count("ONLY cqrs_event"), before - 1)

    def test_personal_values_are_erased_there(self):
        lead = self.opportunity(self.seller, contact_name="Planted Zoé")
        lead.contact_name = "Planted Léa"
        self.archive()
        lead.contact_name = False
        self.env.cr.flush()
        erased = erase(self.env, {"crm.lead": [lead.id]}, "Request 17")
        self.assertEqual(erased, 3)
        self.assertEqual(
            self.count("cqrs_event event WHERE event::text ~ 'Planted'"), 0
        )
        self.env.cr.execute(
            "SELECT tableoid::regclass::text, personal IS NULL FROM cqrs_event"
            " WHERE stream_model = 'crm.lead' AND stream_id = %s ORDER BY version",
            [lead.id],
        )
        self.assertEqual(
            self.env.cr.fetchall(),
            [(FIRST, True), (FIRST, True), ("cqrs_event", True), ("cqrs_event", False)],
        )
        self.assertEqual(verify(self.env), [])
        self.assert_refused(
            f"UPDATE {FIRST} SET before = NULL WHERE before IS NOT NULL"
        )

    def test_the_versions_of_a_stream_go_on(self):
        self.archive()
        self.lead.expected_revenue = 4
        self.env.cr.flush()
        id_, values = self.lead.id, {"name": "Reused", "type": "opportunity"}
        self.lead.unlink()
        self.env.cr.flush()
        self.env.cr.execute(
            "INSERT INTO crm_lead (id, name, type, stage_id) VALUES (%s, %s, %s, %s)",
            [id_, *values.values(), self.stage_new.id],
        )
        self.env["cqrs.event"]._record({"crm.lead": [id_]}, origin="reconcile")
        self.env.cr.execute(
            "SELECT version, tableoid::regclass::text FROM cqrs_event"
            " WHERE stream_model = 'crm.lead' AND stream_id = %s ORDER BY version",
            [id_],
        )
        self.assertEqual(
            self.env.cr.fetchall(),
            [(version, FIRST) for version in (1, 2, 3)]
            + [(version, "cqrs_event") for version in (4, 5, 6)],
        )

    def test_verify_finds_an_event_in_two_tables(self):
        table, __ = self.archive()
        self.env.cr.execute(
            f"INSERT INTO {table} SELECT * FROM ONLY cqrs_event"
            " ORDER BY position DESC LIMIT 1 RETURNING stream_id"
        )
        [(stream_id,)] = self.env.cr.fetchall()
        self.assertIn(
            ("doubled_version", stream_id, 1),
            {(each.kind, each.stream_id, each.version) for each in verify(self.env)},
        )

    def test_a_trigger_of_an_archive_table_is_missed(self):
        table, __ = self.archive()
        self.assertEqual(missing_triggers(self.env), [])
        for change in (
            f"DROP TRIGGER {table}_append_only ON {table}",
            f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only",
        ):
            with self.env.cr.savepoint(flush=False) as savepoint:
                self.env.cr.execute(change)
                self.assertEqual(missing_triggers(self.env), [f"{table}_append_only"])
                [finding] = verify(self.env)
                self.assertEqual(finding.kind, "missing_trigger")
                # As an update does.
                self.env["cqrs.event"].init()
                self.assertEqual(missing_triggers(self.env), [])
                savepoint.rollback()

    def test_an_update_brings_columns_and_indexes(self):
        table, __ = self.archive()

        def indexes(name):
            self.env.cr.execute(
                "SELECT replace(split_part(indexdef, ' USING ', 2), %s, 'cqrs_event'),"
                " indexdef LIKE 'CREATE UNIQUE%%' FROM pg_indexes WHERE tablename = %s",
                [name, name],
            )
            return sorted(self.env.cr.fetchall())

        self.assertEqual(indexes(table), indexes("cqrs_event"))
        self.env.cr.execute(
            "ALTER TABLE cqrs_event ADD added integer DEFAULT 5;"
            "CREATE INDEX ON cqrs_event (added) WHERE added % 2 = 1"
        )
        # As of a version that had no such index.
        self.env.cr.execute(
            "SELECT indexname FROM pg_indexes"
            " WHERE tablename = %s AND indexdef LIKE '%%jsonb_exists_any%%'",
            [table],
        )
        for name in ("cqrs_event_leaving", *(row[0] for row in self.env.cr.fetchall())):
            self.env.cr.execute(SQL("DROP INDEX %s", SQL.identifier(name)))
        self.env["cqrs.event"].init()
        self.assertIn("jsonb_exists_any", repr(indexes(table)))
        self.assertEqual(indexes(table), indexes("cqrs_event"))
        self.env.cr.execute("SELECT DISTINCT added FROM cqrs_event")
        self.assertEqual(self.env.cr.fetchall(), [(5,)])
        self.archive(limit=3)
        self.assertEqual(verify(self.env), [])

    def test_a_table_that_is_full_is_followed_by_another(self):
        self.archive(limit=20)
        with patch.object(archive_module, "TABLE_SIZE", 30):
            self.assertEqual(self.archive(), (FIRST, 10))
            self.assertEqual(self.archive(), ("cqrs_event_archive_2", 30))
        self.assertEqual(self.archive(limit=5), ("cqrs_event_archive_2", 5))
        self.assertEqual(verify(self.env), [])

    def test_what_no_seal_covers_stays(self):
        def staying():
            __, total = extent(self.env, datetime(2100, 1, 1, tzinfo=timezone.utc))
            return self.count("ONLY cqrs_event") - total

        for __ in range(2):
            self.opportunity(self.seller)
        self.assertEqual(staying(), 2)
        self.seal()
        self.assertEqual(staying(), 1)
        self.spoil("TRUNCATE cqrs_seal")
        self.assertEqual(staying(), self.count("ONLY cqrs_event"))

    def test_what_came_last_stays(self):
        __, moved = self.archive()
        self.assertGreater(moved, 100)
        yesterday = self.env.cr.now() - timedelta(days=1)
        self.assertEqual(extent(self.env, yesterday)[1], 0)
        check_tablespace(self.env, "pg_default")
        with self.assertRaisesRegex(ValueError, "no such tablespace: elsewhere"):
            check_tablespace(self.env, "elsewhere")

    def test_an_administrator_asks_for_it(self):
        admin = administrator(self.env)
        assistant = self.env["cqrs.archive.assistant"].with_user(admin).create({})
        self.assertEqual(assistant.events, 0)
        assistant.before = datetime(2100, 1, 1)
        self.assertGreater(assistant.events, 100)
        self.assertIn(("pg_default", "pg_default"), assistant._tablespaces())
        assistant.tablespace = "pg_default"
        run = self.env["cqrs.run"].browse(assistant.action_archive_events()["res_id"])
        self.assertEqual(
            (run.kind, run.state, run.before, run.tablespace, run.user_id),
            ("archive", "pending", assistant.before, "pg_default", admin),
        )
        runs = self.env["cqrs.run"].with_user(admin)
        with self.assertRaisesRegex(UserError, "Choose the time"):
            runs.action_archive_events(False)
        with self.assertRaisesRegex(ValueError, "no such tablespace"):
            runs.action_archive_events("2001-01-01 00:00:00", "elsewhere")

    def test_events_and_bytes_are_counted(self):
        table, moved = self.archive()
        self.env.cr.execute("ANALYZE cqrs_event")
        self.env.cr.execute(f"ANALYZE {table}")
        events = self.count("cqrs_event")
        told = status(self.env)
        self.env.cr.execute(
            "SELECT pg_total_relation_size('cqrs_event'), pg_total_relation_size(%s)",
            [table],
        )
        here, there = self.env.cr.fetchone()
        self.assertEqual((told["events"], told["event_bytes"]), (events, here + there))
        self.assertEqual(
            told["archive_tables"],
            [{"table": table, "tablespace": None, "bytes": there}],
        )
        health = self.env["cqrs.health"].read_health()
        self.assertEqual(health["log"]["events"], events)
        sizes = {each["table"]: each for each in health["sizes"]}
        self.assertEqual(
            (sizes[table]["model"], sizes[table]["rows"], sizes[table]["bytes"]),
            ("cqrs.event", moved, there),
        )
