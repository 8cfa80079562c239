import random
import threading
import time
from dataclasses import replace
from threading import Thread

import psycopg2

from odoo.tests import tagged
from odoo.tools import SQL

from ..models.event_store import reader
from ..models.event_store.reader import (
    Checkpoint,
    Filters,
    end_of_log,
    follow,
    read_page,
)
from .common import RealCursors

LEADS = Filters(stream_model="crm.lead")
WRITERS = 16
TURNS = 3


@tagged("post_install", "-at_install")
class TestReaderSkipsNothing(RealCursors):
    """Real cursors: a reader that follows the log while transactions overlap."""

    def setUp(self):
        super().setUp()
        self.created = []
        self.addCleanup(self.remove_leads)
        with self.transaction() as env:
            self.after = end_of_log(env)

    def remove_leads(self):
        with self.transaction() as env:
            env["crm.lead"].browse(self.created).exists().unlink()

    def write_lead(self, env, name):
        """Record a creation, events included, and leave the transaction open."""
        lead = env["crm.lead"].create({"name": f"cqrs reader {name}"})
        env.cr.flush()
        return lead.id

    def commit(self, name):
        with self.transaction() as env:
            lead_id = self.write_lead(env, name)
        self.created.append(lead_id)
        return lead_id

    def read_on(self, page_size=2):
        """Read on to the end of the log; return the records whose events are new."""
        ids = []
        for page in follow(self.registry, self.after, page_size, LEADS):
            places = [event.place for event in page.events]
            self.assertEqual(places, sorted(places))
            self.assertLessEqual(len(places), page_size)
            ids += [event.stream_id for event in page.events]
            # As a client that keeps nothing but a text
            self.after = Checkpoint.parse(str(page.checkpoint))
        return ids

    def test_nothing_waits_for_what_began_earlier_and_is_still_open(self):
        with self.transaction() as slow:
            slow_id = self.write_lead(slow, "slow")
            quick_id = self.commit("quick")
            self.assertEqual(self.read_on(), [quick_id])
            self.assertEqual(self.read_on(), [])
        self.created.append(slow_id)
        self.assertEqual(self.read_on(), [slow_id])
        self.assertEqual(self.read_on(), [])

    def test_what_is_read_beside_the_types_comes_late_as_well_and_once(self):
        """The two overlap: some events are of the type, and meet the condition."""
        updated = Filters(stream_model="crm.lead", types=("OpportunityUpdated",))
        created = SQL("event.before IS NULL")

        def read_on():
            found = []
            for size in (1, 100):
                after, is_last, ids = self.after, False, []
                while not is_last:
                    with self.transaction() as env:
                        page = read_page(env, after, size, updated, also=created)
                    ids += [(event.stream_id, event.type) for event in page.events]
                    after, is_last = page.checkpoint, page.is_last
                found.append(ids)
            self.after = after
            self.assertEqual(*found)
            return found[0]

        with self.transaction() as slow:
            slow_id = self.write_lead(slow, "slow")
            quick_id = self.commit("quick")
            with self.transaction() as env:
                env["crm.lead"].browse(quick_id).name = "cqrs reader renamed"
                env.cr.flush()
                env["crm.lead"].browse(quick_id).type = "lead"
            self.assertEqual(
                read_on(),
                [(quick_id, "OpportunityCreated"), (quick_id, "OpportunityUpdated")],
            )
        self.created.append(slow_id)
        self.assertEqual(read_on(), [(slow_id, "OpportunityCreated")])
        both = SQL("event.before IS NULL OR event.type = 'OpportunityUpdated'")
        with self.transaction() as env:
            start = Checkpoint(1, 0)
            types = replace(updated, types=("OpportunityCreated", "OpportunityUpdated"))
            found = read_page(env, start, 1000, types, also=both).events
        positions = [event.position for event in found]
        self.assertEqual(len(positions), len({*positions}))

    def test_of_several_slow_transactions_one_is_rolled_back(self):
        with self.transaction() as first:
            first_id = self.write_lead(first, "first")
            with self.transaction() as second:
                second_id = self.write_lead(second, "second")
                with self.transaction() as third:
                    self.write_lead(third, "third")
                    fourth_id = self.commit("fourth")
                    third.cr.rollback()
                self.assertEqual(self.read_on(), [fourth_id])
            self.assertEqual(self.read_on(), [second_id])
            fifth_id = self.commit("fifth")
        self.created += [first_id, second_id]
        self.assertEqual(self.read_on(), [first_id, fifth_id])

    def test_one_transaction_sees_the_same_log_however_often_it_asks(self):
        start = self.after
        with self.transaction() as env:
            self.assertEqual(read_page(env, start, filters=LEADS).events, [])
            lead_id = self.commit("meanwhile")
            self.assertEqual(self.read_on(), [lead_id])
            self.assertEqual(read_page(env, start, filters=LEADS).events, [])
        with self.transaction() as env:
            [event] = read_page(env, start, filters=LEADS).events
        self.assertEqual(event.stream_id, lead_id)

    def test_a_reader_that_has_written_is_given_the_own_events_afterwards(self):
        with self.transaction() as env:
            # The id comes before the snapshot.
            env.cr.execute("LOCK TABLE cqrs_api_quota IN ACCESS EXCLUSIVE MODE")
            other_id = self.commit("other")
            own_id = self.write_lead(env, "own")
            page = read_page(env, self.after, 10, LEADS)
        self.created.append(own_id)
        self.assertEqual([event.stream_id for event in page.events], [other_id])
        self.after = page.checkpoint
        self.assertEqual(self.read_on(), [own_id])

    def test_a_large_transaction_that_ends_late_is_read_by_pages(self):
        with self.transaction() as slow:
            leads = slow["crm.lead"].create([{"name": f"cqrs {n}"} for n in range(7)])
            slow.cr.flush()
            quick_ids = [self.commit("quick") for __ in range(3)]
            self.assertEqual(self.read_on(page_size=1), quick_ids)
        self.created += leads.ids
        later_id = self.commit("later")
        self.assertEqual(self.read_on(page_size=3), [*leads.ids, later_id])

    def test_a_checkpoint_names_so_many_open_transactions_and_no_more(self):
        """Later events come when one of the open transactions has ended."""
        self.patch(reader, "MAX_OPEN", 2)
        with self.transaction() as first, self.transaction() as second:
            slow_ids = [self.write_lead(first, "1"), self.write_lead(second, "2")]
            self.assertEqual(self.read_on(), [])
            early_id = self.commit("early")
            with self.transaction() as third:
                slow_ids.append(self.write_lead(third, "3"))
                late_id = self.commit("late")
                seen = self.read_on()
                self.assertLessEqual(set(seen), {early_id})
                self.assertLessEqual(len(self.after.unread), 2)
        self.created += slow_ids
        seen += self.read_on()
        self.assertCountEqual(seen, [early_id, late_id, *slow_ids])

    def test_a_cursor_of_the_former_version_goes_on(self):
        first_id, second_id = self.commit("first"), self.commit("second")
        with self.transaction() as slow:
            slow_id = self.write_lead(slow, "slow")
            third_id = self.commit("third")
            with self.transaction() as env:
                first, *__ = read_page(env, self.after, 10, LEADS).events
            self.assertEqual(first.stream_id, first_id)
            place = first.place
            self.after = Checkpoint(
                place.epoch, place.txid + 1, ((place.txid, place.position),)
            )
            self.assertEqual(self.read_on(), [second_id, third_id])
        self.created.append(slow_id)
        self.assertEqual(self.read_on(), [slow_id])

    def test_a_server_that_has_lost_transactions_gives_their_ids_anew(self):
        """As after a crash whose last commits no replica had."""
        epoch, upto = self.after.epoch, self.after.upto
        self.after = Checkpoint(epoch, upto + 10_000_000)
        self.assertEqual(self.read_on(), [])
        lead_id = self.commit("later")
        self.assertEqual(self.read_on(), [lead_id])

    def test_writers_at_random_and_readers_beside_them(self):
        """Events of each record come in the order of versions, each of them once.

        Writers take their id, or their snapshot, long before they write, roll
        savepoints and transactions back, and conflict. Readers take small pages, lose
        what they read after some event of a page, and begin again from it.
        """
        shared = [self.commit("shared") for __ in range(4)]
        start = self.after
        conflicts, failures = [], []
        ended = threading.Event()

        def work(number):
            chance = random.Random(number)
            for turn in range(TURNS):
                try:
                    with self.transaction() as env:
                        lead_ids = self.write_at_random(env, chance, shared)
                    self.created.extend(lead_ids)
                except psycopg2.errors.SerializationFailure:
                    conflicts.append((number, turn))
                except Exception as error:
                    failures.append(error)
                    raise

        def read(size, given):
            chance, after = random.Random(size), start
            is_complete = False
            while not is_complete:
                is_complete = ended.is_set()
                for page in follow(self.registry, after, size, LEADS):
                    events, after = page.events, page.checkpoint
                    if events and chance.random() < 0.3:
                        place = chance.randrange(len(events))
                        after, events = (
                            page.checkpoint_at(events[place]),
                            events[: place + 1],
                        )
                    given += [(e.position, e.stream_id, e.version) for e in events]
                    after = Checkpoint.parse(str(after))
                    if len(events) < len(page.events):
                        is_complete = False
                        break

        writers = [Thread(target=work, args=(number,)) for number in range(WRITERS)]
        reads = {size: [] for size in (1, 2, 7)}
        readers = [Thread(target=read, args=each) for each in reads.items()]
        for thread in (*writers, *readers):
            thread.start()
        for thread in writers:
            thread.join()
        ended.set()
        for thread in readers:
            thread.join()
        self.assertEqual(failures, [])
        with self.transaction() as env:
            env.cr.execute(
                "SELECT position, stream_id, version FROM cqrs_event"
                " WHERE stream_model = 'crm.lead' AND (epoch, txid) >= (%s, %s::xid8)",
                [start.epoch, str(start.upto)],
            )
            committed = env.cr.fetchall()
        self.assertGreater(len(committed), WRITERS)
        self.assertGreater(len(conflicts), 0)
        for given in reads.values():
            self.assertCountEqual(given, committed)
            versions = {}
            for __, stream_id, version in given:
                self.assertEqual(version, versions.get(stream_id, 0) + 1)
                versions[stream_id] = version

    def write_at_random(self, env, chance, shared):
        """Write in one of many ways; return the leads that a commit makes."""
        lead_ids = []
        for way in chance.sample(range(6), 3):
            if way == 0:
                env.cr.execute("SELECT pg_current_xact_id()")
            elif way == 1:
                env.cr.execute("SELECT 1")
            elif way == 2:
                lead_ids.append(self.write_lead(env, "new"))
            elif way == 3:
                with env.cr.savepoint():
                    lead_ids.append(self.write_lead(env, "released"))
            elif way == 4:
                savepoint = env.cr.savepoint()
                self.write_lead(env, "rolled back")
                savepoint.rollback()
                savepoint.close(rollback=False)
            else:
                lead = env["crm.lead"].browse(chance.choice(shared))
                lead.priority = str((int(lead.priority) + 1) % 4)
                env.cr.flush()
            time.sleep(chance.uniform(0, 0.03))
        if chance.random() < 0.2:
            env.cr.rollback()
            return []
        return lead_ids
