from datetime import datetime, timedelta, timezone
from decimal import Decimal

from dateutil.relativedelta import relativedelta

from odoo.tests import tagged

from ..models.maintenance.oracle import ORACLES
from ..models.maintenance.shadow import as_of
from .common import SalesOrganisation, money, other_company, without_triggers

LEVELS = (
    "pipeline_value",
    "weighted_pipeline",
    "average_value",
    "active_opportunities",
)


@tagged("post_install", "-at_install")
class TestMetricsSeries(SalesOrganisation):
    def setUp(self):
        super().setUp()
        self.now = self.env.cr.now().replace(tzinfo=timezone.utc)
        self.month = self.now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        self.happened(self.month - relativedelta(months=12))

    def happened(self, time):
        """Let what has been recorded in this transaction have occurred at a time."""
        self.env.cr.flush()
        with without_triggers(self.env.cr):
            for table in ("cqrs_event", "cqrs_metrics_tail"):
                self.env.cr.execute(
                    f"UPDATE {table} SET occurred_at = %s WHERE occurred_at = now()",
                    [time],
                )

    def series(self, user, **kwargs):
        self.env.cr.flush()
        return self.env["cqrs.metrics"]._read_series(user, **kwargs)

    def pipelines(self, user, scope=None):
        months = self.series(user, months=4)["months"]
        each = [month[scope] if scope else month for month in months]
        return [
            (figures["pipeline_value"], figures["active_opportunities"])
            for figures in each
        ]

    def history(self):
        """Three months and the present one: of deals that come, move and go."""
        back = [self.month - relativedelta(months=n) for n in range(4)]
        own = self.opportunity(self.manager, 1000.1, probability=10)
        sold = self.opportunity(self.seller, 500)
        gone = self.opportunity(self.seller, 1)
        self.happened(back[3] + timedelta(days=5))
        sold.expected_revenue = 700
        gone.unlink()
        # The last moment of the month, and the first of the next.
        self.happened(back[2] - timedelta(microseconds=1))
        own.user_id = self.peer
        self.happened(back[2])
        sold.action_set_won()
        sold.date_closed = (back[1] + timedelta(days=1)).replace(tzinfo=None)
        self.happened(back[1] + timedelta(days=1))
        own.user_id = self.manager
        self.opportunity(self.seller, 0.05)

    def test_the_end_of_each_month(self):
        self.history()
        for name in ("in the tail", "folded"):
            with self.subTest(name):
                self.assertEqual(
                    self.pipelines(self.manager),
                    [
                        (money("1700.10"), 2),
                        (money("700.00"), 1),
                        (money("0.00"), 0),
                        (money("1000.15"), 2),
                    ],
                )
                self.assertEqual(
                    self.pipelines(self.manager, "own"),
                    [
                        (money("1000.10"), 1),
                        (money("0.00"), 0),
                        (money("0.00"), 0),
                        (money("1000.10"), 1),
                    ],
                )
                self.assertEqual(
                    self.pipelines(self.peer)[1:3], [(money("1000.10"), 1)] * 2
                )
                self.assertEqual(list(ORACLES["cqrs_metrics"](self.env)), [])
            self.env["cqrs.metrics"]._fold_batch()

    def test_they_equal_the_replay_of_that_moment(self):
        self.history()
        viewers = self.head | self.manager | self.seller | self.peer
        series = {user: self.series(user, months=5)["months"] for user in viewers}
        for number in range(5):
            until = series[self.head][number]["until"] - timedelta(microseconds=1)
            if number == 4:
                until = self.now
            with as_of(self.env, until):
                for user in viewers:
                    then = self.env["cqrs.metrics"]._read(user)
                    found = series[user][number]
                    with self.subTest(user=user.login, month=found["month"]):
                        for name in LEVELS:
                            self.assertEqual(found[name], then[name], name)
                            for scope in ("own", "team"):
                                self.assertEqual(
                                    found[scope][name], then[scope][name], name
                                )

    def test_the_past_has_its_own(self):
        self.history()
        months = self.series(self.manager, months=4)["months"]
        with as_of(self.env, self.month - timedelta(microseconds=1)):
            past = self.env["cqrs.metrics"]._read_series(self.manager, 4)["months"]
        for then, now in zip(past[:3], months[:3], strict=True):
            self.assertEqual(
                [then[name] for name in LEVELS], [now[name] for name in LEVELS]
            )
        self.assertEqual(past[3]["pipeline_value"], money("0.00"))

    def test_the_last_point_is_what_there_is(self):
        self.history()
        live = self.env["cqrs.metrics"]._read(self.manager)
        series = self.series(self.manager, months=1)
        [point] = series["months"]
        for name in LEVELS:
            self.assertEqual(point[name], live[name], name)
        self.assertEqual(point["month"], f"{self.now:%Y-%m}")
        self.assertEqual(point["until"], self.now)
        self.assertEqual(series["computed_at"], self.now)
        self.assertEqual(series["currency"], self.env.company.currency_id.name)
        self.assertIsNone(series["before"])

    def test_what_was_closed_stands_in_its_month(self):
        self.history()
        months = self.series(self.manager, months=3)["months"]
        self.assertEqual(
            [(m["won_revenue"], m["won"], m["win_rate"]) for m in months],
            [
                (money("0.00"), 0, None),
                (money("700.00"), 1, Decimal("1.0000")),
                (money("0.00"), 0, None),
            ],
        )
        self.assertEqual(months[1]["until"], self.month)
        self.assertEqual(months[1]["own"]["won"], 0)
        self.assertEqual(months[1]["team"]["won"], 1)

    def test_as_much_of_the_period_before_as_has_passed_of_this_one(self):
        for period, length in (("month", 1), ("quarter", 3), ("year", 12)):
            with self.subTest(period), self.env.cr.savepoint():
                start = self.month - relativedelta(
                    months=(self.month.month - 1) % length
                )
                before = start - relativedelta(months=length)
                until = min(before + (self.now - start), start)
                amounts = {
                    before: 1,
                    before + (until - before) / 2: 20,
                    # Seconds are the least there is.
                    until - timedelta(seconds=1): 300,
                    before - timedelta(seconds=1): 4000,
                    until + timedelta(seconds=1): 50_000,
                }
                for closed_at, amount in amounts.items():
                    deal = self.opportunity(self.seller, amount)
                    deal.action_set_won()
                    deal.date_closed = closed_at.replace(tzinfo=None, microsecond=0)
                lost = self.opportunity(self.manager, 7)
                lost.action_set_lost()
                lost.date_closed = before.replace(tzinfo=None)
                found = self.series(self.manager, compare=period)["before"]
                self.assertEqual((found["from"], found["until"]), (before, until))
                self.assertEqual(found["won_revenue"], money("321.00"))
                self.assertEqual((found["won"], found["lost"]), (3, 1))
                self.assertEqual(found["win_rate"], Decimal("0.7500"))
                self.assertEqual(
                    found["own"],
                    {
                        "won_revenue": money("0.00"),
                        "won": 0,
                        "lost": 1,
                        "win_rate": Decimal("0.0000"),
                        "exact": {"won_revenue": 0},
                    },
                )
                self.assertEqual(found["team"]["won_revenue"], money("321.00"))
                peer = self.series(self.peer, compare=period)["before"]
                self.assertEqual((peer["won"], peer["lost"]), (0, 0))
                for lead in self.env["crm.lead"].search(
                    [("user_id", "in", (self.seller | self.manager).ids)]
                ):
                    lead.with_context(active_test=False).unlink()

    def test_currencies_are_converted_at_the_rate_of_today(self):
        foreign = self.env["res.currency"].create({"name": "CQX", "symbol": "x"})
        self.env["res.currency.rate"].create(
            {"currency_id": foreign.id, "rate": 4, "company_id": self.env.company.id}
        )
        branch = other_company(self.env, foreign)
        self.manager.company_ids |= branch
        deal = self.opportunity(self.manager, 100, company_id=branch.id)
        self.happened(self.month - timedelta(days=1))
        deal.expected_revenue = 200
        self.assertEqual(
            self.pipelines(self.manager)[2:], [(money("25.00"), 1), (money("50.00"), 1)]
        )

    def test_a_stream_that_began_again_is_replayed(self):
        deal = self.opportunity(self.seller, 100, date_deadline="2031-01-31")
        self.happened(self.month - relativedelta(months=1))
        values = deal.copy_data()[0]
        deal_id = deal.id
        deal.unlink()
        self.env.cr.flush()
        self.env.cr.execute("SELECT setval('crm_lead_id_seq', %s, false)", [deal_id])
        again = self.env["crm.lead"].create({**values, "date_deadline": False})
        self.assertEqual(again.id, deal_id)
        self.env.cr.flush()
        self.assertEqual(list(ORACLES["cqrs_metrics"](self.env)), [])
        self.assertEqual(self.pipelines(self.manager)[3], (money("100.00"), 1))
        with as_of(self.env, self.now):
            self.assertEqual(
                self.env["cqrs.metrics"]._read_series(self.manager, 4)["months"],
                self.series(self.manager, months=4)["months"],
            )

    def test_since_when_there_are_events(self):
        with without_triggers(self.env.cr):
            self.env.cr.execute(
                "UPDATE cqrs_event SET occurred_at = '2020-02-29T12:00:00+02:00'"
                " WHERE position = (SELECT min(position) FROM cqrs_event)"
            )
        self.assertEqual(
            self.series(self.peer)["recorded_since"],
            datetime(2020, 2, 29, 10, tzinfo=timezone.utc),
        )

    def test_what_it_cannot_be_compared_with(self):
        with self.assertRaisesRegex(ValueError, "compare 'week'"):
            self.series(self.peer, compare="week")
