"""The records behind a figure of the dashboard, in a list of Odoo's."""

from odoo import models
from odoo.exceptions import UserError


class CqrsOpportunityView(models.Model):
    _inherit = "cqrs.opportunity.view"

    def action_open_lead(self):
        """Return the action that shows the opportunity in Odoo's own form.

        :raise UserError: Odoo's rules let the user see less than the dashboard does,
            or the opportunity is deleted
        """
        self._check_openable()
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": "crm.lead",
            "res_id": self.id,
            "views": [(False, "form")],
        }

    def _check_openable(self):
        self.ensure_one()
        leads = self.env["crm.lead"].with_context(
            active_test=False, allowed_company_ids=self.env.user.company_ids.ids
        )
        if leads.search_count([("id", "=", self.id)], limit=1):
            return
        if not leads.browse(self.id).exists():
            raise UserError(self.env._("This opportunity has been deleted."))
        raise UserError(
            self.env._(
                "You can see this opportunity on the dashboard but not open "
                "it. Ask an administrator for the access right “User: Own and"
                " Team's Documents”."
            )
        )
