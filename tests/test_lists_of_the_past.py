"""Lists as of a past day, as Excel files and CSV: what was then, in its order."""

import json
from datetime import timedelta
from decimal import Decimal

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..models.exports.past_rows import rows_of
from ..models.exports.question import ListQuestion
from ..models.opportunities.filters import Filters
from ..models.past.as_of import AsOf
from ..models.support.periods import UTC
from .common import other_company
from .excel import PENDING, Excel, total, values
from .test_flow_of_stages import DAY, Histories


@tagged("post_install", "-at_install")
class TestListsOfThePast(Histories, Excel):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.abroad = cls.env["res.currency"].create(
            {"name": "CQP", "symbol": "P", "rounding": 1}
        )
        cls.env["res.currency.rate"].create(
            {"currency_id": cls.abroad.id, "rate": 3.7219, "company_id": False}
        )
        branch = other_company(cls.env, cls.abroad)
        (cls.head | cls.seller).company_ids |= branch
        boss = cls.employee("head_abroad", None, None, branch)
        boss.user_id = cls.head
        cls.employee("seller_abroad", boss, None, branch).user_id = cls.seller
        cls.branch = branch
        (cls.head | cls.seller).tz = "UTC"
        cls.code = cls.env.company.currency_id.name

    def setUp(self):
        super().setUp()
        now = self.now
        self.day = (now - 5 * DAY).date()
        self.kept = self.created(
            now - 20 * DAY, self.seller, 1000.10, name="Kept", probability=50
        )
        self.won = self.created(now - 20 * DAY, self.seller, 300, name="Won later")
        self.gone = self.created(now - 20 * DAY, self.manager, 70.01, name="Gone")
        for number in range(6):
            self.created(
                now - (19 - number) * DAY,
                self.seller,
                100 + number + 0.37,
                name=f"Abroad {number}",
                company_id=self.branch.id,
                team_id=False,
                stage_id=self.stages[number % 3].id,
                date_deadline=now.date() + timedelta(days=7 * number % 11),
            )
        self.created(now - 20 * DAY, self.peer, 7_777, name="Peer's")
        self.change(self.kept, now - 2 * DAY, name="Renamed", expected_revenue=5)
        self.change(self.won, now - 2 * DAY, stage_id=self.stage_won.id)
        id_ = self.gone.id
        self.gone.unlink()
        self.happened(now - 2 * DAY, gone=[id_])
        self.created(now - DAY, self.seller, 9, name="Not yet")
        self.env.cr.flush()

    def asked(self, user, **question):
        env = self.reader(user, tz="UTC")
        values_ = {"domain": PENDING, "day": self.day.isoformat(), **question}
        return env, ListQuestion.of(env, values_)

    def test_it_adds_up_to_the_figure_of_that_day(self):
        figure = self.reader(self.head)["cqrs.past"]._read_metrics(
            self.head, AsOf.of(self.day, UTC)
        )
        found = self.written(self.head, day=self.day.isoformat(), context={"tz": "UTC"})
        (__, rows), (___, told) = found.items()
        rows = values(rows)
        self.assertEqual(len(rows), 9)
        for name, heading in (
            ("pipeline_value", "Expected Revenue"),
            ("weighted_pipeline", "Weighted"),
        ):
            self.assertEqual(
                total(rows, f"{heading} ({self.code})"), Decimal(figure[name]), name
            )
        names = {row["Opportunity"]: row for row in rows}
        self.assertEqual(
            names.keys(),
            {"Kept", "Won later", "Gone", *map("Abroad {}".format, range(6))},
        )
        self.assertEqual(names["Kept"]["Value"], 1000.1)
        self.assertEqual(names["Won later"]["State"], "Pending")
        self.assertEqual(names["Gone"]["Salesperson"], "Manager")
        self.assertEqual(names["Abroad 0"]["Currency"], "CQP")
        told = {row[0].value: row[1].value for row in told}
        self.assertIn("11:59:59", told["As Of"])
        self.assertNotIn("Source", rows[0])

    def test_it_is_in_the_order_of_the_pages(self):
        for order, sort in (
            ("value desc, id desc", "-value"),
            ("value asc, id asc", "value"),
            ("closing_date asc, id asc", "closing_date"),
            ("closing_date desc, id desc", "-closing_date"),
            ("stage_id asc, id asc", "stage"),
        ):
            with self.subTest(order):
                env, asked = self.asked(self.head, order=order, columns=["name"])
                names = [row[0] for row in rows_of(env, asked)]
                self.assertEqual(len(names), 9)
                self.assertEqual(names, self.names(sort))

    def names(self, sort):
        """Return the names of the page of the past."""
        env, as_of = self.reader(self.head), AsOf.of(self.day, UTC)
        page = env["cqrs.past"]._read_page(
            self.head,
            as_of,
            sort.removeprefix("-"),
            sort.startswith("-"),
            Filters(statuses=("pending",)),
        )
        items = env["cqrs.past"]._items(page.ids, self.head, as_of, ("name",))
        return [each["name"] for each in json.loads(items.text)]

    def test_whose_and_which(self):
        def names(user, *domain, **question):
            env, asked = self.asked(user, domain=[*PENDING, *domain], **question)
            rows_of(env, asked).check()
            return {row[0] for row in rows_of(env, asked)}

        own = {"Kept", "Won later", *(f"Abroad {number}" for number in range(6))}
        self.assertEqual(names(self.seller), own)
        self.assertEqual(names(self.head, ("user_id", "!=", self.seller.id)), {"Gone"})
        self.assertEqual(
            names(self.head, ("stage_id", "=", self.stages[1].id)),
            {"Abroad 1", "Abroad 4"},
        )
        self.assertEqual(names(self.head, person=self.seller.id), own)
        self.assertEqual(names(self.head, person=self.peer.id), set())
        env, asked = self.asked(self.head)
        companies = env.company.ids
        env = env(context={**env.context, "allowed_company_ids": companies})
        self.assertEqual(
            {row[0] for row in rows_of(env, asked)}, {"Kept", "Won later", "Gone"}
        )

    def test_what_cannot_be_listed(self):
        tomorrow = (self.now + DAY).date().isoformat()
        for values_, words in (
            ({"day": "1999-01-01"}, "There is no history of"),
            ({"day": tomorrow}, "a day that is over"),
            ({"day": "no day"}, "Choose a day"),
            ({"domain": [("source_id", "=", 1)]}, "the past has no source_id"),
            ({"domain": [("user_id.name", "=", "x")]}, "the past has no user_id.name"),
            ({"domain": [("attention", "=", "idle")]}, "the past has no attention"),
            ({"order": "name"}, "cannot be read: name"),
            ({"text": "Kept"}, "cannot be read: Kept"),
        ):
            with self.subTest(values_), self.assertRaisesRegex(UserError, words):
                env, asked = self.asked(self.head, **values_)
                rows_of(env, asked).check()
