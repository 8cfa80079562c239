import random
import time
from threading import Thread

from odoo.tests import tagged

from ..models.event_store.reader import Filters, follow, read_events
from .common import RealCursors

LEADS = Filters(stream_model="crm.lead", types=("LeadCreated", "OpportunityCreated"))


@tagged("post_install", "-at_install")
class TestReaderSkipsNothing(RealCursors):
    """Real cursors: a reader that follows the log while transactions overlap."""

    def setUp(self):
        super().setUp()
        self.created = []
        self.addCleanup(self.remove_leads)
        self.after = None
        marker = self.commit("marker")
        self.wait_for(lambda: marker in self.read_on(page_size=1000))

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
        """Read on to the end of the log; return the records whose creation is new."""
        ids = []
        for events in follow(self.registry, self.after, page_size, LEADS):
            ids += [event.stream_id for event in events]
            self.assertEqual(events, sorted(events, key=lambda e: e.cursor))
            if self.after:
                self.assertLess(self.after, events[0].cursor)
            self.after = events[-1].cursor
        return ids

    def read_until(self, expected, seen=()):
        """Read on until as many have come as expected; return what came.

        :param seen: what had come before
        """
        ids = list(seen)

        def complete():
            ids.extend(self.read_on())
            return len(ids) >= len(expected)

        self.wait_for(complete)
        return ids

    def assertReads(self, expected):
        self.assertEqual(self.read_until(expected), expected)

    def wait_for(self, condition):
        # A transaction in another database of the cluster may hold readers back.
        deadline = time.monotonic() + 120
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.1)

    def test_what_began_earlier_and_commits_later_is_given_in_its_place(self):
        with self.transaction() as slow:
            slow_id = self.write_lead(slow, "slow")
            quick_id = self.commit("quick")
            self.assertEqual(self.read_on(), [])
        self.created.append(slow_id)
        self.assertReads([slow_id, quick_id])
        self.assertEqual(self.read_on(), [])

    def test_of_several_slow_transactions_one_is_rolled_back(self):
        with self.transaction() as first:
            first_id = self.write_lead(first, "first")
            with self.transaction() as second:
                second_id = self.write_lead(second, "second")
                with self.transaction() as third:
                    self.write_lead(third, "third")
                    fourth_id = self.commit("fourth")
                    third.cr.rollback()
            self.assertEqual(self.read_on(), [])
            fifth_id = self.commit("fifth")
        self.created += [first_id, second_id]
        self.assertReads([first_id, second_id, fourth_id, fifth_id])

    def test_a_reader_waits_only_for_what_began_before(self):
        early_id = self.commit("early")
        with self.transaction() as slow:
            slow_id = self.write_lead(slow, "slow")
            late_id = self.commit("late")
            self.assertReads([early_id])
            self.assertEqual(self.read_on(), [])
        self.created.append(slow_id)
        self.assertReads([slow_id, late_id])

    def test_one_transaction_sees_the_same_log_however_often_it_asks(self):
        start = self.after
        with self.transaction() as env:
            self.assertEqual(read_events(env, start, filters=LEADS), [])
            lead_id = self.commit("meanwhile")
            self.assertReads([lead_id])
            self.assertEqual(read_events(env, start, filters=LEADS), [])
        with self.transaction() as env:
            [event] = read_events(env, start, filters=LEADS)
        self.assertEqual(event.stream_id, lead_id)

    def test_writers_at_random_and_a_reader_beside_them(self):
        def work(number):
            chance = random.Random(number)
            for turn in range(4):
                with self.transaction() as env:
                    lead_id = self.write_lead(env, f"{number}.{turn}")
                    time.sleep(chance.uniform(0, 0.1))
                    if chance.random() < 0.25:
                        env.cr.rollback()
                        continue
                self.created.append(lead_id)

        before = len(self.created)
        threads = [Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        seen = []
        while any(thread.is_alive() for thread in threads):
            seen += self.read_on()
        committed = self.created[before:]
        self.assertGreater(len(committed), 10)
        self.assertCountEqual(self.read_until(committed, seen), committed)
