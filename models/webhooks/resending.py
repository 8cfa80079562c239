from datetime import datetime, timezone

from odoo import api, fields, models
from odoo.exceptions import UserError


class CqrsWebhookResending(models.TransientModel):
    """The dialog that sends again everything of a time, confirmed with its count."""

    _name = "cqrs.webhook.resending"
    _description = "Webhook Resending"

    webhook_id = fields.Many2one("cqrs.webhook", required=True, ondelete="cascade")
    since = fields.Datetime(
        required=True,
        default=lambda self: fields.Datetime.subtract(fields.Datetime.now(), days=1),
        help="Events that occurred at this time or later are sent again.",
    )
    until = fields.Datetime(help="Until this time; empty: until now.")
    count = fields.Integer("Messages", compute="_compute_count")

    @api.depends("webhook_id", "since", "until")
    def _compute_count(self):
        for dialog in self:
            dialog.count = bool(dialog.since) and dialog.webhook_id._count_since(
                _aware(dialog.since), _aware(dialog.until)
            )

    def action_send(self):
        self.ensure_one()
        self.webhook_id.check_access("write")
        if self.until and self.until <= self.since:
            raise UserError(self.env._("The end must be after the beginning."))
        count = self.webhook_id._send_again_since(
            _aware(self.since), _aware(self.until)
        )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("Messages that are sent again: %s", count),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }


class CqrsWebhook(models.Model):
    _inherit = "cqrs.webhook"

    def action_resend(self):
        """Ask from when on to send everything again."""
        return self._dialog("cqrs.webhook.resending", self.env._("Send Again"))


def _aware(moment: datetime | bool) -> datetime | None:
    return moment.replace(tzinfo=timezone.utc) if moment else None
