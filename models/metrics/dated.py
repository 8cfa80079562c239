"""Figures that depend on the day: of a period and the one before it, due, overdue."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from odoo import models

from ..access.answer_context import AnswerContext
from ..projections.metrics_tables import MEASURES
from ..support.periods import Calendar, Period
from .figures import less, parts

#: Figures of the opportunities closed in a period
CLOSED = ("won_revenue", "won", "lost", "win_rate")

#: ``{currency id: sums}``
Sums = dict[int, dict]


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    def _dated(
        self, asked: dict, calendar: Calendar, period: Period | None
    ) -> dict[str, Sums]:
        """Return the sums that are due, overdue, and closed in the period before.

        A pending opportunity is due if it is expected to close today or later, overdue
        if it was expected before. One without a day is neither.

        :param asked: as for ``_closing``
        :param period: in which they close; None for any time
        """
        context = AnswerContext.of(self.env)
        closing = period or Period(zone=calendar.zone)
        present = context.today(calendar)
        sums = self._kept_without_tail(
            asked,
            ("due", closing, present),
            lambda: self._due(asked, closing, present),
        )
        if period and period.is_bounded:
            before = self._closed_before(asked, calendar, period)
            sums = {**sums, "before": before}
        return sums

    def _due(self, asked: dict, closing: Period, present: date) -> dict[str, Sums]:
        dated = by_currency(self._expected(asked, closing))
        past = part_due(closing, "overdue", present)
        overdue = by_currency(self._expected(asked, past))
        return {"due": less(dated, overdue), "overdue": overdue}

    def _closed_before(self, asked: dict, calendar: Calendar, period: Period) -> Sums:
        """Return the sums closed in as much of the period before as of this one."""
        now = AnswerContext.of(self.env).answered_at
        before, until = calendar.part_before(period, now)
        return by_currency(self._closed_until(asked, before, until))

    def _before_figures(
        self, calendar: Calendar, period: Period, figures: dict, now: datetime
    ) -> dict:
        """Return those figures of ``CLOSED``, and the part of the period before.

        :param now: until which this one has passed
        """
        before, until = calendar.part_before(period, now)
        return {
            "from": before.start,
            "until": until,
            **_fiscal(before, calendar),
            **_closed(figures),
            "own": _closed(figures["own"]),
            "team": _closed(figures["team"]),
        }


def _closed(figures: dict) -> dict:
    return {
        **{name: figures[name] for name in CLOSED},
        "exact": {"won_revenue": figures["exact"]["won_revenue"]},
    }


def part_due(period: Period, due: str, present: date) -> Period:
    """Return the part of a period in which what is due, or overdue, is to close.

    It may be empty.

    :param due: ``"due"`` or ``"overdue"``
    """
    if due == "overdue":
        return replace(period, until=min(present, period.until or present))
    return replace(period, first=max(present, period.first or present))


def by_currency(rows) -> Sums:
    return {row["currency_id"]: row for row in rows}


def with_currencies(sums: Sums) -> list[dict]:
    return [{**row, "currency_id": id_} for id_, row in sums.items()]


def due_figures(figures: dict, sums: tuple, dated: dict, currency) -> dict:
    """Return what is due and overdue, of all, and beside the figures of own and team.

    :param figures: of ``sums``, the exact measures of all and of the own
    :param dated: ``{name: exact measures of all and of the own}``, parts of ``sums``
    """
    others = tuple(
        {name: whole[name] - sum(each[name] for each in some) for name in MEASURES}
        for whole, *some in zip(sums, *dated.values(), strict=True)
    )
    shown = parts(figures, [*dated.values(), others], currency)
    result = {"own": {**figures["own"]}, "team": {**figures["team"]}}
    for name, part in zip(dated, shown, strict=False):
        result[name] = _counted(part)
        for scope in ("own", "team"):
            result[scope][name] = _counted(part[scope])
    return result


def _counted(figures: dict) -> dict:
    return {
        "count": figures["active_opportunities"],
        "amount": figures["pipeline_value"],
        "exact": figures["exact"]["pipeline_value"],
    }


def described(period: Period, calendar: Calendar) -> dict:
    """Return a period as answers describe it, with its fiscal year."""
    return {
        "name": period.name,
        "from": period.start,
        "until": period.end,
        **_fiscal(period, calendar),
    }


def _fiscal(period: Period, calendar: Calendar) -> dict:
    day = period.first or period.until - timedelta(days=1)
    year = calendar.period("year", day)
    last = year.until - timedelta(days=1)
    years = dict.fromkeys((year.first.year, last.year))
    return {"year": "–".join(map(str, years)), "quarter": calendar.quarter(day)}
