"""Messages that are sent once more: one, some, or all since a moment."""

from datetime import datetime, timedelta, timezone

from odoo.tests import tagged

from ..models.api.log_cursor import LogCursor
from ..models.feed.feed import read_feed
from ..models.webhooks.schedule import Schedule
from .deliveries import OK, REFUSED, Deliveries


@tagged("post_install", "-at_install")
class TestWebhooksAreSentAgain(Deliveries):
    def test_the_log_goes_on_from_the_cursor_of_a_message(self):
        """It has what the receiver has not got, and nothing that is before that."""
        first = self.lead()
        refused = {first}

        def answering(body):
            lead = int(body["subject"].partition("/")[2])
            return REFUSED if lead in refused else OK

        endpoint = self.endpoint(answering)
        never = Schedule(pauses=(0, 3600))
        second = self.lead(writes=1)
        self.run_once(never)
        self.assertEqual(self.after_last(endpoint), [])
        self.change(first, expected_revenue=1)
        self.change(second, expected_revenue=7)
        self.change(first, expected_revenue=2)
        self.change(second, expected_revenue=8)
        self.run_once(never)
        self.assertEqual(endpoint.versions(second), [1, 2, 3, 4])
        undelivered = [(first, 2), (second, 3), (first, 3), (second, 4)]
        self.assertEqual(self.after_last(endpoint, second), undelivered)
        with self.subTest("a dead one is not delivered"):
            self.due(endpoint)
            self.run_once(Schedule(pauses=(0, 3600)))
            self.assertIn(("dead", 2), self.states(endpoint))
            refused.clear()
            self.change(second, expected_revenue=9)
            self.run_once(never)
            self.assertEqual(
                self.after_last(endpoint, second), [*undelivered, (second, 5)]
            )
        with self.subTest("until it is sent again"):
            self.send_all_again(endpoint, "dead")
            self.due(endpoint)
            self.run_once(never)
            self.assertEqual(self.after_last(endpoint), [])

    def after_last(self, endpoint, lead=None):
        """Return ``(lead, version)`` of what the log has after the last message.

        :param lead: of the one that was last sent about it
        """
        [*__, cursor] = [
            body["cursor"]
            for __, body in endpoint.messages
            if lead in (None, int(body["subject"].partition("/")[2]))
        ]
        with self.registry.cursor() as cr:
            env = self.environment(cr)(user=self.env.ref("base.user_admin").id)
            page = read_feed(env, LogCursor.parse(cursor).checkpoint, 100)
        self.assertEqual({m.kind for m in page.messages} - {"event"}, set())
        return [(m.event.stream_id, m.event.version) for m in page.messages]

    def send_all_again(self, endpoint, state):
        rows = self.query(
            "SELECT id FROM cqrs_webhook_message WHERE webhook_id = %s AND state = %s",
            *(endpoint.webhook, state),
        )
        with self.transaction() as env:
            webhook = env["cqrs.webhook"].browse(endpoint.webhook)
            webhook._send_again([id_ for (id_,) in rows])

    def test_a_message_is_sent_again(self):
        endpoint = self.endpoint(lambda body: REFUSED)
        lead = self.lead()
        self.run_until(lambda: self.states(endpoint) == [("dead", 4)])
        endpoint.answering = lambda body: OK
        with self.transaction() as env:
            webhook = env["cqrs.webhook"].browse(endpoint.webhook)
            messages = self.query(
                "SELECT id FROM cqrs_webhook_message WHERE webhook_id = %s", webhook.id
            )
            self.assertEqual(webhook._send_again([id_ for (id_,) in messages]), 1)
        self.run_once()
        self.assertEqual(self.states(endpoint), [("delivered", 1)])
        self.assertEqual(len(set(endpoint.ids)), 1)
        self.assertEqual(endpoint.versions(lead), 5 * [1])

    def test_everything_since_a_time_is_sent_again(self):
        old = self.lead()
        since = datetime.now(timezone.utc)
        endpoint = self.endpoint()
        lead = self.lead(writes=1)
        self.pause_endpoint(endpoint)
        self.change(lead, expected_revenue=7)
        self.resume(endpoint, False)
        self.run_once()
        self.assertEqual(endpoint.versions(lead), [])
        with self.transaction() as env:
            webhook = env["cqrs.webhook"].browse(endpoint.webhook)
            self.assertEqual(webhook._send_again_since(since), 3)
        self.run_once()
        self.assertEqual(endpoint.versions(lead), [1, 2, 3])
        self.assertEqual(endpoint.versions(old), [])
        with self.transaction() as env:
            webhook = env["cqrs.webhook"].browse(endpoint.webhook)
            until = since + timedelta(days=1)
            self.assertEqual(webhook._send_again_since(since, until), 3)
        self.run_once()
        self.assertEqual(endpoint.versions(lead), [1, 2, 3, 1, 2, 3])

    def test_what_left_is_sent_again_whatever_is_asked_for(self):
        """An endpoint may ask for other types than that of the event."""
        since = datetime.now(timezone.utc)
        endpoint = self.endpoint(event_types="OpportunityWon")
        lead = self.lead(writes=1)
        self.change(lead, type="lead")
        self.run_once()
        told = [(id_, body["type"]) for id_, body in endpoint.messages]
        self.assertEqual([type_ for __, type_ in told], ["crm_cqrs.removed"])
        with self.transaction() as env:
            webhook = env["cqrs.webhook"].browse(endpoint.webhook)
            self.assertEqual(webhook._send_again_since(since), 1)
        self.run_once()
        again = [(id_, body["type"]) for id_, body in endpoint.messages]
        self.assertEqual(again, 2 * told)
