import os
import random
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from unittest.mock import patch

import psycopg2

from odoo import Command
from odoo.tests import tagged

from ..models.access import thresholds
from ..models.maintenance.replay import replay
from ..models.opportunities import conversion, pages
from ..models.opportunities.filters import Filters, Range
from ..models.opportunities.orders import Keyset
from ..models.projections.opportunity_view import ORDERS
from .common import SalesOrganisation, as_json, other_company

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


@tagged("post_install", "-at_install")
class TestOpportunityPages(Pages):
    def assert_every_order(self, user, plans=tuple(PLANS)):
        expected = self.seen(user)
        self.assertGreater(len(expected), 7)
        for sort in ORDERS:
            for descending in (True, False):
                in_order = self.in_order(expected, sort, descending)
                for name in plans:
                    with self.subTest(sort=sort, descending=descending, plan=name):
                        with plan(name):
                            ids = self.walk(user, sort=sort, descending=descending)
                        self.assertEqual(ids, in_order)

    def test_every_order_over_ties_and_missing_values(self):
        self.assert_every_order(self.head)

    def test_every_order_of_the_own(self):
        self.assert_every_order(self.seller)

    def test_every_order_for_who_sees_everything(self):
        admin = self.env.ref("base.user_admin")
        self.assertIsNone(self.owners(admin))
        self.assert_every_order(admin, plans=["walk", "walk, then merge"])

    def test_every_order_with_those_of_nobody(self):
        self.option("crm_cqrs.salespeople_see_unassigned")
        self.assertIn(None, self.owners(self.manager))
        self.assert_every_order(self.manager)
        self.assertTrue(any(not deal.user_id for deal in self.seen(self.manager)))

    def test_every_order_for_who_leads_a_team(self):
        self.option("crm_cqrs.team_leaders_see_their_team")
        team = self.env["crm.team"].create(
            {"name": "Led", "user_id": self.other_manager.id}
        )
        self.deals.filtered(lambda deal: deal.user_id == self.seller).team_id = team
        self.assertIsNone(self.owners(self.other_manager))
        self.assert_every_order(self.other_manager, plans=["walk, then merge"])
        self.assertIn(self.seller, self.seen(self.other_manager).user_id)

    def test_owners_with_far_more_than_others(self):
        self.env["crm.lead"].create([self.values(self.seller) for __ in range(60)])
        self.env["crm.lead"].create(
            [
                {**self.values(self.manager), "expected_revenue": 10**6}
                for __ in range(3)
            ]
        )
        expected = self.in_order(self.seen(self.head), "value", True)
        for limit in (1, 2, 3, 20, 80, 500):
            for name in PLANS:
                with self.subTest(limit=limit, plan=name), plan(name):
                    self.assertEqual(self.walk(self.head, limit), expected)

    def test_each_plan_is_the_one_it_is_called(self):
        # Statistics may be those of another test.
        self.enterContext(patch.object(thresholds, "FREQUENT_WORD", 0))
        plain, won = Filters(), Filters(statuses=("won",))
        for name, filters, expected in (
            ("merge", plain, ["_merge"]),
            ("merge", won, ["_merge"]),
            ("merge", Filters(text="desk"), ["_gather"]),
            ("walk", plain, ["_walk"]),
            ("walk, then merge", plain, ["_walk", "_merge"]),
            ("walk, then merge", won, ["_walk", "_gather"]),
            ("walk, then merge the unknown", plain, ["_walk", "_merge"]),
            ("walk, then walk on", plain, ["_walk", "_walk"]),
        ):
            with (
                self.subTest(plan=name, filters=filters),
                plan(name),
                calls() as called,
            ):
                self.env["cqrs.opportunities"]._read_page(self.head, filters=filters)
                self.assertEqual(called, expected)

    def test_a_page_of_a_stage_does_not_read_those_of_other_owners(self):
        stage = self.stages[-1]
        others, each = 100, 200
        self.env.cr.execute(
            """
            INSERT INTO cqrs_opportunity_view (
                id, name, value, stage_id, status, active, user_id, changed_at, version)
            SELECT 1000000 + n, 'Other', n, %s, 'pending', true,
                   100000 + n %% %s, now(), 1
            FROM generate_series(1, %s) n
            """,
            [stage.id, others, others * each],
        )
        self.env.cr.execute("ANALYZE cqrs_opportunity_view")
        mine = self.env["crm.lead"].create(
            [{**self.values(self.seller), "stage_id": stage.id} for __ in range(9)]
        )
        mine |= self.deals.filtered(
            lambda deal: (deal.user_id, deal.stage_id) == (self.seller, stage)
        )
        self.env.cr.flush()
        for descending, place in ((False, 0), (True, 2_000_000)):
            with self.subTest(descending=descending):
                before = self.rows_read()
                page = self.env["cqrs.opportunities"]._read_page(
                    self.seller,
                    "stage",
                    descending,
                    Filters(stage_ids=(stage.id,)),
                    Keyset(str(stage.id), place),
                )
                ids = mine.filtered("active").sorted("id", reverse=descending).ids
                self.assertEqual(page.ids, ids)
                self.assertLess(self.rows_read() - before, each)

    def test_a_page_of_a_few_owners_does_not_read_all_that_they_have(self):
        people, others, each = (self.head | self.manager | self.seller).ids, 100, 200
        self.env.cr.execute(
            """
            INSERT INTO cqrs_opportunity_view (
                id, name, value, stage_id, status, active, user_id, company_id,
                closing_date, created_at, changed_at, version)
            SELECT 1000000 + n, 'Deal ' || n, n, %s, 'pending', n %% 4 > 0,
                   (%s || array_agg(100000 + n) OVER ())[1 + n %% %s], %s,
                   current_date - n, now(), now() - n * interval '1 minute', 1
            FROM generate_series(1, %s) n
            """,
            [
                self.stages[-1].id,
                people,
                len(people) + others,
                self.env.company.id,
                (len(people) + others) * each,
            ],
        )
        self.env.cr.execute("ANALYZE cqrs_opportunity_view")
        for sort in ORDERS:
            for descending in (False, True):
                with self.subTest(sort=sort, descending=descending):
                    before = self.rows_read()
                    page = self.env["cqrs.opportunities"]._read_page(
                        self.head, sort, descending, limit=10
                    )
                    self.assertEqual(len(page.ids), 10)
                    self.assertLess(self.rows_read() - before, each)

    def test_a_walk_that_finds_a_page_is_all(self):
        with plan("walk"), calls() as called:
            page = self.env["cqrs.opportunities"]._read_page(self.head, limit=3)
        self.assertEqual((len(page.ids), called), (3, ["_walk"]))

    def test_a_walk_ends_where_the_first_currency_has_more_to_look_at(self):
        """Two of each are looked at; the best of them are known to come first."""
        seen = self.in_order(self.seen(self.head), "value", True)
        # Who sees all sees the first two of each, whatever currencies these are in.
        admin = self.env.ref("base.user_admin")
        everything = self.in_order(self.seen(admin, lambda deal: True), "value", True)
        with plan("walk"), patch.object(thresholds, "WALKED_ENTRIES", 2 * 4):
            with calls() as called:
                page = self.env["cqrs.opportunities"]._read_page(
                    admin, filters=Filters(archived=None), limit=1
                )
            self.assertEqual((page.ids, called), (everything[:1], ["_walk"]))
            with calls() as called:
                page = self.env["cqrs.opportunities"]._read_page(self.head, limit=20)
            self.assertEqual((page.ids, called), (seen[:20], ["_walk", "_merge"]))

    def test_what_does_not_change_is_given_once_while_others_do(self):
        for name in PLANS:
            for sort, descending in (("value", True), ("stage", False)):
                with (
                    self.subTest(plan=name, sort=sort),
                    closing(self.env.cr.savepoint()),
                ):
                    changed = self.env["crm.lead"]
                    stays = self.seen(self.head)

                    def write(page):
                        nonlocal changed
                        deals = self.env["crm.lead"].browse(
                            self.random.sample(self.deals.ids, 4)
                        )
                        # Odoo itself cannot win one without a time of creation.
                        for deal in deals.exists().filtered("create_date"):
                            deal.write(self.values(deal.user_id))
                        # What is on the page may go, and its place with it.
                        last = self.env["crm.lead"].browse(page.next.id)
                        changed |= deals | last
                        last.unlink()
                        changed |= self.env["crm.lead"].create(
                            [self.values(self.seller), self.values(self.head)]
                        )
                        self.env.cr.flush()

                    with plan(name):
                        ids = self.walk(
                            self.head,
                            limit=5,
                            between=write,
                            sort=sort,
                            descending=descending,
                        )
                    stays -= changed
                    self.assertGreater(len(stays), 5)
                    self.assertEqual(
                        [id_ for id_ in ids if id_ in stays._ids],
                        self.in_order(stays, sort, descending),
                    )

    def test_values_compare_at_the_rates_that_the_list_began_with(self):
        expected = self.seen(self.head)
        for descending, name in ((True, "merge"), (False, "walk, then merge")):
            for limit in range(1, 8):
                self.rate(self.doubled, 0.5)
                self.rate(self.third, 3)
                in_order = self.in_order(expected, "value", descending)

                def change(page):
                    self.rate(self.doubled, self.random.choice([0.01, 0.7, 100]))
                    self.rate(self.third, self.random.choice([0.01, 0.7, 100]))

                with self.subTest(limit=limit, plan=name), plan(name):
                    ids = self.walk(self.head, limit, change, descending=descending)
                    self.assertEqual(ids, in_order)

    def test_values_compare_in_the_currency_asked_for(self):
        rates = self.rates(self.third)
        for name in PLANS:
            with self.subTest(plan=name), plan(name):
                with patch.object(self, "rates", lambda: rates):
                    in_order = self.in_order(self.seen(self.head), "value", True)
                ids = self.walk(self.head, currency=self.third)
                self.assertEqual(ids, in_order)

    def test_odoos_own_lists_compare_values(self):
        in_order = self.in_order(self.seen(self.head), "value", True)
        records = self.env["cqrs.opportunity.view"].with_user(self.head)
        for currencies in ((), [self.own_currency]):
            if currencies:
                self.put_in(*currencies)
                in_order = self.in_order(self.seen(self.head), "value", True)
            found = records.search([("active", "=", True)], offset=2, limit=9)
            self.assertEqual(found.ids, in_order[2:11])
            found = records.search([("active", "=", True)], order="value, id")
            self.assertEqual(found.ids, in_order[::-1])

    def abroad(self):
        """Return a deal of a company whose currency no other deal is in."""
        self.put_in(self.own_currency)
        company = other_company(self.env, self.doubled)
        self.head.company_ids = [Command.link(company.id)]
        employee = self.employee("boss", company=company)
        employee.user_id = self.head
        return self.opportunity(self.head, 50_001, company_id=company.id, team_id=False)

    def test_a_currency_that_no_deal_was_in_before(self):
        self.put_in(self.own_currency)
        self.walk(self.head)
        deal = self.abroad()
        self.assertEqual(self.walk(self.head)[0], deal.id)
        self.assertEqual(self.keys(deal)["value"], 100_002)

    def test_a_currency_that_a_repair_brings_back(self):
        deal = self.abroad()
        self.env.cr.flush()
        self.put_in(self.own_currency)
        self.assertNotEqual(self.walk(self.head)[0], deal.id)
        [replayed] = replay(self.env, ["cqrs.opportunity.view"])
        self.assertGreaterEqual(replayed.repaired, 1)
        self.assertEqual(self.walk(self.head)[0], deal.id)

    def test_stages_put_in_another_order_write_no_opportunity(self):
        versions = self.versions()
        self.stage_new.sequence = 500
        for name in PLANS:
            with plan(name):
                ids = self.walk(self.head, sort="stage", descending=False)
            self.assertEqual(
                ids, self.in_order(self.seen(self.head), "stage", False), name
            )
        self.assertEqual(self.versions(), versions)

    def versions(self):
        page = self.env["cqrs.opportunities"]._read_page(self.head)
        return {
            item["odoo_id"]: item["version"] for item in self.items(self.head, page.ids)
        }

    def items(self, user, ids):
        return as_json(
            self.env["cqrs.dashboard"].with_user(user)._opportunities(ids, user)
        )

    def test_a_row_has_all_that_a_list_shows(self):
        deal = self.opportunity(
            self.seller,
            1234.56,
            date_deadline="2026-07-01",
            partner_id=self.customers[0].id,
        )
        deal.action_set_won()
        self.env.cr.flush()
        [item] = self.items(self.head, deal.ids)
        currency = deal.company_id.currency_id
        self.assertEqual(
            {
                **item,
                "closed_at": datetime.fromisoformat(item["closed_at"]),
                "created_at": datetime.fromisoformat(item["created_at"]),
            },
            {
                "odoo_id": deal.id,
                "name": deal.name,
                "value": Decimal("1234.56"),
                "currency": currency.name,
                "stage": {"id": deal.stage_id.id, "name": deal.stage_id.name},
                "status": "won",
                "salesperson": {
                    "id": self.uuid(self.seller),
                    "user_id": self.seller.id,
                    "name": "Seller",
                    "email": self.seller.email,
                    "manager": {"name": "Manager", "email": self.manager.email},
                },
                "partner": {
                    "id": self.customers[0].id,
                    "name": "Åström & Söhne",
                },
                "visible_to_user_ids": sorted(
                    (self.seller | self.manager | self.head).ids
                ),
                "version": 2,
                "probability": 100,
                "archived": False,
                "team_id": deal.team_id.id,
                "company_id": deal.company_id.id,
                "closing_date": "2026-07-01",
                "closed_at": deal.date_closed.replace(tzinfo=timezone.utc),
                "created_at": deal.create_date.replace(tzinfo=timezone.utc),
                "changed_at": item["changed_at"],
            },
        )
        self.assertEqual(
            datetime.fromisoformat(item["changed_at"]).utcoffset(), timedelta()
        )

    def test_what_an_opportunity_lacks_is_null(self):
        deal = self.opportunity(self.seller, 0)
        deal.write(
            dict.fromkeys(("user_id", "team_id", "company_id", "stage_id"), False)
        )
        self.env.cr.flush()
        [item] = self.items(self.head, deal.ids)
        self.assertEqual(
            {name for name, value in item.items() if value is None},
            {
                "stage",
                "salesperson",
                "partner",
                "company_id",
                "closing_date",
                "closed_at",
                "team_id",
            },
        )
        self.assertEqual(item["visible_to_user_ids"], [])
        # In the currency of the company of whoever looks.
        self.assertEqual(item["currency"], self.head.company_id.currency_id.name)

    def test_a_name_too_long_for_an_index_is_recorded_and_sorted(self):
        name = "".join(
            chr(self.random.randrange(0x4E00, 0x9FFF)) for __ in range(10_000)
        )
        deal = self.opportunity(self.seller, name=name)
        ids = self.walk(self.seller, sort="name")
        self.assertEqual(ids[0], deal.id)

    def test_no_such_order(self):
        with self.assertRaisesRegex(ValueError, "no such order: id; DROP"):
            self.env["cqrs.opportunities"]._read_page(self.head, sort="id; DROP")

    def test_a_place_that_the_order_does_not_have_ends_it(self):
        page = self.env["cqrs.opportunities"]._read_page(
            self.head, sort="stage", after=Keyset("0", 1)
        )
        self.assertEqual((page.ids, page.next), ([], None))

    def owners(self, user):
        """Return the ids of those whose opportunities a user may see."""
        self.env.cr.flush()
        access = self.env["cqrs.access"]
        query = access._visible_owners(access._viewers(user))
        return query and [id_ for (id_,) in self.env.execute_query(query)]

    def option(self, name):
        self.env["ir.config_parameter"].set_param(name, "True")


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
