from odoo import api, fields, models

from ..support.binding import identities


class CqrsWebhookResumption(models.TransientModel):
    """The dialog that resumes an endpoint: with its backlog, or without."""

    _name = "cqrs.webhook.resumption"
    _description = "Webhook Resumption"

    webhook_id = fields.Many2one("cqrs.webhook", required=True, ondelete="cascade")
    waiting = fields.Integer(
        "Messages That Wait", compute="_compute_backlog", help="Taken before the pause."
    )
    events = fields.Integer(
        "Events Since",
        compute="_compute_backlog",
        help="Events of the chosen types since then. Those that the user may not see "
        "are not sent.",
    )
    lag_seconds = fields.Integer(related="webhook_id.lag_seconds")
    is_bound_elsewhere = fields.Boolean(related="webhook_id.is_bound_elsewhere")
    database = fields.Char(compute="_compute_database")

    @api.depends("webhook_id")
    def _compute_backlog(self):
        for dialog in self:
            # In a form, the record that it opens for is one without an id of its own.
            webhook = dialog.webhook_id._origin
            dialog.waiting = webhook.waiting_count
            dialog.events = webhook.lag_events - webhook.waiting_count

    @api.depends("webhook_id")
    def _compute_database(self):
        self.database = self.env.cr.dbname

    def action_send(self):
        return self._resume(True)

    def action_skip(self):
        return self._resume(False)

    def _resume(self, send_backlog: bool):
        self.ensure_one()
        self.webhook_id.check_access("write")
        self.webhook_id._resume(send_backlog)
        return {"type": "ir.actions.act_window_close"}


class CqrsWebhook(models.Model):
    _inherit = "cqrs.webhook"

    is_bound_elsewhere = fields.Boolean(compute="_compute_is_bound_elsewhere")

    @api.depends("bound_to")
    def _compute_is_bound_elsewhere(self):
        here = identities(self.env)
        for webhook in self:
            # One that is being created in a form has no database yet.
            is_new = not webhook._origin
            webhook.is_bound_elsewhere = not is_new and webhook.bound_to not in here

    def action_pause(self):
        self.check_access("write")
        self._pause()
        return True

    def action_resume(self):
        """Ask whether to send the backlog or to skip it."""
        return self._dialog("cqrs.webhook.resumption", self.env._("Resume"))
