import json
import os
import unittest

from odoo.tests import tagged

from .common import INSTALLED, OwnDatabase

#: Writers at random, and one reader who takes each page from either server at random
SCRIPT = """
import json, random, time
from odoo.addons.crm_cqrs.models.event_store.reader import (
    Checkpoint, Filters, Horizon, end_of_log, read_page)

chance = random.Random(SEED)
leads = Filters(stream_model="crm.lead")
opened, committed, given, by_server = [], [], [], {True: 0, False: 0}
moves_back = 0
env.cr.commit()
with env.registry.cursor() as cr:
    after = end_of_log(env(cr=cr))

def begin():
    cr = env.registry.cursor()
    context = {"tracking_disable": True}
    lead = env(cr=cr, context=context)["crm.lead"].create({"name": "Between servers"})
    cr.flush()
    opened.append((cr, lead.id))

def end(is_kept):
    cr, id_ = opened.pop(chance.randrange(len(opened)))
    if is_kept:
        cr.commit()
        committed.append(id_)
    else:
        cr.rollback()
    cr.close()

def read(is_replica):
    global after, moves_back
    with env.registry.cursor(readonly=is_replica) as cr:
        page = read_page(env(cr=cr), after, chance.randint(1, 4), leads)
        cr.execute("SELECT pg_is_in_recovery()")
        assert cr.fetchone() == (is_replica,)
    given.extend(event.stream_id for event in page.events)
    by_server[is_replica] += len(page.events)
    before, after = after, Checkpoint.parse(str(page.checkpoint))
    moves_back += after.upto < before.upto
    return page.events or not page.is_last

def replayed():
    with env.registry.cursor() as cr:
        cr.execute("SELECT pg_current_wal_lsn()::text")
        [(lsn,)] = cr.fetchall()
    while True:
        with env.registry.cursor(readonly=True) as cr:
            cr.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [lsn])
            if cr.fetchone()[0]:
                return
        time.sleep(0.01)

def quiet():
    # Only where no transaction is open does a replica show all that has ended.
    if chance.random() < 0.4:
        while opened:
            end(True)
        replayed()
        while read(True):
            pass

# How many pages each server gives depends on the clock as well as on chance.
for step in range(3000):
    if step >= 300 and min(by_server.values()) >= 20:
        break
    chance.choice([
        quiet,
        begin,
        lambda: opened and end(chance.random() < 0.8),
        lambda: read(False),
        lambda: read(True),
        lambda: read(True),
        lambda: chance.random() < 0.3 and replayed(),
    ])()
    if len(opened) > 5:
        end(True)
while opened:
    end(True)
replayed()
while read(True) or read(False):
    pass
print("done", json.dumps([sorted(given), sorted(committed), list(by_server.values()),
                          moves_back]))
"""


@tagged("post_install", "-at_install")
@unittest.skipUnless(
    os.environ.get("CRM_CQRS_PRIVATE_SERVER"),
    "needs ./dev test with its own PostgreSQL, of which it makes a replica",
)
class TestCheckpointsBetweenServers(OwnDatabase):
    """A real replica, whose snapshots list no open transactions."""

    template = INSTALLED

    def test_a_reader_may_change_the_server_for_each_page(self):
        # Not at the top: what an installed addon needs is not what it is tested with.
        from ..devtools.databases.other_servers import replica

        with replica() as variables:
            self.read_from_both(1, variables)

    def read_from_both(self, seed, variables):
        done = self.odoo(
            "shell",
            f"--db_replica_host={variables['PGHOST']}",
            f"--db_replica_port={variables['PGPORT']}",
            script=SCRIPT.replace("SEED", str(seed)),
        )
        [line] = [line for line in done.stdout.splitlines() if line.startswith("done ")]
        given, committed, by_server, moves_back = json.loads(line.removeprefix("done "))
        self.assertEqual(given, committed)
        self.assertGreater(len(committed), 20)
        for count in by_server:
            self.assertGreaterEqual(count, 20)
        self.assertEqual(moves_back, 0)
