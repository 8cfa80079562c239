"""The dashboard as of a moment of the past."""

from datetime import datetime, timedelta, timezone

from dateutil.relativedelta import relativedelta

from odoo.tests import tagged

from .api import ApiCase
from .common import money
from .pasts import WithAPast


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
