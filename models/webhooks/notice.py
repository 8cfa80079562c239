"""The owner of an endpoint is told when it is switched off."""

from markupsafe import Markup

from odoo import models

#: Reasons for which an endpoint is switched off by the dispatcher
SWITCHED_OFF = ("failing", "gone")

ACTIVITY = "mail.mail_activity_data_warning"


class CqrsWebhook(models.Model):
    _inherit = "cqrs.webhook"

    def _pause(self, reason: str = "person"):
        result = super()._pause(reason)
        if reason in SWITCHED_OFF:
            for webhook in self:
                webhook._tell_owner(reason)
        return result

    def _resume(self, send_backlog: bool):
        self.activity_unlink([ACTIVITY])
        return super()._resume(send_backlog)

    def _tell_owner(self, reason: str):
        """Tell the owner, or else who created it, by e-mail and activity."""
        owner = self.owner_id or self.create_uid
        webhook = self.with_context(lang=owner.lang or self.env.lang)
        subject = webhook.env._("The webhook %s was switched off", self.name)
        why = (
            webhook.env._("The receiver says that it is gone for good (410).")
            if reason == "gone"
            else webhook.env._("No message has arrived for three days.")
        )
        then = webhook.env._(
            "Nothing is lost: in CRM > Configuration > Event Store > Webhooks you can "
            "test it, and resume it with all messages since, or without them."
        )
        error = webhook.last_error and webhook.env._(
            "The last error: %s", webhook.last_error
        )
        sentences = [why, *filter(None, [error]), then]
        body = Markup("").join(Markup("<p>%s</p>") % each for each in sentences)
        webhook.with_context(mail_activity_quick_update=True).activity_schedule(
            ACTIVITY, summary=subject, note=body, user_id=owner.id
        )
        self.env["mail.mail"].sudo().create(
            {
                "subject": subject,
                "email_to": owner.email_formatted,
                "body_html": body,
                "auto_delete": True,
            }
        )
