"""The flow of the pipeline as the API gives it."""

from decimal import Decimal

from odoo.tests import tagged

from .api import ApiCase
from .test_flow_of_stages import DAY, START, Histories


@tagged("post_install", "-at_install")
class TestApiFlow(Histories, ApiCase):
    def test_it_is_answered(self):
        today = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        deal = self.created(today - 40 * DAY, self.seller, 500)
        self.change(deal, today - 30 * DAY, stage_id=self.stages[1].id)
        days = {
            "from": (today - 60 * DAY).date().isoformat(),
            "to": today.date().isoformat(),
            "tz": "UTC",
        }
        found = self.body(self.manager, "flow", **days)
        new = self.stage(found, self.stage_new)
        self.assertEqual((new["moved_on"], new["median_days"]), (1, Decimal("10.0")))
        groups = self.body(self.manager, "flow", by="salesperson", **days)["groups"]
        self.assertEqual(
            [each["salesperson"]["user_id"] for each in groups], [self.seller.id]
        )
        self.assertEqual(self.body(self.peer, "flow", **days)["stages"], [])
        at = (today - 30 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
        for bounds, moved in (
            ({"from": days["from"], "to": at}, 0),
            ({"from": at, "to": days["to"]}, 1),
            ({"from": days["to"], "to": at}, None),
            ({"period": "this_year"}, None),
        ):
            with self.subTest(**bounds):
                found = self.body(self.manager, "flow", **bounds)
                if moved is None:
                    self.assertLessEqual(found["from"], found["until"])
                else:
                    self.assertEqual(
                        self.stage(found, self.stage_new)["moved_on"], moved
                    )
        one = self.body(
            self.manager, "flow", salesperson=self.uuid(self.manager), **days
        )
        self.assertEqual(one["stages"], [])
        as_seller = self.body(self.manager, "flow", user=self.uuid(self.seller), **days)
        self.assertEqual(as_seller["stages"], found["stages"])

    def test_before_there_is_history(self):
        self.created(START, self.seller)
        answer = self.get(self.manager, "flow", to="1999-12-31")
        self.assertProblem(answer, 404, parameter="to")

    def test_only_who_reads_leads_is_answered(self):
        self.manager.group_ids = self.env.ref("base.group_user")
        self.assertProblem(self.get(self.manager, "flow"), 403)
        self.assertProblem(self.get(self.manager, "attention"), 403)
