from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import SQL

from ..models.event_store import verify as verify_module
from ..models.event_store.replay import replay
from ..models.event_store.verify import verify
from .common import SalesOrganisation


@tagged("post_install", "-at_install")
class TestVerifyFindsTampering(SalesOrganisation):
    """By somebody who may do anything in the database."""

    def setUp(self):
        super().setUp()
        self.lead = self.opportunity(self.seller)
        for revenue in (1, 2, 3):
            self.lead.expected_revenue = revenue
            self.env.cr.flush()
        self.assertEqual(self.found(), [])

    def found(self):
        """Return ``(kind, model, id, version)`` of each finding."""
        return [
            (each.kind, each.stream_model, each.stream_id, each.version)
            for each in verify(self.env)
        ]

    def tamper(self, statement, *params):
        self.env.cr.execute("SET LOCAL session_replication_role = replica")
        self.env.cr.execute(statement, params)
        self.env.cr.execute("SET LOCAL session_replication_role = origin")

    def tamper_with_event(self, version, change):
        self.tamper(
            f"UPDATE cqrs_event SET {change} WHERE stream_model = 'crm.lead'"
            " AND stream_id = %s AND version = %s",
            self.lead.id,
            version,
        )

    def of_lead(self, kind, version):
        return (kind, "crm.lead", self.lead.id, version)

    def test_what_an_event_says_after(self):
        self.tamper_with_event(3, """after = '{"expected_revenue": 9}'""")
        # The next event has overwritten the value: the state is as it was.
        self.assertEqual(self.found(), [self.of_lead("broken_chain", 3)])

    def test_what_an_event_says_before(self):
        self.tamper_with_event(2, """before = '{"expected_revenue": 9}'""")
        self.assertEqual(self.found(), [self.of_lead("broken_chain", 2)])

    def test_who_and_when_and_that_it_says_nothing(self):
        for change in (
            "user_id = NULL",
            "acting_user_id = 1 + acting_user_id",
            "occurred_at = occurred_at - interval '1 microsecond'",
            "origin = 'cron'",
            "details = '{}'",
            "event_id = gen_random_uuid()",
            "type = 'OpportunityWon'",
        ):
            with self.subTest(change), self.env.cr.savepoint() as savepoint:
                self.tamper_with_event(2, change)
                self.assertEqual(self.found(), [self.of_lead("broken_chain", 2)])
                savepoint.rollback()

    def test_the_hash_of_an_event(self):
        self.tamper_with_event(2, "hash = sha256('forged')")
        self.assertEqual(self.found(), [self.of_lead("broken_chain", 2)])

    def test_an_event_removed_from_the_middle(self):
        self.tamper(
            "DELETE FROM cqrs_event WHERE stream_model = 'crm.lead'"
            " AND stream_id = %s AND version = 2",
            self.lead.id,
        )
        self.assertEqual(
            self.found(),
            [self.of_lead("broken_chain", 3), self.of_lead("version_gap", 3)],
        )

    def test_the_last_event_removed(self):
        self.tamper(
            "DELETE FROM cqrs_event WHERE stream_model = 'crm.lead'"
            " AND stream_id = %s AND version = 4",
            self.lead.id,
        )
        self.assertIn(self.of_lead("wrong_state", 4), self.found())

    def test_a_recorded_state(self):
        self.env.cr.execute(
            """
            UPDATE cqrs_stream SET state = state || '{"name": "Forged"}'
            WHERE stream_model = 'crm.lead' AND stream_id = %s
            """,
            [self.lead.id],
        )
        self.assertEqual(
            self.found(),
            [self.of_lead("unrecorded_change", 4), self.of_lead("wrong_state", 4)],
        )

    def test_a_stream_removed_with_all_its_events(self):
        for table in ("cqrs_event", "cqrs_stream"):
            self.tamper(
                f"DELETE FROM {table} WHERE stream_model = 'crm.lead'"
                " AND stream_id = %s",
                self.lead.id,
            )
        self.assertIn(self.of_lead("unrecorded_change", None), self.found())

    def test_a_record_changed_behind_all_hooks(self):
        self.env.cr.execute(
            "UPDATE crm_lead SET name = 'Unseen' WHERE id = %s", [self.lead.id]
        )
        self.assertEqual(self.found(), [self.of_lead("unrecorded_change", 4)])

    def test_a_row_of_a_projection(self):
        self.env.cr.execute(
            "UPDATE cqrs_opportunity_view SET value = 9 WHERE id = %s", [self.lead.id]
        )
        self.env.cr.execute(
            "DELETE FROM cqrs_user_access WHERE owner_id = %s AND depth > 0",
            [self.seller.id],
        )
        self.assertEqual(
            [(each.kind, each.detail) for each in verify(self.env)],
            [
                (
                    "projection_drift",
                    "cqrs.opportunity.view: 1 rows missing, 1 stale.",
                ),
                ("projection_drift", "cqrs.user.access: 2 rows missing, 0 stale."),
            ],
        )

    def test_a_projection_that_is_wrong_in_every_replay_too(self):
        """The oracle alone can tell: it shares no code with the projection."""
        view = self.env.registry["cqrs.opportunity.view"]
        right = "THEN expected_revenue END, 0)"
        self.assertIn(right, view._PUT.code)
        wrong = SQL(view._PUT.code.replace(right, f"{right} + 1"), *view._PUT.params)
        with patch.object(view, "_statements", lambda *args: [wrong]):
            replay(self.env, ["cqrs.opportunity.view"])
            details = {
                each.stream_id: (each.kind, each.detail) for each in verify(self.env)
            }
        kind, detail = details[self.lead.id]
        self.assertEqual(kind, "projection_drift")
        self.assertRegex(detail, r"'value': Decimal\('3\.00'\).* by Odoo's records")
        self.assertRegex(detail, r"'value': Decimal\('4\.00'\).* here\.$")

    def test_more_than_is_given(self):
        others = [self.opportunity(self.seller) for __ in range(3)]
        for lead in (self.lead, *others):
            self.tamper(
                """
                UPDATE cqrs_event SET version = version + 1, hash = ''
                WHERE stream_model = 'crm.lead' AND stream_id = %s
                  AND version = (SELECT max(version) FROM cqrs_event e
                                 WHERE e.stream_model = cqrs_event.stream_model
                                   AND e.stream_id = cqrs_event.stream_id)
                """,
                lead.id,
            )
            self.env.cr.execute(
                "UPDATE crm_lead SET referred = 'Unseen' WHERE id = %s", [lead.id]
            )
        kinds = ("broken_chain", "version_gap", "unrecorded_change", "wrong_state")
        # Versions 5, 2, 2 and 2: a gap, a forged hash and a wrong state in each.
        for limit, given in ((3, 3), (4, 4)):
            with self.subTest(limit), patch.object(verify_module, "LIMIT", limit):
                findings = verify(self.env)
            for kind in kinds:
                of_kind = [each for each in findings if each.kind == kind]
                records = [each for each in of_kind if each.stream_id]
                self.assertEqual(len(records), given)
                self.assertEqual(
                    [
                        (each.stream_model, each.detail)
                        for each in of_kind
                        if not each.stream_id
                    ],
                    [("crm.lead", "There are more of these; the first 3 are given.")]
                    if limit == 3
                    else [],
                )

    #: What makes the database accept a change of the log
    OPENED = (
        "ALTER TABLE cqrs_event DISABLE TRIGGER cqrs_event_append_only",
        "ALTER TABLE cqrs_event ENABLE REPLICA TRIGGER cqrs_event_append_only",
        "DROP TRIGGER cqrs_event_append_only ON cqrs_event",
        """
        CREATE OR REPLACE TRIGGER cqrs_event_append_only
            BEFORE UPDATE OR TRUNCATE ON cqrs_event
            FOR EACH STATEMENT EXECUTE FUNCTION cqrs_event_refuse_change()
        """,
        """
        CREATE OR REPLACE TRIGGER cqrs_event_append_only
            BEFORE UPDATE OF type OR DELETE OR TRUNCATE ON cqrs_event
            FOR EACH STATEMENT EXECUTE FUNCTION cqrs_event_refuse_change()
        """,
        """
        CREATE OR REPLACE TRIGGER cqrs_event_append_only
            BEFORE UPDATE OR DELETE OR TRUNCATE ON cqrs_event
            FOR EACH STATEMENT WHEN (current_user <> 'forger')
            EXECUTE FUNCTION cqrs_event_refuse_change()
        """,
        """
        CREATE OR REPLACE FUNCTION cqrs_event_refuse_change() RETURNS trigger
        LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$
        """,
    )

    def test_the_trigger_disabled_or_gone_or_for_less(self):
        for statement in self.OPENED:
            with self.subTest(statement), self.env.cr.savepoint() as savepoint:
                self.env.cr.execute(statement)
                self.assertEqual(self.found(), [("missing_trigger", None, None, None)])
                savepoint.rollback()

    def test_a_server_that_starts_says_that_the_log_can_be_edited(self):
        logger = "odoo.addons.crm_cqrs.models.event_store.append_only"
        event = self.env["cqrs.event"]
        with self.assertNoLogs(logger, "WARNING"):
            event._register_hook()
        for statement in (self.OPENED[0], self.OPENED[-1]):
            with self.subTest(statement), self.env.cr.savepoint() as savepoint:
                self.env.cr.execute(statement)
                with self.assertLogs(logger, "WARNING") as logs:
                    event._register_hook()
                [said] = logs.output
                self.assertIn("The event log can be edited", said)
                self.assertIn(f"'odoo-bin -d {self.env.cr.dbname} -u crm_cqrs", said)
                event.init()
                with self.assertNoLogs(logger, "WARNING"):
                    event._register_hook()
                savepoint.rollback()
