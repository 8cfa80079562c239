"""People below and above a user, and those whom the user may look as."""

from odoo import api, models
from odoo.tools import SQL

from ..support.bound_companies import within_bounds


class CqrsAccess(models.AbstractModel):
    _inherit = "cqrs.access"

    @api.model
    def _company_ids(self, user) -> set[int]:
        """Return the ids of the companies that a user may work in.

        Of a caller who is bound to some, those among them.
        """
        query = SQL("SELECT company_ids FROM cqrs_user_profile WHERE id = %s", user.id)
        ids = [id_ for (ids,) in self.env.execute_query(query) for id_ in ids]
        return set(within_bounds(self.env, tuple(ids)))

    @api.model
    def _person(self, user, uuid: str):
        """Return the user of a profile, or none if ``user`` may not look as that one.

        One may look as a person if one would see an opportunity that the person owns,
        in one of the companies that the person works in.

        :param user: a ``res.users`` record
        """
        return user.browse(self._people(user, SQL("uuid = %s", uuid)))

    @api.model
    def _people(self, user, condition: SQL) -> list[int]:
        """Return the ids of the people, among some, whom a user may look as.

        :param condition: on a row of ``cqrs_user_profile``
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT user_id
                FROM (SELECT id AS user_id, NULL::integer AS team_id,
                             unnest(company_ids) AS company_id
                      FROM cqrs_user_profile WHERE %s AND active) person
                WHERE %s
                """,
                condition,
                self._visible(self._people_viewers(user), SQL("person")),
            )
        )
        return [id_ for (id_,) in rows]

    @api.model
    def _people_below(self, user) -> SQL:
        """Return the query of pairs of people, one below the other.

        It gives ``viewer_id``, the ``user_id`` of the one below and the ``depth``, in
        each company anew. The user may look as the one below, who is no former one.
        """
        return SQL(
            """
            SELECT viewer_id, user_id, depth
            FROM (SELECT viewer_id, owner_id AS user_id, NULL::integer AS team_id,
                         company_id, depth
                  FROM cqrs_user_access
                  WHERE depth > 0 AND via = 'hierarchy') person
            WHERE %s AND %s
            """,
            self._is_present(SQL("person.user_id")),
            self._visible(self._people_viewers(user), SQL("person")),
        )

    @api.model
    def _is_present(self, user_id: SQL) -> SQL:
        """Return the condition that neither a user nor the employee is archived."""
        return SQL(
            """
            (EXISTS (SELECT FROM cqrs_user_profile profile
                     WHERE profile.id = %(user)s AND profile.active)
             AND EXISTS (SELECT FROM cqrs_employee employee
                         WHERE employee.user_id = %(user)s AND employee.active))
            """,
            user=user_id,
        )

    @api.model
    def _from_above(self, row: SQL) -> SQL:
        """Return the query of a row's owner and everyone above, in each company.

        It gives ``viewer_id``, ``depth``, ``company_id``, the viewer's ``name`` and
        ``email``, and whether the viewer ``sees`` the row from there, given the
        right to read leads.
        """
        return SQL(
            """
            SELECT access.viewer_id, access.depth, access.company_id,
                   viewer.name, viewer.email,
                   viewer.active AND (%(row)s.company_id IS NULL OR (
                         %(row)s.company_id = ANY(viewer.company_ids)
                     AND (access.company_id IS NULL
                          OR access.company_id = %(row)s.company_id)))
                   AND %(reads_leads)s AS sees
            FROM cqrs_user_access access
            JOIN cqrs_user_profile viewer ON viewer.id = access.viewer_id
            WHERE access.owner_id = %(row)s.user_id AND access.via = 'hierarchy'
            """,
            row=row,
            reads_leads=self._reads_leads(SQL("viewer.id")),
        )
