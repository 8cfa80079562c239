"""Figures of some companies, and in any currency."""

from datetime import date, datetime

from dateutil.relativedelta import relativedelta
from lxml import etree

from odoo.tests import tagged
from odoo.tools.safe_eval import safe_eval

from .api import ApiCase
from .common import money, other_company

NOT_FOUND = "/api/v2/problems/not-found"
BAD_PARAMETER = "/api/v2/problems/bad-parameter"


@tagged("post_install", "-at_install")
class TestApiCompanyAndCurrency(ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home = cls.env.company
        # Four of the branch's, and two of the third one, are one of the home's.
        cls.foreign, cls.third = (
            cls.env["res.currency"].create({"name": name, "symbol": name})
            for name in ("CQX", "CQY")
        )
        cls.rates = cls.env["res.currency.rate"].create(
            [
                {"currency_id": currency.id, "rate": rate, "company_id": cls.home.id}
                for currency, rate in ((cls.foreign, 4), (cls.third, 2))
            ]
        )
        cls.branch = other_company(cls.env, cls.foreign)
        cls.elsewhere = other_company(cls.env)
        cls.third_company = other_company(cls.env)
        cls.manager.company_ids |= cls.branch | cls.third_company
        cls.own = cls.opportunity(cls.manager, 1000.10, probability=50)
        cls.deal = cls.opportunity(cls.seller, 30)
        cls.abroad = cls.opportunity(
            cls.manager, 80, company_id=cls.branch.id, team_id=False, probability=50
        )
        cls.nowhere = cls.opportunity(
            cls.manager, 5, company_id=False, team_id=False, probability=50
        )
        cls.opportunity(cls.manager, 10, company_id=cls.third_company.id, team_id=False)
        cls.env.cr.flush()

    def test_companies(self):
        """Of some, and of none: what has no company belongs to each of them."""
        self.assertFalse(self.nowhere.company_id)
        home, branch, third = self.home.id, self.branch.id, self.third_company.id
        cases = (
            ({}, "1065.10", 5),
            ({"company": home}, "1035.10", 3),
            ({"company": branch}, "25.00", 2),
            ({"company": third}, "15.00", 2),
            ({"company": f"{branch},{home}"}, "1055.10", 4),
            ({"company": [home, third, home]}, "1045.10", 4),
            ({"company": [home, branch, third]}, "1065.10", 5),
        )
        for asked, value, count in cases:
            with self.subTest(**asked):
                metrics = self.body(self.manager, "metrics", by="stage", **asked)
                self.assertEqual(metrics["pipeline_value"], money(value))
                self.assertEqual(metrics["active_opportunities"], count)
                self.assertEqual(metrics["currency"], self.home.currency_id.name)
                self.assertEqual(
                    [group["pipeline_value"] for group in metrics["groups"]],
                    [money(value)],
                )
                dashboard = self.body(self.manager, **asked)
                self.assertEqual(dashboard["metrics"]["pipeline_value"], money(value))
                self.assertEqual(dashboard["opportunities"]["total"], count)
                listed = self.body(self.manager, "opportunities", **asked)
                self.assertEqual(listed["total"], count)
                for items in (dashboard["opportunities"]["items"], listed["items"]):
                    self.assertEqual(len(items), count)
                [month] = self.body(self.manager, "metrics/series", months=1, **asked)[
                    "months"
                ]
                self.assertEqual(month["pipeline_value"], money(value))
                level = self.body(
                    self.manager, "users/hierarchy", metrics="true", **asked
                )
                self.assertEqual(
                    level["parent"]["metrics"]["pipeline_value"], money(value)
                )

    def test_odoos_own_screens_count_the_same(self):
        """The dashboard, *Team Opportunities* and the pipeline, as a browser asks."""
        self.manager.group_ids += self.env.ref("crm_cqrs.group_sale_team")
        self.opportunity(self.manager, 7, active=False)
        self.opportunity(self.seller, 8, stage_id=self.stage_won.id)
        team = self.env.ref("crm_cqrs.cqrs_opportunity_view_action")
        pipeline = self.env.ref("crm.crm_lead_action_pipeline")
        for companies in (
            self.home,
            self.branch,
            self.branch + self.home,
            self.manager.company_ids,
        ):
            with self.subTest(companies=companies.mapped("name")):
                ids = companies.ids
                body = self.body(self.manager, company=",".join(map(str, ids)))
                count = body["metrics"]["active_opportunities"]
                self.assertEqual(self.count_in_odoo(team, "pending", ids), count)
                open_ones = [("won_status", "=", "pending"), ("user_id", "!=", False)]
                self.assertEqual(
                    self.count_in_odoo(pipeline, None, ids, open_ones), count
                )

    def count_in_odoo(self, action, filter_name, company_ids, domain=()):
        """Return how many records a window action lists, as the web client asks.

        :param filter_name: the filter of the search view that is on
        """
        uid = self.manager.id
        context = {"uid": uid, "allowed_company_ids": company_ids}
        context |= safe_eval(action.context, {"uid": uid, "false": False})
        domain = [*domain, *safe_eval(action.domain or "[]", {"uid": uid})]
        if filter_name:
            self.assertEqual(context[f"search_default_{filter_name}"], 1)
            arch = self.env[action.res_model].get_view(view_type="search")["arch"]
            [node] = etree.fromstring(arch).xpath(f"//filter[@name='{filter_name}']")
            domain += safe_eval(node.get("domain"))
        return self.make_jsonrpc_request(
            f"/web/dataset/call_kw/{action.res_model}/web_search_read",
            {
                "model": action.res_model,
                "method": "web_search_read",
                "args": [],
                "kwargs": {
                    "domain": domain,
                    "specification": {"name": {}},
                    "context": context,
                },
            },
        )["length"]

    def test_what_is_listed_of_a_company_has_its_currency(self):
        for asked in ({}, {"status": "pending"}, {"scope": "own"}, {"text": "Deal"}):
            page = self.body(
                self.manager, "opportunities", company=self.branch.id, **asked
            )
            self.assertEqual(page["total"], 2)
            own = self.home.currency_id.name
            self.assertEqual(
                [
                    (item["odoo_id"], item["value"], item["currency"])
                    for item in page["items"]
                ],
                [
                    (self.abroad.id, money("80.00"), "CQX"),
                    (self.nowhere.id, money("5.00"), own),
                ],
            )
        team = self.body(
            self.manager, "opportunities", company=self.home.id, scope="team"
        )
        self.assertEqual(
            (team["total"], [item["odoo_id"] for item in team["items"]]),
            (1, self.deal.ids),
        )

    def test_a_currency(self):
        # At 4 and at 2; of the branch's at 1 and at 0.5.
        cases = (("CQX", "4260.40", 4, 1), ("CQY", "2130.20", 2, "0.5"))
        for code, value, of_home, of_branch in cases:
            with self.subTest(code):
                metrics = self.body(self.manager, "metrics", currency=code)
                self.assertEqual(metrics["currency"], code)
                self.assertEqual(metrics["pipeline_value"], money(value))
                self.assertEqual(
                    {each["currency"]: each["rate"] for each in metrics["amounts"]},
                    {
                        self.home.currency_id.name: money(of_home),
                        "CQX": money(of_branch),
                    },
                )
                dashboard = self.body(self.manager, currency=code)
                self.assertEqual(dashboard["metrics"]["pipeline_value"], money(value))
                values = {
                    item["odoo_id"]: (item["value"], item["currency"])
                    for item in dashboard["opportunities"]["items"]
                }
                self.assertEqual(values[self.abroad.id], (money("80.00"), "CQX"))
                self.assertEqual(
                    values[self.own.id],
                    (money("1000.10"), self.home.currency_id.name),
                )
                series = self.body(
                    self.manager, "metrics/series", months=1, currency=code
                )
                self.assertEqual(series["currency"], code)
                self.assertEqual(series["months"][0]["pipeline_value"], money(value))
                level = self.body(
                    self.manager, "users/hierarchy", metrics="true", currency=code
                )
                self.assertEqual(
                    [
                        level["parent"]["metrics"][n]
                        for n in ("currency", "pipeline_value")
                    ],
                    [code, money(value)],
                )

    def test_both(self):
        asked = {"company": self.branch.id, "currency": "CQX"}
        for path in ("metrics", "metrics/series"):
            metrics = self.body(self.manager, path, **asked)
            metrics = metrics["months"][-1] if "months" in metrics else metrics
            self.assertEqual(metrics["pipeline_value"], money("100.00"))
            self.assertEqual(metrics["weighted_pipeline"], money("50.00"))

    def test_a_rate_has_the_digits_it_was_entered_with(self):
        # As floats, 0.101 / 0.625 is 0.16160000000000002, and one is 1.0.
        self.rates[0].rate, self.rates[1].rate = 0.625, 0.101
        text = self.get(self.manager, "metrics", currency="CQY").text
        self.assertIn('"rate": 0.1616,', text)
        text = self.get(self.manager, "metrics", currency="CQX").text
        self.assertIn('"rate": 1,', text)

    def test_what_was_closed_before(self):
        present = datetime.combine(date.today().replace(day=1), datetime.min.time())
        starts = {
            "month": present - relativedelta(months=1),
            "year": present.replace(month=1) - relativedelta(years=1),
        }
        for lead in (self.own, self.abroad):
            lead.action_set_won()
        for period, start in starts.items():
            (self.own | self.abroad).date_closed = start
            for company, code, value in (
                (self.home, "CQX", "4000.40"),
                (self.branch, "CQX", "80.00"),
                (self.branch, "CQY", "40.00"),
            ):
                with self.subTest(period, company=company.name, currency=code):
                    before = self.body(
                        self.manager,
                        "metrics/series",
                        compare=period,
                        company=company.id,
                        currency=code,
                    )["before"]
                    self.assertEqual(
                        (before["won_revenue"], before["won"]), (money(value), 1)
                    )

    def test_a_company_of_others_is_not_there(self):
        for path in ("", "metrics", "metrics/series", "opportunities"):
            for company in (self.elsewhere.id, [self.home.id, 2**31 - 1]):
                with self.subTest(path, company=company):
                    response = self.get(self.manager, path, company=company)
                    self.assertProblem(
                        response,
                        404,
                        type=NOT_FOUND,
                        parameter="company",
                        detail="There is no such company, or none that you may see.",
                    )
        # Whoever they look as, it is one of their own.
        self.seller.company_ids |= self.elsewhere
        seller = self.uuid(self.seller)
        response = self.get(self.manager, user=seller, company=self.elsewhere.id)
        self.assertProblem(response, 404, type=NOT_FOUND)
        as_seller = self.body(self.manager, user=seller, company=self.branch.id)
        self.assertEqual(as_seller["opportunities"]["total"], 0)

    def test_what_has_no_meaning_is_refused_by_name(self):
        self.third.active = False
        for name, values in (
            ("company", ("x", "0", "-1", "1.5", "", "1,", str(2**31))),
            ("currency", ("cqx", "CQXX", "", "C\x00X")),
        ):
            for path in ("", "metrics", "metrics/series", "users/hierarchy"):
                for value in values:
                    with self.subTest(path, name=name, value=value):
                        response = self.get(self.manager, path, **{name: value})
                        self.assertProblem(
                            response, 400, type=BAD_PARAMETER, parameter=name
                        )

    def test_what_is_listed_compares_in_a_currency(self):
        for code in ("CQX", "CQY"):
            rates = {
                each["currency"]: each["rate"]
                for each in self.body(self.manager, "metrics", currency=code)["amounts"]
            }
            asked = {
                "currency": code,
                "fields": "odoo_id,value,currency,converted_value",
            }
            page = self.body(self.manager, "opportunities", **asked, limit=3)
            rest = self.body(
                self.manager, "opportunities", **asked, cursor=page["next"]
            )
            items = page["items"] + rest["items"]
            self.assertEqual({item["currency"] for item in items}, set(rates))
            amounts = [item["value"] * rates[item["currency"]] for item in items]
            self.assertEqual(amounts, sorted(amounts, reverse=True))
            for item, amount in zip(items, amounts, strict=True):
                self.assertEqual(
                    item["converted_value"],
                    {"amount": round(amount, 2), "currency": code},
                )
            one = self.body(
                self.manager, f"opportunities/{items[0]['odoo_id']}", **asked
            )
            self.assertEqual(one["converted_value"], items[0]["converted_value"])
            # Of another list: its order is that of other rates.
            other = self.get(self.manager, "opportunities", cursor=page["next"])
            self.assertProblem(other, 400, parameter="cursor")

    def test_a_currency_that_is_not_there(self):
        self.third.active = False
        for path in ("", "metrics", "metrics/series", "users/hierarchy"):
            for code in ("ZZZ", "CQY"):
                with self.subTest(path, code=code):
                    self.assertProblem(
                        self.get(self.manager, path, currency=code),
                        404,
                        type=NOT_FOUND,
                        parameter="currency",
                        detail=f"There is no active currency {code}.",
                    )

    def test_a_rate_makes_another_answer(self):
        for path in ("metrics", "metrics/series"):
            with self.subTest(path):
                first = self.get(self.manager, path, currency="CQY")
                held = {"If-None-Match": first.headers["ETag"]}
                again = self.get(self.manager, path, held, currency="CQY")
                self.assertEqual(again.status_code, 304)
                self.rates[1].rate += 1
                again = self.get(self.manager, path, held, currency="CQY")
                self.assertEqual(again.status_code, 200)

    def test_a_cursor_is_of_its_company(self):
        page = self.body(self.manager, "opportunities", company=self.home.id, limit=1)
        query = {"cursor": page["next"], "limit": 1}
        response = self.get(self.manager, "opportunities", **query)
        self.assertProblem(response, 400, parameter="cursor")
        rest = self.body(self.manager, "opportunities", company=self.home.id, **query)
        self.assertEqual([each["odoo_id"] for each in rest["items"]], self.deal.ids)
