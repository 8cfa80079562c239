"""Lists, counts and figures of what a search bar of Odoo's asks for."""

import json
from datetime import timedelta
from decimal import Decimal
from time import monotonic
from unittest.mock import patch

from psycopg2 import DataError

from odoo import Command, fields
from odoo.fields import Domain
from odoo.tests import tagged

from ..controllers import opportunity_filters
from ..models.opportunities import pages
from ..models.opportunities.domains import canonical
from ..models.opportunities.filters import Filters
from ..models.opportunities.text import resolved
from ..models.support.time_limit import TooSlow, time_limit
from .api import ApiCase

MODEL = "cqrs.opportunity.view"


@tagged("post_install", "-at_install")
class TestSearchByDomain(ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tag = cls.env["crm.tag"].create({"name": "cqrs fair"})
        cls.team = cls.env["crm.team"].create(
            {"name": "cqrs team", "company_id": False}
        )
        cls.partner = cls.env["res.partner"].create(
            {"name": "Tramontana", "country_id": cls.env.ref("base.fr").id}
        )
        today = fields.Date.today()
        cls.deals = cls.env["crm.lead"].union(
            *(
                cls.opportunity(user, revenue, name=name, **values)
                for user, revenue, name, values in (
                    (cls.manager, 1000.10, "Glass", {"partner_id": cls.partner.id}),
                    (cls.manager, 2000.20, "Stone", {"team_id": cls.team.id}),
                    (
                        cls.seller,
                        3000.33,
                        "Glass roof",
                        {
                            "tag_ids": [Command.link(cls.tag.id)],
                            "date_deadline": today - timedelta(days=2),
                        },
                    ),
                    (cls.seller, 500, "Sand", {"date_deadline": today}),
                    (cls.seller, 70, "Won one", {"stage_id": cls.stage_won.id}),
                    (cls.peer, 9000, "Glass of a peer", {"partner_id": cls.partner.id}),
                )
            )
        )
        cls.today = today

    def found(self, domain, caller=None, /, **query):
        """Return the names of the opportunities that a domain finds, and the answer."""
        answer = self.body(
            caller or self.manager, "opportunities", domain=json.dumps(domain), **query
        )
        return {item["name"] for item in answer["items"]}, answer

    def assertFinds(self, domain, *names, **query):
        found, answer = self.found(domain, **query)
        self.assertEqual(found, {*names}, domain)
        self.assertEqual(answer["total"], len(names), domain)
        # As much as Odoo's own list, which applies its rules to the same domain.
        listed = (
            self.env[MODEL]
            .with_user(self.manager)
            .search(Domain(domain) & Domain("status", "=", "pending"))
        )
        if not query:
            self.assertEqual({*listed.mapped("name")}, {*names}, domain)

    def test_conditions_on_every_kind_of_field(self):
        pending = ["status", "=", "pending"]
        for names, *domain in (
            (("Glass", "Glass roof"), pending, ["name", "ilike", "glass"]),
            (("Stone", "Glass roof"), pending, ["value", ">", 1500]),
            (("Glass",), ["partner_id.country_id.code", "=", "FR"]),
            (("Glass",), ["partner_id", "=", self.partner.id]),
            (("Stone",), ["team_id", "=", self.team.id]),
            (("Glass roof",), ["tag_ids", "in", self.tag.ids]),
            (("Glass roof",), ["tag_ids.name", "=", "cqrs fair"]),
            (("Glass", "Stone"), ["user_id", "=", self.manager.id]),
            (("Glass roof", "Sand"), pending, ["user_id", "ilike", "Seller"]),
            (("Glass roof", "Sand"), pending, ["search_text", "ilike", "seller"]),
            (("Glass roof",), pending, ["search_text", "ilike", "roof glass"]),
            (("Glass roof", "Sand"), pending, ["is_of_my_team", "=", True]),
            (("Glass roof",), ["attention", "=", "overdue"]),
            (
                ("Glass roof", "Sand"),
                ["closing_date", "<=", self.today.isoformat()],
            ),
            (
                ("Glass", "Sand"),
                "|",
                ["partner_id", "=", self.partner.id],
                ["name", "=", "Sand"],
            ),
            (("Stone", "Sand"), pending, "!", ["name", "ilike", "glass"]),
            ((), ["name", "=", "Glass of a peer"]),
            ((), ["id", "in", self.deals[5:].ids]),
        ):
            with self.subTest(domain=domain):
                self.assertFinds(domain, *names)

    def test_what_filters_say_themselves_has_their_plans_and_sums(self):
        def plain(*domain):
            text = canonical(self.env, json.dumps([*domain]))
            return resolved(self.env, Filters(domain=text))

        stages = [self.stage_new.id, self.stage_won.id]
        self.assertEqual(
            plain(["stage_id", "in", stages], ["status", "=", "pending"]),
            Filters(stage_ids=tuple(sorted(stages)), statuses=("pending",)),
        )
        self.assertEqual(
            plain(["user_id", "in", [self.manager.id, False]]),
            Filters(user_ids=(self.manager.id, None)),
        )
        self.assertEqual(
            plain(["user_id", "ilike", "Other Manager"]),
            Filters(user_ids=(self.other_manager.id,)),
        )
        self.assertEqual(
            plain(["search_text", "ilike", "Glass"]).terms,
            resolved(self.env, Filters(text="Glass")).terms,
        )
        self.assertEqual(
            plain(["stage_id", "=", stages[0]], ["value", ">", 5]),
            Filters(stage_ids=(stages[0],), domain='[["value",">",5]]'),
        )
        # What an alternative says is no filter of its own.
        self.assertIsNone(
            plain("|", ["stage_id", "=", stages[0]], ["value", ">", 5]).stage_ids
        )

    def test_pages_of_a_domain_are_walked_by_their_cursor(self):
        domain = [["status", "=", "pending"], ["value", "<", 9000]]
        names, answer = self.found(domain, limit=3)
        self.assertEqual(names, {"Glass roof", "Stone", "Glass"})
        rest, last = self.found(domain, limit=3, cursor=answer["next"])
        self.assertEqual((rest, last["next"]), ({"Sand"}, None))
        response = self.get(
            self.manager,
            "opportunities",
            domain='[["value","<",1]]',
            cursor=answer["next"],
        )
        self.assertProblem(response, 400, parameter="cursor")

    def test_figures_are_the_sums_of_what_is_found(self):
        for domain in (
            [["name", "ilike", "glass"]],
            [["stage_id", "=", self.stage_new.id]],
            [["user_id", "=", self.seller.id]],
            [["search_text", "ilike", "seller"]],
            [["stage_id", "=", self.stage_new.id], ["value", ">", 600]],
        ):
            with self.subTest(domain=domain):
                listed = self.env[MODEL].with_user(self.manager).search(domain)
                pending = listed.filtered(lambda deal: deal.status == "pending")
                self.env.cr.execute(
                    "SELECT COALESCE(sum(value), 0)::text FROM cqrs_opportunity_view"
                    " WHERE id = ANY(%s)",
                    [pending.ids],
                )
                [(value,)] = self.env.cr.fetchall()
                query = {"domain": json.dumps(domain)}
                for by in ({}, {"by": "stage"}, {"by": "salesperson"}, {"by": "tag"}):
                    figures = self.body(self.manager, "metrics", **query, **by)
                    self.assertEqual(
                        figures["exact"]["pipeline_value"], Decimal(value).normalize()
                    )
                    self.assertEqual(figures["active_opportunities"], len(pending))
                    self.assertEqual(figures["won"], len(listed - pending))
                    if by:
                        self.assertEqual(
                            sum(group["pipeline_value"] for group in figures["groups"]),
                            figures["pipeline_value"],
                        )
                overdue = pending.filtered(
                    lambda deal: deal.closing_date and deal.closing_date < self.today
                )
                self.assertEqual(figures["overdue"]["count"], len(overdue))
                late = self.body(self.manager, "metrics", **query, due="overdue")
                self.assertEqual(late["active_opportunities"], len(overdue))
                self.assertEqual(late["won"] + late["lost"], 0)
                won = self.body(self.manager, "metrics", **query, period="this_month")
                self.assertEqual(won["won"], len(listed - pending))
                self.assertEqual(won["before"]["won"], 0)

    def test_attention_of_what_is_found(self):
        glass = '[["name","ilike","glass"]]'
        answer = self.body(self.manager, "attention", domain=glass)
        kinds = {kind["kind"]: kind["count"] for kind in answer["kinds"]}
        self.assertEqual((kinds["overdue"], kinds["no_activity"]), (1, 2))

    def test_a_domain_finds_no_more_than_both_see(self):
        everything = [["status", "=", "pending"]]
        names, __ = self.found(everything, self.seller)
        self.assertEqual(names, {"Glass roof", "Sand"})
        names, __ = self.found(everything, self.head, user=self.uuid(self.seller))
        self.assertEqual(names, {"Glass roof", "Sand"})
        # Rules of the models in it are the caller's.
        self.env["ir.rule"].create(
            {
                "name": "cqrs hidden partner",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "domain_force": f"[('id', '!=', {self.partner.id})]",
            }
        )
        names, __ = self.found([["partner_id.name", "=", "Tramontana"]])
        self.assertEqual(names, set())

    def test_what_is_no_domain_is_refused(self):
        for text in (
            "{",
            "{}",
            "5",
            "null",
            '[["no_field","=",1]]',
            '[["name","~",1]]',
            '[["value",">","x"]]',
            '[["value",">",{"a":1}]]',
            '[["user_id","any!",[["id",">",0]]]]',
            '[["user_id.password","=","x"]]',
            '["&"]',
            '["|",["id","=",1]]',
            '[["closing_date",">","31/12/2026"]]',
            '[["id","=","\\u0000"]]',
            "[" * 3000,
            f'[["name","=","{"x" * 10_000}"]]',
        ):
            with self.subTest(text=text[:60]):
                response = self.get(self.manager, "opportunities", domain=text)
                self.assertProblem(response, 400, parameter="domain")
        for path, query in (
            ("opportunities", {"domain": "[]", "as_of": "2026-01-01"}),
            ("metrics", {"domain": '[["id",">",0]]', "as_of": "2026-01-01"}),
            ("metrics", {"due": "overdue", "as_of": "2026-01-01"}),
        ):
            response = self.get(self.manager, path, **query)
            self.assertIn(response.status_code, (400, 404), response.text)

    def test_an_empty_domain_is_none(self):
        names, answer = self.found([])
        self.assertEqual(names, {deal.name for deal in self.deals[:5]})
        self.assertEqual(answer["total"], 5)

    def test_more_than_is_counted_is_said(self):
        self.patch_counted(2)
        domain = '[["value",">",0]]'
        answer = self.body(self.manager, "opportunities", domain=domain)
        self.assertEqual((answer["total"], answer["has_more_than_total"]), (2, True))
        domain = f'[["stage_id","=",{self.stage_new.id}]]'
        answer = self.body(self.manager, "opportunities", domain=domain)
        self.assertEqual(answer["total"], 4)
        self.assertNotIn("has_more_than_total", answer)

    def test_what_no_index_answers_is_said(self):
        domain = '[["value",">",0]]'
        self.assertNotIn(
            "reads_all", self.body(self.head, "opportunities", domain=domain)
        )
        # Of a small table PostgreSQL reads all in any case.
        self.env.cr.execute("ANALYZE cqrs_opportunity_view")
        with patch.object(pages, "MANY", 0):
            answer = self.body(self.head, "opportunities", domain=domain)
            self.assertIs(answer["reads_all"], True)
            domain = f'[["stage_id","=",{self.stage_new.id}]]'
            answer = self.body(self.head, "opportunities", domain=domain)
            self.assertNotIn("reads_all", answer)

    def test_what_takes_too_long_says_what_to_do(self):
        with patch.object(opportunity_filters, "DOMAIN_SECONDS", 0.001):
            leaves = [["name", "ilike", f"{number}%y"] for number in range(150)]
            slow = json.dumps(["|"] * 149 + leaves)
            for path in ("opportunities", "metrics", "attention"):
                response = self.get(self.head, path, domain=slow)
                self.assertProblem(response, 400, parameter="domain")
                self.assertIn("Narrow it", response.json()["detail"])
        self.assert_no_limit()

    def assert_no_limit(self):
        """A limit holds as long as an answer is made."""
        self.env.cr.execute("SHOW statement_timeout")
        self.assertEqual(self.env.cr.fetchone(), ("0",))

    def test_one_limit_for_all_statements(self):
        cr, begun = self.env.cr, monotonic()
        with self.assertRaises(TooSlow), time_limit(cr, 0.4):
            for __ in range(20):
                cr.execute("SELECT pg_sleep(0.1)")
        self.assertLess(monotonic() - begun, 1.5)
        self.assert_no_limit()
        # What fails in between fails as it would, and is taken back.
        with time_limit(cr, 60):
            with self.assertRaises(DataError), cr.savepoint(flush=False):
                cr.execute("SELECT 'x'::integer", log_exceptions=False)
            cr.execute("SELECT 1")
            self.assertEqual(cr.fetchone(), (1,))
        self.assert_no_limit()

    def patch_counted(self, limit):
        patcher = patch.object(pages, "COUNTED", limit)
        patcher.start()
        self.addCleanup(patcher.stop)
