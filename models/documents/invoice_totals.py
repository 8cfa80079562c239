"""Totals of a list of invoices, and for how long the open ones are overdue."""

from datetime import date
from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..metrics.figures import exactly
from ..metrics.rounding import apportioned, rounded
from ..support.answer_context import without_jit
from .filters import EVERY, InvoiceFilters

#: Days overdue, by the last day of each age; the last age has no end
AGES = {"not_due": 0, "0_30": 30, "31_60": 60, "61_90": 90, "over_90": None}

_TOTALS = """
    SELECT view.currency_id, count(*)::integer,
           count(*) FILTER (WHERE %(posted)s)::integer,
           COALESCE(sum(view.untaxed) FILTER (WHERE %(posted)s), 0)::text
    FROM cqrs_invoice_view view WHERE %(condition)s GROUP BY 1
"""

# All open lines of one currency have the age NULL together.
_OPEN = """
    SELECT currency_id, age, count(DISTINCT invoice_id)::integer,
           count(DISTINCT invoice_id) FILTER (WHERE age > 0)::integer,
           sum(residual)::text
    FROM (SELECT line.currency_id, line.invoice_id, line.residual, %(age)s AS age
          FROM cqrs_receivable line
          JOIN cqrs_invoice_view view ON view.id = line.invoice_id
          WHERE %(condition)s) line
    GROUP BY GROUPING SETS ((currency_id, age), (currency_id))
"""


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
        condition = self._condition(user, filters, today)
        totals = self.env.execute_query(
            SQL(_TOTALS, condition=condition, posted=SQL("view.state = 'posted'"))
        )
        lines = self.env.execute_query(SQL(_OPEN, condition=condition, age=_age(today)))
        rates = rates_into(currency, {id_ or own.id for id_, *__ in totals}, context)

        def converted(amount: str, currency_id: int | None) -> Decimal:
            return Decimal(amount) * rates[currency_id or own.id][1]

        ages = [[0, Decimal(0)] for __ in AGES]
        count, overdue_count = 0, 0
        for currency_id, age, documents, overdue, amount in lines:
            if age is None:
                count += documents
                overdue_count += overdue
            else:
                ages[age][0] += documents
                ages[age][1] += converted(amount, currency_id)
        exact = [amount for __, amount in ages]
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
                for name, amount, (documents, each) in zip(
                    AGES, shown, ages, strict=True
                )
            },
        }


def _age(today: date) -> SQL:
    """Return the number of a line's age in ``AGES``."""
    arms = [
        SQL("WHEN %s - line.due_on <= %s THEN %s", SQL("%s::date", today), days, number)
        for number, days in enumerate(AGES.values())
        if days is not None
    ]
    # A line without a day is not due.
    return SQL(
        "CASE WHEN line.due_on IS NULL THEN 0 %s ELSE %s END",
        SQL(" ").join(arms),
        len(AGES) - 1,
    )


def _amount(count: int, shown: Decimal, exact: Decimal) -> dict:
    return {"count": count, "amount": shown, "exact": exact.normalize()}
