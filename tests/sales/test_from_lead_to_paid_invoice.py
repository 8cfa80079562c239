"""One customer's story, and after each step each figure against those of Odoo."""

from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal

from odoo.tests import tagged
from odoo.tools import SQL

from ..api import ApiCase
from .common import Sales
from .plain_sales import (
    INVOICES,
    ORDERS,
    account_of,
    ages_of,
    exact,
    open_lines,
    sums_of,
)

AGES = {None: "not_due", 0: "0_30", 30: "31_60", 60: "61_90", 90: "over_90"}
MEASURES = (
    *("orders", "ordered", "invoices", "invoiced", "credited", "paid", "open"),
    "overdue",
)
COUNTS = ("orders", "invoices")
#: As the API calls them beside the figures of opportunities
SHOWN = {"overdue": "overdue_invoices"}
#: Dollars to a euro today; see ``RATES``
DOLLARS = 1 / Decimal("0.8")


@tagged("post_install", "-at_install")
class TestFromLeadToPaidInvoice(Sales, ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.account("Other customer", user_id=cls.seller.id)
        cls.customers = cls.customer | cls.contact | cls.other

    def orders(self):
        return self.env[ORDERS].search([("partner_id", "in", self.customers.ids)])

    def documents(self):
        return self.env[INVOICES].search(
            [
                ("partner_id", "in", self.customers.ids),
                ("move_type", "in", ("out_invoice", "out_refund", "out_receipt")),
            ]
        )

    def rows(self, table, records):
        """Return ``{id: row}`` of a read model's rows of some records."""
        self.env.cr.flush()
        query = SQL(
            "SELECT * FROM %s WHERE id = ANY(%s)", SQL.identifier(table), records.ids
        )
        return {row["id"]: row for row in self.env.execute_query_dict(query)}

    # Against Odoo

    def assertStep(self):
        """Check each figure of each reader."""
        self.env.cr.flush()
        self.env.invalidate_all()
        self.customers = self.customers.exists()
        self.assertRows()
        self.assertReports()
        for viewer in (self.seller, self.manager, self.head):
            self.assertFigures(viewer)
        self.assertApi(self.head)

    def assertRows(self):
        orders, documents = self.orders(), self.documents()
        rows = self.rows("cqrs_order_view", orders)
        self.assertEqual(set(rows), set(orders.ids))
        for order in orders:
            row = rows[order.id]
            self.assertEqual(
                (row["name"], row["state"], row["user_id"], row["partner_id"]),
                (order.name, order.state, order.user_id.id, order.partner_id.id),
            )
            self.assertEqual(row["is_confirmed"], order.state == "sale")
            self.assertEqual(exact(row["untaxed"]), exact(order.amount_untaxed))
            self.assertEqual(exact(row["total"]), exact(order.amount_total))
            self.assertEqual(row["currency_id"], order.currency_id.id)
            self.assertEqual(row["opportunity_id"] or False, order.opportunity_id.id)
            self.assertEqual(row["invoice_status"], order.invoice_status)
            self.assertEqual(row["ordered_at"], order.date_order)
        rows = self.rows("cqrs_invoice_view", documents)
        self.assertEqual(set(rows), set(documents.ids))
        for document in documents:
            row, is_posted = rows[document.id], document.state == "posted"
            self.assertEqual(row["state"], document.state)
            self.assertEqual(row["move_type"], document.move_type)
            self.assertEqual(row["account_id"], account_of(document).id)
            self.assertEqual(row["user_id"] or False, document.invoice_user_id.id)
            self.assertEqual(row["document_currency_id"], document.currency_id.id)
            self.assertEqual(row["currency_id"], document.company_currency_id.id)
            self.assertEqual(
                exact(row["untaxed"]), exact(document.amount_untaxed_signed)
            )
            self.assertEqual(exact(row["total"]), exact(document.amount_total_signed))
            self.assertEqual(row["invoiced_on"] or False, document.invoice_date)
            if is_posted:
                self.assertEqual(row["payment_state"], document.payment_state)
                self.assertEqual(row["due_on"], document.invoice_date_due)
            residual = exact(document.amount_residual_signed) if is_posted else 0
            self.assertEqual(exact(row["residual"]), residual)
            self.assertEqual(
                sorted(row["order_ids"] or []),
                sorted(document.line_ids.sale_line_ids.order_id.ids),
            )
        lines = {
            line.id: (document.id, line.date_maturity, exact(line.amount_residual))
            for document in documents
            if document.state == "posted"
            for line in open_lines(document)
        }
        self.env.cr.execute(
            "SELECT id, invoice_id, due_on, residual FROM cqrs_receivable"
            " WHERE invoice_id = ANY(%s)",
            [documents.ids],
        )
        found = {
            id_: (invoice_id, due_on, exact(residual))
            for id_, invoice_id, due_on, residual in self.env.cr.fetchall()
        }
        self.assertEqual(found, lines)

    def sums(self, viewer):
        """Return ``{(account, company, currency): {measure: Decimal}}``."""
        figures = self.env["cqrs.sales.figures"].with_user(viewer)
        query = figures._account_sums(viewer, self.today)
        found = defaultdict(lambda: defaultdict(Decimal))
        for row in self.env.execute_query_dict(
            SQL(
                "SELECT * FROM (%s) sums WHERE account_id = ANY(%s)",
                query,
                self.customers.ids,
            )
        ):
            key = row["account_id"], row["company_id"], row["currency_id"]
            for measure in MEASURES:
                found[key][measure] += exact(row[measure])
        return {
            key: {name: value for name, value in sums.items() if value}
            for key, sums in found.items()
            if any(sums.values())
        }

    def assertReports(self):
        """Hold the sums against Odoo's reports, all of whose rows are the seller's."""
        sums = self.sums(self.head)
        invoiced, overdue, due = (defaultdict(Decimal) for _ in range(3))
        ordered = Decimal(0)
        for (account, __, currency), each in sums.items():
            invoiced[account] += each.get("invoiced", 0)
            overdue[account] += each.get("overdue", 0)
            due[account] += each.get("open", 0)
            if currency == self.dollar.id:
                ordered += each.get("ordered", 0)
        accounts = self.customers.commercial_partner_id
        report = self.env["account.invoice.report"]._read_group(
            [
                ("commercial_partner_id", "in", accounts.ids),
                ("state", "=", "posted"),
                ("move_type", "in", ("out_invoice", "out_refund", "out_receipt")),
            ],
            ["commercial_partner_id"],
            ["price_subtotal:sum"],
        )
        self.assertSame(invoiced, {account.id: value for account, value in report})
        # What the aged receivable and the partner ledger add up. The latter has what
        # was paid for no invoice, too.
        lines = [
            ("partner_id", "in", accounts.ids),
            ("account_id.account_type", "=", "asset_receivable"),
            ("parent_state", "=", "posted"),
        ]
        invoices = [*lines, ("move_id.move_type", "!=", "entry")]
        payments = [*lines, ("move_id.move_type", "=", "entry")]
        late = [*invoices, ("date_maturity", "<", self.today)]
        self.assertSame(due, self.added_up(invoices, "amount_residual"))
        self.assertSame(overdue, self.added_up(late, "amount_residual"))
        drafts = self.documents().filtered(lambda each: each.state == "draft")
        if not drafts.line_ids.matched_credit_ids:  # which are no part of a ledger
            for account, amount in self.added_up(payments, "amount_residual").items():
                due[account] += exact(amount)
            self.assertSame(due, self.added_up(lines, "balance"))
        report = self.env["sale.report"]._read_group(
            [
                ("partner_id", "in", self.customers.ids),
                ("state", "=", "sale"),
                ("order_reference", "in", self.in_dollars()),
            ],
            [],
            ["price_subtotal:sum"],
        )
        self.assertSame({"ordered": ordered}, {"ordered": report[0][0] or 0})

    def added_up(self, domain, amount):
        report = self.env["account.move.line"]._read_group(
            domain, ["partner_id"], [f"{amount}:sum"]
        )
        return {account.id: value for account, value in report}

    def in_dollars(self):
        orders = self.orders().filtered(lambda each: each.currency_id == self.dollar)
        return [f"{ORDERS},{order.id}" for order in orders]

    def assertSame(self, found, report):
        """Compare our sums with floats that a report of Odoo has added up."""
        cents = {
            key: round(Decimal(value), 2) for key, value in report.items() if value
        }
        self.assertEqual(
            {key: round(value, 2) for key, value in found.items() if value},
            {key: value for key, value in cents.items() if value},
        )

    def assertFigures(self, viewer):
        """Hold what a viewer sees against plain loops over the seller's records."""
        records = [*self.orders(), *self.documents()]
        self.assertEqual(self.sums(viewer), sums_of(records, self.today))
        figures = self.env["cqrs.sales.figures"].with_user(viewer)
        ages = figures._read_ageing(
            viewer, self.today, account_ids=self.customers.commercial_partner_id.ids
        )
        expected = ages_of(self.documents(), self.today)
        self.assertEqual(
            {name: exact(ages[name]["amount"]) for name in AGES.values()},
            {
                name: expected.get((self.dollar.id, age), 0)
                for age, name in AGES.items()
            },
        )

    def assertApi(self, viewer):
        """Hold what the API answers against the same loops, in dollars."""
        documents = [each for each in self.documents() if each.state == "posted"]
        self.assertAmounts(
            self.body(viewer, "metrics"), self.in_total([*self.orders(), *documents])
        )
        for account in self.customers.commercial_partner_id:
            records = [
                each
                for each in (*self.orders(), *documents)
                if account_of(each) == account
            ]
            answer = self.body(viewer, f"accounts/{account.id}")
            for measure, amount in self.in_total(records).items():
                self.assertEqual(answer[measure], amount, (measure, account.name))
        answer = self.body(viewer, "invoices")
        found = {
            each["odoo_id"]: (each["booked"]["total"], each["booked"]["open"])
            for each in answer["items"]
        }
        self.assertEqual(
            found,
            {
                each.id: (
                    exact(each.amount_total_signed),
                    exact(each.amount_residual_signed),
                )
                for each in documents
            },
        )

    def assertAmounts(self, answer, amounts):
        for measure in ("ordered", "invoiced", "credited", "paid", "open", "overdue"):
            found = answer[SHOWN.get(measure, measure)]
            self.assertEqual(found["amount"], amounts[measure], measure)

    def in_total(self, records):
        """Return ``{measure: Decimal}`` of all accounts, rounded once."""
        total = Counter()
        for (__, __, currency), sums in sums_of(records, self.today).items():
            for measure, value in sums.items():
                is_converted = currency == self.euro.id and measure not in COUNTS
                total[measure] += value * DOLLARS if is_converted else value
        cent = Decimal("0.01")
        return {
            name: Decimal(total[name]).quantize(cent, ROUND_HALF_UP)
            for name in MEASURES
        }

    # The story

    def test_each_figure_after_each_step(self):
        deal = self.opportunity(
            self.seller, 1000, type="lead", partner_id=self.contact.id
        )
        deal.convert_opportunity(self.contact)
        self.assertStep()
        order = self.order(
            self.contact, 600, 400, user=self.seller, deal=deal, tax=self.tax
        )
        self.assertStep()
        deal.action_set_won()
        down = self.down_payment(order, 30)
        self.assertStep()
        down.invoice_date = self.days_ago(100)
        down.action_post()
        self.assertStep()
        rest = self.invoice(order, terms=self.instalments, days=45)
        self.assertStep()
        self.pay(down)
        self.assertStep()
        self.pay(rest, 100)
        self.assertStep()
        self.credit(rest, 50)
        self.assertStep()
        # Another currency, twice, at two rates, and of another customer.
        abroad = self.order(
            self.other, 300, user=self.seller, currency=self.euro, tax=self.tax
        )
        euros = self.invoice(abroad, days=90)
        self.assertStep()
        self.pay(euros, 110, days=5)
        self.assertStep()
        self.reset(rest)
        self.assertStep()
        rest.action_post()
        self.assertStep()
        self.merge(self.customer, self.other)
        self.assertStep()
        self.pay(euros)
        for invoice in self.documents():
            if invoice.state == "posted" and invoice.amount_residual:
                self.pay(invoice)
        self.assertStep()
        [sums] = {
            key: each
            for key, each in self.sums(self.head).items()
            if key[2] == self.dollar.id
        }.values()
        self.assertNotIn("open", sums)
        self.assertNotIn("overdue", sums)
        self.assertEqual(sums["invoiced"], 950 + 600)
        self.assertEqual(sums["credited"], -50)
        self.assertEqual(sums["orders"], 1)
