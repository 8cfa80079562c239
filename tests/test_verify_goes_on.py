from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..models.maintenance import sample as sample_module
from ..models.maintenance.oracle import ORACLES
from ..models.maintenance.replay import replay
from ..models.maintenance.sample import sample
from ..models.maintenance.scope import BLOCK, EVERYTHING, PARTS, Scope, next_scope
from ..models.maintenance.status import last_verification
from ..models.maintenance.verify import verify
from .common import RealCursors, SalesOrganisation, without_triggers

#: A transaction that has not begun
FUTURE = str(2**62)

SINCE_NEVER, SINCE_EVER = (1, FUTURE), (1, "0")


def part_of(record):
    return record.id // BLOCK % PARTS


@tagged("post_install", "-at_install")
class TestVerifyGoesOn(SalesOrganisation):
    """Verifications of a part, after tampering by somebody who may do anything."""

    def setUp(self):
        super().setUp()
        self.lead = self.opportunity(self.seller)
        for revenue in (1, 2, 3):
            self.lead.expected_revenue = revenue
            self.env.cr.flush()

    def found(self, part, since):
        scope = Scope(part, since, ("",) * PARTS, seed=1)
        return {(each.kind, each.stream_id) for each in verify(self.env, scope=scope)}

    def tamper(self, *statements):
        with without_triggers(self.env.cr):
            for statement in statements:
                self.env.cr.execute(statement.replace("LEAD", str(self.lead.id)))

    def test_tampering_is_found_in_its_part_and_in_what_changed(self):
        of_lead = "WHERE stream_model = 'crm.lead' AND stream_id = LEAD"
        no_event = f"DELETE FROM cqrs_event {of_lead}"
        no_state = f"DELETE FROM cqrs_stream {of_lead}"
        altered = f"UPDATE cqrs_event SET details = '{{}}' {of_lead} AND version = 2"
        self.assertEqual(self.found(part_of(self.lead), SINCE_NEVER), set())
        for kind, *statements in (
            ("broken_chain", altered),
            ("version_gap", f"{no_event} AND version = 2"),
            ("wrong_state", f"{no_event} AND version = 4"),
            ("wrong_state", no_state),
            ("unrecorded_change", no_event, no_state),
            ("unrecorded_change", "DELETE FROM crm_lead WHERE id = LEAD"),
            (
                "unreadable_value",
                "UPDATE crm_lead SET expected_revenue = 'NaN' WHERE id = LEAD",
            ),
            (
                "projection_drift",
                "UPDATE cqrs_opportunity_view SET value = 9 WHERE id = LEAD",
            ),
            ("projection_drift", "DELETE FROM cqrs_opportunity_view WHERE id = LEAD"),
        ):
            with self.subTest(statements), self.env.cr.savepoint() as savepoint:
                self.tamper(*statements)
                names_lead = kind != "projection_drift"
                finding = (kind, self.lead.id if names_lead else None)
                part, other = part_of(self.lead), (part_of(self.lead) + 1) % PARTS
                self.assertIn(finding, self.found(part, SINCE_NEVER))
                self.assertNotIn(finding, self.found(other, SINCE_NEVER))
                if no_event not in statements:
                    self.assertIn(finding, self.found(other, SINCE_EVER))
                savepoint.rollback()

    def test_what_no_part_can_hold_is_compared_each_time(self):
        for statement, kind in (
            ("UPDATE cqrs_user_profile SET name = 'Wrong'", "projection_drift"),
            ("DELETE FROM cqrs_user_access WHERE depth > 0", "projection_drift"),
            ("INSERT INTO cqrs_epoch VALUES (5)", "wrong_epoch"),
            (
                "ALTER TABLE cqrs_event DISABLE TRIGGER cqrs_event_append_only",
                "missing_trigger",
            ),
        ):
            with self.subTest(statement), self.env.cr.savepoint() as savepoint:
                self.env.cr.execute(statement)
                part = (part_of(self.lead) + 1) % PARTS
                self.assertIn((kind, None), self.found(part, SINCE_NEVER))
                savepoint.rollback()

    def test_what_all_events_add_up_to_is_compared_with_the_first_part(self):
        # A sum of nobody, so that no sample has it
        self.env.cr.execute(
            """
            INSERT INTO cqrs_metrics (
                dimension, user_id, total, active, won, lost, pipeline_value,
                weighted_pipeline, won_revenue)
            VALUES ('owner', -1, 1, 0, 0, 0, 0, 0, 0)
            """
        )
        self.assertIn(("projection_drift", None), self.found(0, SINCE_NEVER))
        self.assertEqual(self.found(1, SINCE_NEVER), set())

    def test_a_sample_of_the_records_is_compared_one_by_one(self):
        view = self.env.registry["cqrs.opportunity.view"]
        right = 'THEN "expected_revenue" END, 0)'
        [put] = self.env["cqrs.opportunity.view"]._statements("crm.lead")
        wrong = SQL(put.code.replace(right, f"{right} + 1"), *put.params)
        with patch.object(view, "_statements", lambda *args: [wrong]):
            self.lead.expected_revenue = 4
            self.env.cr.flush()
            replay(self.env, ["cqrs.opportunity.view"])
            self.assertIn(
                ("projection_drift", self.lead.id), self.found(None, SINCE_NEVER)
            )

    def test_a_sample_is_right_whatever_it_holds(self):
        other = self.opportunity(self.peer)
        other.user_id = self.seller
        self.lead.user_id = False
        self.env.cr.flush()
        with patch.object(sample_module, "SAMPLE_SIZE", 3):
            samples = [sample(self.env, seed) for seed in range(8)]
            self.assertEqual(samples[3], sample(self.env, 3))
        self.assertGreater(len({tuple(each.leads) for each in samples}), 1)
        for each in samples:
            self.assertEqual(len(each.leads), 3)
            for oracle in ORACLES.values():
                self.assertEqual(list(oracle(self.env, each)), [])

    def test_a_sample_finds_what_is_wrong_with_its_records(self):
        records = sample(self.env, 1)
        self.assertIn(self.lead.id, records.leads)
        self.assertIn(self.seller.id, records.owners)
        self.assertIn(self.seller.id, records.users)
        for table, statement in (
            (
                "cqrs_opportunity_view",
                f"UPDATE cqrs_opportunity_view SET value = 9 WHERE id = {self.lead.id}",
            ),
            (
                "cqrs_user_profile",
                f"DELETE FROM cqrs_user_profile WHERE id = {self.seller.id}",
            ),
            (
                "cqrs_user_access",
                f"DELETE FROM cqrs_user_access WHERE owner_id = {self.seller.id}",
            ),
            ("cqrs_employee_span", "DELETE FROM cqrs_employee_span"),
            ("cqrs_department_span", "DELETE FROM cqrs_department_span"),
            ("cqrs_metrics", "DELETE FROM cqrs_metrics_tail"),
        ):
            with self.subTest(table), self.env.cr.savepoint() as savepoint:
                self.env.cr.execute(statement)
                self.assertTrue(list(ORACLES[table](self.env, records)))
                savepoint.rollback()


@tagged("post_install", "-at_install")
class TestNights(RealCursors):
    """Real cursors: each verification goes on where the last one ended."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.execute, "DELETE FROM cqrs_run")
        self.execute("DELETE FROM cqrs_run")

    def execute(self, statement, *params):
        with self.registry.cursor() as cr:
            cr.execute("SET LOCAL session_replication_role = replica")
            cr.execute(statement, params)
            return cr.fetchall() if cr.description else None

    def night(self):
        """Return number of findings, outcome and coverage of a nightly verification."""
        with self.transaction() as env:
            env["cqrs.run"]._verify_nightly()
        return self.last()

    def last(self):
        with self.transaction() as env:
            run = env["cqrs.run"].search([], limit=1)
            return run.findings, run.outcome, (run.result or {}).get("coverage")

    def scope(self):
        with self.transaction() as env:
            return next_scope(env)

    def status(self):
        with self.transaction() as env:
            return last_verification(env)

    def test_everything_is_covered_within_a_known_number_of_nights(self):
        findings, outcome, first = self.night()
        self.assertEqual((findings, first["is_whole"]), (0, True))
        self.assertIn("sample of records", outcome)
        nights = [self.night() for __ in range(PARTS)]
        self.assertEqual({each[0] for each in nights}, {0})
        self.assertEqual(
            [each[2]["part"] for each in nights], [number for number in range(PARTS)]
        )
        self.assertIn(f"part 1 of {PARTS}", nights[0][1])
        whole_since = [each[2]["whole_since"] for each in nights]
        self.assertEqual(whole_since[:-1], [first["whole_since"]] * (PARTS - 1))
        self.assertGreater(whole_since[-1], first["whole_since"])
        self.assertEqual(len({each[2]["seed"] for each in nights}), PARTS)
        last = self.status()
        self.assertEqual(last["coverage"]["part"], PARTS - 1)
        self.assertEqual(last["whole_since"].isoformat(), whole_since[-1])

    def test_tampering_is_found_and_everything_verified_until_it_is_gone(self):
        self.night()
        [(lead_id, type_)] = self.execute(
            "SELECT stream_id, type FROM cqrs_event WHERE stream_model = 'crm.lead'"
            " AND version = 1 ORDER BY stream_id DESC LIMIT 1"
        )
        forge = (
            "UPDATE cqrs_event SET type = %s WHERE stream_model = 'crm.lead'"
            " AND stream_id = %s AND version = 1"
        )
        self.addCleanup(self.execute, forge, type_, lead_id)
        self.execute(forge, "Forged", lead_id)
        nights = [self.night() for __ in range(PARTS)]
        self.assertIn(1, [each[0] for each in nights])
        # From then on, everything and all records are verified.
        found = next(number for number, each in enumerate(nights) if each[0])
        for findings, __, coverage in nights[found + 1 :]:
            self.assertEqual((findings, coverage["is_whole"]), (1, True))
            self.assertIsNone(coverage["seed"])
        before = self.status()["whole_since"]
        self.execute(forge, type_, lead_id)
        findings, outcome, coverage = self.night()
        self.assertEqual((findings, outcome), (0, "Everything is correct."))
        self.assertGreater(self.status()["whole_since"], before)
        self.assertEqual(self.night()[2]["part"], 0)

    @mute_logger("odoo.addons.crm_cqrs.models.maintenance.run")
    def test_one_that_did_not_end_well_covers_nothing(self):
        self.night()
        self.night()
        before, covered = self.scope(), self.status()["whole_since"]
        for error in (ZeroDivisionError, KeyboardInterrupt):
            # The first of them in the second session
            for step in ("crm.lead", "cqrs.user.access"):

                def report(done, at, step=step, error=error):
                    if at == step:
                        raise error

                with self.transaction() as env:
                    run = env["cqrs.run"].create({"kind": "verify"})
                    env.cr.commit()  # pylint: disable=invalid-commit
                    with self.assertRaises(error):
                        run._perform(report)
                    self.assertIn(run.state, ("failed", "cancelled"))
                    self.assertFalse(run.result)
        after = self.scope()
        self.assertEqual(
            (after.part, after.since, after.covered),
            (before.part, before.since, before.covered),
        )
        self.assertEqual(self.status()["whole_since"], covered)

    def test_all_that_is_asked_for_is_everything(self):
        self.night()
        with self.transaction() as env:
            env["cqrs.run"].create({"kind": "verify", "is_exhaustive": True})
            env.cr.commit()  # pylint: disable=invalid-commit
            env["cqrs.run"]._perform_pending()
        findings, outcome, coverage = self.last()
        self.assertEqual((findings, outcome), (0, "Everything is correct."))
        self.assertEqual((coverage["is_whole"], coverage["seed"]), (True, None))

    def test_another_version_of_the_addon_begins_with_everything(self):
        self.night()
        self.assertEqual(self.scope().part, 0)
        [(result,)] = self.execute("SELECT result::text FROM cqrs_run")
        for name, value in (("version", '"19.0.0.0.1"'), ("covered", "[]")):
            self.execute(
                "UPDATE cqrs_run SET result = jsonb_set(%s, %s, %s)",
                *(result, ["coverage", name], value),
            )
            self.assertTrue(self.scope().is_whole)
        self.execute("UPDATE cqrs_run SET result = %s::jsonb", result)
        self.assertEqual(self.scope().part, 0)
        self.execute("UPDATE cqrs_run SET findings = 1")
        self.assertEqual(self.scope(), EVERYTHING)
