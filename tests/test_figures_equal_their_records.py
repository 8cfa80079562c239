"""Every figure of an answer is the exact sum of the records that it opens.

The records are those of the list behind the figure, found by its domain; they are added
up here one at a time, with no code of the product's. What is shown adds up to the cent.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from odoo import fields
from odoo.tests import tagged

from ..models.support.periods import NAMES
from .api import exact
from .branches import ZONES, Branches

AMOUNTS = ("pipeline_value", "weighted_pipeline", "won_revenue")
COUNTS = ("active_opportunities", "won", "lost")
SCOPES = ("all", "own", "team")
UTC = ZoneInfo("UTC")
#: Groups of each kind whose records are looked at, at most
GROUPS = 2


def scoped(figures, scope):
    return figures if scope == "all" else figures[scope]


@tagged("post_install", "-at_install")
class TestFiguresEqualTheirRecords(Branches):
    def test_every_figure(self):
        viewers = [self.head, self.sees_all]
        viewers += self.random.sample([*(self.people - self.head - self.sees_all)], 1)
        for viewer, zone in zip(viewers, ZONES, strict=False):
            viewer.tz = zone
        self.env.cr.flush()
        for viewer in viewers:
            with self.subTest(seed=self.seed, viewer=viewer.login):
                self.authenticate(viewer.login, viewer.login)
                self.viewer, self.zone = viewer, ZoneInfo(viewer.tz)
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
                self.zone = ZoneInfo(self.random.choice(ZONES))
                self.asked["tz"] = self.zone.key
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
        self.check(whole, [], is_listed=True)
        self.check_amounts(whole["amounts"])
        self.check_dated(whole, [])
        names = [*self.groupings()]
        if self.asked:
            names = self.random.sample(names, 2)
        for by in (*names, names[:2]):
            self.check_groups(by, whole, [])

    def check_periods(self):
        first, last = sorted(self.a_moment().date() for __ in range(2))
        for period in (
            {"period": self.random.choice([*NAMES])},
            {"from": first.isoformat(), "to": last.isoformat()},
        ):
            with self.subTest(**period):
                whole = self.answer("metrics", **period)
                days = [self.day(whole["period"][end]) for end in ("from", "until")]
                if "from" in period:
                    self.assertEqual(days, [first, last + timedelta(days=1)])
                closes = self.closes_between(*days)
                self.check(whole, closes, is_listed=True)
                self.check_dated(whole, closes)
                by = self.random.choice([*self.groupings()])
                self.check_groups(by, whole, closes, period)
                self.check_due(closes, period)

    def check_due(self, domain, period):
        """Assert figures of what is due, or overdue, alone."""
        due = self.random.choice(("due", "overdue"))
        operator = {"due": ">=", "overdue": "<"}[due]
        asked = {**period, "due": due}
        whole = self.answer("metrics", **asked)
        now = datetime.fromisoformat(whole["computed_at"])
        today = now.astimezone(self.zone).date()
        pending = ("status", "=", "pending"), ("closing_date", operator, today)
        domain = [*domain, *pending, ("active", "=", True)]
        self.check(whole, domain)
        self.check_dated(whole, domain)
        for by in ("stage", self.random.choice([*self.groupings()])):
            self.check_groups(by, whole, domain, asked)

    def check_groups(self, by, whole, domain, period=()):
        names = [by] if isinstance(by, str) else by
        more = {} if isinstance(by, str) and by != "customer" else {"limit": 200}
        metrics = self.answer("metrics", by=",".join(names), **dict(period), **more)
        self.assertEqual(metrics["exact"], whole["exact"])
        groups = metrics["groups"]
        if "tag" not in names:
            self.check_parts(metrics, groups)
        for group in self.random.sample(groups, min(GROUPS, len(groups))):
            members = {
                name: group["sales_team" if name == "team" else name] for name in names
            }
            with self.subTest(**members):
                some = [
                    each
                    for name, label in members.items()
                    for each in self.groupings()[name](label)
                ]
                self.check(group, [*domain, *some], is_total=False)

    def groupings(self):
        """Return the domain of a group, by its label, of each grouping."""

        def many2one(field, member="id"):
            return lambda label: [(field, "=", label and label[member])]

        return {
            "stage": many2one("stage_id"),
            "salesperson": many2one("user_id", "user_id"),
            "month": self.closes_in,
            "team": many2one("team_id"),
            "customer": many2one("partner_id"),
            "lost_reason": many2one("lost_reason_id"),
            "source": many2one("source_id"),
            "tag": self.tagged,
        }

    def tagged(self, label):
        tag = self.env["crm.tag"].browse(label and label["id"] or ())
        # Whoever sees everything sees those of others, too.
        leads = self.env["crm.lead"].with_context(active_test=False).search([])
        leads = leads.filtered(
            lambda lead: tag <= lead.tag_ids and (tag or not lead.tag_ids)
        )
        return [("id", "in", leads.ids)]

    def check_dated(self, figures, domain):
        """Assert that figures due, overdue and of before are those of their records."""
        now = datetime.fromisoformat(figures["computed_at"])
        today = now.astimezone(self.zone).date()
        for name, operator in (("due", ">="), ("overdue", "<")):
            dated = ("closing_date", operator, today)
            found = self.sums(
                [*domain, ("status", "=", "pending"), dated], self.viewer.id
            )
            for scope in SCOPES:
                shown = scoped(figures, scope)[name]
                self.assertEqual(shown["count"], found[scope]["active_opportunities"])
                exact_ = Decimal(shown["exact"])
                self.assertEqual(exact_, found[scope]["pipeline_value"], (name, scope))
                self.assert_rounded(shown["amount"], exact_, self.currency, name)
            self.assertEqual(
                figures[name]["amount"],
                figures["own"][name]["amount"] + figures["team"][name]["amount"],
            )
        if figures["before"]:
            self.check_closed_before(figures["before"])

    def check_closed_before(self, before):
        ends = [
            datetime.fromisoformat(before[end]).astimezone(UTC).replace(tzinfo=None)
            for end in ("from", "until")
        ]
        closed = [("status", "!=", "pending"), *self.within("closed_at", *ends)]
        self.check(before, closed, names=AMOUNTS[2:])

    def closes_in(self, label):
        """Return the domain of what closes in a month: expected, until it is closed."""
        if not label:
            return self.closes_between(None, None)
        start = date.fromisoformat(f"{label}-01")
        return self.closes_between(start, start + relativedelta(months=1))

    def closes_between(self, start, end):
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
        return midnight.astimezone(UTC).replace(tzinfo=None)

    def day(self, text):
        """Return the day that begins at a moment."""
        midnight = datetime.fromisoformat(text).astimezone(self.zone)
        self.assertEqual(midnight.time(), datetime.min.time())
        return midnight.date()

    def check_series(self):
        series = self.answer("metrics/series", months=4, compare="quarter")
        *past, present = series["months"]
        self.check(present, [], names=AMOUNTS[:2])
        for month in (*past, present):
            with self.subTest(month=month["month"]):
                domain = self.closes_in(month["month"])
                self.check(month, domain, names=AMOUNTS[2:])
        self.check_closed_before(series["before"])

    def check_people(self):
        self.asked.pop("tz", None)
        level = self.answer("users/hierarchy", metrics="true")
        parent, nodes = level["parent"], level["items"]
        for node in (parent, *nodes):
            with self.subTest(node=node["name"]):
                below = [("id", "in", self.below[node["user_id"]])]
                self.check(
                    node["metrics"],
                    below,
                    user_id=node["user_id"],
                    is_total=node is parent,
                )
        rows = [node["metrics"] for node in nodes]
        if level["former"]:
            rows.append(level["former"]["metrics"])
            others = {*self.below[parent["user_id"]]}
            others.difference_update(*(self.below[node["user_id"]] for node in nodes))
            former = [("id", "in", [*others]), ("user_id", "!=", parent["user_id"])]
            self.check(rows[-1], former, user_id=-1, is_total=False)
        # Nobody has two managers here, who would count the same.
        self.check_sums(parent["metrics"]["team"], rows, AMOUNTS)

    # The records

    def check(
        self,
        figures,
        domain,
        names=AMOUNTS,
        user_id=None,
        is_total=True,
        is_listed=False,
    ):
        """Assert that figures are the sums of the records of a domain.

        :param is_listed: the list of the records has these sums, too
        """
        user_id = user_id or self.viewer.id
        found = self.sums(domain, user_id)
        for scope in SCOPES:
            shown = scoped(figures, scope)
            for name in names:
                exact_ = Decimal(shown["exact"][name])
                self.assertEqual(exact_, found[scope][name], (scope, name))
                self.assert_rounded(shown[name], exact_, self.currency, (scope, name))
            for name in COUNTS if len(names) == len(AMOUNTS) else ():
                self.assertEqual(shown[name], found[scope][name], (scope, name))
            if is_listed:
                self.check_list(found[scope], [*domain, *self.owned(scope, user_id)])
        self.check_sums(figures, [figures["own"], figures["team"]], names)
        for name in names if is_total else ():
            unit = Decimal(1).scaleb(-self.currency.decimal_places)
            exact_ = Decimal(figures["exact"][name])
            self.assertEqual(figures[name], exact_.quantize(unit, ROUND_HALF_UP), name)

    def assert_rounded(self, shown, exact_, currency, message):
        unit = Decimal(1).scaleb(-currency.decimal_places)
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
            self.assertEqual(sum(part[name] for part in some), whole[name], name)
            exact_ = sum(part["exact"][name] for part in some)
            self.assertEqual(exact_, whole["exact"][name], name)

    def owned(self, scope, user_id):
        """Return the domain of a scope."""
        return {
            "all": [],
            "own": [("user_id", "=", user_id)],
            "team": [("user_id", "!=", user_id)],
        }[scope]

    def sums(self, domain, user_id):
        """Return the sums of the records of a domain in each scope, by a loop."""
        sums = {scope: defaultdict(Decimal) for scope in SCOPES}
        for record in self.records.search(
            [*domain, "|", ("status", "!=", "pending"), ("active", "=", True)]
        ):
            value, probability, currency_id, status = self.amounts[record.id]
            value *= self.rates[currency_id]
            is_own = record.user_id.id == user_id
            for found in (sums["all"], sums["own" if is_own else "team"]):
                if status == "won":
                    found["won"] += 1
                    found["won_revenue"] += value
                elif status == "lost":
                    found["lost"] += 1
                else:
                    found["active_opportunities"] += 1
                    found["pipeline_value"] += value
                    found["weighted_pipeline"] += value * probability / 100
        return sums

    def check_list(self, sums, domain):
        """Assert that Odoo's list of the records has the sums below its groups."""
        pending = ["&", ("status", "=", "pending"), ("active", "=", True)]
        for names, status, fields_ in (
            (AMOUNTS[:2], pending, ("converted_value", "weighted_value")),
            (AMOUNTS[2:], [("status", "=", "won")], ("converted_value",)),
        ):
            [listed] = self.records._read_group(
                [*domain, *status], [], [f"{name}:sum" for name in fields_]
            )
            for name, amount in zip(names, listed, strict=True):
                self.assertEqual(amount or 0.0, float(sums[name]), name)

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
                self.assert_rounded(amount[name], exact_, currency, name)
        for currency in currencies.values():
            self.assertFalse(any(sums[currency.id].values()))
