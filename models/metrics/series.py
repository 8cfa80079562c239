"""The metrics at the end of each month, and of a part of the period before."""

from collections import defaultdict
from datetime import date, datetime, time, timezone

from dateutil.relativedelta import relativedelta

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..projections.metrics_tables import MEASURES
from ..support.answer_context import without_jit
from ..support.periods import Calendar, Period, month_of, next_month
from .dated import Sums, by_currency, with_currencies
from .figures import converted, exact, exactly, less, scopes
from .sums import sums_of

#: Measures of a moment; the others are of the opportunities closed in a month
LEVELS = ("total", "active", "pipeline_value", "weighted_pipeline")

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
    ) -> dict:
        """Return the metrics at the end of each of the last months and now.

        ``pipeline_value``, ``weighted_pipeline``, ``average_value`` and
        ``active_opportunities`` are those at the end of the month, or now in the
        present month: as ``as_of`` replays them, but for the owners whose opportunities
        the user may see today, at today's rates. ``won_revenue``, ``won``, ``lost`` and
        ``win_rate`` are those of opportunities closed in the month, with their present
        values. Months end at midnight UTC for the former, of the calendar's zone for
        the latter.

        :param months: the number of months, the present one included
        :param compare: ``"month"``, ``"quarter"`` or ``"year"``: add the figures closed
            in the period before the present one, in as much of it as has passed of the
            present one
        :param company_ids: as for ``_read``, like ``target_currency``
        :param calendar: of who asks; UTC's by default
        :return: ``{user_id, currency, tz, months: [{month, until, **figures, own:
            figures, team: figures}], before, recorded_since, computed_at}``, the oldest
            first; ``before: {from, until, won_revenue, won, lost, win_rate, own,
            team}`` is None without ``compare``, ``recorded_since`` the time of the
            first event
        :raise ValueError: ``compare`` is something else
        """
        if compare is not None and compare not in PERIODS:
            raise ValueError(f"compare {compare!r}: not one of {', '.join(PERIODS)}")
        calendar = calendar or Calendar()
        asking = AnswerContext.of(self.env)
        now, today = asking.answered_at, asking.today(calendar)
        present = month_of(today)
        first = present - relativedelta(months=months - 1)
        context = AnswerContext.of(self.env, user)
        currency = own_currency(context)
        viewers = self.env["cqrs.access"]._viewers(user)
        whose = {"viewers": viewers, "own_id": user.id}
        level = by_currency(
            row
            for row in self._sums(
                **whose,
                dimension="owner",
                column=None,
                currency=currency,
                company_ids=company_ids,
            )
            if not row["is_group"]
        )
        asked = {**whose, "currency": currency, "company_ids": company_ids}
        changes = self._changes_of_months(**asked, first=first)
        closings = defaultdict(list)
        shown = Period(first, next_month(present), calendar.zone)
        for row in self._closing(asked, shown, "month"):
            if row["is_group"]:
                closings[row["group"]].append(row)
        closings = {month: by_currency(rows) for month, rows in closings.items()}
        period, closed_before = None, {}
        if compare:
            period = calendar.period(compare, today)
            closed_before = self._closed_before(asked, calendar, period)
        currency = target_currency or currency
        rates = rates_into(
            currency,
            {
                currency_id
                for each in (
                    *(level, *changes.values()),
                    *(*closings.values(), closed_before),
                )
                for currency_id in each
            },
            context,
        )

        def in_one(rows: dict[int, dict]) -> tuple[dict, dict]:
            return converted(with_currencies(rows), rates)

        items = []
        for back in range(months):
            month = present - relativedelta(months=back)
            figures = [
                {
                    name: (at_end if name in LEVELS else closed)[name]
                    for name in MEASURES
                }
                for at_end, closed in zip(
                    in_one(level), in_one(closings.get(month, {})), strict=True
                )
            ]
            items.append(
                {
                    "month": f"{month:%Y-%m}",
                    "until": _start(month + relativedelta(months=1)) if back else now,
                    **scopes(*figures, currency),
                }
            )
            # UTC may be a month ahead.
            for later in [each for each in changes if each >= month]:
                level = less(level, changes.pop(later))
        before = period and self._before_figures(
            calendar, period, scopes(*in_one(closed_before), currency)
        )
        return {
            "user_id": user.id,
            "currency": currency.name,
            "tz": calendar.zone.key,
            "months": items[::-1],
            "before": before,
            "recorded_since": self._recorded_since(),
            "computed_at": now,
        }

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


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.utc)
