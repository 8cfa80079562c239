"""Three companies whose records tell in which of them each value was written.

Each value of a record has a mark of its company. Plain loops over what was done say
which marks a person may know of.
"""

import json
import random
import re
import tempfile
from pathlib import Path

from openpyxl import load_workbook

from odoo import Command
from odoo.http import Request
from odoo.tests import new_test_user

from ..models.exports.excel_run import write_list
from ..models.exports.question import ListQuestion
from ..models.support.progress import silent
from .common import SalesOrganisation, administrator, seed_of_chance

SEED = seed_of_chance()
RECORDS, STEPS = 12, 60

MARK = re.compile(r"cqrs[a-d]mark\d+x")
GROUP = "crm_cqrs.group_company_event_store"
ALL = "sales_team.group_sale_salesman_all_leads"


class Companies(SalesOrganisation):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.chance = random.Random(SEED)
        cls.companies = cls.env["res.company"].create(
            [{"name": f"cqrs company {letter}"} for letter in "ABC"]
        )
        cls.a, cls.b, cls.c = cls.companies
        cls.branch = cls.env["res.company"].create(
            {"name": "cqrs branch of A", "parent_id": cls.a.id}
        )
        sets = {
            "a": cls.a,
            "b": cls.b,
            "c": cls.c,
            "ab": cls.a | cls.b,
            "bc": cls.b | cls.c,
            "abc": cls.companies,
        }
        cls.sellers = {
            name: cls.user(f"seller_{name}", companies, ALL)
            for name, companies in sets.items()
        }
        cls.keepers = {
            name: cls.user(f"keeper_{name}", companies, GROUP)
            for name, companies in sets.items()
        }
        cls.keepers["branch"] = cls.user("keeper_branch", cls.branch, GROUP)
        # Who administers the companies, and sells in them.
        cls.keepers["both"] = cls.user("keeper_both", cls.a, f"{GROUP},{ALL}")
        cls.admin = administrator(cls.env)
        cls.shared = cls.env["res.partner"].create(
            [{"name": f"Shared {number}", "is_company": True} for number in range(3)]
        )
        cls.live()
        cls.env.cr.flush()

    @classmethod
    def user(cls, login, companies, groups):
        return new_test_user(
            cls.env,
            login=f"cqrs_{login}",
            groups=groups,
            company_id=companies[0].id,
            company_ids=[Command.set(companies.ids)],
        )

    @classmethod
    def live(cls):
        """Have records written, and moved between companies and none.

        ``told`` has of each event ``(record, version, sides)``: a side is ``(company,
        mark)`` before or after it; ``company`` is empty for none.
        """
        cls.told, cls.marks, records, states = [], 0, [], {}
        nowhere = cls.env["res.company"]
        for step in range(STEPS):
            company = cls.chance.choice([*cls.companies] * 3 + [cls.branch, nowhere])
            record = len(records) == RECORDS and cls.chance.choice(records)
            if not record:
                record = cls.create_record(step, company)
                records.append(record)
                states[record] = (0, None)
            else:
                if cls.chance.random() < 0.5:
                    company = states[record][1][0]
                cls.change(record, company)
            cls.env.cr.flush()
            version, before = states[record]
            after = (company, cls.mark_of(record))
            states[record] = (version + 1, after)
            cls.told.append((record, version + 1, before, after))
        gone = records.pop()
        version, before = states[gone]
        cls.gone = gone.id
        cls.told.append((gone, version + 1, before, None))
        gone.unlink()
        cls.env.cr.flush()
        cls.records = records

    @classmethod
    def mark(cls, company):
        cls.marks += 1
        letters = {cls.a: "a", cls.b: "b", cls.c: "c"}
        return f"cqrs{letters.get(company, 'd')}mark{cls.marks}x"

    @classmethod
    def create_record(cls, step, company):
        values = {"name": cls.mark(company), "company_id": company.id}
        if step % 3 == 0:
            return cls.env["res.partner"].create({**values, "is_company": True})
        return cls.env["crm.lead"].create(
            {
                "type": "opportunity",
                "user_id": False,
                "team_id": False,
                **values,
                "partner_id": cls.chance.choice(cls.shared).id,
            }
        )

    @classmethod
    def change(cls, record, company):
        values = {"name": cls.mark(company), "company_id": company.id}
        if record._name == "crm.lead":
            values["priority"] = cls.chance.choice("0123")
            # Leads follow the company of their salesperson or team in Odoo.
            values |= {"user_id": False, "team_id": False}
        record.write(values)

    @classmethod
    def mark_of(cls, record):
        return record.name

    # -- the plain loops --

    def may_know(self, companies, is_shared, of=None):
        """Return ``{(model, id, version): marks}`` that people of companies may know.

        An event is left out of which they may know nothing.

        :param is_shared: what is of no company is everybody's
        """
        known = {}
        for record, version, before, after in self.told:
            sees = [
                side is not None and (side[0] in companies if side[0] else is_shared)
                for side in (before, after)
            ]
            if not any(sees) or (of and of != (record._name, record.id)):
                continue
            key = record._name, record.id, version
            is_whole = all(
                seen for seen, side in zip(sees, (before, after), strict=True) if side
            )
            known[key] = set()
            if is_whole and before:
                known[key].add(before[1])
            if sees[1]:
                known[key].add(after[1])
        return known

    # -- the paths --

    def but_own_names(self, changes, partner_id, reader):
        """Return changes without the name that a contact has now.

        A contact refers to itself. Records that are of no other company go by their
        present names, in old events too.
        """
        partner = self.env["res.partner"].browse(partner_id).exists()
        if partner.company_id and partner.company_id not in reader.env.companies:
            return changes
        return [each for each in changes if each["path"] != "commercial_partner_id"]

    def assertKnown(self, found, known, about):
        """Check what a path shows: the events, and the marks of each.

        :param found: ``{(model, id, version): text}``
        """
        of_the_test = {(record._name, record.id) for record, *__ in self.told}
        found = {key: text for key, text in found.items() if key[:2] in of_the_test}
        shown = {key: set(MARK.findall(text)) for key, text in found.items()}
        self.assertEqual(shown, known, f"{about}, seed {SEED}")

    # -- lists, screens and files: what is there now --

    def names_of(self, model, companies):
        """Return the names of the records of some companies, or of none."""
        return {
            record.name
            for record in self.records
            if record._name == model
            and (not record.company_id or record.company_id in companies)
        }

    def paths(self, seller):
        """Yield ``(path, text)`` of each way to the opportunities of now."""
        env = self.env(
            user=seller,
            su=False,
            context={"allowed_company_ids": seller.company_ids.ids},
        )
        view = env["cqrs.opportunity.view"]
        rows = view.search_read([], ["name", "company_id"])
        yield "view", json.dumps(rows)
        yield "groups", json.dumps(view.formatted_read_group([], ["name"]))
        yield "RPC", json.dumps(self.rpc(seller))
        yield "API", self.url_open("/api/v2/dashboard/opportunities?limit=100").text
        yield "Excel", self.excel(env)
        yield "CSV", self.csv(seller).text

    def rpc(self, user):
        return self.make_jsonrpc_request(
            "/web/dataset/call_kw",
            {
                "model": "cqrs.opportunity.view",
                "method": "web_search_read",
                "args": [[], {"name": {}, "company_id": {}}],
                "kwargs": {"context": {"allowed_company_ids": user.company_ids.ids}},
            },
        )

    def excel(self, env):
        asked = ListQuestion.of(env, {"domain": []})
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "list.xlsx")
            write_list(env, asked, str(path), folder, silent)
            return repr(
                [
                    row
                    for sheet in load_workbook(path)
                    for row in sheet.iter_rows(values_only=True)
                ]
            )

    def csv(self, user):
        return self.url_open(
            "/crm_cqrs/list.csv",
            data={
                "csrf_token": Request.csrf_token(self),
                "question": json.dumps({"domain": []}),
                "company_ids": json.dumps(user.company_ids.ids),
            },
        )
