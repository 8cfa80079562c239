import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from odoo.service.model import retrying
from odoo.tests import HttpCase, tagged
from odoo.tools import SQL, mute_logger

from ..models.maintenance.findings import BROKEN_PROJECTION
from ..models.maintenance.oracle import drifts
from ..models.maintenance.repair_backup import delete_backup
from ..models.maintenance.replay import replay
from ..models.maintenance.status import status
from ..models.maintenance.verify import verify
from ..models.projections.failures import broken, quarantined
from .common import RealCursors, SalesOrganisation

WRITERS = 16
VIEW = "cqrs.opportunity.view"
LOGGERS = (
    "odoo.sql_db",
    "odoo.addons.crm_cqrs.models.event_store.record",
    "odoo.addons.crm_cqrs.models.projections.failures",
    "odoo.addons.crm_cqrs.controllers.dispatcher",
    "odoo.http",
)

#: What can happen to the tables of a read model: ``{projection: statements}``
DAMAGES = {
    "a column of the list": (VIEW, "ALTER TABLE cqrs_opportunity_view DROP value"),
    "the list": (VIEW, "DROP TABLE cqrs_opportunity_view"),
    "its key": (
        VIEW,
        "ALTER TABLE cqrs_opportunity_view DROP CONSTRAINT cqrs_opportunity_view_pkey",
    ),
    "the tail of the sums": ("cqrs.metrics", "DROP TABLE cqrs_metrics_tail"),
    "the type of the sums": ("cqrs.metrics", "DROP TYPE cqrs_metrics_lead CASCADE"),
    "the closure": ("cqrs.user.access", "DROP TABLE cqrs_user_access"),
    "a column of employees": (
        "cqrs.user.access",
        "ALTER TABLE cqrs_employee DROP department_id",
    ),
    "profiles": ("cqrs.user.profile", "DROP TABLE cqrs_user_profile"),
}


@tagged("post_install", "-at_install")
class TestBrokenReadModel(SalesOrganisation, HttpCase):
    def execute(self, statement):
        self.env.cr.flush()
        self.env.cr.execute(statement)

    def work(self):
        """Write what each projection consumes; return the lead."""
        lead = self.opportunity(self.seller, 5)
        lead.expected_revenue = 7
        self.env.cr.flush()
        self.opportunity(self.peer, 9).unlink()
        self.seller_employee.parent_id = self.other_manager_employee
        self.seller.name = "Sally"
        self.env.cr.flush()
        return lead

    @mute_logger(*LOGGERS)
    def test_whatever_is_missing_no_write_is_refused_and_a_rebuild_makes_it(self):
        for title, (projection, damage) in DAMAGES.items():
            with self.subTest(title), self.env.cr.savepoint() as savepoint:
                before = self.opportunity(self.seller, 3)
                self.execute(damage)
                lead = self.work()
                before.expected_revenue = 4
                self.assertEqual(
                    [event[1] for event in self.events(lead)],
                    ["OpportunityCreated", "OpportunityUpdated"],
                )
                self.assertIn(projection, broken(self.env))
                self.assertIn(projection, status(self.env)["broken_projections"])
                self.assertIn(BROKEN_PROJECTION, {f.kind for f in verify(self.env)})
                replay(self.env)
                self.assertEqual((broken(self.env), quarantined(self.env)), ({}, []))
                self.assertEqual(list(drifts(self.env)), [])
                self.assertEqual(verify(self.env), [])
                self.work()
                self.assertEqual(list(drifts(self.env)), [])
                savepoint.rollback()
            self.env.invalidate_all(flush=False)

    @mute_logger(*LOGGERS)
    def test_an_update_makes_what_a_table_lacks(self):
        self.opportunity(self.seller)
        for damage in ("DROP value", "DROP partner_name"):
            with self.subTest(damage):
                self.execute(f"ALTER TABLE cqrs_opportunity_view {damage}")
                self.registry.init_models(self.env.cr, [VIEW], {}, install=False)
                self.opportunity(self.seller)
                self.assertEqual((broken(self.env), quarantined(self.env)), ({}, []))
                self.assertEqual(list(drifts(self.env)), [])

    @mute_logger(*LOGGERS)
    def test_what_needs_it_answers_503_and_says_what_to_do(self):
        self.authenticate("cqrs_manager", "cqrs_manager")
        paths = {
            "/api/v2/dashboard/",
            "/api/v2/dashboard/opportunities",
            "/api/v2/dashboard/metrics",
            "/api/v2/dashboard/users/profile",
            "/api/v2/dashboard/users/hierarchy",
            "/api/opportunities",
        }
        etag = self.url_open("/api/v2/dashboard/").headers["ETag"]
        self.execute("ALTER TABLE cqrs_opportunity_view DROP value")
        # Nobody has written yet: who reads is told as well.
        answer = self.url_open("/api/v2/dashboard/opportunities")
        self.assertEqual(answer.status_code, 503, answer.text)
        self.opportunity(self.seller)
        for path in paths:
            answer = self.url_open(path, headers={"If-None-Match": etag})
            self.assertEqual(answer.status_code, 503, path)
            problem = answer.json()
            self.assertEqual(problem["type"], "/api/v2/problems/read-model-broken")
            self.assertEqual(problem["read_models"], [VIEW])
            self.assertIn("Event Store", problem["detail"])
            self.assertEqual(answer.headers["Retry-After"], "60")
        replay(self.env)
        for path in paths:
            self.assertEqual(self.url_open(path).status_code, 200, path)

    @mute_logger(*LOGGERS)
    def test_a_record_that_cannot_be_applied_is_left_out_alone(self):
        deals = self.opportunity(self.seller, 1) | self.opportunity(self.seller, 2)
        self.execute(
            "ALTER TABLE cqrs_opportunity_view ADD CONSTRAINT cqrs_test"
            " CHECK (value <> 13)"
        )
        deals[0].expected_revenue = 13
        deals[1].expected_revenue = 20
        new = self.opportunity(self.seller, 30)
        for revenue in (13, 13.0, 5):
            other = self.opportunity(self.peer, revenue)
        self.assertEqual(broken(self.env), {})
        self.assertEqual(
            {each["projection"]: each["records"] for each in quarantined(self.env)},
            {VIEW: 3, "cqrs.metrics": 3},
        )
        self.assertEqual(self.visible(self.seller), {deals[1].id, new.id})
        self.assertEqual(self.visible(self.peer), {other.id})
        dashboard = self.dashboard(self.seller)
        self.assertEqual(dashboard["metrics"]["pipeline_value"], 50)
        self.assertEqual(dashboard["opportunities"]["total"], 2)
        self.assertEqual(dashboard["meta"]["left_out"], 3)
        self.authenticate("cqrs_seller", "cqrs_seller")
        answer = self.url_open("/api/v2/dashboard/opportunities")
        self.assertEqual(answer.headers["X-Records-Left-Out"], "3")
        self.assertEqual(answer.json()["total"], 2)

        with self.subTest("changed again, and still not possible"):
            deals[0].name = "Still"
            self.assertEqual(
                self.dashboard(self.seller)["metrics"]["pipeline_value"], 50
            )
            self.assertEqual(self.visible(self.seller), {deals[1].id, new.id})
        with self.subTest("changed again, and possible"):
            deals[0].expected_revenue = 10
            self.assertEqual(
                self.dashboard(self.seller)["metrics"]["pipeline_value"], 60
            )
            self.assertEqual(self.visible(self.seller), {*deals.ids, new.id})
        with self.subTest("mended, and tried again"):
            self.assertEqual(self.env["cqrs.projection"]._heal(), 0)
            self.execute("ALTER TABLE cqrs_opportunity_view DROP CONSTRAINT cqrs_test")
            self.assertEqual(self.env["cqrs.projection"]._heal(), 2)
            self.assertEqual(quarantined(self.env), [])
            self.assertEqual(list(drifts(self.env)), [])

    @mute_logger(*LOGGERS)
    def test_a_deletion_of_what_is_left_out(self):
        self.execute(
            "ALTER TABLE cqrs_opportunity_view ADD CONSTRAINT cqrs_test"
            " CHECK (value <> 13)"
        )
        deal = self.opportunity(self.seller, 13)
        deal.unlink()
        self.env.cr.flush()
        self.assertEqual(quarantined(self.env), [])
        self.assertEqual(list(drifts(self.env)), [])


@tagged("post_install", "-at_install")
class TestWritersBesideABrokenReadModel(RealCursors):
    """Real cursors: 16 writers while a table breaks, and while it is rebuilt."""

    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            leads = env["crm.lead"].create(
                [
                    {"name": f"cqrs {n}", "type": "opportunity", "expected_revenue": n}
                    for n in range(WRITERS)
                ]
            )
            self.lead_ids = leads.ids
        self.addCleanup(self.remove)

    def remove(self):
        with self.transaction() as env:
            env["crm.lead"].browse(self.lead_ids).unlink()
            replay(env)
            delete_backup(env)

    @mute_logger(
        *LOGGERS, "odoo.service.model", "odoo.addons.crm_cqrs.models.maintenance.run"
    )
    def test_none_fails_and_nothing_is_lost(self):
        done = threading.Event()
        written = dict.fromkeys(self.lead_ids, 0)

        def write(lead_id):
            while not done.is_set():
                written[lead_id] += 1
                with self.transaction() as env:
                    lead = env["crm.lead"].browse(lead_id)
                    retrying(
                        partial(lead.write, {"expected_revenue": written[lead_id]}), env
                    )

        def wait(count):
            start = dict(written)
            while min(written[i] - start[i] for i in written) < count:
                if any(writer.done() for writer in writers):
                    done.set()
                    for writer in writers:
                        writer.result()
                # Whoever waits without a pause takes the writers' time.
                done.wait(0.02)

        with ThreadPoolExecutor(WRITERS) as pool:
            writers = [pool.submit(write, lead_id) for lead_id in self.lead_ids]
            try:
                wait(1)
                with self.transaction() as env:
                    env.cr.execute(
                        "ALTER TABLE cqrs_opportunity_view DROP partner_name"
                    )
                wait(2)
                with self.transaction() as env:
                    self.assertEqual(set(broken(env)), {VIEW})
                    # One that began before the rebuild, and ends after it.
                with self.transaction() as late:
                    late["crm.lead"].create(
                        {"name": "cqrs late", "type": "opportunity"}
                    )
                    late.cr.flush()
                    self.lead_ids += (
                        late["crm.lead"].search([("name", "=", "cqrs late")]).ids
                    )
                    self.rebuild()
                    with self.transaction() as env:
                        self.assertEqual(broken(env), {})
                wait(2)
            finally:
                done.set()
            for writer in writers:
                writer.result()
        with self.transaction() as env:
            self.assertEqual(broken(env), {})
            env["cqrs.event"]._reconcile()
            self.assertEqual(quarantined(env), [])
            self.assertEqual(list(drifts(env)), [])
            env.cr.execute(
                SQL(
                    "SELECT id, value FROM cqrs_opportunity_view WHERE id = ANY(%s)",
                    list(written),
                )
            )
            self.assertEqual(dict(env.cr.fetchall()), written)
