"""A server that sends webhooks from a database of its own, and who receives them."""

import time

from .own_server import OwnServer


class WebhookServer(OwnServer):
    """
    :ivar receivers: those of ``devtools/web/receivers.py``
    :ivar admin: somebody at an HTTP client, once it is served
    """

    def setUp(self):
        super().setUp()
        # Not at the top: what an installed addon needs is not what it is tested with.
        from ..devtools.web.receivers import receivers

        self.receivers = self.enterContext(receivers())

    def serve_webhooks(self, *options):
        """Serve the database, from which this machine may be told; return the URL."""
        path = self.configuration(cqrs_webhook_allowed="127.0.0.1")
        url = self.serve(f"--config={path}", *options)
        self.admin = self.log_in(url)
        return url

    def endpoint(self, path, url=None, **values):
        """Return the id of a new endpoint, at a receiver unless there is a URL."""
        values = {"name": path, "url": url or self.receivers.url(path), **values}
        webhook_id = self.admin.call("cqrs.webhook", "create", values)
        self.receivers.trust(path, self.secret(webhook_id))
        return webhook_id

    def secret(self, webhook_id):
        [(secret,)] = self.query(
            "SELECT secret FROM cqrs_webhook_secret"
            f" WHERE webhook_id = {webhook_id:d} AND expires_at IS NULL"
        )
        return secret

    def opportunity(self, **values):
        """Return the id of a new opportunity of the administrator's."""
        values = {"name": "Deal", "type": "opportunity", **values}
        return self.admin.call("crm.lead", "create", values)

    def events(self, after=0):
        """Return the ids of the events of leads after a position, in order."""
        rows = self.query(
            "SELECT event_id::text FROM cqrs_event WHERE stream_model = 'crm.lead'"
            f" AND position > {after:d} ORDER BY txid, position"
        )
        return [event_id for (event_id,) in rows]

    def last_position(self):
        [(position,)] = self.query("SELECT max(position) FROM cqrs_event")
        return position

    def wait_until(self, condition, seconds=30):
        """Wait for a condition, which must come true."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline, self.log.read_text()[-3000:])
            time.sleep(0.05)

    def wait_for_events(self, path, after=0, seconds=30):
        """Wait until a receiver has every event after a position; return what it got.

        :return: the lines of ``Receivers.received`` that were taken
        """
        expected = {*self.events(after)}
        self.assertTrue(expected)

        def taken():
            lines = self.receivers.received(path)
            return [line for line in lines if line["status"] < 300]

        def is_there():
            return expected <= {line["id"] for line in taken()}

        self.wait_until(is_there, seconds)
        return taken()
