"""Random histories of customers, orders and invoices: readers equal plain loops."""

import os
import traceback
from collections import Counter, defaultdict
from decimal import Decimal
from functools import wraps
from itertools import chain, count

import psycopg2
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw
from odoo.tests import JsonRpcException, new_test_user, tagged
from odoo.tools import SQL, mute_logger

from ...models.maintenance.oracle import drifts
from ...models.maintenance.replay import replay
from ..api import ApiCase
from ..plain_rules import ADMINISTRATOR, ALL_DOCUMENTS, OWN, TEAM
from ..test_projections_equal_the_oracle import SEED, run_histories
from .common import Sales
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

index = st.integers(0, 1000)
price = st.decimals(1, 10**5, places=2).map(float)


def refusable(step):
    """Have a step that Odoo or the database refuses leave no trace.

    What the addon itself refuses is a failure that bare Odoo would not have.
    """

    @wraps(step)
    def refused_or_done(self, *args, **kwargs):
        try:
            with mute_logger("odoo.sql_db"), self.env.cr.savepoint():
                step(self, *args, **kwargs)
        except (UserError, psycopg2.IntegrityError) as error:
            *__, last = traceback.extract_tb(error.__traceback__)
            if "crm_cqrs/models" in last.filename:
                raise
            self.case.steps[False] += 1
            self.case.refusals[str(error).partition("\n")[0]] += 1
        else:
            self.case.steps[True] += 1

    return refused_or_done


class History(RuleBasedStateMachine):
    """Works on one savepoint of the test's transaction, which it undoes at the end."""

    case = None

    def __init__(self):
        super().__init__()
        self.env = self.case.env
        self.savepoint = self.env.cr.savepoint(flush=False)
        self.numbers = count(1)
        self.turn = 0
        self.partners = self.case.customer | self.case.contact
        self.orders = self.env[ORDERS]
        self.invoices = self.env[INVOICES]

    def teardown(self):
        try:
            self.everything_agrees(self.case.people)
            assert {each.drift for each in replay(self.env, repair=False)} == {0}
        finally:
            self.env.cr.clear()
            self.savepoint.close(rollback=True)
            self.env.registry.clear_all_caches()

    @staticmethod
    def pick(records, number):
        return records[number % len(records)] if records else records

    def owner(self, number):
        """Return one of those who sell, or nobody."""
        return self.pick([self.env["res.users"], *self.case.sellers], number)

    def posted(self):
        return self.invoices.filtered(lambda each: each.state == "posted")

    def somewhere(self, number):
        """Return the block whose work is done in one of the two companies."""
        return self.case.working_in(self.pick(self.case.companies, number))

    # Customers

    @rule(number=index, owner=index, is_company=st.booleans())
    @refusable
    def add_customer(self, number, owner, is_company):
        parent = self.pick(self.partners.filtered("is_company"), number)
        self.partners |= self.case.account(
            f"cqrs customer {next(self.numbers)}",
            is_company=is_company,
            parent_id=False if is_company else parent.id,
            user_id=self.owner(owner).id,
        )

    @rule(number=index, parent=index)
    @refusable
    def move_contact(self, number, parent):
        contact = self.pick(self.partners.filtered(lambda p: not p.is_company), number)
        if contact:
            parents = self.partners.filtered("is_company")
            contact.parent_id = self.pick([*parents, parents.browse()], parent)

    @rule(number=index)
    @refusable
    def become_a_company_or_a_person(self, number):
        partner = self.pick(self.partners, number)
        partner.is_company = not partner.is_company

    @precondition(lambda self: len(self.partners) > 2)
    @rule(number=index)
    @refusable
    def merge_customers(self, number):
        two = self.pick(self.partners, number) | self.pick(self.partners, number + 1)
        kept, gone = two
        self.case.merge(kept, gone)
        self.env.invalidate_all()
        self.partners -= gone

    # Orders

    @rule(
        customer=index,
        owner=index,
        company=index,
        amount=price,
        abroad=st.booleans(),
    )
    @refusable
    def quote(self, customer, owner, company, amount, abroad):
        with self.somewhere(company):
            self.orders |= self.case.order(
                self.pick(self.partners, customer),
                amount,
                user=self.owner(owner),
                currency=self.case.euro if abroad else None,
                confirm=False,
            ).with_env(self.env)

    @precondition(lambda self: self.orders)
    @rule(number=index, what=st.sampled_from(["confirm", "cancel", "draft", "lock"]))
    @refusable
    def change_order(self, number, what):
        order = self.pick(self.orders, number)
        if what == "confirm" and order.state in ("draft", "sent"):
            order.action_confirm()
        elif what == "cancel" and not order.locked:
            order._action_cancel()
        elif what == "draft" and order.state == "cancel":
            order.action_draft()
        elif what == "lock" and order.state == "sale":
            order.action_lock()

    @precondition(lambda self: self.orders)
    @rule(number=index, owner=index)
    @refusable
    def reassign_order(self, number, owner):
        self.pick(self.orders, number).user_id = self.owner(owner)

    @rule(number=index, percent=st.sampled_from([None, 20]))
    @refusable
    def invoice_order(self, number, percent):
        orders = self.orders.filtered(lambda o: o.invoice_status == "to invoice")
        if order := self.pick(orders, number):
            with self.case.working_in(order.company_id):
                made = (
                    self.case.down_payment(order, percent)
                    if percent
                    else order.with_env(self.case.env)._create_invoices()
                )
            self.invoices |= made.with_env(self.env)

    # Invoices

    @rule(
        customer=index,
        owner=index,
        company=index,
        amount=price,
        days=st.integers(0, 120),
        abroad=st.booleans(),
        paid=st.booleans(),
    )
    @refusable
    def invoice(self, customer, owner, company, amount, days, abroad, paid):
        with self.somewhere(company):
            invoice = self.case.invoice(
                self.pick(self.partners, customer),
                amount,
                user=self.owner(owner),
                days=days,
                currency=self.case.euro if abroad else None,
                terms=self.case.instalments,
                post=days % 3 != 0,
            )
            if paid and invoice.state == "posted":
                self.case.pay(invoice, round(amount / 3, 2))
        self.invoices |= invoice.with_env(self.env)

    @precondition(lambda self: self.invoices)
    @rule(number=index)
    @refusable
    def post(self, number):
        drafts = self.invoices.filtered(lambda each: each.state == "draft")
        if draft := self.pick(drafts, number):
            draft.action_post()

    @precondition(lambda self: self.posted())
    @rule(number=index, part=st.integers(1, 4))
    @refusable
    def pay(self, number, part):
        due = self.posted().filtered(
            lambda each: each.move_type == "out_invoice" and each.amount_residual
        )
        if invoice := self.pick(due, number):
            with self.case.working_in(invoice.company_id):
                self.case.pay(invoice, round(invoice.amount_residual / part, 2) or None)

    @precondition(lambda self: self.posted())
    @rule(number=index)
    @refusable
    def unpay(self, number):
        lines = self.pick(self.posted(), number).line_ids
        lines.remove_move_reconcile()

    @precondition(lambda self: self.posted())
    @rule(number=index, amount=st.sampled_from([None, 1.0]))
    @refusable
    def credit(self, number, amount):
        sold = self.posted().filtered(lambda each: each.move_type == "out_invoice")
        if invoice := self.pick(sold, number):
            with self.case.working_in(invoice.company_id):
                note = self.case.credit(invoice, amount)
            self.invoices |= note.with_env(self.env)

    @precondition(lambda self: self.invoices)
    @rule(number=index, cancelled=st.booleans())
    @refusable
    def reset(self, number, cancelled):
        invoice = self.pick(self.invoices, number)
        if invoice.state != "draft":
            invoice.button_draft()
        if cancelled:
            invoice.button_cancel()

    @precondition(lambda self: self.invoices)
    @rule(number=index)
    @refusable
    def delete_draft(self, number):
        drafts = self.invoices.filtered(
            lambda each: each.state == "draft" and not each.posted_before
        )
        if draft := self.pick(drafts, number):
            self.invoices -= draft
            draft.unlink()

    @precondition(lambda self: self.invoices)
    @rule(number=index, owner=index)
    @refusable
    def reassign_invoice(self, number, owner):
        self.pick(self.invoices, number).invoice_user_id = self.owner(owner)

    @rule(number=index, boss=index)
    def move_seller(self, number, boss):
        employees = self.case.employees
        self.pick(employees, number).parent_id = self.pick(employees, boss)

    @rule()
    def undone(self):
        """Work that is rolled back leaves nothing."""
        savepoint = self.env.cr.savepoint()
        self.case.invoice(self.pick(self.partners, 0), 10)
        savepoint.close(rollback=True)

    @rule()
    def fold(self):
        self.env.cr.flush()
        for name in ("cqrs.metrics", "cqrs.sales.figures"):
            self.env[name]._fold_batch()

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
