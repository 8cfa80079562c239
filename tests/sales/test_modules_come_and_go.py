"""The modules of orders and invoices, uninstalled and installed again."""

import json
import re
import subprocess

from odoo.tests import tagged

from ..common import INSTALLED, ODOO, OwnDatabase

MODULES = ("account", "sale_management", "sale_crm")
TYPES = "('out_invoice', 'out_refund', 'out_receipt')"
#: Sales after the modules have come again, under the ids of former rows
SELL = """
from odoo import Command
admin = env.ref("base.user_admin")
customer = env["res.partner"].create({"name": "Sold again", "is_company": True})
product = env["product.product"].create(
    {"name": "Again", "type": "service", "invoice_policy": "order"})
order = env["sale.order"].create({
    "partner_id": customer.id, "user_id": admin.id, "order_line": [Command.create(
        {"product_id": product.id, "price_unit": 77, "tax_ids": [Command.clear()]})]})
order.action_confirm()
invoice = order._create_invoices()
invoice.action_post()
env.cr.commit()
"""
#: An invoice where there are no orders
INVOICE = """
from odoo import Command
admin = env.ref("base.user_admin")
customer = env["res.partner"].create({"name": "Without orders", "is_company": True})
invoice = env["account.move"].create({
    "move_type": "out_invoice", "partner_id": customer.id, "invoice_user_id": admin.id,
    "invoice_line_ids": [Command.create(
        {"name": "Work", "price_unit": 55, "tax_ids": [Command.clear()]})]})
invoice.action_post()
env.cr.commit()
"""
#: Whoever is shown anything: each reader, as the administrator; nothing may fail
READ = """
import json
from odoo import fields
env["cqrs.event"]._build()
env.cr.commit()
admin = env.ref("base.user_admin")
access = env["cqrs.access"].with_user(admin)
today = fields.Date.today()
accounts = env["cqrs.accounts"].with_user(admin)
page = accounts._read_page(admin, today, "won_revenue")
account_id = page["items"][0]["odoo_id"]
account = accounts._read_account(admin, account_id, today)
assert accounts._read_timeline(admin, account_id)["items"]
assert accounts._read_totals(admin, today)["total"]
rows = env["cqrs.account.view"].with_user(admin)
rows.search_read([])
print("read", json.dumps({
    "sources": sorted(
        m for m in env["cqrs.event"]._declared_sources() if m in env.registry),
    "viewers": {m: len(access._document_viewers(admin, m))
                for m in ("sale.order", "account.move")},
    "dashboard": sorted(env["cqrs.dashboard"].with_user(admin)._read_dashboard()),
    "account": sorted(account),
    "fields": sorted(rows.fields_get()),
    "documents": sorted(
        env["cqrs.sales.figures"].with_user(admin)._read_documents(admin)),
}))
"""


@tagged("post_install", "-at_install")
class TestModulesComeAndGo(OwnDatabase):
    template = INSTALLED

    def shown(self):
        """Return what the readers show, in a process of their own."""
        said = self.odoo("shell", script=READ).stdout
        return json.loads(re.search(r"^read (.+)$", said, re.MULTILINE)[1])

    def change_modules(self, *arguments):
        done = subprocess.run(
            [ODOO, "module", *arguments, "-d", self.db],
            capture_output=True,
            text=True,
            check=False,
        )
        # Odoo tells of accounting demo data that it does not make a second time.
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])

    ORDERS = ("sale.order", "sale_order", "cqrs_order_view", "true")
    INVOICES = (
        *("account.move", "account_move", "cqrs_invoice_view"),
        f"move_type IN {TYPES}",
    )

    def assertRecorded(self, *sources):
        """Each order and invoice of Odoo has its row and its stream, and none else."""
        for model, table, view, condition in sources:
            rows = f"SELECT id, name, company_id FROM {table} WHERE {condition}"
            self.assertEqual(
                self.query(f"{rows} ORDER BY id"),
                self.query(f"SELECT id, name, company_id FROM {view} ORDER BY id"),
            )
            self.assertEqual(
                self.query(f"SELECT id FROM {table} WHERE {condition} ORDER BY id"),
                self.query(
                    "SELECT stream_id FROM cqrs_stream WHERE state IS NOT NULL"
                    f" AND stream_model = '{model}' ORDER BY stream_id"
                ),
            )
        self.assertEqual(
            self.query(
                f"SELECT sum(amount_untaxed_signed) FROM account_move"
                f" WHERE state = 'posted' AND move_type IN {TYPES}"
            ),
            self.query(
                "SELECT sum(untaxed) FROM cqrs_invoice_view WHERE state = 'posted'"
            ),
        )
        self.assertIn("findings: -\n", self.odoo("cqrs", "verify").stdout)

    def test_uninstalled_and_installed_again_with_other_rows(self):
        # The addon came after the modules.
        self.assertRecorded(self.ORDERS, self.INVOICES)
        before = self.shown()
        self.assertEqual(before["viewers"], {"sale.order": 1, "account.move": 1})
        self.assertIn("invoiced", before["documents"])

        # Odoo has no orders without invoices, as ``sale`` needs ``account``.
        self.change_modules("uninstall", "sale")
        self.odoo("shell", script=INVOICE)
        invoices = self.shown()
        self.assertEqual(invoices["viewers"], {"sale.order": 0, "account.move": 1})
        self.assertIn("invoiced", invoices["documents"])
        for shown in ("documents", "dashboard", "account", "fields"):
            self.assertFalse({"ordered", "orders"}.intersection(invoices[shown]), shown)
        for shown in ("account", "fields"):
            self.assertLess({"invoiced", "paid", "overdue"}, {*invoices[shown]}, shown)
        self.assertEqual(self.query("SELECT count(*) FROM cqrs_order_view"), [(0,)])
        self.assertRecorded(self.INVOICES)

        self.change_modules("uninstall", "account")
        without = self.shown()
        for shown in ("account", "fields"):
            figures = {"ordered", "invoiced", "paid", "overdue", "ageing"}
            self.assertFalse(figures.intersection(without[shown]), shown)
        self.assertEqual(without["viewers"], {"sale.order": 0, "account.move": 0})
        self.assertFalse(
            {"ordered", "invoiced", "paid", "overdue"}.intersection(
                without["documents"] + without["dashboard"]
            )
        )
        for table in ("cqrs_order_view", "cqrs_invoice_view", "cqrs_receivable"):
            self.assertEqual(self.query(f"SELECT count(*) FROM {table}"), [(0,)])
        self.assertIn("findings: -\n", self.odoo("cqrs", "verify").stdout)

        # The modules come after the addon.
        self.change_modules("install", *MODULES)
        self.odoo("shell", script=SELL)
        self.assertEqual(self.shown(), before)
        self.assertRecorded(self.ORDERS, self.INVOICES)
