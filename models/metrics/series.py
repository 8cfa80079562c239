"""The metrics at the end of each period, and of a part of the period before."""

from collections import defaultdict
from datetime import date, datetime, timezone

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..currencies.rates import rates_into
from ..projections.metrics_tables import MEASURES
from ..support.answer_context import without_jit
from ..support.periods import FIRST_DAY, Calendar, Period
from .dated import Sums, by_currency, with_currencies
from .figures import converted, exact, exactly, scopes, without
from .ranges import Range, naive
from .sums import sums_of

#: Measures of a moment; the others are of the opportunities closed in a month
LEVELS = ("total", "active", "pipeline_value", "weighted_pipeline")

#: Periods of which a series can be
UNITS = ("day", "week", "month", "quarter")

#: Periods to compare with
PERIODS = ("month", "quarter", "year")


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    @api.model
    @exactly()
    def _read_series(
        self,
        user,
        months: int = 12,
        compare: str | None = None,
        company_ids: tuple[int, ...] | None = None,
        target_currency=None,
        calendar: Calendar | None = None,
        every: str | None = None,
    ) -> dict:
        """Return the metrics at the end of each of the last months and now.

        ``pipeline_value``, ``weighted_pipeline``, ``average_value`` and
        ``active_opportunities`` are those at the end of the month, or now in the
        present month: as of that moment, for the owners whose opportunities the user
        may see today, at today's rates. ``won_revenue``, ``won``, ``lost`` and
        ``win_rate`` are those of opportunities closed in the month, with their present
        values. Months end at midnight of the calendar's zone.

        :param months: the number of months, the present one included, or of periods
        :param compare: ``"month"``, ``"quarter"`` or ``"year"``: add the figures closed
            in the period before the present one, in as much of it as has passed of the
            present one
        :param company_ids: as for ``_read``, like ``target_currency``
        :param calendar: of who asks; UTC's by default
        :param every: one of ``UNITS``: the periods in the place of months. Those that
            ended before there was history are left out.
        :return: ``{user_id, currency, tz, months: [{month, until, **figures, own:
            figures, team: figures}], before, recorded_since, computed_at}``, the oldest
            first; ``before: {from, until, won_revenue, won, lost, win_rate, own,
            team}`` is None without ``compare``, ``recorded_since`` the time of the
            first event. With ``every``, in the place of ``months``: ``every``, and
            ``periods: [{from: day, until, **figures, own: figures, team: figures}]``
        :raise ValueError: ``compare`` or ``every`` is something else
        """
        if compare is not None and compare not in PERIODS:
            raise ValueError(f"compare {compare!r}: not one of {', '.join(PERIODS)}")
        if every is not None and every not in UNITS:
            raise ValueError(f"every {every!r}: not one of {', '.join(UNITS)}")
        calendar = calendar or Calendar()
        asking = AnswerContext.of(self.env)
        now, today = asking.answered_at, asking.today(calendar)
        asked = self._asked(user, company_ids)
        periods = [calendar.period(every or "month", today)]
        since = every and self.env["cqrs.opportunity.span"]._history_since()
        while len(periods) < months and periods[0].first.year > FIRST_DAY.year:
            before = calendar.before(periods[0])
            if every and (since is None or before.end <= since):
                break
            periods.insert(0, before)
        ends = [each.end for each in periods[:-1]]
        levels = [*self._levels(asked, ends), self._level_now(asked)]
        closings = self._closed_in_each(asked, periods, calendar)
        closed_before, present = {}, None
        if compare:
            present = calendar.period(compare, today)
            closed_before = self._closed_before(asked, calendar, present)
        currency = target_currency or asked["currency"]
        rates = rates_into(
            currency,
            {
                currency_id
                for each in (*levels, *closings, closed_before)
                for currency_id in each
            },
            AnswerContext.of(self.env, user),
        )

        def in_one(rows: dict[int, dict]) -> tuple[dict, dict]:
            return converted(with_currencies(rows), rates)

        items = []
        for period, level, closed in zip(periods, levels, closings, strict=True):
            figures = [
                {name: (at_end if name in LEVELS else in_it)[name] for name in MEASURES}
                for at_end, in_it in zip(in_one(level), in_one(closed), strict=True)
            ]
            shown = scopes(*figures, currency)
            if any(row.get("unknown") for row in level.values()):
                shown = without(shown, ("weighted_pipeline",))
            until = now if period is periods[-1] else period.end
            if every:
                place = {"from": period.first}
            else:
                place = {"month": f"{period.first:%Y-%m}"}
            items.append({**place, "until": until, **shown})
        return {
            "user_id": user.id,
            "currency": currency.name,
            "tz": calendar.zone.key,
            **({"every": every, "periods": items} if every else {"months": items}),
            "before": present
            and self._before_figures(
                calendar, present, scopes(*in_one(closed_before), currency), now
            ),
            "recorded_since": self._recorded_since(),
            "computed_at": now,
        }

    def _closed_in_each(
        self, asked: dict, periods: list[Period], calendar: Calendar
    ) -> list[Sums]:
        """Return the sums of the opportunities closed in each of some periods."""
        if periods[0].unit == "month":
            shown = Period(periods[0].first, periods[-1].until, calendar.zone)
            rows = self._closing(asked, shown, "month")
        else:
            ranges = [
                Range(naive(each.start), naive(each.end), 1, each.first)
                for each in periods
            ]
            rows = self._in_ranges(asked, ranges, "month")
        closings = defaultdict(list)
        for row in rows:
            if row["is_group"]:
                closings[row["group"]].append(row)
        return [by_currency(closings.get(each.first, ())) for each in periods]

    def _changes_of_months(
        self,
        viewers,
        own_id: int,
        currency,
        company_ids: tuple[int, ...] | None,
        first: date,
    ) -> dict[date, Sums]:
        """Return the sums of the changes of each month in UTC, from the first on."""
        without_jit(self.env)
        self.env.cr.execute(
            SQL(
                """
                SELECT month, COALESCE(currency_id, %(currency)s) AS currency_id,
                       %(sums)s
                FROM (%(visible)s) visible
                WHERE month >= %(first)s
                GROUP BY 1, 2
                """,
                currency=currency.id,
                sums=sums_of(SQL("user_id = %s", own_id)),
                visible=self._visible_rows(viewers, "change", company_ids),
                first=first,
            )
        )
        months = defaultdict(dict)
        for row in exact(self.env.cr.dictfetchall()):
            months[row.pop("month")][row["currency_id"]] = row
        return months

    def _recorded_since(self) -> datetime | None:
        rows = self.env.execute_query(
            SQL("SELECT occurred_at FROM cqrs_event ORDER BY position LIMIT 1")
        )
        return rows[0][0].astimezone(timezone.utc) if rows else None
