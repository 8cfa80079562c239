"""The sums at the moments of a series, near levels.

Each moment is its nearest level, and two ranges of the index of spans: a year of months
costs its twelve levels and the changes of some hours, or of some days for who does not
see everything, however long the past is.
"""

from datetime import datetime

from odoo import models
from odoo.tools import SQL

from ..access import policy
from ..metrics.dated import Sums
from ..metrics.span_rows import COUNTS, SPAN_MEASURES
from ..projections.metrics_tables import MEASURES
from ..projections.table import each
from ..support.answer_context import without_jit
from ..support.process_cache import VersionedCache
from .as_of import INSTANT, AsOf
from .levels import GRAINS, LEVELS, Grain

#: The sums of settled moments
SERIES = VersionedCache("sums of a series", size=512)

_OWNED = ("user_id", "team_id", "company_id", "currency_id")


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    def _levels(self, asked: dict, moments: list[datetime]) -> list[Sums]:
        found = self.env["cqrs.past"]._at_moments(asked, moments)
        return super()._levels(asked, moments) if found is None else found


class CqrsPast(models.AbstractModel):
    _inherit = "cqrs.past"

    def _at_moments(self, asked: dict, moments: list[datetime]) -> list[Sums] | None:
        """Return ``_levels`` of ``cqrs.metrics``; None where no levels are near.

        A process keeps those of settled moments.
        """
        until = self.env["cqrs.past.levels"]._filled_until()
        if not moments or until is None:
            return None
        sees_all = policy.see_everything(asked["viewers"])
        grain = GRAINS["all" if sees_all else "owner"]
        if moments[-1] - grain.before(until) > 2 * grain.stride:
            return None
        version = None
        if self.env["cqrs.opportunity.span"]._is_settled(moments[-1]):
            version = self.env["cqrs.metrics"]._version_of_spans(asked["viewers"])

        def make():
            today = AsOf(moments[-1], moments[-1].date())
            seen = self._seen(asked["viewers"], today, SQL("span"))
            if asked["company_ids"] is not None:
                chosen = policy.in_companies(asked["company_ids"], SQL("span"))
                seen = SQL("%s AND %s", chosen, seen)
            levels = self._near(asked, moments, until, grain, seen)
            if not sees_all:
                return levels
            # The sums of all know no owner, though what has changed since does.
            seen = SQL("span.user_id = %s AND %s", asked["own_id"], seen)
            owned = self._near(asked, moments, until, GRAINS["owner"], seen)
            return [
                _with_own(level, sums)
                for level, sums in zip(levels, owned, strict=True)
            ]

        key = asked["own_id"], asked["company_ids"], asked["currency"], *moments
        return SERIES.get(self.env, version, key, make)

    def _near(
        self,
        asked: dict,
        moments: list[datetime],
        until: datetime,
        grain: Grain,
        seen: SQL,
    ) -> list[Sums]:
        """Return the sums at moments by the nearest levels.

        :param until: the moment until which there are levels
        :param seen: the condition on a row ``span``
        """
        without_jit(self.env)
        nearest = [grain.nearest(moment, until) for moment in moments]
        # What happens at a moment itself does not count yet.
        ends = [moment - INSTANT for moment in moments]
        near = SQL(
            """
            (SELECT number, level, least(level, moment) AS start,
                    greatest(level, moment) AS "end",
                    CASE WHEN level < moment THEN 1 ELSE -1 END AS sign
             FROM unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[])
                 AS given (number, level, moment)) near
            """,
            [*range(len(moments))],
            nearest,
            ends,
        )
        spans = self.env["cqrs.opportunity.span"]._relation_until(moments[-1])

        def each_by_the_index(rows: SQL) -> SQL:
            return SQL("%s CROSS JOIN LATERAL (%s OFFSET 0) span", near, rows)

        def changed(column: str, sign: str) -> SQL:
            rows = SQL(
                f"""
                SELECT {sign} AS sign, span.* FROM %s span
                WHERE span.{column} > near.start AND span.{column} <= near.end
                  AND span.type = 'opportunity' AND %s
                """,
                spans,
                seen,
            )
            return SQL("SELECT number, span.* FROM %s", each_by_the_index(rows))

        rows = SQL(
            """
            SELECT number, %(owned)s, %(measures)s FROM %(levels)s
            UNION ALL
            SELECT number, %(owned)s, %(span_measures)s
            FROM (%(began)s UNION ALL %(ended)s) span
            """,
            owned=each("span.{}", _OWNED),
            measures=each("{}", (*MEASURES, *COUNTS)),
            levels=each_by_the_index(
                SQL(
                    "SELECT * FROM %s span WHERE dimension = %s"
                    " AND span.moment = near.level AND %s",
                    SQL.identifier(LEVELS),
                    grain.dimension,
                    seen,
                )
            ),
            span_measures=SPAN_MEASURES,
            began=changed("since", "near.sign"),
            ended=changed("until", "-near.sign"),
        )
        found = self.env["cqrs.metrics"]._sum_by_number(asked, rows)
        return [found.get(number, {}) for number in range(len(moments))]


def _with_own(level: Sums, owned: Sums) -> Sums:
    """Return the sums with those of the own opportunities, which others tell."""
    names = [f"own_{name}" for name in MEASURES]
    return {
        id_: row | {name: owned.get(id_, {}).get(name, 0) for name in names}
        for id_, row in level.items()
    }
