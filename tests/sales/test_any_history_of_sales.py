"""Random histories of customers, orders and invoices: readers equal plain loops."""

import os
import traceback
from collections import Counter, defaultdict
from decimal import Decimal
from functools import wraps
from itertools import count

import psycopg2
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL, mute_logger

from ...models.maintenance.oracle import drifts
from ...models.maintenance.replay import replay
from ..common import other_company
from ..plain_rules import ADMINISTRATOR, ALL_DOCUMENTS, OWN, TEAM
from ..test_projections_equal_the_oracle import SEED, run_histories
from .common import Sales
from .plain_sales import INVOICES, ORDERS, PlainSales, exact, sums_of

#: A long run by hand: CRM_CQRS_HISTORIES=50 ./dev test --sales -k any_history_of_sales
HISTORIES = int(os.environ.get("CRM_CQRS_HISTORIES", "2"))
VIEWS = {ORDERS: "cqrs_order_view", INVOICES: "cqrs_invoice_view"}
READ_MODELS = {ORDERS: "cqrs.order.view", INVOICES: "cqrs.invoice.view"}
MEASURES = (
    *("orders", "ordered", "invoices", "invoiced", "credited", "paid", "open"),
    "overdue",
)
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
            self.everything_agrees()
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

    @rule(customer=index, owner=index, amount=price, abroad=st.booleans())
    @refusable
    def quote(self, customer, owner, amount, abroad):
        self.orders |= self.case.order(
            self.pick(self.partners, customer),
            amount,
            user=self.owner(owner),
            currency=self.case.euro if abroad else None,
            confirm=False,
        )

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
            self.invoices |= (
                self.case.down_payment(order, percent)
                if percent
                else order._create_invoices()
            )

    # Invoices

    @rule(
        customer=index,
        owner=index,
        amount=price,
        days=st.integers(0, 120),
        abroad=st.booleans(),
        paid=st.booleans(),
    )
    @refusable
    def invoice(self, customer, owner, amount, days, abroad, paid):
        invoice = self.case.invoice(
            self.pick(self.partners, customer),
            amount,
            user=self.owner(owner),
            days=days,
            currency=self.case.euro if abroad else None,
            terms=self.case.instalments,
            post=days % 3 != 0,
        )
        self.invoices |= invoice
        if paid and invoice.state == "posted":
            self.case.pay(invoice, round(amount / 3, 2))

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
            self.invoices |= self.case.credit(invoice, amount)

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

    def everything_agrees(self):
        self.env.cr.flush()
        self.env.invalidate_all()
        assert list(drifts(self.env)) == []
        rules = PlainSales(self.env)
        for user in self.case.people:
            seen = {model: rules.seen_of(user, model) for model in VIEWS}
            for model, records in seen.items():
                self.rows_and_check(user, model, {each.id for each in records})
            self.sums_and_check(user, seen)
        person = self.pick(self.case.people, self.turn)
        for model in VIEWS:
            self.odoos_screens(rules, person, model)

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
        records = [each for some in seen.values() for each in some]
        expected = sums_of(records, self.case.today)
        assert found == expected, user.login

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
class TestAnyHistoryOfSales(Sales):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_company = other_company(cls.env)
        cls.people = cls.env["res.users"]
        cls.employees = cls.env["hr.employee"]
        for number, groups in enumerate(KINDS):
            user = new_test_user(
                cls.env,
                f"cqrs_history_{number}",
                groups=",".join(groups),
                company_ids=[
                    Command.set(
                        (cls.env.company | cls.other_company).ids
                        if number % 3
                        else cls.env.company.ids
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
        self.steps, self.refusals = Counter(), Counter()

        class HistoryOfThisTest(History):
            case = self

        run_histories(HistoryOfThisTest, HISTORIES, SEED)
        # Or the histories are of next to nothing, and prove it.
        self.assertGreater(self.steps[True], 10, (SEED, self.refusals))
