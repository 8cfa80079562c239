from odoo.tests import tagged

from .. import test_install_and_uninstall as plain


@tagged("post_install", "-at_install")
class TestInstallAndUninstallWithSales(plain.TestInstallAndUninstall):
    """The same where there are orders and invoices, which is the template here."""

    # It has nothing to do with them.
    test_a_folder_of_another_name_is_refused_in_words = None

    def assert_everything_is_recorded(self):
        result = super().assert_everything_is_recorded()
        for table, view, condition in (
            ("sale_order", "cqrs_order_view", "true"),
            ("account_move", "cqrs_invoice_view", "move_type LIKE 'out%'"),
        ):
            rows = self.query(f"SELECT id FROM {table} WHERE {condition} ORDER BY id")
            self.assertGreater(len(rows), 0)
            self.assertEqual(rows, self.query(f"SELECT id FROM {view} ORDER BY id"))
        return result
