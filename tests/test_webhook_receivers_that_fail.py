"""Receivers that fail, ask for time or are gone; endpoints that are paused."""

import time

from odoo.tests import tagged

from ..models.webhooks.schedule import Schedule
from .deliveries import OK, REFUSED, Deliveries
from .receiver import answer


@tagged("post_install", "-at_install")
class TestWebhookReceiversThatFail(Deliveries):
    def test_the_pause_is_that_of_the_schedule_or_what_the_receiver_asks_for(self):
        answers = {1: REFUSED, 2: answer("503 Wait", b"", "Retry-After: 100")}
        endpoint = self.endpoint(lambda body: answers[body["data"]["version"]])
        schedule = Schedule(jitter=0)
        self.lead()
        self.run_once(schedule)
        # Less what the machine took until it was asked for.
        self.assertAlmostEqual(self.pause(endpoint), 5, delta=4)
        self.due(endpoint)
        self.run_once(schedule)
        self.assertAlmostEqual(self.pause(endpoint), 300, delta=4)
        with self.transaction() as env:
            env["cqrs.webhook"].browse(endpoint.webhook)._resume(False)
        self.change(self.leads[-1], expected_revenue=1)
        self.run_once(schedule)
        self.assertAlmostEqual(self.pause(endpoint), 100, delta=4)

    def pause(self, endpoint):
        [(seconds,)] = self.query(
            "SELECT EXTRACT(EPOCH FROM next_attempt_at - now())::float"
            " FROM cqrs_webhook_message WHERE webhook_id = %s AND state = 'waiting'",
            endpoint.webhook,
        )
        return seconds

    def test_a_receiver_that_asks_to_be_left_alone_is_left_alone(self):
        """As a whole, and by whoever delivers next."""
        wait = answer("503 Wait", b"", "Retry-After: 100")
        endpoint = self.endpoint(lambda body: wait)
        never = Schedule(pauses=(0, 3600))
        self.lead()
        self.assertEqual(self.run_once(never), 1)
        endpoint.answering = lambda body: OK
        self.lead()
        self.assertEqual(self.run_once(never), 0)
        with self.transaction() as env:
            env.cr.execute(
                "UPDATE cqrs_webhook_checkpoint"
                " SET not_before = not_before - interval '101 s' WHERE webhook_id = %s",
                [endpoint.webhook],
            )
        self.assertEqual(self.run_once(never), 1)
        self.assertEqual(self.states(endpoint), [("waiting", 1), ("delivered", 1)])

    def test_who_resumes_an_endpoint_does_not_wait_for_its_receiver(self):
        endpoint = self.endpoint(lambda body: answer("429 Wait", b"", "Retry-After: 9"))
        self.lead()
        self.assertEqual(self.run_once(), 1)
        endpoint.answering = lambda body: OK
        self.pause_endpoint(endpoint)
        self.resume(endpoint, True)
        self.assertEqual(self.run_once(), 1)
        self.assertEqual(self.states(endpoint), [("delivered", 1)])

    def test_gone_switches_off_at_once(self):
        endpoint = self.endpoint(lambda body: answer("410 Gone"))
        self.lead(writes=1)
        self.run_once()
        self.assertEqual(self.reason(endpoint), "gone")
        self.lead()
        self.assertEqual(self.run_once(), 0)
        self.assertEqual(len(endpoint.ids), 1)

    def test_who_fails_for_too_long_is_switched_off(self):
        endpoint = self.endpoint(lambda body: REFUSED)
        schedule = Schedule(pauses=(0, 0.1) + 30 * (0.1,), switched_off_after=0.5)
        self.lead()
        begin = time.monotonic()
        self.run_until(lambda: self.reason(endpoint), schedule)
        self.assertEqual(self.reason(endpoint), "failing")
        self.assertGreater(time.monotonic() - begin, 0.5)

    def test_who_answers_in_between_is_not_switched_off(self):
        endpoint = self.endpoint(
            lambda body: OK if len(endpoint.ids) % 2 == 0 else REFUSED
        )
        schedule = Schedule(pauses=30 * (0.1,), jitter=0, switched_off_after=1.5)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            self.lead()
            self.run_once(schedule)
        self.assertFalse(self.reason(endpoint))

    def test_a_paused_endpoint_is_resumed_with_its_backlog(self):
        endpoint = self.endpoint()
        lead = self.lead()
        self.run_once()
        self.pause_endpoint(endpoint)
        self.change(lead, expected_revenue=1)
        self.assertEqual(self.run_once(), 0)
        self.resume(endpoint, True)
        self.assertEqual(self.run_once(), 1)
        self.assertEqual(endpoint.versions(lead), [1, 2])

    def test_a_paused_endpoint_is_resumed_without_its_backlog(self):
        endpoint = self.endpoint(lambda body: REFUSED)
        lead = self.lead()
        self.run_once(Schedule(pauses=(0, 3600)))
        self.pause_endpoint(endpoint)
        self.change(lead, expected_revenue=1)
        self.resume(endpoint, False)
        endpoint.answering = lambda body: OK
        self.assertEqual(self.run_once(), 0)
        self.change(lead, expected_revenue=2)
        self.assertEqual(self.run_once(), 1)
        self.assertEqual(endpoint.versions(lead), [1, 3])
        self.assertEqual(self.states(endpoint), [("skipped", 0), ("delivered", 1)])
