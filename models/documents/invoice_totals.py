"""Totals of a list of invoices, and for how long the open ones are overdue."""

from datetime import date
from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..metrics.ages import AGES, NOT_DUE, age_of
from ..metrics.figures import exactly
from ..metrics.rounding import apportioned, rounded
from ..support.answer_context import without_jit
from .filters import EVERY, InvoiceFilters

_TOTALS = """
    SELECT view.currency_id, count(*)::integer,
           count(*) FILTER (WHERE view.state = 'posted')::integer,
           COALESCE(sum(view.untaxed) FILTER (WHERE view.state = 'posted'), 0)::text
    FROM cqrs_invoice_view view WHERE %(condition)s GROUP BY 1
"""

# A document is open, and overdue, where the line of it is that is due first, and counts
# in an age where the first of its lines of that age is.
_OPEN = """
    SELECT line.currency_id, %(age)s,
           (count(*) FILTER (WHERE is_first OR %(age)s <> %(former_age)s))::integer,
           (count(*) FILTER (WHERE is_first))::integer, sum(line.residual)::text
    FROM %(lines)s WHERE %(condition)s GROUP BY 1, 2
"""
_LINE = SQL("line")
_LINES = SQL("cqrs_receivable line")
_LINES_OF_INVOICES = SQL(
    "cqrs_invoice_view view JOIN cqrs_receivable line ON line.invoice_id = view.id"
)


class CqrsInvoices(models.AbstractModel):
    _inherit = "cqrs.invoices"

    @api.model
    @exactly()
    def _read_totals(
        self,
        user,
        today: date,
        filters: InvoiceFilters = EVERY,
        currency=None,
    ) -> dict:
        """Return the totals of the invoices that a user sees.

        Amounts are exact in the currency in which they are booked, converted at the
        rates of the day, and rounded once; the ages add up to what is open.

        :param today: what was due before it is overdue
        :param currency: the ``res.currency`` of the amounts, by default that of the
            user's company
        :return: ``{total, currency, invoiced, open, overdue, ageing: {age: …}}``, where
            ``total`` counts all, ``invoiced`` is untaxed, of posted ones, and each
            amount is ``{count: documents, amount, exact}``
        """
        without_jit(self.env)
        context = AnswerContext.of(self.env, user)
        own = own_currency(context)
        currency = currency or own
        totals = self._sums(user, filters, today)
        lines = self._open_lines(user, filters, today)
        ids = {currency_id or own.id for currency_id, *__ in (*totals, *lines)}
        rates = rates_into(currency, ids, context)

        def converted(amount: str, currency_id: int | None) -> Decimal:
            return Decimal(amount) * rates[currency_id or own.id][1]

        ages = {age: [0, Decimal(0)] for age in AGES}
        count, overdue_count = 0, 0
        for currency_id, age, documents, first, amount in lines:
            ages[age][0] += documents
            ages[age][1] += converted(amount, currency_id)
            count += first
            overdue_count += first if age != NOT_DUE else 0
        exact = [amount for __, amount in ages.values()]
        whole = rounded(sum(exact), currency)
        shown, __ = apportioned(exact, [Decimal(0)] * len(exact), whole, currency)
        invoiced = sum((converted(each[3], each[0]) for each in totals), Decimal(0))
        return {
            "total": sum(each[1] for each in totals),
            "currency": currency.name,
            "invoiced": _amount(
                sum(each[2] for each in totals), rounded(invoiced, currency), invoiced
            ),
            "open": _amount(count, whole, sum(exact)),
            "overdue": _amount(overdue_count, sum(shown[1:]), sum(exact[1:])),
            "ageing": {
                name: _amount(documents, amount, each)
                for (name, (documents, each)), amount in zip(
                    ages.items(), shown, strict=True
                )
            },
        }

    def _sums(self, user, filters: InvoiceFilters, today: date) -> list[tuple]:
        """Return ``(currency, count, count of posted ones, their untaxed)``."""
        if not filters.are_of_sums:
            condition = self._condition(user, filters, today)
            return self.env.execute_query(SQL(_TOTALS, condition=condition))
        is_by_owner = (filters.user_ids, filters.but_user_id) != (None, None)
        rows = self.env["cqrs.sales.figures"]._sum_posted(
            user, filters.company_ids, filters.period, is_by_owner
        )
        return [
            (currency_id, count, count, untaxed)
            for currency_id, owner_id, count, untaxed in rows
            if not is_by_owner or filters.lets_through(owner_id)
        ]

    def _open_lines(self, user, filters: InvoiceFilters, today: date) -> list[tuple]:
        """Return ``(currency, age, documents, documents due first in it, amount)``."""
        lines, condition = _LINES_OF_INVOICES, self._condition(user, filters, today)
        if filters.are_of_lines:
            lines = _LINES
            condition = SQL(
                "%s AND %s AND %s",
                filters.of_lines(_LINE, today),
                filters.of_whom(_LINE),
                self._seen(user, _LINE),
            )
        query = SQL(
            _OPEN,
            age=age_of(SQL("line.due_on"), today),
            former_age=age_of(SQL("line.former_due_on"), today),
            lines=lines,
            condition=condition,
        )
        return self.env.execute_query(query)


def _amount(count: int, shown: Decimal, exact: Decimal) -> dict:
    return {"count": count, "amount": shown, "exact": exact.normalize()}
