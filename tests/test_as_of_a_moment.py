"""The dashboard as of any moment of the past, held against plain loops over the log."""

import os
import random
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from odoo.tests import tagged

from ..models.maintenance.replay import replay
from ..models.maintenance.verify import verify
from ..models.metrics.group_pages import Page
from ..models.opportunities.filters import Filters
from ..models.past.as_of import AsOf
from ..models.past.figures import SUMS
from ..models.past.levels import LAST_IDS
from ..models.past.levels import LEVELS as LEVELS_TABLE
from ..models.past.moments import SERIES
from ..models.past.pages import SORTS
from ..models.projections.opportunity_span import REPAIRS
from ..models.support.periods import NAMES, Calendar, Period
from .api import ApiCase
from .common import (
    SalesOrganisation,
    money,
    other_company,
    seed_of_chance,
    without_triggers,
)
from .plain_rules import PlainRules
from .plain_spans import plain_spans

#: Each run draws others; CRM_CQRS_SEED repeats those of one
SEED = seed_of_chance()
HISTORIES = int(os.environ.get("CRM_CQRS_HISTORIES") or 3)

ZONES = [ZoneInfo(name) for name in ("UTC", "America/Los_Angeles", "Asia/Kolkata")]
CHECKPOINT = "cqrs_opportunity_span_checkpoint"
AMOUNTS = ("pipeline_value", "weighted_pipeline", "won_revenue")


class WithAPast(SalesOrganisation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The demo leads of Odoo have a past that is reconstructed, and no plain loop.
        cls.env.cr.execute("DELETE FROM cqrs_prehistory RETURNING opportunity_id")
        lead_ids = {id_ for (id_,) in cls.env.cr.fetchall()}
        cls.env["cqrs.prehistory"]._show(sorted(lead_ids))

    def setUp(self):
        super().setUp()
        self.now = self.env.cr.now().replace(tzinfo=timezone.utc)
        self.began = self.now - relativedelta(months=12)
        self.opportunity(self.other_manager)  # there is history since then
        self.happened(self.began)

    def happened(self, time):
        """Let what has been recorded in this transaction have occurred at a time."""
        self.env.cr.flush()
        with without_triggers(self.env.cr):
            for table in ("cqrs_event", "cqrs_metrics_tail"):
                self.env.cr.execute(
                    f"UPDATE {table} SET occurred_at = %s WHERE occurred_at = now()",
                    [time],
                )
        # The past has changed, as otherwise a repair alone changes it.
        REPAIRS.change(self.env.cr)

    def ago(self, **interval):
        return self.now - timedelta(**interval)


@tagged("post_install", "-at_install")
class TestAsOfAMoment(WithAPast, ApiCase):
    def history(self):
        """A deal that grew, was renamed and changed hands; and one that went."""
        self.deal = self.opportunity(self.seller, 1000, name="First name")
        self.gone = self.opportunity(self.seller, 50, name="Gone")
        self.happened(self.ago(days=100))
        self.deal.expected_revenue = 2000.25
        self.happened(self.ago(days=50))
        self.gone.unlink()
        self.deal.write({"name": "Last name", "user_id": self.peer.id})
        self.happened(self.ago(days=10))

    def days_ago(self, days):
        return self.ago(days=days).date().isoformat()

    def test_figures(self):
        self.history()
        for days, pipeline, count in ((101, "0.00", 0), (60, "1050.00", 2)):
            with self.subTest(days=days):
                found = self.body(self.seller, "metrics", as_of=self.days_ago(days))
                self.assertEqual(found["pipeline_value"], money(pipeline))
                self.assertEqual(found["active_opportunities"], count)
                self.assertEqual(found["reconstructed"], 0)
        self.assertEqual(found["own"]["pipeline_value"], money("1050.00"))
        self.assertEqual(found["tz"], "UTC")
        time = self.ago(days=20)
        found = self.body(
            self.manager, "metrics", as_of=time.isoformat(), by="salesperson"
        )
        self.assertEqual(found["as_of"], time.isoformat())
        self.assertEqual(found["team"]["pipeline_value"], money("2050.25"))
        [group] = found["groups"]
        self.assertEqual(group["salesperson"]["user_id"], self.seller.id)
        # Another's deal by then: whose past one sees follows from the row as it was.
        now = self.body(self.manager, "metrics")
        self.assertEqual(now["pipeline_value"], 0)

    def test_a_list_has_the_names_of_then(self):
        partner = self.env["res.partner"].create({"name": "Old customer"})
        deal = self.opportunity(self.seller, 10, name="Old", partner_id=partner.id)
        self.happened(self.ago(days=100))
        partner.name = "New customer"
        deal.write({"name": "New", "stage_id": self.stage_won.id})
        self.happened(self.ago(days=10))
        answer = self.body(
            self.seller, "opportunities", as_of=self.days_ago(30), sort="-value"
        )
        self.assertEqual((answer["total"], answer["next"]), (1, None))
        [item] = answer["items"]
        self.assertEqual(item["name"], "Old")
        self.assertEqual(item["partner"]["name"], "Old customer")
        self.assertEqual(item["status"], "pending")
        self.assertEqual(item["version"], 1)
        self.assertEqual(item["stage"]["id"], self.stage_new.id)
        changed = datetime.fromisoformat(item["changed_at"])
        self.assertEqual(changed, self.ago(days=100))

    def test_a_list_of_a_sales_team_of_then(self):
        old, new = self.env["crm.team"].create([{"name": "Old"}, {"name": "New"}])
        deal = self.opportunity(self.seller, 10, team_id=old.id)
        self.happened(self.ago(days=100))
        deal.team_id = new
        self.happened(self.ago(days=10))
        day = self.days_ago(30)
        for team, total in ((old, 1), (new, 0)):
            answer = self.body(self.seller, "opportunities", as_of=day, team_id=team.id)
            self.assertEqual((answer["total"], len(answer["items"])), (total, total))

    def test_the_dashboard_and_the_hierarchy(self):
        self.history()
        day = self.days_ago(60)
        answer = self.body(self.manager, as_of=day)
        self.assertEqual(answer["metrics"]["pipeline_value"], money("1050.00"))
        self.assertEqual(answer["opportunities"]["subordinates"], 2)
        self.assertEqual(
            [item["odoo_id"] for item in answer["opportunities"]["items"]],
            [self.deal.id, self.gone.id],
        )
        self.assertTrue(answer["hierarchy"]["is_manager"])
        level = self.body(self.manager, "users/hierarchy", as_of=day, metrics="true")
        [node] = level["items"]
        self.assertEqual(node["metrics"]["pipeline_value"], money("1050.00"))
        self.assertIn("settled", level)

    def test_pages_follow_one_another(self):
        for value in (5, 3, 3, 1):
            self.opportunity(self.seller, value)
        self.happened(self.ago(days=20))
        for sort in ("-value", "value", "closing_date", "-stage"):
            query = {"as_of": self.days_ago(10), "sort": sort, "fields": "odoo_id"}
            whole = self.body(self.manager, "opportunities", **query)["items"]
            self.assertEqual(len(whole), 4)
            found, cursor = [], {}
            while cursor is not None:
                page = self.body(
                    self.manager, "opportunities", limit=1, **query, **cursor
                )
                found += page["items"]
                cursor = page["next"] and {"cursor": page["next"]}
            self.assertEqual(found, whole, sort)
        # A cursor of another moment is of another list.
        page = self.body(
            self.manager, "opportunities", limit=1, as_of=self.days_ago(10)
        )
        self.assertProblem(
            self.get(
                self.manager,
                "opportunities",
                as_of=self.days_ago(9),
                cursor=page["next"],
            ),
            400,
            parameter="cursor",
        )

    def test_what_cannot_be_asked(self):
        self.history()
        day = self.days_ago(20)
        since = self.env["cqrs.opportunity.span"]._history_since()
        before = (since - timedelta(seconds=1)).astimezone(timezone.utc).isoformat()
        tomorrow = (self.now + timedelta(days=1)).isoformat()
        for path in ("", "metrics", "opportunities", "users/hierarchy"):
            with self.subTest(path=path):
                self.assertProblem(
                    self.get(self.seller, path, as_of=before),
                    404,
                    type="/api/v2/problems/before-history",
                    since=since.astimezone(timezone.utc).isoformat(),
                )
                for future in (tomorrow, self.now.date().isoformat()):
                    self.assertProblem(
                        self.get(self.seller, path, as_of=future),
                        400,
                        parameter="as_of",
                    )
                self.assertProblem(
                    self.get(self.seller, path, as_of="noon"), 400, parameter="as_of"
                )
        for name, value in (
            ("sort", "name"),
            ("sort", "-closed_at"),
            ("text", "deal"),
            ("created_from", before),
            ("changed_to", before),
        ):
            self.assertProblem(
                self.get(self.seller, "opportunities", as_of=day, **{name: value}),
                400,
                parameter=name,
            )
        for by in ("customer", "stage,tag"):
            self.assertProblem(
                self.get(self.seller, "metrics", as_of=day, by=by), 400, parameter="by"
            )

    def test_days_end_at_the_zones_midnight(self):
        midnight = self.ago(days=40).replace(hour=0, minute=0, second=0, microsecond=0)
        self.opportunity(self.seller, 7, date_deadline=midnight.date())
        self.happened(midnight + timedelta(hours=3))
        day = (midnight - timedelta(days=1)).date().isoformat()
        # It is still the day before, west of Greenwich.
        for zone, count in (("UTC", 0), ("America/Los_Angeles", 1)):
            found = self.body(self.seller, "metrics", as_of=day, tz=zone)
            self.assertEqual(found["active_opportunities"], count, zone)
        self.assertEqual((found["due"]["count"], found["overdue"]["count"]), (1, 0))
        # Its last day is no day after it, and the next one is.
        for days, late in ((0, 0), (1, 1)):
            day = (midnight + timedelta(days=days)).date().isoformat()
            found = self.body(self.seller, "metrics", as_of=day)
            self.assertEqual(found["overdue"]["count"], late, day)

    def test_a_period_is_that_of_the_day(self):
        start = (self.now - relativedelta(months=3)).replace(
            day=1, hour=12, minute=0, second=0, microsecond=0
        )
        won = self.opportunity(self.seller, 10)
        self.happened(start)
        won.action_set_won()
        won.date_closed = (start + timedelta(days=3)).replace(tzinfo=None)
        self.happened(start + timedelta(days=3))
        for days, revenue in ((1, "0.00"), (10, "10.00")):
            found = self.body(
                self.seller,
                "metrics",
                as_of=(start + timedelta(days=days)).date().isoformat(),
                period="this_month",
            )
            self.assertEqual(found["won_revenue"], money(revenue))
            self.assertEqual(found["period"]["from"][:10], start.date().isoformat())
        month_later = (start + relativedelta(months=1, days=10)).date().isoformat()
        found = self.body(
            self.seller, "metrics", as_of=month_later, period="this_month"
        )
        self.assertEqual(found["won_revenue"], 0)
        self.assertEqual(found["before"]["won_revenue"], money("10.00"))

    def test_a_series_of_days(self):
        self.history()
        answer = self.body(
            self.seller, "metrics/series", every="day", periods=15, tz="Asia/Kolkata"
        )
        self.assertEqual(answer["every"], "day")
        self.assertEqual(len(answer["periods"]), 15)
        pipelines = [each["pipeline_value"] for each in answer["periods"]]
        self.assertEqual(pipelines[0], money("2050.25"))
        self.assertEqual(pipelines[-1], 0)
        self.assertProblem(
            self.get(self.seller, "metrics/series", every="day", months=3),
            400,
            parameter="months",
        )
        self.assertProblem(
            self.get(self.seller, "metrics/series", periods=3), 400, parameter="periods"
        )

    def test_a_series_begins_with_history(self):
        self.history()
        since = self.env["cqrs.opportunity.span"]._history_since()
        found = self.env["cqrs.metrics"]._read_series(
            self.seller, months=2000, every="quarter"
        )
        first = found["periods"][0]
        self.assertLessEqual(first["from"], since.date())
        self.assertGreater(first["until"], since)


@tagged("post_install", "-at_install")
class TestAnyPast(WithAPast):
    """Random histories, asked by random people, of random moments, in random zones."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        euro, dollar = (
            cls.env["res.currency"]
            .with_context(active_test=False)
            .search([("name", "=", name)])
            for name in ("EUR", "USD")
        )
        (euro + dollar).active = True
        own = cls.env.company.currency_id
        cls.abroad = other_company(cls.env, euro if own == dollar else dollar)
        cls.viewers = cls.head | cls.manager | cls.seller | cls.peer
        cls.everybody, __ = cls.person("everybody")
        cls.everybody.group_ids |= cls.env.ref(
            "sales_team.group_sale_salesman_all_leads"
        )
        cls.viewers |= cls.everybody
        cls.viewers.company_ids |= cls.abroad
        cls.env.cr.flush()

    def history(self, draw):
        """Let a few leads live for a year; return the times at which they changed."""
        owners = [*self.viewers, self.env["res.users"]]
        stages = [self.stage_new, self.stage_won]
        teams = [*self.env["crm.team"].search([], limit=2), self.env["crm.team"]]
        companies = [self.env.company, self.abroad]
        days = [self.now.date() - timedelta(days=n) for n in range(-40, 340, 20)]
        times = sorted(
            self.began + timedelta(seconds=draw.randrange(86400 * 364))
            for __ in range(14)
        )
        # Also at the very midnight of a zone.
        times[7] = times[7].replace(hour=0, minute=0, second=0, microsecond=0)
        leads = self.env["crm.lead"]
        for time in sorted(times):
            for __ in range(draw.randint(1, 2)):
                leads = leads.exists()
                if len(leads) < 3 or draw.random() < 0.2:
                    company = draw.choice(companies)
                    leads += self.opportunity(
                        draw.choice(owners),
                        draw.choice((0, 0.1, 99.99, 1000)),
                        type=draw.choice(("lead", "opportunity", "opportunity")),
                        company_id=company.id,
                        team_id=False,
                        date_deadline=draw.choice([*days, False]),
                        probability=draw.choice((0, 12.5, 60)),
                    )
                    continue
                lead = draw.choice(leads)
                match draw.randrange(9):
                    case 0:
                        lead.unlink()
                    case 1:
                        lead.user_id = draw.choice(owners)
                    case 2:
                        lead.expected_revenue = draw.choice((0.07, 5, 1e6))
                    case 3:
                        lead.stage_id = draw.choice(stages)
                    case 4:
                        lead.active = not lead.active
                    case 5:
                        lead.date_deadline = draw.choice([*days, False])
                    case 6:
                        lead.type = draw.choice(("lead", "opportunity"))
                    case 7:
                        lead.team_id = draw.choice(teams)
                    case 8:
                        lead.action_set_won()
                        lead.date_closed = time.replace(tzinfo=None)
            self.happened(time)
        return sorted(times)

    def fill_levels(self):
        """Keep levels, so that the moments are near one."""
        self.env["cqrs.opportunity.span"]._follow()
        self.assertTrue(self.env["cqrs.past.levels"]._fill_settled())
        self.env.cr.execute(f"SELECT count(*) FROM {LEVELS_TABLE}")
        self.assertGreater(self.env.cr.fetchone()[0], 100)

    def seen(self, viewer, moment):
        """Return the spans of a moment that a viewer sees, as the plain rules say."""
        found = []
        for (lead_id, version), span in self.spans.items():
            if span["type"] != "opportunity":
                continue
            if not span["since"] <= moment < span["until"]:
                continue
            key = viewer, span["user_id"], span["company_id"], span["team_id"]
            if key not in self.decided:
                lead = self.env["crm.lead"].new(
                    {
                        "type": "opportunity",
                        "user_id": span["user_id"],
                        "company_id": span["company_id"],
                        "team_id": span["team_id"],
                    }
                )
                self.decided[key] = self.rules.sees(viewer, lead)
            if self.decided[key]:
                found.append({**span, "id": lead_id, "version": version})
        return found

    def rate(self, viewer, span):
        currency = self.env["res.currency"].browse(span["currency_id"])
        company = viewer.company_id
        currency = currency or company.currency_id
        rate = currency._get_conversion_rate(currency, company.currency_id, company)
        return Decimal(f"{rate:.15g}")

    def figures(self, viewer, spans):
        sums = defaultdict(Decimal)
        for span in spans:
            value = span["value"] * self.rate(viewer, span)
            if span["status"] == "pending":
                if span["active"]:
                    sums["active_opportunities"] += 1
                    sums["pipeline_value"] += value
                    sums["weighted_pipeline"] += (
                        value * (span["probability"] or 0) / 100
                    )
            else:
                sums[span["status"]] += 1
                if span["status"] == "won":
                    sums["won_revenue"] += value
        return sums

    def check(self, found, viewer, spans):
        sums = self.figures(viewer, spans)
        for name in ("active_opportunities", "won", "lost"):
            self.assertEqual(found[name], sums[name], name)
        for name in AMOUNTS:
            self.assertEqual(found["exact"][name], sums[name], name)

    def histories(self):
        """Yield random histories one after another, each undone before the next."""
        for self.seed in range(SEED, SEED + HISTORIES):
            draw = random.Random(self.seed)
            savepoint = self.env.cr.savepoint()
            try:
                times = self.history(draw)
                if self.seed % 2 == SEED % 2:
                    self.fill_levels()
                self.spans = plain_spans(self.env)
                self.rules, self.decided = PlainRules(self.env), {}
                yield draw, times
            finally:
                savepoint.close(rollback=True)
                self.env.invalidate_all(flush=False)

    def test_figures_and_lists_equal_a_plain_loop(self):
        for draw, times in self.histories():
            for viewer in self.viewers:
                moment = draw.choice(times) + timedelta(
                    microseconds=draw.choice((-1, 0, 1, 10**9))
                )
                zone = draw.choice(ZONES)
                as_of = AsOf.of(draw.choice((moment, moment.date())), zone)
                with self.subTest(seed=self.seed, viewer=viewer.login, as_of=as_of):
                    self.check_figures(draw, viewer, as_of, zone)
                    self.check_lists(draw, viewer, as_of)

    def test_the_sums_of_a_moment_are_near_a_level(self):
        self.history(random.Random(SEED))
        self.fill_levels()
        as_of = AsOf.of(self.ago(days=30), ZONES[0])
        past, metrics = self.env["cqrs.past"], self.env["cqrs.metrics"]

        def counts():
            months = [
                metrics._read_series(user, months=3)["months"][0]
                for user in (self.manager, self.everybody)
            ]
            # Of the team no change of both would be seen.
            series = [month["own"] for month in months] + months
            return [
                past._read_metrics(user, as_of, by=by)["active_opportunities"]
                for user, by in (
                    (self.manager, ()),
                    (self.other_manager, ("salesperson",)),
                    (self.everybody, ()),
                    (self.everybody, ("stage",)),
                )
            ] + [figures["active_opportunities"] for figures in series]

        for owner in (self.manager, self.everybody):
            self.opportunity(owner)
        self.happened(self.ago(days=90))  # late, which no level knows
        right = counts()
        self.env["cqrs.opportunity.span"]._follow()
        self.env["cqrs.past.levels"]._fill_settled()
        self.assertEqual(counts(), right)
        self.env.cr.execute(f"UPDATE {LEVELS_TABLE} SET active = active + 1000")
        for cache in (SUMS, SERIES):
            cache.store(self.env).clear()
        for found, count in zip(counts(), right, strict=True):
            self.assertGreater(found, count)
        # What has changed the past since is not in them.
        REPAIRS.change(self.env.cr)
        self.assertEqual(counts(), right)

    def test_a_series_counts_what_no_level_has_yet(self):
        """A moment that is near a level, but later than what is followed."""
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        gone = self.opportunity(self.everybody)
        self.happened(midnight - timedelta(days=1))

        def counts():
            for viewer in (self.everybody, self.manager):
                series = self.env["cqrs.metrics"]._read_series(viewer, 2, every="day")
                as_of = AsOf(midnight - timedelta(microseconds=1), midnight.date())
                figures = self.env["cqrs.past"]._read_metrics(viewer, as_of)
                for found in (series["periods"][0], figures):
                    for scope in ("own", "team"):
                        yield found[scope]["active_opportunities"]

        self.env["cqrs.opportunity.span"]._follow()
        self.env.cr.execute(
            f"UPDATE {CHECKPOINT} SET settled_upto = %s",
            [midnight - timedelta(hours=3)],
        )
        self.assertTrue(self.env["cqrs.past.levels"]._fill_settled())
        before = [*counts()]
        self.opportunity(self.seller)
        gone.unlink()
        self.env.cr.flush()
        with without_triggers(self.env.cr):
            self.env.cr.execute(
                "UPDATE cqrs_event SET occurred_at = %s WHERE occurred_at = now()",
                [midnight - timedelta(hours=1)],
            )
        self.assertIsNotNone(self.env["cqrs.past.levels"]._filled_until())
        changes = [after - count for count, after in zip(before, counts(), strict=True)]
        # Own and team, of the series and of the moment, of each of the two.
        self.assertEqual(changes, [-1, 1, -1, 1, 0, 1, 0, 1])

    def test_what_is_left_out_of_the_read_models_is_in_no_level(self):
        deal = self.opportunity(self.seller)
        self.opportunity(self.seller)
        self.happened(self.ago(days=100))
        spans, levels = self.env["cqrs.opportunity.span"], self.env["cqrs.past.levels"]
        as_of = AsOf.of(self.ago(days=40), ZONES[0])

        def counts():
            for viewer in (self.everybody, self.seller):
                figures = self.env["cqrs.past"]._read_metrics(viewer, as_of)
                series = self.env["cqrs.metrics"]._read_series(viewer, months=2)
                for found in (figures, series["months"][0]):
                    yield found["active_opportunities"]

        before = [*counts()]
        spans._follow()
        self.env.cr.execute(
            "INSERT INTO cqrs_projection_failure (projection, rebuilds, stream_model,"
            " stream_id, held_version, is_left_out, sqlstate, error)"
            " VALUES (%s, 0, 'crm.lead', %s, 0, true, 'XX000', 'unreadable')",
            [spans._name, deal.id],
        )
        self.assertTrue(levels._fill_settled())
        self.assertEqual([*counts()], [count - 1 for count in before])
        self.assertEqual(list(levels._drifts()), [])

    def test_a_wrong_level_is_found_and_made_anew(self):
        self.history(random.Random(SEED))
        self.fill_levels()
        levels = self.env["cqrs.past.levels"]

        def found():
            return {drift.table for drift in levels._drifts()}

        self.assertEqual(found(), set())
        self.env.cr.execute(f"SELECT max(moment) FROM {LEVELS_TABLE}")
        [last] = self.env.cr.fetchone()
        for dimension in ("all", "month", "owner"):
            for change in (
                "pipeline_value = pipeline_value + 0.01",
                "on_day_count = on_day_count + 1",
            ):
                with self.subTest(dimension=dimension, change=change):
                    savepoint = self.env.cr.savepoint()
                    self.env.cr.execute(
                        f"UPDATE {LEVELS_TABLE} SET {change} WHERE ctid = ("
                        f" SELECT ctid FROM {LEVELS_TABLE} WHERE dimension = %s"
                        " ORDER BY moment DESC LIMIT 1)",
                        [dimension],
                    )
                    self.assertEqual(found(), {LEVELS_TABLE})
                    savepoint.close(rollback=True)
        with self.subTest("a row is missing"):
            savepoint = self.env.cr.savepoint()
            self.env.cr.execute(f"DELETE FROM {LEVELS_TABLE} WHERE moment = %s", [last])
            self.assertEqual(found(), {LEVELS_TABLE})
            savepoint.close(rollback=True)
        with self.subTest("the last id"):
            savepoint = self.env.cr.savepoint()
            self.env.cr.execute(f"UPDATE {LAST_IDS} SET last_id = last_id - 1")
            self.assertEqual(found(), {LAST_IDS})
            savepoint.close(rollback=True)
        self.env.cr.execute(
            f"UPDATE {LEVELS_TABLE} SET active = active + 1 WHERE moment = %s", [last]
        )
        details = [
            finding.detail
            for finding in verify(self.env)
            if LEVELS_TABLE in finding.detail
        ]
        self.assertTrue(details)
        self.assertIn("Rebuild cqrs.opportunity.span.", details[0])
        replay(self.env, ["cqrs.opportunity.span"])
        self.assertIsNone(levels._filled_until())
        self.env["cqrs.past.levels"]._fill_settled()
        self.assertEqual(found(), set())

    def check_figures(self, draw, viewer, as_of, zone):
        past = self.env["cqrs.past"]._read_metrics
        spans = self.seen(viewer, as_of.moment)
        calendar = Calendar(zone)
        found = past(viewer, as_of, calendar=calendar)
        self.check(found, viewer, spans)
        own = [span for span in spans if span["user_id"] == viewer.id]
        self.check(found["own"], viewer, own)
        late = [
            span
            for span in spans
            if span["status"] == "pending"
            and span["active"]
            and span["closing_date"]
            and span["closing_date"] < as_of.today
        ]
        self.assertEqual(found["overdue"]["count"], len(late))
        self.assertEqual(
            found["overdue"]["exact"],
            sum((s["value"] * self.rate(viewer, s) for s in late), Decimal(0)),
        )
        for by, column, key in (
            ("stage", "stage_id", "id"),
            ("salesperson", "user_id", "user_id"),
            ("team", "team_id", "id"),
        ):
            page = draw.choice((None, Page(limit=200)))
            groups = past(viewer, as_of, by=(by,), page=page)["groups"]
            member = "sales_team" if by == "team" else by
            for group in groups:
                label = group[member] and group[member][key]
                self.check(group, viewer, [s for s in spans if s[column] == label])
            self.assertEqual(
                sum(group["active_opportunities"] for group in groups),
                found["active_opportunities"],
            )
        months = past(viewer, as_of, by=("month",), calendar=calendar)["groups"]
        for group in months:
            label = group["month"] and date.fromisoformat(f"{group['month']}-01")
            closed = [s for s in spans if _month(s, zone) == label]
            self.check(group, viewer, closed)
        self.assertEqual(
            sum(group["active_opportunities"] + group["won"] for group in months),
            found["active_opportunities"] + found["won"],
        )
        period = calendar.named(draw.choice(list(NAMES)), as_of.today)
        if draw.random() < 0.4:
            first = period.first + timedelta(days=draw.randint(-40, 0))
            days = timedelta(days=draw.randint(1, 90))
            period = Period(first, first + days, zone)
        self.check(
            past(viewer, as_of, calendar=calendar, period=period),
            viewer,
            [span for span in spans if closes_in(span, period)],
        )

    def check_lists(self, draw, viewer, as_of):
        past = self.env["cqrs.past"]
        spans = [span for span in self.seen(viewer, as_of.moment) if span["active"]]
        statuses = draw.choice((None, ("pending",), ("won",)))
        if statuses:
            spans = [span for span in spans if span["status"] in statuses]
        filters = Filters(statuses=statuses)
        self.assertEqual(past._count(viewer, as_of, filters), (len(spans), 0))
        stage_ids = past._stage_ids()
        keys = {
            "value": lambda s: s["value"] * self.rate(viewer, s),
            "closing_date": lambda s: (
                s["closing_date"] is None,
                s["closing_date"] or self.now.date(),
            ),
            "stage": lambda s: stage_ids.index(s["stage_id"]),
        }
        for sort in SORTS:
            for descending in (False, True):
                expected = sorted(
                    spans,
                    key=lambda s, sort=sort: (keys[sort](s), s["id"]),
                    reverse=descending,
                )
                found, after = [], None
                while True:
                    page = past._read_page(
                        viewer, as_of, sort, descending, filters, after, limit=2
                    )
                    found += page.ids
                    after = page.next
                    if not after:
                        break
                self.assertEqual(found, [span["id"] for span in expected], sort)

    def test_a_series_equals_a_plain_loop(self):
        for draw, __ in self.histories():
            for viewer in (self.everybody, draw.choice(self.viewers)):
                zone = draw.choice(ZONES)
                company_ids = draw.choice((None, (self.abroad.id,)))
                for every in ("day", "week", "month", "quarter", None):
                    answer = self.env["cqrs.metrics"]._read_series(
                        viewer,
                        draw.randint(2, 9),
                        company_ids=company_ids,
                        calendar=Calendar(zone),
                        every=every,
                    )
                    items = answer["periods" if every else "months"]
                    for item in items[:-1]:
                        with self.subTest(
                            seed=self.seed,
                            viewer=viewer.login,
                            every=every,
                            until=item["until"],
                        ):
                            self.check_item(item, viewer, company_ids)

    def check_item(self, item, viewer, company_ids):
        spans = [
            span
            for span in self.seen(viewer, item["until"] - timedelta(microseconds=1))
            if not company_ids or (span["company_id"] or company_ids[0]) in company_ids
        ]
        own = [span for span in spans if span["user_id"] == viewer.id]
        for found, some in ((item, spans), (item["own"], own)):
            sums = self.figures(viewer, some)
            self.assertEqual(
                found["active_opportunities"], sums["active_opportunities"]
            )
            for name in ("pipeline_value", "weighted_pipeline"):
                self.assertEqual(found["exact"][name], sums[name], name)


def _day_of_closing(span, zone):
    if span["status"] == "pending":
        return span["closing_date"]
    closed = span["closed_at"]
    closed = closed and closed.replace(tzinfo=timezone.utc).astimezone(zone)
    return closed and closed.date()


def _month(span, zone):
    day = _day_of_closing(span, zone)
    return day and day.replace(day=1)


def closes_in(span, period):
    day = _day_of_closing(span, period.zone)
    return day is not None and period.first <= day < period.until
