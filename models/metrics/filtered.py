"""Sums of the opportunities that some filters leave.

The roll-up has those of stages, owners and teams; others are added up of the
opportunities themselves, as exactly.
"""

from odoo import models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..opportunities.filters import Filters
from ..support.answer_context import without_jit
from ..support.periods import Calendar, Period
from .dated import Sums, by_currency
from .figures import added
from .ranges import naive


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    def _filtered_sums(
        self,
        asked: dict,
        filters: Filters,
        by: tuple[str, ...],
        column: str | None,
        closes: Period,
    ) -> list[dict]:
        """Return the sums in each currency, over all and of each group, as ``_sums``.

        :param asked: as of ``_asked``
        :param by: the groupings with the column, if any
        :param closes: the period in which they close
        """
        rows = self._rows_by(
            by, asked["viewers"], asked["company_ids"], closes, filters
        )
        return self._add_up_rows(asked, column, rows)

    def _filtered_dated(
        self, asked: dict, filters: Filters, calendar: Calendar, period: Period | None
    ) -> dict[str, Sums]:
        """Return the sums that ``_dated`` does, of the filters."""
        context = AnswerContext.of(self.env)
        closing = period or Period(zone=calendar.zone)
        today = context.today(calendar)

        def sums(closes: Period, where: SQL) -> Sums:
            viewers = asked["viewers"]
            rows = self._opportunity_rows(False, viewers, closes, filters, where)
            seen = self._rows_seen(viewers, rows, asked["company_ids"])
            return by_currency(self._add_up_rows(asked, None, seen))

        pending = "view.status = 'pending' AND view.closing_date"
        dated = {
            "due": sums(closing, SQL(f"{pending} >= %s", today)),
            "overdue": sums(closing, SQL(f"{pending} < %s", today)),
        }
        if period and period.is_bounded:
            before, until = calendar.part_before(period, context.answered_at)
            closed = SQL(
                "view.status <> 'pending' AND view.closed_at < %s", naive(until)
            )
            dated["before"] = sums(before, closed)
        return dated

    def _add_up_rows(self, asked: dict, column: str | None, rows: SQL) -> list[dict]:
        without_jit(self.env)
        return added(self._sum(asked["own_id"], column, rows), asked["currency"])
