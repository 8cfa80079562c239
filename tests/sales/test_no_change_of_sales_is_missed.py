"""Changes of customers, orders and invoices in ways that hooks may not see."""

from odoo import Command
from odoo.tests import tagged
from odoo.tools import SQL

from .common import Sales

MODELS = ("res.partner", "sale.order", "account.move")


@tagged("post_install", "-at_install")
class TestNoChangeOfSalesIsMissed(Sales):
    def setUp(self):
        super().setUp()
        self.assertNothingMissed()  # nor is anything of the others

    def assertNothingMissed(self):
        """A look at every row, as the reconciler's at some, finds nothing new."""
        self.env.cr.flush()
        self.env.invalidate_all()
        self.env.cr.execute("SELECT max(position) FROM cqrs_event")
        [(last,)] = self.env.cr.fetchall()
        self.env["cqrs.event"]._record(dict.fromkeys(MODELS), origin="reconcile")
        self.env.cr.execute(
            "SELECT stream_model, stream_id, type, before, after FROM cqrs_event"
            " WHERE position > %s",
            [last],
        )
        self.assertEqual(self.env.cr.fetchall(), [])

    def test_an_order_is_deleted_after_its_invoice(self):
        order = self.order(self.customer, 100)
        invoice = self.invoice(order, post=False)
        order._action_cancel()
        self.assertNothingMissed()
        order.unlink()
        self.assertTrue(invoice.exists())
        self.assertNothingMissed()

    def test_a_line_of_an_order_is_deleted(self):
        order = self.order(self.customer, 100, 200)
        self.invoice(order, post=False)
        order._action_cancel()
        order.action_draft()
        self.assertNothingMissed()
        order.order_line[0].unlink()
        self.assertNothingMissed()

    def test_lines_of_a_draft_come_and_go(self):
        invoice = self.invoice(self.customer, 100, 200, post=False)
        invoice.invoice_line_ids[0].unlink()
        self.assertNothingMissed()
        invoice.invoice_line_ids = [
            Command.create({"product_id": self.product.id, "price_unit": 5})
        ]
        self.assertNothingMissed()
        invoice.invoice_payment_term_id = self.instalments
        self.assertNothingMissed()
        invoice.currency_id = self.euro
        self.assertNothingMissed()

    def test_a_posted_invoice_is_deleted(self):
        invoices = self.invoice(self.customer, 100) | self.invoice(self.customer, 50)
        gone = invoices[1].id
        invoices[1].with_context(force_delete=True).unlink()
        self.assertNothingMissed()
        for table, column in (
            ("cqrs_invoice_view", "id"),
            ("cqrs_receivable", "invoice_id"),
        ):
            with self.subTest(table):
                self.env.cr.execute(
                    SQL(
                        "SELECT DISTINCT %s FROM %s WHERE %s = ANY(%s)",
                        SQL.identifier(column),
                        SQL.identifier(table),
                        SQL.identifier(column),
                        [invoices[0].id, gone],
                    )
                )
                self.assertEqual(self.env.cr.fetchall(), [(invoices[0].id,)])

    def test_what_is_due_moves(self):
        invoice = self.invoice(self.customer, 100, terms=self.instalments)
        line = invoice.line_ids.filtered("date_maturity")[0]
        line.date_maturity = self.days_ago(3)
        self.assertNothingMissed()

    def test_payments_go_again(self):
        invoice = self.invoice(self.customer, 100)
        payment = self.pay(invoice, 40)
        self.assertNothingMissed()
        payment.action_draft()
        self.assertNothingMissed()
        payment.unlink()
        self.assertNothingMissed()

    def test_several_are_paid_at_once(self):
        invoices = self.invoice(self.customer, 100) | self.invoice(self.contact, 50)
        self.pay(invoices, 120)
        self.assertNothingMissed()
        invoices.line_ids.remove_move_reconcile()
        self.assertNothingMissed()

    def test_rates_differ(self):
        invoice = self.invoice(self.customer, 100, currency=self.euro, days=90)
        self.pay(invoice, days=1)
        self.assertNothingMissed()

    def test_contacts_change_their_company(self):
        other = self.account("Other")
        self.order(self.contact, 100)
        self.invoice(self.contact, 100)
        self.contact.parent_id = other
        self.assertNothingMissed()
        self.contact.write({"is_company": True, "parent_id": False})
        self.assertNothingMissed()
        other.parent_id = self.contact
        self.assertNothingMissed()

    def test_a_person_of_nobody_joins_and_is_merged(self):
        nobody = self.account("Nobody", is_company=False)
        self.assertNothingMissed()
        invoice = self.invoice(nobody, 100)
        self.assertNothingMissed()
        self.merge(self.customer, nobody)
        self.assertEqual(invoice.partner_id, self.customer)
        self.assertNothingMissed()

    def test_what_contacts_refer_to_is_deleted(self):
        category = self.env["res.partner.category"].create({"name": "Category"})
        self.customer.category_id = category
        self.assertNothingMissed()
        category.unlink()
        self.assertNothingMissed()
        team = self.env["crm.team"].create({"name": "Team"})
        order = self.order(self.customer, 100, team_id=team.id)
        invoice = self.invoice(order)
        self.assertEqual(invoice.team_id, team)
        team.unlink()
        self.assertNothingMissed()

    def test_a_deal_is_merged_or_deleted(self):
        deals = self.opportunity(self.seller) | self.opportunity(self.seller)
        for deal in deals:
            deal.partner_id = self.customer
        order = self.order(self.customer, 100, deal=deals[1])
        deals.merge_opportunity(auto_unlink=True)
        self.assertNothingMissed()
        deal = order.opportunity_id
        self.assertTrue(deal)
        deal.unlink()
        self.assertNothingMissed()

    def test_numbers_are_made_anew(self):
        invoices = self.invoice(self.customer, 100) | self.invoice(self.customer, 50)
        wizard = self.env["account.resequence.wizard"].with_context(
            active_model="account.move", active_ids=invoices.ids
        )
        wizard.create({"first_name": "INV/2001/00101"}).resequence()
        self.assertNothingMissed()

    def test_a_vendor_s_bill_and_a_payment_are_not_on_record(self):
        bill = self.invoice(self.customer, 100, move_type="in_invoice")
        payment = self.pay(self.invoice(self.customer, 100))
        ids = [bill.id, payment.move_id.id]
        self.env.cr.execute(
            "SELECT count(*) FROM cqrs_stream"
            " WHERE stream_model = 'account.move' AND stream_id = ANY(%s)",
            [ids],
        )
        self.assertEqual(self.env.cr.fetchall(), [(0,)])
        self.assertNothingMissed()
