"""The test button: a message of no event, sent at once."""

import time
import uuid

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL, config, str2bool

from ..api.cloudevents import source
from ..feed.feed import Message
from .body import TEST, body
from .settings import UnusableOption
from .signing import headers
from .transport import Settings, Transport, request_text


class CqrsWebhook(models.Model):
    _inherit = "cqrs.webhook"

    def action_test(self):
        """Send a test message, and show request, answer and time."""
        self.ensure_one()
        attempt_id = self._test()
        return {
            "type": "ir.actions.act_window",
            "res_model": "cqrs.webhook.attempt",
            "res_id": attempt_id,
            "name": self.env._("Test"),
            "views": [(False, "form")],
            "target": "new",
        }

    def _test(self) -> int:
        """Send a test message; return the id of the attempt, which is in the log.

        :raise UserError: this database is a copy, or there is no secret
        """
        self.check_access("write")
        self._check_may_send()
        message = Message(TEST, None, str(uuid.uuid4()))
        content = body(message, self.payload, source(self.env))
        further = self._further_headers()
        fields = headers(
            self._signing_secrets(), message.id, int(time.time()), content, further
        )
        try:
            transport = Transport(Settings.from_config(config))
        except UnusableOption as error:
            raise UserError(str(error)) from error
        at = time.time()
        try:
            answer = transport.send(self.url, fields, content)
        finally:
            transport.close()
        [(attempt_id,)] = self.env.execute_query(
            SQL(
                """
                WITH message AS (
                    INSERT INTO cqrs_webhook_message (
                        webhook_id, message_id, kind, state, attempts, next_attempt_at,
                        delivered_at)
                    VALUES (%(webhook)s, %(id)s, 'test', %(state)s, 1, NULL,
                            CASE WHEN %(state)s = 'delivered'
                                 THEN clock_timestamp() END)
                    RETURNING id)
                INSERT INTO cqrs_webhook_attempt (
                    message_id, webhook_id, at, number, status, error, duration_ms,
                    request, answer)
                SELECT id, %(webhook)s, to_timestamp(%(at)s), 1, %(status)s, %(error)s,
                       %(duration)s, %(request)s, %(answer)s
                FROM message RETURNING id
                """,
                webhook=self.id,
                id=message.id,
                # Nobody needs it once more.
                state="delivered" if answer.is_accepted else "skipped",
                at=at,
                status=answer.status,
                error=answer.error,
                duration=answer.duration_ms,
                request=request_text(self.url, fields, content, further),
                answer=answer.text,
            )
        )
        return attempt_id

    @api.model
    def _is_neutralized(self) -> bool:
        parameters = self.env["ir.config_parameter"].sudo()
        value = parameters.get_param("database.is_neutralized")
        return str2bool(value or "", default=False)

    def _check_may_send(self):
        if self._is_neutralized():
            raise UserError(
                self.env._(
                    "This database is a neutralized copy, from which nothing is sent."
                )
            )
        if not self._is_bound():
            raise UserError(
                self.env._(
                    "This database is a copy or has another name than when the webhook "
                    "was created, so nothing is sent from it. If it is to send from "
                    "here, resume it."
                )
            )
