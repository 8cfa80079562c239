"""The hierarchy of a moment: who stood below whom, by the intervals of its edges."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timezone

from odoo import api, models
from odoo.tools import SQL

from ..support.process_cache import VersionedCache
from .answer_context import AnswerContext
from .policy import Hierarchy, Viewer

HIERARCHIES = VersionedCache("past hierarchies", size=64)


class CqrsAccess(models.AbstractModel):
    _inherit = "cqrs.access"

    @api.model
    def _hierarchy_since(self) -> datetime | None:
        """Return the time from which on the hierarchy is recorded, in UTC.

        None: there is no employee yet, and was none.
        """
        rows = self.env.execute_query(
            SQL("SELECT since FROM cqrs_employee_span ORDER BY since LIMIT 1")
        )
        return rows[0][0].astimezone(timezone.utc) if rows else None

    @api.model
    def _hierarchy_of(self, viewers: list[Viewer], at: datetime) -> Hierarchy:
        """Return who stood below some viewers, and their bounds, at a moment.

        Cost: a probe of an index for each employee below; a process keeps the result
        until somebody's place in the hierarchy changes.
        """
        ids = tuple(sorted({viewer.id for viewer in _asking(viewers)}))
        context = AnswerContext.of(self.env)
        vias = ["hierarchy"] + ["department"] * bool(
            context.options.department_managers
        )

        def ask():
            owners = defaultdict(lambda: defaultdict(tuple))
            for via in vias:
                rows = self.env.execute_query(
                    SQL(
                        """
                        SELECT viewer_id, company_id, array_agg(owner_id)
                        FROM (SELECT DISTINCT viewer_id, owner_id, company_id
                              FROM (%s) below) below
                        GROUP BY viewer_id, company_id
                        """,
                        self._below(list(ids), via, at),
                    )
                )
                for viewer_id, company_id, owner_ids in rows:
                    owners[viewer_id, via][company_id] = tuple(owner_ids)
            return Hierarchy({key: dict(each) for key, each in owners.items()})

        key = ids, tuple(vias), at
        return HIERARCHIES.get(self.env, context.closure_version, key, ask)

    @api.model
    def _pairs_below(self, user, person_id: int, at: datetime) -> list[tuple]:
        """Return who stood below a person at a moment, and below each of those.

        :param user: the ``res.users`` record whose view it is
        :return: ``[(viewer id, owner id, company id, depth, whether the user may look
            as the owner, whether the owner is a user and the employee was not
            archived)]``
        """
        query = SQL(
            "SELECT DISTINCT owner_id FROM (%s) below",
            self._below([person_id], "hierarchy", at),
        )
        ids = [id_ for (id_,) in self.env.execute_query(query)]
        return self.env.execute_query(
            SQL(
                """
                SELECT viewer_id, user_id, company_id, depth, %(visible)s,
                       EXISTS (SELECT FROM cqrs_employee_span span
                               WHERE span.user_id = person.user_id AND active
                                 AND %(holds)s)
                       AND EXISTS (SELECT FROM cqrs_user_profile profile
                                   WHERE profile.id = person.user_id)
                FROM (SELECT viewer_id, owner_id AS user_id, NULL::integer AS team_id,
                             company_id, min(depth) AS depth
                      FROM (%(below)s) below
                      GROUP BY viewer_id, owner_id, company_id) person
                """,
                visible=self._visible(self._people_viewers(user), SQL("person"), at),
                holds=_holds(at),
                below=self._below([person_id, *ids], "hierarchy", at),
            )
        )

    def _below(self, viewer_ids: list[int], via: str, at: datetime) -> SQL:
        """Return the query of those who stood below some people at a moment.

        It gives ``viewer_id``, ``owner_id``, ``company_id``, ``depth`` as
        ``cqrs_user_access`` does, a row for each path.
        """
        below = self._BELOW if via == "hierarchy" else self._IN_DEPARTMENT
        return SQL(
            below,
            viewers=viewer_ids,
            holds=_holds(at),
        )

    # By the index, as the closure of today is made (``user_access.py``). A cycle is cut
    # where a path comes back to an employee.
    _BELOW = """
        WITH RECURSIVE below AS (
            SELECT user_id AS viewer_id, user_id AS owner_id, id,
                   NULL::integer AS company_id, 0 AS depth, 1 AS users,
                   ARRAY[id] AS path
            FROM cqrs_employee_span span
            WHERE user_id = ANY(%(viewers)s) AND active AND %(holds)s
            UNION ALL
            SELECT viewer_id, report.user_id, report.id, report.company_id,
                   users, users + (report.user_id IS NOT NULL)::integer,
                   path || report.id
            FROM below CROSS JOIN LATERAL (
                SELECT * FROM cqrs_employee_span span
                WHERE parent_id = below.id AND %(holds)s OFFSET 0
            ) report
            WHERE report.id <> ALL(path)
        )
        SELECT viewer_id, owner_id, company_id, depth FROM below
        WHERE depth > 0 AND owner_id <> viewer_id AND company_id IS NOT NULL
    """

    _IN_DEPARTMENT = """
        WITH RECURSIVE department AS MATERIALIZED (
            SELECT id, parent_id, manager_id FROM cqrs_department_span span
            WHERE %(holds)s
        ),
        managed AS (
            SELECT manager.user_id AS viewer_id, department.id, 1 AS depth,
                   ARRAY[department.id] AS path
            FROM cqrs_employee_span span
            JOIN department ON department.manager_id = span.id
            CROSS JOIN LATERAL (SELECT span.user_id) manager
            WHERE span.user_id = ANY(%(viewers)s) AND active AND %(holds)s
            UNION ALL
            SELECT viewer_id, department.id, depth + 1, path || department.id
            FROM managed JOIN department ON department.parent_id = managed.id
            WHERE department.id <> ALL(path)
        )
        SELECT viewer_id, member.user_id AS owner_id, member.company_id, depth
        FROM managed CROSS JOIN LATERAL (
            SELECT * FROM cqrs_employee_span span
            WHERE department_id = managed.id AND %(holds)s OFFSET 0
        ) member
        WHERE member.user_id <> viewer_id AND member.company_id IS NOT NULL
    """


def _holds(at: datetime) -> SQL:
    """Return the condition that an interval holds at a moment."""
    return SQL("span.since <= %s AND span.until > %s", at, at)


def _asking(viewers: list[Viewer]) -> Iterator[Viewer]:
    """Yield the viewers whom the hierarchy lets see more, and their bounds."""
    for viewer in viewers:
        if not (viewer.own_only or viewer.sees_all):
            yield viewer
        yield from _asking(list(viewer.bounded_by or ()))
