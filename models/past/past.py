"""The opportunities that somebody sees, as they were at a moment."""

from odoo import api, models
from odoo.tools import SQL

from ..access.owner_scopes import NONE, are_few, in_scopes
from ..support.sql_arrays import integers
from .as_of import AsOf
from .certainty import certainty


class CqrsPast(models.AbstractModel):
    """Reads figures and lists as of a moment of the past. Nothing is written.

    Whose past one sees follows from today's rights, asked of the row as it was: who
    sees an owner today sees what was that owner's then, deleted and reassigned
    opportunities included, and nothing that was another's.
    """

    _name = "cqrs.past"
    _description = "Past"

    def _opportunities(self, viewers, as_of: AsOf, ids: list[int] | None = None) -> SQL:
        """Return the query of the opportunities of a moment that a viewer sees.

        It gives the columns of a span, and those of ``cqrs_opportunity_view`` that a
        span has.

        :param ids: of these alone; None for all
        """
        row = SQL("span")
        conditions = [as_of.holds(row), SQL("span.type = 'opportunity'")]
        if ids is not None:
            conditions.append(SQL("span.opportunity_id = ANY(%s)", ids))
        return SQL(
            "SELECT span.*, span.opportunity_id AS id FROM %s span WHERE %s AND %s",
            self.env["cqrs.opportunity.span"]._relation(),
            SQL(" AND ").join(conditions),
            self._seen(viewers, as_of, row),
        )

    def _seen(self, viewers, as_of: AsOf, row: SQL) -> SQL:
        """Return the condition that a viewer sees a row of the past.

        :param row: the alias of a relation as ``policy.visible`` takes it
        """
        access = self.env["cqrs.access"]
        scopes = access._owner_scopes(viewers, as_of.hierarchy_at)
        if scopes is None:
            return access._visible(viewers, row, as_of.hierarchy_at)
        condition = in_scopes(scopes, row)
        if are_few(scopes):
            # By the index of the owners.
            condition = SQL("%s AND %s", owned_by_some(scopes, row), condition)
        return condition

    @api.model
    def _facts(self, as_of: AsOf, count: int, reconstructed: int) -> dict:
        """Return what every answer as of a moment says of itself.

        :param count: the number of opportunities behind it
        :param reconstructed: the number of those that are reconstructed
        """
        spans = self.env["cqrs.opportunity.span"]
        since = spans._recorded_since()
        return {
            "as_of": as_of.moment,
            "settled": spans._is_settled(as_of.moment),
            **certainty(since, as_of.moment, count, reconstructed),
        }


def owned_by_some(scopes, row: SQL) -> SQL:
    """Return the condition that a row is one of the owners', for their index."""
    owner_ids = {id_ for scope in scopes for id_ in scope.owner_ids}
    # Asked for, so that the planner takes them for few: of hundreds it would think that
    # to look through all that changed in some days is faster.
    some = SQL(
        "%s.user_id = ANY(ARRAY(SELECT unnest(%s)))",
        row,
        integers(sorted(owner_ids - {NONE})),
    )
    if NONE in owner_ids:
        return SQL("(%s OR %s.user_id IS NULL)", some, row)
    return some
