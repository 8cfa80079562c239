"""The owners whose opportunities somebody sees, where they are few enough to list."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from odoo import api, models
from odoo.tools import SQL

from ..support.process_cache import VersionedCache
from ..support.sql_arrays import integers
from . import policy, thresholds
from .answer_context import AnswerContext
from .policy import Viewer

SCOPES = VersionedCache("owner scopes", size=256)

#: Stands for no owner, or for no company, among ids
NONE = 0


@dataclass(frozen=True)
class OwnerScope:
    """Owners whose opportunities in the given companies are visible.

    ``NONE`` among the owners stands for opportunities without an owner, among the
    companies for those without a company.

    :ivar is_decided: if False, a condition on each row decides who sees it, and
        ``company_ids`` is empty
    """

    owner_ids: tuple[int, ...]
    company_ids: tuple[int, ...] = ()
    is_decided: bool = True

    @cached_property
    def owners(self) -> SQL:
        """The array of the owners."""
        return integers(self.owner_ids)

    @property
    def companies(self) -> SQL:
        """The array of the companies, without ``NONE``."""
        return integers(filter(None, self.company_ids))

    @property
    def has_companyless(self) -> bool:
        return NONE in self.company_ids


def in_scopes(scopes: list[OwnerScope], row: SQL) -> SQL:
    """Return the condition that a row is of an owner and a company of one scope."""
    conditions = [
        SQL(
            """
            (COALESCE(%(row)s.user_id, 0) = ANY(%(owners)s)
             AND (%(row)s.company_id = ANY(%(companies)s)
                  OR %(or_none)s AND %(row)s.company_id IS NULL))
            """,
            row=row,
            owners=scope.owners,
            companies=scope.companies,
            or_none=scope.has_companyless,
        )
        for scope in scopes
    ]
    return SQL("(%s)", SQL(" OR ").join(conditions or [SQL("FALSE")]))


def owner_count(scopes: list[OwnerScope]) -> int:
    return sum(len(scope.owner_ids) for scope in scopes)


def are_few(scopes: list[OwnerScope] | None) -> bool:
    """Return whether the owners are known, and few."""
    return scopes is not None and owner_count(scopes) <= thresholds.FEW_OWNERS


class CqrsAccess(models.AbstractModel):
    _inherit = "cqrs.access"

    @api.model
    def _visible_owners(
        self, viewers: list[Viewer], at: datetime | None = None
    ) -> SQL | None:
        """Return ``policy.visible_owners`` of the viewers.

        :param at: as for ``_visible``
        """
        context = AnswerContext.of(self.env)
        hierarchy = None if at is None else self._hierarchy_of(viewers, at)
        return policy.visible_owners(
            viewers, context.options, context.team_leader_ids, hierarchy
        )

    @api.model
    def _owner_scopes(
        self, viewers: list[Viewer], at: datetime | None = None
    ) -> list[OwnerScope] | None:
        """Return the owners, and their companies, that one of the viewers sees.

        That is ``_visible``, decided once for each owner and company rather than for
        each row; each owner is in one scope. None: the owners do not decide, or are
        more than ``KNOWN_OWNERS``.

        :param at: as for ``_visible``
        """

        def ask():
            owners = self._visible_owners(viewers, at)
            leader_ids = AnswerContext.of(self.env).team_leader_ids
            if owners is None or policy.depends_on_team(viewers, leader_ids):
                return None
            query = SQL(
                "SELECT DISTINCT * FROM (%s) owner LIMIT %s",
                owners,
                thresholds.KNOWN_OWNERS + 1,
            )
            rows = self.env.execute_query(query)
            if len(rows) > thresholds.KNOWN_OWNERS:
                return None
            return self._scopes_of([owner_id for (owner_id,) in rows], viewers, at)

        return SCOPES.get(self.env, self._visibility_version(viewers, at), (), ask)

    def _scopes_of(
        self,
        owner_ids: list[int | None],
        viewers: list[Viewer],
        at: datetime | None,
    ) -> list[OwnerScope]:
        company_ids = {id_ for viewer in viewers for id_ in viewer.company_ids}
        rows = self.env.execute_query(
            SQL(
                """
                SELECT array_agg(COALESCE(user_id, 0)), company_ids
                FROM (SELECT user_id,
                             array_agg(COALESCE(company_id, 0)
                                       ORDER BY company_id) AS company_ids
                      FROM (SELECT user_id, NULL::integer AS team_id, company_id
                            FROM unnest(%s::integer[]) AS owner (user_id),
                                 unnest(%s::integer[]) AS company (company_id)) cell
                      WHERE %s
                      GROUP BY user_id) owner
                GROUP BY company_ids
                """,
                owner_ids,
                [*company_ids, None],
                self._visible(viewers, SQL("cell"), at),
            )
        )
        return [OwnerScope(tuple(owners), tuple(ids)) for owners, ids in rows]

    @api.model
    def _visibility_version(
        self, viewers: list[Viewer], at: datetime | None = None
    ) -> tuple | None:
        """Return the version of ``_visible``: equal ones let the same rows through.

        None where the past is read by a replay.

        :param at: as for ``_visible``
        """
        context = AnswerContext.of(self.env)
        version = context.closure_version
        if version is None:
            return None
        return (version, context.options, context.teams, at, *viewers)

    @api.model
    def _people_version(
        self, viewers: list[Viewer], at: datetime | None = None
    ) -> tuple | None:
        """Return the version of the people whom viewers may look as.

        :param at: as for ``_visible``
        """
        visibility = self._visibility_version(viewers, at)
        return visibility and (visibility, AnswerContext.of(self.env).people_version)
