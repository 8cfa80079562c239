from odoo.tests import tagged

from .common import Sales


@tagged("post_install", "-at_install")
class TestWhatIsSoldIsPaid(Sales):
    def test_the_modules_are_there_with_a_chart_of_accounts(self):
        installed = self.env["ir.module.module"].search([("state", "=", "installed")])
        self.assertLessEqual(
            {"account", "sale", "sale_management", "sale_crm", "crm_cqrs"},
            set(installed.mapped("name")),
        )
        self.assertEqual(self.env.company.chart_template, "generic_coa")
        self.assertEqual(self.env.company.currency_id.name, "USD")

    def test_an_opportunity_is_quoted_ordered_invoiced_and_paid(self):
        deal = self.opportunity(self.seller, partner_id=self.contact.id)
        quotation = self.order(
            self.customer, 100, 250, user=self.seller, deal=deal, confirm=False
        )
        self.assertEqual(deal.order_ids, quotation)
        quotation.with_user(self.seller).action_confirm()
        self.assertEqual((quotation.state, quotation.amount_untaxed), ("sale", 350))

        invoice = self.invoice(quotation, terms=self.instalments, post=False)
        self.assertEqual(invoice.invoice_user_id, self.seller)
        invoice.with_user(self.accountant).action_post()
        due = invoice.line_ids.filtered("date_maturity").sorted("date_maturity")
        self.assertEqual(due.mapped("amount_residual"), [105, 105, 140])
        self.pay(invoice.with_user(self.accountant), 100)
        self.assertEqual(
            (invoice.payment_state, invoice.amount_residual), ("partial", 250)
        )
        self.credit(invoice, 50)
        self.assertEqual(invoice.amount_residual, 200)
        self.pay(invoice)
        self.assertEqual((invoice.payment_state, invoice.amount_residual), ("paid", 0))

    def test_amounts_have_a_tax_and_a_currency_of_their_own(self):
        order = self.order(self.customer, 100, currency=self.euro, tax=self.tax)
        self.assertEqual(
            (order.currency_id, order.amount_untaxed, order.amount_total),
            (self.euro, 100, 110),
        )
        old = self.invoice(self.customer, 100, currency=self.euro, days=90)
        new = self.invoice(
            self.customer, 100, currency=self.euro, tax=self.tax, days=10
        )
        self.assertEqual(
            (old.amount_total, old.amount_total_signed, new.amount_total_signed),
            (100, 200, 137.5),
        )
        note = self.credit(new)
        self.assertEqual(note.amount_total_signed, -137.5)
        self.assertEqual((new.payment_state, new.amount_residual), ("reversed", 0))

    def test_customers_are_merged(self):
        other = self.account("Other")
        invoice = self.invoice(other, 100)
        self.merge(self.customer, other)
        self.assertFalse(other.exists())
        self.assertEqual(invoice.commercial_partner_id, self.customer)
