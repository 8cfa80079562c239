"""A large organisation, with people of any rights and deals of all of them."""

import random
import re
from unittest.mock import patch

from odoo import Command
from odoo.tests import HttpCase

from ..models.access.options import OPTIONS
from .common import SalesOrganisation, other_company, seed_of_chance
from .plain_rules import ADMINISTRATOR, ALL_DOCUMENTS, OWN, TEAM

PEOPLE = 200
DEALS = 240
DELEGATIONS = 40

INTERNAL = "base.group_user"
COMPANIES = "crm_cqrs.group_company_event_store"

#: Kinds of people: their groups, and how many of twenty are of that kind
KINDS = {
    "own documents": ((OWN,), 5),
    "team's documents": ((TEAM,), 6),
    "all documents": ((ALL_DOCUMENTS,), 1),
    "no sales group": ((INTERNAL,), 1),
    "HR officer": (("hr.group_hr_user",), 2),
    "administrator": ((ADMINISTRATOR,), 0.5),
    "administrator of companies": ((COMPANIES,), 1),
    "administrator in sales": ((ADMINISTRATOR, OWN), 0.5),
    "reader by another group": ((), 1),
    "former salesperson": ((TEAM,), 1),
    "archived": ((TEAM,), 1),
    "portal": (("base.group_portal",), 1),
}

#: A text in the name of each opportunity, and nowhere else
MARK = re.compile(r"cqrsdeal(\d+)x")


class NoBypass(SalesOrganisation, HttpCase):
    """200 people of a random organisation, in one registry whose caches are warm."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seed = seed_of_chance()
        cls.choose = choose = random.Random(cls.seed)
        for option in OPTIONS:
            # Odoo's own lists show unassigned leads.
            is_on = option == "unassigned" or choose.random() < 0.5
            cls.env["ir.config_parameter"].set_param(OPTIONS[option], is_on)
        cls.other_company = other_company(cls.env)
        cls.companies = cls.env.company | cls.other_company
        cls.account = cls.env["res.partner"].create(
            {"name": "Cqrs Account", "is_company": True}
        )
        cls.readers = cls.env["res.groups"].create({"name": "Readers of leads"})
        cls.reading = cls.env["ir.model.access"].create(
            {
                "name": "readers of leads",
                "model_id": cls.env.ref("crm.model_crm_lead").id,
                "group_id": cls.readers.id,
                "perm_read": True,
            }
        )
        # Nobody looks at their pictures, which take half of the time.
        partners = cls.env.registry["res.partner"]
        with patch.object(partners, "_avatar_generate_svg", lambda self: False):
            cls.hire()
        cls.sell()
        cls.lend()
        cls.let_go()
        cls.env.cr.flush()

    @classmethod
    def hire(cls):
        kinds = list(KINDS)
        weights = [weight for __, weight in KINDS.values()]
        # Of each kind at least two.
        drawn = kinds * 2 + cls.choose.choices(
            kinds, weights, k=PEOPLE - 2 * len(kinds)
        )
        cls.choose.shuffle(drawn)
        export = cls.env.ref("base.group_allow_export")
        groups = {}
        for kind, (names, __) in KINDS.items():
            groups[kind] = export.union(*map(cls.env.ref, names))
            if kind == "reader by another group":
                groups[kind] |= cls.env.ref(INTERNAL) | cls.readers
            if kind == "portal":
                groups[kind] -= export
        cls.people = cls.env["res.users"].create(
            [
                {
                    "name": f"Person {number}",
                    "login": f"cqrs_person_{number}",
                    "company_id": cls.env.company.id,
                    "company_ids": [
                        Command.set(
                            cls.choose.choice(
                                [*[cls.env.company] * 3, cls.companies]
                            ).ids
                        )
                    ],
                    "group_ids": [Command.set(groups[kind].ids)],
                }
                for number, kind in enumerate(drawn)
            ]
        )
        cls.kinds = dict(zip(cls.people, drawn, strict=True))
        cls.employees = cls.env["hr.employee"]
        for company in cls.companies:
            chain = []
            for user in cls.people:
                if company <= user.company_ids:
                    manager = cls.choose.choice([None, *chain[-20:]])
                    chain.append(
                        {
                            "name": user.name,
                            # Some are links in the chain.
                            "user_id": cls.choose.random() < 0.95 and user.id,
                            "company_id": company.id,
                            "manager": manager,
                        }
                    )
            values = [
                {name: each[name] for name in each if name != "manager"}
                for each in chain
            ]
            employees = cls.env["hr.employee"].create(values)
            for employee, each in zip(employees, chain, strict=True):
                if each["manager"]:
                    employee.parent_id = employees[chain.index(each["manager"])]
            cls.employees |= employees

    @classmethod
    def sell(cls):
        teams = cls.env["crm.team"].create(
            [
                {"name": f"cqrs team {leader.id}", "user_id": leader.id}
                for leader in cls.choose.sample(list(cls.people), 5)
            ]
        )
        managers = cls.choose.sample(list(cls.employees), 5)
        cls.env["hr.department"].create(
            [
                {"name": f"cqrs {boss.id}", "manager_id": boss.id, "company_id": False}
                for boss in managers
            ]
        )
        owners = [None, *(u for u in cls.people if not u.share)]
        values = []
        for number in range(DEALS):
            owner = cls.choose.choice(owners)
            companies = owner.company_ids if owner else cls.companies
            values.append(
                {
                    "name": f"cqrsdeal{number}x",
                    "type": "opportunity",
                    "user_id": owner.id if owner else False,
                    "company_id": cls.choose.choice(companies).id,
                    "team_id": cls.choose.choice([False, *teams.ids]),
                    "expected_revenue": number,
                    "stage_id": cls.stage_new.id,
                }
            )
        cls.leads = cls.env["crm.lead"].create(values)
        cls.lead_of_mark = dict(enumerate(cls.leads.ids))

    @classmethod
    def lend(cls):
        unable = (
            *("no sales group", "HR officer", "portal"),
            *("administrator", "administrator of companies"),
        )
        able = [user for user in cls.people if cls.kinds[user] not in unable]
        former = [u for u in able if cls.kinds[u] in ("former salesperson", "archived")]
        values = []
        for number in range(DELEGATIONS):
            lender, delegate = cls.choose.sample(able, 2)
            # Both ends of some may do nothing any more.
            if number < 10:
                lender, delegate = cls.choose.sample(former, 1) + [lender]
                if number % 2:
                    lender, delegate = delegate, lender
            if lender != delegate:
                values.append(
                    {
                        "lender_id": lender.id,
                        "delegate_id": delegate.id,
                        "date_to": "2099-12-31",
                    }
                )
        cls.env["cqrs.delegation"].create(values)

    @classmethod
    def let_go(cls):
        """Take from people what they had when a view was lent."""
        for user in cls.people:
            if cls.kinds[user] == "former salesperson":
                user.group_ids = [Command.set(cls.env.ref(INTERNAL).ids)]
            if cls.kinds[user] == "archived":
                user.active = False

    def of_each_kind(self, number):
        found = []
        for kind in KINDS:
            users = [user for user in self.people if self.kinds[user] == kind]
            found += self.choose.sample(users, min(number, len(users)))
        return found

    def seen(self, rules, user):
        """Return the ids of what a user sees, archived ones left out."""
        return {lead.id for lead in rules.seen(user) if lead.active}

    def who(self, user):
        return f"{user.login}, {self.kinds[user]}, seed {self.seed}"

    def marked(self, text):
        """Return the ids of the opportunities that a text speaks of."""
        return {self.lead_of_mark[int(number)] for number in MARK.findall(text)}

    def reorganise(self):
        """Change rights, places and owners; nothing here clears a cache."""
        officers = [user for user in self.people if self.kinds[user] == "HR officer"]
        # As in the report: she makes herself everybody's manager.
        for officer in officers[:2]:
            employee = self.employees.filtered(lambda e, u=officer: e.user_id == u)[:1]
            below = self.employees.filtered(
                lambda e, c=employee.company_id: e.company_id == c and not e.parent_id
            )
            (below - employee).with_user(officer).parent_id = employee
        for employee in self.choose.sample(list(self.employees), 20):
            company = employee.company_id
            colleagues = self.employees.grouped("company_id")[company] - employee
            employee.parent_id = self.choose.choice([False, *colleagues])
        for lead in self.choose.sample(list(self.leads), 20):
            lead.user_id = self.choose.choice(
                [
                    each
                    for each in self.people
                    if lead.company_id <= each.company_ids and not each.share
                ]
            )
        own, internal = self.env.ref(OWN), self.env.ref(INTERNAL)
        for user in self.choose.sample(list(self.people), 20):
            if self.kinds[user] in ("own documents", "team's documents"):
                user.group_ids = [Command.set(internal.ids)]
            elif self.kinds[user] in ("no sales group", "former salesperson"):
                user.group_ids += own
        self.reading.perm_read = False
        self.env.cr.flush()
