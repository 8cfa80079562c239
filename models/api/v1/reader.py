"""API v1: the figures, computed from Odoo's leads at each request.

It is slow for viewers who see much, on purpose: v2 is compared with it. Access follows
the same definition as everywhere (``cqrs.access``).
"""

from collections import defaultdict
from datetime import timezone
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from ...access.answer_context import AnswerContext
from ...currencies.rates import rates_into
from ...metrics.figures import exactly
from ...metrics.rounding import rounded
from ...support.readable_values import readable

AMOUNTS = ("pipeline_value", "won_revenue")
COUNTS = ("total", "own", "active_opportunities")

_VALUE = SQL("COALESCE(%s, 0)", readable(SQL("expected_revenue"), "monetary"))

_CLOSED = ("won", "lost")
_ITEM_FIELDS = (
    *("name", "company_id", "user_id", "partner_id", "stage_id", "won_status"),
)

#: Opportunities on the dashboard
PAGE_SIZE = 80


class CqrsApiV1(models.AbstractModel):
    """Reads what ``env.user`` sees in ``crm_lead`` itself.

    Amounts are ``Decimal``; times are aware, in UTC. Nothing is written.
    """

    _name = "cqrs.api.v1"
    _description = "Dashboard of API v1"

    @api.model
    @exactly()
    def _read_dashboard(self) -> dict:
        """Return ``{user, metrics, opportunities}``.

        These are the parts of v2 that v1 had: ``pipeline_value``, ``won_revenue`` and
        ``active_opportunities`` of the metrics, in ``currency``; ``{total, own,
        subordinates, items}`` of the opportunities.
        """
        user = self.env.user
        sums = self._sums()
        return {
            "user": {
                "user_id": user.id,
                "name": user.name,
                "email": user.email or None,
            },
            "metrics": {
                "user_id": user.id,
                "currency": user.sudo().company_id.currency_id.name,
                **{name: sums[name] for name in (*AMOUNTS, "active_opportunities")},
                "computed_at": fields.Datetime.now().replace(tzinfo=timezone.utc),
            },
            "opportunities": {
                "total": sums["total"],
                "own": sums["own"],
                "subordinates": sums["total"] - sums["own"],
                "items": self._items(PAGE_SIZE, 0),
            },
        }

    @api.model
    @exactly()
    def _read_opportunities(self, limit: int, offset: int) -> dict:
        """Return ``{total, items}``: the most valuable first, no archived ones."""
        return {"total": self._sums()["total"], "items": self._items(limit, offset)}

    def _sums(self) -> dict:
        company = self.env.user.sudo().company_id
        self.env.cr.execute(
            SQL(
                """
                SELECT COALESCE(company.currency_id, %(currency_id)s) AS currency_id,
                       count(*) FILTER (WHERE lead.active) AS total,
                       count(*) FILTER (
                           WHERE lead.active AND lead.user_id = %(user_id)s) AS own,
                       count(*) FILTER (WHERE pending) AS active_opportunities,
                       COALESCE(sum(%(value)s) FILTER (WHERE pending), 0)::text
                           AS pipeline_value,
                       COALESCE(sum(%(value)s) FILTER (WHERE won), 0)::text
                           AS won_revenue
                FROM crm_lead lead
                LEFT JOIN res_company company ON company.id = lead.company_id
                CROSS JOIN LATERAL (
                    SELECT won_status = 'won' AS won,
                           lead.active
                               AND COALESCE(won_status, '') NOT IN ('won', 'lost')
                               AS pending
                ) status
                WHERE %(visible)s
                GROUP BY 1
                """,
                currency_id=company.currency_id.id,
                user_id=self.env.uid,
                value=_VALUE,
                visible=self._visible(),
            )
        )
        sums = defaultdict(int)
        rows = self.env.cr.dictfetchall()
        rates = rates_into(
            company.currency_id,
            {row["currency_id"] for row in rows},
            AnswerContext.of(self.env),
        )
        for row in rows:
            __, rate = rates[row["currency_id"]]
            for name in COUNTS:
                sums[name] += row[name]
            for name in AMOUNTS:
                sums[name] += Decimal(row[name]) * rate
        for name in AMOUNTS:
            sums[name] = rounded(Decimal(sums[name]), company.currency_id)
        return sums

    def _items(self, limit: int, offset: int) -> list[dict]:
        self.env.cr.execute(
            SQL(
                """
                SELECT id, %(value)s::text FROM crm_lead lead
                WHERE lead.active AND %(visible)s
                ORDER BY %(value)s DESC, id DESC
                LIMIT %(limit)s OFFSET %(offset)s
                """,
                value=_VALUE,
                visible=self._visible(),
                limit=limit,
                offset=offset,
            )
        )
        values = dict(self.env.cr.fetchall())
        # The query above has checked the access.
        leads = self.env["crm.lead"].sudo().browse(values)
        # No other fields: a single unreadable date would fail the whole page.
        leads.fetch(_ITEM_FIELDS)
        return [self._item(lead, Decimal(values[lead.id])) for lead in leads]

    def _item(self, lead, value: Decimal) -> dict:
        company = lead.company_id or self.env.user.sudo().company_id
        person, partner = lead.user_id, lead.partner_id
        return {
            "odoo_id": lead.id,
            "name": lead.name or "",
            "value": rounded(value, company.currency_id),
            "currency": company.currency_id.name,
            "stage": {
                "id": lead.stage_id.id or None,
                "name": lead.stage_id.name or None,
            },
            "status": lead.won_status if lead.won_status in _CLOSED else "pending",
            "salesperson": person
            and {
                "user_id": person.id,
                "name": person.name,
                "email": person.email or None,
            }
            or None,
            "partner": partner
            and {"id": partner.id, "name": partner.complete_name or None}
            or None,
        }

    def _visible(self) -> SQL:
        access = self.env["cqrs.access"]
        viewers = access._viewers(self.env.user)
        return SQL(
            "lead.type = 'opportunity' AND %s",
            access._visible(viewers, SQL.identifier("lead")),
        )
