"""The metrics at the end of each month, and of a part of the period before."""

from collections import defaultdict
from datetime import date, datetime, time, timezone

from dateutil.relativedelta import relativedelta

from odoo import api, models
from odoo.tools import SQL

from ..access import policy
from ..access.answer_context import AnswerContext
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..projections.metrics_tables import MEASURES
from ..support.answer_context import without_jit
from .figures import converted, exact, exactly, less, scopes
from .sums import sums_of

#: Measures of a moment, and figures of the opportunities closed in a month
LEVELS = ("total", "active", "pipeline_value", "weighted_pipeline")
CLOSED = ("won_revenue", "won", "lost", "win_rate")

#: Months of each period
PERIODS = {"month": 1, "quarter": 3, "year": 12}


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
    ) -> dict:
        """Return the metrics at the end of each of the last months and now.

        ``pipeline_value``, ``weighted_pipeline``, ``average_value`` and
        ``active_opportunities`` are those at the end of the month, or now in the
        present month: as ``as_of`` replays them, but for the owners whose opportunities
        the user may see today, at today's rates. ``won_revenue``, ``won``, ``lost`` and
        ``win_rate`` are those of opportunities closed in the month, with their present
        values.

        :param months: the number of months, the present one included
        :param compare: ``"month"``, ``"quarter"`` or ``"year"``: add the figures closed
            in the period before the present one, in as much of it as has passed of the
            present one
        :param company_ids: as for ``_read``, like ``target_currency``
        :return: ``{user_id, currency, months: [{month, until, **figures, own: figures,
            team: figures}], before, recorded_since, computed_at}``, the oldest first;
            ``before: {from, until, won_revenue, won, lost, win_rate, own, team}`` is
            None without ``compare``, ``recorded_since`` the time of the first event
        :raise ValueError: ``compare`` is something else
        """
        if compare is not None and compare not in PERIODS:
            raise ValueError(f"compare {compare!r}: not one of {', '.join(PERIODS)}")
        now = AnswerContext.of(self.env).answered_at
        present = now.date().replace(day=1)
        first = present - relativedelta(months=months - 1)
        context = AnswerContext.of(self.env, user)
        currency = own_currency(context)
        viewers = self.env["cqrs.access"]._viewers(user)
        whose = {"viewers": viewers, "own_id": user.id}
        level = self._by_currency(
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
        changes = self._sums_of_months(**asked, dimension="change", first=first)
        closings = self._sums_of_months(
            **asked, dimension="month", first=first, last=present
        )
        before = (
            self._closed_before(**asked, period=compare, now=now) if compare else None
        )
        currency = target_currency or currency
        rates = rates_into(
            currency,
            {
                currency_id
                for each in (level, *changes.values(), *closings.values())
                for currency_id in each
            }
            | set(before["rows"] if before else ()),
            context,
        )

        def in_one(rows: dict[int, dict]) -> tuple[dict, dict]:
            each = [{"currency_id": id_, **row} for id_, row in rows.items()]
            return converted(each, rates)

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
            level = less(level, changes.get(month, {}))
        if before:
            rows = before.pop("rows")
            before |= _closed_scopes(scopes(*in_one(rows), currency))
        return {
            "user_id": user.id,
            "currency": currency.name,
            "months": items[::-1],
            "before": before,
            "recorded_since": self._recorded_since(),
            "computed_at": now,
        }

    def _sums_of_months(
        self,
        viewers,
        own_id: int,
        currency,
        company_ids: tuple[int, ...] | None,
        dimension: str,
        first: date,
        last: date | None = None,
    ) -> dict[date, dict[int, dict]]:
        """Return the sums of each month, from the first on: ``{month: {currency: …}}``.

        Each is as those of ``_sums``.
        """
        without_jit(self.env)
        self.env.cr.execute(
            SQL(
                """
                SELECT month, COALESCE(currency_id, %(currency)s) AS currency_id,
                       %(sums)s
                FROM (%(visible)s) visible
                WHERE month >= %(first)s AND month <= %(last)s
                GROUP BY 1, 2
                """,
                currency=currency.id,
                sums=sums_of(SQL("user_id = %s", own_id)),
                visible=self._visible_rows(viewers, dimension, company_ids),
                first=first,
                last=last or date.max,
            )
        )
        months = defaultdict(dict)
        for row in exact(self.env.cr.dictfetchall()):
            months[row.pop("month")][row.pop("currency_id")] = row
        return months

    def _closed_before(
        self,
        viewers,
        own_id,
        currency,
        company_ids: tuple[int, ...] | None,
        period: str,
        now,
    ) -> dict:
        """Return ``{from, until, rows: {currency: sums}}`` of the period before."""
        length = PERIODS[period]
        start = now.date().replace(day=1)
        start -= relativedelta(months=(start.month - 1) % length)
        before = start - relativedelta(months=length)
        # The period before may be shorter.
        until = min(_start(before) + (now - _start(start)), _start(start))
        last = until.date().replace(day=1)
        asked = {
            "viewers": viewers,
            "own_id": own_id,
            "currency": currency,
            "company_ids": company_ids,
        }
        rows = self._closed_between(**asked, start=_start(last), end=until)
        whole = self._sums_of_months(
            **asked,
            dimension="month",
            first=before,
            last=last - relativedelta(days=1),
        )
        for month in whole.values():
            rows = less(rows, month, sign=-1)
        return {"from": _start(before), "until": until, "rows": rows}

    def _closed_between(
        self,
        viewers,
        own_id: int,
        currency,
        company_ids: tuple[int, ...] | None,
        start: datetime,
        end: datetime,
    ) -> dict[int, dict]:
        """Return the sums of opportunities closed from ``start`` on, before ``end``."""
        self.env.cr.execute(
            SQL(
                """
                SELECT COALESCE(currency_id, %(currency)s) AS currency_id, %(sums)s
                FROM (
                    SELECT user_id, currency_id,
                           0 AS total, 0 AS active,
                           0 AS pipeline_value, 0 AS weighted_pipeline,
                           CASE status WHEN 'won' THEN 1 ELSE 0 END AS won,
                           CASE status WHEN 'lost' THEN 1 ELSE 0 END AS lost,
                           CASE status WHEN 'won' THEN value ELSE 0 END AS won_revenue
                    FROM cqrs_opportunity_view opportunity
                    WHERE closed_at >= %(start)s AND closed_at < %(end)s
                      AND status IN ('won', 'lost') AND %(company)s AND %(visible)s
                ) closed
                GROUP BY 1
                """,
                currency=currency.id,
                sums=sums_of(SQL("user_id = %s", own_id)),
                start=start.replace(tzinfo=None),
                end=end.replace(tzinfo=None),
                company=SQL("TRUE")
                if company_ids is None
                else policy.in_companies(company_ids, SQL("opportunity")),
                visible=self.env["cqrs.access"]._visible(viewers, SQL("opportunity")),
            )
        )
        return self._by_currency(exact(self.env.cr.dictfetchall()))

    def _by_currency(self, rows) -> dict[int, dict]:
        return {row.pop("currency_id"): row for row in rows}

    def _recorded_since(self) -> datetime | None:
        rows = self.env.execute_query(
            SQL("SELECT occurred_at FROM cqrs_event ORDER BY position LIMIT 1")
        )
        return rows[0][0].astimezone(timezone.utc) if rows else None


def _closed_scopes(figures: dict) -> dict:
    return {
        **_closed(figures),
        "own": _closed(figures["own"]),
        "team": _closed(figures["team"]),
    }


def _closed(figures: dict) -> dict:
    return {
        **{name: figures[name] for name in CLOSED},
        "exact": {"won_revenue": figures["exact"]["won_revenue"]},
    }


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.utc)
