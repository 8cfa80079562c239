"""The records behind a figure of the dashboard, in a list of Odoo's."""

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL


class CqrsOpportunityView(models.Model):
    _inherit = "cqrs.opportunity.view"

    viewer_id = fields.Many2one(
        "res.users",
        "Visible To",
        compute="_compute_viewer_id",
        search="_search_viewer_id",
        help="Search by a person's name for the opportunities on their dashboard:"
        " your own or that of a team member.",
    )

    def _compute_viewer_id(self):
        # Many see it: there is no one value.
        self.viewer_id = False

    def _search_viewer_id(self, operator, value):
        if operator != "in":
            return NotImplemented
        # As in the API, users may ask for themselves and for those whom they may look
        # as. With sudo, too: Odoo itself sometimes evaluates domains with it.
        access = self.env(su=False)["cqrs.access"]
        asked = [id_ for id_ in value if type(id_) is int]
        person_ids = access._people(self.env.user, SQL("id = ANY(%s)", asked))
        users = self.env["res.users"].browse(person_ids)
        viewers = [viewer for user in users for viewer in access._viewers(user)]
        return Domain.custom(
            to_sql=lambda model, alias, query: access._visible(
                viewers, SQL.identifier(alias)
            )
        )

    def action_open_lead(self):
        """Return the action that shows the opportunity in Odoo's own form.

        :raise UserError: Odoo's rules let the user see less than the dashboard does
        """
        self.ensure_one()
        leads = self.env["crm.lead"].with_context(
            active_test=False, allowed_company_ids=self.env.user.company_ids.ids
        )
        if not leads.search_count([("id", "=", self.id)], limit=1):
            raise UserError(
                self.env._(
                    "You can see this opportunity on the dashboard but not open "
                    "it. Ask an administrator for the access right “User: Own and"
                    " Team's Documents”."
                )
            )
        return {
            "type": "ir.actions.act_window",
            "name": self.name,
            "res_model": "crm.lead",
            "res_id": self.id,
            "views": [(False, "form")],
        }
