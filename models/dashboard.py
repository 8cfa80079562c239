"""What the API shows, read from the projections alone."""

from datetime import timezone
from decimal import ROUND_HALF_UP, Decimal

from odoo import api, models
from odoo.tools import SQL

from .opportunities import Opportunity

#: Opportunities on the dashboard's first page
PAGE_SIZE = 80

#: What is said of an opportunity on the dashboard, of all that can be
DASHBOARD_FIELDS = (
    "odoo_id",
    "name",
    "value",
    "currency",
    "stage",
    "status",
    "salesperson",
    "partner",
    "visible_to_user_ids",
    "version",
)


class CqrsDashboard(models.AbstractModel):
    """Reads what a user is shown, in the shape of API v2.

    It is shown in the language of ``env``. A ``user`` is a ``res.users`` record, that
    of ``env`` by default; another one's view has no more in it than that of
    ``env.user`` has. Amounts are ``Decimal``; times are aware ``datetime`` in UTC.
    Nothing is written.
    """

    _name = "cqrs.dashboard"
    _description = "Dashboard"

    @api.model
    def _read_dashboard(self, user=None) -> dict:
        """Return ``{user, metrics, opportunities, hierarchy, meta}``."""
        user = user or self.env.user
        profile = self._read_profile(user)
        metrics = self.env["cqrs.metrics"]._read(user)
        counts = metrics.pop("opportunities")
        page = self.env["cqrs.opportunities"]._read_page(user, limit=PAGE_SIZE)
        items = self._opportunities(page.rows, user, DASHBOARD_FIELDS)
        return {
            "user": profile,
            "metrics": metrics,
            "opportunities": {**counts, "items": items},
            "hierarchy": profile["hierarchy"],
            "meta": self._meta(),
        }

    @api.model
    def _read_profile(self, user=None) -> dict:
        """Return who the user is, in Odoo and in the hierarchy."""
        user = user or self.env.user
        (row,) = self._rows(
            SQL(
                """
                SELECT uuid AS id, email, name, employee_id, manager_employee_id,
                       company_id
                FROM cqrs_user_profile WHERE id = %s
                """,
                user.id,
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
                user.id,
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
                user.id,
            )
        )
        return {
            "id": row["id"],
            "email": row["email"],
            "name": row["name"],
            "odoo": {
                "user_id": user.id,
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
    def _read_access(self, user) -> dict:
        """Return how much the user sees, and how many stand below."""
        [(subordinate_count,)] = self.env.execute_query(
            SQL(
                """
                SELECT count(DISTINCT owner_id)
                FROM cqrs_user_access
                JOIN cqrs_user_profile profile ON profile.id = owner_id
                WHERE viewer_id = %s AND depth > 0 AND via = 'hierarchy'
                  AND profile.active
                """,
                user.id,
            )
        )
        return {
            "user_id": user.id,
            "accessible_opportunities": self.env["cqrs.opportunities"]._count(user),
            "is_manager": subordinate_count > 0,
            "subordinate_count": subordinate_count,
        }

    @api.model
    def _user_ids(self, uuids: list[str]) -> tuple[int, ...]:
        """Return the ids in Odoo of those of some people who have a profile."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id FROM cqrs_user_profile
                WHERE uuid = ANY(%s::uuid[]) ORDER BY id
                """,
                uuids,
            )
        )
        return tuple(id_ for (id_,) in rows)

    @api.model
    def _opportunities(
        self, rows: list[Opportunity], user, names: tuple[str, ...] | None = None
    ) -> list[dict]:
        """Return opportunities as the API shows them to the user.

        :param names: of the fields to give, all by default
        """
        currencies = {
            currency_id: self._currency(currency_id, user)
            for currency_id in {row.currency_id for row in rows}
        }
        items = (self._opportunity(row, currencies[row.currency_id]) for row in rows)
        if names is None:
            return list(items)
        return [{name: item[name] for name in names} for item in items]

    def _opportunity(self, row: Opportunity, currency) -> dict:
        names = row.stage_name or {}
        return {
            "odoo_id": row.id,
            "name": row.name,
            "value": _round(row.value, currency),
            "currency": currency.name,
            "stage": row.stage_id
            and {
                "id": row.stage_id,
                "name": names.get(self.env.lang) or names.get("en_US"),
            },
            "status": row.status,
            "salesperson": row.user_id
            and {
                "id": row.owner_uuid,
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
            "probability": row.probability,
            "archived": not row.active,
            "team_id": row.team_id,
            "company_id": row.company_id,
            "closing_date": row.closing_date,
            "closed_at": row.closed_at,
            "created_at": row.created_at,
            "changed_at": row.changed_at,
        }

    def _currency(self, currency_id: int | None, user):
        """Return the currency, that of the user's company where there is none."""
        return (
            self.env["res.currency"].sudo().browse(currency_id)
            or user.sudo().company_id.currency_id
        )

    def _meta(self) -> dict:
        [(position,)] = self.env.execute_query(
            SQL("SELECT max(position) FROM cqrs_event")
        )
        generated_at = self.env.cr.now().replace(tzinfo=timezone.utc)
        return {"position": position, "generated_at": generated_at}

    def _rows(self, query: SQL) -> list[dict]:
        self.env.cr.execute(query)
        return self.env.cr.dictfetchall()


def _round(amount: Decimal | str, currency) -> Decimal:
    # Amounts leave PostgreSQL as text: Odoo's cursor turns numeric into float.
    unit = Decimal(1).scaleb(-currency.decimal_places)
    return Decimal(amount).quantize(unit, ROUND_HALF_UP)
