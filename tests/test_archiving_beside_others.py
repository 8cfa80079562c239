"""Archiving that is killed, beside writers and readers of the log."""

import json
import signal

from odoo.tests import tagged

from .common import INSTALLED, OwnDatabase

#: Kills itself once some batches are committed
KILLED = """
import os, signal
from odoo.addons.crm_cqrs.models.maintenance import archive
archive.BATCH_SIZE = 50
env["crm.lead"].create([{"name": f"Deal {n}"} for n in range(400)])
env.cr.commit()
env["cqrs.seal"]._seal()
run = env["cqrs.run"].create({"kind": "archive", "before": "2100-01-01"})
env.cr.commit()
def report(done, step):
    if done > 0.3:
        os.kill(os.getpid(), signal.SIGKILL)
run._perform(report)
"""

#: Takes the killed run up again, while somebody writes and somebody reads
BESIDE = """
import json, time
from threading import Event, Thread
from odoo.addons.crm_cqrs.models.event_store.reader import follow
from odoo.addons.crm_cqrs.models.maintenance import archive
archive.BATCH_SIZE = 20
leads = env["crm.lead"].search([("name", "=like", "Deal %")]).ids
ended, failures, writes, reads = Event(), [], [], []

def work(what, done):
    try:
        while not ended.is_set():
            with env.registry.cursor() as cr:
                done.append(what(env(cr=cr), len(done)))
            time.sleep(0.005)
    except Exception as error:
        failures.append(repr(error))

def write(env, number):
    lead = env["crm.lead"].browse(leads[number % len(leads)])
    lead.name = f"Deal {number}, changed"
    return lead.id

def read(env, number):
    versions, seen = {}, 0
    for page in follow(env.registry, None, 97):
        for event in page.events:
            stream, seen = (event.stream_model, event.stream_id), seen + 1
            if event.version != versions.get(stream, 0) + 1:
                failures.append("left out, not in order, or twice")
            versions[stream] = event.version
    return seen

threads = [Thread(target=work, args=each) for each in ((write, writes), (read, reads))]
[thread.start() for thread in threads]
env["cqrs.run"]._perform_pending()
ended.set()
[thread.join() for thread in threads]
if reads != sorted(reads):
    failures.append("not all")
env.cr.rollback()
run = env["cqrs.run"].search([], limit=1)
print("beside", json.dumps([failures, len(writes), len(reads), run.state, run.attempts,
    run.outcome]))
"""

#: Records a change of an archived record twice, at the same time
TWO_WRITERS = """
import json, time
from threading import Thread
from psycopg2.errors import SerializationFailure
from odoo.addons.crm_cqrs.models.maintenance.verify import verify
lead = env["crm.lead"].search([("name", "=like", "Deal 0%")], limit=1)
env.cr.execute("UPDATE crm_lead SET name = 'Unseen' WHERE id = %s", [lead.id])
env.cr.commit()
said = []

def record(env):
    return env["cqrs.event"]._record({"crm.lead": [lead.id]}, origin="reconcile")

def second(cr):
    try:
        said.append(record(env(cr=cr)))
    except SerializationFailure:
        said.append("40001")
        cr.rollback()
        said.append(record(env(cr=cr)))

with env.registry.cursor() as one, env.registry.cursor() as other:
    said.append(record(env(cr=one)))
    thread = Thread(target=second, args=(other,))
    thread.start()
    waiting = 0
    while not waiting:
        env.cr.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        [waiting] = env.cr.fetchone()
        time.sleep(0.01)
    one.commit()
    thread.join()
env.cr.rollback()
env["cqrs.seal"]._seal()
print("writers", json.dumps([lead.id, said, [str(each) for each in verify(env)]]))
"""


@tagged("post_install", "-at_install")
class TestArchivingBesideOthers(OwnDatabase):
    """In a database of its own, which whoever archives shares with others."""

    template = INSTALLED

    def counts(self):
        """Return the number of events, of positions, and of those not archived."""
        [counts] = self.query(
            "SELECT count(*), count(DISTINCT position),"
            " count(*) FILTER (WHERE tableoid = 'cqrs_event'::regclass) FROM cqrs_event"
        )
        return counts

    def said(self, word, script):
        lines = self.odoo("shell", script=script).stdout.splitlines()
        [line] = [line for line in lines if line.startswith(f"{word} ")]
        return json.loads(line.removeprefix(f"{word} "))

    def test_it_goes_on_after_a_kill_beside_writers_and_readers(self):
        self.odoo("shell", script=KILLED, status=-signal.SIGKILL)
        events, positions, left = self.counts()
        self.assertEqual(events, positions)
        self.assertTrue(100 < left < events - 100, (events, left))

        failures, writes, reads, *run = self.said("beside", BESIDE)
        self.assertEqual(failures, [])
        self.assertGreater(min(writes, reads), 1)
        recorded, positions, now_left = self.counts()
        self.assertEqual((recorded, positions), (events + writes, events + writes))
        # All that there was but for the last event, which is another one if somebody
        # has written before the run looks what there is.
        self.assertIn(now_left, range(1, writes + 2))
        archived = left + writes - now_left
        self.assertEqual(run, ["done", 2, f"Events archived: {archived}."])

        with self.subTest("two writers of one archived record"):
            lead, said, found = self.said("writers", TWO_WRITERS)
            self.assertEqual(said, [1, "40001", 0])
            self.assertEqual(found, [])
            versions = self.query(
                "SELECT version FROM cqrs_event WHERE stream_model = 'crm.lead'"
                f" AND stream_id = {lead} ORDER BY version"
            )
            self.assertEqual(
                versions, [(number,) for number in range(1, len(versions) + 1)]
            )

        with self.subTest("by command, up to a time"):
            command = ("cqrs", "archive", "--json", "--before")
            done = self.odoo(*command, "2100-01-01T00:00+02:00")
            self.assertEqual(json.loads(done.stdout), {"events": now_left})
            self.assertEqual(self.counts()[2], 1)
