from odoo import fields, models
from odoo.exceptions import UserError

from .secret import MAX_OVERLAP_HOURS, OVERLAP_HOURS


class CqrsWebhookRotation(models.TransientModel):
    """The dialog that gives an endpoint a new secret."""

    _name = "cqrs.webhook.rotation"
    _description = "Webhook Secret Rotation"

    webhook_id = fields.Many2one("cqrs.webhook", required=True, ondelete="cascade")
    overlap_hours = fields.Integer(
        "Hours of Overlap",
        default=OVERLAP_HOURS,
        help="As long as both secrets sign, the receiver can exchange them without "
        "losing a message. 0 ends the former secret at once, for example after it "
        "became known.",
    )

    def action_rotate(self):
        self.ensure_one()
        self.webhook_id.check_access("write")
        self.webhook_id._rotate(self.overlap_hours)
        return self.webhook_id.action_show_secret()


class CqrsWebhook(models.Model):
    _inherit = "cqrs.webhook"

    def action_rotate(self):
        """Ask for the overlap, then make a new secret."""
        return self._dialog("cqrs.webhook.rotation", self.env._("Rotate Secret"))

    def _rotate(self, overlap_hours: int = OVERLAP_HOURS):
        """Make a new secret; the former ones sign beside it for some hours.

        :raise UserError: the overlap is not from 0 to ``MAX_OVERLAP_HOURS``
        """
        if not 0 <= overlap_hours <= MAX_OVERLAP_HOURS:
            raise UserError(
                self.env._(
                    "The overlap must be from 0 to %(hours)s hours.",
                    hours=MAX_OVERLAP_HOURS,
                )
            )
        self._new_secret(overlap_hours)
        for webhook in self:
            webhook.message_post(
                body=self.env._(
                    "New signing secret. The former one signs for %(hours)s more "
                    "hours.",
                    hours=overlap_hours,
                )
            )
