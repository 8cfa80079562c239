"""The surroundings of an opportunity in the sheet: its last events, its customer."""

from odoo import models

#: Events that are told; the others are one click further
EVENTS = 6


class CqrsOpportunityView(models.Model):
    _inherit = "cqrs.opportunity.view"

    def read_sheet(self) -> dict:
        """Return ``{name, account, entries, more}`` of an opportunity.

        ``account`` is the customer, ``{id, name}``, or False where there is none, or
        none that the user may read; ``entries`` and ``more`` are those of
        ``cqrs.history``, with ``EVENTS`` at most.

        :raise UserError: the user may not open the opportunity, or it is deleted
        """
        self._check_openable()
        lead = self.env["crm.lead"].browse(self.id)
        account = lead.sudo().partner_id.commercial_partner_id.sudo(False)
        page = self.env["cqrs.history"].read_page("crm.lead", self.id, limit=EVENTS)
        return {
            **page,
            "name": self.name,
            "account": bool(account)
            and account.has_access("read")
            and {"id": account.id, "name": account.display_name},
        }
