"""Receivers of webhooks: the example, and the snippets of the document.

Each is a process of its own, and has the messages of a real server.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import requests
from standardwebhooks import Webhook

from odoo.tests import tagged

from .webhooks import WebhookServer

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "examples" / "webhook_receiver.py"
DOCUMENT = ROOT / "docs" / "webhooks.md"

#: Run a snippet on the messages of standard input; print the type of each that verifies
DRIVERS = {
    "python": """
import json, sys

for line in sys.stdin:
    sent = json.loads(line)
    message = verified(sent["text"].encode(), sent["headers"])
    print(message["type"] if message else "refused")
""",
    "javascript": """
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
    const sent = JSON.parse(line);
    console.log(verified(sent.text, sent.headers)?.type ?? "refused");
}
""",
}


def snippet(language):
    """Return the code in a language that the document shows, the only one."""
    pattern = rf"^```{language}\n(.*?)^```"
    blocks = re.findall(pattern, DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    [code] = blocks
    return code


def copies_of(sent):
    """Return a message, and copies that must be refused."""
    headers = sent["headers"]
    early = str(int(headers["webhook-timestamp"]) - 600)
    return [
        sent,
        {**sent, "text": sent["text"].replace("crm.lead", "crm.laed")},
        {**sent, "headers": {**headers, "webhook-id": "another"}},
        {**sent, "headers": {**headers, "webhook-timestamp": early}},
        {**sent, "headers": {**headers, "webhook-signature": "v1"}},
        {**sent, "headers": {}},
    ]


@tagged("post_install", "-at_install")
class TestWebhookReceivers(WebhookServer):
    def test_the_snippets_of_the_document_verify(self):
        self.serve_webhooks()
        webhook_id = self.endpoint("/good/1")
        self.opportunity()
        [sent] = self.wait_for_events("/good/1", self.position)
        lines = "".join(f"{json.dumps(each)}\n" for each in copies_of(sent))
        for language, run in (
            ("python", self.run_python),
            ("javascript", self.run_javascript),
        ):
            with self.subTest(language):
                done = run(snippet(language) + DRIVERS[language], lines, webhook_id)
                self.assertEqual(done.stderr, "")
                self.assertEqual(
                    done.stdout.split(),
                    ["crm_cqrs.OpportunityCreated", *["refused"] * 5],
                )

    def test_the_log_goes_on_where_a_message_says(self):
        """Asked with the key of a user who is no administrator, as the endpoint's."""
        url = self.serve_webhooks()
        [(user_id,)] = self.query("SELECT id FROM res_users WHERE login = 'demo'")
        self.webhook_id = self.endpoint("/good/1", user_id=user_id)
        lead_ids = [self.opportunity(user_id=user_id) for __ in range(3)]
        self.wait_for_events("/good/1", self.position)
        # Then nothing is on its way beside the last one.
        self.wait_until(lambda: self.states() == {"delivered"})
        before = self.last_position()
        self.opportunity(user_id=user_id)
        self.wait_for_events("/good/1", before)
        line = self.receivers.received("/good/1")[-1]
        self.assertEqual(self.after(url, line), [])
        self.admin.call("crm.lead", "write", lead_ids[:1], {"name": "Changed"})
        self.admin.call("crm.lead", "unlink", lead_ids[1:2])
        self.admin.call("crm.lead", "write", lead_ids[2:], {"user_id": 2})
        last = self.events()[-3:]
        told = self.after(url, line)
        self.assertEqual([id_ for id_, __ in told], last)
        self.assertEqual(told[1][1], "crm_cqrs.removed")
        self.assertNotIn("crm_cqrs.resync", [type_ for __, type_ in told])

    def after(self, url, line):
        """Return ``(id, type)`` of what the log has after a message."""
        path = f"/api/v2/events?stream=crm.lead&cursor={line['body']['cursor']}"
        status, __, text = self.request(f"{url}{path}", "demo")
        self.assertEqual(status, 200, text)
        return [(each["id"], each["type"]) for each in json.loads(text)["events"]]

    def setUp(self):
        super().setUp()
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.position = self.last_position()

    def run_python(self, code, lines, webhook_id):
        return self.run_program([sys.executable, "-c", code], lines, webhook_id)

    def run_javascript(self, code, lines, webhook_id):
        (self.folder / "node_modules").symlink_to(os.environ["CRM_CQRS_NODE_MODULES"])
        file = self.folder / "snippet.mjs"
        file.write_text(code)
        return self.run_program(["node", file], lines, webhook_id)

    def run_program(self, command, lines, webhook_id):
        return subprocess.run(
            command,
            input=lines,
            env={**os.environ, "WEBHOOK_SECRET": self.secret(webhook_id)},
            capture_output=True,
            text=True,
            check=False,
        )

    # The example

    def test_the_example_keeps_a_copy_through_an_outage(self):
        from ..devtools.process import free_port

        self.port = free_port()
        self.url = self.serve_webhooks()
        hook = f"http://127.0.0.1:{self.port}/hook"
        self.webhook_id = self.endpoint("/hook", hook)
        self.start()
        lead_id = self.opportunity(name="First")
        self.wait_until(lambda: self.names().get(lead_id) == "First")
        # By the webhook, not by the log, which it has read before.
        self.wait_until(lambda: self.states() == {"delivered"})

        with self.subTest("duplicates and what is not from the endpoint"):
            self.check_answers()

        with self.subTest("an outage"):
            self.process.kill()
            self.process.wait()
            self.admin.call("crm.lead", "write", [lead_id], {"name": "Renamed"})
            self.wait_until(lambda: "waiting" in self.states())
            # So that what is known now is known by the log.
            self.pause(True)
            gone_id = self.opportunity(name="Gone soon")
            self.admin.call("crm.lead", "unlink", [gone_id])
            other_id = self.opportunity(name="Other")
            self.start()
            expected = {lead_id: "Renamed", other_id: "Other"}
            self.wait_until(lambda: expected.items() <= self.names().items())
            self.assertNotIn(gone_id, self.names())
            [(known,)] = self.query_copy("SELECT count(*) FROM message")
            # The same messages come by the webhook as well.
            self.pause(False)
            last_id = self.events()[-1]
            self.wait_until(lambda: last_id in self.delivered(), 60)
            self.wait_until(lambda: self.states() == {"delivered"}, 60)
            self.assertEqual(
                self.query_copy("SELECT count(*) FROM message"), [(known,)]
            )

        with self.subTest("an opportunity that is deleted"):
            self.admin.call("crm.lead", "unlink", [other_id])
            self.wait_until(lambda: other_id not in self.names())

        with self.subTest("a view that is another one"):
            self.spoil()
            self.admin.call(
                "ir.config_parameter",
                "set_param",
                "crm_cqrs.salespeople_see_unassigned",
                "True",
            )
            self.opportunity(name="Later")
            self.wait_until(lambda: self.names().get(lead_id) == "Renamed")

    def start(self):
        """Start the example, and wait until it answers."""
        environ = {
            **os.environ,
            "WEBHOOK_SECRETS": f"whsec_AAAA {self.secret(self.webhook_id)}",
            "ODOO_URL": self.url,
            "ODOO_KEY": self.keys["admin"],
        }
        self.file = self.folder / "copy.sqlite"
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, self.file, str(self.port)], env=environ
        )
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        self.wait_until(lambda: self.post(b"", {}) is not None)

    def post(self, body, headers):
        """Return the status of the answer, None if nobody answers."""
        try:
            return requests.post(
                f"http://127.0.0.1:{self.port}/", body, headers=headers, timeout=10
            ).status_code
        except requests.ConnectionError:
            return None

    def signed(self, message, secret=None):
        """Return a body, and headers that are right for it, as of now."""
        body = json.dumps(message)
        now = datetime.now(timezone.utc)
        webhook = Webhook(secret or self.secret(self.webhook_id))
        return body.encode(), {
            "webhook-id": message["id"],
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": webhook.sign(message["id"], now, body),
        }

    def check_answers(self):
        [(last_id,)] = self.query_copy(
            "SELECT id FROM message ORDER BY number DESC LIMIT 1"
        )
        [(before,)] = self.query_copy("SELECT count(*) FROM message")
        again = {"id": last_id, "type": "crm_cqrs.test"}
        self.assertEqual(self.post(*self.signed(again)), 204)
        body, headers = self.signed({**again, "id": "another"}, "whsec_BBBB")
        self.assertEqual(self.post(body, headers), 401)
        self.assertEqual(self.post(body, {}), 401)
        # The connection may be closed before all of it is sent.
        self.assertIn(self.post(b"x" * (1 << 21), headers), (413, None))
        self.assertEqual(self.query_copy("SELECT count(*) FROM message"), [(before,)])

    def spoil(self):
        """Have the copy miss everything, as if nothing had told it."""
        with closing(sqlite3.connect(self.file, timeout=10)) as connection, connection:
            connection.execute("DELETE FROM opportunity")

    def query_copy(self, statement):
        with closing(sqlite3.connect(self.file, timeout=10)) as connection:
            return connection.execute(statement).fetchall()

    def names(self):
        rows = self.query_copy("SELECT id, content FROM opportunity")
        return {id_: json.loads(content)["name"] for id_, content in rows}

    def pause(self, is_paused):
        self.query(
            f"UPDATE cqrs_webhook SET is_paused = {is_paused}"
            f" WHERE id = {self.webhook_id:d} RETURNING id"
        )

    def delivered(self):
        rows = self.query(
            "SELECT message_id FROM cqrs_webhook_message"
            f" WHERE webhook_id = {self.webhook_id:d} AND state = 'delivered'"
        )
        return {message_id for (message_id,) in rows}

    def states(self):
        """Return the states of all messages to the endpoint."""
        rows = self.query(
            "SELECT state FROM cqrs_webhook_message"
            f" WHERE webhook_id = {self.webhook_id:d}"
        )
        return {state for (state,) in rows}
