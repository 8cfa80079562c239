import json
import random
from datetime import timedelta

from odoo import Command, fields
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged

from ..models.access.access import OPTIONS
from .common import SalesOrganisation

PEOPLE = 50


@tagged("post_install", "-at_install")
class TestNoBypass(SalesOrganisation, HttpCase):
    """Every way to read opportunities shows each person the same ones.

    50 people of a random organisation, before and after it is reorganised, in one
    registry whose caches are warm. All hold *Own and Team's Documents* at least, and
    the dashboard shows unassigned opportunities as Odoo does, so that nothing but the
    way of reading differs.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seed = random.randrange(2**32)
        cls.choose = choose = random.Random(cls.seed)
        cls.env["ir.config_parameter"].set_param(OPTIONS["unassigned"], True)
        cls.other_company = cls.env["res.company"].create({"name": "cqrs other"})
        cls.companies = cls.env.company | cls.other_company
        cls.people = cls.env["res.users"].create(
            [
                {
                    "name": f"Person {number}",
                    "login": f"cqrs_person_{number}",
                    "password": f"cqrs_person_{number}",
                    "company_id": cls.env.company.id,
                    "company_ids": [
                        Command.set(choose.choice([cls.env.company, cls.companies]).ids)
                    ],
                    "group_ids": [
                        Command.link(cls.env.ref(group).id)
                        for group in (
                            "sales_team.group_sale_salesman_all_leads"
                            if number % 20 == 3
                            else "crm_cqrs.group_sale_team",
                            "base.group_allow_export",
                        )
                    ],
                }
                for number in range(PEOPLE)
            ]
        )
        cls.employees = cls.env["hr.employee"]
        for company in cls.companies:
            chain = cls.env["hr.employee"]
            for user in cls.people:
                if company not in user.company_ids:
                    continue
                manager = choose.choice([None, *chain[-10:]])
                chain |= cls.employee(user.name, manager, user, company)
            cls.employees |= chain
        cls.leads = cls.env["crm.lead"]
        for number in range(2 * PEOPLE):
            owner = choose.choice([None, *cls.people])
            company = choose.choice((owner or cls.people[0]).company_ids)
            cls.leads |= cls.env["crm.lead"].create(
                {
                    "name": f"cqrs deal {number}",
                    "type": "opportunity",
                    "user_id": owner.id if owner else False,
                    "company_id": company.id,
                    "expected_revenue": number,
                }
            )
        for __ in range(5):
            lender, delegate = choose.sample(list(cls.people), 2)
            cls.env["cqrs.delegation"].create(
                {
                    "lender_id": lender.id,
                    "delegate_id": delegate.id,
                    "date_to": "2099-12-31",
                }
            )
        cls.env.cr.flush()

    def ways(self, user):
        """Return ``{way of reading: ids}`` of the user, in all of their companies."""
        found = {}
        for model in ("crm.lead", "cqrs.opportunity.view"):
            records = (
                self.env[model]
                .with_user(user)
                .with_context(allowed_company_ids=user.company_ids.ids)
            )
            domain = [("id", "in", self.leads.ids)]
            every = records.browse(self.leads.ids)
            found |= {
                f"{model}: {way}": ids
                for way, ids in {
                    "search": records.search(domain).ids,
                    "search_read": [
                        r["id"] for r in records.search_read(domain, ["name"])
                    ],
                    "web_search_read": [
                        r["id"]
                        for r in records.web_search_read(domain, {"name": {}})[
                            "records"
                        ]
                    ],
                    "name_search": [
                        id_ for id_, __ in records.name_search("cqrs deal", limit=None)
                    ],
                    "_read_group": records._read_group(domain, [], ["id:array_agg"])[0][
                        0
                    ]
                    or [],
                    "formatted_read_group": [
                        id_
                        for group in records.formatted_read_group(
                            domain, ["user_id"], ["id:array_agg"]
                        )
                        for id_ in group["id:array_agg"]
                    ],
                    "_filtered_access": every._filtered_access("read").ids,
                    "export_data": [
                        int(row[0])
                        for row in records.search(domain).export_data([".id", "name"])[
                            "datas"
                        ]
                    ],
                    "filtered_domain": every.sudo()
                    .filtered_domain(
                        self.env["ir.rule"]
                        .with_user(user)
                        .with_context(allowed_company_ids=user.company_ids.ids)
                        ._compute_domain(model, "read")
                    )
                    .ids,
                }.items()
            }
            seen = found[f"{model}: search"]
            self.assertEqual(records.search_count(domain), len(seen))
            # As somebody does who tries an id.
            record = records.browse(self.choose.choice(self.leads.ids))
            record.invalidate_recordset()
            if record.id in seen:
                self.assertEqual(record.read(["id"]), [{"id": record.id}])
            else:
                with self.assertRaises(AccessError):
                    record.read(["name"])
        found["rules"] = set(self.leads._ids).intersection(self.shown(user))
        for lead in self.choose.sample(list(self.leads), 5):
            may_see = self.env["cqrs.access"]._may_see(user, lead.id)
            self.assertIs(may_see, lead.id in found["rules"])
        return {way: sorted(ids) for way, ids in found.items()}

    def over_http(self, user):
        """Return the same by RPC, and of the API the first page and the total."""
        self.authenticate(user.login, user.login)
        context = {"allowed_company_ids": user.company_ids.ids}
        found = {}
        for model in ("crm.lead", "cqrs.opportunity.view"):
            rows = self.make_jsonrpc_request(
                f"/web/dataset/call_kw/{model}/search_read",
                {
                    "model": model,
                    "method": "search_read",
                    "args": [[("id", "in", self.leads.ids)], ["name"]],
                    "kwargs": {"context": context},
                },
            )
            found[f"{model}: call_kw"] = sorted(row["id"] for row in rows)
        answer = self.url_open("/api/v2/dashboard/").json()["opportunities"]
        items = [item["odoo_id"] for item in answer["items"]]
        return found, items, answer["total"]

    def assertSameEverywhere(self):
        sets = {}
        for user in self.people:
            ways = self.ways(user)
            rpc, items, total = self.over_http(user)
            ways |= rpc
            expected = ways["rules"]
            self.assertEqual(
                {way for way, ids in ways.items() if ids != expected},
                set(),
                f"{user.login}, seed {self.seed}",
            )
            shown = self.shown(user)
            self.assertEqual(items, shown[:80], f"{user.login}, seed {self.seed}")
            self.assertEqual(total, len(shown))
            sets[user] = set(expected)
        return sets

    def shown(self, user):
        """Return all that the dashboard shows the user, the most valuable first."""
        query = self.env["cqrs.access"]._visible_opportunities(user)
        self.env.cr.execute(query)
        rows = [row for row in self.env.cr.dictfetchall() if row["active"]]
        rows.sort(key=lambda row: (row["value"], row["id"]), reverse=True)
        return [row["id"] for row in rows]

    def test_the_same_before_and_after_a_reorganisation(self):
        before = self.assertSameEverywhere()
        self.assertGreater(len({frozenset(seen) for seen in before.values()}), 10)
        # Nothing here clears a cache; rules were computed for everybody above.
        for employee in self.choose.sample(list(self.employees), 20):
            company = employee.company_id
            colleagues = self.employees.grouped("company_id")[company] - employee
            employee.parent_id = self.choose.choice([False, *colleagues])
        for lead in self.choose.sample(list(self.leads), 20):
            lead.user_id = self.choose.choice(
                [each for each in self.people if lead.company_id <= each.company_ids]
            )
        self.env.cr.flush()
        after = self.assertSameEverywhere()
        self.assertNotEqual(after, before)

    def test_external_rpc(self):
        for user in self.choose.sample(list(self.people), 3):
            keys = self.env["res.users.apikeys"].with_user(user)
            tomorrow = fields.Datetime.now() + timedelta(days=1)
            key = keys._generate("rpc", "cqrs test", tomorrow)
            self.env.cr.flush()
            answer = self.url_open(
                "/json/2/crm.lead/search",
                data=json.dumps(
                    {
                        "domain": [("id", "in", self.leads.ids)],
                        "context": {"allowed_company_ids": user.company_ids.ids},
                    }
                ),
                headers={
                    "Authorization": f"Bearer {key}",
                    "Content-Type": "application/json",
                },
            )
            self.assertEqual(answer.status_code, 200, answer.text)
            expected = self.ways(user)["rules"]
            self.assertEqual(sorted(answer.json()), expected)
            found = self.xmlrpc_object.execute_kw(
                self.env.cr.dbname,
                user.id,
                user.login,
                "crm.lead",
                "search",
                [[("id", "in", self.leads.ids)]],
                {"context": {"allowed_company_ids": user.company_ids.ids}},
            )
            self.assertEqual(sorted(found), expected)
