"""The sums of the opportunities that close in a period, by the days of a zone.

The roll-up has sums by month of closing, and its months begin at midnight UTC. So a
period is added up of

* its whole months, from the roll-up,
* what closed between the midnights of the zone and of UTC, where such a month begins
  and ends: added or taken away,
* the days that are not a whole month.

The latter two are ranges of moments, and read from the opportunity view by its indexes.
A process keeps them like the folded sums: what the view says, without the changes that
are not folded yet, changes only with a fold. So whoever asks again pays for these
changes alone, and a period is exact at every moment.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from itertools import chain

from odoo import models
from odoo.tools import SQL

from ..access import policy
from ..access.answer_context import AnswerContext
from ..projections.metrics_tables import AMOUNTS, KEY, MEASURES, METRICS, TAIL
from ..projections.table import each
from ..support.answer_context import without_jit
from ..support.periods import Period, midnight, month_of
from .figures import added, place_of
from .ranges import Range, boundaries, edges, found_in, naive, relation_of, rest
from .sums import FOLDED, OF_ALL

#: Sums of nothing that is closed
_NOTHING_CLOSED = {
    f"{prefix}{name}": Decimal(0) if name in AMOUNTS else 0
    for prefix in ("", "own_")
    for name in ("won", "lost", "won_revenue")
}


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    def _closing(self, asked: dict, period: Period, column: str | None = None) -> list:
        """Return the sums of the opportunities that close in a period.

        Rows are those of ``_sums``. A pending opportunity closes on its expected day.

        :param asked: ``viewers``, ``own_id``, ``currency`` and ``company_ids``, as for
            ``_sums``
        :param column: of the groups; None for no groups
        """
        return self._kept_without_tail(
            asked,
            ("closing", period, column),
            lambda: self._add_up_closing(asked, period, column),
        )

    def _kept_without_tail(self, asked: dict, key: tuple, make: Callable):
        """Return a value that follows from sums; a process keeps it between two folds.

        With a tail it is made anew, of sums of which each is kept.
        """
        context = AnswerContext.of(self.env)
        if context.has_tail:
            return make()
        names = ("own_id", "currency", "company_ids")
        key = *key, context.left_out, *map(asked.get, names)
        return FOLDED.get(self.env, self._version(asked["viewers"]), key, make)

    def _add_up_closing(
        self,
        asked: dict,
        period: Period,
        column: str | None,
        is_pending_only: bool = False,
    ) -> list[dict]:
        """Return ``_closing``, added up.

        :param is_pending_only: the sums of what is closed may be any
        """
        rows, ranges = self._parts_of(asked, period, column)
        if is_pending_only:
            ranges = [each for each in ranges if each.is_pending]
        rows = added(chain(rows, self._in_ranges(asked, ranges, column)))
        if column == "stage_id":
            self._tell_own(asked, period, column, rows)
        return rows

    def _tell_own(self, asked: dict, period: Period, column: str, rows: list[dict]):
        """Add the own sums to rows of all owners, which do not tell them.

        The own opportunities themselves are added up.
        """
        viewers, own = asked["viewers"], SQL("view.user_id = %s", asked["own_id"])
        own_rows = self._opportunity_rows(False, viewers, period, where=own)
        seen = self._rows_seen(viewers, own_rows, asked["company_ids"])
        owned = {place_of(row): row for row in self._add_up_rows(asked, column, seen)}
        for row in rows:
            own_sums = owned.get(place_of(row), {})
            row |= {f"own_{name}": own_sums.get(name, 0) for name in MEASURES}

    def _has_sums_of_periods(self, viewers, column: str | None) -> bool:
        """Return whether the roll-up has sums of each month by a column."""
        return column in (None, "month", "user_id", "team_id") or (
            column in OF_ALL and policy.see_everything(viewers)
        )

    def _parts_of(self, asked: dict, period: Period, column: str | None):
        """Return the rows of the whole months of a period, and the other ranges."""
        if column in (None, "month"):
            return self._by_months(asked, period, column)
        rows, ranges = [], rest(period)
        if whole := period.whole_months:
            # By stage and month there are sums of all owners alone.
            dimension = "all" if column == "stage_id" else "month"
            rows = self._sums(**asked, dimension=dimension, column=column, months=whole)
            ranges += edges(filter(None, whole), period)
        return rows, ranges

    def _by_months(self, asked: dict, period: Period, column: str | None):
        """Return ``_parts_of`` over all, or by month."""
        if period.whole_months is None:
            return [], rest(period)
        first, until = period.whole_months
        rows = self._sums(**asked, dimension="month", column="month")
        bounds = {first, until} - {None}
        if column:
            # Between two whole months they only matter if each month is wanted.
            closed = (row["group"] for row in rows if row["won"] or row["lost"])
            bounds |= boundaries(filter(None, closed))
        ranges = [*edges(sorted(bounds), period), *rest(period)]
        if not column or first or until:
            groups = [
                row
                for row in rows
                if row["is_group"]
                and row["group"]
                and (first is None or first <= row["group"])
                and (until is None or row["group"] < until)
            ]
            total = {"is_group": False, "group": None}
            rows = [*(row | total for row in groups), *(groups if column else ())]
        return rows, ranges

    def _closed_until(self, asked: dict, period: Period, moment: datetime) -> list:
        """Return the sums of the opportunities closed in a period before a moment."""
        day = moment.astimezone(period.zone).date()
        days = Period(period.first, day, period.zone)
        start = midnight(day, period.zone)
        rows = self._closing(asked, days)
        if start < moment:
            # Its end is another one each time: nothing to keep.
            last = [Range(naive(start), naive(moment), 1, month_of(day))]
            rows = added(chain(rows, self._in_ranges(asked, last, None, is_kept=False)))
        return rows

    def _expected(
        self, asked: dict, period: Period, column: str | None = None
    ) -> list[dict]:
        """Return the sums of the pending opportunities expected to close in a period.

        :param column: as for ``_closing``
        """
        return self._kept_without_tail(
            asked,
            ("expected", period, column),
            lambda: self._add_up_expected(asked, period, column),
        )

    def _add_up_expected(
        self, asked: dict, period: Period, column: str | None
    ) -> list[dict]:
        rows = self._add_up_closing(asked, period, column, is_pending_only=True)
        for row in rows:
            row |= _NOTHING_CLOSED | {
                f"{prefix}total": row[f"{prefix}active"] for prefix in ("", "own_")
            }
        return [row for row in rows if row["active"]]

    def _in_ranges(
        self,
        asked: dict,
        ranges: Iterable[Range],
        column: str | None,
        is_kept: bool = True,
    ) -> list[dict]:
        """Return the sums of the opportunities in some ranges, as ``_sums``."""
        ranges = tuple(each for each in ranges if each.start < each.end)
        if not ranges:
            return []
        without_jit(self.env)
        viewers, own_id = asked["viewers"], asked["own_id"]
        others = {
            name: value
            for name, value in asked.items()
            if name not in ("viewers", "own_id", "currency")
        }
        context = AnswerContext.of(self.env)
        view = _view_rows(ranges, self._seen(viewers, SQL("view"), **others))
        tail = self._rows_seen(
            viewers, _in(ranges, self._contributions(SQL.identifier(TAIL))), **others
        )

        def sums(rows):
            return self._sum(own_id, column, rows)

        if not is_kept:
            return added(sums(view), asked["currency"])

        def sum_folded():
            rows = view
            if context.has_tail:
                rows = SQL("%s UNION ALL %s", view, _negated(tail))
            return sums(rows)

        # A record that the read models leave out, and then do not, makes no change.
        version = self._version(viewers)
        key = own_id, ranges, column, context.left_out, *others.items()
        folded = FOLDED.get(self.env, version, key, sum_folded)
        changed = sums(tail) if context.has_tail else ()
        return added(chain(folded, changed), asked["currency"])


def _view_rows(ranges: tuple[Range, ...], seen: SQL) -> SQL:
    """Return the query of the opportunities in ranges, as rows of the sums.

    Each kind of closing has an index.

    :param seen: the condition on a row ``view``
    """
    closed = tuple(each for each in ranges if not each.is_pending)
    pending = tuple(each for each in ranges if each.is_pending)
    parts = []
    if closed:
        measures = SQL(
            """
            sign * active::integer, 0,
            sign * (status = 'won')::integer, sign * (status = 'lost')::integer,
            0::numeric, 0::numeric,
            CASE WHEN status = 'won' THEN sign * value ELSE 0 END
            """
        )
        condition = SQL(
            "closed_at >= range.start AND closed_at < range.end"
            " AND status IN ('won', 'lost')"
        )
        parts.append((closed, measures, condition))
    if pending:
        measures = SQL(
            "sign, sign, 0, 0, sign * value,"
            " sign * value * COALESCE(probability, 0) * 0.01, 0"
        )
        condition = SQL(
            "closing_date >= range.start::date AND closing_date < range.end::date"
            " AND status = 'pending' AND active"
        )
        parts.append((pending, measures, condition))
    return SQL(
        "SELECT * FROM (%s) AS closing (%s)",
        SQL(" UNION ALL ").join(
            SQL(
                """
                SELECT user_id, team_id, company_id, currency_id, stage_id,
                       range.month, %s
                FROM %s
                """,
                measures,
                found_in(
                    some, SQL("cqrs_opportunity_view"), SQL("view"), condition, seen
                ),
            )
            for some, measures, condition in parts
        ),
        SQL(", ".join(KEY + MEASURES)),
    )


def _in(ranges: tuple[Range, ...], contributions: SQL) -> SQL:
    """Return the query of the contributions in ranges, with the ranges' signs."""
    return SQL(
        """
        SELECT %(key)s, range.month, %(measures)s
        FROM (%(contributions)s) contribution
        JOIN %(ranges)s
          ON closes_at >= range.start AND closes_at < range.end
         AND CASE WHEN is_pending THEN active <> 0 ELSE won <> 0 OR lost <> 0 END
        """,
        key=each("{}", KEY[:-1]),
        measures=METRICS.each("{0} * sign AS {0}"),
        contributions=contributions,
        ranges=relation_of(ranges),
    )


def _negated(rows: SQL) -> SQL:
    return SQL(
        "SELECT %s, %s FROM (%s) negated",
        each("{}", KEY),
        METRICS.each("- {0} AS {0}"),
        rows,
    )
