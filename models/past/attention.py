"""The open opportunities that need attention: their number, and what is at stake."""

from datetime import date
from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..access.owner_scopes import are_few, in_scopes
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..metrics.figures import exactly
from ..metrics.rounding import rounded
from ..opportunities.filters import UNFILTERED, Filters, owned
from ..opportunities.pace import (
    IS_OPEN,
    KINDS,
    needs_attention,
    pace_relation,
    stuck_by_norms,
)
from ..opportunities.text import resolved
from ..support.answer_context import without_jit

# Of a million opportunities: looked up one by one, activities take longer than all else
_ACTIVITIES = SQL(
    """
    LEFT JOIN (SELECT DISTINCT res_id FROM mail_activity
               WHERE res_model = 'crm.lead' AND active) activity
      ON activity.res_id = view.id
    """
)


class CqrsAttention(models.AbstractModel):
    """Counts the open opportunities that need attention. Nothing is written."""

    _name = "cqrs.attention"
    _description = "Needs Attention"

    @api.model
    @exactly()
    def _read(
        self,
        user,
        today: date,
        filters: Filters = UNFILTERED,
        target_currency=None,
    ) -> dict:
        """Return what is at stake, of each kind (``opportunities/pace.py``).

        *Example*: of two deals of 100, one overdue and idle and the other idle,
        ``overdue`` has one of 100, ``idle`` two of 200, and ``any`` two of 200.

        *What it costs*: one pass over the open opportunities that the user sees.

        :param user: a ``res.users`` record
        :param today: the day that it is for the caller
        :param target_currency: that of the amounts, by default the user's company's
        :return: ``{user_id, currency, kinds: [{kind, count, amount, exact}], any:
            {count, amount, exact}, computed_at}``
        """
        without_jit(self.env)
        context = AnswerContext.of(self.env, user)
        now = AnswerContext.of(self.env).answered_at
        own = own_currency(context)
        currency = target_currency or own
        reasons = needs_attention(now, today, stuck_by_norms(self.env))
        found = self._sums(user, filters, reasons)
        rates = rates_into(currency, {row[0] or own.id for row in found}, context)

        def at_stake(number: int) -> dict:
            # Each has a count and a sum.
            amounts = (
                Decimal(row[2 + 2 * number]) * rates[row[0] or own.id][1]
                for row in found
            )
            exact = sum(amounts, Decimal(0))
            return {
                "count": sum(row[1 + 2 * number] for row in found),
                "amount": rounded(exact, currency),
                "exact": exact,
            }

        return {
            "user_id": user.id,
            "currency": currency.name,
            "kinds": [
                {"kind": kind, **at_stake(number)} for number, kind in enumerate(KINDS)
            ],
            "any": at_stake(len(KINDS)),
            "computed_at": now,
        }

    def _sums(self, user, filters: Filters, reasons: dict[str, SQL]) -> list[tuple]:
        """Return of each currency the count and the sum of each kind, and of any."""
        access, view = self.env["cqrs.access"], SQL("view")
        viewers = access._viewers(user)
        seen = access._owner_scopes(viewers)
        if are_few(seen):
            ids = [id_ for scope in seen for id_ in scope.owner_ids]
            visible = SQL("%s AND %s", owned(ids), in_scopes(seen, view))
            activities = SQL()
        else:
            visible = access._visible(viewers, view)
            activities = _ACTIVITIES
            reasons = reasons | {"no_activity": SQL("activity.res_id IS NULL")}
        kinds = [SQL.identifier(kind) for kind in KINDS]
        return self.env.execute_query(
            SQL(
                """
                SELECT currency_id, %(sums)s
                FROM (SELECT view.currency_id, view.value, %(reasons)s
                      FROM cqrs_opportunity_view view
                      JOIN %(pace)s pace ON pace.id = view.id
                      %(activities)s
                      WHERE %(is_open)s AND %(wanted)s AND %(visible)s
                      -- Each reason once, though three sums mention it
                      OFFSET '0') view
                GROUP BY currency_id
                """,
                sums=SQL(", ").join(
                    SQL(
                        "count(*) FILTER (WHERE %(kind)s),"
                        " COALESCE(sum(value) FILTER (WHERE %(kind)s), 0)::text",
                        kind=kind,
                    )
                    for kind in (*kinds, SQL(" OR ").join(kinds))
                ),
                reasons=SQL(", ").join(
                    SQL("%s AS %s", reasons[kind], SQL.identifier(kind))
                    for kind in KINDS
                ),
                pace=pace_relation(self.env),
                activities=activities,
                is_open=IS_OPEN,
                wanted=self.env["cqrs.opportunities"]._condition(
                    resolved(self.env, filters)
                ),
                visible=visible,
            )
        )
