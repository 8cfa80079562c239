"""Access to opportunities, as the other models ask for it."""

from odoo import api, models
from odoo.tools import SQL

from . import policy
from .policy import Viewer


class CqrsAccess(models.AbstractModel):
    """Applies the rules of ``policy.py`` to the users of this database."""

    _name = "cqrs.access"
    _description = "Opportunity Access"

    @api.model
    def _visible(self, viewers: list[Viewer], row: SQL) -> SQL:
        """Return the condition under which one of the viewers sees a row."""
        return policy.visible(viewers, row, self._options())

    @api.model
    def _may_see(self, user, opportunity_id: int) -> bool:
        """Return whether a user sees an opportunity; False if there is none.

        Two index probes beside the user's profile, however many opportunities exist.
        """
        query = SQL(
            "SELECT FROM cqrs_opportunity_view view WHERE view.id = %s AND %s",
            opportunity_id,
            self._visible(self._viewers(user), SQL("view")),
        )
        self.env.cr.execute(query)
        return bool(self.env.cr.rowcount)
