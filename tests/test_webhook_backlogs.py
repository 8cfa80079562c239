"""What waits for the message before it of its record, and goes on once that is sent."""

import time
from unittest.mock import patch

from odoo.tests import new_test_user, tagged

from ..models.webhooks import delivery
from ..models.webhooks.schedule import Schedule
from .deliveries import OK, REFUSED, Deliveries

NEVER = Schedule(pauses=(0, 3600))


@tagged("post_install", "-at_install")
class TestWebhookBacklogs(Deliveries):
    def test_few_records_are_worked_off_in_as_many_rounds_as_many(self):
        """However many messages each of them has: the rights cost most of a round."""
        ordered, unordered = self.endpoint(), self.endpoint(ordering="none")
        self.pause_endpoint(unordered)
        with self.transaction() as env:
            values = [{"name": "Told", "type": "opportunity"}] * 8
            ids = env["crm.lead"].create(values).ids
        self.leads += ids
        for number in range(124):
            with self.transaction() as env:
                env["crm.lead"].browse(ids).expected_revenue = number + 1
        looks = self.looks(ordered)
        self.assertEqual(len(ordered.ids), 1000)
        for lead in ids:
            self.assertEqual(ordered.versions(lead), [*range(1, 126)])
        self.pause_endpoint(ordered)
        self.resume(unordered, True)
        self.assertLessEqual(looks, self.looks(unordered))
        self.assertEqual(set(unordered.ids), set(ordered.ids))

    def looks(self, endpoint):
        """Run once; return how often rights were looked at until all was sent."""
        look = delivery.look_again
        with patch.object(delivery, "look_again", side_effect=look) as looking:
            self.run_once()
        self.assertEqual({state for state, __ in self.states(endpoint)}, {"delivered"})
        return looking.call_count

    def test_rights_that_end_while_a_record_is_worked_off_are_asked_for_again(self):
        with self.transaction() as env:
            groups = "sales_team.group_sale_salesman"
            seller = new_test_user(env, "cqrs_webhook_seller", groups=groups).id
        self.addCleanup(self.remove_user, seller)
        admin = self.env.ref("base.user_admin").id

        def answering(body):
            if len(endpoint.ids) == 2:
                self.change(lead, user_id=admin)
                # For longer than what was looked at holds.
                time.sleep(0.3)
            return OK

        endpoint = self.endpoint(answering, user_id=seller)
        lead = self.lead()
        self.change(lead, user_id=seller)
        for number in range(4):
            self.change(lead, expected_revenue=number)
        with patch.object(delivery, "RIGHTS_HOLD", 0.2):
            self.run_once()
        self.assertEqual(endpoint.versions(lead), [1, 2])
        self.run_once()
        types = [body["type"] for __, body in endpoint.messages]
        self.assertEqual(types[2:], ["crm_cqrs.removed"])

    def remove_user(self, id_):
        self.remove()
        with self.transaction() as env:
            env["res.users"].browse(id_).unlink()

    def test_the_next_of_a_record_has_the_cursor_before_a_dead_one(self):
        endpoint = self.endpoint(
            lambda body: REFUSED if body["data"]["version"] == 2 else OK
        )
        lead = self.lead(writes=2)
        self.run_once(Schedule(pauses=(0,)))
        self.assertEqual(endpoint.versions(lead), [1, 2, 3])
        self.assertEqual(self.states(endpoint)[1], ("dead", 1))
        cursors = [body["cursor"] for __, body in endpoint.messages]
        # After the first is before the second, which the receiver has not got.
        self.assertEqual(cursors[2], cursors[0])

    def test_a_holder_without_a_lease_ends_in_the_middle_of_a_record(self):
        def answering(body):
            if len(endpoint.ids) == 2:
                current[0]._lease.end()
            return OK

        current = []
        endpoint = self.endpoint(answering)
        lead = self.lead(writes=3)
        connected = delivery.Delivery.connected

        def noted(self):
            current[:] = [self]
            return connected(self)

        with patch.object(delivery.Delivery, "connected", noted):
            self.run_once()
        self.assertEqual(endpoint.versions(lead), [1, 2])
        self.run_once()
        versions = endpoint.versions(lead)
        self.assertEqual(versions[-2:], [3, 4])
        self.assertEqual(sorted(set(versions)), [1, 2, 3, 4])

    def test_what_is_sent_again_goes_before_what_waits_for_its_next_attempt(self):
        """The one that has failed is not tried before its time, all the same."""
        endpoint = self.endpoint(
            lambda body: REFUSED if body["data"]["version"] == 2 else OK
        )
        lead = self.lead(writes=2)
        self.run_once(NEVER)
        self.assertEqual(endpoint.versions(lead), [1, 2])
        endpoint.answering = lambda body: OK
        [(first,), *__] = self.query(
            "SELECT id FROM cqrs_webhook_message WHERE webhook_id = %s ORDER BY id",
            endpoint.webhook,
        )
        with self.transaction() as env:
            env["cqrs.webhook"].browse(endpoint.webhook)._send_again([first])
        self.run_once(NEVER)
        self.assertEqual(endpoint.versions(lead), [1, 2, 1])
        self.due(endpoint)
        self.run_once(NEVER)
        self.assertEqual(endpoint.versions(lead), [1, 2, 1, 2, 3])

    def test_a_record_holds_back_itself_alone_however_much_of_it_waits(self):
        first = self.lead()
        endpoint = self.endpoint(
            lambda body: REFUSED if body["subject"] == f"crm.lead/{first}" else OK
        )
        never = Schedule(pauses=(0, 3600))
        second = self.lead()
        self.run_once(never)
        for number in range(30):
            self.change(first, expected_revenue=number + 1)
        self.change(second, expected_revenue=1)
        module = "odoo.addons.crm_cqrs.models.webhooks.delivery"
        with patch(f"{module}.PAGE", 4), patch(f"{module}.MOST_WAITING_OF_FAILING", 4):
            self.run_once(never)
        self.assertEqual(endpoint.versions(second), [1, 2])
        self.assertEqual(endpoint.versions(first), [2])
        # No round looks at those that wait for another one.
        self.assertEqual(self.without_a_time(endpoint), 29)
        endpoint.answering = lambda body: OK
        self.due(endpoint)
        self.run_once(never)
        self.assertEqual(endpoint.versions(first), [2, *range(2, 32)])
        self.assertEqual(self.without_a_time(endpoint), 0)

    def without_a_time(self, endpoint):
        """Return how many messages wait for another one of their record."""
        [(count,)] = self.query(
            "SELECT count(*)::integer FROM cqrs_webhook_message WHERE webhook_id = %s"
            " AND state = 'waiting' AND next_attempt_at IS NULL",
            endpoint.webhook,
        )
        return count

    def test_what_waits_for_another_goes_on_where_a_holder_was_stopped(self):
        """Between the statement that writes an outcome and the next one."""
        endpoint = self.endpoint()
        lead = self.lead(writes=2)
        module = "odoo.addons.crm_cqrs.models.webhooks"
        with (
            patch(f"{module}.outbox.let_next_go"),
            patch(f"{module}.endpoint.CHAIN", 1),
        ):
            self.run_once()
        self.assertEqual(endpoint.versions(lead), [1])
        self.assertEqual(self.run_once(), 2)
        self.assertEqual(endpoint.versions(lead), [1, 2, 3])

    def test_what_waits_for_another_need_not_without_an_order(self):
        endpoint = self.endpoint(lambda body: REFUSED)
        lead = self.lead(writes=2)
        self.run_once(Schedule(pauses=(0, 3600)))
        self.assertEqual(endpoint.versions(lead), [1])
        with self.transaction() as env:
            env["cqrs.webhook"].browse(endpoint.webhook).ordering = "none"
        endpoint.answering = lambda body: OK
        self.run_once()
        self.assertEqual(sorted(endpoint.versions(lead)), [1, 2, 3])

    def test_what_waits_for_another_is_resumed_or_skipped_with_it(self):
        endpoint = self.endpoint(lambda body: REFUSED)
        lead = self.lead(writes=2)
        self.run_once(Schedule(pauses=(0, 3600)))
        self.pause_endpoint(endpoint)
        endpoint.answering = lambda body: OK
        self.resume(endpoint, True)
        self.run_once()
        self.assertEqual(endpoint.versions(lead), [1, 1, 2, 3])
        endpoint.answering = lambda body: REFUSED
        for number in (7, 8):
            self.change(lead, expected_revenue=number)
        self.run_once(Schedule(pauses=(0, 3600)))
        self.resume(endpoint, False)
        endpoint.answering = lambda body: OK
        self.assertEqual(self.run_once(), 0)
        self.change(lead, expected_revenue=9)
        self.run_once()
        self.assertEqual(endpoint.versions(lead), [1, 1, 2, 3, 4, 6])
