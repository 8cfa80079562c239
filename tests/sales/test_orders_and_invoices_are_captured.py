"""Each change of an order or an invoice is one event, in the domain's words."""

from odoo import Command
from odoo.tests import tagged
from odoo.tools import SQL

from ...models.event_store.capture import PENDING
from ...models.maintenance.verify import verify
from .common import Sales


class Captured(Sales):
    def types(self, record):
        return [type_ for __, type_, *__ in self.events(record)]

    def last(self, record):
        return self.events(record)[-1][1:]

    def state(self, record):
        self.env.cr.flush()
        self.env.cr.execute(
            "SELECT state FROM cqrs_stream WHERE stream_model = %s AND stream_id = %s",
            [record._name, record.id],
        )
        return self.env.cr.fetchone()[0]

    def all_types(self, model):
        """Return the types of all events of a model in this transaction, in order."""
        self.env.cr.flush()
        self.env.cr.execute(
            "SELECT type FROM cqrs_event WHERE stream_model = %s"
            " AND occurred_at = now() ORDER BY position",
            [model],
        )
        return [type_ for (type_,) in self.env.cr.fetchall()]

    def assert_sound(self):
        self.env.cr.flush()
        self.assertEqual(verify(self.env), [])


@tagged("post_install", "-at_install")
class TestOrdersAreCaptured(Captured):
    def test_the_life_of_an_order(self):
        deal = self.opportunity(self.seller, partner_id=self.contact.id)
        order = self.order(
            self.customer, 100, 250, user=self.seller, deal=deal, confirm=False
        )
        order.action_quotation_sent()
        self.env.cr.flush()
        order.action_confirm()
        self.env.cr.flush()
        self.invoice(order)
        self.assertEqual(
            self.types(order),
            [
                "OrderCreated",
                "OrderSent",
                "OrderConfirmed",
                "OrderInvoiceStatusChanged",
            ],
        )
        state = self.state(order)
        self.assertEqual(
            {
                key: state[key]
                for key in (
                    *("state", "partner_id", "user_id", "opportunity_id"),
                    *("amount_untaxed", "amount_total", "invoice_status"),
                )
            },
            {
                "state": "sale",
                "partner_id": self.customer.id,
                "user_id": self.seller.id,
                "opportunity_id": deal.id,
                "amount_untaxed": 350,
                "amount_total": 350,
                "invoice_status": "invoiced",
            },
        )
        self.assert_sound()

    def test_a_changed_line_changes_the_amount(self):
        order = self.order(self.customer, 100, confirm=False)
        order.order_line.price_unit = 70
        self.assertEqual(
            self.last(order)[1:],
            (
                {"amount_total": 100, "amount_untaxed": 100},
                {"amount_total": 70, "amount_untaxed": 70},
            ),
        )
        order.action_cancel()
        self.assertEqual(self.types(order)[-1], "OrderCancelled")

    def test_the_contact_of_an_order_joins(self):
        person = self.account("Person", is_company=False)
        self.assertEqual(self.types(person), [])
        self.order(person, 100)
        self.assertEqual(self.types(person), ["ContactCreated"])


@tagged("post_install", "-at_install")
class TestInvoicesAreCaptured(Captured):
    def instalments_of(self, invoice):
        """Return when what is due of an invoice, by day.

        The state has them by id. A draft's rows are taken for other days where its
        salesperson's day is not the invoice's: Odoo has not created them in order.
        """
        return sorted(
            (line["date_maturity"], line["amount_residual"])
            for line in self.state(invoice)["receivable_lines"]
        )

    def test_the_life_of_an_invoice(self):
        order = self.order(self.customer, 100, 250, user=self.seller)
        invoice = self.invoice(order, terms=self.instalments)
        self.assertEqual(self.state(invoice)["sale_order_ids"], order.ids)
        self.assertEqual(
            self.instalments_of(invoice),
            [
                (self.days_ago(0).isoformat(), 105),
                (self.days_ago(-30).isoformat(), 105),
                (self.days_ago(-60).isoformat(), 140),
            ],
        )
        self.pay(invoice, 100)
        self.assertEqual(self.last(invoice)[0], "InvoicePartlyPaid")
        self.assertEqual(
            [residual for __, residual in self.instalments_of(invoice)], [5, 105, 140]
        )
        self.pay(invoice, 30)
        self.assertEqual(self.last(invoice)[0], "InvoicePaymentChanged")
        self.assertEqual(self.state(invoice)["amount_residual_signed"], 220)
        self.pay(invoice)
        self.assertEqual(self.last(invoice)[0], "InvoicePaid")
        self.assert_sound()

    def test_a_payment_that_is_undone(self):
        invoice = self.invoice(self.customer, 100)
        self.pay(invoice)
        invoice.line_ids.remove_move_reconcile()
        self.assertEqual(self.last(invoice)[0], "InvoicePaymentUndone")
        self.assertEqual(self.state(invoice)["amount_residual"], 100)

    def test_a_credit_note(self):
        invoice = self.invoice(self.customer, 100)
        note = self.credit(invoice)
        self.assertEqual(self.types(note), ["CreditNoteCreated"])
        state = self.state(note)
        self.assertEqual(
            (state["state"], state["reversed_entry_id"], state["amount_total_signed"]),
            ("posted", invoice.id, -100),
        )
        self.assertEqual(self.last(invoice)[0], "InvoiceReversed")
        self.assert_sound()

    def test_drafts_are_not_paid(self):
        invoice = self.invoice(self.customer, 100, post=False)
        invoice.invoice_line_ids.price_unit = 0
        self.env.cr.flush()
        self.assertEqual(invoice.state, "draft")
        self.assertNotIn("InvoicePaid", self.types(invoice))
        invoice.invoice_line_ids.price_unit = 100
        self.env.cr.flush()
        invoice.action_post()
        self.env.cr.flush()
        self.pay(invoice)
        self.reset(invoice)
        invoice.button_cancel()
        self.env.cr.flush()
        self.assertEqual(
            [t for t in self.types(invoice) if t != "InvoiceAmountChanged"],
            [
                "InvoiceCreated",
                "InvoicePosted",
                "InvoicePaid",
                "InvoiceResetToDraft",
                "InvoiceCancelled",
            ],
        )
        invoice.button_draft()
        self.env.cr.flush()
        invoice.unlink()
        self.assertEqual(
            self.types(invoice)[-2:], ["InvoiceResetToDraft", "InvoiceDeleted"]
        )
        self.assert_sound()

    def test_two_currencies(self):
        invoice = self.invoice(self.customer, 100, currency=self.euro, days=90)
        state = self.state(invoice)
        self.assertEqual(
            (
                state["currency_id"],
                state["company_id.currency_id"],
                state["amount_total"],
                state["amount_total_signed"],
                state["receivable_lines"][0]["amount_residual"],
                state["receivable_lines"][0]["amount_residual_currency"],
            ),
            (self.euro.id, self.dollar.id, 100, 200, 200, 100),
        )

    def test_fifty_at_once(self):
        invoices = self.env["account.move"]
        for __ in range(50):
            invoices |= self.invoice(self.customer, 100, post=False)
        invoices.action_post()
        self.env.cr.flush()
        self.pay(invoices)
        for invoice in invoices:
            self.assertEqual(
                self.types(invoice), ["InvoiceCreated", "InvoicePosted", "InvoicePaid"]
            )
        self.assert_sound()

    def test_other_entries_are_not_on_record(self):
        bill = self.env["account.move"].create(
            {
                "move_type": "in_invoice",
                "partner_id": self.customer.id,
                "invoice_date": self.today,
                "invoice_line_ids": [Command.create({"name": "x", "price_unit": 5})],
            }
        )
        bill.action_post()
        invoice = self.invoice(self.customer, 100)
        payment = self.pay(invoice)
        self.env.cr.flush()
        for entry in bill | payment.move_id:
            self.assertEqual(self.types(entry), [])
        self.assert_sound()

    def test_a_renamed_customer_is_no_change_of_documents(self):
        order = self.order(self.customer, 100)
        invoice = self.invoice(order)
        before = self.types(order), self.types(invoice)
        self.customer.name = "Renamed"
        self.assertEqual(self.types(self.customer)[-1], "AccountRenamed")
        self.assertEqual((self.types(order), self.types(invoice)), before)

    def test_a_merge_of_customers(self):
        other = self.account("Other")
        order = self.order(other, 100)
        invoice = self.invoice(order)
        self.merge(self.customer, other)
        self.assertEqual(self.types(self.customer)[-1], "AccountMerged")
        self.assertEqual(self.types(other)[-1], "AccountDeleted")
        for document, type_ in (
            (order, "OrderCustomerChanged"),
            (invoice, "InvoiceCustomerChanged"),
        ):
            self.assertEqual(self.last(document)[0], type_)
            self.assertEqual(self.last(document)[2]["partner_id"], self.customer.id)
        self.assertEqual(
            self.last(invoice)[2]["commercial_partner_id"], self.customer.id
        )
        self.assert_sound()

    def test_a_link_to_an_order_that_goes(self):
        """The deletion of an order's line empties the link in SQL."""
        order = self.order(self.customer, 100)
        invoice = self.invoice(order, post=False)
        self.assertEqual(self.state(invoice)["sale_order_ids"], order.ids)
        with self.subTest("from the side of the order"):
            order.order_line.invoice_lines = [Command.clear()]
            self.assertNotIn("sale_order_ids", self.state(invoice))
            order.order_line.invoice_lines = [Command.set(invoice.line_ids.ids)]
            self.assertEqual(self.state(invoice)["sale_order_ids"], order.ids)
        with self.subTest("its line is deleted"):
            order.action_cancel()
            order.unlink()
            self.assertNotIn("sale_order_ids", self.state(invoice))
        self.assert_sound()

    def test_a_line_that_is_changed_behind_the_orm_is_found(self):
        invoice = self.invoice(self.customer, 100)
        self.env["cqrs.event"]._look("account.move")
        self.env.cr.execute(
            "UPDATE account_move_line SET amount_residual = 1 WHERE move_id = %s"
            " AND display_type = 'payment_term'",
            [invoice.id],
        )
        self.assertEqual(self.env["cqrs.event"]._look("account.move"), (1, None))
        [line] = self.last(invoice)[2]["receivable_lines"]
        self.assertEqual(line["amount_residual"], 1)

    def test_a_line_that_is_deleted_behind_the_orm_is_found(self):
        invoice = self.invoice(self.customer, 100, terms=self.instalments)
        self.env.cr.execute(
            "DELETE FROM account_move_line WHERE id = (SELECT max(id) FROM"
            " account_move_line WHERE move_id = %s AND display_type = 'payment_term')",
            [invoice.id],
        )
        # PostgreSQL counts deleted rows when their transaction has ended.
        gone = self.env["cqrs.event"]._gone("account.move")
        found = self.env.execute_query(SQL(" UNION ").join(gone))
        self.assertEqual(found, [(invoice.id,)])

    def test_the_rank_of_a_customer_marks_nothing(self):
        """Odoo counts it up beside the transaction that posts."""
        self.env.cr.flush()
        self.customer._increase_rank("customer_rank")
        self.env.flush_all()
        pending = self.env.cr.precommit.data.get(PENDING)
        self.assertFalse(pending and pending.marks.get("res.partner"))
