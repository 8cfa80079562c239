"""Random operations on customers, orders and invoices."""

import traceback
from functools import wraps
from itertools import count

import psycopg2
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from odoo.exceptions import UserError
from odoo.tools import mute_logger

from .plain_sales import INVOICES, ORDERS

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


class Steps(RuleBasedStateMachine):
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
