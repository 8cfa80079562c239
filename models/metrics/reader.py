"""The metrics of a person, read from the sums at the moment of asking."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..opportunities.filters import Filters
from ..opportunities.text import resolved
from ..projections.metrics_tables import AMOUNTS
from ..support.answer_context import without_jit
from ..support.periods import UTC, Calendar, Period
from .dated import (
    Sums,
    by_currency,
    described,
    due_figures,
    part_due,
    with_currencies,
)
from .figures import converted, exact_amounts, exactly, scopes
from .group_pages import FIGURES, Page
from .groupings import GROUPINGS, are_many
from .rounding import rounded

#: The opportunities that are due or overdue, in as much of time as that is
PENDING = Filters(statuses=("pending",), archived=None)


class Question(NamedTuple):
    """The figures that are asked for, as of ``_read``."""

    user: object
    by: tuple[str, ...]
    page: Page | None
    target_currency: object
    calendar: Calendar | None
    period: Period | None


class Found(NamedTuple):
    """The sums that figures are made of.

    :ivar rows: as of ``_sums``
    :ivar dated: as of ``_dated``
    :ivar has_groups: the rows have those of the groups, too
    :ivar rows_by: returns the query of the rows that are grouped otherwise
    :ivar now: the moment at which they are so
    """

    rows: list[dict]
    dated: dict[str, Sums]
    has_groups: bool
    rows_by: Callable[[], SQL]
    now: datetime


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    @api.model
    @exactly()
    def _read(
        self,
        user,
        by: str | tuple[str, ...] | None = None,
        company_ids: tuple[int, ...] | None = None,
        target_currency=None,
        page: Page | None = None,
        calendar: Calendar | None = None,
        period: Period | None = None,
        filters: Filters | None = None,
        due: str | None = None,
    ) -> dict:
        """Return the metrics over all that a user sees; nothing is written.

        Figures are ``pipeline_value``, ``weighted_pipeline``, ``won_revenue`` and
        ``average_value`` (Decimal, in ``currency``), ``active_opportunities``, ``won``,
        ``lost`` (integers) and ``win_rate`` (Decimal from 0 to 1, four digits).
        ``average_value`` is None if none is active, ``win_rate`` if none is won or
        lost. ``exact`` has the amounts unrounded.

        Sums are exact in each currency, converted at today's rate, and rounded once;
        own, team and groups add up to their total as it is shown. ``amounts`` has the
        sums before the conversion.

        :param user: a ``res.users`` record
        :param by: a name of ``GROUPINGS``, or two of them
        :param company_ids: of the opportunities of these companies alone, and of those
            without a company; None for all
        :param target_currency: the ``res.currency`` of the figures, by default
            that of the user's company
        :param page: the groups to give; by default all of them in order of their
            labels, or the first page, where they are many
        :param calendar: of who asks; by default months are UTC's, and nothing depends
            on the day
        :param period: of the opportunities that close in it alone: of pending ones that
            are expected to, of won and lost ones that have
        :param filters: of the opportunities that count, whatever they say of archived
            ones; None for all
        :param due: of the pending opportunities alone that are ``"due"``, or that are
            ``"overdue"``, by the day of ``calendar``; None for all
        :return: ``{user_id, currency, **figures, own: figures, team: figures, amounts:
            [{currency, rate, pipeline_value, weighted_pipeline, won_revenue, exact}],
            opportunities: {total, own, subordinates}, computed_at}``, where *own* are
            the user's own opportunities, *team* the others, and ``opportunities``
            counts those not archived; with ``by`` also ``groups: [{<by>: label,
            **figures, own: figures, team: figures}]``, and of a page ``group_count``
            and ``next: Keyset or None``. With ``calendar`` also ``tz``, ``period`` (as
            ``described``), ``due`` and ``overdue`` (``{count, amount, exact}``, beside
            all the figures, of own and of team), and ``before``: ``{from, until,
            won_revenue, won, lost, win_rate, own, team}`` of what was closed in the
            period before, in as much of it as has passed of this one
        :raise ValueError: ``by`` or the page's ``sort`` is something else
        """
        by = (by,) if isinstance(by, str) else by or ()
        check_groups(by, page)
        if by and page is None and are_many(by):
            page = Page()
        dimension, column = "owner", None
        if by and not page and GROUPINGS[by[0]].dimension:
            # In one statement with the totals, as both are kept.
            dimension, column, __ = GROUPINGS[by[0]]
        asked = self._asked(user, company_ids)
        closes = period or Period(zone=calendar.zone if calendar else UTC)
        if due:
            closes = part_due(closes, due, AnswerContext.of(self.env).today(calendar))
            filters = filters and replace(filters, statuses=PENDING.statuses)
        if filters:
            filters = resolved(self.env, replace(filters, archived=None))
            if "tag" in by:
                column = None
            rows = self._filtered_sums(
                asked, filters, by if column else (), column, closes
            )
        elif due or period or (column == "month" and calendar):
            if not self._has_sums_of_periods(asked["viewers"], column):
                column = None
            rows = (self._expected if due else self._closing)(asked, closes, column)
        else:
            rows = self._sums(**asked, dimension=dimension, column=column)
        dated = {}
        if due:
            totals = by_currency(row for row in rows if not row["is_group"])
            dated = {"due": {}, "overdue": {}, due: totals}
        elif calendar and filters:
            dated = self._filtered_dated(asked, filters, calendar, period)
        elif calendar:
            dated = self._dated(asked, calendar, period)
        return self._metrics(
            Question(user, by, page, target_currency, calendar, period),
            asked,
            Found(
                rows,
                dated,
                has_groups=column is not None,
                rows_by=lambda: self._rows_by(
                    by,
                    asked["viewers"],
                    company_ids,
                    closes,
                    filters or (PENDING if due else None),
                ),
                now=AnswerContext.of(self.env).answered_at,
            ),
        )

    def _asked(self, user, company_ids: tuple[int, ...] | None) -> dict:
        """Return whose opportunities count, as ``_sums`` takes it."""
        return {
            "viewers": self.env["cqrs.access"]._viewers(user),
            "own_id": user.id,
            "currency": own_currency(AnswerContext.of(self.env, user)),
            "company_ids": company_ids,
        }

    def _metrics(self, question: Question, asked: dict, found: Found) -> dict:
        """Return the metrics that ``_read`` describes, made of sums."""
        user, by, page, currency, calendar, period = question
        rows, dated = found.rows, found.dated
        context = AnswerContext.of(self.env, user)
        currency = currency or asked["currency"]
        rates = rates_into(
            currency,
            {row["currency_id"] for row in rows}.union(*dated.values()),
            context,
        )
        totals = [row for row in rows if not row["is_group"]]
        total, own = converted(totals, rates)
        figures = scopes(total, own, currency)
        metrics = {
            "user_id": user.id,
            "currency": currency.name,
            **figures,
            "amounts": [_amounts(row, *rates[row["currency_id"]]) for row in totals],
            "opportunities": {
                "total": total["total"],
                "own": own["total"],
                "subordinates": total["total"] - own["total"],
            },
            "computed_at": AnswerContext.of(self.env).answered_at,
        }
        if page:
            metrics |= self._page_of_groups(
                by, page, asked, found.rows_by(), figures, rates, currency
            )
        elif by:
            groups = rows
            if not found.has_groups:
                groups = self._sums_of_groups(by[0], asked, found.rows_by())
            metrics["groups"] = self._all_groups(
                by[0], groups, figures, rates, currency
            )
        if calendar:
            dated = {
                name: converted(with_currencies(sums), rates)
                for name, sums in dated.items()
            }
            metrics["tz"] = calendar.zone.key
            metrics["period"] = period and described(period, calendar)
            before = dated.pop("before", None)
            metrics["before"] = before and self._before_figures(
                calendar, period, scopes(*before, currency), found.now
            )
            metrics |= due_figures(figures, (total, own), dated, currency)
        return metrics

    @api.model
    def _count(
        self,
        user,
        measure: str,
        stage_ids: tuple[int, ...] | None = None,
        owned: SQL | None = None,
        company_ids: tuple[int, ...] | None = None,
    ) -> int:
        """Return the sum of a count over the opportunities that a user sees.

        :param measure: one of ``MEASURES``
        :param stage_ids: in these stages alone
        :param owned: condition on the owner of a row ``view``
        :param company_ids: as for ``_read``
        """
        viewers = self.env["cqrs.access"]._viewers(user)
        by_stage = stage_ids is not None
        if owned is None:
            grouping = ("stage", "stage_id") if by_stage else ("owner", None)
            return sum(
                row[measure]
                for row in self._sums(
                    viewers, user.id, *grouping, company_ids=company_ids
                )
                if not by_stage or (row["is_group"] and row["group"] in stage_ids)
            )
        without_jit(self.env)
        [(count,)] = self.env.execute_query(
            SQL(
                """
                SELECT COALESCE(sum(%s), 0)::integer FROM (%s) view
                WHERE %s AND %s
                """,
                SQL.identifier(measure),
                self._visible_rows(
                    viewers, "stage" if by_stage else "owner", company_ids
                ),
                owned,
                SQL("stage_id = ANY(%s)", list(stage_ids)) if by_stage else SQL("TRUE"),
            )
        )
        return count


def check_groups(by: tuple[str, ...], page: Page | None):
    """Check what groups are asked for.

    :raise ValueError: there are no such ones, or not in this order
    """
    if not set(by) <= GROUPINGS.keys() or len(by) > 2 or len(set(by)) < len(by):
        raise ValueError(
            f"metrics by {','.join(by)!r}: not one or two of {', '.join(GROUPINGS)}"
        )
    if page and not (by and page.sort in (*by, *FIGURES)):
        raise ValueError(f"groups by {','.join(by)!r} sorted by {page.sort!r}")


def _amounts(sums: dict, currency, rate) -> dict:
    """Return the sums in a currency before their conversion."""
    return {
        "currency": currency.name,
        "rate": rate,
        **{name: rounded(sums[name], currency) for name in AMOUNTS},
        "exact": exact_amounts(sums),
    }
