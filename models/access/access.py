"""Access to opportunities, orders and invoices, as the other models ask for it."""

from datetime import datetime

from odoo import api, models
from odoo.tools import SQL

from . import policy
from .policy import Row, Viewer


class CqrsAccess(models.AbstractModel):
    """Applies the rules of ``policy.py`` to the users of this database."""

    _name = "cqrs.access"
    _description = "Opportunity Access"

    @api.model
    def _visible(
        self, viewers: list[Viewer], row: SQL | Row, at: datetime | None = None
    ) -> SQL:
        """Return the condition under which one of the viewers sees a row.

        :param row: the alias of a relation with ``user_id``, ``team_id``,
            ``company_id``, or these columns: of an opportunity as it is, or as it was,
            of an order or of an invoice
        :param at: the moment whose hierarchy decides, aware; today's by default.
            Everything else is today's, and what today's hierarchy hides stays hidden,
            unless the option ``past_teams`` is on.
        """
        hierarchy = None if at is None else self._hierarchy_of(viewers, at)
        return policy.visible(viewers, row, self._options(), hierarchy)

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
