"""Messages to endpoints: what is sent when, and what comes of it."""

import time
from unittest.mock import patch

from odoo import Command
from odoo.tests import new_test_user, tagged

from ..models.event_store.part import id_of_part
from ..models.webhooks import outbox
from ..models.webhooks.lease import MARGIN, Lease
from ..models.webhooks.outbox import Outcome, Taken
from ..models.webhooks.schedule import Schedule
from .common import other_company
from .deliveries import OK, REFUSED, Deliveries
from .receiver import answer


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

    def test_a_redirect_is_a_failure(self):
        endpoint = self.endpoint(
            lambda body: answer("302 Found", b"", "Location: http://127.0.0.1:1/")
        )
        self.lead()
        self.run_once(Schedule(pauses=(0, 3600)))
        self.assertEqual(self.states(endpoint), [("waiting", 1)])
        self.assertEqual(len(endpoint.ids), 1)

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
