from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import combinations, product
from unittest.mock import patch

from odoo import Command
from odoo.tests import tagged
from odoo.tools import SQL

from ..models.metrics import fold
from ..models.metrics.group_pages import FIGURES, Page
from ..models.metrics.groupings import GROUPINGS, member
from .common import SalesOrganisation, as_json, other_company
from .plain_rules import plain_sums

AMOUNTS = ("pipeline_value", "weighted_pipeline", "won_revenue")
BY = (None, "stage", "salesperson", "month")
#: The field of an opportunity and the model of each grouping with records
FIELDS = {
    "stage": "stage_id",
    "salesperson": "user_id",
    "team": "team_id",
    "customer": "partner_id",
    "lost_reason": "lost_reason_id",
    "tag": "tag_ids",
    "source": "source_id",
}
MODELS = {
    "stage": "crm.stage",
    "salesperson": "res.users",
    "team": "crm.team",
    "customer": "res.partner",
    "lost_reason": "crm.lost.reason",
    "tag": "crm.tag",
    "source": "utm.source",
}


def plain_figures(leads, viewer):
    """Return the figures of opportunities, in the currency of the viewer's company.

    Amounts are rounded half up, as totals are, and unrounded in ``exact``.
    """
    company = viewer.company_id
    counts, sums = plain_sums(leads, company)
    exact = dict.fromkeys(AMOUNTS, Decimal(0))
    for currency, each in sums.items():
        rate = currency._get_conversion_rate(currency, company.currency_id, company)
        for name in AMOUNTS:
            exact[name] += each[name] * Decimal(repr(rate))
    active, won, lost = counts["active"], counts["won"], counts["lost"]
    return {
        **{name: cents(amount) for name, amount in exact.items()},
        "exact": exact,
        "active_opportunities": active,
        "won": won,
        "lost": lost,
        "win_rate": cents(Decimal(won) / (won + lost), "0.0001")
        if won + lost
        else None,
        "average_value": cents(exact["pipeline_value"] / active) if active else None,
    }


def scopes(figures):
    return {"all": figures, "own": figures["own"], "team": figures["team"]}


def cents(amount, unit="0.01"):
    return amount.quantize(Decimal(unit), ROUND_HALF_UP)


@tagged("post_install", "-at_install")
class TestMetricsEqualAPlainLoop(SalesOrganisation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage_second = cls.env["crm.stage"].create(
            {"name": "Second", "sequence": -99}
        )
        cls.foreign = cls.env["res.currency"].create({"name": "CQX", "symbol": "x"})
        cls.env["res.currency.rate"].create(
            {"currency_id": cls.foreign.id, "rate": 4, "company_id": cls.env.company.id}
        )
        cls.branch = other_company(cls.env, cls.foreign)
        cls.manager.company_ids |= cls.branch
        cls.own = cls.opportunity(cls.manager, 1000.10, probability=33.333333333333336)
        cls.deal = cls.opportunity(cls.seller, 0.05, date_deadline="2031-02-28")
        cls.other = cls.opportunity(cls.seller, 70_000.01, date_deadline="2031-03-01")
        cls.unassigned = cls.opportunity(None, 9)
        cls.peers = cls.opportunity(cls.peer, 5)
        cls.lead = cls.opportunity(cls.seller, 300, type="lead")
        cls.viewers = cls.head | cls.manager | cls.seller | cls.peer
        cls.viewers |= cls.env.ref("base.user_admin")

    def metrics(self, user, by=None):
        self.env.cr.flush()
        return self.env["cqrs.metrics"]._read(user, by)

    def fold(self):
        self.env.cr.flush()
        return self.env["cqrs.metrics"]._fold_batch()

    def tail(self):
        self.env.cr.flush()
        query = SQL("SELECT count(*) FROM cqrs_metrics_tail")
        return self.env.execute_query(query)[0][0]

    def assert_exact(self):
        with localcontext(prec=100):
            self.assert_equal_to_loops()

    def assert_equal_to_loops(self):
        for viewer in self.viewers:
            leads = self.env["crm.lead"].browse(self.visible(viewer))
            own = leads.filtered_domain([("user_id", "=", viewer.id)])
            for by in BY:
                with self.subTest(viewer=viewer.login, by=by):
                    metrics = self.metrics(viewer, by)
                    expected = self.plain_scopes(leads, viewer)
                    for name in AMOUNTS:
                        self.assertEqual(metrics[name], expected[name], name)
                    self.assert_scopes(metrics, expected)
                    if by:
                        self.assert_groups(by, metrics, leads, viewer)
            total, mine = (len(some.filtered("active")) for some in (leads, own))
            self.assertEqual(
                self.metrics(viewer)["opportunities"],
                {"total": total, "own": mine, "subordinates": total - mine},
            )

    def plain_scopes(self, leads, viewer):
        own = leads.filtered(lambda lead: lead.user_id == viewer)
        figures = {
            "own": plain_figures(own, viewer),
            "team": plain_figures(leads - own, viewer),
        }
        return {**plain_figures(leads, viewer), **figures}

    def assert_scopes(self, figures, expected):
        """Assert that figures are the expected ones, but for the rounding of parts."""
        for scope, value in scopes(expected).items():
            shown = scopes(figures)[scope]
            for name in value.keys() - {*AMOUNTS, "own", "team"}:
                self.assertEqual(shown[name], value[name], (scope, name))
            for name in AMOUNTS:
                difference = shown[name] - value["exact"][name]
                self.assertLess(abs(difference), Decimal("0.01"), (scope, name))
                self.assertEqual(shown[name], cents(shown[name]))
        for name in AMOUNTS:
            own, team = figures["own"][name], figures["team"][name]
            self.assertEqual(figures[name], own + team)

    def assert_groups(self, by, metrics, leads, viewer):
        self.assert_equal_groups((by,), metrics["groups"], leads, viewer)
        for scope, total in scopes(metrics).items():
            for name in AMOUNTS:
                shown = sum(scopes(group)[scope][name] for group in metrics["groups"])
                self.assertEqual(shown, total[name], (scope, name))

    def assert_equal_groups(self, by, groups, leads, viewer):
        expected = defaultdict(leads.browse)
        for lead in leads:
            # Archived and neither won nor lost, it is in no figure.
            if lead.active or lead.won_status != "pending":
                for keys in product(*(self.groups_of(lead, name) for name in by)):
                    expected[keys] |= lead
        found = {
            tuple(self.key_of(name, group[member(name)]) for name in by): group
            for group in groups
        }
        self.assertEqual(len(found), len(groups))
        self.assertEqual(found.keys(), expected.keys())
        for keys, some in expected.items():
            self.assert_scopes(found[keys], self.plain_scopes(some, viewer))

    def key_of(self, by, label):
        """Return the id in a group's label, once the name in it is the record's."""
        if not isinstance(label, dict):
            return label
        id_ = label["user_id" if by == "salesperson" else "id"]
        record = self.env[MODELS[by]].browse(id_)
        field = "complete_name" if by == "customer" else "name"
        self.assertEqual(label["name"], record[field])
        return id_

    def groups_of(self, lead, by):
        if by == "month":
            closed = lead.won_status in ("won", "lost")
            day = lead.date_closed if closed else lead.date_deadline
            return [f"{day:%Y-%m}" if day else None]
        return lead[FIELDS[by]].ids or [None]

    def test_groups_of_every_grouping_and_pair(self):
        self.spread()
        with localcontext(prec=100):
            for viewer in self.head | self.seller | self.env.ref("base.user_admin"):
                leads = self.env["crm.lead"].browse(self.visible(viewer))
                for by in ("lost_reason", "source", "team"):
                    with self.subTest(viewer=viewer.login, by=by):
                        metrics = self.metrics(viewer, by)
                        self.assert_groups(by, metrics, leads, viewer)
                groups = self.metrics(viewer, "tag")["groups"]
                self.assert_equal_groups(("tag",), groups, leads, viewer)
                some = [(name,) for name in GROUPINGS]
                if viewer == self.head:
                    some += combinations(GROUPINGS, 2)
                for by in some:
                    with self.subTest(viewer=viewer.login, by=by):
                        groups = self.walk(viewer, by, Page(limit=4))
                        self.assert_equal_groups(by, groups, leads, viewer)

    def spread(self):
        """Spread the opportunities over groups, folded changes and others."""
        tags = self.env["crm.tag"].create([{"name": f"cqrs {n}"} for n in range(3)])
        sources = self.env["utm.source"].create({"name": "cqrs source"})
        customers = self.env["res.partner"].create([{"name": "A"}, {"name": "B"}])
        reason = self.env["crm.lost.reason"].create({"name": "Too late"})
        team = self.env["crm.team"].create({"name": "cqrs team"})
        self.own.write({"tag_ids": [Command.set(tags[:2].ids)], "team_id": team.id})
        self.other.write({"tag_ids": [Command.set(tags[1:].ids)]})
        (self.own | self.deal).write({"partner_id": customers[0].id})
        (self.deal | self.unassigned).write({"source_id": sources.id})
        self.other.write({"partner_id": customers[1].id})
        self.opportunity(self.manager, 0.02, company_id=self.branch.id).action_set_won()
        self.opportunity(self.seller, 7).action_set_lost(lost_reason_id=reason.id)
        self.opportunity(self.seller, 8, active=False)
        self.fold()
        self.deal.write({"expected_revenue": 0.07, "stage_id": self.stage_second.id})
        self.other.write({"date_deadline": "2031-02-01"})

    def walk(self, viewer, by, page):
        """Return the groups of all pages, once their places are in order."""
        groups = []
        while page:
            metrics = self.env["cqrs.metrics"]._read(viewer, by, page=page)
            groups += metrics["groups"]
            self.assertLessEqual(len(metrics["groups"]), page.limit)
            after = metrics["next"]
            page = page._replace(after=after) if after else None
        self.assertEqual(len(groups), metrics["group_count"])
        return groups

    def test_pages_of_groups_in_every_order(self):
        self.spread()
        by = "customer", "salesperson"
        self.env.cr.flush()
        for sort, is_descending in product((*FIGURES, *by), (False, True)):
            with self.subTest(sort=sort, is_descending=is_descending):
                page = Page(sort, is_descending, limit=1)
                groups = self.walk(self.head, by, page)
                found = {
                    tuple(label and label["name"] for label in map(group.get, by))
                    for group in groups
                }
                # Each once, also those that are equal in what they are sorted by.
                self.assertEqual(len(found), len(groups))
                self.assertGreater(len(groups), 3)
                if sort in AMOUNTS:
                    values = [group["exact"][sort] for group in groups]
                elif sort in FIGURES:
                    values = [group[sort] for group in groups]
                else:
                    values = [group[sort] and group[sort]["name"] for group in groups]
                known = sorted(
                    (value for value in values if value is not None),
                    reverse=is_descending,
                )
                unknown = [None] * (len(values) - len(known))
                self.assertEqual(
                    values, unknown + known if is_descending else known + unknown
                )
        for sort in ("stage", "value"):
            with self.assertRaisesRegex(ValueError, "groups by"):
                self.env["cqrs.metrics"]._read(self.head, by, page=Page(sort))
        with self.assertRaisesRegex(ValueError, "metrics by 'team,team'"):
            self.metrics(self.head, ("team", "team"))

    def test_every_change_leaves_the_sums_exact(self):
        team = self.env["crm.team"].create({"name": "cqrs", "user_id": self.head.id})
        lost_reason = self.env["crm.lost.reason"].create({"name": "cqrs"})
        changes = {
            "created": lambda: self.opportunity(self.seller, 12.34),
            "worth more": lambda: self.deal.write({"expected_revenue": 99.99}),
            "worth nothing": lambda: self.own.write({"expected_revenue": 0}),
            "likelier": lambda: self.other.write({"probability": 12.345678901234567}),
            "moved on": lambda: self.deal.write({"stage_id": self.stage_second.id}),
            "due later": lambda: self.deal.write({"date_deadline": "2032-12-31"}),
            "due some day": lambda: self.deal.write({"date_deadline": False}),
            "won": self.deal.action_set_won,
            "lost": lambda: self.other.action_set_lost(lost_reason_id=lost_reason.id),
            "reopened": lambda: self.other.action_unarchive(),
            "won no more": lambda: self.deal.write({"stage_id": self.stage_new.id}),
            "archived": lambda: self.deal.write({"active": False}),
            "restored": lambda: self.deal.write({"active": True}),
            "reassigned": lambda: self.deal.write({"user_id": self.peer.id}),
            "unassigned": lambda: self.other.write({"user_id": False}),
            "assigned": lambda: self.unassigned.write({"user_id": self.seller.id}),
            "given to a team": lambda: self.deal.write({"team_id": team.id}),
            "in another company": lambda: self.own.write(
                {"company_id": self.branch.id, "expected_revenue": 1000.02}
            ),
            "in another currency": lambda: self.branch.write(
                {"currency_id": self.env.ref("base.JPY").id}
            ),
            "an opportunity": lambda: self.lead.convert_opportunity(
                self.env["res.partner"]
            ),
            "merged": lambda: (self.deal | self.unassigned).merge_opportunity(),
            "deleted": self.other.unlink,
            "reorganised": lambda: self.seller_employee.write(
                {"parent_id": self.other_manager_employee.id}
            ),
        }
        self.assert_exact()
        for number, (name, change) in enumerate(changes.items()):
            with self.subTest(name):
                change()
                self.env.cr.flush()
                self.assert_exact()
                if number % 2:
                    self.assertGreater(self.fold(), 0)
                    self.assertEqual(self.tail(), 0)
                    self.assert_exact()

    def test_what_no_figure_depends_on_leaves_no_change(self):
        self.fold()
        self.deal.write({"referred": "a friend", "name": "Renamed"})
        self.assertEqual(self.tail(), 0)
        self.deal.expected_revenue = 6
        self.assertEqual(self.tail(), 1)

    def test_sums_of_nothing_have_no_row(self):
        rows = SQL("SELECT count(*) FROM cqrs_metrics WHERE user_id = %s", self.peer.id)
        self.fold()
        # By owner, by stage, by month, by month of the change.
        self.assertEqual(self.env.execute_query(rows), [(4,)])
        self.peers.unlink()
        self.fold()
        self.assertEqual(self.env.execute_query(rows), [(0,)])

    def test_a_fold_takes_a_batch(self):
        self.fold()
        for __ in range(3):
            self.opportunity(self.seller, 1)
        before = self.groups()
        with patch.object(fold, "BATCH_SIZE", 2):
            self.assertEqual(self.fold(), 2)
            self.assertEqual(self.tail(), 1)
            self.assertEqual(self.groups(), before)
            self.assertEqual(self.fold(), 1)
        self.assertEqual(self.groups(), before)

    def groups(self):
        return self.metrics(self.head, "month")["groups"]

    def test_months_and_stages_come_in_their_order(self):
        self.other.stage_id = self.stage_second
        self.deal.action_set_won()
        self.deal.date_closed = "2030-12-31 23:59:59"
        self.lead.unlink()
        groups = self.metrics(self.seller, "month")["groups"]
        self.assertEqual([g["month"] for g in groups], ["2030-12", "2031-03"])
        self.assertEqual(groups[0]["won_revenue"], Decimal("0.05"))
        self.other.date_deadline = False
        groups = self.metrics(self.seller, "month")["groups"]
        self.assertEqual([g["month"] for g in groups], ["2030-12", None])
        groups = self.metrics(self.head, "stage")["groups"]
        self.assertEqual([g["stage"]["name"] for g in groups], ["New", "Second", "Won"])
        with self.assertRaisesRegex(ValueError, "metrics by 'day'"):
            self.metrics(self.head, "day")

    def test_currencies_are_summed_exactly_and_converted_once(self):
        for amount in (0.01, 0.02, 0.03):
            self.opportunity(self.manager, amount, company_id=self.branch.id)
        metrics = self.metrics(self.manager)
        # 0.06 at 0.25; each alone would come to 0.00, 0.01 and 0.01.
        self.assertEqual(metrics["own"]["pipeline_value"], Decimal("1000.12"))
        self.assertEqual(
            [
                (a["currency"], a["rate"], a["pipeline_value"])
                for a in metrics["amounts"]
            ],
            [
                (self.env.company.currency_id.name, Decimal(1), Decimal("71000.16")),
                ("CQX", Decimal("0.25"), Decimal("0.06")),
            ],
        )

    def test_the_rate_is_that_of_today(self):
        self.opportunity(self.manager, 100, company_id=self.branch.id)
        before = self.metrics(self.manager)["pipeline_value"]
        rate = self.env["res.currency.rate"].search(
            [("currency_id", "=", self.foreign.id)]
        )
        rate.rate = 2
        after = self.metrics(self.manager)["pipeline_value"]
        self.assertEqual(after - before, Decimal("25.00"))

    def test_the_weighted_pipeline_is_exact(self):
        self.assertEqual(self.own.probability, 33.333333333333336)
        self.fold()
        query = SQL(
            "SELECT weighted_pipeline::text FROM cqrs_metrics"
            " WHERE user_id = %s AND dimension = 'owner'",
            self.manager.id,
        )
        [(weighted,)] = self.env.execute_query(query)
        self.assertEqual(
            Decimal(weighted), Decimal("1000.1") * Decimal("33.333333333333336") / 100
        )

    def test_who_may_see_nothing_has_zeros(self):
        nobody = self.env["res.users"].create(
            {"name": "cqrs", "login": "cqrs_nobody", "group_ids": [Command.clear()]}
        )
        metrics = self.metrics(nobody)
        self.assertEqual(metrics["pipeline_value"], Decimal("0.00"))
        self.assertEqual(metrics["active_opportunities"], 0)
        self.assertIsNone(metrics["win_rate"])
        self.assertIsNone(metrics["average_value"])
        self.assertEqual(metrics["amounts"], [])

    def test_a_rate_of_none_won_is_zero(self):
        self.deal.action_set_lost()
        self.assertEqual(self.metrics(self.seller)["win_rate"], Decimal("0.0000"))
        self.other.action_set_won()
        self.assertEqual(self.metrics(self.seller)["win_rate"], Decimal("0.5000"))

    def test_the_stored_row_says_the_same(self):
        stored = self.env["cqrs.dashboard.metrics"]
        self.other.action_set_won()
        for name in ("first", "again"):
            self.deal.expected_revenue += 1
            self.env.cr.flush()
            stored._refresh_users((self.manager | self.peer).ids)
            with self.subTest(name):
                row = stored.search([("user_id", "=", self.manager.id)])
                metrics = self.metrics(self.manager)
                self.assertEqual(row.currency_id.name, metrics["currency"])
                self.assertEqual(
                    row.computed_at, metrics["computed_at"].replace(tzinfo=None)
                )
                rest = plain_figures([], self.manager).keys() - {*AMOUNTS, "exact"}
                stated = {name: metrics[name] for name in rest} | metrics["exact"]
                for column, value in stated.items():
                    self.assertEqual(row[column], float(value), column)
                stored.invalidate_model()
        self.assertEqual(
            stored.search([("user_id", "=", self.peer.id)]).active_opportunities, 1
        )
        self.peer.active = False
        self.env.cr.flush()
        self.assertNotIn(self.peer.id, stored._forget_others())
        self.assertFalse(stored.search([("user_id", "=", self.peer.id)]))

    def test_the_dashboard_shows_them(self):
        dashboard = self.dashboard(self.manager)
        metrics = self.metrics(self.manager)
        counts = metrics.pop("opportunities")
        self.assertEqual(dashboard["metrics"], as_json(metrics))
        dashboard["opportunities"].pop("items")
        for name, count in counts.items():
            self.assertEqual(dashboard["opportunities"][name], count)
        self.assertEqual(date.today(), metrics["computed_at"].date())
