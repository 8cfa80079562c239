"""Pasts of opportunities, and plain loops over what these were at a moment."""

import os
import random
from collections import defaultdict
from datetime import timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from odoo.tools import SQL

from ..models.past.levels import LEVELS as LEVELS_TABLE
from ..models.projections.opportunity_span import REPAIRS
from .common import SalesOrganisation, other_company, seed_of_chance, without_triggers
from .plain_rules import PlainRules
from .plain_spans import plain_spans

ZONES = [ZoneInfo(name) for name in ("UTC", "America/Los_Angeles", "Asia/Kolkata")]
AMOUNTS = ("pipeline_value", "weighted_pipeline", "won_revenue")

#: Each run draws others; CRM_CQRS_SEED repeats those of one
SEED = seed_of_chance()
HISTORIES = int(os.environ.get("CRM_CQRS_HISTORIES") or 3)


class WithAPast(SalesOrganisation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The demo leads of Odoo have a past that is reconstructed, and no plain loop.
        cls.env.cr.execute("DELETE FROM cqrs_prehistory RETURNING opportunity_id")
        lead_ids = {id_ for (id_,) in cls.env.cr.fetchall()}
        cls.env["cqrs.prehistory"]._show(sorted(lead_ids))

    def setUp(self):
        super().setUp()
        self.now = self.env.cr.now().replace(tzinfo=timezone.utc)
        self.began = self.now - relativedelta(months=12)
        self.opportunity(self.other_manager)  # there is history since then
        self.happened(self.began)

    def happened(self, time):
        """Let what has been recorded in this transaction have occurred at a time."""
        self.env.cr.flush()
        with without_triggers(self.env.cr):
            for table in ("cqrs_event", "cqrs_metrics_tail"):
                self.env.cr.execute(
                    f"UPDATE {table} SET occurred_at = %s WHERE occurred_at = now()",
                    [time],
                )
        # The past has changed, as otherwise a repair alone changes it.
        REPAIRS.change(self.env.cr)

    def ago(self, **interval):
        return self.now - timedelta(**interval)


class AnyPast(WithAPast):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        euro, dollar = (
            cls.env["res.currency"]
            .with_context(active_test=False)
            .search([("name", "=", name)])
            for name in ("EUR", "USD")
        )
        (euro + dollar).active = True
        own = cls.env.company.currency_id
        cls.abroad = other_company(cls.env, euro if own == dollar else dollar)
        cls.viewers = cls.head | cls.manager | cls.seller | cls.peer
        cls.everybody, __ = cls.person("everybody")
        cls.everybody.group_ids |= cls.env.ref(
            "sales_team.group_sale_salesman_all_leads"
        )
        cls.viewers |= cls.everybody
        cls.viewers.company_ids |= cls.abroad
        cls.env.cr.flush()

    def history(self, draw):
        """Let a few leads live for a year; return the times at which they changed."""
        owners = [*self.viewers, self.env["res.users"]]
        stages = [self.stage_new, self.stage_won]
        teams = [*self.env["crm.team"].search([], limit=2), self.env["crm.team"]]
        companies = [self.env.company, self.abroad]
        days = [self.now.date() - timedelta(days=n) for n in range(-40, 340, 20)]
        times = sorted(
            self.began + timedelta(seconds=draw.randrange(86400 * 364))
            for __ in range(14)
        )
        # Also at the very midnight of a zone.
        times[7] = times[7].replace(hour=0, minute=0, second=0, microsecond=0)
        leads = self.env["crm.lead"]
        for time in sorted(times):
            for __ in range(draw.randint(1, 2)):
                leads = leads.exists()
                if len(leads) < 3 or draw.random() < 0.2:
                    company = draw.choice(companies)
                    leads += self.opportunity(
                        draw.choice(owners),
                        draw.choice((0, 0.1, 99.99, 1000)),
                        type=draw.choice(("lead", "opportunity", "opportunity")),
                        company_id=company.id,
                        team_id=False,
                        date_deadline=draw.choice([*days, False]),
                        probability=draw.choice((0, 12.5, 60)),
                    )
                    continue
                lead = draw.choice(leads)
                match draw.randrange(9):
                    case 0:
                        lead.unlink()
                    case 1:
                        lead.user_id = draw.choice(owners)
                    case 2:
                        lead.expected_revenue = draw.choice((0.07, 5, 1e6))
                    case 3:
                        lead.stage_id = draw.choice(stages)
                    case 4:
                        lead.active = not lead.active
                    case 5:
                        lead.date_deadline = draw.choice([*days, False])
                    case 6:
                        lead.type = draw.choice(("lead", "opportunity"))
                    case 7:
                        lead.team_id = draw.choice(teams)
                    case 8:
                        lead.action_set_won()
                        lead.date_closed = time.replace(tzinfo=None)
            self.happened(time)
        return sorted(times)

    def fill_levels(self):
        """Keep levels, so that the moments are near one."""
        self.env["cqrs.opportunity.span"]._follow()
        self.assertTrue(self.env["cqrs.past.levels"]._fill_settled())
        table = SQL.identifier(LEVELS_TABLE)
        [[count]] = self.env.execute_query(SQL("SELECT count(*) FROM %s", table))
        self.assertGreater(count, 100)

    def seen(self, viewer, moment):
        """Return the spans of a moment that a viewer sees, as the plain rules say."""
        found = []
        for (lead_id, version), span in self.spans.items():
            if span["type"] != "opportunity":
                continue
            if not span["since"] <= moment < span["until"]:
                continue
            key = viewer, span["user_id"], span["company_id"], span["team_id"]
            if key not in self.decided:
                lead = self.env["crm.lead"].new(
                    {
                        "type": "opportunity",
                        "user_id": span["user_id"],
                        "company_id": span["company_id"],
                        "team_id": span["team_id"],
                    }
                )
                self.decided[key] = self.rules.sees(viewer, lead)
            if self.decided[key]:
                found.append({**span, "id": lead_id, "version": version})
        return found

    def rate(self, viewer, span):
        currency = self.env["res.currency"].browse(span["currency_id"])
        company = viewer.company_id
        currency = currency or company.currency_id
        rate = currency._get_conversion_rate(currency, company.currency_id, company)
        return Decimal(f"{rate:.15g}")

    def figures(self, viewer, spans):
        sums = defaultdict(Decimal)
        for span in spans:
            value = span["value"] * self.rate(viewer, span)
            if span["status"] == "pending":
                if span["active"]:
                    sums["active_opportunities"] += 1
                    sums["pipeline_value"] += value
                    sums["weighted_pipeline"] += (
                        value * (span["probability"] or 0) / 100
                    )
            else:
                sums[span["status"]] += 1
                if span["status"] == "won":
                    sums["won_revenue"] += value
        return sums

    def check(self, found, viewer, spans):
        sums = self.figures(viewer, spans)
        for name in ("active_opportunities", "won", "lost"):
            self.assertEqual(found[name], sums[name], name)
        for name in AMOUNTS:
            self.assertEqual(found["exact"][name], sums[name], name)

    def histories(self):
        """Yield random histories one after another, each undone before the next."""
        for self.seed in range(SEED, SEED + HISTORIES):
            draw = random.Random(self.seed)
            savepoint = self.env.cr.savepoint()
            try:
                times = self.history(draw)
                if self.seed % 2 == SEED % 2:
                    self.fill_levels()
                self.spans = plain_spans(self.env)
                self.rules, self.decided = PlainRules(self.env), {}
                yield draw, times
            finally:
                savepoint.close(rollback=True)
                self.env.invalidate_all(flush=False)


def _day_of_closing(span, zone):
    if span["status"] == "pending":
        return span["closing_date"]
    closed = span["closed_at"]
    closed = closed and closed.replace(tzinfo=timezone.utc).astimezone(zone)
    return closed and closed.date()


def month_of(span, zone):
    day = _day_of_closing(span, zone)
    return day and day.replace(day=1)


def closes_in(span, period):
    day = _day_of_closing(span, period.zone)
    return day is not None and period.first <= day < period.until
