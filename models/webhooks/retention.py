"""Messages and attempts are kept for a month."""

from odoo import api, models
from odoo.tools import SQL

#: Days for which messages and attempts are kept
DAYS = 30
#: Rows deleted in one transaction
BATCH_SIZE = 10_000


class CqrsWebhook(models.Model):
    _inherit = "cqrs.webhook"

    @api.autovacuum
    def _gc_messages(self) -> tuple[int, int]:
        """Delete a batch of old attempts, and old messages of which none is left.

        :return: the number deleted, and whether there may be more: Odoo commits, and
            calls it again
        """
        done, remaining = 0, 0
        for statement in (_ATTEMPTS, _MESSAGES, _SECRETS):
            self.env.cr.execute(SQL(statement, days=DAYS, batch=BATCH_SIZE))
            done += self.env.cr.rowcount
            remaining |= self.env.cr.rowcount >= BATCH_SIZE
        return done, int(remaining)


_ATTEMPTS = """
    DELETE FROM cqrs_webhook_attempt WHERE id = ANY(ARRAY(
        SELECT id FROM cqrs_webhook_attempt
        WHERE at < now() - interval '1 day' * %(days)s ORDER BY at LIMIT %(batch)s))
"""

# A message that was sent again lately still has attempts.
_MESSAGES = """
    DELETE FROM cqrs_webhook_message WHERE id = ANY(ARRAY(
        SELECT message.id FROM cqrs_webhook webhook CROSS JOIN LATERAL (
            SELECT id FROM cqrs_webhook_message message
            WHERE webhook_id = webhook.id AND state <> 'waiting'
              AND created_at < now() - interval '1 day' * %(days)s
              AND NOT EXISTS (SELECT FROM cqrs_webhook_attempt attempt
                              WHERE attempt.message_id = message.id)
            ORDER BY created_at LIMIT %(batch)s) message
        LIMIT %(batch)s))
"""

_SECRETS = """
    DELETE FROM cqrs_webhook_secret WHERE expires_at < now()
"""


def forget_attempts(env, model: str, ids: list[int]):
    """Erase the requests and answers about records; that they were sent stays known."""
    env.cr.execute(
        SQL(
            """
            UPDATE cqrs_webhook_attempt attempt
            SET request = '', answer = '', error = ''
            FROM cqrs_webhook_message message
            WHERE message.id = attempt.message_id
              AND stream_model = %s AND stream_id = ANY(%s)
            """,
            model,
            ids,
        )
    )
