"""Every figure of an answer is the exact sum of the records that it opens.

The records are those of the list behind the figure, found by its domain; they are added
up here one at a time, with no code of the product's. What is shown adds up to the cent.
"""

import random
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from odoo import Command, fields
from odoo.tests import tagged
from odoo.tools import SQL

from ..models.support.periods import NAMES
from .api import ApiCase, exact
from .common import other_company
from .plain_rules import PlainRules

AMOUNTS = ("pipeline_value", "weighted_pipeline", "won_revenue")
COUNTS = ("active_opportunities", "won", "lost")
SCOPES = ("all", "own", "team")
ZONES = ("America/Los_Angeles", "Asia/Kolkata", "UTC")
PEOPLE, DEALS = 8, 150
#: Groups of each kind whose records are looked at, at most
GROUPS = 4


def scoped(figures, scope):
    return figures if scope == "all" else figures[scope]


@tagged("post_install", "-at_install")
class TestFiguresEqualTheirRecords(ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seed = random.randrange(10**6)
        cls.random = random.Random(cls.seed)
        cls.companies = cls.env.company | cls.branches()
        cls.stages = cls.stage_new | cls.stage_won
        cls.stages |= cls.env["crm.stage"].create(
            [{"name": f"cqrs {n}", "sequence": n - 90} for n in range(2)]
        )
        cls.people = cls.organisation()
        cls.deals = cls.some_deals()
        cls.env["cqrs.metrics"]._fold_batch()
        # The rest is in the tail.
        cls.change(cls.deals.browse(cls.random.sample(cls.deals.ids, 30)))
        cls.read_deals()

    @classmethod
    def branches(cls):
        """Return two companies, with currencies of odd rates and digits."""
        companies = cls.env["res.company"]
        for name, digits, rate in (("CQX", 0.01, 3.7219), ("CQY", 1, 147.3131)):
            currency = cls.env["res.currency"].create(
                {"name": name, "symbol": name, "rounding": digits}
            )
            cls.env["res.currency.rate"].create(
                {"currency_id": currency.id, "rate": rate, "company_id": False}
            )
            companies |= other_company(cls.env, currency)
        return companies

    @classmethod
    def organisation(cls):
        """Return people of all companies, each below one of those before."""
        people = [(cls.head, cls.head_employee), (cls.manager, cls.manager_employee)]
        people += [(cls.seller, cls.seller_employee)]
        for number in range(PEOPLE):
            company = cls.random.choice(cls.companies)
            above = cls.random.choice(people)[1]
            people.append(cls.person(f"figures_{number}", above, company))
        for user, __ in people:
            others = cls.random.sample(cls.companies.ids, cls.random.randint(1, 3))
            user.company_ids = [Command.link(id_) for id_ in others]
            user.tz = cls.random.choice(ZONES)
        cls.head.company_ids = [Command.set(cls.companies.ids)]
        return cls.env["res.users"].union(*(user for user, __ in people))

    @classmethod
    def some_deals(cls):
        deals = cls.env["crm.lead"]
        owners = [*cls.people, cls.env["res.users"]]
        values = []
        for number in range(DEALS):
            owner = cls.random.choice(owners)
            companies = [False, *(owner.company_ids or cls.companies).ids]
            values.append(
                {
                    "name": f"Deal {number}",
                    "type": "opportunity",
                    "user_id": owner.id,
                    "team_id": False,
                    "company_id": cls.random.choice(companies),
                    "stage_id": cls.random.choice(cls.stages - cls.stage_won).id,
                    "date_deadline": cls.random.choice([False, cls.a_moment().date()]),
                }
            )
        deals = deals.create(values)
        ids = cls.random.sample(deals.ids, 70)
        deals.browse(ids[:45]).action_set_won()
        deals.browse(ids[45:60]).action_set_lost()
        deals.browse(ids[60:]).active = False
        cls.change(deals)
        return deals

    @classmethod
    def change(cls, deals):
        """Give deals odd amounts, and those closed another moment of closing."""
        deals.write({"referred": "changed"})
        cls.env.flush_all()
        for deal in deals:
            cls.env.cr.execute(
                SQL(
                    """
                    UPDATE crm_lead SET expected_revenue = %s, probability = %s,
                           date_closed = CASE WHEN date_closed IS NOT NULL THEN %s END
                    WHERE id = %s
                    """,
                    Decimal(cls.random.randrange(10**9)).scaleb(
                        -cls.random.choice((0, 2, 3, 5))
                    ),
                    cls.random.choice((0.0, 10.0, 33.33, cls.random.random() * 100)),
                    cls.a_moment(),
                    deal.id,
                )
            )
        cls.env.cr.flush()
        cls.env.invalidate_all()

    @classmethod
    def a_moment(cls):
        """Return a moment of these months, mostly near the end of one."""
        month = datetime.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        end = month + relativedelta(months=cls.random.randint(-4, 2))
        hours = cls.random.choice((14, 14, 24 * 14))
        return end + timedelta(seconds=cls.random.randint(-hours, hours) * 3600 - 1)

    @classmethod
    def read_deals(cls):
        """Read of each deal value, probability and currency, exact."""
        rules = PlainRules(cls.env)
        cls.below = {
            user.id: [
                lead.id
                for lead in rules.opportunities
                if lead.user_id == user or rules.is_above(user, lead)
            ]
            for user in cls.people
        }
        cls.env.cr.execute(
            """
            SELECT lead.id, expected_revenue::text, probability::text,
                   company.currency_id, won_status
            FROM crm_lead lead LEFT JOIN res_company company ON company_id = company.id
            """
        )
        cls.amounts = {
            id_: (Decimal(value or 0), Decimal(probability or 0), currency_id, status)
            for id_, value, probability, currency_id, status in cls.env.cr.fetchall()
        }

    # What is asked

    def test_every_figure(self):
        viewers = [self.head, self.manager]
        viewers += self.random.sample([*(self.people - self.head - self.manager)], 3)
        self.env.cr.flush()
        for viewer in viewers:
            with self.subTest(seed=self.seed, viewer=viewer.login):
                self.authenticate(viewer.login, viewer.login)
                self.viewer = viewer
                with localcontext(prec=200):
                    self.check_viewer()

    def check_viewer(self):
        own = self.viewer.company_id
        for chosen, currency in (
            (own | self.viewer.company_ids, None),
            (self.some(self.viewer.company_ids), self.some(self.companies)[:1]),
        ):
            self.currency = (currency or own).currency_id
            self.rates = self.odoo_rates()
            self.asked, context = {}, {"allowed_company_ids": chosen.ids}
            if currency:
                self.asked["company"] = ",".join(map(str, chosen.ids))
                self.asked["currency"] = self.currency.name
                context["cqrs_currency"] = self.currency.name
            self.records = self.env["cqrs.opportunity.view"].with_user(self.viewer)
            self.records = self.records.with_context(active_test=False, **context)
            self.check_metrics()
            self.check_periods()
            self.check_series()
            self.check_people()

    def some(self, records):
        """Return at least one of some records, in any order."""
        count = self.random.randint(1, len(records))
        return records.browse(self.random.sample(records.ids, count))

    def odoo_rates(self):
        """Return Odoo's rate of each currency, to the digits that a float holds."""
        today, company = fields.Date.today(), self.viewer.company_id
        rates = {}
        for currency in self.companies.currency_id:
            rate = currency._get_conversion_rate(
                currency, self.currency, company, today
            )
            rates[currency.id] = Decimal(f"{rate:.15g}")
        return {**rates, None: rates[company.currency_id.id]}

    def answer(self, path, **query):
        response = self.ask(path, **self.asked, **query)
        self.assertEqual(response.status_code, 200, response.text)
        return exact(response)

    # Which figures open which records

    def check_metrics(self):
        whole = self.answer("")["metrics"]
        self.check(whole, [])
        self.check_due(whole, [])
        self.check_amounts(whole["amounts"])
        for by, domain_of in self.groupings().items():
            metrics = self.answer("metrics", by=by)
            self.assertEqual(metrics["exact"], whole["exact"])
            groups = metrics["groups"]
            self.check_parts(metrics, groups)
            for group in self.random.sample(groups, min(GROUPS, len(groups))):
                with self.subTest(by=by, group=group[by]):
                    self.check(group, domain_of(group[by]), is_total=False)

    def groupings(self):
        return {
            "stage": lambda label: [("stage_id", "=", label and label["id"])],
            "salesperson": lambda label: [("user_id", "=", label and label["user_id"])],
            "month": self.closes_in,
        }

    def check_periods(self):
        first, last = sorted(self.a_moment().date() for __ in range(2))
        for period in (
            {"period": self.random.choice([*NAMES])},
            {"from": first.isoformat(), "to": last.isoformat()},
        ):
            by = self.random.choice([*self.groupings()])
            metrics = self.answer("metrics", by=by, **period)
            start, end = (
                datetime.fromisoformat(metrics["period"][name])
                .astimezone(self.zone)
                .date()
                for name in ("from", "until")
            )
            with self.subTest(**period, by=by):
                if "from" in period:
                    self.assertEqual((start, end), (first, last + timedelta(days=1)))
                domain = self.closing(start, end)
                self.check(metrics, domain)
                self.check_parts(metrics, metrics["groups"])
                self.check_due(metrics, domain)

    def check_due(self, metrics, domain):
        now = datetime.fromisoformat(metrics["computed_at"])
        today = now.astimezone(self.zone).date()
        pending = ("status", "=", "pending")
        for name, operator in (("due", ">="), ("overdue", "<")):
            for scope, owner in self.owners(self.viewer.id).items():
                day = ("closing_date", operator, today)
                found = self.sums([*domain, pending, day, *owner])
                shown = scoped(metrics, scope)[name]
                self.assertEqual(shown["count"], found["active_opportunities"], name)
                self.assertEqual(Decimal(shown["exact"]), found["pipeline_value"], name)
                digits = self.currency.decimal_places
                self.assert_rounded(
                    shown["amount"], found["pipeline_value"], digits, name
                )

    def closes_in(self, label):
        """Return the domain of what closes in a month: expected, until it is closed."""
        if not label:
            return self.closing(None, None)
        start = date.fromisoformat(f"{label}-01")
        return self.closing(start, start + relativedelta(months=1))

    def closing(self, start, end):
        closed, pending = ("status", "!=", "pending"), ("status", "=", "pending")
        return [
            "|",
            *("&", pending, *self.within("closing_date", start, end)),
            *("&", closed, *self.within("closed_at", self.utc(start), self.utc(end))),
        ]

    def within(self, name, start, end):
        if start is None:
            return [(name, "=", False)]
        return ["&", (name, ">=", start), (name, "<", end)]

    def utc(self, day):
        """Return the midnight of the viewer with which a day begins, as Odoo has it."""
        if day is None:
            return None
        midnight = datetime.combine(day, datetime.min.time(), self.zone)
        return midnight.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)

    @property
    def zone(self):
        return ZoneInfo(self.viewer.tz)

    def check_series(self):
        series = self.answer("metrics/series", months=4, compare="quarter")
        *past, present = series["months"]
        self.check(present, [], names=AMOUNTS[:2])
        for month in (*past, present):
            with self.subTest(month=month["month"]):
                domain = self.closes_in(month["month"])
                self.check(month, domain, names=AMOUNTS[2:])
        before = series["before"]
        between = self.within(
            "closed_at",
            *(
                datetime.fromisoformat(before[end]).replace(tzinfo=None)
                for end in ("from", "until")
            ),
        )
        self.check(before, [("status", "!=", "pending"), *between], names=AMOUNTS[2:])

    def check_people(self):
        level = self.answer("users/hierarchy", metrics="true")
        nodes = [level["parent"], *level["items"]]
        for node in nodes:
            with self.subTest(node=node["name"]):
                self.check(
                    node["metrics"],
                    [("id", "in", self.below[node["user_id"]])],
                    user_id=node["user_id"],
                    is_total=node is nodes[0],
                )
        team = level["parent"]["metrics"]["team"]
        # Somebody who has two managers would be counted twice.
        figures = [node["metrics"] for node in level["items"]]
        if self.add_up(team["exact"], [each["exact"] for each in figures]):
            self.check_sums(team, figures, AMOUNTS)

    def add_up(self, whole, some):
        return all(sum(each[name] for each in some) == whole[name] for name in AMOUNTS)

    # The records

    def check(self, figures, domain, names=AMOUNTS, user_id=None, is_total=True):
        """Assert that figures are the sums of the records of a domain."""
        user_id = user_id or self.viewer.id
        for scope, owner in self.owners(user_id).items():
            shown = scoped(figures, scope)
            found = self.sums([*domain, *owner])
            for name in names:
                exact_ = Decimal(shown["exact"][name])
                self.assertEqual(exact_, found[name], (scope, name))
                digits = self.currency.decimal_places
                self.assert_rounded(shown[name], exact_, digits, (scope, name))
                if is_total and scope == "all":
                    unit = Decimal(1).scaleb(-digits)
                    half_up = exact_.quantize(unit, ROUND_HALF_UP)
                    self.assertEqual(shown[name], half_up, name)
            for name in COUNTS if len(names) == len(AMOUNTS) else ():
                self.assertEqual(shown[name], found[name], (scope, name))
        self.check_sums(figures, [figures["own"], figures["team"]], names)

    def owners(self, user_id):
        return {
            "all": [],
            "own": [("user_id", "=", user_id)],
            "team": [("user_id", "!=", user_id)],
        }

    def assert_rounded(self, shown, exact_, digits, message):
        unit = Decimal(1).scaleb(-digits)
        self.assertEqual(shown % unit, 0, message)
        self.assertLess(abs(shown - exact_), unit, message)

    def check_parts(self, whole, groups):
        """Assert that groups add up to the whole, in each scope, as they are shown."""
        for scope in SCOPES:
            self.check_sums(
                scoped(whole, scope), [scoped(each, scope) for each in groups], AMOUNTS
            )
        for group in groups:
            self.check_sums(group, [group["own"], group["team"]], AMOUNTS)

    def check_sums(self, whole, some, names):
        for name in names:
            for values in (whole, whole["exact"]):
                parts = [
                    part["exact"][name] if values is not whole else part[name]
                    for part in some
                ]
                self.assertEqual(sum(parts), values[name], name)

    def sums(self, domain):
        """Return the sums of the records of a domain, by a loop over them.

        What the list behind a figure says below its groups is the same.
        """
        sums = defaultdict(Decimal)
        pending = ["&", ("status", "=", "pending"), ("active", "=", True)]
        for record in self.records.search(
            [*domain, "|", ("status", "!=", "pending"), ("active", "=", True)]
        ):
            value, probability, currency_id, status = self.amounts[record.id]
            value *= self.rates[currency_id]
            if status == "won":
                sums["won"] += 1
                sums["won_revenue"] += value
            elif status == "lost":
                sums["lost"] += 1
            else:
                sums["active_opportunities"] += 1
                sums["pipeline_value"] += value
                sums["weighted_pipeline"] += value * probability / 100
        listed = self.records._read_group(
            [*domain, *pending], [], ["converted_value:sum", "weighted_value:sum"]
        )[0]
        for name, amount in zip(AMOUNTS[:2], listed, strict=True):
            self.assertEqual(amount or 0.0, float(sums[name]), name)
        return sums

    def check_amounts(self, amounts):
        """Assert that the sums before the conversion are those in each currency."""
        sums = defaultdict(lambda: defaultdict(Decimal))
        for record in self.records.search([]):
            value, probability, currency_id, status = self.amounts[record.id]
            currency_id = currency_id or self.viewer.company_id.currency_id.id
            if status == "won":
                sums[currency_id]["won_revenue"] += value
            elif status != "lost" and record.active:
                sums[currency_id]["pipeline_value"] += value
                sums[currency_id]["weighted_pipeline"] += value * probability / 100
        currencies = {each.name: each for each in self.companies.currency_id}
        for amount in amounts:
            currency = currencies.pop(amount["currency"])
            self.assertEqual(amount["rate"], self.rates[currency.id])
            for name in AMOUNTS:
                exact_ = Decimal(amount["exact"][name])
                self.assertEqual(exact_, sums[currency.id][name], name)
                digits = currency.decimal_places
                self.assert_rounded(amount[name], exact_, digits, name)
        for currency in currencies.values():
            self.assertFalse(any(sums[currency.id].values()))
