"""Receivers that fail, hang, answer without end or point elsewhere, beside good ones.

``CRM_CQRS_DELIVERIES=100000 ./dev test -k beside_bad_receivers`` is the long form, of
about ten minutes; ``-s --odoo-log-level=info`` shows what it measures.
"""

import logging
import os
import threading
import time
from collections import defaultdict

from odoo.tests import tagged

from .webhooks import WebhookServer

_logger = logging.getLogger(__name__)

DELIVERIES = int(os.environ.get("CRM_CQRS_DELIVERIES", "360"))
GOOD = [f"/good/{n}" for n in range(12)]
#: 29 % of all
BAD = ["/error/0", "/silent/0", "/half/0", "/endless/0", "/inward/0"]
EVENTS = DELIVERIES // len(GOOD)
RECORDS = max(5, min(500, EVENTS // 10))
#: Megabytes by which the server may grow: 1 GB is what one of the answers has
GROWTH = 96
#: The same in the second half of a long run
GROWTH_LATER = 24

#: A few events in each transaction, and each record again and again
WRITE = f"""
import random
chance = random.Random(22)
leads = env["crm.lead"].with_context(tracking_disable=True)
ids = leads.create(
    [{{"name": "Deal", "type": "opportunity"}}] * {RECORDS}).ids
env.cr.commit()
written = {RECORDS}
while written < {EVENTS}:
    for lead_id in chance.sample(ids, min(5, {EVENTS} - written)):
        written += 1
        leads.browse(lead_id).expected_revenue = written
    env.cr.commit()
"""


def resident(pid):
    """Return the memory of a process, in megabytes."""
    with open(f"/proc/{pid}/statm") as file:
        pages = int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Watch(threading.Thread):
    """The memory of a process, each second until it is told to stop."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.values, self.stopped = pid, [], threading.Event()

    def run(self):
        while not self.stopped.wait(1):
            self.values.append(resident(self.pid))


@tagged("post_install", "-at_install")
class TestWebhooksBesideBadReceivers(WebhookServer):
    def test_good_ones_get_everything_in_order_and_in_time(self):
        self.serve_webhooks()
        # In turn, so that none of them is served first.
        ids = {path: self.endpoint(path) for path in self.paths()}
        before, position = resident(self.server.pid), self.last_position()
        watch = Watch(self.server.pid)
        watch.start()
        began = time.monotonic()
        self.odoo("shell", script=WRITE)
        wrote = time.monotonic() - began
        for path in GOOD:
            self.wait_for_events(path, position, 60 + DELIVERIES / 50)
        took = time.monotonic() - began
        watch.stopped.set()
        watch.join()
        expected = self.events(position)
        self.assertEqual(len(expected), EVENTS)
        twice = sum(self.check(path, {*expected}) for path in GOOD)
        self.check_bad(ids)
        values = watch.values or [resident(self.server.pid)]
        _logger.info(
            "%s deliveries in %.0f s (%.0f a second), written in %.0f s, %s came twice;"
            " memory %.0f MB, then %s",
            len(GOOD) * EVENTS,
            took,
            len(GOOD) * EVENTS / took,
            wrote,
            twice,
            before,
            ", ".join(f"{each:.0f}" for each in values[:: len(values) // 10 + 1]),
        )
        self.assertLess(max(values) - before, GROWTH)
        if took > 120:
            middle = max(values[len(values) // 4 : len(values) // 2])
            self.assertLess(max(values[len(values) // 2 :]) - middle, GROWTH_LATER)

    def paths(self):
        pairs = zip(GOOD, BAD + [None] * len(GOOD), strict=False)
        return [path for pair in pairs for path in pair if path]

    def check(self, path, expected):
        """Check what a good receiver got; return how many messages came twice."""
        lines = self.receivers.received(path)
        self.assertEqual({line["id"] for line in lines}, expected)
        versions = defaultdict(list)
        seen = set()
        for line in lines:
            self.assertTrue(line["is_verified"])
            self.assertEqual(line["body"]["id"], line["id"])
            if line["id"] not in seen:
                body = line["body"]
                versions[body["subject"]].append(body["streamversion"])
            seen.add(line["id"])
        for subject, numbers in versions.items():
            self.assertEqual(numbers, [*range(1, len(numbers) + 1)], subject)
        return len(lines) - len(seen)

    def check_bad(self, ids):
        """Check that each was tried, and that nothing bad came of it."""
        for path in BAD:
            with self.subTest(path):
                self.assertTrue(self.receivers.received(path))
                [(longest,)] = self.query(
                    "SELECT max(length(answer)) FROM cqrs_webhook_attempt"
                    f" WHERE webhook_id = {ids[path]:d}"
                )
                self.assertLessEqual(longest or 0, 1 << 16)
                [(taken,)] = self.query(
                    "SELECT count(*) FROM cqrs_webhook_message"
                    f" WHERE webhook_id = {ids[path]:d} AND state = 'delivered'"
                )
                # An answer of 200 counts, and is cut, however long it goes on.
                self.assertEqual(bool(taken), path == "/endless/0")
        self.assertEqual(self.receivers.received("/good/trap"), [])
