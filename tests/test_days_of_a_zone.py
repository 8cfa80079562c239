"""Days, months and years begin at the midnight of who looks."""

import random
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import product
from unittest.mock import patch
from zoneinfo import ZoneInfo

from odoo.tests import tagged

from ..models.access.answer_context import AnswerContext
from ..models.maintenance.replay import replay
from ..models.support.periods import NAMES, Calendar, Period, midnight
from .api import ApiCase
from .common import SalesOrganisation, money

ZONES = (
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)
UTC = timezone.utc
LOS_ANGELES = ZoneInfo("America/Los_Angeles")


def at(*time):
    """Let it be a time in UTC, for readers."""
    time = datetime(*time, tzinfo=timezone.utc)
    return patch.object(AnswerContext, "answered_at", time)


@tagged("post_install", "-at_install")
class TestDaysOfAZone(SalesOrganisation):
    def won(self, closed_at, amount=1, user=None, is_won=True):
        deal = self.opportunity(user or self.seller, amount)
        if is_won:
            deal.action_set_won()
        else:
            deal.action_set_lost()
        deal.date_closed = closed_at
        self.env.cr.flush()
        return deal

    def figures(self, zone="UTC", name=None, today=None, user=None, by=None, **period):
        self.env.cr.flush()
        calendar = Calendar(ZoneInfo(zone))
        if name:
            period = calendar.named(name, today)
        else:
            period = Period(zone=calendar.zone, **period)
        return self.env["cqrs.metrics"]._read(
            user or self.manager,
            by,
            calendar=calendar,
            period=period if name or period.is_bounded else None,
        )

    def fold(self):
        self.env.cr.flush()
        self.env["cqrs.metrics"]._fold_batch()

    def test_a_deal_won_in_the_evening_is_in_the_quarter_of_who_looks(self):
        # 20:00 on 30 September in Los Angeles.
        self.won("2026-10-01 03:00:00", 700)
        self.won("2026-10-01 07:00:00", 10)
        for zone, expected in (
            ("America/Los_Angeles", ["700.00", "10.00"]),
            ("Asia/Kolkata", ["0.00", "710.00"]),
            ("UTC", ["0.00", "710.00"]),
        ):
            quarters = self.env["crm.lead"].with_context(tz=zone)
            groups = quarters._read_group(
                [("user_id", "=", self.seller.id), ("won_status", "=", "won")],
                ["date_closed:quarter"],
                ["expected_revenue:sum"],
            )
            by_odoo = {quarter.date(): amount for quarter, amount in groups}
            for __ in ("in the tail", "folded"):
                found = [
                    self.figures(zone, "this_quarter", day)["won_revenue"]
                    for day in (date(2026, 9, 30), date(2026, 12, 31))
                ]
                with self.subTest(zone):
                    self.assertEqual(found, [money(amount) for amount in expected])
                    for first, amount in zip(
                        (date(2026, 7, 1), date(2026, 10, 1)), found, strict=True
                    ):
                        self.assertEqual(by_odoo.get(first, 0), float(amount))
                    groups = self.figures(zone, by="month")["groups"]
                    months = {g["month"]: g["won_revenue"] for g in groups}
                    self.assertEqual(
                        [months.get(m, money("0.00")) for m in ("2026-09", "2026-10")],
                        found,
                    )
                self.fold()

    def test_random_closings_equal_a_plain_loop(self):
        draw = random.Random(20)
        start = datetime(2025, 12, 30)
        sees_all = self.env.ref("base.user_admin")
        stages = self.env["crm.stage"].create([{"name": "cqrs 1"}, {"name": "cqrs 2"}])
        deals = []
        for number in range(40):
            # Half of them about the beginning of a month.
            moment = start + timedelta(minutes=draw.randrange(130 * 1440))
            if number % 2:
                moment = datetime(2026, draw.randint(1, 4), 1) + timedelta(
                    minutes=15 * draw.randint(-60, 52)
                )
            user = draw.choice((self.manager, self.seller, self.peer, sees_all))
            amount = draw.randint(1, 10**6) / 100
            if number % 4:
                deal = self.won(moment, amount, user, is_won=number % 4 < 3)
            else:
                deal = self.opportunity(
                    user, amount, date_deadline=moment.date(), probability=12.5
                )
                deal.stage_id = draw.choice(stages)
            deals.append(deal)
        self.env.cr.flush()
        for state in ("in the tail", "folded", "with a tail"):
            for zone, user in product(ZONES, (self.manager, sees_all)):
                bounds = [draw.randrange(130) for __ in range(2)]
                first, until = (
                    start.date() + timedelta(days=days) for days in sorted(bounds)
                )
                leads = self.env["crm.lead"].browse(self.visible(user))
                own = leads.filtered_domain([("user_id", "=", user.id)])
                whole, part = (
                    self.plain(some, zone, first, until) for some in (leads, own)
                )
                for by in (None, "month", "stage", "salesperson"):
                    found = self.figures(
                        zone, user=user, by=by, first=first, until=until
                    )
                    with self.subTest(state, zone=zone, by=by, user=user.login):
                        self.assert_told(by, found, whole)
                        groups = [{by: g[by], **g["own"]} for g in groups_of(found)]
                        self.assert_told(by, found["own"] | {"groups": groups}, part)
            if state == "in the tail":
                self.fold()
                self.figures(by="month")
                deals[1].date_closed = datetime(2026, 3, 1, 1)
                deals[4].date_deadline = date(2026, 2, 3)
                self.env.cr.flush()
            elif state == "folded":
                deals[5].date_closed = datetime(2026, 2, 1, 1)
                self.env.cr.flush()

    def test_own_and_others_may_change_places_between_two_midnights(self):
        # In August of Los Angeles the first counts, in that of UTC the second.
        self.won("2026-09-01 06:59:59", user=self.manager, is_won=False)
        self.won("2026-08-01 06:59:59", user=self.seller, is_won=False)
        for __ in ("in the tail", "folded"):
            groups = self.figures("America/Los_Angeles", by="month")["groups"]
            lost = {g["month"]: (g["own"]["lost"], g["team"]["lost"]) for g in groups}
            self.assertEqual((lost["2026-07"], lost["2026-08"]), ((0, 1), (1, 0)))
            self.fold()

    def assert_told(self, by, figures, expected):
        """Assert that figures and their groups are the sums that ``plain`` returns."""
        self.assertEqual(self.told(figures), expected[None])
        told = {(by, label_id(g[by])): self.told(g) for g in groups_of(figures)}
        self.assertEqual(
            {key: sums for key, sums in told.items() if sums},
            {key: sums for key, sums in expected.items() if key and key[0] == by},
        )

    def test_days_are_kept_until_a_fold_or_a_repair(self):
        deal = self.won("2026-03-05 12:00:00", 100)
        self.fold()
        bounds = {"first": date(2026, 3, 2), "until": date(2026, 3, 9)}

        def revenue():
            return self.figures(**bounds)["won_revenue"]

        def spoil():
            self.env.cr.execute(
                "UPDATE cqrs_opportunity_view SET value = value + 7 WHERE id = %s",
                [deal.id],
            )

        self.assertEqual(revenue(), money("100.00"))
        spoil()
        self.assertEqual(revenue(), money("100.00"))
        self.won("2026-03-08 12:00:00", 1)
        self.assertEqual(revenue(), money("101.00"))
        self.fold()
        self.assertEqual(revenue(), money("108.00"))
        replay(self.env, ["cqrs.opportunity.view"])
        self.assertEqual(revenue(), money("101.00"))

    def plain(self, deals, zone, first, until):
        """Return the sums of all, and of each month, stage and person, by a loop."""
        sums = {None: Counter()}
        zone = ZoneInfo(zone)
        for deal in deals:
            closed = deal.date_closed
            if deal.won_status == "pending":
                day, kind = deal.date_deadline, "active_opportunities"
            else:
                closed = closed and closed.replace(tzinfo=UTC).astimezone(zone)
                day, kind = closed and closed.date(), deal.won_status
            is_shown = deal.active or deal.won_status != "pending"
            if is_shown and day and first <= day < until:
                for key in (
                    None,
                    ("month", f"{day:%Y-%m}"),
                    ("stage", deal.stage_id.id or None),
                    ("salesperson", deal.user_id.id or None),
                ):
                    each = sums.setdefault(key, Counter())
                    each[kind] += 1
                    amount = Decimal(repr(deal.expected_revenue))
                    if kind == "won":
                        each["won_revenue"] += amount
                    elif kind != "lost":
                        each["pipeline_value"] += amount
        return sums

    def told(self, figures):
        names = ("won_revenue", "pipeline_value", "active_opportunities", "won", "lost")
        return Counter({name: figures[name] for name in names if figures[name]})

    def test_due_and_overdue(self):
        deals = {
            "2026-01-31": 1,
            "2026-02-27": 20,
            "2026-02-28": 300,
            "2026-03-01": 4000,
            False: 50_000,
        }
        for day, amount in deals.items():
            self.opportunity(self.seller, amount, date_deadline=day)
        self.opportunity(self.manager, 0.5, date_deadline="2026-02-01")
        self.won("2026-01-01 12:00:00")
        # In Los Angeles it is still the 27th, in Kiritimati already the 1st of March.
        for zone, overdue, due in (
            ("America/Los_Angeles", (2, "1.50"), (3, "4320.00")),
            ("UTC", (3, "21.50"), (2, "4300.00")),
            ("Pacific/Kiritimati", (3, "21.50"), (2, "4300.00")),
        ):
            for __ in ("in the tail", "folded"):
                with self.subTest(zone), at(2026, 2, 28, 2):
                    found = self.figures(zone)
                    self.assertEqual(found["overdue"], counted(*overdue))
                    self.assertEqual(found["due"], counted(*due))
                    self.assertEqual(found["own"]["overdue"], counted(1, "0.50"))
                    self.assertEqual(found["own"]["due"], counted(0, "0.00"))
                    self.assertEqual(found["team"]["due"], counted(*due))
                    month = self.figures(zone, "this_month", date(2026, 2, 28))
                    self.assertEqual(month["pipeline_value"], money("320.50"))
                    self.assertEqual(
                        month["overdue"]["amount"] + month["due"]["amount"],
                        money("320.50"),
                    )
                    later = self.figures(zone, "this_month", date(2026, 3, 5))
                    self.assertEqual(later["overdue"], counted(0, "0.00"))
                self.fold()

    def test_the_part_of_the_period_before_by_the_clock_on_the_wall(self):
        # Clocks go forward on 8 March 2026 in Los Angeles.
        for hour, amount in ((19, 1), (20, 20), (21, 300)):
            wall = datetime(2026, 2, 9, hour, 30, tzinfo=LOS_ANGELES)
            self.won(wall.astimezone(timezone.utc).replace(tzinfo=None), amount)
        self.won("2026-01-31 12:00:00", 4000)
        # 21:00 on 9 March.
        with at(2026, 3, 10, 4):
            found = self.figures("America/Los_Angeles", "this_month", date(2026, 3, 9))
        self.assertEqual(found["before"]["won_revenue"], money("21.00"))
        self.assertEqual(found["before"]["team"]["won"], 2)
        self.assertEqual(found["before"]["from"], datetime(2026, 2, 1, 8, tzinfo=UTC))
        self.assertEqual(found["before"]["until"], datetime(2026, 2, 10, 5, tzinfo=UTC))
        with at(2026, 4, 10, 4):
            found = self.figures("America/Los_Angeles", "this_month", date(2026, 3, 9))
        self.assertEqual(found["before"]["won_revenue"], money("321.00"))

    def test_months_of_the_series_are_those_of_the_zone(self):
        self.won("2026-10-01 03:00:00", 700)
        zone = Calendar(LOS_ANGELES)
        with at(2026, 10, 1, 5):
            series = self.env["cqrs.metrics"]._read_series(
                self.manager, 2, "month", calendar=zone
            )
            self.assertEqual(
                [m["month"] for m in series["months"]], ["2026-08", "2026-09"]
            )
            self.assertEqual(
                [m["won_revenue"] for m in series["months"]],
                [money("0.00"), money("700.00")],
            )
            series = self.env["cqrs.metrics"]._read_series(self.manager, 1)
            self.assertEqual(series["months"][0]["month"], "2026-10")


def groups_of(figures):
    return figures.get("groups", ())


def label_id(label):
    """Return the id in the label of a group; the month itself."""
    return label.get("user_id") or label["id"] if isinstance(label, dict) else label


def counted(count, amount):
    return {"count": count, "amount": money(amount), "exact": money(amount)}


@tagged("post_install", "-at_install")
class TestPeriods(SalesOrganisation):
    def test_days_on_which_clocks_change(self):
        for zone, day, expected in (
            # They skip midnight, and show it twice.
            ("America/Santiago", date(2026, 9, 6), (2026, 9, 6, 4)),
            ("America/Havana", date(2026, 11, 1), (2026, 11, 1, 4)),
            # A day that never was.
            ("Pacific/Apia", date(2011, 12, 30), (2011, 12, 30, 10)),
            ("Pacific/Chatham", date(2026, 9, 28), (2026, 9, 27, 10, 15)),
            ("Pacific/Chatham", date(2026, 9, 27), (2026, 9, 26, 11, 15)),
        ):
            with self.subTest(zone, day=day):
                self.assertEqual(
                    midnight(day, ZoneInfo(zone)), datetime(*expected, tzinfo=UTC)
                )

    def test_named_periods(self):
        sunday = Calendar(week_start=7)
        april = Calendar(year_end=(31, 3))
        leap = Calendar(year_end=(28, 2))
        for calendar, name, day, expected in (
            (Calendar(), "today", "2026-03-01", ("2026-03-01", "2026-03-02")),
            (Calendar(), "yesterday", "2026-03-01", ("2026-02-28", "2026-03-01")),
            (Calendar(), "this_week", "2026-03-01", ("2026-02-23", "2026-03-02")),
            (sunday, "this_week", "2026-03-01", ("2026-03-01", "2026-03-08")),
            (sunday, "previous_week", "2026-03-07", ("2026-02-22", "2026-03-01")),
            (Calendar(), "previous_month", "2026-03-31", ("2026-02-01", "2026-03-01")),
            (
                Calendar(),
                "previous_quarter",
                "2026-02-28",
                ("2025-10-01", "2026-01-01"),
            ),
            (Calendar(), "previous_year", "2026-02-28", ("2025-01-01", "2026-01-01")),
            (april, "this_quarter", "2026-03-31", ("2026-01-01", "2026-04-01")),
            (april, "this_year", "2026-03-31", ("2025-04-01", "2026-04-01")),
            (april, "previous_year", "2026-04-01", ("2025-04-01", "2026-04-01")),
            (leap, "this_year", "2028-02-29", ("2027-03-01", "2028-03-01")),
        ):
            with self.subTest(name, day=day):
                found = calendar.named(name, date.fromisoformat(day))
                self.assertEqual((str(found.first), str(found.until)), expected)
                self.assertEqual(found.name, name)
        self.assertEqual(april.quarter(date(2026, 3, 31)), 4)
        self.assertEqual(len(NAMES), 10)

    def test_the_calendar_of_a_person(self):
        self.env["res.lang"]._lang_get("en_US").week_start = "7"
        self.seller.tz = "Asia/Kolkata"
        company = self.seller.company_id

        def calendar(user):
            return AnswerContext.of(self.env, user).calendar

        if "fiscalyear_last_day" in company:
            self.skipTest("The fiscal year is that of the module for accounting.")
        company.write({"cqrs_year_last_day": 31, "cqrs_year_last_month": "3"})
        self.assertEqual(
            calendar(self.seller), Calendar(ZoneInfo("Asia/Kolkata"), 7, (31, 3))
        )
        self.seller.tz = False
        self.assertEqual(calendar(self.seller).zone.key, "UTC")
        with self.assertRaisesRegex(Exception, "cannot end"):
            company.cqrs_year_last_day = 32


@tagged("post_install", "-at_install")
class TestApiOfAZone(ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.deal = cls.opportunity(cls.seller, 5, date_deadline="2026-02-28")
        cls.sold = cls.opportunity(cls.seller, 700)
        cls.sold.action_set_won()
        cls.sold.date_closed = "2026-03-01 03:00:00"

    def test_days_before_and_after_all_others_are_any_time(self):
        any_time = self.body(self.seller, "metrics")
        for query in ({"from": "0986-09-15"}, {"to": "9999-12-31"}):
            found = self.body(self.seller, "metrics", **query)
            self.assertIsNone(found["period"])
            self.assertEqual(found["won_revenue"], any_time["won_revenue"])

    def test_an_answer_ends_at_the_midnight_of_its_zone(self):
        for zone, before, after in (
            ("America/Los_Angeles", (2026, 3, 1, 7, 58), (2026, 3, 1, 8, 1)),
            ("Asia/Kolkata", (2026, 2, 28, 18, 28), (2026, 2, 28, 18, 31)),
        ):
            self.manager.tz = zone
            with self.subTest(zone):
                with at(*before):
                    answer = self.get(self.manager, "metrics")
                    tag = {"If-None-Match": answer.headers["ETag"]}
                    self.assertEqual(answer.json()["tz"], zone)
                    self.assertEqual(answer.json()["due"]["count"], 1)
                    self.assertEqual(self.ask("metrics", tag).status_code, 304)
                with at(*after):
                    answer = self.ask("metrics", tag)
                    self.assertEqual(answer.status_code, 200)
                    self.assertEqual(answer.json()["overdue"]["count"], 1)

    def test_the_zone_is_the_callers_or_the_one_asked_for(self):
        self.manager.tz = "UTC"
        with at(2026, 3, 2):
            found = self.body(self.manager, "metrics", period="this_month")
            self.assertEqual(found["won_revenue"], money("700.00"))
            self.assertEqual(found["period"]["from"], "2026-03-01T00:00:00+00:00")
            self.assertEqual(found["period"]["name"], "this_month")
            tag = {"If-None-Match": self.ask("metrics").headers["ETag"]}
            asked = {"period": "this_month", "tz": "America/Los_Angeles"}
            found = self.body(self.manager, "metrics", **asked)
            self.assertEqual(found["won_revenue"], money("0.00"))
            self.assertEqual(found["before"]["won_revenue"], money("0.00"))
            self.manager.tz = "America/Los_Angeles"
            self.assertEqual(self.get(self.manager, "metrics", tag).status_code, 200)
            found = self.body(self.manager, "metrics", period="this_month")
            self.assertEqual(found["period"]["from"], "2026-03-01T08:00:00+00:00")
        problem = self.get(self.manager, "metrics", tz="Mars/Olympus")
        self.assertProblem(problem, 400, parameter="tz")

    def test_the_list_has_the_records_of_the_figures(self):
        self.manager.tz = "America/Los_Angeles"

        def ids(**query):
            page = self.body(self.manager, "opportunities", archived="any", **query)
            self.assertEqual(page["total"], len(page["items"]))
            return {item["odoo_id"] for item in page["items"]}

        with at(2026, 3, 1, 9):
            deal, sold = self.deal.id, self.sold.id
            self.assertEqual(ids(period="this_month"), set())
            self.assertEqual(ids(period="previous_month"), {deal, sold})
            self.assertEqual(ids(period="previous_month", tz="UTC"), {deal})
            self.assertEqual(ids(**{"from": "2026-02-28"}), {deal, sold})
            self.assertEqual(ids(to="2026-02-27"), set())
            self.assertEqual(ids(to="2026-02-28", status="won"), {sold})
            self.assertEqual(ids(due="overdue"), {deal})
            self.assertEqual(ids(due="due"), set())
            self.assertEqual(ids(due="overdue", status="won"), set())
            self.assertEqual(ids(due="overdue", closing_to="2026-02-01"), set())
        with at(2026, 3, 1, 7):
            self.assertEqual(ids(due="due"), {deal})
