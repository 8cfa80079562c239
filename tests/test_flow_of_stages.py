"""The flow of the pipeline equals plain loops over replayed histories."""

import random
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from ..models.maintenance.replay import replay
from ..models.past import flow as flow_model
from ..models.past import flow_levels
from ..models.past.flow import FlowScope
from ..models.projections.stage_move import REPAIRS
from . import plain_flow
from .common import SalesOrganisation, money, other_company, without_triggers
from .plain_rules import ALL_DOCUMENTS

UTC = timezone.utc
START = datetime(2025, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FOLLOWED = ("cqrs.opportunity.span", "cqrs.stage.move", "cqrs.opportunity.pace")


class Histories(SalesOrganisation):
    """Deals whose events happened at moments of the past.

    :ivar histories: ``{id: [(moment, State or None)]}`` of each deal, by Odoo's records
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stages = cls.stage_new | cls.env["crm.stage"].create(
            [{"name": f"Stage {n}", "sequence": n - 90} for n in range(3)]
        )
        cls.env.cr.flush()

    def setUp(self):
        super().setUp()
        self.histories = {}
        self.now = self.env.cr.now().replace(tzinfo=UTC)
        self.told = self.last_position()
        self.forget()
        self.addCleanup(self.forget)

    def forget(self):
        """Forget what settled periods had: they get another past here."""
        flow_model.COUNTED.store(self.env).clear()

    def last_position(self):
        self.env.cr.flush()
        self.env.cr.execute("SELECT COALESCE(max(position), 0) FROM cqrs_event")
        return self.env.cr.fetchone()[0]

    def happened(self, moment, *deals, gone=()):
        """Let what was written since the last call have happened at a moment.

        :param gone: ids of deals that are deleted
        """
        last = self.last_position()
        with without_triggers(self.env.cr):
            self.env.cr.execute(
                "UPDATE cqrs_event SET occurred_at = %s WHERE position > %s",
                [moment, self.told],
            )
        self.told = last
        self.forget()
        states = {deal.id: plain_flow.State.of(deal) for deal in deals}
        for id_, state in {**states, **dict.fromkeys(gone)}.items():
            history = self.histories.setdefault(id_, [])
            if history and history[-1][0] == moment:
                history.pop()
            history.append((moment, state))

    def created(self, moment, user, revenue=100, **values):
        """Return a deal that was created at a moment."""
        deal = self.opportunity(user, revenue, **values)
        self.env.cr.execute(
            "UPDATE crm_lead SET create_date = %s WHERE id = %s",
            [moment.replace(tzinfo=None), deal.id],
        )
        deal.invalidate_recordset(["create_date"])
        self.env["cqrs.event"]._record({"crm.lead": deal.ids}, origin="reconcile")
        self.happened(moment, deal)
        return deal

    def change(self, deal, moment, **values):
        deal.write(values)
        self.happened(moment, deal)

    def flow(self, user, since=START, until=None, by=None, **scope):
        self.env.cr.flush()
        until = until or self.now
        return self.env["cqrs.flow"]._read(user, FlowScope(since, until, **scope), by)

    def stage(self, flow, stage):
        return next(each for each in flow["stages"] if each["stage"]["id"] == stage.id)

    def follow(self):
        """Have the followers bring their tables up to date."""
        for name in FOLLOWED:
            self.env[name]._follow()

    def lives(self, draw, count):
        """Let deals live through something at random."""
        users = [self.manager, self.seller, self.peer, self.head]
        for __ in range(count):
            moment = START + draw.random() * 100 * DAY
            deal = self.created(
                moment,
                draw.choice(users),
                draw.randint(1, 10**6) / 100,
                type=draw.choice(["opportunity"] * 4 + ["lead"]),
                stage_id=draw.choice(self.stages).id,
                date_deadline=draw.choice([False, date(2026, 1, 1), date(2026, 2, 1)]),
            )
            for __ in range(draw.randint(0, 9)):
                # Some at the same moment, as in one transaction.
                moment += draw.choice([0, 0.5, draw.random() * 30]) * DAY
                if not self.live(draw, deal, moment, users):
                    break

    def live(self, draw, deal, moment, users):
        """Let one thing happen to a deal; return whether it is still there."""
        what = draw.choice(
            ["stage"] * 4
            + ["won", "lost", "archive", "restore", "type", "owner"]
            + ["value", "closing", "closing", "delete"]
        )
        if what == "delete":
            id_ = deal.id
            deal.unlink()
            self.happened(moment, gone=[id_])
            return False
        try:
            with self.env.cr.savepoint():
                if what == "stage":
                    deal.stage_id = draw.choice(self.stages)
                elif what == "won":
                    deal.action_set_won()
                elif what == "lost" and deal.stage_id != self.stage_won:
                    deal.action_set_lost()
                elif what == "archive":
                    deal.active = False
                elif what == "restore":
                    deal.action_unarchive()
                    deal.probability = 50
                    if deal.stage_id == self.stage_won or deal.won_status == "won":
                        deal.stage_id = self.stages[1]
                elif what == "type":
                    deal.type = "opportunity" if deal.type == "lead" else "lead"
                elif what == "owner":
                    deal.user_id = draw.choice(users)
                elif what == "value":
                    deal.expected_revenue = draw.randint(1, 10**6) / 100
                elif what == "closing":
                    deal.date_deadline = draw.choice(
                        [False, *(date(2026, month, 1) for month in range(1, 6))]
                    )
        except ValidationError:
            # Odoo keeps a deal in a stage of won ones from being lost.
            return True
        self.happened(moment, deal)
        return True

    def moves(self, owners=None):
        """Return the moves of all deals by a plain loop, of some owners."""
        found = []
        for history in self.histories.values():
            found += plain_flow.walk(history, self.now)[0]
        return [
            move for move in found if owners is None or move.state.user in owners.ids
        ]


@tagged("post_install", "-at_install")
class TestFlowOfStages(Histories):
    def test_a_deal_moves_on_and_is_won(self):
        deal = self.created(START, self.seller, 500)
        self.change(deal, START + 2 * DAY, stage_id=self.stages[1].id)
        self.change(deal, START + 3 * DAY, stage_id=self.stage_won.id)
        flow = self.flow(self.manager)
        new = self.stage(flow, self.stage_new)
        self.assertEqual(
            {name: new[name] for name in new if name != "stage"},
            {
                "entered": 1,
                "moved_on": 1,
                "moved_back": 0,
                "won": 0,
                "lost": 0,
                "median_days": Decimal("2.0"),
                "p90_days": Decimal("2.0"),
            },
        )
        second = self.stage(flow, self.stages[1])
        self.assertEqual((second["entered"], second["won"]), (1, 1))
        self.assertEqual(second["median_days"], Decimal("1.0"))
        self.assertEqual(
            [flow[name] for name in ("deals", "won", "lost", "win_rate")],
            [1, 1, 0, Decimal("1.0000")],
        )
        self.assertEqual(flow["won_revenue"], money("500.00"))
        self.assertEqual(flow["cycle_days"], Decimal("3.0"))
        self.assertEqual(flow["velocity"], money("166.67"))
        self.assertEqual(self.flow(self.peer)["stages"], [])

    def test_archived_time_and_that_of_a_lead_do_not_count(self):
        deal = self.created(START, self.seller, type="lead")
        self.change(deal, START + 5 * DAY, type="opportunity")
        self.change(deal, START + 6 * DAY, active=False, probability=20)
        self.change(deal, START + 16 * DAY, active=True, probability=20)
        self.change(deal, START + 18 * DAY, stage_id=self.stages[1].id)
        new = self.stage(self.flow(self.seller), self.stage_new)
        self.assertEqual(new["entered"], 1)
        self.assertEqual(new["median_days"], Decimal("3.0"))

    def test_a_move_belongs_to_its_owner_of_then(self):
        deal = self.created(START, self.seller)
        self.change(deal, START + DAY, stage_id=self.stages[1].id)
        self.change(deal, START + 2 * DAY, user_id=self.peer.id)
        self.change(deal, START + 3 * DAY, stage_id=self.stages[0].id)
        seller, peer = self.flow(self.manager), self.flow(self.peer)
        self.assertEqual(self.stage(seller, self.stages[1])["entered"], 1)
        self.assertEqual(self.stage(seller, self.stage_new)["moved_on"], 1)
        self.assertEqual(self.stage(peer, self.stages[1])["moved_back"], 1)
        self.assertEqual(self.stage(peer, self.stage_new)["entered"], 1)

    def assertFlow(self, found, moves):
        order = [*self.stages.ids, self.stage_won.id]
        stages, totals = plain_flow.flow(moves, order)
        figures = {
            each["stage"]["id"]: {k: v for k, v in each.items() if k != "stage"}
            for each in found["stages"]
        }
        self.assertEqual(figures, stages)
        self.assertEqual([found[name] for name in totals], list(totals.values()))

    def assertFlows(self, draw):
        """Assert that flows of many periods and viewers equal the loops."""
        team = self.manager | self.seller
        for viewer, owners in (
            (self.head, team | self.head),
            (self.manager, team),
            (self.seller, self.seller),
            (self.other_manager, self.peer),
        ):
            since = START + draw.random() * 150 * DAY
            until = since + draw.random() * 200 * DAY
            moves = [m for m in self.moves(owners) if since <= m.at < until]
            with self.subTest(viewer=viewer.login, since=since, until=until):
                self.assertFlow(self.flow(viewer, since, until), moves)
                found = self.flow(viewer, since, until, "salesperson")
                self.assertFlow(found, moves)
                for group in found["groups"]:
                    user_id = group["salesperson"]["user_id"]
                    self.assertFlow(
                        group, [m for m in moves if m.state.user == user_id]
                    )
                self.assertEqual(
                    len(found["groups"]), len({m.state.user for m in moves})
                )

    def test_random_lives_equal_a_plain_loop(self):
        draw = random.Random(21)
        self.lives(draw, 40)
        kinds = {move.kind for move in self.moves()}
        self.assertEqual(
            kinds, {"created", "reopened", "moved", "won", "lost", "deleted"}
        )
        self.assertFlows(draw)
        self.follow()
        self.assertFlows(draw)
        self.lives(draw, 10)
        self.assertFlows(draw)
        replayed = replay(self.env, list(FOLLOWED[1:]), repair=False)
        self.assertEqual([each.drift for each in replayed], [0, 0])

    def test_who_sees_everything_is_told_by_what_was_counted_until_two_moments(self):
        self.head.group_ids |= self.env.ref(ALL_DOCUMENTS)
        draw = random.Random(23)
        self.lives(draw, 40)
        self.follow()
        levels = self.env["cqrs.flow.levels"]
        while levels._fill_next():
            pass
        stages = self.stages | self.stage_won
        everyone = self.env["res.users"].search([])
        scopes = [{}, {"stage_ids": (self.stage_new.id, self.stage_won.id)}]
        for number in range(20):
            since = START + draw.random() * 150 * DAY
            until = since + draw.random() * 200 * DAY
            scope = scopes[number % 2]
            some = scope.get("stage_ids", stages.ids)
            moves = [
                m
                for m in self.moves(everyone)
                if since <= m.at < until and not {m.start, m.end}.isdisjoint(some)
            ]
            figures, totals = plain_flow.flow(moves, [*stages.ids])
            with self.subTest(since=since, until=until, **scope):
                self.forget()
                found = self.flow(self.head, since, until, **scope)
                self.assertEqual([found[name] for name in totals], [*totals.values()])
                self.assertEqual(
                    {
                        each["stage"]["id"]: {
                            k: v for k, v in each.items() if k != "stage"
                        }
                        for each in found["stages"]
                    },
                    {stage: figures[stage] for stage in figures if stage in some},
                )

    def test_counted_moves_are_used_until_the_past_changes(self):
        self.head.group_ids |= self.env.ref(ALL_DOCUMENTS)
        deal = self.created(START + 20 * DAY, self.seller)
        self.change(deal, START + 40 * DAY, stage_id=self.stages[1].id)
        self.follow()
        levels = self.env["cqrs.flow.levels"]
        while levels._fill_next():
            pass

        def moved_on():
            self.forget()
            flow = self.flow(self.head, START, START + 60 * DAY)
            return self.stage(flow, self.stage_new)["moved_on"]

        self.assertEqual(moved_on(), 1)
        self.env.cr.execute(
            f"UPDATE {flow_levels.MOVES} SET count = count + 1000"
            " WHERE moment > %s AND kind = 'moved'",
            [START + 45 * DAY],
        )
        self.assertEqual(moved_on(), 1001)
        REPAIRS.change(self.env.cr)
        self.assertEqual(moved_on(), 1)
        while levels._fill_next():
            pass
        self.assertEqual(moved_on(), 1)
        self.assertIsNotNone(levels._filled_until())

    def test_wrong_counts_are_found(self):
        self.head.group_ids |= self.env.ref(ALL_DOCUMENTS)
        self.lives(random.Random(29), 20)
        self.follow()
        levels = self.env["cqrs.flow.levels"]
        while levels._fill_next():
            pass
        self.assertEqual([*levels._drifts()], [])
        for table, change in (
            (flow_levels.MOVES, "count = count + 1"),
            (flow_levels.MOVES, "open_for = open_for + 1"),
            (flow_levels.STAYS, "counts[1] = counts[1] + 1"),
            (flow_levels.STAYS, "tenths[1] = tenths[1] - 1"),
        ):
            with self.subTest(table=table, change=change):
                savepoint = self.env.cr.savepoint()
                self.env.cr.execute(
                    f"UPDATE {table} SET {change} WHERE ctid = (SELECT ctid FROM"
                    f" {table} ORDER BY moment DESC LIMIT 1)"
                )
                self.assertEqual(
                    {(drift.table, drift.rows) for drift in levels._drifts()},
                    {(table, 1)},
                )
                savepoint.close(rollback=True)

    def test_groups_of_months_and_teams(self):
        deal = self.created(START, self.seller)
        # 23:30 UTC on the last day of a month is the next one in Brussels.
        self.change(
            deal,
            datetime(2025, 1, 31, 23, 30, tzinfo=UTC),
            stage_id=self.stages[1].id,
        )
        months = self.flow(self.seller, by="month")["groups"]
        self.assertEqual([each["month"] for each in months], ["2025-01"])
        team = deal.team_id
        [found] = self.flow(self.seller, by="team")["groups"]
        self.assertEqual((found["sales_team"] or {}).get("id"), team.id or None)

    def test_scopes(self):
        one = self.created(START, self.seller, date_deadline="2025-06-01")
        two = self.created(START, self.manager, date_deadline="2025-07-01")
        two.team_id = self.env["crm.team"].create({"name": "Another"})
        self.happened(START, two)
        for scope, expected in (
            ({}, 2),
            ({"user_ids": (self.seller.id,)}, 1),
            ({"user_ids": (None,)}, 0),
            ({"team_ids": (two.team_id.id,)}, 1),
            ({"stage_ids": (self.stage_new.id,)}, 2),
            ({"stage_ids": (self.stages[1].id,)}, 0),
            ({"closing": (date(2025, 6, 2), None)}, 1),
            ({"closing": (None, date(2025, 6, 1))}, 1),
            ({"company_ids": (other_company(self.env).id,)}, 0),
            ({"company_ids": tuple(self.env.company.ids)}, 2),
        ):
            if "company_ids" in scope and not one.company_id:
                continue
            with self.subTest(**scope):
                found = self.flow(self.manager, **scope)["stages"]
                self.assertEqual(sum(each["entered"] for each in found), expected)

    def test_what_was_before_the_first_event_is_reconstructed(self):
        deal = self.created(START, self.seller, stage_id=self.stages[1].id)
        self.env.cr.execute(
            """
            INSERT INTO cqrs_prehistory (opportunity_id, version, since, until, user_id,
                company_id, stage_id, status, value, type, active, is_cut)
            VALUES (%s, 0, %s, %s, %s, %s, %s, 'pending', 7, 'opportunity', true, false)
            """,
            [
                *(deal.id, START - 10 * DAY, START, self.seller.id),
                *(deal.company_id.id or None, self.stage_new.id),
            ],
        )
        for state in ("unseen", "followed"):
            with self.subTest(state):
                found = self.flow(self.seller, START - 20 * DAY, START + DAY)
                new = self.stage(found, self.stage_new)
                self.assertEqual(
                    (new["entered"], new["moved_on"], new["median_days"]),
                    (1, 1, Decimal("10.0")),
                )
                self.assertEqual(found["reconstructed"], 1)
                self.assertIn("deleted", found["missing"])
            self.follow()
        later = self.flow(self.seller, START, START + DAY)
        self.assertEqual(later["reconstructed"], 0)

    def test_what_a_settled_period_had_is_counted_once(self):
        deal = self.created(START, self.seller)
        self.follow()
        self.forget()
        counted = []
        count = flow_model.CqrsFlow._count

        def spy(flow, viewers, scope, group, since, until):
            counted.append((since, until))
            return count(flow, viewers, scope, group, since, until)

        def settled(flow, moment):
            return moment <= self.now

        self.patch(self.registry["cqrs.flow"], "_count", spy)
        self.patch(self.registry["cqrs.stage.move"], "_is_settled", settled)
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        until = self.now + DAY
        first = self.flow(self.manager, until=until)
        self.assertEqual(counted, [(START, midnight), (midnight, until)])
        counted.clear()
        deal.stage_id = self.stages[1]
        again = self.flow(self.manager, until=until)
        self.assertEqual(counted, [(midnight, until)])
        self.assertEqual(self.stage(first, self.stage_new)["moved_on"], 0)
        self.assertEqual(self.stage(again, self.stage_new)["moved_on"], 1)
