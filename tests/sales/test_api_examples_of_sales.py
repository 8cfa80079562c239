"""The examples of the documentation that need invoices."""

import json
from decimal import Decimal

from odoo.tests import tagged

from ..api import ApiCase
from ..test_api_examples import FILE, assert_still_come_out
from .common import Sales


@tagged("post_install", "-at_install")
class TestApiExamplesOfSales(Sales, ApiCase):
    def test_they_still_come_out(self):
        self.seller.write({"name": "Sam Okafor", "email": "sam@example.com"})
        self.customer.name = "Blue Nile Trading"
        day = "2026-01-15"
        invoice = self.invoice(
            self.customer,
            1200,
            user=self.seller,
            name="INV/2026/90012",
            invoice_date=day,
            invoice_date_due="2026-02-14",
        )
        self.pay(invoice, 500)
        self.env.cr.flush()
        url = "/api/v2/dashboard/invoices?status=overdue&limit=1"
        self.authenticate(self.manager.login, self.manager.login)
        response = self.url_open(url)
        self.assertEqual(response.status_code, 200, response.text)
        body = json.loads(response.text, parse_float=Decimal)
        # It grows by the day.
        body["items"][0]["overdue_days"] = 289
        assert_still_come_out(
            self,
            {"invoices": {"url": url, "body": body}},
            FILE.with_name("examples_of_sales.json"),
        )
