"""Servers that send webhooks are killed, and so is PostgreSQL; nothing is lost.

``CRM_CQRS_KILLS=50 ./dev test -k webhooks_survive_kills`` is the long form, of about
ten minutes; ``-s --odoo-log-level=info`` shows what it counts. A failure prints the
seed: ``CRM_CQRS_SEED``.
"""

import logging
import os
import random
import signal
import tempfile
import threading
import time
import unittest
from collections import Counter, defaultdict
from contextlib import closing, suppress
from pathlib import Path
from unittest.mock import patch

import psycopg2

from odoo.tests import tagged

from ..models.webhooks.dispatcher import BEFORE_FIRST
from .webhooks import WebhookServer

_logger = logging.getLogger(__name__)

KILLS = int(os.environ.get("CRM_CQRS_KILLS", "2"))
SEED = int(os.environ.get("CRM_CQRS_SEED", "22"))
PATHS = ["/good/0", "/good/1", "/slow/0"]
RECORDS = 8
#: Seconds until a second server sends, once the one that sent is dead
TAKEOVER = 10
#: Seconds for everything else: a server that starts, PostgreSQL that recovers
PATIENCE = 90
#: Victims: whoever sends, a process of a server, a server, and PostgreSQL
KINDS = ("holder", "postgres", "worker", "server", "backend")


@tagged("post_install", "-at_install")
@unittest.skipUnless(
    os.environ.get("CRM_CQRS_PRIVATE_SERVER"),
    "needs ./dev test with its own PostgreSQL, of which it makes a copy to kill",
)
class TestWebhooksSurviveKills(WebhookServer):
    def setUp(self):
        super().setUp()
        from ..devtools.databases.other_servers import mortal

        self.postgres = self.enterContext(mortal())
        # Odoo, and what is asked here, go to the copy.
        self.enterContext(patch.dict(os.environ, self.postgres.variables))
        self.chance = random.Random(SEED)
        self.counts = Counter()

    def query(self, statement):
        connection = psycopg2.connect(
            host=self.postgres.variables["PGHOST"],
            port=self.postgres.variables["PGPORT"],
            user=self.postgres.variables["PGUSER"],
            dbname=self.db,
        )
        with closing(connection), connection, connection.cursor() as cr:
            cr.execute(statement)
            return cr.fetchall()

    def test_nothing_is_lost_and_another_server_takes_over(self):
        # One with threads, one with a process for each worker.
        self.servers = [Server(self), Server(self, "--workers=2")]
        self.admin = self.servers[0].admin
        for path in PATHS:
            self.endpoint(path)
        # Until the others know that there is something to stand by for.
        time.sleep(BEFORE_FIRST + 1)
        position = self.last_position()
        self.lead_ids = [self.opportunity() for __ in range(RECORDS)]
        writer = self.enterContext(Writing(self.servers, self.lead_ids))
        longest = 0.0
        for number in range(KILLS):
            kind = KINDS[number] if KILLS <= len(KINDS) else self.chance.choice(KINDS)
            with self.subTest(kind, number=number, seed=SEED):
                longest = max(longest, self.kill(kind))
        writer.stop()
        counts = [self.check(path, position) for path in PATHS]
        _logger.info(
            "%s killed, %s events, %s writes refused; longest takeover %.1f s;"
            " came twice: %s",
            dict(self.counts),
            len(self.events(position)),
            writer.failures,
            longest,
            counts,
        )

    def check(self, path, position):
        """Check what a receiver got; return how many messages came twice."""
        self.wait_for_events(path, position, PATIENCE)
        lines = self.receivers.received(path)
        self.assertEqual({line["id"] for line in lines}, {*self.events(position)})
        versions, seen = defaultdict(list), set()
        for line in lines:
            self.assertTrue(line["is_verified"])
            if line["id"] not in seen:
                versions[line["body"]["subject"]].append(line["body"]["streamversion"])
            seen.add(line["id"])
        for subject, numbers in versions.items():
            self.assertEqual(numbers, [*range(1, len(numbers) + 1)], subject)
        return len(lines) - len(seen)

    def kill(self, kind):
        """Kill something; return how long it took until something was received."""
        self.counts[kind] += 1
        getattr(self, f"kill_{kind}")()
        began = time.monotonic()
        limit = TAKEOVER if kind in ("holder", "worker") else PATIENCE

        def is_received():
            return any(
                line["at"] > began + 0.5 for line in self.receivers.received(PATHS[0])
            )

        # What was being sent when it died does not count.
        self.wait_until(is_received, limit)
        took = time.monotonic() - began
        for server in self.servers:
            server.start_again()
        return took if kind == "holder" else 0.0

    def kill_holder(self):
        holder = self.holder()
        os.kill(holder, signal.SIGKILL)

    def holder(self):
        """Return the process that sends, once there is one."""

        def find():
            rows = self.query(
                "SELECT holder FROM cqrs_webhook_lease WHERE until > clock_timestamp()"
            )
            return [int(holder.split(":")[1]) for (holder,) in rows if holder]

        self.wait_until(find, PATIENCE)
        return find()[0]

    def kill_worker(self):
        os.kill(self.chance.choice(self.servers[1].children()), signal.SIGKILL)

    def kill_server(self):
        self.chance.choice(self.servers).kill()

    def kill_backend(self):
        [(pid,)] = self.query(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
        )
        # PostgreSQL ends all of them, and recovers.
        os.kill(pid, signal.SIGKILL)

    def kill_postgres(self):
        self.postgres.kill()
        # Backends that are left end when they see that their parent has.
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(Exception):
                self.postgres.start()
                return
            time.sleep(0.5)
        self.fail("PostgreSQL did not start again.")


class Server:
    """A server that sends webhooks, which can be killed and started again."""

    def __init__(self, test, *options):
        self.test, self.options = test, options
        self.start()

    def start(self):
        from ..devtools.process import free_port
        from ..devtools.web import serving

        folder = Path(self.test.enterContext(tempfile.TemporaryDirectory()))
        self.test.log = folder / "log"
        port = free_port()
        path = self.test.configuration(cqrs_webhook_allowed="127.0.0.1")
        self.process = self.test.enterContext(
            serving.served(
                os.environ,
                self.test.db,
                port,
                self.test.log,
                *(f"--config={path}", "--max-cron-threads=0", *self.options),
                waiting_for="/api/v2/problems/not-found",
            )
        )
        self.admin = self.test.log_in(f"http://{serving.HOST}:{port}")

    def children(self):
        task = Path(f"/proc/{self.process.pid}/task")
        files = task.glob("*/children")
        return [int(pid) for file in files for pid in file.read_text().split()]

    def kill(self):
        """Kill it with all of its processes."""
        pids = [self.process.pid, *self.children()]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def start_again(self):
        """Start it unless it runs."""
        if self.process.poll() is not None:
            self.start()


class Writing:
    """Writes through both servers in turn for a block, whatever fails."""

    def __init__(self, servers, lead_ids):
        self.servers, self.lead_ids = servers, lead_ids
        self.failures = 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.stop()

    def stop(self):
        self.stopped.set()
        self.thread.join()

    def run(self):
        number = 0
        while not self.stopped.wait(0.05):
            number += 1
            admin = self.servers[number % len(self.servers)].admin
            lead_id = self.lead_ids[number % len(self.lead_ids)]
            values = {"expected_revenue": number}
            try:
                admin.call("crm.lead", "write", [lead_id], values)
            except Exception:  # noqa: BLE001  (whatever a server says that is killed)
                self.failures += 1
