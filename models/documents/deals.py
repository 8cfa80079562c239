"""The figures of an opportunity that its orders and invoices give."""

from collections import defaultdict
from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..access.viewers import INVOICES, ORDERS
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..metrics.figures import exactly
from ..metrics.rounding import rounded
from ..support.answer_context import without_jit
from ..support.sql_arrays import integers
from .filters import VIEW

_ORDERED = """
    SELECT opportunity_id, currency_id, 'ordered', count(*)::integer,
           sum(untaxed)::text
    FROM cqrs_order_view view
    WHERE opportunity_id = ANY(%(ids)s) AND is_confirmed AND %(seen)s
    GROUP BY 1, 2
"""

# An invoice of several orders counts once for each deal of theirs.
_INVOICED = """
    SELECT deal_id, currency_id, figure.name, count(*)::integer,
           sum(figure.amount)::text
    FROM (SELECT DISTINCT placed.opportunity_id AS deal_id, view.id AS invoice_id
          FROM cqrs_order_view placed
          JOIN cqrs_invoice_view view ON view.order_ids @> ARRAY[placed.id]
          WHERE placed.opportunity_id = ANY(%(ids)s)
            AND view.state = 'posted' AND %(seen)s) of_deal
    JOIN cqrs_invoice_view invoice ON invoice.id = invoice_id
    CROSS JOIN LATERAL (VALUES ('invoiced', untaxed), ('paid', total - residual))
        AS figure (name, amount)
    GROUP BY 1, 2, 3
"""


class CqrsDocumentFigures(models.AbstractModel):
    _inherit = "cqrs.document.figures"

    @api.model
    def _names_of_deals(self, user) -> tuple[str, ...]:
        """Return which figures of an opportunity there are for a user."""
        access = self.env["cqrs.access"]
        # Invoices are an opportunity's by their orders.
        if ORDERS not in self.env:
            return ()
        names = ("ordered",) if access._document_viewers(user, ORDERS) else ()
        if access._document_viewers(user, INVOICES):
            names += ("invoiced", "paid")
        return names

    @api.model
    @exactly()
    def _of_deals(self, ids: list[int], user, currency=None) -> dict[int, dict]:
        """Return ``{opportunity id: {figure: {count, amount, currency}}}``.

        *Ordered* is untaxed, of confirmed orders; *invoiced* untaxed, less credit
        notes; *paid* is of the totals of the same invoices. All are over the orders and
        invoices that the user sees, converted at the rates of the day. An invoice of
        orders of several opportunities counts in each.

        :param ids: of opportunities that the user sees
        :param currency: the ``res.currency`` of the amounts, by default that of the
            user's company
        """
        without_jit(self.env)
        names, context = self._names_of_deals(user), AnswerContext.of(self.env, user)
        own, access = own_currency(context), self.env["cqrs.access"]
        currency = currency or own
        rows = []
        for figure, query, model in (
            ("ordered", _ORDERED, ORDERS),
            ("invoiced", _INVOICED, INVOICES),
        ):
            if figure in names:
                seen = access._documents_seen(user, model, VIEW)
                rows += self.env.execute_query(SQL(query, ids=integers(ids), seen=seen))
        rates = rates_into(currency, {row[1] or own.id for row in rows}, context)
        sums = defaultdict(lambda: [0, Decimal(0)])
        for deal_id, currency_id, name, count, amount in rows:
            found = sums[deal_id, name]
            found[0] += count
            found[1] += Decimal(amount) * rates[currency_id or own.id][1]
        return {
            id_: {
                name: {
                    "count": sums[id_, name][0],
                    "amount": rounded(sums[id_, name][1], currency),
                    "currency": currency.name,
                }
                for name in names
            }
            for id_ in ids
        }
