import json
import os
import subprocess
import unittest
from unittest.mock import patch

from odoo.tests import tagged

from .common import INSTALLED, OwnDatabase

#: Reads all of the log as a follower does, a page at a time, from where it was
READ = """
import json
from odoo.addons.crm_cqrs.models.event_store.reader import Checkpoint, Filters, follow
leads = Filters(stream_model="crm.lead", types=("OpportunityCreated",))
after = AFTER and Checkpoint.parse(AFTER)
pages = list(follow(env.registry, after, 7, leads))
print("events", json.dumps([
    [e.stream_id, e.epoch, str(page.checkpoint_at(e))]
    for page in pages for e in page.events
]))
print("checkpoint", json.dumps(str(pages[-1].checkpoint)))
"""

CREATE = """
env["crm.lead"].search([], limit=1).priority = "2"
leads = env["crm.lead"].create([
    {"name": f"Restored {n}", "type": "opportunity"} for n in range(10)])
env.cr.commit()
print("created", leads.ids)
"""


@tagged("post_install", "-at_install")
@unittest.skipUnless(
    os.environ.get("CRM_CQRS_PRIVATE_SERVER"),
    "needs ./dev test with its own PostgreSQL, beside which it makes another",
)
class TestLogRestoredIntoAYoungerCluster(OwnDatabase):
    """A real dump: there the ids of the old transactions have not been given out."""

    template = INSTALLED

    def test_a_reader_skips_nothing_and_sees_nothing_twice(self):
        # Not at the top: what an installed addon needs is not what it is tested with.
        from ..devtools.databases.other_servers import younger

        self.create_leads()
        before = self.read_on()
        end = self.said("checkpoint", READ.replace("AFTER", "None"))
        self.assertGreater(len(before), 20)
        self.archive()
        with younger() as variables:
            self.restore(variables)
            with patch.dict(os.environ, variables):
                created = self.create_leads()
                after = self.read_on(before[-1][2])
                # The whole log had been read, and its end is no event's place.
                self.assertEqual(
                    self.without_cursors(self.read_on(end)), self.without_cursors(after)
                )
                everything = self.read_on()
                found = json.loads(self.odoo("cqrs", "verify", "--json").stdout)
        self.assertEqual([id_ for id_, __, __ in after], created)
        self.assertEqual(
            self.without_cursors(everything), self.without_cursors(before + after)
        )
        self.assertEqual({epoch for __, epoch, __ in before}, {1})
        self.assertEqual({epoch for __, epoch, __ in after}, {2})
        self.assertEqual(found["findings"], [])

    def without_cursors(self, events):
        # A cursor also names transactions that are open at the moment.
        return [event[:2] for event in events]

    def restore(self, variables):
        """Dump the database and restore it under its name in another cluster.

        In one transaction: each one makes the cluster older.
        """
        elsewhere = {**os.environ, **variables}
        subprocess.run(["createdb", self.db], env=elsewhere, check=True)
        dump = subprocess.run(
            ["pg_dump", "--no-owner", self.db], capture_output=True, check=True
        )
        subprocess.run(
            [
                "psql",
                "-q",
                "--single-transaction",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                self.db,
            ],
            input=dump.stdout,
            env=elsewhere,
            capture_output=True,
            check=True,
        )

    def archive(self):
        """Have the dump hold an archive table, too."""
        self.odoo("shell", script="env['cqrs.seal']._seal()")
        done = self.odoo("cqrs", "archive", "--json", "--before", "2100-01-01")
        self.assertGreater(json.loads(done.stdout)["events"], 20)

    def create_leads(self):
        return self.said("created", CREATE)

    def read_on(self, cursor=None):
        """Return ``[id, epoch, cursor]`` of each event after a cursor."""
        return self.said("events", READ.replace("AFTER", repr(cursor)))

    def said(self, word, script):
        lines = self.odoo("shell", script=script).stdout.splitlines()
        [line] = [line for line in lines if line.startswith(f"{word} ")]
        return json.loads(line.removeprefix(f"{word} "))
