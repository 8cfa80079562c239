from contextlib import closing
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged

from ..models.access import thresholds
from ..models.maintenance.replay import replay
from ..models.opportunities.filters import Filters
from ..models.opportunities.orders import Keyset
from ..models.projections.opportunity_view import ORDERS
from .common import as_json, other_company
from .pages import PLANS, Pages, calls, plan


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
