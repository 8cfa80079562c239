"""The sums at moments of the past: those of now without what has changed since.

The changes after the end of a month come from the roll-up, whose months end at midnight
UTC; what changed between that midnight and the one of a zone is added up of spans.
Other moments are worked out of spans alone, from now on backwards.
"""

from bisect import bisect_right
from collections import defaultdict
from datetime import date, datetime, time, timedelta, timezone

from odoo import models
from odoo.tools import SQL

from ..support.answer_context import without_jit
from ..support.periods import month_of, next_month
from ..support.process_cache import VersionedCache
from .dated import Sums, by_currency
from .figures import exact, less
from .span_rows import SPAN_MEASURES
from .sums import FOLDED, sums_of

#: The time until which opportunities are reconstructed
RECONSTRUCTED = VersionedCache("reconstructed until", size=1)

#: No zone is further from UTC
_NEAR = timedelta(hours=15)


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    def _levels(self, asked: dict, moments: list[datetime]) -> list[Sums]:
        """Return the sums at some moments of the past, by currency.

        What happens at a moment itself does not count yet. Sums of what is pending of
        reconstructed opportunities have no member ``weighted_pipeline`` that is known:
        ``unknown`` counts them.

        :param asked: as for ``_closing``
        :param moments: aware, in order
        """
        without_jit(self.env)
        reconstructed_until = self._reconstructed_until()
        count = bisect_right(moments, reconstructed_until) if reconstructed_until else 0
        early, late = moments[:count], moments[count:]
        levels = self._levels_from_the_beginning(asked, early) if early else []
        if late:
            months = [_month_beginning_at(moment) for moment in late]
            levels += (
                self._levels_by_months(asked, late, months)
                if all(months)
                else self._levels_until_now(asked, late)
            )
        return levels

    def _levels_by_months(
        self, asked: dict, moments: list[datetime], months: list[date]
    ) -> list[Sums]:
        changes = self._changes_of_months(**asked, first=min(months))
        edges = self._edges(asked, moments, months)
        levels, level = [], self._level_now(asked)
        for number in reversed(range(len(moments))):
            # UTC may be a month ahead.
            for later in [month for month in changes if month >= months[number]]:
                level = less(level, changes.pop(later))
            levels.append(less(level, edges.get(number, {}), -1))
        return levels[::-1]

    def _edges(
        self, asked: dict, moments: list[datetime], months: list[date]
    ) -> dict[int, Sums]:
        """Return the changes from midnight UTC to each of the moments near it."""
        ranges = []
        for number, (moment, month) in enumerate(zip(moments, months, strict=True)):
            start = _start(month)
            if moment != start:
                sign = 1 if start < moment else -1
                ranges.append((number, *sorted((start, moment)), sign))
        if not ranges:
            return {}
        numbers, starts, ends, signs = map(list, zip(*ranges, strict=True))
        bounds = SQL(
            """
            unnest(%s::integer[], %s::timestamptz[], %s::timestamptz[], %s::integer[])
                AS range (number, start, "end", sign)
            """,
            *(numbers, starts, ends, signs),
        )

        def changed(column: str, sign: str) -> SQL:
            return SQL(
                f"SELECT number, range.sign * ({sign}) AS sign, span.* FROM %s"
                f" JOIN %s span ON {column} >= range.start AND {column} < range.end",
                bounds,
                self.env["cqrs.opportunity.span"]._relation(),
            )

        def ask():
            return self._sum_changes(
                asked,
                SQL("%s UNION ALL %s", changed("since", "1"), changed("until", "-1")),
            )

        spans = self.env["cqrs.opportunity.span"]
        version = None
        if spans._is_settled(max(ends)):
            version = self._version_of_spans(asked["viewers"])
        key = "edges", asked["own_id"], asked["company_ids"], asked["currency"], *ranges
        return FOLDED.get(self.env, version, key, ask)

    def _version_of_spans(self, viewers, at: datetime | None = None) -> tuple | None:
        """Return the version of the settled spans that viewers see.

        :param at: the moment whose hierarchy decides; today's by default
        """
        visibility = self.env["cqrs.access"]._visibility_version(viewers, at)
        spans = self.env["cqrs.opportunity.span"]._version()
        return (visibility, spans) if visibility and spans else None

    def _levels_until_now(self, asked: dict, moments: list[datetime]) -> list[Sums]:
        changes = self._changes_between(asked, moments, moments[0])
        levels, level = [], self._level_now(asked)
        for number in reversed(range(len(moments))):
            level = less(level, changes.get(number + 1, {}))
            levels.append(level)
        return levels[::-1]

    def _levels_from_the_beginning(
        self, asked: dict, moments: list[datetime]
    ) -> list[Sums]:
        changes = self._changes_between(asked, moments, None)
        levels, level = [], {}
        for number in range(len(moments)):
            level = less(level, changes.get(number, {}), -1)
            levels.append(level)
        return levels

    def _changes_between(
        self, asked: dict, moments: list[datetime], first: datetime | None
    ) -> dict[int, Sums]:
        """Return the changes between moments: by how many moments they are preceded.

        :param first: no changes before this one; None: none after the last moment
        """

        def changed(column: str, sign: int) -> SQL:
            return SQL(
                f"SELECT width_bucket({column}, %s::timestamptz[]) AS number,"
                f" {sign} AS sign, span.* FROM %s span WHERE %s",
                moments,
                self.env["cqrs.opportunity.span"]._relation(),
                SQL(f"{column} >= %s AND {column} < 'infinity'", first)
                if first
                else SQL(f"{column} < %s", moments[-1]),
            )

        rows = SQL("%s UNION ALL %s", changed("since", 1), changed("until", -1))
        return self._sum_changes(asked, rows)

    def _sum_changes(self, asked: dict, changes: SQL) -> dict[int, Sums]:
        """Return the sums of rows of spans, each of a ``number`` and a ``sign``."""
        rows = SQL(
            """
            SELECT number, user_id, team_id, company_id, currency_id, %s
            FROM (%s) span WHERE type = 'opportunity'
            """,
            SPAN_MEASURES,
            changes,
        )
        seen = self._rows_seen(asked["viewers"], rows, asked["company_ids"])
        return self._sum_by_number(asked, seen)

    def _sum_by_number(self, asked: dict, rows: SQL) -> dict[int, Sums]:
        """Return the sums of rows, each of a ``number``, with ``unknown``."""
        self.env.cr.execute(
            SQL(
                """
                SELECT number, COALESCE(currency_id, %(currency)s) AS currency_id,
                       sum(unknown)::integer AS unknown, %(sums)s
                FROM (%(rows)s) metrics
                GROUP BY 1, 2
                """,
                currency=asked["currency"].id,
                sums=sums_of(SQL("user_id = %s", asked["own_id"])),
                rows=rows,
            )
        )
        found = defaultdict(dict)
        for row in exact(self.env.cr.dictfetchall()):
            found[row.pop("number")][row["currency_id"]] = row
        return found

    def _level_now(self, asked: dict) -> Sums:
        return by_currency(
            row
            for row in self._sums(**asked, dimension="owner", column=None)
            if not row["is_group"]
        )

    def _reconstructed_until(self) -> datetime | None:
        """Return the end of what is reconstructed; None if nothing is."""
        spans = self.env["cqrs.opportunity.span"]
        return RECONSTRUCTED.get(
            self.env,
            spans._version(),
            (),
            lambda: self.env.execute_query(
                SQL(
                    "SELECT max(until) FROM cqrs_opportunity_span"
                    " WHERE NOT is_recorded AND until < 'infinity'"
                )
            )[0][0],
        )


def _month_beginning_at(moment: datetime) -> date | None:
    """Return the month that begins at a moment in some zone, or None."""
    day = moment.date()
    for month in (month_of(day), next_month(day)):
        if abs(moment - _start(month)) < _NEAR:
            return month
    return None


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.utc)
