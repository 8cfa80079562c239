from psycopg2.errors import ReadOnlySqlTransaction, SerializationFailure

from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..models.event_store.fold import fold
from ..models.maintenance.replay import replay
from ..models.maintenance.shadow import as_of
from .common import RealCursors, SalesOrganisation

LIVE = [
    f"SELECT {columns} FROM {table} t ORDER BY {order}"
    for columns, table, order in (
        ("stream_model, stream_id, version, state::text, hash", "cqrs_stream", "1, 2"),
        ("t::text", "cqrs_opportunity_view", "id"),
        ("t::text", "cqrs_user_profile", "id"),
        ("t::text", "cqrs_employee", "id"),
        (
            "viewer_id, owner_id, company_id, depth, paths",
            "cqrs_user_access",
            "1, 2, 3, 4, 5",
        ),
    )
]


@tagged("post_install", "-at_install")
class TestReplayEqualsLiveState(SalesOrganisation):
    def setUp(self):
        super().setUp()
        self.lead = self.opportunity(self.seller, 1234.5)
        self.live()

    def live(self):
        """Return every live row that the log decides, as text."""
        self.env.cr.flush()
        return [self.rows(query) for query in LIVE]

    def rows(self, query, *params):
        self.env.cr.execute(query, params)
        return self.env.cr.fetchall()

    def hierarchy_version(self):
        return self.rows("SELECT sum(token) FROM cqrs_access_version")[0][0]

    def replayed(self, *args, **kwargs):
        """Return ``{projection: (missing, stale, repaired)}``."""
        return {
            each.projection: (each.missing, each.stale, each.repaired)
            for each in replay(self.env, *args, **kwargs)
        }

    def names(self):
        projections = self.env["cqrs.projection"]._projections()
        return ["cqrs.stream", *(projection._name for projection in projections)]

    def test_a_busy_life_replays_to_the_byte(self):
        other = self.opportunity(self.peer, 0.1, referred="a friend")
        self.lead.expected_revenue = 7.25
        other.write({"referred": False, "tag_ids": [(0, 0, {"name": "cqrs"})]})
        self.env.cr.flush()
        other.tag_ids = [(5,)]
        self.lead.action_set_lost()
        self.env.cr.flush()
        self.lead.action_unarchive()
        (self.lead | other).merge_opportunity()
        self.opportunity(self.seller).unlink()
        self.seller_employee.parent_id = self.peer_employee
        self.peer_employee.unlink()
        live, hierarchy = self.live(), self.hierarchy_version()

        self.assertEqual(
            self.replayed(),
            dict.fromkeys(self.names(), (0, 0, 0)),
        )
        self.assertEqual(self.live(), live)
        self.assertEqual(self.hierarchy_version(), hierarchy)
        folded = SQL(
            "SELECT stream_model, stream_id, version, state::text, hash FROM (%s) f"
            " ORDER BY 1, 2",
            fold(SQL("cqrs_event")),
        )
        self.assertEqual(self.env.execute_query(folded), live[0])

    def test_drift_is_counted_and_only_what_differs_is_written(self):
        live, hierarchy = self.live(), self.hierarchy_version()
        untouched = self.opportunity(self.peer)
        live = self.live()
        place = "SELECT ctid::text FROM cqrs_opportunity_view WHERE id = %s"
        before = self.rows(place, untouched.id)
        self.env.cr.execute(
            "UPDATE cqrs_opportunity_view SET name = 'x', partner_id = NULL"
            " WHERE id = %s",
            [self.lead.id],
        )
        self.env.cr.execute(
            "DELETE FROM cqrs_user_access WHERE owner_id = %s AND depth = 1",
            [self.seller.id],
        )
        self.env.cr.execute(
            'UPDATE cqrs_stream SET state = state || \'{"name": "x"}\''
            " WHERE stream_model = 'crm.lead' AND stream_id = %s",
            [self.lead.id],
        )
        drifted = dict.fromkeys(self.names(), (0, 0)) | {
            "cqrs.stream": (1, 1),
            "cqrs.opportunity.view": (1, 1),
            "cqrs.user.access": (1, 0),
        }
        self.assertEqual(
            self.replayed(repair=False),
            {name: (*drift, 0) for name, drift in drifted.items()},
        )
        self.assertNotEqual(self.live(), live)
        self.assertEqual(
            self.replayed(),
            {name: (*drift, sum(drift)) for name, drift in drifted.items()},
        )
        self.assertEqual(self.live(), live)
        self.assertEqual(self.rows(place, untouched.id), before)
        self.assertNotEqual(self.hierarchy_version(), hierarchy)

    def test_one_projection_is_replayed_alone(self):
        self.env.cr.execute("DELETE FROM cqrs_user_profile")
        self.env.cr.execute("DELETE FROM cqrs_opportunity_view")
        replayed = replay(self.env, ["cqrs.user.profile"])
        self.assertEqual([each.projection for each in replayed], ["cqrs.user.profile"])
        self.assertEqual(replayed[0].missing, replayed[0].rows)
        self.assertEqual(self.rows("SELECT FROM cqrs_opportunity_view"), [])
        with self.assertRaisesRegex(ValueError, "no such projection: cqrs.nothing"):
            replay(self.env, ["cqrs.nothing"])

    def test_a_stream_created_again_starts_over(self):
        self.lead.referred = "a friend"
        self.env.cr.flush()
        columns = [
            name
            for (name,) in self.rows(
                "SELECT attname FROM pg_attribute WHERE attrelid = 'crm_lead'::regclass"
                " AND attnum > 0 AND NOT attisdropped AND attname <> 'referred'"
            )
        ]
        names = ", ".join(f'"{name}"' for name in columns)
        self.env.cr.execute(
            f"CREATE TEMPORARY TABLE again ON COMMIT DROP AS SELECT {names}"
            " FROM crm_lead WHERE id = %s",
            [self.lead.id],
        )
        self.lead.unlink()
        self.env.cr.flush()
        self.env.cr.execute(f"INSERT INTO crm_lead ({names}) SELECT {names} FROM again")
        self.env["cqrs.event"]._record({"crm.lead": self.lead.ids}, origin="reconcile")
        self.assertEqual(
            [event[1] for event in self.events(self.lead)],
            [
                "OpportunityCreated",
                "OpportunityUpdated",
                "OpportunityDeleted",
                "OpportunityCreated",
            ],
        )
        self.assertEqual(set(self.replayed().values()), {(0, 0, 0)})

    def test_a_merge_that_changed_nothing_leaves_the_state(self):
        self.env["cqrs.event"]._record(
            {"crm.lead": self.lead.ids},
            origin="orm",
            details={"crm.lead": {self.lead.id: {"merged_from": [7]}}},
        )
        self.assertEqual(self.events(self.lead)[-1][:2], (2, "OpportunityMerged"))
        self.assertEqual(set(self.replayed().values()), {(0, 0, 0)})

    def test_the_past_is_read_through_the_same_readers(self):
        self.env.cr.execute("SELECT max(position) FROM cqrs_event")
        (then,) = self.env.cr.fetchone()
        before = self.dashboard(self.manager)
        self.lead.write({"expected_revenue": 1, "user_id": self.peer.id})
        self.seller_employee.parent_id = self.peer_employee
        now = self.dashboard(self.manager)
        self.assertEqual(now["opportunities"]["total"], 0)
        view = self.env["cqrs.opportunity.view"].browse(self.lead.id)
        self.assertEqual(view.value, 1)
        live = self.live()

        with as_of(self.env, then):
            past = self.dashboard(self.manager)
            self.assertEqual(view.value, 1234.5)
        self.assertEqual(past["opportunities"], before["opportunities"])
        self.assertEqual(past["hierarchy"], before["hierarchy"])
        self.assertEqual(past["meta"]["position"], then)
        self.assertEqual(view.value, 1)
        self.assertEqual(self.live(), live)
        # The differences to the present, which nothing is done about.
        self.assertEqual(self.replayed(upto=then)["cqrs.opportunity.view"], (1, 1, 0))
        self.assertEqual(self.live(), live)

    @mute_logger("odoo.sql_db")
    def test_the_past_cannot_be_written(self):
        self.env.cr.execute("SELECT max(position) FROM cqrs_event")
        (then,) = self.env.cr.fetchone()
        with (
            self.assertRaises(ReadOnlySqlTransaction),
            as_of(self.env, then),
        ):
            self.lead.name = "Rewritten"
            self.env.cr.flush()
        self.env.invalidate_all(flush=False)
        self.lead.name = "Written"
        self.assertEqual(self.events(self.lead)[-1][3], {"name": "Written"})


@tagged("post_install", "-at_install")
class TestReplayBesideLiveWrites(RealCursors):
    """Real cursors: a write that commits while the replay is under way."""

    def setUp(self):
        super().setUp()
        with self.registry.cursor() as cr:
            lead = self.environment(cr)["crm.lead"].create(
                {"name": "cqrs replay", "type": "opportunity"}
            )
            self.lead_id = lead.id
        self.addCleanup(self.remove)

    def remove(self):
        with self.registry.cursor() as cr:
            self.environment(cr)["crm.lead"].browse(self.lead_id).unlink()

    def test_it_neither_waits_nor_loses_the_write(self):
        with self.registry.cursor() as cr:
            env = self.environment(cr)
            cr.execute("SELECT 1")  # takes the snapshot
            with self.registry.cursor() as other:
                self.environment(other)["crm.lead"].browse(self.lead_id).name = "Live"
            self.assertEqual(sum(each.drift for each in replay(env)), 0)
        self.assertEqual(self.name(), "Live")

    @mute_logger("odoo.sql_db")
    def test_a_repair_of_a_row_that_was_written_is_run_again(self):
        with self.registry.cursor() as cr:
            cr.execute(
                "UPDATE cqrs_opportunity_view SET name = 'x' WHERE id = %s",
                [self.lead_id],
            )
        with self.registry.cursor() as cr:
            env = self.environment(cr)
            cr.execute("SELECT 1")
            with self.registry.cursor() as other:
                self.environment(other)["crm.lead"].browse(self.lead_id).name = "Live"
            with self.assertRaises(SerializationFailure):
                replay(env)
            cr.rollback()
            self.assertEqual(sum(each.drift for each in replay(env)), 0)
        self.assertEqual(self.name(), "Live")

    def name(self):
        with self.registry.cursor() as cr:
            cr.execute(
                "SELECT name FROM cqrs_opportunity_view WHERE id = %s", [self.lead_id]
            )
            return cr.fetchone()[0]
