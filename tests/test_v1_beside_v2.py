"""Both dashboards side by side: a difference has a reason that is proved, or none."""

import json
from decimal import Decimal

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.maintenance.comparison import reasons_of
from .common import (
    INSTALLED,
    OwnDatabase,
    SalesOrganisation,
    administrator,
    other_company,
)
from .test_broken_read_model import LOGGERS

CHECK = "ALTER TABLE cqrs_opportunity_view ADD CONSTRAINT cqrs_test CHECK (value <> 13)"


@tagged("post_install", "-at_install")
class TestV1BesideV2(SalesOrganisation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = administrator(cls.env)
        cls.here = cls.env.company
        currency = cls.env["res.currency"].create({"name": "CQX", "symbol": "x"})
        cls.env["res.currency.rate"].create(
            {"currency_id": currency.id, "rate": 4, "company_id": cls.here.id}
        )
        cls.there = other_company(cls.env, currency)
        cls.manager.company_ids |= cls.there
        cls.own = cls.opportunity(cls.manager, 300_000.25, name="Own")
        cls.team = cls.opportunity(cls.seller, 200_000.5, name="Team")
        cls.won = cls.opportunity(cls.seller, 99_999.99, stage_id=cls.stage_won.id)
        cls.abroad = cls.opportunity(
            cls.manager, 1_000.02, name="Abroad", company_id=cls.there.id
        )
        cls.archived = cls.opportunity(cls.seller, 1_000_000)
        cls.archived.active = False
        cls.env.cr.flush()

    def compare(self, user=None, company=None):
        self.env.cr.flush()
        return self.env["cqrs.api.v1.comparison"]._compare(
            user or self.manager, company or self.env["res.company"]
        )

    def figures(self, compared):
        """Return ``{name: (v1, v2, reasons)}`` of the figures that differ."""
        return {
            each["name"]: (each["v1"], each["v2"], each["reasons"])
            for each in compared["figures"]
            if each["v1"] != each["v2"]
        }

    def listed(self, compared, where="opportunities"):
        """Return ``{id: (shown by v1, by v2, reason)}``."""
        return {
            each["id"]: (each["in_v1"], each["in_v2"], each["reason"])
            for each in compared[where]
        }

    def execute(self, statement, *parameters):
        self.env.cr.flush()
        self.env.cr.execute(statement, parameters)

    def test_both_say_the_same_of_everybody(self):
        for user in (self.head, self.manager, self.seller, self.peer):
            compared = self.compare(user)
            self.assertEqual(self.figures(compared), {})
            self.assertEqual((compared["page"], compared["opportunities"]), ([], []))
            self.assertTrue(compared["is_explained"])
        shown = {each["name"]: each["v1"] for each in self.compare()["figures"]}
        self.assertEqual(
            shown,
            {
                "pipeline_value": Decimal("500250.75") + Decimal("0.01"),
                "won_revenue": Decimal("99999.99"),
                "active_opportunities": 3,
                "total": 4,
                "own": 2,
                "subordinates": 2,
                "name": "Manager",
                "email": self.manager.email,
            },
        )

    def test_what_v2_alone_has(self):
        self.own.date_deadline = "2020-01-31"
        further = {each["name"]: each["v2"] for each in self.compare()["further"]}
        v2 = self.dashboard(self.manager)["metrics"]
        self.assertEqual(further.pop("overdue"), Decimal("300000.25"))
        self.assertEqual(further.pop("due"), Decimal("0.00"))
        self.assertEqual(further["won"], 1)
        for name, value in further.items():
            self.assertEqual(value, v2[name], name)

    def test_each_tells_its_work(self):
        compared = self.compare()
        for side in ("v1", "v2"):
            work = compared[side]["work"]
            self.assertGreater(work["statements"], 1)
            self.assertGreater(work["blocks"], 0)
            self.assertGreaterEqual(work["ms"], work["database_ms"])
            self.assertGreater(work["database_ms"], 0)

    def test_another_company_and_its_currency(self):
        compared = self.compare(company=self.there)
        self.assertTrue(compared["is_explained"])
        for deal in (self.own, self.team, self.won):
            for where in ("opportunities", "page"):
                self.assertEqual(
                    self.listed(compared, where)[deal.id],
                    (True, False, "other_company"),
                )
        self.assertNotIn(self.abroad.id, self.listed(compared))
        self.assertEqual(
            self.listed(compared)[self.archived.id], (True, False, "other_company")
        )
        self.assertEqual(
            self.figures(compared),
            {
                # 1,000.02 in a currency of which four are one of ours
                "pipeline_value": (
                    Decimal("500250.76"),
                    Decimal("1000.02"),
                    {"other_company": Decimal("-500000.75"), "currency": None},
                ),
                "won_revenue": (
                    Decimal("99999.99"),
                    Decimal("0.00"),
                    {"other_company": Decimal("-99999.99"), "currency": None},
                ),
                "active_opportunities": (3, 1, {"other_company": -2}),
                "total": (4, 1, {"other_company": -3}),
                "own": (2, 1, {"other_company": -1}),
                "subordinates": (2, 0, {"other_company": -2}),
            },
        )
        here = self.compare(company=self.here)
        self.assertTrue(here["is_explained"])
        self.assertEqual(
            self.listed(here), {self.abroad.id: (True, False, "other_company")}
        )

    def test_the_order_of_several_currencies_decides_who_is_on_the_first_page(self):
        for number in range(79):
            self.opportunity(self.manager, 2_000 + number)
        compared = self.compare()
        # v1 takes 1,000.02 for less than 2,000 and leaves it out; so does v2.
        self.assertEqual(compared["page"], [])
        self.abroad.expected_revenue = 4_000
        compared = self.compare()
        last = self.env["crm.lead"].search(
            [("expected_revenue", "in", (2_002, 2_003)), ("name", "=", "Deal")],
            order="expected_revenue desc",
        )
        self.assertTrue(compared["is_explained"], compared["unexplained"])
        self.assertEqual(compared["opportunities"], [])
        self.assertEqual(
            self.listed(compared, "page"),
            {
                self.abroad.id: (True, False, "order"),
                last[1].id: (False, True, "order"),
            },
        )

    def test_who_is_not_on_a_page_makes_room(self):
        deals = [self.opportunity(self.manager, 10 + number) for number in range(80)]
        compared = self.compare(company=self.here)
        self.assertTrue(compared["is_explained"])
        page = self.listed(compared, "page")
        self.assertEqual(page[self.abroad.id], (True, False, "other_company"))
        self.assertEqual(page[deals[3].id], (False, True, "place"))

    @mute_logger(*LOGGERS)
    def test_what_cannot_be_applied_is_left_out(self):
        self.execute(CHECK)
        deal = self.opportunity(self.seller, 13, name="Unlucky")
        compared = self.compare()
        self.assertTrue(compared["is_explained"], compared["unexplained"])
        self.assertEqual(self.listed(compared), {deal.id: (True, False, "left_out")})
        v1, v2, reasons = self.figures(compared)["pipeline_value"]
        self.assertEqual(
            (v1 - v2, reasons), (Decimal("13.00"), {"left_out": Decimal("-13.00")})
        )

    def test_a_row_changed_in_sql_is_explained_by_nothing(self):
        changes = {
            "a value": ("expected_revenue = 1", ["pipeline_value"], (True, True)),
            # The sums stay, and two opportunities are not the same.
            "a name": ("name = 'Other'", [], (True, True)),
            "a lead": ("type = 'lead'", ["pipeline_value"], (False, True)),
            "archived": ("active = false", ["pipeline_value"], (True, True)),
        }
        for what, (change, figures, sides) in changes.items():
            with self.subTest(what), self.env.cr.savepoint() as savepoint:
                self.execute(
                    f"UPDATE crm_lead SET {change} WHERE id = %s", self.team.id
                )
                for company in (None, self.here):
                    compared = self.compare(company=company)
                    self.assertFalse(compared["is_explained"])
                    self.assertEqual(
                        self.listed(compared)[self.team.id], (*sides, "unexplained")
                    )
                    self.assertLessEqual(
                        {*figures, "page", "opportunities"}, {*compared["unexplained"]}
                    )
                savepoint.rollback()
        self.assertTrue(self.compare()["is_explained"])

    def test_two_changes_that_add_up_to_nothing(self):
        for deal, more in ((self.own, -1), (self.team, 1)):
            self.execute(
                "UPDATE crm_lead SET expected_revenue = expected_revenue + %s"
                " WHERE id = %s",
                more,
                deal.id,
            )
        compared = self.compare()
        self.assertEqual(self.figures(compared), {})
        self.assertEqual(compared["counts"], {"unexplained": 2})

    def test_sums_that_are_wrong_are_explained_by_nothing(self):
        self.env["cqrs.metrics"]._fold_batch()
        self.execute(
            "UPDATE cqrs_metrics SET pipeline_value = pipeline_value + 1 WHERE id = ("
            "SELECT min(id) FROM cqrs_metrics"
            " WHERE dimension = 'owner' AND user_id = %s)",
            self.manager.id,
        )
        compared = self.compare()
        self.assertEqual(compared["unexplained"], ["pipeline_value"])
        self.assertEqual(compared["opportunities"], [])

    def test_a_name_that_was_changed_in_sql(self):
        self.execute(
            "UPDATE res_partner SET name = 'Somebody' WHERE id = %s",
            self.seller.partner_id.id,
        )
        compared = self.compare()
        [first, *_others] = [each for each in compared["page"]]
        self.assertEqual(
            (first["reason"], first["fields"]), ("unexplained", ["salesperson"])
        )
        self.assertEqual(self.compare(self.seller)["unexplained"], ["name", "page"])

    def test_reasons_are_counted(self):
        self.assertEqual(
            reasons_of(self.compare(company=self.there)),
            {"other_company": 4, "currency": 2},
        )
        self.assertEqual(reasons_of(self.compare()), {})

    def test_the_screen_gets_texts_and_the_reasons_of_access(self):
        comparison = self.env["cqrs.api.v1.comparison"].with_user(self.admin)
        compared = comparison.read_comparison(self.manager.id, self.there.id)
        self.assertEqual(compared["figures"][0]["v1"], "500250.76")
        [team] = [e for e in compared["opportunities"] if e["id"] == self.team.id]
        self.assertEqual(
            team["access"], ["Seller reports to Manager: Manager > Seller."]
        )
        self.assertEqual(
            {each["name"] for each in comparison.read_companies(self.manager.id)},
            {self.here.name, self.there.name},
        )
        # JSON, as the web client gets it.
        json.dumps(compared)

    def test_it_is_for_administrators_and_of_people_with_a_dashboard(self):
        comparison = self.env["cqrs.api.v1.comparison"]
        for method in ("read_comparison", "read_companies"):
            with self.assertRaises(AccessError):
                getattr(comparison.with_user(self.manager), method)(self.seller.id)
        as_admin = comparison.with_user(self.admin)
        for user_id, company_id, text in (
            (self.admin.id, None, "access to opportunities"),
            (2**31 - 1, None, "access to opportunities"),
            (self.seller.id, self.there.id, "company that the user works in"),
        ):
            with self.assertRaisesRegex(UserError, text):
                as_admin.read_comparison(user_id, company_id)

    def test_nothing_is_written(self):
        self.env.cr.flush()
        count = (
            "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)"
            " FROM pg_stat_xact_user_tables"
        )
        self.env.cr.execute(count)
        before = self.env.cr.fetchone()
        self.compare(company=self.there)
        self.env.cr.execute(count)
        self.assertEqual(self.env.cr.fetchone(), before)


#: A small one of ``./dev demo``
BUILD = """
from datetime import date
from odoo.addons.crm_cqrs.demo.organisation import build_organisation
built = build_organisation(
    env, seed=3, today=date(2026, 3, 10), levels=3, users=24, opportunities=120,
    months=12,
)
env.cr.commit()
print("head", built.head_login)
"""


@tagged("post_install", "-at_install")
class TestEverybodyIsCompared(OwnDatabase):
    """The command, on the demo organisation: two companies with their currencies."""

    template = INSTALLED

    def compare(self, *arguments, status=0):
        done = self.odoo("cqrs", "compare", *arguments, "--json", status=status)
        return json.loads(done.stdout)

    def test_the_demo_organisation(self):
        self.odoo("shell", script=BUILD)
        [(people, in_both)] = self.query(
            "SELECT count(*), count(*) FILTER (WHERE cardinality(company_ids) > 1)"
            " FROM cqrs_user_profile WHERE active AND is_salesperson"
        )
        found = self.compare()
        with self.subTest("each difference has a reason"):
            self.assertEqual((found["unexplained"], found["people"]), (0, people))
            self.assertEqual(found["dashboards"], people + 2 * in_both)
            self.assertGreater(found["differing"], 0)
            self.assertGreater(found["reasons"]["other_company"], 0)
            self.assertGreater(found["reasons"]["currency"], 0)
            self.assertTrue(all(each["reasons"] for each in found["listed"]))
            self.assertTrue(found["is_everybody"])
            for side in ("v1", "v2"):
                self.assertGreater(found[side]["blocks"], 0)
        with self.subTest("it is a run"):
            self.assertEqual(
                self.query(
                    "SELECT kind, state, findings, user_id FROM cqrs_run"
                    # The installation has verified itself.
                    " WHERE kind <> 'verify'"
                ),
                [("compare", "done", 0, 1)],
            )
        with self.subTest("a row changed in SQL"):
            [(login,)] = self.query(
                """
                UPDATE crm_lead lead SET expected_revenue = expected_revenue + 1
                FROM res_users users
                WHERE users.id = lead.user_id AND lead.id = (
                    SELECT max(id) FROM cqrs_opportunity_view
                    WHERE active AND user_id IS NOT NULL)
                RETURNING login
                """
            )
            found = self.compare("--users", "sample", status=1)
            self.assertGreater(found["unexplained"], 0)
            self.assertFalse(found["is_everybody"])
            listed = {
                each["login"]: each["unexplained"]
                for each in found["listed"]
                if each["unexplained"]
            }
            self.assertIn("opportunities", listed[login])
        with self.subTest("wrong usage"):
            self.odoo("cqrs", "status", "--users", "all", status=2)
