import itertools
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from psycopg2.errors import SerializationFailure

from odoo.service.model import retrying
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import RealCursors

WRITERS = 16
#: A minute by hand: CRM_CQRS_SECONDS=60 ./dev test -k concurrent_writers
SECONDS = float(os.environ.get("CRM_CQRS_SECONDS", "4"))


@tagged("post_install", "-at_install")
class TestConcurrentWriters(RealCursors):
    """Real cursors, Odoo's own retry: every committed write is one event, in order."""

    def setUp(self):
        super().setUp()
        with self.registry.cursor() as cr:
            leads = self.leads(cr, [])
            self.lead_ids = leads.create([{"name": f"cqrs {n}"} for n in range(6)]).ids
        self.addCleanup(self.remove)
        self.committed = {lead_id: [] for lead_id in self.lead_ids}

    def remove(self):
        with self.registry.cursor() as cr:
            self.leads(cr, self.lead_ids).unlink()

    def leads(self, cr, ids):
        env = self.environment(cr)
        return env["crm.lead"].browse(ids)

    def write_until(self, end, numbers, seed):
        """Write ever new amounts to leads that all writers share."""
        choose = random.Random(seed).choice
        while time.monotonic() < end:
            lead_id, amount = choose(self.lead_ids), next(numbers)
            with self.registry.cursor() as cr:
                lead = self.leads(cr, [lead_id])
                try:
                    values = {"expected_revenue": amount}
                    retrying(partial(lead.write, values), lead.env)
                except SerializationFailure:
                    continue  # the fifth in a row, as bare Odoo would give up
            self.committed[lead_id].append(amount)

    @mute_logger("odoo.sql_db", "odoo.service.model")
    def test_no_event_is_lost_or_doubled(self):
        numbers = itertools.count(1)
        end = time.monotonic() + SECONDS
        with ThreadPoolExecutor(WRITERS) as pool:
            writers = [
                pool.submit(self.write_until, end, numbers, seed)
                for seed in range(WRITERS)
            ]
        for writer in writers:
            writer.result()  # raises what the writer raised
        self.assertGreater(sum(map(len, self.committed.values())), WRITERS)
        with self.registry.cursor() as cr:
            for lead in self.leads(cr, self.lead_ids):
                cr.execute(
                    """
                    SELECT version, (after ->> 'expected_revenue')::numeric::integer
                    FROM cqrs_event WHERE stream_model = 'crm.lead' AND stream_id = %s
                    ORDER BY version
                    """,
                    [lead.id],
                )
                versions, amounts = zip(*cr.fetchall(), strict=True)
                self.assertEqual(versions, tuple(range(1, len(versions) + 1)))
                self.assertCountEqual(amounts[1:], self.committed[lead.id])
                self.assertEqual(amounts[-1], lead.expected_revenue)

    @mute_logger("odoo.sql_db")
    def test_who_writes_what_the_reconciler_records_is_run_again(self):
        """Of a first event and of a later one; the reconciler locks no lead."""
        with self.registry.cursor() as cr:
            cr.execute(
                "INSERT INTO crm_lead (name, type, active) VALUES ('SQL', 'lead', true)"
                " RETURNING id"
            )
            [new_id] = cr.fetchone()
            cr.execute(
                "UPDATE crm_lead SET name = 'SQL' WHERE id = %s", self.lead_ids[:1]
            )
        self.lead_ids.append(new_id)
        for lead_id in (new_id, self.lead_ids[0]):
            with self.subTest(lead_id), self.registry.cursor() as cr:
                lead = self.leads(cr, [lead_id])
                self.assertEqual(lead.name, "SQL")  # its snapshot
                with self.registry.cursor() as other:
                    event = self.leads(other, []).env["cqrs.event"]
                    count = event._record({"crm.lead": [lead_id]}, origin="reconcile")
                    self.assertEqual(count, 1)
                lead.name = "ORM"
                with self.assertRaises(SerializationFailure):
                    cr.flush()
                cr.rollback()
