"""Messages to endpoints: what is sent when, and what comes of it."""

import json
import threading
import time
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

from odoo import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import config

from ..models.api.log_cursor import LogCursor
from ..models.event_store.part import id_of_part
from ..models.feed.feed import read_feed
from ..models.webhooks import outbox
from ..models.webhooks.dispatcher import run_once
from ..models.webhooks.lease import MARGIN, Lease
from ..models.webhooks.outbox import Outcome, Taken
from ..models.webhooks.schedule import Schedule
from ..models.webhooks.settings import ALLOWED_OPTION
from .common import RealCursors, other_company
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


@tagged("post_install", "-at_install")
class TestWebhookDelivery(Deliveries):
    def test_what_is_committed_is_sent_once(self):
        before = self.lead()
        endpoint = self.endpoint()
        lead = self.lead(writes=2)
        self.assertEqual(self.run_once(), 3)
        self.assertEqual(endpoint.versions(before), [])
        self.assertEqual(endpoint.versions(lead), [1, 2, 3])
        self.assertEqual(self.states(endpoint), 3 * [("delivered", 1)])
        self.assertEqual(self.run_once(), 0)
        events = self.query(
            "SELECT event_id FROM cqrs_event WHERE stream_model = 'crm.lead'"
            " AND stream_id = %s ORDER BY position",
            lead,
        )
        self.assertEqual([(id_,) for id_ in endpoint.ids], events)

    def test_an_attempt_is_on_record(self):
        endpoint = self.endpoint(headers='{"X-Tenant": "secret"}')
        self.lead()
        self.run_once()
        [(number, status, error, request, text)] = self.query(
            "SELECT number, status, error, request, answer FROM cqrs_webhook_attempt"
            " WHERE webhook_id = %s",
            endpoint.webhook,
        )
        self.assertEqual((number, status, error, text), (1, 200, "", "thank you"))
        self.assertEqual(endpoint.headers[0]["x-tenant"], "secret")
        self.assertIn(f"POST {endpoint.url}\n", request)
        self.assertIn("OpportunityCreated", request)
        self.assertNotIn("secret", request)

    def test_what_fails_is_sent_again_with_the_same_id_until_it_is_dead(self):
        endpoint = self.endpoint(lambda body: REFUSED)
        self.lead()
        self.run_until(lambda: self.states(endpoint) == [("dead", 4)])
        self.assertEqual(len(endpoint.ids), 4)
        self.assertEqual(len(set(endpoint.ids)), 1)
        attempts = self.query(
            "SELECT number, status, answer FROM cqrs_webhook_attempt"
            " WHERE webhook_id = %s ORDER BY id",
            endpoint.webhook,
        )
        self.assertEqual(attempts, [(n, 500, "not now") for n in (1, 2, 3, 4)])

    def test_what_waits_has_the_id_of_the_endpoint_as_it_was_narrowed(self):
        """By the event's own id one could try what it was in the other company."""
        here, there = self.env.company.id, self.company()
        endpoint = self.endpoint(lambda body: REFUSED)
        lead = self.lead()
        self.change(lead, company_id=here, team_id=False, user_id=False)
        self.change(lead, company_id=there)
        slow = Schedule(pauses=(0, 3600, 3600))
        self.run_once(slow)
        with self.transaction() as env:
            webhook = env["cqrs.webhook"].browse(endpoint.webhook)
            webhook.company_ids = [Command.set([here])]
        endpoint.answering = lambda body: OK
        endpoint.messages.clear()
        self.due(endpoint)
        self.run_once(slow)
        events = self.query(
            "SELECT event_id::text FROM cqrs_event WHERE stream_model = 'crm.lead'"
            " AND stream_id = %s ORDER BY position",
            lead,
        )
        last = id_of_part(events[-1][0])
        self.assertEqual(
            [
                (id_, body["id"], body["type"])
                for id_, body in endpoint.messages
                if body["type"] != "crm_cqrs.resync"
            ],
            [(last, last, "crm_cqrs.removed")],
        )

    def company(self):
        """Return the id of a company that is committed, and removed again."""
        with self.transaction() as env:
            company = other_company(env)
            admin = env.ref("base.user_admin")
            admin.company_ids = [Command.link(company.id)]

        def remove():
            self.remove()
            with self.transaction() as env:
                partner = env["res.company"].browse(company.id).partner_id
                admin = env.ref("base.user_admin")
                admin.company_ids = [Command.unlink(company.id)]
                env["res.company"].browse(company.id).unlink()
                partner.unlink()

        self.addCleanup(remove)
        return company.id

    def test_a_record_that_fails_holds_back_itself_alone(self):
        first = self.lead()
        refused = {first}

        def answering(body):
            lead = int(body["subject"].partition("/")[2])
            return REFUSED if lead in refused else OK

        endpoint = self.endpoint(answering)
        slow = Schedule(pauses=(0, 3600))
        self.change(first, expected_revenue=1)
        self.change(first, expected_revenue=2)
        second = self.lead(writes=2)
        self.run_once(slow)
        self.assertEqual(endpoint.versions(first), [2])
        self.assertEqual(endpoint.versions(second), [1, 2, 3])
        refused.clear()
        self.due(endpoint)
        self.run_once(slow)
        self.assertEqual(endpoint.versions(first), [2, 2, 3])

    def test_a_dead_message_releases_the_next_one_of_its_record(self):
        endpoint = self.endpoint(
            lambda body: REFUSED if body["data"]["version"] == 1 else OK
        )
        lead = self.lead(writes=1)
        self.run_until(lambda: self.states(endpoint)[1:] == [("delivered", 1)])
        self.assertEqual(endpoint.versions(lead), [1, 1, 1, 1, 2])

    def test_without_an_order_nothing_waits(self):
        endpoint = self.endpoint(
            lambda body: REFUSED if body["data"]["version"] == 1 else OK,
            ordering="none",
        )
        lead = self.lead(writes=2)
        self.run_once(Schedule(pauses=(0, 3600)))
        self.assertEqual(sorted(endpoint.versions(lead)), [1, 2, 3])

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

    def test_a_redirect_is_a_failure(self):
        endpoint = self.endpoint(
            lambda body: answer("302 Found", b"", "Location: http://127.0.0.1:1/")
        )
        self.lead()
        self.run_once(Schedule(pauses=(0, 3600)))
        self.assertEqual(self.states(endpoint), [("waiting", 1)])
        self.assertEqual(len(endpoint.ids), 1)

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

    def test_a_copy_of_the_database_sends_nothing(self):
        endpoint = self.endpoint()
        other = self.endpoint()
        with self.transaction() as env:
            env["cqrs.webhook"].browse(endpoint.webhook)._set_state(bound_to="x y")
        self.lead()
        self.assertEqual(self.run_once(), 1)
        self.assertEqual((len(endpoint.ids), len(other.ids)), (0, 1))
        self.assertEqual(self.reason(endpoint), "copied")
        self.assertFalse(self.reason(other))

    def test_the_job_sends_where_no_thread_does(self):
        endpoint = self.endpoint()
        lead = self.lead()
        with self.transaction() as env:
            env.ref("crm_cqrs.ir_cron_webhooks").method_direct_trigger()
        self.assertEqual(endpoint.versions(lead), [1])

    def test_a_neutralised_database_sends_nothing(self):
        endpoint = self.endpoint()
        self.lead()
        key = "database.is_neutralized"
        with self.transaction() as env:
            env["ir.config_parameter"].set_param(key, "true")
        try:
            self.assertEqual(self.run_once(), 0)
        finally:
            with self.transaction() as env:
                env["ir.config_parameter"].set_param(key, False)
        self.assertEqual(self.run_once(), 1)
        self.assertEqual(len(endpoint.ids), 1)

    def test_who_does_not_hold_the_lease_writes_nothing(self):
        endpoint = self.endpoint()
        self.lead()
        held, former = Lease(), Lease()
        with outbox.statements(self.env.cr.dbname) as cr:
            self.assertTrue(held.take(cr))
            self.addCleanup(self.release)
            self.assertFalse(former.take(cr))
            self.assertFalse(former.renew(cr))
            [place] = outbox.places(cr, [endpoint.webhook], 1)
            rows = [Taken("a", "resync", None, None, None, "w")]
            self.assertFalse(outbox.take(cr, former.holder, place, "x", rows))
            self.assertEqual(self.states(endpoint), [])
            self.assertTrue(outbox.take(cr, held.holder, place, "x", rows))
            self.assertFalse(outbox.take(cr, held.holder, place, "y", rows))
            self.assertEqual(self.states(endpoint), [("waiting", 0)])
            [[message]] = outbox.ready(cr, {endpoint.webhook: (5, 5)}, [])
            outcome = Outcome(message.id, endpoint.webhook, "resync", "delivered", 1)
            self.assertIsNone(outbox.record(cr, former.holder, [outcome]))
            self.assertEqual(self.states(endpoint), [("waiting", 0)])
            self.assertEqual(outbox.record(cr, held.holder, [outcome]), [])
            self.assertEqual(self.states(endpoint), [("delivered", 1)])
        self.assertEqual(self.run_once(), 0)

    def release(self):
        with self.transaction() as env:
            env.cr.execute("UPDATE cqrs_webhook_lease SET until = '-infinity'")

    def test_a_holder_trusts_its_lease_for_less_than_it_was_granted(self):
        lease = Lease()
        self.assertFalse(lease.holds)
        with (
            outbox.statements(self.env.cr.dbname) as cr,
            patch("odoo.addons.crm_cqrs.models.webhooks.lease.GRANTED", 6.0),
        ):
            self.assertTrue(lease.take(cr))
            self.assertTrue(lease.holds)
            time.sleep(6 - MARGIN)
            self.assertFalse(lease.holds)
            self.assertFalse(Lease().take(cr))
            time.sleep(MARGIN)
            self.assertTrue(Lease().take(cr))
            self.addCleanup(self.release)
            self.assertFalse(lease.renew(cr))

    def test_what_cannot_be_taken_stays_in_the_log(self):
        endpoint = self.endpoint(lambda body: REFUSED)
        schedule = Schedule(pauses=(0, 3600), probe=3600)
        module = "odoo.addons.crm_cqrs.models.webhooks.delivery"
        with patch(f"{module}.MOST_WAITING_OF_FAILING", 3):
            for __ in range(6):
                self.lead()
                self.run_once(schedule)
            self.assertEqual(self.states(endpoint), 3 * [("waiting", 1)])
            # It is tried with something new from time to time, and works again.
            endpoint.answering = lambda body: OK
            self.run_once(Schedule(pauses=(0, 3600), probe=0))
        states = [state for state, __ in self.states(endpoint)]
        self.assertEqual(states, 3 * ["waiting"] + 3 * ["delivered"])

    def test_what_waits_is_sent_under_the_rights_of_its_moment(self):
        with self.transaction() as env:
            groups = "sales_team.group_sale_salesman"
            seller = new_test_user(env, "cqrs_webhook_seller", groups=groups).id
        self.addCleanup(self.remove_user, seller)
        endpoint = self.endpoint(lambda body: REFUSED, user_id=seller)
        lead = self.lead()
        self.change(lead, user_id=seller)
        self.change(lead, expected_revenue=5)
        self.run_once(Schedule(pauses=(0, 3600)))
        self.assertEqual(endpoint.versions(lead), [1])
        admin = self.env.ref("base.user_admin").id
        self.change(lead, user_id=admin)
        endpoint.answering = lambda body: OK
        endpoint.messages.clear()
        self.due(endpoint)
        self.run_once()
        [(__, body)] = endpoint.messages
        self.assertEqual(body["type"], "crm_cqrs.removed")
        self.assertNotIn("data", body)
        states = [state for state, __ in self.states(endpoint)]
        self.assertEqual(states, 3 * ["skipped"] + ["delivered"])

    def remove_user(self, id_):
        self.remove()
        with self.transaction() as env:
            env["res.users"].browse(id_).unlink()

    def test_those_who_hang_leave_the_others_their_senders(self):
        ends, arrived = [], []
        hanging = [self.endpoint(self.hanging(4, ends)) for __ in range(3)]
        well = self.endpoint(lambda body: arrived.append(time.monotonic()) or OK)
        for __ in range(5):
            self.lead()
        module = "odoo.addons.crm_cqrs.models.webhooks"
        with (
            patch(f"{module}.endpoint.SENDERS", 3),
            patch(f"{module}.endpoint.SLOW", 0.3),
            patch(f"{module}.delivery.SLOW", 0.3),
        ):
            self.run_once()
        self.assertEqual([len(each.ids) for each in (*hanging, well)], 4 * [5])
        self.assertLess(max(arrived), min(ends))

    def hanging(self, seconds, ends):
        """Return how a receiver answers that takes its time, and notes its ends."""
        return lambda body: time.sleep(seconds) or ends.append(time.monotonic()) or OK

    def test_endpoints_do_not_wait_for_one_another(self):
        ends, arrived = [], []
        hanging = self.endpoint(self.hanging(3, ends))
        well = self.endpoint(lambda body: arrived.append(time.monotonic()) or OK)
        for __ in range(5):
            self.lead()
        self.run_once()
        self.assertEqual(len(well.ids), 5)
        self.assertEqual(len(hanging.ids), 5)
        self.assertLess(max(arrived), min(ends))
