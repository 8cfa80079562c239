from unittest.mock import patch

from odoo.tests import tagged

from .common import SalesOrganisation


@tagged("post_install", "-at_install")
class TestEpochAfterARestore(SalesOrganisation):
    def epoch(self):
        self.env.cr.execute("SELECT max(epoch) FROM cqrs_epoch")
        return self.env.cr.fetchone()[0]

    def restore(self, lead):
        """Put an event of the future into the log."""
        self.env.cr.execute(
            """
            INSERT INTO cqrs_event OVERRIDING SYSTEM VALUE
            SELECT (e).* FROM (
                SELECT jsonb_populate_record(e, jsonb_build_object(
                    'position', -1, 'stream_id', -1,
                    'txid', '4000000000000')) AS e
                FROM cqrs_event e
                WHERE stream_model = 'crm.lead' AND stream_id = %s) restored
            """,
            [lead.id],
        )

    def test_what_is_written_while_the_registry_loads_is_of_the_new_epoch(self):
        before, lead = self.epoch(), self.opportunity(self.seller)
        self.restore(lead)
        with patch.object(self.registry, "ready", False):
            lead.name = "After the restore"
            self.env.cr.flush()
        self.assertEqual(self.epoch(), before + 1)

    def test_events_of_the_future_begin_a_new_epoch(self):
        """A dump restored into a younger cluster carries ids not yet given out."""
        event, before = self.env["cqrs.event"], self.epoch()
        lead = self.opportunity(self.seller)
        event._begin_epoch_if_restored()
        self.assertEqual(self.epoch(), before)

        self.restore(lead)
        event._begin_epoch_if_restored()
        self.assertEqual(self.epoch(), before + 1)
        event._begin_epoch_if_restored()
        self.assertEqual(self.epoch(), before + 1)
        lead.name = "After the restore"
        self.env.cr.flush()
        self.env.cr.execute(
            "SELECT epoch FROM cqrs_event WHERE stream_model = 'crm.lead'"
            " AND stream_id = %s ORDER BY version",
            [lead.id],
        )
        self.assertEqual(self.env.cr.fetchall(), [(before,), (before + 1,)])
