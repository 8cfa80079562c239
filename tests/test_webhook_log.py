"""The log of messages and attempts, the health of endpoints, and who is told."""

import json
from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import SQL, config

from ..models.privacy.finder import find
from ..models.privacy.forget import forget
from ..models.privacy.subject import Subject
from ..models.webhooks.retention import BATCH_SIZE
from .receiver import Receiver, answering
from .test_webhook_endpoints import Endpoints


class Messages(Endpoints):
    def setUp(self):
        super().setUp()
        self.webhook = self.endpoint()

    def message(self, state="waiting", days=0, webhook=None, **values):
        """Return a message of the log, as the dispatcher writes them."""
        values = {
            "attempts": 0,
            "position": None,
            "stream_model": None,
            "stream_id": None,
            **values,
        }
        [(id_,)] = self.env.execute_query(
            SQL(
                """
                INSERT INTO cqrs_webhook_message (
                    webhook_id, message_id, kind, state, created_at, attempts, position,
                    stream_model, stream_id)
                VALUES (%(webhook)s, gen_random_uuid(), 'event', %(state)s,
                        now() - interval '1 day' * %(days)s, %(attempts)s, %(position)s,
                        %(stream_model)s, %(stream_id)s)
                RETURNING id
                """,
                webhook=(webhook or self.webhook).id,
                state=state,
                days=days,
                **values,
            )
        )
        return self.env["cqrs.webhook.message"].with_user(self.admin).browse(id_)

    def attempt(self, message, status=200, error="", days=0, answer="", request=""):
        [(id_,)] = self.env.execute_query(
            SQL(
                """
                INSERT INTO cqrs_webhook_attempt (
                    message_id, webhook_id, at, number, status, error, duration_ms,
                    request, answer)
                VALUES (%s, %s, now() - interval '1 day' * %s, 1, %s, %s, 20, %s, %s)
                RETURNING id
                """,
                message.id,
                message.webhook_id.id,
                days,
                status,
                error,
                request,
                answer,
            )
        )
        return self.env["cqrs.webhook.attempt"].with_user(self.admin).browse(id_)


@tagged("post_install", "-at_install")
class TestWebhookLog(Messages):
    def test_administrators_alone_read_it(self):
        attempt = self.attempt(self.message())
        for records in (attempt, attempt.message_row_id):
            with self.assertRaises(AccessError):
                records.with_user(self.head).read()
            with self.assertRaises(UserError):
                records.sudo().write({"webhook_id": False})
            with self.assertRaises(UserError):
                records.sudo().unlink()

    def test_the_test_button_shows_request_answer_and_time(self):
        allowed = {"cqrs_webhook_allowed": "127.0.0.1"}
        self.enterContext(patch.dict(config._runtime_options, allowed))
        with Receiver(answering("200 OK", b"thanks")) as receiver:
            self.webhook.write({"url": receiver.url, "headers": '{"X-Key": "hidden"}'})
            action = self.webhook.action_test()
            [request] = receiver.requests
        self.assertIn(b"X-Key: hidden", request)
        self.assertIn(b"webhook-signature: v1,", request.lower())
        attempt = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual((attempt.status, attempt.answer), (200, "thanks"))
        self.assertTrue(attempt.is_accepted)
        self.assertGreaterEqual(attempt.duration_ms, 0)
        self.assertIn("crm_cqrs.test", attempt.request)
        self.assertNotIn("hidden", attempt.request)
        self.assertEqual(attempt.message_row_id.state, "delivered")
        attempt = self.env["cqrs.webhook.attempt"].browse(self.webhook._test())
        self.assertFalse(attempt.is_accepted)
        self.assertEqual(attempt.message_row_id.state, "skipped")
        self.assertFalse(self.webhook.dead_count)

    def test_a_copy_sends_no_test(self):
        self.webhook._set_state(bound_to="another database")
        self.assertTrue(self.webhook.is_bound_elsewhere)
        with self.assertRaisesRegex(UserError, "resume it"):
            self.webhook.action_test()
        self.webhook._resume(send_backlog=False)
        self.assertFalse(self.webhook.is_bound_elsewhere)
        self.env["ir.config_parameter"].set_param("database.is_neutralized", "true")
        with self.assertRaisesRegex(UserError, "neutralized"):
            self.webhook.action_test()

    def test_resuming_gives_an_emptied_copy_a_secret(self):
        self.env.cr.execute("DELETE FROM cqrs_webhook_secret")
        self.webhook._resume(send_backlog=True)
        self.assertEqual(len(self.webhook._signing_secrets()), 1)

    def test_resuming_asks_for_the_backlog(self):
        self.webhook.action_pause()
        kept = self.message()
        action = self.webhook.action_resume()
        dialog = self.env[action["res_model"]].with_user(self.admin)
        self.assertEqual(Form(dialog.with_context(**action["context"])).waiting, 1)
        self.dialog("action_resume").action_send()
        self.assertEqual((kept.state, self.webhook.is_paused), ("waiting", False))
        self.webhook.action_pause()
        self.env.invalidate_all()
        self.dialog("action_resume").action_skip()
        self.env.invalidate_all()
        self.assertEqual((kept.state, self.webhook.is_paused), ("skipped", False))

    def dialog(self, method, **values):
        action = getattr(self.webhook, method)()
        dialog = self.env[action["res_model"]].with_user(self.admin)
        with Form(dialog.with_context(**action["context"])) as form:
            for name, value in values.items():
                form[name] = value
        return form.record

    def test_messages_are_sent_again(self):
        dead, delivered = self.message("dead"), self.message("delivered")
        (dead | delivered).action_send_again()
        self.env.invalidate_all()
        self.assertEqual({dead.state, delivered.state}, {"waiting"})
        with self.assertRaises(AccessError):
            dead.with_user(self.head).action_send_again()

    def test_a_time_is_sent_again_with_its_count(self):
        self.opportunity(self.manager, name="One").name = "Two"
        self.env.cr.flush()
        since = self.env.cr.now().replace(microsecond=0) - timedelta(seconds=1)
        dialog = self.dialog("action_resend", since=since)
        self.assertGreaterEqual(dialog.count, 1)
        dialog.action_send()
        self.env.invalidate_all()
        self.assertEqual(self.webhook.waiting_count, dialog.count)
        dialog.write({"since": since, "until": since - timedelta(hours=1)})
        with self.assertRaisesRegex(UserError, "after the beginning"):
            dialog.action_send()

    def test_an_event_shows_its_deliveries(self):
        lead = self.opportunity(self.manager)
        event = self.env["cqrs.event"].search(
            [("stream_model", "=", "crm.lead"), ("stream_id", "=", lead.id)]
        )
        self.assertFalse(event.delivery_ids)
        message = self.message(
            position=event.id, stream_model="crm.lead", stream_id=lead.id
        )
        self.env.invalidate_all()
        self.assertEqual(event.delivery_ids.ids, message.ids)
        self.assertEqual(message.event_id, event)


@tagged("post_install", "-at_install")
class TestWebhookHealth(Messages):
    def health(self):
        self.env.invalidate_all()
        part = self.env["cqrs.health"].with_user(self.admin).read_health()["webhooks"]
        [found] = [each for each in part["endpoints"] if each["id"] == self.webhook.id]
        return found

    def test_what_it_counts(self):
        other = self.endpoint(name="Other")
        self.message("dead", webhook=other)
        self.attempt(self.message("delivered"))
        self.message("delivered", days=2)
        self.message("skipped")
        self.attempt(self.message("dead"), 404)
        self.message(attempts=2, days=1 / 24)
        self.message()
        health = self.health()
        self.assertEqual(
            [health[name] for name in ("delivered", "waiting", "failing", "dead")],
            [1, 2, 1, 1],
        )
        self.assertEqual((health["lag_events"], health["lag_seconds"]), (2, 3600))
        self.assertEqual((health["last_error"], health["level"]), ("HTTP 404", "watch"))
        fields = ("delivered_count", "dead_count", "lag_events", "last_error")
        self.assertEqual([self.webhook[name] for name in fields], [1, 1, 2, "HTTP 404"])
        self.assertEqual(other.dead_count, 1)

    def test_the_last_error_is_the_last_one(self):
        message = self.message()
        self.attempt(message, None, "Connection refused", days=2)
        self.attempt(message, 500, days=1)
        self.attempt(message, 200)
        self.assertEqual(self.webhook.last_error, "HTTP 500")

    def test_levels(self):
        self.assertEqual(self.health()["level"], "good")
        message = self.message()
        for minutes, level in ((14, "good"), (16, "watch"), (24 * 60, "bad")):
            self.env.cr.execute(
                SQL(
                    "UPDATE cqrs_webhook_message"
                    " SET created_at = now() - interval '1 minute' * %s WHERE id = %s",
                    minutes,
                    message.id,
                )
            )
            self.assertEqual(self.health()["level"], level)
        self.webhook._pause()
        self.assertEqual(self.health()["level"], "good")
        self.webhook._pause("failing")
        self.assertEqual(self.health()["level"], "bad")

    def test_the_log_after_the_checkpoint_counts(self):
        self.assertEqual(self.health()["lag_events"], 0)
        self.opportunity(self.manager).name = "Changed"
        self.env.cr.flush()
        # Creation and change, of this transaction, which nobody has read.
        self.assertEqual(self.health()["lag_events"], 2)
        self.webhook.event_types = "OpportunityWon"
        self.assertEqual(self.health()["lag_events"], 0)

    def test_each_part_reads_an_index(self):
        """Whatever is delivered: nothing reads the tables from end to end."""
        # Tables of a few rows: by an index, though anything else would be cheaper.
        for other in ("seqscan", "bitmapscan", "sort"):
            self.env.cr.execute(SQL("SET LOCAL enable_%s = off", SQL(other)))
        # Of a table that was large a moment ago the planner may take the wrong one.
        self.env.cr.execute("DROP INDEX cqrs_webhook_attempt_age")
        plans = []

        def explained(query):
            plans.extend(self.env.execute_query(SQL("EXPLAIN %s", query)))
            return []

        with patch.object(type(self.env), "execute_query_dict", side_effect=explained):
            self.webhook._read_health()
        plan = json.dumps(plans)
        self.assertNotIn("Seq Scan", plan)
        for index in (
            "cqrs_webhook_message_dead",
            "cqrs_webhook_attempt_failed",
            "cqrs_event_order",
        ):
            self.assertIn(index, plan)


@tagged("post_install", "-at_install")
class TestWebhookRetention(Messages):
    def vacuum(self):
        result = self.env["cqrs.webhook"]._gc_messages()
        self.env.invalidate_all()
        return result

    def test_a_month_is_kept(self):
        old, kept = self.message("delivered", days=31), self.message("dead", days=29)
        self.attempt(old, days=31)
        recent = self.attempt(kept, days=29)
        waiting = self.message(days=40)
        again = self.message("delivered", days=40)
        last = self.attempt(again, days=1)
        self.attempt(again, days=35)
        self.vacuum()
        messages = self.env["cqrs.webhook.message"].search([])
        self.assertEqual(
            messages & (old | kept | waiting | again), kept + waiting + again
        )
        attempts = self.env["cqrs.webhook.attempt"].search(
            [("webhook_id", "=", self.webhook.id)]
        )
        self.assertEqual(attempts, recent | last)

    def test_ended_secrets_go(self):
        self.webhook._rotate(1)
        self.env.cr.execute(
            "UPDATE cqrs_webhook_secret SET expires_at = now() - interval '1 s'"
            " WHERE expires_at IS NOT NULL"
        )
        self.assertEqual(self.vacuum()[0], 1)

    def test_a_batch_at_a_time(self):
        message = self.message("delivered", days=40)
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO cqrs_webhook_attempt (message_id, webhook_id, at, number,
                    status, duration_ms, request, answer)
                SELECT %s, %s, now() - interval '40 days', 1, 200, 1, '', ''
                FROM generate_series(1, %s)
                """,
                message.id,
                self.webhook.id,
                BATCH_SIZE + 5,
            )
        )
        self.assertEqual(self.vacuum(), (BATCH_SIZE, 1))
        self.assertEqual(self.vacuum(), (6, 0))

    def test_a_forgotten_person_is_in_no_attempt(self):
        partner = self.env["res.partner"].create(
            {"name": "Zebulon Quick", "email": "zebulon@quick.example"}
        )
        lead = self.opportunity(self.manager, partner_id=partner.id)
        about = self.message(stream_model="crm.lead", stream_id=lead.id)
        named = self.attempt(about, request="Zebulon Quick", answer="got Zebulon Quick")
        # That the text has no part of the name does not matter: it is about the person.
        of_contact = self.attempt(
            self.message(stream_model="res.partner", stream_id=partner.id),
            request="moved to Elsewhere",
        )
        echoed = self.attempt(self.message(), answer="<p>zebulon@quick.example</p>")
        other = self.attempt(self.message(), answer="something else")
        found = find(self.env, Subject.of(partner=partner.id))
        forget(self.env, found, "Article 17", "delete")
        self.env.invalidate_all()
        texts = [(each.request, each.answer) for each in named]
        self.assertNotIn("Zebulon", str(texts))
        self.assertEqual(set(of_contact.exists().mapped("request")), {""})
        left = self.env["cqrs.webhook.attempt"].search(
            [("webhook_id", "=", self.webhook.id)]
        )
        self.assertIn(other, left)
        self.assertNotIn("quick.example", str(left.mapped("answer")))
        self.assertFalse(echoed.exists() and "zebulon" in echoed.answer)


@tagged("post_install", "-at_install")
class TestWebhookNotice(Messages):
    def setUp(self):
        super().setUp()
        self.webhook.owner_id = self.head
        self.head.email = "head@example.com"

    def mails(self):
        return self.env["mail.mail"].search([("email_to", "ilike", "head@example.com")])

    def test_the_owner_is_told_by_mail_and_activity(self):
        self.attempt(self.message("dead"), 503)
        self.webhook._pause("failing")
        [activity] = self.webhook.activity_ids
        self.assertEqual(activity.user_id, self.head)
        self.assertIn("was switched off", activity.summary)
        [mail] = self.mails()
        self.assertIn("Warehouse", mail.subject)
        for text in ("three days", "HTTP 503", "Nothing is lost"):
            self.assertIn(text, mail.body_html)
        self.webhook._resume(send_backlog=True)
        self.assertFalse(self.webhook.activity_ids)

    def test_a_receiver_that_is_gone(self):
        self.webhook._pause("gone")
        self.assertIn("410", self.mails().body_html)

    def test_who_pauses_it_is_told_nothing(self):
        self.webhook._pause()
        self.assertFalse(self.webhook.activity_ids or self.mails())

    def test_without_an_owner_the_creator_is_told(self):
        self.webhook.owner_id = False
        self.webhook._pause("failing")
        self.assertEqual(self.webhook.activity_ids.user_id, self.admin)
