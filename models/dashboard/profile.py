"""The profile of a person, in Odoo and in the hierarchy."""

from odoo import api, models
from odoo.tools import SQL

from ..support.bound_companies import bound_company_ids
from ..support.process_cache import VersionedCache

PROFILES = VersionedCache("profiles", size=256)


class CqrsDashboard(models.AbstractModel):
    _inherit = "cqrs.dashboard"

    @api.model
    def _read_profile(self, user=None) -> dict:
        """Return the profile of a user, in Odoo and in the hierarchy."""
        user = user or self.env.user
        access = self.env["cqrs.access"]
        version = access._people_version(access._people_viewers(user))
        key = user.id, bound_company_ids(self.env)
        row = PROFILES.get(self.env, version, key, lambda: self._profile(user))
        subordinates = row["subordinates"] or []
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
                "manager": row["manager"],
                "subordinates": subordinates,
                "is_manager": bool(subordinates),
                "reports_count": len(subordinates),
            },
        }

    def _profile(self, user) -> dict:
        bound = bound_company_ids(self.env)
        [row] = self._rows(
            SQL(
                """
                SELECT uuid AS id, email, name, employee_id, manager_employee_id,
                       (SELECT json_build_object('id', uuid, 'name', manager.name,
                                                 'email', manager.email)
                        FROM cqrs_user_access access
                        JOIN cqrs_user_profile manager ON manager.id = viewer_id
                        WHERE owner_id = profile.id AND depth = 1
                          AND via = 'hierarchy' AND %s
                        ORDER BY (access.company_id = profile.company_id) DESC,
                                 viewer_id
                        LIMIT 1) AS manager,
                       (SELECT json_agg(json_build_object(
                                   'id', uuid, 'name', report.name,
                                   'email', report.email)
                               ORDER BY report.name, report.id)
                        FROM cqrs_user_profile report
                        WHERE id IN (
                            SELECT user_id FROM (%s) below
                            WHERE viewer_id = profile.id AND depth = 1)) AS subordinates
                FROM cqrs_user_profile profile WHERE id = %s
                """,
                SQL("true")
                if bound is None
                else SQL("access.company_id = ANY(%s)", list(bound)),
                self.env["cqrs.access"]._people_below(user),
                user.id,
            )
        )
        return row

    @api.model
    def _read_access(self, user) -> dict:
        """Return how many opportunities the user sees, and how many are below."""
        [(subordinate_count,)] = self.env.execute_query(
            SQL(
                """
                SELECT count(DISTINCT user_id) FROM (%s) below WHERE viewer_id = %s
                """,
                self.env["cqrs.access"]._people_below(user),
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
        """Return the ids in Odoo of the people with these uuids."""
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
