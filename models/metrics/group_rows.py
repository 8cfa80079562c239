"""The rows to add up of each grouping: of the roll-up, or the opportunities themselves.

The roll-up has the sums by owner, team and company, and by stage or by month as well.
Whatever it does not have, such as the customer, or stage and month together, is added
up of the opportunities that somebody sees, as rows with the same measures.
"""

from odoo import models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..access.owner_scopes import are_few
from ..opportunities.filters import Filters, owned
from ..support.periods import UTC, Period
from .groupings import GROUPINGS

ANY_TIME = Period()
ALL = SQL("TRUE")


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    def _rows_by(
        self,
        by: tuple[str, ...],
        viewers,
        company_ids: tuple[int, ...] | None = None,
        closes: Period = ANY_TIME,
        filters: Filters | None = None,
    ) -> SQL:
        """Return the query of the rows that one of the viewers sees, to be grouped.

        It gives the columns of the groupings, those of ``KEY`` and ``MEASURES``. An
        opportunity with several tags has a row for each, if it is grouped by them.

        :param by: names of ``GROUPINGS``
        :param closes: the period in which they close, of the months' zone
        :param filters: of the opportunities that count, resolved; None for all
        """
        dimensions = {GROUPINGS[name].dimension for name in by} - {"owner"}
        if filters:
            dimensions |= _dimensions_of(filters)
        is_summed = len(dimensions) < 2 and None not in dimensions
        is_of_zone = "month" in by and closes.zone != UTC
        if closes.is_any_time and is_summed and not is_of_zone:
            dimension = dimensions.pop() if dimensions else "owner"
            has_tail = AnswerContext.of(self.env).has_tail
            rows = self._rows(dimension) if has_tail else self._folded(dimension)
            if filters:
                condition = filters.condition()
                rows = SQL("SELECT * FROM (%s) view WHERE %s", rows, condition)
        else:
            rows = self._opportunity_rows("tag" in by, viewers, closes, filters)
        return self._rows_seen(viewers, rows, company_ids)

    def _opportunity_rows(
        self,
        has_tags: bool,
        viewers,
        closes: Period,
        filters: Filters | None = None,
        where: SQL = ALL,
    ) -> SQL:
        """Return the query of the opportunities themselves, as rows of the sums.

        :param where: a further condition on a row ``view``
        """
        scopes = self.env["cqrs.access"]._owner_scopes(viewers)
        owner_ids = [id_ for scope in scopes or () for id_ in scope.owner_ids]
        return SQL(
            """
            SELECT user_id, team_id, company_id, currency_id, stage_id, partner_id,
                   lost_reason_id, source_id, %(tag)s AS tag_id,
                   date_trunc('month', CASE status
                       WHEN 'pending' THEN closing_date::timestamp
                       ELSE closed_at AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s
                   END)::date AS month,
                   active::integer AS total,
                   CASE WHEN pending THEN 1 ELSE 0 END AS active,
                   CASE status WHEN 'won' THEN 1 ELSE 0 END AS won,
                   CASE status WHEN 'lost' THEN 1 ELSE 0 END AS lost,
                   CASE WHEN pending THEN value ELSE 0 END AS pipeline_value,
                   CASE WHEN pending THEN value * COALESCE(probability, 0) * 0.01
                        ELSE 0 END AS weighted_pipeline,
                   CASE status WHEN 'won' THEN value ELSE 0 END AS won_revenue
            FROM cqrs_opportunity_view view
            CROSS JOIN LATERAL (SELECT active AND status = 'pending') state (pending)
            %(tags)s
            -- Archived ones that are neither won nor lost are in no figure.
            WHERE (active OR status <> 'pending') AND %(owned)s AND %(closes)s
              AND %(filters)s AND %(where)s
            """,
            zone=closes.zone.key,
            tag=SQL("tag.id" if has_tags else "NULL::integer"),
            tags=SQL("LEFT JOIN LATERAL unnest(tag_ids) AS tag (id) ON true")
            if has_tags
            else SQL(),
            closes=SQL("TRUE")
            if closes.is_any_time
            else Filters(closes=closes, archived=None).condition(),
            filters=self.env["cqrs.opportunities"]._condition(filters)
            if filters
            else ALL,
            where=where,
            # By the index of the owners.
            owned=owned(owner_ids) if are_few(scopes) else SQL("TRUE"),
        )


def _dimensions_of(filters: Filters) -> set[str | None]:
    """Return the dimensions of the roll-up that filters need, beside the owner's.

    None stands for what it does not have.
    """
    kept = Filters(
        stage_ids=filters.stage_ids,
        user_ids=filters.user_ids,
        team_ids=filters.team_ids,
        archived=None,
    )
    if filters != kept:
        return {None}
    return set() if filters.stage_ids is None else {"stage"}
