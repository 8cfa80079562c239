"""Random histories of customers, orders and invoices: readers equal plain loops."""

import os
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import chain

from hypothesis.stateful import invariant

from odoo import Command
from odoo.exceptions import AccessError
from odoo.service.model import call_kw
from odoo.tests import JsonRpcException, new_test_user, tagged
from odoo.tools import SQL

from ...models.maintenance.oracle import drifts
from ...models.maintenance.replay import replay
from ..api import ApiCase
from ..histories import SEED, run_histories
from ..plain_rules import ADMINISTRATOR, ALL_DOCUMENTS, OWN, TEAM
from .common import Sales
from .histories import Steps
from .plain_sales import (
    ACCOUNTING,
    INVOICES,
    LEADS,
    ORDERS,
    PlainSales,
    account_of,
    accounts_of,
    exact,
    sums_of,
)

#: A long run by hand: CRM_CQRS_HISTORIES=50 ./dev test --sales -k any_history_of_sales
HISTORIES = int(os.environ.get("CRM_CQRS_HISTORIES", "2"))
VIEWS = {ORDERS: "cqrs_order_view", INVOICES: "cqrs_invoice_view"}
READ_MODELS = {ORDERS: "cqrs.order.view", INVOICES: "cqrs.invoice.view"}
MEASURES = (
    *("orders", "ordered", "invoices", "invoiced", "credited", "paid", "open"),
    "overdue",
)
ACCOUNTS = "cqrs.account.view"
#: ``{model: its figures in ACCOUNTS}``
FIGURES = {
    LEADS: (
        *("active_opportunities", "pipeline_value", "won", "won_revenue", "lost"),
        *("first_deal", "last_deal"),
    ),
    ORDERS: ("orders", "ordered", "first_order", "last_order"),
    INVOICES: (
        *("invoices", "invoiced", "credited", "paid", "open", "overdue"),
        *("open_not_due", "open_30", "open_31_60", "open_61_90", "open_over_90"),
        *("first_invoice", "last_invoice"),
    ),
}
DAYS = (
    *("first_deal", "last_deal"),
    *("first_order", "last_order", "first_invoice", "last_invoice"),
)
#: ``{model: (Odoo's report, its field of the document)}``
REPORTS = {
    ORDERS: ("sale.report", "order_reference"),
    INVOICES: ("account.invoice.report", "move_id"),
}
ANY_STATUS = ("draft", "open", "paid", "cancelled")
#: Groups of twenty people, none of whom is alike
KINDS = (
    *[(OWN,)] * 5,
    *[(TEAM,)] * 5,
    (ALL_DOCUMENTS,),
    ("base.group_user",),
    ("hr.group_hr_user",),
    (ADMINISTRATOR,),
    (ADMINISTRATOR, OWN),
    ("account.group_account_invoice",),
    ("account.group_account_invoice", OWN),
    ("account.group_account_readonly",),
    ("base.group_portal",),
    (TEAM, "account.group_account_readonly"),
)


class History(Steps):
    """Every reader agrees with the plain rules, after some of the steps."""

    def teardown(self):
        try:
            self.everything_agrees(self.case.people)
            assert {each.drift for each in replay(self.env, repair=False)} == {0}
        finally:
            self.env.cr.clear()
            self.savepoint.close(rollback=True)
            self.env.registry.clear_all_caches()

    # What holds after some of these

    @invariant()
    def often(self):
        self.turn += 1
        if self.turn % 5 == 0:
            self.everything_agrees()

    def everything_agrees(self, asking=None):
        """Compare all readers with the plain rules.

        :param asking: the people who ask over HTTP, too; by default one of them
        """
        self.env.cr.flush()
        self.env.invalidate_all()
        assert list(drifts(self.env)) == []
        self.overdue_both_ways()
        rules = PlainSales(self.env)
        for user in self.case.people:
            seen = {model: rules.seen_of(user, model) for model in VIEWS}
            for model, records in seen.items():
                self.rows_and_check(user, model, {each.id for each in records})
            self.sums_and_check(user, seen)
            self.accounts_and_check(rules, user, seen)
        for person in asking or self.pick(self.case.people, self.turn):
            for model in VIEWS:
                self.odoos_screens(rules, person, model)
            if not person.share:
                self.over_http(rules, person)

    def overdue_both_ways(self):
        """What is overdue is what is open less what is not due."""
        figures, found = self.env["cqrs.sales.figures"], []
        for rows in (figures._overdue_rows, figures._open_but_not_due):
            query = SQL(
                """
                SELECT account_id, user_id, team_id, company_id, currency_id,
                       sum(overdue)::text
                FROM (%s) line GROUP BY 1, 2, 3, 4, 5 HAVING sum(overdue) <> 0
                ORDER BY 1, 2, 3, 4, 5
                """,
                rows(self.case.today),
            )
            sums = self.env.execute_query(query)
            found.append([(*key, Decimal(amount)) for *key, amount in sums])
        assert found[0] == found[1]

    def rows_and_check(self, user, model, expected):
        access = self.env["cqrs.access"]
        viewers = access._document_viewers(user, model)
        condition = access._visible(viewers, SQL("view"))
        query = SQL(
            "SELECT id FROM %s view WHERE %s", SQL.identifier(VIEWS[model]), condition
        )
        found = {id_ for (id_,) in self.env.execute_query(query)}
        assert found == expected, (user.login, model, found ^ expected)

    def sums_and_check(self, user, seen):
        figures = self.env["cqrs.sales.figures"].with_user(user)
        found = defaultdict(lambda: defaultdict(Decimal))
        query = figures._account_sums(user, self.case.today)
        for row in self.env.execute_query_dict(query):
            key = row["account_id"], row["company_id"], row["currency_id"]
            for measure in MEASURES:
                found[key][measure] += exact(row[measure])
        found = {
            key: {name: value for name, value in sums.items() if value}
            for key, sums in found.items()
            if any(sums.values())
        }
        expected = sums_of(chain(*seen.values()), self.case.today)
        assert found == expected, user.login

    def accounts_and_check(self, rules, user, seen):
        """Accounts as records: sums, ages and days of what the user sees."""
        accounts = self.env(user=user.id, su=False, context={})[ACCOUNTS]
        try:
            found = call_kw(accounts, "search_read", [[]], {})
        except AccessError:
            assert not rules.may_read(user, LEADS), user.login
            return
        assert rules.may_read(user, LEADS), user.login
        leads = [lead for lead in rules.seen(user) if lead.partner_id]
        expected = {
            key: sums
            for key, sums in accounts_of(
                {**seen, LEADS: leads}, self.case.today
            ).items()
            if self.is_account(key[0])
        }
        hidden = {
            name
            for model, names in FIGURES.items()
            for name in names
            if not rules.may_read(user, model)
        }
        rows = {}
        for row in found:
            assert not hidden.intersection(row), (user.login, row)
            key = tuple(
                row[name] and row[name][0]
                for name in ("account_id", "company_id", "currency_id")
            )
            assert key not in rows, (user.login, key)
            rows[key] = {
                name: str(row[name]) if name in DAYS else exact(row[name])
                for names in FIGURES.values()
                for name in names
                if row.get(name)
            }
        assert rows == expected, user.login
        ids = [row["id"] for row in found]
        assert len(set(ids)) == len(ids)
        assert accounts.browse(ids).exists().ids == ids

    def is_account(self, partner_id):
        partner = self.env["res.partner"].browse(partner_id)
        return partner.commercial_partner_id == partner

    def over_http(self, rules, user):
        """What a browser, an API client and RPC are shown of orders and invoices."""
        self.case.authenticate(user.login, user.login)
        seen = {
            model: {each.id: each for each in rules.seen_of(user, model)}
            for model in VIEWS
        }
        self.api(rules, user, seen)
        for model, report in REPORTS.items():
            screens = self.rpc(model, "search_read", rules.records(model), user)
            rows = self.rpc(READ_MODELS[model], "search_read", None, user)
            if rows is None:
                assert not user.has_group(OWN), (user.login, model)
            else:
                assert rows == seen[model].keys(), (user.login, model)
            # A report has what the screens have; not everybody may read it.
            reported = self.reported(*report, rules.records(model), user)
            if (
                reported
                and user.has_group(OWN)
                and any(map(user.has_group, ACCOUNTING))
            ):
                # In the report Odoo shows an accountant who sells what a seller sees.
                assert reported <= screens, (user.login, report)
                continue
            assert reported in (None, screens), (user.login, report)
            self.case.reports.update({model: reported is not None})

    def api(self, rules, user, seen):
        case, may_read = self.case, rules.may_read
        found = case.ask("invoices", limit=200, status=ANY_STATUS)
        if may_read(user, INVOICES):
            ids = {item["odoo_id"] for item in found.json()["items"]}
            assert ids == seen[INVOICES].keys(), user.login
            assert found.json()["total"] == len(ids), user.login
        else:
            assert found.status_code in (403, 404), (user.login, found.text)
        found = case.ask("accounts", limit=200, archived="any", sort="-invoiced")
        if not may_read(user, LEADS):
            assert found.status_code == 403, (user.login, found.text)
            return
        items = {item["odoo_id"]: item for item in found.json()["items"]}
        counts = Counter(
            account_of(record).id
            for record in seen[INVOICES].values()
            if record.state == "posted"
        )
        for account_id, item in items.items():
            shown = item.get("invoices")
            if not may_read(user, INVOICES):
                assert shown is None, (user.login, item)
            else:
                assert shown == counts[account_id], (user.login, item)
        assert {id_ for id_ in counts if self.is_account(id_)} <= items.keys()
        metrics = case.ask("metrics").json()
        for model, name, state in (
            (ORDERS, "ordered", "sale"),
            (INVOICES, "invoiced", "posted"),
        ):
            if may_read(user, model):
                count = sum(each.state == state for each in seen[model].values())
                assert metrics[name]["count"] == count, (user.login, name)
            else:
                assert name not in metrics, user.login

    def rpc(self, model, method, records, user):
        """Return the ids that a client finds; None if it may not look."""
        domain = [("id", "in", records.ids)] if records is not None else []
        found = self.call(model, method, [domain, ["id"]], user)
        return found and {row["id"] for row in found[0]}

    def reported(self, model, field, records, user):
        """Return the ids of the documents in a report of Odoo's, None if hidden."""
        found = self.call(model, "search_read", [[], [field]], user)
        if not found:
            return None
        values = [row[field] for row in found[0]]
        ids = {
            int(value.partition(",")[2]) if isinstance(value, str) else value[0]
            for value in values
        }
        return ids & set(records.ids)

    def call(self, model, method, arguments, user):
        """Return what JSON-RPC answers, in a tuple; None if it is forbidden."""
        context = {"allowed_company_ids": user.company_ids.ids}
        try:
            answer = self.case.make_jsonrpc_request(
                "/web/dataset/call_kw",
                {
                    "model": model,
                    "method": method,
                    "args": arguments,
                    "kwargs": {"context": context},
                },
            )
        except JsonRpcException as error:
            assert "AccessError" in str(error), error
            return None
        return (answer,)

    def odoos_screens(self, rules, user, model):
        """Odoo's own lists show no less than before, and nothing of a stranger's."""
        if user.share or not user.active:
            return
        records = (
            self.env[model]
            .with_user(user)
            .with_context(allowed_company_ids=user.company_ids.ids)
        )
        domain = [("id", "in", rules.records(model).ids)]
        try:
            found = set(records.search(domain).ids)
        except AccessError:
            assert not rules.may_read(user, model)
            return
        allowed = {each.id for each in rules.seen_of(user, model)}
        unassigned = {
            each.id
            for each in rules.records(model)
            if not (each.invoice_user_id if model == INVOICES else each.user_id)
        }
        if user.has_group(OWN):
            # Odoo's own rule shows a salesperson what is nobody's.
            assert found <= allowed | unassigned, (user.login, model)
        if user.has_group(TEAM) and model == ORDERS:
            assert found >= allowed, (user.login, model)
        groups = records.formatted_read_group(domain, ["company_id"], ["id:array_agg"])
        grouped = {id_ for group in groups for id_ in group["id:array_agg"]}
        assert grouped == found, (user.login, model)
        self.read_models(user, READ_MODELS[model], allowed)

    def read_models(self, user, model, allowed):
        """As RPC asks them, which has no other rights than these."""
        rows = self.env(user=user.id, su=False, context={})[model]
        try:
            found = call_kw(rows, "search_read", [[], ["id"]], {})
            groups = call_kw(
                rows, "formatted_read_group", [[], ["id"], ["__count"]], {}
            )
        except AccessError:
            # Whoever else may read the documents has no right to our lists of them.
            assert not user.has_group(OWN), (user.login, model)
            return
        assert {row["id"] for row in found} == allowed, (user.login, model)
        assert len(groups) == len(allowed), (user.login, model)


@tagged("post_install", "-at_install")
class TestAnyHistoryOfSales(Sales, ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.companies = cls.env.company | cls.selling_company(cls.euro)
        cls.people = cls.env["res.users"]
        cls.employees = cls.env["hr.employee"]
        for number, groups in enumerate(KINDS):
            user = new_test_user(
                cls.env,
                f"cqrs_history_{number}",
                groups=",".join(groups),
                company_ids=[
                    Command.set(
                        cls.companies.ids if number % 3 else cls.env.company.ids
                    )
                ],
            )
            cls.people |= user
            if not user.share:
                boss = cls.employees[number // 3] if cls.employees else cls.employees
                cls.employees |= cls.employee(f"history {number}", boss, user)
        cls.sellers = cls.people.filtered(lambda user: user.has_group(OWN))
        cls.env.cr.flush()

    def test_any_history(self):
        self.steps, self.refusals, self.reports = Counter(), Counter(), Counter()

        class HistoryOfThisTest(History):
            case = self

        def are_enough():
            return self.steps[True] > 10 and all(
                self.reports[model] > 2 for model in VIEWS
            )

        run_histories(HistoryOfThisTest, HISTORIES, SEED, are_enough)
        # Or the histories are of next to nothing, and prove it.
        self.assertGreater(self.steps[True], 10, (SEED, self.refusals))
        for model in VIEWS:
            self.assertGreater(self.reports[model], 2, model)
