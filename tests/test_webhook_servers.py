"""Webhooks of servers: who sends, how soon, and who takes over."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import closing

import psycopg2

from odoo.sql_db import connection_info_for
from odoo.tests import BaseCase, tagged

from ..models.webhooks import processor_time
from ..models.webhooks.settings import ALLOWED_OPTION
from .common import INSTALLED
from .deliveries import Endpoint
from .own_server import ServedDatabase

PREPARE = """
from datetime import datetime, timedelta
admin = env.ref("base.user_admin")
key = env["res.users.apikeys"].with_user(admin).sudo()._generate(
    None, "global", datetime.now() + timedelta(days=1))
webhook = env["cqrs.webhook"].with_user(admin).create({"name": "Test", "url": "%s"})
env.cr.commit()
print("key", key)
"""
HOLDER = "SELECT holder FROM cqrs_webhook_lease WHERE until > clock_timestamp()"
STATES = "SELECT state, count(*)::integer FROM cqrs_webhook_message GROUP BY state"


#: Uses as much processor time as its limit, twice, in a thread
BURN = """
import importlib.util, resource, sys, threading, time
spec = importlib.util.spec_from_file_location("processor_time", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
resource.setrlimit(resource.RLIMIT_CPU, (1, 60))
def burn():
    while time.thread_time() < 2.2:
        if len(sys.argv) < 3:
            module.give_back()
thread = threading.Thread(target=burn)
thread.start()
thread.join()
print("alive")
"""


@tagged("post_install", "-at_install")
class TestProcessorTime(BaseCase):
    def test_what_a_worker_may_use_is_not_used_up_by_what_sends(self):
        path = processor_time.__file__
        done = subprocess.run(
            [sys.executable, "-c", BURN, path],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.stdout.strip(), "alive", done.stderr)
        done = subprocess.run(
            [sys.executable, "-c", BURN, path, "without"], check=False
        )
        self.assertEqual(done.returncode, -signal.SIGXCPU)


@tagged("post_install", "-at_install")
class TestWebhookServers(ServedDatabase):
    template = INSTALLED

    def setUp(self):
        super().setUp()
        self.endpoint = Endpoint()
        self.enterContext(self.endpoint.receiver)
        self.conf = self.configuration(**{ALLOWED_OPTION: "127.0.0.1"})
        shell = self.odoo(
            "shell", "-c", str(self.conf), script=PREPARE % self.endpoint.url
        )
        lines = map(str.split, shell.stdout.splitlines())
        [self.keys] = [{"admin": line[1]} for line in lines if line[:1] == ["key"]]
        self.sent = []

    def serve(self, *options):
        url = super().serve("-c", str(self.conf), *options)
        self.addCleanup(self.assert_no_traceback, self.log)
        return url

    def assert_no_traceback(self, log):
        self.assertNotIn("Traceback", log.read_text())

    def commit_lead(self, url):
        """Commit an opportunity by a server, and remember when."""
        values = {"name": "Told", "type": "opportunity", "company_id": 1}
        status, __, body = self.request(
            f"{url}/json/2/crm.lead/create", "admin", body={"vals_list": [values]}
        )
        self.assertEqual(status, 200, body)
        self.sent.append(int(body.strip("[] \n")))
        return time.monotonic()

    def arrives(self, seconds):
        """Wait until all that was written has arrived; return the seconds it took."""
        begin = time.monotonic()
        while self.missing():
            self.assertLess(time.monotonic() - begin, seconds, self.missing())
            time.sleep(0.01)
        return time.monotonic() - begin

    def missing(self):
        told = {body.get("subject") for __, body in list(self.endpoint.messages)}
        return [id_ for id_ in self.sent if f"crm.lead/{id_}" not in told]

    def holder(self):
        """Wait until somebody holds the lease; return the process id."""
        deadline = time.monotonic() + 20
        while not (rows := self.query(HOLDER)):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.1)
        return int(rows[0][0].split(":")[1])

    def test_a_commit_is_told_at_once(self):
        url = self.serve()
        self.holder()
        times = []
        for __ in range(5):
            time.sleep(0.6)
            self.commit_lead(url)
            times.append(self.arrives(5))
        # Whom nobody calls looks every five seconds.
        self.assertLess(sorted(times)[2], 1.5, times)
        with self.subTest("without an endpoint nobody asks, until one is resumed"):
            self.ask(f"{url}/api/v2/webhooks/1/pause", {})
            deadline = time.monotonic() + 10
            while self.query(HOLDER):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.1)
            self.ask(f"{url}/api/v2/webhooks/1/resume", {"backlog": "send"})
            self.commit_lead(url)
            self.arrives(5)

    def ask(self, url, body):
        status, __, text = self.request(url, "admin", body=body)
        self.assertEqual(status, 200, text)

    def test_the_next_server_takes_over_where_the_first_is_killed(self):
        self.serve()
        first = self.holder()
        url = self.serve()
        self.commit_lead(url)
        self.arrives(5)
        self.assertEqual(self.holder(), first)
        os.kill(first, signal.SIGKILL)
        self.commit_lead(url)
        self.arrives(10)
        self.assertNotEqual(self.holder(), first)

    def test_the_next_server_takes_over_at_once_where_the_first_stops(self):
        self.serve()
        first, server = self.holder(), self.server
        url = self.serve()
        server.send_signal(signal.SIGINT)
        server.wait(20)
        self.commit_lead(url)
        # It looks every two seconds.
        self.arrives(5)
        self.assertNotEqual(self.holder(), first)

    def test_who_was_stopped_for_a_while_has_no_say_any_more(self):
        self.serve()
        first = self.holder()
        url = self.serve()
        self.commit_lead(url)
        self.arrives(5)
        os.kill(first, signal.SIGSTOP)
        try:
            self.commit_lead(url)
            self.arrives(10)
            second = self.holder()
            self.assertNotEqual(second, first)
        finally:
            os.kill(first, signal.SIGCONT)
        time.sleep(1)
        for __ in range(5):
            self.commit_lead(url)
        self.arrives(5)
        self.assertEqual(self.holder(), second)
        self.assertEqual(len(self.endpoint.ids), len(self.sent))
        self.assertEqual(self.query(STATES), [("delivered", len(self.sent))])

    def test_a_worker_takes_over_where_another_is_killed(self):
        url = self.serve("--workers=2")
        self.commit_lead(url)
        first = self.holder()
        self.assertNotEqual(first, self.server.pid)
        self.arrives(5)
        os.kill(first, signal.SIGKILL)
        time.sleep(1)
        self.commit_lead(url)
        self.arrives(10)
        self.assertNotEqual(self.holder(), first)

    def test_a_shell_sends_nothing(self):
        script = (
            "import threading\n"
            "print('thread', *[each.name for each in threading.enumerate()])\n"
        )
        [names] = [
            line
            for line in self.odoo("shell", script=script).stdout.splitlines()
            if line.startswith("thread ")
        ]
        self.assertIn("MainThread", names)
        self.assertNotIn("dispatcher", names)

    def test_sending_goes_on_where_connections_are_lost(self):
        url = self.serve()
        self.holder()
        self.terminate()
        time.sleep(0.5)
        self.commit_lead(url)
        self.arrives(20)

    def terminate(self):
        """End all connections to the database."""
        with closing(psycopg2.connect(**connection_info_for("postgres")[1])) as other:
            other.autocommit = True
            other.cursor().execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s",
                [self.db],
            )

    def test_the_database_can_be_dropped(self):
        self.serve()
        self.holder()
        self.terminate()
        with closing(psycopg2.connect(**connection_info_for("postgres")[1])) as other:
            other.autocommit = True
            # The server may be about to connect again.
            other.cursor().execute(f'DROP DATABASE "{self.db}" WITH (FORCE)')
        time.sleep(8)
        lost = re.findall("Connection to the database failed", self.log.read_text())
        self.assertLess(len(lost), 3)
