"""Lists of opportunities by each filter, in each way in which a page is found."""

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from unittest.mock import patch

from odoo.tests import tagged

from ..models.access import thresholds
from ..models.opportunities.filters import Filters, Range
from ..models.projections.opportunity_view import ORDERS
from .pages import PLANS, Pages, calls, plan


@tagged("post_install", "-at_install")
class TestOpportunityFilters(Pages):
    #: ``{filters: condition on Odoo's own record}``, all of which leave some
    def filters(self):
        day, noon = date(2026, 5, 1), datetime(2026, 1, 2, tzinfo=timezone.utc)
        naive = noon.replace(tzinfo=None)
        other_zone = timezone(timedelta(hours=5))
        new, between = self.stage_new, self.stages[-1]
        return [
            (Filters(), lambda d: d.active),
            (Filters(archived=True), lambda d: not d.active),
            (Filters(archived=None), lambda d: True),
            (
                Filters(stage_ids=(new.id, between.id)),
                lambda d: d.active and d.stage_id in new | between,
            ),
            (Filters(statuses=("won",)), lambda d: d.active and d.won_status == "won"),
            (
                Filters(statuses=("pending", "lost"), archived=None),
                lambda d: d.won_status != "won",
            ),
            (
                Filters(user_ids=(self.seller.id, self.peer.id, None)),
                lambda d: (
                    d.active and d.user_id.id in (self.seller.id, self.peer.id, False)
                ),
            ),
            (
                Filters(but_user_id=self.seller.id),
                lambda d: d.active and d.user_id != self.seller,
            ),
            (
                Filters(
                    user_ids=(self.seller.id, self.manager.id),
                    but_user_id=self.seller.id,
                ),
                lambda d: d.active and d.user_id == self.manager,
            ),
            (
                Filters(value=Range(Decimal("10.5"), Decimal("99.99"))),
                lambda d: d.active and 10.5 <= d.expected_revenue <= 99.99,
            ),
            (
                Filters(value=Range(low=Decimal("10.51"))),
                lambda d: d.active and d.expected_revenue > 10.5,
            ),
            (
                Filters(closing_date=Range(high=day)),
                lambda d: d.active and d.date_deadline and d.date_deadline <= day,
            ),
            (
                Filters(created_at=Range(low=noon.astimezone(other_zone))),
                lambda d: d.active and d.create_date and d.create_date >= naive,
            ),
            (
                Filters(changed_at=Range(high=noon)),
                lambda d: d.active and self.keys(d)["changed_at"] <= naive,
            ),
            (
                Filters(text="DESK söhne"),
                lambda d: (
                    d.active
                    and d.name.lower().startswith("desk")
                    and d.partner_id == self.customers[0]
                ),
            ),
            (
                Filters(
                    stage_ids=(new.id,),
                    value=Range(Decimal(1)),
                    text="desk",
                    archived=None,
                ),
                lambda d: (
                    d.stage_id == new
                    and d.expected_revenue >= 1
                    and d.name.lower().startswith("desk")
                ),
            ),
        ]

    def test_each_filter_in_each_plan(self):
        admin = self.env.ref("base.user_admin")
        for user in (self.head, admin):
            for filters, wanted in self.filters():
                expected = self.seen(user, wanted)
                self.assertTrue(expected or user == self.head, filters)
                for name in PLANS:
                    for sort in ("value", "stage"):
                        with self.subTest(filters=filters, plan=name, sort=sort):
                            with plan(name):
                                ids = self.walk(user, sort=sort, filters=filters)
                            self.assertEqual(ids, self.in_order(expected, sort, True))
                self.assertEqual(
                    self.env["cqrs.opportunities"]._count(user, filters), len(expected)
                )

    def test_no_filter_gives_what_may_not_be_seen(self):
        may_see = self.env["cqrs.access"]._may_see
        everybody = tuple(self.deals.user_id.ids)
        count = self.env["cqrs.opportunities"]._count
        for user in (self.seller, self.manager, self.peer, self.other_manager):
            for filters, __ in self.filters():
                for user_ids in (None, everybody, (self.peer.id,), (None,)):
                    asked = replace(filters, user_ids=user_ids)
                    for name in PLANS:
                        with plan(name):
                            ids = self.walk(user, filters=asked)
                            self.assertEqual(count(user, asked), len(ids))
                        for id_ in ids:
                            self.assertTrue(may_see(user, id_), (asked, name))

    def test_who_has_no_profile_sees_nothing(self):
        portal = self.env.ref("base.public_user")
        page = self.env["cqrs.opportunities"]._read_page(portal)
        self.assertEqual((page.ids, page.next), ([], None))
        self.assertEqual(self.env["cqrs.opportunities"]._count(portal), 0)

    def test_words_owners_and_stages_are_one_list_in_every_order(self):
        self.seller.name, self.stages[-1].name = "Blue Seller", "Blue Stage"
        nile, between = self.customers[1], self.stages[-1]

        def is_blue(deal):
            return deal.active and (
                deal.partner_id == nile
                or deal.user_id == self.seller
                or deal.stage_id == between
            )

        def is_blue_desk(deal):
            return is_blue(deal) and deal.name.lower().startswith("desk")

        self.env.cr.execute("ANALYZE cqrs_opportunity_view")
        count = self.env["cqrs.opportunities"]._count
        for text, wanted, frequent in (
            ("BLUE", is_blue, 0),
            ("desk blue", is_blue_desk, 10**9),
        ):
            self.enterContext(patch.object(thresholds, "FREQUENT_WORD", frequent))
            filters, expected = Filters(text=text), self.seen(self.head, wanted)
            pending = expected.filtered(lambda d: d.won_status == "pending")
            others = expected.filtered(lambda d: d.user_id != self.seller)
            self.assertGreater(len(pending), 3)
            for given, some in (
                (filters, expected),
                (replace(filters, statuses=("pending",)), pending),
                (replace(filters, but_user_id=self.seller.id), others),
            ):
                self.assertEqual(count(self.head, given), len(some))
            for sort in ORDERS:
                how = {"sort": sort, "descending": sort != "name"}
                for name in ("merge", "walk", "walk, then merge"):
                    with self.subTest(text, plan=name, **how), plan(name):
                        ids = self.walk(self.head, filters=filters, **how)
                        self.assertEqual(ids, self.in_order(expected, *how.values()))

    def test_frequent_words_of_few_owners_are_merged(self):
        self.env.cr.execute("ANALYZE cqrs_opportunity_view")
        for frequent, way in ((0, "_gather"), (10**9, "_merge")):
            with (
                patch.object(thresholds, "FREQUENT_WORD", frequent),
                plan("merge"),
                calls() as called,
            ):
                self.env["cqrs.opportunities"]._read_page(
                    self.head, filters=Filters(text="desk")
                )
                self.assertEqual(called, [way])

    def test_words_are_found_whatever_stands_between_them(self):
        names = [
            "Design/Build 2nd phase",
            "C++ (50%) for O'Neil",
            "foo-bar_baz@example.com",
            "Release 3.14: <b>bold</b> & co.",
            'ÉCOLE \\ 100% "quoted" :* | !',
            "Cafe\u0301 ﬁne Ｆｕｌｌ＇ｗｉｄｔｈ",
            "がくせい 학생",
        ]
        deals = [self.opportunity(self.seller, name=name) for name in names]
        for text, found in {
            "build": [0],
            "DESIGN 2n": [0],
            "c++": [1, 2, 3, 5],
            "neil": [1],
            "o'neil 50%": [1],
            "example": [2],
            "baz": [2],
            "bar_baz@example.com": [2],
            "14": [3],
            "3.14": [3],
            "bold": [3],
            "<b>": [0, 2, 3],
            "école": [4],
            "ecole": [4],
            "e\u0301cole": [4],
            "éçölè": [4],
            "cafe": [5],
            "café": [5],
            "café fine": [5],
            "FULL'width": [5],
            "ｗｉｄ": [5],
            "＇": [],
            "がく": [6],
            "か": [],
            "학": [6],
            "100": [4],
            '"quoted"': [4],
            "uild": [],
            "build missing": [],
            "!": [],
            "' & '": [],
            "\\": [],
            "\0": [],
            "%": [],
        }.items():
            with self.subTest(text=text):
                ids = self.walk(self.seller, filters=Filters(text=text))
                mine = [deal.id for deal in deals if deal.id in ids]
                self.assertEqual(mine, [deals[number].id for number in found])
                if not found:
                    self.assertEqual(ids, [])

    def test_an_empty_text_is_no_condition(self):
        for text in ("", "  "):
            ids = self.walk(self.head, filters=Filters(text=text))
            self.assertEqual(ids, self.walk(self.head))

    def test_a_customer_renamed_is_found_by_the_new_name(self):
        self.customers[1].name = "Red Sea"
        ids = self.walk(self.head, filters=Filters(text="red"))
        expected = self.seen(
            self.head, lambda d: d.active and d.partner_id == self.customers[1]
        )
        self.assertEqual(set(ids), set(expected.ids))
        self.assertTrue(ids)
        self.assertEqual(self.walk(self.head, filters=Filters(text="nile")), [])

    def test_what_cannot_be_asked(self):
        with self.assertRaisesRegex(ValueError, "at most 200 characters"):
            Filters(text="x" * 201)
        with self.assertRaisesRegex(ValueError, "without a time zone"):
            Filters(created_at=Range(low=datetime(2026, 1, 1)))
