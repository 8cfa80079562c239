import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import HttpCase, tagged
from odoo.tools import SQL

from ..models.api.v1.usage import KEPT_DAYS
from ..models.support.primary import execute_on_primary
from .common import SalesOrganisation, administrator, other_company

DASHBOARD = "/api/sales/dashboard/real"
OPPORTUNITIES = "/api/opportunities"
SUCCESSORS = {
    DASHBOARD: "/api/v2/dashboard/",
    OPPORTUNITIES: "/api/v2/dashboard/opportunities",
}


#: Gives the rows as they are, and in a transaction of its own as any other
READ_USES = SQL("UPDATE cqrs_api_usage SET id = DEFAULT")


def shown_of(whole, example):
    """Return what an object has under the names that another has."""
    if not isinstance(whole, dict):
        return whole
    return {name: shown_of(whole[name], value) for name, value in example.items()}


class LegacyApi(SalesOrganisation, HttpCase):
    def get(self, user, path, status=200):
        self.authenticate(user.login, user.login)
        response = self.url_open(path)
        self.assertEqual(response.status_code, status, response.text)
        return response

    def read_json(self, user, path):
        return json.loads(self.get(user, path).text, parse_float=Decimal)


@tagged("post_install", "-at_install")
class TestApiV1IsLive(LegacyApi):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        partner = cls.env["res.partner"].create({"name": "Customer"})
        cls.own = cls.opportunity(
            cls.manager, 300_000.25, name="Own", partner_id=partner.id
        )
        cls.team = cls.opportunity(cls.seller, 200_000.5, name="Team")
        cls.won = cls.opportunity(cls.seller, 99_999.99, stage_id=cls.stage_won.id)
        cls.peers = cls.opportunity(cls.peer, 400_000)
        cls.opportunity(cls.seller, 7, type="lead")
        cls.archived = cls.opportunity(cls.seller, 1_000_000)
        cls.archived.active = False
        cls.env.cr.flush()

    def test_the_figures(self):
        dashboard = self.read_json(self.manager, DASHBOARD)
        metrics = dashboard["metrics"]
        computed_at = datetime.fromisoformat(metrics.pop("computed_at"))
        self.assertEqual(computed_at.utcoffset(), timedelta(0))
        self.assertEqual(
            metrics,
            {
                "user_id": self.manager.id,
                "currency": self.env.company.currency_id.name,
                "pipeline_value": Decimal("500000.75"),
                "won_revenue": Decimal("99999.99"),
                "active_opportunities": 2,
            },
        )
        self.assertEqual(
            dashboard["user"],
            {
                "user_id": self.manager.id,
                "name": "Manager",
                "email": self.manager.email,
            },
        )
        opportunities = dashboard["opportunities"]
        items = opportunities.pop("items")
        self.assertEqual(opportunities, {"total": 3, "own": 1, "subordinates": 2})
        self.assertEqual(
            [item["odoo_id"] for item in items],
            [self.own.id, self.team.id, self.won.id],
        )
        self.assertEqual(
            items[0],
            {
                "odoo_id": self.own.id,
                "name": "Own",
                "value": Decimal("300000.25"),
                "currency": self.env.company.currency_id.name,
                "stage": {"id": self.stage_new.id, "name": "New"},
                "status": "pending",
                "salesperson": {
                    "user_id": self.manager.id,
                    "name": "Manager",
                    "email": self.manager.email,
                },
                "partner": {"id": self.own.partner_id.id, "name": "Customer"},
            },
        )
        self.assertEqual((items[1]["partner"], items[2]["status"]), (None, "won"))

    def test_the_figures_are_those_of_v2(self):
        foreign = self.env["res.currency"].create({"name": "CQX", "symbol": "x"})
        company = other_company(self.env, foreign)
        self.env["res.currency.rate"].create(
            {"currency_id": foreign.id, "rate": 3, "company_id": self.env.company.id}
        )
        self.manager.company_ids |= company
        self.opportunity(self.manager, 1000.02, company_id=company.id)
        for user in (self.head, self.manager, self.seller, self.peer):
            with self.subTest(user.name):
                v1 = self.read_json(user, DASHBOARD)
                v2 = self.read_json(user, "/api/v2/dashboard/")
                for name in v1["metrics"].keys() - {"computed_at"}:
                    self.assertEqual(v1["metrics"][name], v2["metrics"][name], name)
                opportunities = v1["opportunities"]
                items = opportunities.pop("items")
                for name, value in opportunities.items():
                    self.assertEqual(value, v2["opportunities"][name], name)
                for item, expected in zip(
                    items, v2["opportunities"]["items"], strict=True
                ):
                    self.assertEqual(item, shown_of(expected, item))

    def test_it_reads_the_leads_and_not_what_is_projected_from_them(self):
        self.env.cr.execute(
            "UPDATE crm_lead SET expected_revenue = 1 WHERE id = %s", [self.team.id]
        )
        metrics = self.read_json(self.seller, DASHBOARD)["metrics"]
        self.assertEqual(metrics["pipeline_value"], Decimal("1.00"))
        v2 = self.read_json(self.seller, SUCCESSORS[DASHBOARD])["metrics"]
        self.assertEqual(v2["pipeline_value"], Decimal("200000.50"))

    def test_opportunities_by_offset(self):
        pages = [
            self.read_json(self.manager, f"{OPPORTUNITIES}?limit=2&offset={offset}")
            for offset in (0, 2, 4)
        ]
        self.assertEqual([page["total"] for page in pages], [3, 3, 3])
        self.assertEqual(
            [[item["odoo_id"] for item in page["items"]] for page in pages],
            [[self.own.id, self.team.id], [self.won.id], []],
        )
        self.assertEqual(len(self.read_json(self.manager, OPPORTUNITIES)["items"]), 3)
        for query in ("limit=0", "limit=201", "offset=-1", "cursor=x"):
            problem = self.get(self.manager, f"{OPPORTUNITIES}?{query}", 400).json()
            self.assertEqual(problem["parameter"], query.split("=")[0])


@tagged("post_install", "-at_install")
class TestApiV1IsDeprecated(LegacyApi):
    def setUp(self):
        super().setUp()
        # What is counted is committed, whatever becomes of the test.
        self.addCleanup(self.uses, SQL("DELETE FROM cqrs_api_usage"))

    def uses(self, statement=READ_USES):
        """Return ``{(route, user, is of today): requests}`` of the test's users."""
        rows = execute_on_primary(
            self.env,
            SQL(
                "%s WHERE user_id = ANY(%s) RETURNING route, user_id,"
                " day = (now() AT TIME ZONE 'UTC')::date, requests",
                statement,
                (self.seller | self.manager).ids,
            ),
        )
        return {(*key, today): requests for *key, today, requests in rows}

    def assertDeprecated(self, response, path):
        headers = response.headers
        since = datetime.fromtimestamp(int(headers["Deprecation"][1:]), timezone.utc)
        self.assertEqual(headers["Deprecation"][0], "@")
        self.assertEqual(since, datetime(2026, 11, 24, tzinfo=timezone.utc))
        self.assertEqual(headers["Sunset"], "Wed, 24 Nov 2027 00:00:00 GMT")
        successor = SUCCESSORS[path]
        self.assertEqual(headers["Link"], f'<{successor}>; rel="successor-version"')

    def test_answers_and_errors_say_so(self):
        for path in SUCCESSORS:
            with self.subTest(path):
                response = self.get(self.seller, path)
                self.assertDeprecated(response, path)
                self.assertIn("Authorization, Cookie", response.headers["Vary"])
                self.assertDeprecated(self.get(self.seller, f"{path}?x=1", 400), path)
                self.authenticate(None, None)
                self.assertDeprecated(self.url_open(path), path)
                self.assertDeprecated(self.url_open(path, method="POST"), path)
        for name in ("Deprecation", "Sunset", "Link"):
            self.assertNotIn(name, self.get(self.seller, SUCCESSORS[DASHBOARD]).headers)

    def test_an_announcement_says_since_when_and_until_when(self):
        steps = self.env["cqrs.api.v1.step"]
        steps.action_announce("2030-12-01 00:00:00", "2031-01-31 12:00:00")
        headers = self.get(self.seller, DASHBOARD).headers
        self.assertEqual(headers["Deprecation"], "@1922313600")
        self.assertEqual(headers["Sunset"], "Fri, 31 Jan 2031 12:00:00 GMT")
        # Another one takes its place, and switching changes no date.
        steps.action_announce("2030-12-01 00:00:00", "2031-02-01 00:00:00")
        steps.action_switch_off()
        headers = self.get(self.seller, DASHBOARD, 410).headers
        self.assertEqual(headers["Sunset"], "Sat, 01 Feb 2031 00:00:00 GMT")

    def test_what_is_in_force_is_one_statement(self):
        steps = self.env["cqrs.api.v1.step"]
        for take, is_off in ((steps.action_switch_off, 1), (steps.action_switch_on, 0)):
            take()
            self.env.flush_all()
            with self.assertQueryCount(1):
                self.assertEqual(steps._retirement().is_off, bool(is_off))

    def test_switched_off_it_is_gone_and_names_what_takes_its_place(self):
        self.env["cqrs.api.v1.step"].action_switch_off()
        for path, successor in SUCCESSORS.items():
            response = self.get(self.seller, path, 410)
            self.assertDeprecated(response, path)
            self.assertEqual(
                response.headers["Content-Type"], "application/problem+json"
            )
            self.assertEqual(
                response.json(),
                {
                    "type": "/api/v2/problems/v1-switched-off",
                    "title": "API v1 Switched Off",
                    "status": 410,
                    "detail": f"API v1 is switched off. Use {successor} instead.",
                    "successor": successor,
                    "trace_id": response.headers["X-Correlation-ID"],
                },
            )
        self.get(self.seller, SUCCESSORS[DASHBOARD])
        self.env["cqrs.api.v1.step"].action_switch_on()
        self.get(self.seller, DASHBOARD)

    def test_each_use_is_counted_by_day_route_and_user(self):
        self.assertEqual(self.uses(), {})
        for user, path, times in (
            (self.seller, DASHBOARD, 2),
            (self.seller, OPPORTUNITIES, 1),
            (self.manager, f"{OPPORTUNITIES}?limit=1", 3),
            (self.manager, SUCCESSORS[DASHBOARD], 1),
        ):
            for __ in range(times):
                self.get(user, path)
        expected = {
            (DASHBOARD, self.seller.id, True): 2,
            (OPPORTUNITIES, self.seller.id, True): 1,
            (OPPORTUNITIES, self.manager.id, True): 3,
        }
        self.assertEqual(self.uses(), expected)
        # One that is refused is a use too, since it shows who has not moved on.
        self.env["cqrs.api.v1.step"].action_switch_off()
        self.get(self.seller, DASHBOARD, 410)
        expected[DASHBOARD, self.seller.id, True] = 3
        self.assertEqual(self.uses(), expected)
        # Who is not let in is nobody.
        self.authenticate(None, None)
        self.url_open(DASHBOARD)
        self.assertEqual(self.uses(), expected)


@tagged("post_install", "-at_install")
class TestApiV1UsageIsShown(SalesOrganisation):
    def test_administrators_see_it_and_nobody_changes_it(self):
        self.env.cr.execute(
            "INSERT INTO cqrs_api_usage (day, route, user_id, requests)"
            " VALUES ('2026-11-24', '/api/opportunities', %s, 5),"
            " ('2026-11-25', '/api/opportunities', %s, 2)",
            [self.seller.id, self.seller.id],
        )
        admin = administrator(self.env)
        usage = self.env["cqrs.api.usage"].with_user(admin)
        groups = usage._read_group(
            [("user_id", "=", self.seller.id)], ["user_id"], ["requests:sum"]
        )
        self.assertEqual(groups, [(self.seller.with_user(admin), 7)])
        self.assertTrue(self.env["cqrs.api.usage"].with_user(admin).has_access("read"))
        self.assertFalse(usage.with_user(self.manager).has_access("read"))
        with self.assertRaises(UserError):
            usage.search([], limit=1).sudo().write({"requests": 0})

    def test_it_is_kept_for_a_while(self):
        today = fields.Date.today()
        for days in (KEPT_DAYS - 1, KEPT_DAYS + 1):
            self.env.cr.execute(
                "INSERT INTO cqrs_api_usage (day, route, user_id, requests)"
                " VALUES (%s, '/api/opportunities', %s, 1)",
                [today - timedelta(days=days), self.seller.id],
            )
        self.env["cqrs.api.usage"]._remove_the_old()
        kept = self.env["cqrs.api.usage"].search([("user_id", "=", self.seller.id)])
        self.assertEqual(kept.mapped("day"), [today - timedelta(days=KEPT_DAYS - 1)])
