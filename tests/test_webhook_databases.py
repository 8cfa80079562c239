"""Webhooks of several databases in one process, and beside a replica."""

import os
import time
import unittest
from contextlib import closing
from unittest.mock import patch

import psycopg2

from odoo.tests import tagged

from ..models.webhooks.settings import ALLOWED_OPTION
from .common import INSTALLED
from .deliveries import Endpoint
from .own_server import ServedDatabase
from .test_webhook_servers import HOLDER, PREPARE

EVENTS = """
    SELECT event_id::text FROM cqrs_event
    WHERE position > {position:d} AND stream_model = 'crm.lead'
"""


class WebhookDatabases(ServedDatabase):
    template = INSTALLED

    def setUp(self):
        super().setUp()
        self.keys = {}
        self.conf = self.configuration(**{ALLOWED_OPTION: "127.0.0.1"})

    def endpoint(self):
        """Return a receiver that an endpoint of the database tells."""
        endpoint = Endpoint()
        self.enterContext(endpoint.receiver)
        script = PREPARE % endpoint.url
        shell = self.odoo("shell", "-c", str(self.conf), script=script)
        lines = map(str.split, shell.stdout.splitlines())
        [self.keys[self.db]] = [line[1] for line in lines if line[:1] == ["key"]]
        [(endpoint.position,)] = self.query("SELECT max(position) FROM cqrs_event")
        return endpoint

    def events(self, endpoint):
        """Return the ids of the events that the endpoint is to be told of."""
        rows = self.query(EVENTS.format(position=endpoint.position))
        return sorted(event_id for (event_id,) in rows)

    def commit_lead(self, url, name):
        values = {"name": "Told", "type": "opportunity", "company_id": 1}
        status, __, body = self.request(
            f"{url}/json/2/crm.lead/create",
            name,
            headers={"X-Odoo-Database": name},
            body={"vals_list": [values]},
        )
        self.assertEqual(status, 200, body)

    def arrives(self, endpoint, seconds=15):
        expected = self.events(endpoint)
        self.assertTrue(expected)
        deadline = time.monotonic() + seconds
        while {*expected} - {*endpoint.ids}:
            self.assertLess(time.monotonic(), deadline, self.log.read_text()[-3000:])
            time.sleep(0.05)
        # Each once, and nothing else.
        self.assertEqual(sorted(endpoint.ids), expected)


@tagged("post_install", "-at_install")
class TestWebhooksOfSeveralDatabases(WebhookDatabases):
    def test_one_process_sends_of_each_to_its_own(self):
        from ..devtools.databases import database

        first = self.db
        second = f"{first}_second"
        database.create_from(os.environ, INSTALLED, second)
        self.addCleanup(database.drop, os.environ, second)
        endpoints = {}
        for name in (first, second):
            with patch.object(self, "db", name):
                endpoints[name] = self.endpoint()
        url = self.serve(
            *("-c", str(self.conf), "-d", f"{first},{second}"),
            waiting_for="/web/health",
        )
        for turn in range(3):
            for name in (first, second)[: 2 - turn // 2]:
                self.commit_lead(url, name)
        for name, endpoint in endpoints.items():
            with patch.object(self, "db", name):
                self.arrives(endpoint)
                [(holder,)] = self.query(HOLDER)
                self.assertEqual(int(holder.split(":")[1]), self.server.pid)
        self.assertEqual([len(each.ids) for each in endpoints.values()], [3, 2])
        with self.subTest("one of them is dropped"):
            database.drop(os.environ, second)
            self.commit_lead(url, first)
            self.arrives(endpoints[first])
        self.assertNotIn("Traceback", self.log.read_text())


@tagged("post_install", "-at_install")
@unittest.skipUnless(
    os.environ.get("CRM_CQRS_PRIVATE_SERVER"),
    "needs ./dev test with its own PostgreSQL, of which it makes a replica",
)
class TestWebhooksBesideAReplica(WebhookDatabases):
    def test_a_server_that_reads_there_sends_what_the_primary_has(self):
        """Once, and at once, however far the replica is behind."""
        from ..devtools.databases.other_servers import replica

        endpoint = self.endpoint()
        there = self.enterContext(replica())
        url = self.serve(
            *("-c", str(self.conf), f"--db_replica_host={there['PGHOST']}"),
            f"--db_replica_port={there['PGPORT']}",
        )
        self.commit_lead(url, self.db)
        self.arrives(endpoint)
        self.pause(there)
        self.commit_lead(url, self.db)
        self.arrives(endpoint)
        self.assertEqual(len(endpoint.ids), 2)
        self.assertNotIn("Traceback", self.log.read_text())

    def pause(self, variables):
        """Have the replica follow no longer."""
        connection = psycopg2.connect(
            host=variables["PGHOST"],
            port=variables["PGPORT"],
            user=variables["PGUSER"],
            dbname=self.db,
        )
        with closing(connection), connection, connection.cursor() as cr:
            cr.execute("SELECT pg_wal_replay_pause()")
