"""Endpoints that webhooks are delivered to, each of which has a receiver of its own."""

import json
import threading
import time
from unittest.mock import patch

from odoo.tools import config

from ..models.webhooks.dispatcher import run_once
from ..models.webhooks.schedule import Schedule
from ..models.webhooks.settings import ALLOWED_OPTION
from .common import RealCursors
from .receiver import Receiver, answer

#: The schedule in force, so much faster that a test can wait for it
FAST = Schedule(pauses=(0, 0.05, 0.1, 0.1), jitter=0, switched_off_after=3600, probe=0)

OK = answer("200 OK", b"thank you")
REFUSED = answer("500 Internal Server Error", b"not now")


class Endpoint:
    """A receiver that answers as a function of the message says, 200 by default.

    :ivar messages: ``(id, body)`` of each request, in the order in which they came
    :ivar headers: of each of them
    """

    def __init__(self, answering=lambda body: OK):
        self.answering = answering
        self.messages, self.headers = [], []
        self._lock = threading.Lock()
        self.receiver = Receiver(self._serve)

    @property
    def url(self):
        return self.receiver.url

    @property
    def ids(self):
        return [id_ for id_, __ in self.messages]

    def versions(self, lead_id):
        """Return the versions of the events of a lead, as they came."""
        return [
            body["data"]["version"]
            for __, body in self.messages
            if body["subject"] == f"crm.lead/{lead_id}"
        ]

    def _serve(self, connection):
        while request := connection.request():
            head, __, content = request.partition(b"\r\n\r\n")
            headers = dict(
                line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:]
            )
            body = json.loads(content)
            with self._lock:
                self.messages.append((headers["webhook-id"], body))
                self.headers.append(headers)
            connection.send(self.answering(body))


class Deliveries(RealCursors):
    """Endpoints and opportunities that are committed, and removed again."""

    def setUp(self):
        super().setUp()
        self.enterContext(patch.dict(config.options, {ALLOWED_OPTION: "127.0.0.1"}))
        self.leads, self.webhooks = [], []
        self.addCleanup(self.remove)

    def remove(self):
        with self.transaction() as env:
            env["cqrs.webhook"].browse(self.webhooks).exists().unlink()
            env["crm.lead"].browse(self.leads).exists().unlink()

    def endpoint(self, answering=lambda body: OK, **values):
        """Return a new endpoint that listens; ``webhook`` is its id."""
        endpoint = Endpoint(answering)
        self.enterContext(endpoint.receiver)
        with self.transaction() as env:
            webhook = env["cqrs.webhook"].create(
                {
                    "name": "Test",
                    "url": endpoint.url,
                    "user_id": env.ref("base.user_admin").id,
                    "owner_id": env.ref("base.user_admin").id,
                    **values,
                }
            )
        endpoint.webhook = webhook.id
        self.webhooks.append(webhook.id)
        return endpoint

    def lead(self, writes=0):
        """Commit an opportunity, and some changes of it; return its id."""
        with self.transaction() as env:
            id_ = env["crm.lead"].create({"name": "Told", "type": "opportunity"}).id
        self.leads.append(id_)
        for number in range(writes):
            self.change(id_, expected_revenue=number + 1)
        return id_

    def change(self, id_, **values):
        with self.transaction() as env:
            env["crm.lead"].browse(id_).write(values)

    def run_once(self, schedule=FAST):
        return run_once(self.env.cr.dbname, schedule)

    def run_until(self, condition, schedule=FAST):
        """Run once and again until a condition holds."""
        deadline = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), deadline, "it never held")
            self.run_once(schedule)
            time.sleep(0.01)

    def query(self, statement, *parameters):
        with self.registry.cursor() as cr:
            cr.execute(statement, parameters)
            return cr.fetchall()

    def states(self, endpoint):
        """Return ``(state, attempts)`` of each message, in the order of the log."""
        return self.query(
            "SELECT state, attempts FROM cqrs_webhook_message WHERE webhook_id = %s"
            " ORDER BY position, id",
            endpoint.webhook,
        )

    def reason(self, endpoint):
        """Return why an endpoint is paused, False if it is not."""
        with self.transaction() as env:
            return env["cqrs.webhook"].browse(endpoint.webhook).pause_reason

    def due(self, endpoint):
        """Let the time until the next attempts be over."""
        with self.transaction() as env:
            env.cr.execute(
                "UPDATE cqrs_webhook_message SET next_attempt_at = now()"
                " WHERE webhook_id = %s AND state = 'waiting'",
                [endpoint.webhook],
            )

    def pause_endpoint(self, endpoint):
        with self.transaction() as env:
            env["cqrs.webhook"].browse(endpoint.webhook)._pause("person")

    def resume(self, endpoint, send_backlog):
        with self.transaction() as env:
            env["cqrs.webhook"].browse(endpoint.webhook)._resume(send_backlog)
