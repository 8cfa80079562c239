"""Deals of a company and its branches, in several currencies and time zones."""

import random
from datetime import datetime, timedelta
from decimal import Decimal

from dateutil.relativedelta import relativedelta

from odoo import Command
from odoo.tools import SQL

from .api import ApiCase
from .common import other_company, seed_of_chance
from .plain_rules import ALL_DOCUMENTS, PlainRules

PEOPLE, DEALS = 8, 150
ZONES = ("America/Los_Angeles", "Asia/Kolkata", "UTC")


class Branches(ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seed = seed_of_chance()
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
        # Somebody leaves, maybe with people below.
        gone = cls.random.choice(cls.people - cls.head - cls.manager - cls.sees_all)
        gone.action_archive()
        cls.people -= gone
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
        people.append(cls.person("figures_all"))
        cls.sees_all, __ = people[-1]
        cls.sees_all.group_ids |= cls.env.ref(ALL_DOCUMENTS)
        for user, __ in people:
            others = cls.random.sample(cls.companies.ids, cls.random.randint(1, 3))
            user.company_ids = [Command.link(id_) for id_ in others]
            user.tz = cls.random.choice(ZONES)
        for user in (cls.head, cls.manager, cls.sees_all):
            user.company_ids = [Command.set(cls.companies.ids)]
        return cls.env["res.users"].union(*(user for user, __ in people))

    @classmethod
    def some_deals(cls):
        deals = cls.env["crm.lead"]
        owners = [*cls.people, cls.env["res.users"]]
        relations = cls.relations()
        values = []
        for number in range(DEALS):
            owner = cls.random.choice(owners)
            companies = [False, *(owner.company_ids or cls.companies).ids]
            values.append(
                {
                    "name": f"Deal {number}",
                    "type": "opportunity",
                    "user_id": owner.id,
                    **{name: cls.random.choice(ids) for name, ids in relations.items()},
                    "tag_ids": [Command.set(cls.random.sample(cls.tags.ids, 2))]
                    if number % 2
                    else False,
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
    def relations(cls):
        """Return the ids of what deals are grouped by, as ``{field: ids}``."""
        models = {
            "team_id": "crm.team",
            "partner_id": "res.partner",
            "source_id": "utm.source",
            "lost_reason_id": "crm.lost.reason",
        }
        cls.tags = cls.env["crm.tag"].create([{"name": f"cqrs {n}"} for n in range(3)])
        relations = {}
        for field, model in models.items():
            records = cls.env[model].create([{"name": f"cqrs {n}"} for n in range(3)])
            relations[field] = [False, *records.ids]
        cls.env[models["team_id"]].browse(relations["team_id"][1:]).company_id = False
        return relations

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
            for user in rules.users
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
