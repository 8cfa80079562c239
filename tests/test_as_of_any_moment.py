"""The dashboard as of any moment of random pasts equals plain loops over the log."""

import random
from datetime import date, timedelta
from decimal import Decimal

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
from .common import without_triggers
from .pasts import SEED, ZONES, AnyPast, closes_in, month_of

CHECKPOINT = "cqrs_opportunity_span_checkpoint"


@tagged("post_install", "-at_install")
class TestAnyPast(AnyPast):
    """Random histories, asked by random people, of random moments, in random zones."""

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
            closed = [s for s in spans if month_of(s, zone) == label]
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
