"""The secrets that sign messages: a table that no model shows.

A secret is made by PostgreSQL and read where it signs, so that it stands in no
statement (which logs may have) and in no record (which RPC and exports read). A person
gets it once, with ``_take_new_secret``.
"""

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..support.indexes import create_missing

#: Hours in which a former secret signs beside the new one, and the most that may be
OVERLAP_HOURS = 24
MAX_OVERLAP_HOURS = 7 * 24


class CqrsWebhook(models.Model):
    _inherit = "cqrs.webhook"

    has_new_secret = fields.Boolean(compute="_compute_has_new_secret")

    _SECRETS = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_webhook_secret (
            webhook_id integer NOT NULL
                REFERENCES cqrs_webhook (id) ON DELETE CASCADE,
            secret text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            expires_at timestamptz,
            shown_at timestamptz
        );
        CREATE INDEX IF NOT EXISTS cqrs_webhook_secret_webhook
            ON cqrs_webhook_secret (webhook_id);
        CREATE UNIQUE INDEX IF NOT EXISTS cqrs_webhook_secret_current
            ON cqrs_webhook_secret (webhook_id) WHERE expires_at IS NULL
        """
    )

    def init(self):
        result = super().init()
        create_missing(self.env.cr, self._SECRETS)
        return result

    def _compute_has_new_secret(self):
        rows = self.env.execute_query(
            SQL(
                """
                SELECT webhook_id FROM cqrs_webhook_secret
                WHERE webhook_id = ANY(%s) AND expires_at IS NULL AND shown_at IS NULL
                """,
                self.ids,
            )
        )
        new = {webhook_id for (webhook_id,) in rows}
        for webhook in self:
            webhook.has_new_secret = webhook.id in new

    def _signing_secrets(self) -> list[str]:
        """Return the secrets that sign now, the current one first."""
        self.ensure_one()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT secret FROM cqrs_webhook_secret
                WHERE webhook_id = %s
                  AND (expires_at IS NULL OR expires_at > clock_timestamp())
                ORDER BY created_at DESC
                """,
                self.id,
            )
        )
        return [secret for (secret,) in rows]

    def _new_secret(self, overlap_hours: int = 0):
        """Give each endpoint a new secret, which nobody has seen yet.

        :param overlap_hours: the time for which the former ones sign as well
        """
        self.env.cr.execute(
            SQL(
                """
                UPDATE cqrs_webhook_secret
                SET expires_at = LEAST(
                    expires_at, clock_timestamp() + interval '1 hour' * %(hours)s)
                WHERE webhook_id = ANY(%(ids)s)
                """,
                hours=overlap_hours,
                ids=self.ids,
            )
        )
        self.env.cr.execute(
            SQL(
                """
                DELETE FROM cqrs_webhook_secret
                WHERE webhook_id = ANY(%s) AND expires_at <= clock_timestamp()
                """,
                self.ids,
            )
        )
        # 244 random bits, by the generator that PostgreSQL has for secrets.
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO cqrs_webhook_secret (webhook_id, secret)
                SELECT id, 'whsec_' || encode(sha256(
                    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
                ), 'base64')
                FROM unnest(%s) id
                """,
                self.ids,
            )
        )
        self.invalidate_recordset(["has_new_secret"])

    def _take_new_secret(self) -> str:
        """Return the current secret, once.

        :raise UserError: somebody has seen it already
        """
        self.ensure_one()
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE cqrs_webhook_secret SET shown_at = clock_timestamp()
                WHERE webhook_id = %s AND expires_at IS NULL AND shown_at IS NULL
                RETURNING secret
                """,
                self.id,
            )
        )
        self.invalidate_recordset(["has_new_secret"])
        if not rows:
            raise UserError(
                self.env._(
                    "The secret of this webhook was shown already, and it is shown "
                    "once. If it is lost, rotate it."
                )
            )
        return rows[0][0]

    def action_show_secret(self):
        """Show the current secret in a dialog, once."""
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "res_model": "cqrs.webhook.secret.shown",
            "name": self.env._("Signing Secret"),
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_secret": self._take_new_secret()},
        }


class CqrsWebhookSecretShown(models.AbstractModel):
    """The dialog with a new secret; abstract, so that no table ever has it."""

    _name = "cqrs.webhook.secret.shown"
    _description = "Webhook Signing Secret"

    # The web client asks for the default values of a form with an id.
    id = fields.Id()
    secret = fields.Char("Signing Secret", readonly=True)
