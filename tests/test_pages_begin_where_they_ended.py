"""Where a page of many owners ended the last time only says where to look first."""

from contextlib import contextmanager
from unittest.mock import patch

from odoo.tests import tagged

from ..models.opportunities import page_ends, pages
from ..models.opportunities.filters import Filters
from ..models.projections.opportunity_view import ORDERS
from .pages import Pages

LIMIT = 4


@tagged("post_install", "-at_install")
class TestPagesBeginWhereTheyEnded(Pages):
    def setUp(self):
        super().setUp()
        self.ends().clear()

    def ends(self):
        return page_ends._ENDS.store(self.env)

    def page(self, sort="value", descending=True, **arguments):
        self.env.cr.flush()
        return self.env["cqrs.opportunities"]._read_page(
            self.head, sort, descending, limit=LIMIT, **arguments
        )

    def expected(self, sort="value", descending=True):
        return self.in_order(self.seen(self.head), sort, descending)[:LIMIT]

    def top(self, count, user=None):
        """Create opportunities before all others in the order by value."""
        first = 1 + max(self.seen(self.head).mapped("expected_revenue"))
        return self.env["crm.lead"].create(
            [
                {**self.values(user or self.seller), "expected_revenue": first + number}
                for number in range(count)
            ]
        )

    def change(self, ids):
        """Remove one of some, write others, and create some."""
        first, *others = self.env["crm.lead"].browse(ids)
        first.unlink()
        # Odoo itself cannot win one without a time of creation.
        for deal in others:
            if deal.create_date:
                deal.write(self.values(deal.user_id))
        self.env["crm.lead"].create(
            [self.values(owner) for owner in (self.peer, self.manager, None)]
        )

    @contextmanager
    def statements(self, count):
        """Expect so many statements that look for places."""
        heads, called = pages.Search._heads, []

        def spy(search, *arguments):
            called.append(arguments)
            return heads(search, *arguments)

        with patch.object(pages.Search, "_heads", spy):
            yield
        self.assertEqual(len(called), count)

    def test_whatever_has_changed_since(self):
        for sort in ORDERS:
            for descending in (True, False):
                with self.subTest(sort=sort, descending=descending):
                    for __ in range(4):
                        page = self.page(sort, descending)
                        self.assertEqual(page.ids, self.expected(sort, descending))
                        after = self.page(sort, descending, after=page.next)
                        self.assertEqual(
                            page.ids + after.ids,
                            self.in_order(self.seen(self.head), sort, descending)[
                                : 2 * LIMIT
                            ],
                        )
                        self.change(page.ids)
                        self.change(after.ids)

    def test_the_second_time_it_is_found_at_once(self):
        self.put_in(self.own_currency)
        self.top(3, self.seller)
        self.top(5, self.manager)
        with self.statements(2):
            first = self.page()
        with self.statements(1):
            self.assertEqual(self.page(), first)
        # Nearer to the beginning than the page's end.
        new = self.top(1)
        with self.statements(1):
            self.assertEqual(self.page().ids, self.expected())
        self.assertIn(new.id, self.page().ids)

    def test_where_fewer_are_left_it_goes_on_behind_them(self):
        self.put_in(self.own_currency)
        self.top(8, self.seller)
        [first, second, *__] = self.page().ids
        self.env["crm.lead"].browse(first).unlink()
        self.env["crm.lead"].browse(second).expected_revenue = 1
        self.assertEqual(self.page().ids, self.expected())
        with self.statements(1):
            self.assertEqual(self.page().ids, self.expected())

    def test_where_all_are_gone(self):
        self.put_in(self.own_currency)
        top = self.top(8, self.seller)
        self.assertLessEqual(set(self.page().ids), set(top.ids))
        top.unlink()
        self.assertEqual(self.page().ids, self.expected())

    def test_where_there_are_many_new_ones_it_does_not_stay_behind_them(self):
        self.put_in(self.own_currency)
        self.page()
        for owner in (self.head, self.manager, self.seller):
            self.top(3 * LIMIT, owner)
        self.assertEqual(self.page().ids, self.expected())
        # The page ends where the next one begins: one more is looked at.
        [(__, end)] = self.ends().items()
        first = self.in_order(self.seen(self.head), "value", True)[: LIMIT + 1]
        self.assertIn(end.id, first)
        # By indexes, though there is so little.
        self.forget_statistics()
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        self.env.cr.execute("SET LOCAL enable_bitmapscan = off")
        before = self.rows_read()
        self.page()
        self.assertLessEqual(self.rows_read() - before, 2 * LIMIT)

    def test_who_pages_on_leaves_the_ends_of_first_pages(self):
        self.put_in(self.own_currency)
        page = self.page()
        ends = dict(self.ends().items())
        self.assertEqual(len(ends), 1)
        self.page(after=page.next)
        self.assertEqual(dict(self.ends().items()), ends)

    def test_of_each_search_apart(self):
        self.top(8, self.seller)
        self.page()
        owners = self.manager | self.seller | self.head
        wanted = self.seen(self.head, lambda d: d.active and d.user_id in owners)
        self.assertEqual(
            self.page(filters=Filters(user_ids=owners._ids)).ids,
            self.in_order(wanted, "value", True)[:LIMIT],
        )
        self.assertEqual(self.page(descending=False).ids, self.expected("value", False))
