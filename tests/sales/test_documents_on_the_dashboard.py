"""The dashboard keeps room for orders and invoices: nothing moves when they come."""

from odoo.tests import tagged

from ..browser import BrowserCase
from ..test_dashboard_at_a_glance import SHIFT
from .common import Sales

SHOWN = """
document.querySelector(".o_cqrs_document_tile") && document.querySelector("canvas")
    && document.querySelector(".o_cqrs_opportunity")
    && !document.querySelector(".o_cqrs_grid .placeholder")
"""
AMOUNT = """
(() => {
    const tile = document.querySelector(".o_cqrs_document_tile[data-name=%s]");
    const amount = tile.querySelector(".fw-bold");
    return [amount.children[0].textContent, amount.title]
        .map((text) => text.replaceAll("\\u00a0", " "));
})()
"""


@tagged("post_install", "-at_install")
class TestDocumentsOnTheDashboard(Sales, BrowserCase):
    def test_nothing_moves_when_they_come(self):
        self.manager.group_ids += self.env.ref("account.group_account_invoice")
        sold = self.order(self.customer, 12_345.67, user=self.seller)
        self.invoice(sold, days=1)
        self.opportunity(self.seller)
        self.env.flush_all()
        with self.browse():
            self.enter(self.manager)
            for width, height in ((1400, 900), (1024, 768), (390, 844)):
                self.page.resize(width, height)
                self.visit("/odoo/sales-dashboard", SHOWN)
                with self.subTest(width=width):
                    shift, moved = self.js(SHIFT)
                    self.assertLessEqual(shift, 0.01, moved)
            self.assertEqual(self.js(AMOUNT % "ordered"), ["$ 12.3k", "$ 12,345.67"])
