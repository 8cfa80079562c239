from unittest.mock import patch

from odoo.tests import TransactionCase, tagged

from ..models.metrics import fold


@tagged("post_install", "-at_install")
class TestMetricsOfABulkWrite(TransactionCase):
    """Many changes at once are folded at once, not at the cron's next minute."""

    def setUp(self):
        super().setUp()
        self.startPatcher(patch.object(fold, "FOLD_AT_ONCE_FROM", 3))
        self.cron = self.env.ref("crm_cqrs.ir_cron_fold_metrics")

    def create_leads(self, number):
        before = self.triggers()
        self.env["crm.lead"].create(
            [{"name": "Bulk", "type": "opportunity"} for __ in range(number)]
        )
        self.env.cr.flush()
        return self.triggers() - before

    def triggers(self):
        return self.env["ir.cron.trigger"].search_count(
            [("cron_id", "=", self.cron.id)]
        )

    def test_only_many_changes_wake_the_cron(self):
        self.assertEqual([self.create_leads(2), self.create_leads(3)], [0, 1])

    def test_a_cron_that_was_deleted_is_missed_by_nobody(self):
        self.cron.unlink()
        self.create_leads(3)
