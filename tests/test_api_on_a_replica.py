import json
import os
import threading
import unittest
import urllib.parse
from decimal import Decimal

import psycopg2

from odoo.tests import tagged

from ..models.api.position import HEADER
from .own_server import OwnServer

PREPARE = """
from datetime import datetime, timedelta
admin = env.ref("base.user_admin")
key = env["res.users.apikeys"].with_user(admin).sudo()._generate(
    None, "global", datetime.now() + timedelta(days=1))
print("key global", key)
admin.password = "cqrs_admin"
env["ir.config_parameter"].set_param("crm_cqrs.api_requests_per_minute", "1000")
env["crm.lead"].create({
    "name": "Awaited", "type": "opportunity", "user_id": admin.id, "company_id": 1,
    "expected_revenue": 1})
env.cr.commit()
"""

#: What answers are made of, and nothing but answers looks at while Odoo starts
READ = (
    *("crm_lead", "cqrs_opportunity_view", "cqrs_user_access", "cqrs_user_profile"),
    *("cqrs_metrics", "cqrs_metrics_tail"),
)
SCANS = """
    SELECT relname, (seq_scan + COALESCE(idx_scan, 0))::integer
    FROM pg_stat_user_tables WHERE relname = ANY(%s)
"""
V2 = (
    *("dashboard/", "dashboard/opportunities", "dashboard/users/profile"),
    *("dashboard/users/hierarchy", "dashboard/metrics?by=month", "events"),
)
V1 = ("sales/dashboard/real", "opportunities")


@tagged("post_install", "-at_install")
@unittest.skipUnless(
    os.environ.get("CRM_CQRS_PRIVATE_SERVER"),
    "needs ./dev test with its own PostgreSQL, of which it makes a replica",
)
class TestApiOnAReplica(OwnServer):
    def setUp(self):
        super().setUp()
        # Not at the top: what an installed addon needs is not what it is tested with.
        from ..devtools.databases.other_servers import replica

        lines = map(str.split, self.odoo("shell", script=PREPARE).stdout.splitlines())
        self.keys = self.keys | {
            line[1]: line[2] for line in lines if line[:1] == ["key"]
        }
        self.replica = self.enterContext(replica())

    def on_replica(self, statement, *parameters):
        connection = psycopg2.connect(
            host=self.replica["PGHOST"],
            port=self.replica["PGPORT"],
            user=self.replica["PGUSER"],
            dbname=self.db,
        )
        try:
            with connection, connection.cursor() as cr:
                cr.execute(statement, parameters)
                return cr.fetchall()
        finally:
            connection.close()

    def serve_from_replica(self):
        return self.serve(
            f"--db_replica_host={self.replica['PGHOST']}",
            f"--db_replica_port={self.replica['PGPORT']}",
        )

    def on_primary(self):
        names = ", ".join(f"'{name}'" for name in READ)
        return dict(self.query(SCANS.replace("%s", f"ARRAY[{names}]")))

    def test_answers_are_read_there_and_what_is_counted_is_counted_here(self):
        self.assertEqual(self.on_replica("SELECT pg_is_in_recovery()"), [(True,)])
        primary = self.on_primary()
        replica = dict(self.on_replica(SCANS, list(READ)))
        url = self.serve_from_replica()
        for path in [f"v2/{path}" for path in V2] + list(V1):
            with self.subTest(path):
                status, headers, body = self.request(f"{url}/api/{path}", "admin")
                self.assertEqual(status, 200, body)
                self.assertRegex(headers["RateLimit"], r'^"user";r=9\d\d;')
        with self.subTest("a session"):
            self.assertEqual(self.with_session(url), "Mitchell Admin")
        with self.subTest("an export"):
            ndjson = {"Accept": "application/x-ndjson"}
            __, __, body = self.request(f"{url}/api/v2/events", "admin", headers=ndjson)
            [(events,)] = self.query("SELECT count(*) FROM cqrs_event")
            self.assertEqual(len(body.splitlines()), events)
        with self.subTest("no key that is unknown"):
            status, __, __ = self.request(
                f"{url}/api/v2/dashboard/", headers={"Authorization": "Bearer wrong"}
            )
            self.assertEqual(status, 401)
        # Only then have the processes told all that they did.
        self.stop()
        self.assertEqual(self.on_primary(), primary)
        for name, scans in self.on_replica(SCANS, list(READ)):
            self.assertGreater(scans, replica[name], name)
        self.assertEqual(
            self.query("SELECT route, requests FROM cqrs_api_usage ORDER BY route"),
            [("/api/opportunities", 1), ("/api/sales/dashboard/real", 1)],
        )
        self.assertNotIn("retrying with a read/write cursor", self.log.read_text())
        self.assertNotIn("Traceback", self.log.read_text())

    def with_session(self, url):
        """Return the name that the dashboard shows to who logs in with a password."""
        person = self.log_in(url, password="cqrs_admin")
        return person.get("/api/v2/dashboard/").json()["user"]["name"]

    def test_who_has_written_waits_for_the_own_write(self):
        url = self.serve_from_replica()
        before, value = self.awaited(url)
        self.assertEqual(value, Decimal("1.00"))
        self.on_replica("SELECT pg_wal_replay_pause()::text")
        status, headers, body = self.set_revenue(url, 2)
        self.assertEqual((status, json.loads(body)), (200, True))
        own = int(headers[HEADER])
        self.assertGreater(own, before)

        position, value = self.awaited(url)
        self.assertEqual((position, value), (before, Decimal("1.00")))
        status, headers, body = self.ask(url, own)
        self.assertEqual((status, headers["Retry-After"]), (503, "1"))
        problem = json.loads(body)
        self.assertEqual(problem["type"], "/api/v2/problems/position-not-reached")

        resume = threading.Timer(
            0.5, self.on_replica, ["SELECT pg_wal_replay_resume()::text"]
        )
        resume.start()
        self.addCleanup(resume.join)
        self.assertEqual(self.awaited(url, own), (own, Decimal("2.00")))

    def set_revenue(self, url, revenue):
        [(id_,)] = self.query("SELECT id FROM crm_lead WHERE name = 'Awaited'")
        arguments = {"ids": [id_], "vals": {"expected_revenue": revenue}}
        return self.request(f"{url}/json/2/crm.lead/write", "global", body=arguments)

    def ask(self, url, min_position=None):
        query = {"text": "Awaited"}
        if min_position:
            query["min_position"] = min_position
        query = urllib.parse.urlencode(query)
        return self.request(f"{url}/api/v2/dashboard/opportunities?{query}", "admin")

    def awaited(self, url, min_position=None):
        """Return the position of the answer, and the value of the opportunity."""
        status, headers, body = self.ask(url, min_position)
        self.assertEqual(status, 200, body)
        [item] = json.loads(body, parse_float=Decimal)["items"]
        return int(headers[HEADER]), item["value"]
