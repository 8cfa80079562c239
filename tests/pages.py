"""Opportunities to be listed, and the ways in which a page of them is found."""

import os
import random
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from decimal import Decimal
from unittest.mock import patch

import psycopg2

from ..models.access import thresholds
from ..models.opportunities import conversion, pages
from .common import SalesOrganisation

#: How a page is found: ``{plan: (FEW_OWNERS, WALKED_ENTRIES, whether it is known what
#: is seen of owners, whether it is told whose there may be)}``
PLANS = {
    "merge": (10_000, 10_000, True, True),
    "walk": (0, 10_000, True, True),
    "walk, then merge": (0, 2, True, True),
    "walk, then merge the unknown": (0, 2, False, True),
    "walk, then walk on": (0, 2, False, False),
}
SEED = 4


@contextmanager
def plan(name):
    few_owners, walk, are_known, are_told = PLANS[name]
    access = "odoo.addons.crm_cqrs.models.access.owner_scopes.CqrsAccess"

    def nothing(self, viewers):
        return None

    with ExitStack() as stack:
        stack.enter_context(patch.object(thresholds, "FEW_OWNERS", few_owners))
        stack.enter_context(patch.object(thresholds, "WALKED_ENTRIES", walk))
        if not are_known:
            stack.enter_context(patch(f"{access}._owner_scopes", nothing))
        if not are_told:
            stack.enter_context(patch(f"{access}._visible_owners", nothing))
        yield


@contextmanager
def calls():
    """Give the names of the ways to find a page, as they are taken."""
    called = []

    def spied(method):
        original = getattr(pages.Search, method)

        def spy(*args, **kwargs):
            called.append(method)
            return original(*args, **kwargs)

        return patch.object(pages.Search, method, spy)

    ways = ("_merge", "_walk", "_gather")
    with ExitStack() as stack:
        for way in ways:
            stack.enter_context(spied(way))
        yield called


class Pages(SalesOrganisation):
    """Many opportunities that are equal in what they are sorted by, or lack it.

    They are in three currencies or have none, and some are equal when converted.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.random = random.Random(SEED)
        cls.own_currency = cls.env.company.currency_id
        cls.doubled, cls.third = cls.env["res.currency"].create(
            [{"name": "CQD", "symbol": "d"}, {"name": "CQT", "symbol": "t"}]
        )
        cls.env["res.currency.rate"].create(
            [
                {
                    "currency_id": currency.id,
                    "rate": rate,
                    "name": "2020-01-01",
                    "company_id": False,
                }
                for currency, rate in ((cls.doubled, 0.5), (cls.third, 3))
            ]
        )
        cls.env.flush_all()
        cls.stages = cls.stage_new | cls.stage_won
        cls.stages |= cls.env["crm.stage"].create({"name": "Between", "sequence": -50})
        cls.customers = cls.env["res.partner"].create(
            [{"name": "Åström & Söhne"}, {"name": "Blue Nile"}]
        )
        owners = [cls.head, cls.manager, cls.seller, cls.peer, cls.other_manager, None]
        cls.deals = cls.env["crm.lead"].create(
            [cls.values(owner) for owner in owners for __ in range(9)]
        )
        cls.deals[::9].write({"active": False})
        cls.env.cr.flush()
        # Times that a single transaction does not come to.
        times = [None, *(datetime(2026, 1, day) for day in (1, 2, 3))]
        for deal in cls.deals:
            cls.env.cr.execute(
                "UPDATE crm_lead SET create_date = %s WHERE id = %s",
                [cls.random.choice(times), deal.id],
            )
        cls.env.invalidate_all()
        cls.env["cqrs.event"]._record({"crm.lead": cls.deals.ids}, origin="reconcile")
        for deal in cls.deals:
            cls.env.cr.execute(
                "UPDATE cqrs_opportunity_view SET changed_at = %s WHERE id = %s",
                [cls.random.choice(times[1:]), deal.id],
            )
        cls.put_in(cls.own_currency, cls.doubled, cls.third, None)

    def setUp(self):
        super().setUp()
        # The currencies of the opportunities may be those of another test.
        conversion.IN_USE.store(self.env).clear()

    @classmethod
    def rate(cls, currency, rate):
        """Set how many of a currency one of the company's own is."""
        cls.env.cr.execute(
            "UPDATE res_currency_rate SET rate = %s WHERE currency_id = %s",
            [rate, currency.id],
        )
        cls.env["res.currency.rate"].invalidate_model()

    @classmethod
    def put_in(cls, *currencies):
        """Put all opportunities in some currencies, as no event tells."""
        ids = [currency and currency.id for currency in currencies]
        cls.env.cr.execute(
            """
            UPDATE cqrs_opportunity_view
            SET currency_id = (%s::integer[])[1 + (id * 7 + id / 9) %% %s]
            """,
            [ids, len(ids)],
        )
        conversion.IN_USE.store(cls.env).clear()

    @classmethod
    def values(cls, owner):
        choice = cls.random.choice
        return {
            "name": choice(["Desk", "desk", "Åland", "Zoo", "Desks"]),
            "type": "opportunity",
            "user_id": owner.id if owner else False,
            "expected_revenue": choice([0, -5, 5, 10, 10.5, 20, 99.99, 100_000]),
            "date_deadline": choice([False, date(2026, 5, 1), date(2026, 6, 1)]),
            "stage_id": choice(cls.stages).id,
            "partner_id": choice([False, *cls.customers.ids]),
        }

    def keys(self, deal, rates=None):
        """Return what an opportunity is sorted by, by Odoo's own record."""
        rates = rates or self.rates()
        self.env.cr.execute(
            "SELECT changed_at, currency_id FROM cqrs_opportunity_view WHERE id = %s",
            [deal.id],
        )
        changed_at, currency_id = self.env.cr.fetchone()
        return {
            "value": Decimal(str(deal.expected_revenue)) * rates[currency_id],
            "closing_date": deal.date_deadline or None,
            "closed_at": deal.date_closed or None,
            "created_at": deal.create_date or None,
            "changed_at": changed_at,
            "stage": (deal.stage_id.sequence, deal.stage_id.id),
            "name": deal.name,
        }

    def rates(self, into=None):
        """Return the rates of the day, by Odoo's own."""
        into, company = into or self.own_currency, self.env.company
        rates = {}
        for currency in self.own_currency | self.doubled | self.third:
            rate = currency._get_conversion_rate(currency, into, company, date.today())
            rates[currency.id] = Decimal(f"{rate:.15g}")
        return {**rates, None: rates[self.own_currency.id]}

    def seen(self, user, wanted=lambda deal: deal.active):
        """Return the opportunities that a user sees, of those wanted."""
        self.env.cr.flush()
        leads = self.env["crm.lead"].with_context(active_test=False)
        may_see = self.env["cqrs.access"]._may_see
        return leads.search([("type", "=", "opportunity")]).filtered(
            lambda deal: wanted(deal) and may_see(user, deal.id)
        )

    def in_order(self, deals, sort, descending):
        """Return the ids, sorted by Python."""

        rates = self.rates()

        def place(deal):
            key = self.keys(deal, rates)[sort]
            return key is None, key, deal.id

        return [deal.id for deal in sorted(deals, key=place, reverse=descending)]

    def walk(self, user, limit=7, between=lambda page: None, **arguments):
        """Return the ids of all pages one after another."""
        self.env.cr.flush()
        ids, after = [], None
        read_page = self.env["cqrs.opportunities"]._read_page
        while True:
            page = read_page(user, after=after, limit=limit, **arguments)
            ids += page.ids
            self.assertLessEqual(len(page.ids), limit)
            if page.next is None:
                return ids
            self.assertEqual(len(page.ids), limit)
            self.assertEqual(page.next.id, ids[-1])
            between(page)
            after = page.next

    def forget_statistics(self):
        """Have the planner know what it knows of a new table, whatever ran before."""
        if not os.environ.get("CRM_CQRS_PRIVATE_SERVER"):
            return  # That of somebody else has catalogs that are not ours to change.
        try:
            with self.env.cr.savepoint(flush=False):
                self.env.cr.execute(
                    """
                    DELETE FROM pg_statistic
                    WHERE starelid = 'cqrs_opportunity_view'::regclass;
                    UPDATE pg_class SET reltuples = -1, relpages = 0
                    WHERE oid = 'cqrs_opportunity_view'::regclass
                    """,
                    log_exceptions=False,
                )
        except psycopg2.errors.SerializationFailure:
            self.skipTest("PostgreSQL has gathered statistics since the test began.")

    def rows_read(self):
        """Return how many opportunities an index has given in this transaction."""
        self.env.cr.execute(
            """
            SELECT idx_tup_fetch FROM pg_stat_xact_user_tables
            WHERE relname = 'cqrs_opportunity_view'
            """
        )
        return self.env.cr.fetchone()[0]
