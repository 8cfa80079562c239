"""Customers, orders, invoices and payments, made as people make them."""

from contextlib import contextmanager
from datetime import timedelta

from odoo import Command, fields
from odoo.tests import new_test_user

from ..common import SalesOrganisation, other_company

#: Euros to a dollar, which is the company's own currency, and since how many days ago
RATES = {400: 0.5, 30: 0.8}


class Sales(SalesOrganisation):
    """The sales organisation, its accountant and what they sell.

    :cvar accountant: has Odoo's group *Invoicing*, and no sales right
    :cvar customer: a company, whose salesperson is the seller
    :cvar contact: a person of that company
    :cvar dollar, euro: the company's own currency, and another with two rates
    :cvar product: a service without a tax, invoiced as it is ordered
    :cvar tax: 10 %
    :cvar instalments: the payment term of 30 % at once, 30 % after 30 days, and the
        rest after 60
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.today = fields.Date.today()
        cls.accountant = new_test_user(
            cls.env, "cqrs_accountant", groups="account.group_account_invoice"
        )
        cls.dollar = cls.env.company.currency_id
        cls.euro = cls.env.ref("base.EUR")
        cls.euro.active = True
        cls.euro.rate_ids.unlink()
        cls.env["res.currency.rate"].create(
            [
                {"currency_id": cls.euro.id, "name": cls.days_ago(days), "rate": rate}
                for days, rate in RATES.items()
            ]
        )
        cls.product = cls.env["product.product"].create(
            {
                "name": "Consulting",
                "type": "service",
                "invoice_policy": "order",
                "taxes_id": [Command.clear()],
            }
        )
        cls.tax = cls.env["account.tax"].create({"name": "Ten", "amount": 10})
        cls.instalments = cls.env["account.payment.term"].create(
            {
                "name": "Instalments",
                "line_ids": [
                    Command.create({"value_amount": percent, "nb_days": days})
                    for percent, days in ((30, 0), (30, 30), (40, 60))
                ],
            }
        )
        cls.customer = cls.account("Customer", user_id=cls.seller.id)
        cls.contact = cls.account(
            "Contact", is_company=False, parent_id=cls.customer.id
        )
        cls.env.cr.flush()

    @classmethod
    def selling_company(cls, currency):
        """Return another company, which has accounts of its own."""
        company = other_company(cls.env, currency)
        cls.env["account.chart.template"].try_loading("generic_coa", company)
        # It has made the currency its country's.
        company.currency_id = currency
        return company

    @contextmanager
    def working_in(self, company):
        """Make what is made in the block in a company."""
        former = self.env
        self.env = self.env(
            context={**self.env.context, "allowed_company_ids": company.ids}
        )
        try:
            yield
        finally:
            self.env = former

    @classmethod
    def days_ago(cls, days):
        return cls.today - timedelta(days=days)

    @classmethod
    def account(cls, name, **values):
        """Return a new customer, a company unless the values say otherwise."""
        return cls.env["res.partner"].create(
            {"name": name, "is_company": True, **values}
        )

    def order(
        self,
        customer,
        *prices,
        user=None,
        deal=None,
        currency=None,
        confirm=True,
        **values,
    ):
        """Return a new order of a line for each price, confirmed unless told not to.

        :param user: the salesperson; nobody by default
        :param deal: the opportunity that it comes of
        :param values: further ones of the order, ``tax`` among them, a tax of its lines
        """
        tax = values.pop("tax", self.env["account.tax"])
        if currency:
            pricelist = self.env["product.pricelist"].create(
                {"name": currency.name, "currency_id": currency.id}
            )
            values["pricelist_id"] = pricelist.id
        order = self.env["sale.order"].create(
            {
                "partner_id": customer.id,
                "user_id": user.id if user else False,
                "opportunity_id": deal.id if deal else False,
                "order_line": [
                    Command.create(
                        {
                            "product_id": self.product.id,
                            "price_unit": price,
                            "tax_ids": [Command.set(tax.ids)],
                        }
                    )
                    for price in prices
                ],
                **values,
            }
        )
        if confirm:
            order.action_confirm()
        self.env.cr.flush()
        return order

    def invoice(self, customer, *prices, user=None, post=True, **values):
        """Return a new invoice of a line for each price, posted unless told not to.

        :param customer: a partner, or the order that is invoiced, which needs no price
        :param values: further ones of the invoice, among them ``currency``, ``days``
            (how many ago it was made), ``tax`` (of its lines), ``terms`` and
            ``move_type``
        """
        written = {
            "move_type": "out_invoice",
            "invoice_date": self.days_ago(values.pop("days", 0)),
            "invoice_payment_term_id": values.pop(
                "terms", self.env["account.payment.term"]
            ).id,
        }
        if user:
            written["invoice_user_id"] = user.id
        if currency := values.pop("currency", None):
            written["currency_id"] = currency.id
        tax = values.pop("tax", self.env["account.tax"])
        written.update(values)
        if customer._name == "sale.order":
            invoice = customer.with_env(self.env)._create_invoices(final=True)
            del written["move_type"]
            invoice.write(written)
        else:
            if not user:
                written["invoice_user_id"] = False
            invoice = self.env["account.move"].create(
                {
                    "partner_id": customer.id,
                    "invoice_line_ids": [
                        Command.create(
                            {
                                "product_id": self.product.id,
                                "price_unit": price,
                                "tax_ids": [Command.set(tax.ids)],
                            }
                        )
                        for price in prices
                    ],
                    **written,
                }
            )
        if post:
            invoice.action_post()
        self.env.cr.flush()
        return invoice

    def down_payment(self, order, percent):
        """Return the draft of an invoice of a part of an order."""
        self.env["sale.advance.payment.inv"].create(
            {
                "sale_order_ids": [Command.set(order.ids)],
                "advance_payment_method": "percentage",
                "amount": percent,
            }
        ).create_invoices()
        self.env.cr.flush()
        return order.invoice_ids.sorted("id")[-1]

    def pay(self, invoices, amount=None, days=0):
        """Return the payment of one customer's posted invoices, or of a part.

        :param amount: in the currency of the invoices
        :param days: how many days ago it was paid
        """
        values = {
            "payment_date": self.days_ago(days),
            # By default it is what is due by now.
            "amount": amount or sum(invoices.mapped("amount_residual")),
            "payment_difference_handling": "open",
            "group_payment": True,
        }
        register = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoices.ids
        )
        payments = register.create(values)._create_payments()
        self.env.cr.flush()
        return payments

    def credit(self, invoice, amount=None):
        """Return the posted credit note of an invoice, of all of it or of an amount.

        :param amount: untaxed, in the currency of the invoice
        """
        reversal = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=invoice.ids)
            .create({"journal_id": invoice.journal_id.id})
        )
        reversal.refund_moves()
        note = reversal.new_move_ids
        if amount is not None:
            first, *others = note.invoice_line_ids
            first.write({"price_unit": amount, "quantity": 1})
            for line in others:
                line.unlink()
        note.action_post()
        self.env.cr.flush()
        return note

    def reset(self, document):
        """Make a draft of a posted invoice or credit note again."""
        document.button_draft()
        self.env.cr.flush()

    def merge(self, kept, *others):
        """Merge contacts as Odoo's assistant does."""
        merger = self.env["base.partner.merge.automatic.wizard"]
        ids = [kept.id, *(each.id for each in others)]
        merger.create({})._merge(ids, kept)
        self.env.cr.flush()
