"""The figures of orders and invoices: ordered, invoiced, paid, open, overdue."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..access.viewers import DOCUMENTS, INVOICES, ORDERS
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..projections import sales_tables
from ..projections.sales_tables import FOLDS, MONTH_SALES, REPAIRS
from ..support.answer_context import known_while_reading, without_jit
from ..support.periods import UTC, Calendar, Period
from .figures import exactly
from .groupings import member
from .ranges import Range, boundaries, edges, found_in, rest
from .rounding import apportioned, rounded, shares
from .sums import FOLDED

#: ``{figure: (model, the measure that counts its records)}``
FIGURES = {
    "ordered": (ORDERS, "orders"),
    "invoiced": (INVOICES, "invoices"),
    "credited": (INVOICES, None),
    "paid": (INVOICES, None),
    "open": (INVOICES, None),
    "overdue": (INVOICES, "overdue_documents"),
}

#: ``{grouping: column}``
GROUPS = {"salesperson": "user_id", "team": "team_id", "month": "month"}

_MEASURES = (*sales_tables.MEASURES, "overdue", "overdue_documents")


class Asked(NamedTuple):
    """A question for figures, as of ``_read_documents``."""

    user: object
    viewers: dict[str, list]
    column: str | None
    company_ids: tuple[int, ...] | None


class CqrsSalesFigures(models.AbstractModel):
    _inherit = "cqrs.sales.figures"

    @api.model
    @exactly()
    def _read_documents(
        self,
        user,
        by: str | None = None,
        company_ids: tuple[int, ...] | None = None,
        target_currency=None,
        calendar: Calendar | None = None,
        period: Period | None = None,
    ) -> dict:
        """Return the figures of all orders and invoices that a user sees.

        A figure is ``{count, amount, exact}``: ``ordered`` (untaxed, of confirmed
        orders), ``invoiced`` (untaxed and net of credit notes, of posted documents),
        ``credited`` (the part of it from credit notes, negative), ``paid`` and ``open``
        (with taxes, of these documents), ``overdue`` (open and due before today). Only
        ordered, invoiced and overdue have a ``count``, of documents. A figure of
        records that the user may not read in Odoo at all is absent.

        Sums are exact in each currency, converted at today's rate, and rounded once;
        own and team add up to their total as it is shown, and so do groups.

        :param user: a ``res.users`` record
        :param by: a name of ``GROUPS``
        :param company_ids: of these companies alone, or of no company; None for all
        :param target_currency: by default that of the user's company
        :param calendar: of who asks; by default months and today are UTC's
        :param period: orders of it by their time, invoices by their date; ``overdue``
            is of any time
        :return: ``{currency, **figures, own: figures, team: figures}``, with ``by``
            also ``groups: [{<by>: label, **figures}]`` in order of the labels; those by
            month have no ``overdue``
        """
        asked = self._asked(user, GROUPS[by] if by else None, company_ids)
        figures = [
            name for name, (model, __) in FIGURES.items() if asked.viewers[model]
        ]
        context = AnswerContext.of(self.env, user)
        own_id = own_currency(context).id
        currency = target_currency or own_currency(context)
        if not figures:
            return {"currency": currency.name, "own": {}, "team": {}}
        without_jit(self.env)
        calendar = calendar or Calendar()
        rows = [
            *self._sums_of_documents(asked, calendar, period),
            *self._sums_overdue(asked, AnswerContext.of(self.env).today(calendar)),
        ]
        rates = rates_into(currency, {row[0] or own_id for row in rows}, context)
        own, team, groups = {}, {}, {}
        for currency_id, is_own, group, *amounts in rows:
            rate = rates[currency_id or own_id][1]
            for name, amount in zip(_MEASURES, amounts, strict=True):
                value = amount if name in _COUNTS else Decimal(amount) * rate
                for sums in (own if is_own else team, groups.setdefault(group, {})):
                    sums[name] = sums.get(name, 0) + value
        answer = {
            "currency": currency.name,
            **{name: {} for name in figures},
            "own": {},
            "team": {},
        }
        for name in figures:
            self._put_figure(answer, name, own, team, currency)
        if by:
            answer["groups"] = self._groups_of(by, answer, figures, groups, currency)
        return answer

    def _asked(
        self, user, column: str | None, company_ids: tuple[int, ...] | None
    ) -> Asked:
        access = self.env["cqrs.access"]
        viewers = {model: access._document_viewers(user, model) for model in DOCUMENTS}
        return Asked(user, viewers, column, company_ids)

    @api.model
    def _sum_posted(
        self,
        user,
        company_ids: tuple[int, ...] | None = None,
        period: Period | None = None,
        is_by_owner: bool = False,
    ) -> list[tuple[int | None, int | None, int, str]]:
        """Return the sums of posted invoices: ``(currency, owner, count, untaxed)``.

        They are exact, in the currency in which they are booked; a credit note takes
        away. They are kept from one fold to the next, as the figures are.

        :param period: by the date of the invoice
        :param is_by_owner: the owner is None otherwise
        """
        asked = self._asked(user, "user_id" if is_by_owner else None, company_ids)
        # The days of an invoice are days, in whichever zone.
        days = period and replace(period, zone=UTC)
        rows = self._sums_of_documents(asked, Calendar(), days)
        at_count, at_amount = map(_MEASURES.index, ("invoices", "invoiced"))
        return [
            (currency_id, owner_id, amounts[at_count], amounts[at_amount])
            for currency_id, __, owner_id, *amounts in rows
        ]

    def _put_figure(self, answer: dict, name: str, own: dict, team: dict, currency):
        parts = [Decimal(sums.get(name, 0)) for sums in (own, team)]
        total = rounded(sum(parts), currency)
        [shown_own], [shown_team] = apportioned([parts[0]], [parts[1]], total, currency)
        counts = [sums.get(FIGURES[name][1], 0) for sums in (own, team)]
        answer[name] = _figure(name, sum(counts), total, sum(parts))
        answer["own"][name] = _figure(name, counts[0], shown_own, parts[0])
        answer["team"][name] = _figure(name, counts[1], shown_team, parts[1])

    def _groups_of(
        self, by: str, answer: dict, figures: list[str], groups: dict, currency
    ) -> list[dict]:
        if by == "month":
            figures = [name for name in figures if name != "overdue"]
        groups = {
            key: sums
            for key, sums in groups.items()
            if any(sums.get(name) for name in (*figures, "orders", "invoices"))
        }
        labels = self.env["cqrs.metrics"]._labels(by, set(groups))
        keys = [key for key in labels if key in groups]
        rows = [{member(by): labels[key]} for key in keys]
        for name in figures:
            exact = [Decimal(groups[key].get(name, 0)) for key in keys]
            parts = shares(exact, answer[name]["amount"], currency)
            for row, key, amount, part in zip(rows, keys, exact, parts, strict=True):
                count = groups[key].get(FIGURES[name][1], 0)
                row[name] = _figure(name, count, part, amount)
        return rows

    def _sums_of_documents(
        self, asked: Asked, calendar: Calendar, period: Period | None
    ) -> list[tuple]:
        """Return ``(currency, is own, group, *_MEASURES)`` of orders and invoices.

        Whole months are of the roll-up; the other days, and what lies between the
        midnights of the zone and of UTC, of the orders and invoices themselves.
        """
        period = period or Period(zone=calendar.zone)
        months = period.whole_months
        rows = []
        if months:
            version = self._version_of_sums(asked)
            key = asked.user.id, asked.column, asked.company_ids, months, "documents"
            rows += FOLDED.get(
                self.env,
                version,
                key,
                lambda: self._sum_documents(asked, self._months(months)),
            )
            if self._has_tail(self._cqrs_tail.name):
                tail = self._contributions(SQL.identifier(self._cqrs_tail.name))
                rows += self._sum_documents(asked, _within(months, tail))
        if views := self._rest_of_documents(asked, period):
            rows += self._sum_documents(asked, views)
        return rows

    def _version_of_sums(self, asked: Asked) -> tuple | None:
        """Return the version of the folded sums that viewers see, None of the past."""
        access = self.env["cqrs.access"]
        seen = [access._visibility_version(each) for each in asked.viewers.values()]

        def ask():
            query = f"SELECT ({FOLDS.query}) || ' ' || ({REPAIRS.query})"
            return self.env.execute_query(SQL(query))[0][0]

        sums = known_while_reading(self.env, ("sales version",), ask)
        return (*seen, sums) if None not in seen and sums else None

    def _months(self, months: tuple) -> SQL:
        return _within(
            months, SQL("SELECT * FROM %s", SQL.identifier(MONTH_SALES.name))
        )

    def _rest_of_documents(self, asked: Asked, period: Period) -> SQL | None:
        """Return the query of the days outside of whole months, and of corrections.

        Its rows have a sign: -1 takes away what is of another month in the zone.
        """
        bounds = set(filter(None, period.whole_months or ()))
        if asked.column == "month" and period.zone != UTC:
            bounds |= boundaries(self._known_months())
        ranges = []
        if period.whole_months:
            ranges += edges(sorted(bounds), period)
        of_rest = rest(period)
        ranges += [each for each in of_rest if not each.is_pending]
        days = [each for each in of_rest if each.is_pending]
        parts = []
        if ranges := [each for each in ranges if each.start < each.end]:
            parts.append(_orders_in(ranges, self._seen_of(asked, ORDERS)))
        if days := [each for each in days if each.start < each.end]:
            parts.append(_invoices_on(days, self._seen_of(asked, INVOICES)))
        return SQL(" UNION ALL ").join(parts) if parts else None

    def _seen_of(self, asked: Asked, model: str) -> SQL:
        """Return the condition on a row ``view`` of a model."""
        if not (viewers := asked.viewers[model]):
            return SQL("FALSE")
        return self.env["cqrs.metrics"]._seen(viewers, SQL("view"), asked.company_ids)

    def _known_months(self) -> list[date]:
        """Return the months of which there are sums, folded or not."""
        query = SQL("SELECT month FROM %s", SQL.identifier(MONTH_SALES.name))
        if self._has_tail(self._cqrs_tail.name):
            tail = self._contributions(SQL.identifier(self._cqrs_tail.name))
            query = SQL("%s UNION SELECT month FROM (%s) tail", query, tail)
        rows = self.env.execute_query(SQL("SELECT DISTINCT month FROM (%s) m", query))
        return [month for (month,) in rows if month]

    def _sum_documents(self, asked: Asked, rows: SQL) -> list[tuple]:
        """Return the sums of rows that viewers see, each as far as they see its model.

        :param rows: query of the columns of the month's roll-up
        """
        if asked.viewers[ORDERS] == asked.viewers[INVOICES]:
            return self._sum_seen(asked, INVOICES, rows, sales_tables.MEASURES)
        return [
            row
            for model, measures in (
                (ORDERS, sales_tables.ORDER_MEASURES),
                (INVOICES, sales_tables.INVOICE_MEASURES),
            )
            if asked.viewers[model]
            for row in self._sum_seen(asked, model, rows, measures)
        ]

    def _sums_overdue(self, asked: Asked, today) -> list[tuple]:
        if not asked.viewers[INVOICES]:
            return []
        rows = self._overdue_rows(today)
        if asked.column == "month":
            asked = asked._replace(column=None)
        return self._sum_seen(asked, INVOICES, rows, ("overdue", "overdue_documents"))

    def _sum_seen(
        self, asked: Asked, model: str, rows: SQL, measures: tuple[str, ...]
    ) -> list[tuple]:
        """Return ``(currency, is own, group, *_MEASURES)`` of what viewers see."""
        seen = self.env["cqrs.metrics"]._rows_seen(
            asked.viewers[model], rows, asked.company_ids
        )
        query = SQL(
            """
            SELECT currency_id, user_id IS NOT DISTINCT FROM %s, %s, %s
            FROM (%s) seen GROUP BY 1, 2, 3
            """,
            asked.user.id,
            SQL.identifier(asked.column) if asked.column else SQL("NULL"),
            SQL(", ").join(
                SQL(_SUMS.get(name, f"COALESCE(sum({name}), 0)::text"))
                if name in measures
                else SQL("0")
                for name in _MEASURES
            ),
            seen,
        )
        return self.env.execute_query(query)


#: Sums that are counts; Odoo's cursor turns numeric into float, and leaves text alone
_SUMS = {
    "orders": "COALESCE(sum(orders), 0)::integer",
    "invoices": "COALESCE(sum(invoices), 0)::integer",
    "overdue_documents": "(count(*) FILTER (WHERE is_first))::integer",
}
_COUNTS = tuple(_SUMS)


def _figure(name: str, count: int, amount: Decimal, exact: Decimal) -> dict:
    counted = {"count": count} if FIGURES[name][1] else {}
    return {**counted, "amount": amount, "exact": Decimal(exact).normalize()}


def _within(months: tuple, rows: SQL) -> SQL:
    first, until = months
    conditions = [SQL("month >= %s", first)] if first else []
    conditions += [SQL("month < %s", until)] if until else []
    return SQL(
        "SELECT * FROM (%s) month WHERE %s",
        rows,
        SQL(" AND ").join(conditions or [SQL("TRUE")]),
    )


def _orders_in(ranges: list[Range], seen: SQL) -> SQL:
    condition = SQL(
        "ordered_at >= range.start AND ordered_at < range.end AND is_confirmed"
    )
    return SQL(
        """
        SELECT user_id, team_id, company_id, currency_id, range.month,
               sign AS orders, sign * untaxed AS ordered, 0 AS invoices,
               0::numeric AS invoiced, 0::numeric AS credited, 0::numeric AS paid,
               0::numeric AS open
        FROM %s
        """,
        found_in(ranges, SQL("cqrs_order_view"), SQL("view"), condition, seen),
    )


def _invoices_on(days: list[Range], seen: SQL) -> SQL:
    condition = SQL(
        "invoiced_on >= range.start::date AND invoiced_on < range.end::date"
        " AND state = 'posted'"
    )
    return SQL(
        """
        SELECT user_id, team_id, company_id, currency_id, range.month, 0 AS orders,
               0::numeric AS ordered, sign AS invoices, sign * untaxed AS invoiced,
               CASE WHEN move_type = 'out_refund' THEN sign * untaxed ELSE 0
               END AS credited,
               sign * (total - residual) AS paid, sign * residual AS open
        FROM %s
        """,
        found_in(days, SQL("cqrs_invoice_view"), SQL("view"), condition, seen),
    )
