"""What the dashboard shows, read from the projections alone."""

from datetime import timezone
from decimal import ROUND_HALF_UP, Decimal

from odoo import api, fields, models
from odoo.tools import SQL

from .opportunities import Opportunity

#: Opportunities on the dashboard's first page
PAGE_SIZE = 80


class CqrsDashboard(models.AbstractModel):
    """Reads the dashboard of ``env.user``, in the shape of API v2.

    Amounts are ``Decimal``; times are aware ``datetime`` in UTC. Nothing is written.
    """

    _name = "cqrs.dashboard"
    _description = "Dashboard"

    @api.model
    def _read_dashboard(self) -> dict:
        """Return ``{user, metrics, opportunities, hierarchy, meta}``."""
        profile = self._read_profile()
        metrics, counts = self._read_metrics()
        return {
            "user": profile,
            "metrics": metrics,
            "opportunities": {**counts, "items": self._read_opportunities(PAGE_SIZE)},
            "hierarchy": profile["hierarchy"],
            "meta": {
                "position": self._rows(SQL("SELECT max(position) FROM cqrs_event"))[0][
                    "max"
                ],
                "generated_at": _utc_now(),
            },
        }

    @api.model
    def _read_profile(self) -> dict:
        """Return who the user is, in Odoo and in the hierarchy."""
        (row,) = self._rows(
            SQL(
                """
                SELECT uuid AS id, email, name, employee_id, manager_employee_id,
                       company_id
                FROM cqrs_user_profile WHERE id = %s
                """,
                self.env.uid,
            )
        )
        manager = self._rows(
            SQL(
                """
                SELECT DISTINCT ON (owner_id) profile.uuid AS id, name, email
                FROM cqrs_user_access access
                JOIN cqrs_user_profile profile ON profile.id = viewer_id
                WHERE owner_id = %s AND depth = 1 AND via = 'hierarchy'
                ORDER BY owner_id, (access.company_id = %s) DESC, viewer_id
                """,
                self.env.uid,
                row["company_id"],
            )
        )
        subordinates = self._rows(
            SQL(
                """
                SELECT profile.uuid AS id, name, email
                FROM (SELECT DISTINCT owner_id FROM cqrs_user_access
                      WHERE viewer_id = %s AND depth = 1 AND via = 'hierarchy')
                     report
                JOIN cqrs_user_profile profile ON profile.id = owner_id
                WHERE profile.active
                ORDER BY name, profile.id
                """,
                self.env.uid,
            )
        )
        return {
            "id": row["id"],
            "email": row["email"],
            "name": row["name"],
            "odoo": {
                "user_id": self.env.uid,
                "employee_id": row["employee_id"],
                "manager_employee_id": row["manager_employee_id"],
            },
            "hierarchy": {
                "manager": manager[0] if manager else None,
                "subordinates": subordinates,
                "is_manager": bool(subordinates),
                "reports_count": len(subordinates),
            },
        }

    @api.model
    def _read_metrics(self) -> tuple[dict, dict]:
        """Return the metrics over all that the user sees, and how much that is."""
        metrics = self.env["cqrs.metrics"]._read(self.env.user)
        return metrics, metrics.pop("opportunities")

    @api.model
    def _read_opportunities(self, limit: int) -> list[dict]:
        """Return the most valuable opportunities that the user sees, not archived."""
        page = self.env["cqrs.opportunities"]._read_page(self.env.user, limit=limit)
        return [self._opportunity(row) for row in page.rows]

    def _opportunity(self, row: Opportunity) -> dict:
        currency = self._currency(row.currency_id)
        names = row.stage_name or {}
        return {
            "odoo_id": row.id,
            "name": row.name,
            "value": _round(row.value, currency),
            "currency": currency.name,
            "stage": {
                "id": row.stage_id,
                "name": names.get(self.env.lang) or names.get("en_US"),
            },
            "status": row.status,
            "salesperson": {
                "user_id": row.user_id,
                "name": row.owner_name,
                "email": row.owner_email,
                "manager": row.manager_name
                and {"name": row.manager_name, "email": row.manager_email},
            },
            "partner": row.partner_id
            and {"id": row.partner_id, "name": row.partner_name},
            "visible_to_user_ids": row.visible_to_user_ids,
            "version": row.version,
        }

    def _currency(self, currency_id: int | None):
        """Return the currency, that of the user's company where there is none."""
        return (
            self.env["res.currency"].sudo().browse(currency_id)
            or self.env.user.sudo().company_id.currency_id
        )

    def _rows(self, query: SQL) -> list[dict]:
        self.env.cr.execute(query)
        return self.env.cr.dictfetchall()


def _round(amount: Decimal | str, currency) -> Decimal:
    # Amounts leave PostgreSQL as text: Odoo's cursor turns numeric into float.
    unit = Decimal(1).scaleb(-currency.decimal_places)
    return Decimal(amount).quantize(unit, ROUND_HALF_UP)


def _utc_now():
    return fields.Datetime.now().replace(tzinfo=timezone.utc)
