"""The condition under which somebody sees an order or an invoice."""

from odoo import api, models
from odoo.tools import SQL

from ..access.owner_scopes import are_few, in_scopes
from ..support.sql_arrays import integers


class CqrsAccess(models.AbstractModel):
    _inherit = "cqrs.access"

    @api.model
    def _documents_seen(self, user, model: str, row: SQL) -> SQL | None:
        """Return the condition under which a user sees an order or an invoice.

        Where the owners are few, an index on them finds the rows. None where the user
        may read none of the model in Odoo.

        :param model: one of ``DOCUMENTS``
        :param row: the alias of a relation with ``user_id``, ``team_id``,
            ``company_id``
        """
        viewers = self._document_viewers(user, model)
        if not viewers:
            return None
        scopes = self._owner_scopes(viewers)
        if not are_few(scopes):
            return self._visible(viewers, row)
        owner_ids = {id_ for scope in scopes for id_ in scope.owner_ids}
        owned = SQL(
            "%s.user_id = ANY(%s)", row, integers(sorted(filter(None, owner_ids)))
        )
        if not all(owner_ids):
            owned = SQL("(%s OR %s.user_id IS NULL)", owned, row)
        return SQL("(%s AND %s)", owned, in_scopes(scopes, row))
