"""The contract of every read model, where there are orders and invoices."""

from odoo.tests import TransactionCase, tagged

from .. import test_every_projection
from .common import Sales


@tagged("post_install", "-at_install")
class TestEveryReadModelOfSales(
    Sales, test_every_projection.TestEveryProjection, TransactionCase
):
    def make_records(self):
        result = super().make_records()
        self.invoice(self.order(self.contact, 100, user=self.seller))
        return result

    def test_all_of_them_can_be_filled(self):
        self.assertEqual(self.filled, self.projections)
