"""The pace of opportunities, and what is at stake in them, equal plain loops."""

import random
from dataclasses import replace
from datetime import date
from decimal import Decimal
from unittest.mock import patch

from odoo.tests import tagged

from ..models.access import thresholds
from ..models.access.answer_context import AnswerContext
from ..models.maintenance.replay import replay
from ..models.opportunities.filters import Filters, Range
from ..models.opportunities.pace import KINDS, PaceFilters
from ..models.past.attention import SUMS
from ..models.projections.opportunity_pace import PACE_ORDERS
from . import plain_flow
from .common import as_json, money, without_triggers
from .plain_rules import ALL_DOCUMENTS
from .test_flow_of_stages import DAY, START, Histories

NAMES = ("age_days", "stage_days", "idle_days", "pushes", "pushed_days")


class Paces(Histories):
    """Lives of deals, of whose events some are made by nobody."""

    def norms(self, days=None, deals=10):
        """Let won deals of the company have been in a stage for so many days at most.

        Without days, have them worked out.
        """
        self.env.cr.execute("DELETE FROM cqrs_stage_norm")
        if days is None:
            self.env["cqrs.opportunity.pace"]._work_out_norms()

    def won_after(self, *days):
        """Let deals be won that were in the first stage for so many days."""
        for number in days:
            deal = self.created(START, self.peer)
            self.change(deal, START + number * DAY, stage_id=self.stage_won.id)

    def told_of(self, user, deals, names=(*NAMES, "is_overdue", "is_stuck")):
        """Return what the API says of the pace of deals, in their order."""
        self.env.cr.flush()
        items = self.env["cqrs.dashboard"]._opportunities(
            deals.ids, user, ("odoo_id", *names), today=self.today
        )
        return as_json(items)

    @property
    def today(self):
        return self.now.date()

    def changed_by_nobody(self, deal, moment, **values):
        """Let a job change a deal."""
        deal.write(values)
        last = self.told
        self.happened(moment, deal)
        with without_triggers(self.env.cr):
            self.env.cr.execute(
                "UPDATE cqrs_event SET origin = 'cron' WHERE position > %s", [last]
            )

    def page(self, user, sort="-value", **filters):
        """Return the ids of all pages of a list, three at a time."""
        self.env.cr.flush()
        pages, ids, after = self.env["cqrs.opportunities"], [], None
        filters = Filters(**filters)
        while True:
            page = pages._read_page(
                user, sort.lstrip("-"), sort.startswith("-"), filters, after, 3
            )
            ids += page.ids
            after = page.next
            if after is None:
                self.assertEqual(pages._count(user, filters), len(ids))
                return ids

    def paced(self, **filters):
        return {"pace": PaceFilters(self.today, **filters)}

    def planned(self, deal):
        return deal.activity_schedule(
            "mail.mail_activity_data_todo", user_id=self.env.user.id
        )


@tagged("post_install", "-at_install")
class TestPace(Paces):
    def test_the_days_of_one_deal(self):
        deal = self.created(
            self.now - 50 * DAY, self.seller, date_deadline="2026-01-01"
        )
        self.change(deal, self.now - 30 * DAY, date_deadline="2026-02-01")
        self.change(deal, self.now - 20 * DAY, stage_id=self.stages[1].id)
        self.change(deal, self.now - 15 * DAY, date_deadline="2026-01-15")
        self.change(deal, self.now - 10 * DAY, active=False, probability=20)
        self.change(deal, self.now - 6 * DAY, active=True, probability=20)
        self.changed_by_nobody(deal, self.now - 1 * DAY, date_deadline="2026-01-20")
        for state in ("unseen", "followed"):
            with self.subTest(state):
                [told] = self.told_of(self.manager, deal)
                self.assertEqual(
                    [told[name] for name in NAMES],
                    [
                        Decimal("50.0"),
                        Decimal("16.0"),
                        Decimal("6.0"),
                        2,
                        31 + 5,
                    ],
                )
                self.assertTrue(told["is_overdue"])
            self.follow()

    def test_days_are_those_of_open_ones(self):
        deal = self.created(self.now - 5 * DAY, self.seller, date_deadline="2026-01-01")
        self.change(deal, self.now - 4 * DAY, date_deadline="2026-02-01")
        self.change(deal, self.now - 3 * DAY, stage_id=self.stage_won.id)
        [told] = self.told_of(self.seller, deal)
        self.assertEqual([told[name] for name in NAMES], [None, None, None, 1, 31])
        self.assertFalse(told["is_overdue"])
        self.change(deal, self.now - 2 * DAY, stage_id=self.stages[1].id)
        [told] = self.told_of(self.seller, deal)
        self.assertEqual(told["age_days"], Decimal("5.0"))
        self.assertEqual(told["stage_days"], Decimal("2.0"))

    def leads(self):
        """Return the opportunities of this test that are still there."""
        leads = self.env["crm.lead"].with_context(active_test=False)
        found = leads.browse(self.histories).exists()
        return found.filtered(lambda lead: lead.type == "opportunity")

    def expected(self, lead):
        """Return age, time in stage, pushes and pushed days of a deal, by a loop."""
        history = self.histories[lead.id]
        __, stay = plain_flow.walk(history, self.now)
        is_open = history[-1][1].is_open
        age = self.now - history[0][0] if is_open else None
        return (age, stay if is_open else None, *plain_flow.pushes(history))

    def test_random_lives_equal_a_plain_loop(self):
        draw = random.Random(22)
        self.lives(draw, 30)
        for state in ("unseen", "followed", "with more"):
            with self.subTest(state):
                leads = self.leads()
                for told in self.told_of(self.env.user, leads):
                    lead = leads.browse(told["odoo_id"])
                    age, stay, pushes, days = self.expected(lead)
                    self.assertEqual(
                        [told[n] for n in NAMES if n != "idle_days"],
                        [
                            age and plain_flow.tenths(age),
                            stay and plain_flow.tenths(stay),
                            pushes,
                            days,
                        ],
                        self.histories[lead.id],
                    )
            if state == "unseen":
                self.follow()
                self.lives(draw, 5)
        [replayed] = replay(self.env, ["cqrs.opportunity.pace"], repair=False)
        self.assertEqual(replayed.drift, 0)

    def test_every_order_both_ways(self):
        draw = random.Random(23)
        self.lives(draw, 30)
        for few in (500, 0):
            for sort in PACE_ORDERS:
                with (
                    self.subTest(sort=sort, few=few),
                    patch.object(thresholds, "FEW_OWNERS", few),
                ):
                    self.assertOrdered(sort)
            self.follow()

    def assertOrdered(self, sort):
        up, down = (self.page(self.head, f"{sign}{sort}") for sign in ("", "-"))
        self.assertEqual(sorted(up), sorted(down))
        team = self.head | self.manager | self.seller
        mine = self.leads().filtered(lambda d: d.active and d.user_id in team)
        self.assertEqual(sorted(up), sorted(mine.ids))
        told = {
            each["odoo_id"]: each
            for each in self.told_of(self.head, mine, (sort, "status"))
        }
        is_time = PACE_ORDERS[sort].is_until_now

        def key(id_):
            value = told[id_][sort]
            return value or None

        for ids, is_down in ((up, False), (down, True)):
            values = [key(id_) for id_ in ids]
            known = [value for value in values if value is not None]
            self.assertEqual(known, sorted(known, reverse=is_down))
            self.assertEqual(values[len(known) :], [None] * (len(ids) - len(known)))
            if not is_time:
                # Ties are broken by id.
                keys = [(key(id_), id_) for id_ in ids if key(id_)]
                self.assertEqual(keys, sorted(keys, reverse=is_down))

    def test_filters_of_days(self):
        old = self.created(self.now - 50 * DAY, self.seller, date_deadline="2026-01-01")
        self.change(old, self.now - 20 * DAY, date_deadline="2026-01-11")
        new = self.created(self.now - 5 * DAY, self.seller)
        won = self.created(self.now - 70 * DAY, self.seller)
        self.change(won, self.now - 60 * DAY, stage_id=self.stage_won.id)
        for days, expected in (
            (("age_days", Decimal(10), None), old),
            (("age_days", None, Decimal(10)), new),
            (("age_days", Decimal(5), Decimal(50)), old | new),
            (("stage_days", Decimal("5.1"), None), old),
            (("idle_days", Decimal(20), None), old),
            (("idle_days", Decimal("20.1"), None), self.env["crm.lead"]),
            (("pushes", 1, None), old),
            (("pushes", None, 0), new | won),
            (("pushed_days", 10, 10), old),
            (("pushed_days", 11, None), self.env["crm.lead"]),
        ):
            with self.subTest(days):
                ids = self.page(self.manager, **self.paced(days=(days,)))
                self.assertEqual(sorted(ids), sorted(expected.ids))

    def test_stuck_is_longer_than_nine_in_ten(self):
        self.won_after(*range(1, 11))
        self.norms()
        deals = [
            self.created(self.now - days * DAY, self.seller)
            for days in (9, 9 + 1 / 86400, 8)
        ]
        deals = self.env["crm.lead"].union(*deals)
        self.assertEqual(
            [told["is_stuck"] for told in self.told_of(self.seller, deals)],
            [False, True, False],
        )
        stuck = self.page(self.seller, **self.paced(is_stuck=True))
        self.assertEqual(stuck, deals[1].ids)
        loose = self.page(self.seller, **self.paced(is_stuck=False))
        self.assertEqual(sorted(loose), sorted((deals[0] | deals[2]).ids))
        # In another stage nothing was won.
        deals[1].stage_id = self.stages[1]
        self.assertEqual(self.page(self.seller, **self.paced(is_stuck=True)), [])

    def test_nine_in_ten_of_nine_deals_cannot_be_told(self):
        self.won_after(*range(1, 10))
        self.norms()
        self.created(self.now - 100 * DAY, self.seller)
        self.assertEqual(self.page(self.seller, **self.paced(is_stuck=True)), [])

    def at_stake(self, deals):
        """Return count and value of each kind, and of any, by a loop over deals."""
        self.env.cr.flush()
        items = self.env["cqrs.dashboard"]._opportunities(
            deals.ids, self.env.user, ("odoo_id", "attention"), today=self.today
        )
        reasons = {each["odoo_id"]: each["attention"] for each in as_json(items)}
        found = {kind: [0, Decimal(0)] for kind in (*KINDS, "any")}
        for deal in deals:
            told = reasons[deal.id]
            for kind in told + ["any"] * bool(told):
                found[kind][0] += 1
                found[kind][1] += money(f"{deal.expected_revenue:.2f}")
        return found

    def assertAtStake(self, user, owners, where=None, **filters):
        """Check what is at stake, and the counts of the lists, against a loop.

        :param owners: whose deals the user sees, and wants
        :param where: says whether a deal is one that the filters leave
        """
        deals = self.leads().filtered(lambda it: it.user_id in owners)
        expected = self.at_stake(deals.filtered(where or (lambda it: True)))
        filters = Filters(**filters)
        told = self.env["cqrs.attention"]._read(user, self.today, filters)
        self.assertEqual(
            {
                each["kind"]: [each["count"], each["exact"]]
                for each in (*told["kinds"], {"kind": "any", **told["any"]})
            },
            expected,
        )
        pages = self.env["cqrs.opportunities"]
        for kinds in (*((kind,) for kind in KINDS), ("overdue", "no_activity"), KINDS):
            wanted = replace(filters, **self.paced(attention=kinds))
            rows = pages._search_for(user, wanted).count()
            self.assertEqual(pages._count(user, wanted), rows, kinds)
        return expected

    def assertEveryoneAtStake(self):
        """Check what is at stake for several people and filters."""
        team = self.head | self.manager | self.seller
        everybody = team | self.peer
        stage, user = self.stages[1], self.seller
        closes = date(2026, 1, 1)
        self.assertAtStake(user, user)
        return [
            self.assertAtStake(self.head, team),
            # Of somebody who sees everything, and the same question of the head
            self.assertAtStake(
                self.other_manager, everybody, user_ids=tuple(everybody.ids)
            ),
            self.assertAtStake(self.head, team, user_ids=tuple(everybody.ids)),
            self.assertAtStake(
                self.head,
                team,
                lambda it: it.stage_id == stage,
                stage_ids=(stage.id,),
                company_ids=(self.env.company.id,),
            ),
            self.assertAtStake(
                self.head, team - user, but_user_id=user.id, archived=None
            ),
            self.assertAtStake(
                self.head,
                team,
                lambda it: it.date_deadline and it.date_deadline <= closes,
                closing_date=Range(None, closes),
            ),
            # Of the view, since the pace has no probability.
            self.assertAtStake(
                self.head,
                team,
                lambda it: it.probability > 10,
                domain='[["probability", ">", 10]]',
            ),
        ]

    def test_what_is_at_stake_equals_a_loop(self):
        draw = random.Random(31)
        self.other_manager.group_ids |= self.env.ref(ALL_DOCUMENTS)
        self.won_after(*[15] * 10)
        self.norms()
        self.lives(draw, 25)
        for few in (500, 0):
            with patch.object(thresholds, "FEW_OWNERS", few):
                with self.subTest(few=few, state="unseen"):
                    self.assertEveryoneAtStake()
                self.follow()
                with self.subTest(few=few, state="followed"):
                    self.assertEveryoneAtStake()
                self.lives(draw, 4)
                for deal in draw.sample(list(self.leads()), 3):
                    self.planned(deal)
                with self.subTest(few=few, state="with more"):
                    self.assertEveryoneAtStake()

    def test_what_is_at_stake_follows_the_time(self):
        self.won_after(*[15] * 10)
        self.norms()
        # Stuck in two days, idle in three, and one that is neither.
        stuck = self.created(self.now - 13 * DAY, self.seller, 100)
        self.change(stuck, self.now - DAY, probability=20)
        idle = self.created(self.now - 11 * DAY, self.seller, 20)
        self.change(idle, self.now - 11 * DAY, stage_id=self.stages[1].id)
        self.created(self.now - DAY, self.seller, 3)
        self.follow()
        told = {}
        with patch.object(thresholds, "FEW_OWNERS", 0):
            SUMS.store(self.env).clear()
            # The first moment is kept; a transaction may have begun before it.
            for days in (2.5, 0, 3.5, 2.5):
                moment = self.now + days * DAY
                with patch.object(AnswerContext, "answered_at", moment):
                    found = self.assertAtStake(
                        self.head, self.seller, user_ids=(self.seller.id,)
                    )
                    told[days] = found["stuck"], found["idle"]
            kept = [each.moment for each in SUMS.store(self.env).values()]
            none, of_stuck = [0, 0], ([1, 100], [0, 0])
            self.assertEqual(
                told,
                {0: (none, none), 2.5: of_stuck, 3.5: ([1, 100], [1, 20])},
            )
            self.assertEqual(set(kept), {self.now + 2.5 * DAY})
            # A look of the follower that finds nothing throws nothing away.
            version = self.env["cqrs.opportunity.pace"]._table_version()
            self.follow()
            self.assertEqual(
                self.env["cqrs.opportunity.pace"]._table_version(), version
            )
            # The next day, and with other norms
            stuck.date_deadline = self.today
            self.env.cr.flush()
            self.follow()
            for days in (0, 1):
                today = self.today + days * DAY
                overdue = self.env["cqrs.attention"]._read(self.head, today)["kinds"][0]
                self.assertEqual(overdue["count"], days)
            own = {"user_ids": (self.seller.id,)}
            with patch.object(AnswerContext, "answered_at", self.now + 3 * DAY):
                found = self.assertAtStake(self.head, self.seller, **own)
                self.assertEqual(found["stuck"], [1, 100])
                self.env.cr.execute("DELETE FROM cqrs_stage_norm")
                found = self.assertAtStake(self.head, self.seller, **own)
                self.assertEqual(found["stuck"], none)

    def test_what_is_at_stake_is_added_up_anew_after_a_repair(self):
        deal = self.created(self.now - DAY, self.seller, 100)
        pace = self.env["cqrs.opportunity.pace"]

        def filled():
            pace._remake_tables()
            while pace._fill_next():
                pass

        for repair in (
            lambda: self.env["cqrs.prehistory"]._show(deal.ids),
            lambda: replay(self.env, ["cqrs.opportunity.pace"]),
            filled,
        ):
            self.follow()
            self.env.cr.execute(
                "UPDATE cqrs_opportunity_pace SET value = 105 WHERE id = %s", [deal.id]
            )
            with patch.object(thresholds, "FEW_OWNERS", 0):
                SUMS.store(self.env).clear()
                told = self.env["cqrs.attention"]._read(self.head, self.today)
                self.assertEqual(told["any"]["exact"], 105)
                # The number of the list is of the same sums, not counted.
                self.env.cr.execute(
                    "DELETE FROM cqrs_opportunity_pace WHERE id = %s", [deal.id]
                )
                wanted = Filters(**self.paced(attention=KINDS))
                count = self.env["cqrs.opportunities"]._count(self.head, wanted)
                self.assertEqual(count, 1)
                repair()
                self.assertAtStake(self.head, self.seller)

    def test_what_is_won_today_counts_tomorrow(self):
        self.won_after(*range(1, 10))
        today = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        deal = self.created(START, self.peer)
        self.change(deal, today, stage_id=self.stage_won.id)
        self.norms()
        self.env.cr.execute(
            "SELECT count(*) FROM cqrs_stage_norm WHERE stage_id = %s",
            [self.stage_new.id],
        )
        self.assertEqual(self.env.cr.fetchone(), (0,))
