"""Deals that need attention: overdue, stuck, idle, or nothing planned."""

from datetime import timedelta

from odoo.tests import tagged

from ..models.opportunities.pace import IDLE_DAYS, KINDS, PUSHES
from .api import ApiCase
from .common import money
from .test_flow_of_stages import DAY, START
from .test_pace_of_deals import Paces


@tagged("post_install", "-at_install")
class TestWhatNeedsAttention(Paces, ApiCase):
    def deals(self):
        """Return deals of the seller, ``{name: deal}``, each of one kind at most."""
        self.won_after(*[15] * 10)
        self.norms()
        today = self.now
        deals = {
            name: self.created(today - 5 * DAY, self.seller, revenue, name=name)
            for name, revenue in (
                ("fine", 1),
                ("overdue", 20),
                ("pushed", 300),
                ("no_activity", 4000),
            )
        }
        deals["stuck"] = self.created(today - 20 * DAY, self.seller, 50_000.5)
        deals["idle"] = self.created(today - 14 * DAY, self.seller, 600_000)
        later = self.today + timedelta(days=100)
        for name, deal in deals.items():
            if name != "no_activity":
                self.planned(deal)
            closing = self.today - timedelta(days=1) if name == "overdue" else later
            self.change(
                deal,
                today - (14 if name == "idle" else 1) * DAY,
                date_deadline=closing,
            )
        for number in range(PUSHES):
            self.change(
                deals["pushed"],
                today - DAY + timedelta(hours=number + 1),
                date_deadline=later + timedelta(days=number + 1),
            )
        return deals

    def test_each_kind(self):
        deals = self.deals()
        listed = {kind: self.asked(attention=kind) for kind in KINDS}
        self.assertEqual(listed, {kind: deals[kind].ids for kind in KINDS})
        several = self.asked(attention="overdue,pushed,idle")
        self.assertEqual(
            several, [deals[kind].id for kind in ("idle", "pushed", "overdue")]
        )
        items = self.body(
            self.manager, "opportunities", fields="odoo_id,attention", status="pending"
        )["items"]
        told = {each["odoo_id"]: each["attention"] for each in items}
        self.assertEqual(
            told,
            {deal.id: [name] if name in KINDS else [] for name, deal in deals.items()},
        )

    def asked(self, **query):
        """Return the ids of a list, page by page."""
        query = {"fields": "odoo_id", "limit": 2, **query}
        ids, cursor = [], {}
        while True:
            page = self.body(self.manager, "opportunities", **query, **cursor)
            ids += [each["odoo_id"] for each in page["items"]]
            if page["next"] is None:
                self.assertEqual(page["total"], len(ids))
                return ids
            cursor = {"cursor": page["next"]}

    def test_counts_and_amounts_are_those_of_the_lists(self):
        deals = self.deals()
        self.opportunity(self.peer, 77)
        found = self.body(self.manager, "attention")
        self.assertEqual([each["kind"] for each in found["kinds"]], list(KINDS))
        for each in found["kinds"]:
            deal = deals[each["kind"]]
            with self.subTest(each["kind"]):
                self.assertEqual(each["count"], 1)
                self.assertEqual(each["amount"], money(f"{deal.expected_revenue:.2f}"))
                self.assertEqual(each["exact"], money(str(deal.expected_revenue)))
        total = self.body(
            self.manager, "opportunities", attention=",".join(KINDS), limit=1
        )["total"]
        self.assertEqual(found["any"]["count"], total)
        self.assertEqual(found["any"]["amount"], money("654320.50"))
        one = self.body(self.manager, "attention", salesperson=self.uuid(self.manager))
        self.assertEqual(one["any"]["count"], 0)

    def test_an_activity_that_is_done_is_not_planned(self):
        deal = self.created(self.now, self.seller)
        self.assertEqual(self.asked(attention="no_activity"), deal.ids)
        activity = self.planned(deal)
        self.assertEqual(self.asked(attention="no_activity"), [])
        activity.action_done()
        self.assertEqual(self.asked(attention="no_activity"), deal.ids)

    def test_a_reader_is_told_when_an_activity_is_planned_or_moved(self):
        deal = self.created(self.now, self.seller)
        other = self.created(self.now, self.seller)
        for path, query in (
            ("attention", {}),
            ("opportunities", {"attention": "no_activity"}),
            ("opportunities", {"fields": "attention"}),
        ):
            with self.subTest(path, **query):
                tag = self.get(self.seller, path, **query).headers["ETag"]
                held = {"If-None-Match": tag}
                self.assertEqual(self.ask(path, held, **query).status_code, 304)
                activity = self.planned(deal)
                self.env.cr.flush()
                planned = self.ask(path, held, **query)
                self.assertEqual(planned.status_code, 200)
                held = {"If-None-Match": planned.headers["ETag"]}
                # Of another deal; written at the same time, as far as Odoo knows.
                activity.res_id = other.id
                self.env.cr.flush()
                self.assertEqual(self.ask(path, held, **query).status_code, 200)
                activity.unlink()
                self.env.cr.flush()

    def test_closed_and_archived_ones_need_none(self):
        for values in (
            {"stage_id": self.stage_won.id},
            {"active": False, "probability": 20},
        ):
            deal = self.created(START, self.seller, date_deadline="2025-02-01")
            self.change(deal, START + DAY, **values)
        self.assertEqual(self.asked(attention=",".join(KINDS), archived="any"), [])
        self.assertEqual(self.body(self.manager, "attention")["any"]["count"], 0)

    def test_the_day_is_that_of_the_zone(self):
        deal = self.created(self.now - DAY, self.seller)
        moment = self.now.replace(hour=12, minute=0, second=0, microsecond=0)
        deal.date_deadline = moment.date()
        self.happened(self.now - DAY, deal)
        # At noon in UTC it is the next day in Kiritimati.
        from .test_days_of_a_zone import at

        with at(*moment.timetuple()[:6]):
            for zone, is_overdue in (("UTC", False), ("Pacific/Kiritimati", True)):
                with self.subTest(zone):
                    query = {"tz": zone, "fields": "is_overdue"}
                    [item] = self.body(self.seller, "opportunities", **query)["items"]
                    self.assertIs(item["is_overdue"], is_overdue)
                    found = self.body(self.seller, "attention", tz=zone)["kinds"][0]
                    self.assertEqual(found["count"], int(is_overdue))

    def test_parameters_that_are_wrong(self):
        for query in (
            {"attention": "bored"},
            {"age_days_from": "-1"},
            {"pushes_to": "1.5"},
            {"is_stuck": "yes"},
        ):
            with self.subTest(**query):
                answer = self.get(self.seller, "opportunities", **query)
                self.assertProblem(answer, 400, parameter=next(iter(query)))

    def test_idle_counts_from_days(self):
        deal = self.created(self.now - IDLE_DAYS * DAY, self.seller)
        self.happened(self.now - IDLE_DAYS * DAY, deal)
        self.assertEqual(
            self.page(self.seller, **self.paced(attention=("idle",))), deal.ids
        )
