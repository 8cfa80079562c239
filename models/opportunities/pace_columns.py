"""The pace of opportunities as columns: lists are sorted by them, and files have them.

They are no fields: a form or a list of Odoo's would work them out for each record.
"""

from odoo import models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..projections.opportunity_pace import PACE_ORDERS
from .pace import COUNTS, DURATIONS, pace_relation


class CqrsOpportunityView(models.Model):
    """An opportunity that is not open has no durations."""

    _inherit = "cqrs.opportunity.view"

    def _field_to_sql(self, alias, field_expr, query=None):
        if field_expr in COUNTS:
            return SQL("COALESCE(%s, 0)", self._pace_key(alias, field_expr, query))
        if field_expr in DURATIONS:
            return SQL(
                "round(extract(epoch FROM (%s::timestamptz AT TIME ZONE 'UTC') - %s)"
                " / 86400, 1)",
                AnswerContext.of(self.env).answered_at,
                self._pace_key(alias, field_expr, query),
            )
        return super()._field_to_sql(alias, field_expr, query)

    def _order_field_to_sql(self, alias, field_name, direction, nulls, query):
        if field_name not in PACE_ORDERS:
            return super()._order_field_to_sql(
                alias, field_name, direction, nulls, query
            )
        # As the pages of the API: not by rounded days, and what has none comes last.
        key = self._pace_key(alias, field_name, query)
        is_descending = direction.code == "DESC"
        if PACE_ORDERS[field_name].is_until_now:
            is_descending = not is_descending
        return SQL("%s %s NULLS LAST", key, SQL("DESC" if is_descending else "ASC"))

    def _pace_key(self, alias: str, name: str, query) -> SQL:
        """Return the column of the pace that is told; joins it once."""
        joined = f"{alias}__pace"
        if joined not in query._joins:
            query.add_join(
                "LEFT JOIN",
                joined,
                pace_relation(self.env),
                SQL(
                    "%s = %s",
                    SQL.identifier(joined, "id"),
                    SQL.identifier(alias, "id"),
                ),
            )
        return SQL.identifier(joined, PACE_ORDERS[name].key.code)
