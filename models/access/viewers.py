"""The people through whose eyes somebody sees opportunities."""

from dataclasses import replace

from odoo import api, models
from odoo.tools import SQL, ormcache

from ..support.process_cache import VersionedCache
from .answer_context import AnswerContext
from .policy import Viewer

VIEWERS = VersionedCache("viewers", size=1024)


class CqrsAccess(models.AbstractModel):
    _inherit = "cqrs.access"

    @api.model
    @ormcache("user_id")
    def _may_read_leads(self, user_id: int) -> bool:
        """Return whether Odoo lets a user read leads at all, by whichever group.

        Odoo empties this cache whenever groups or access rights change.
        """
        user = self.env["res.users"].browse(user_id).exists()
        if not user:
            return False
        rights = self.env["ir.model.access"].with_user(user)
        return rights.check("crm.lead", "read", raise_exception=False)

    @api.model
    @ormcache()
    def _reading_group_ids(self) -> tuple[int, ...]:
        """Return the ids of the groups that themselves let one read leads."""
        rights = self.env["ir.model.access"].sudo()
        domain = [("model_id.model", "=", "crm.lead"), ("perm_read", "=", True)]
        # A right without a group is everybody's.
        everybody_id = self.env.ref("base.group_user").id
        ids = {each.group_id.id or everybody_id for each in rights.search(domain)}
        return tuple(sorted(ids))

    def _reads_leads(self, user_id: SQL) -> SQL:
        """Return the condition that a user may read leads, by the recorded groups.

        It agrees with ``_may_read_leads``, and asks for many users at once.
        """
        ids = self._reading_group_ids()
        definitions = self.env["res.groups"]._get_group_definitions()
        return SQL(
            """
            EXISTS (SELECT FROM cqrs_stream reader
                    WHERE stream_model = 'res.users' AND stream_id = %s
                      AND state -> 'group_ids' @> ANY(%s::jsonb[]))
            """,
            user_id,
            [str(id_) for id_ in (*ids, *definitions.get_subset_ids(ids))],
        )

    @api.model
    def _viewers(self, user) -> list[Viewer]:
        """Return the viewers through whose eyes the user sees opportunities.

        They are those of ``_people_viewers``, but none if the user, or the caller, may
        not read leads in Odoo.

        :param user: a ``res.users`` record
        """
        ids = {user.id} if self.env.su else {user.id, self.env.uid}
        if not all(map(self._may_read_leads, ids)):
            return []
        return self._people_viewers(user)

    @api.model
    def _people_viewers(self, user) -> list[Viewer]:
        """Return the user and the lenders of the user; none for a user without profile.

        The hierarchy itself is no secret: everybody in it may look at the people below,
        also without a right to read leads.

        If another user asks, that user bounds the view of each of them; the superuser
        asks without such a bound.

        :param user: a ``res.users`` record
        """
        return AnswerContext.of(self.env, user).viewers

    def _read_viewers(self, context: AnswerContext) -> list[Viewer]:
        user = context.user
        viewers = self._viewers_through(user, self._lenders(user))
        if self.env.su or user == self.env.user:
            return viewers
        bounds = tuple(self._people_viewers(self.env.user))
        return [replace(viewer, bounded_by=bounds) for viewer in viewers]

    def _viewers_through(self, user, lender_ids: list[int]) -> list[Viewer]:
        ids = (user.id, *lender_ids)
        version = AnswerContext.of(self.env).people_version
        return VIEWERS.get(self.env, version, ids, lambda: self._ask_viewers_of(ids))

    def _ask_viewers_of(self, ids: tuple[int, ...]) -> list[Viewer]:
        """Return the first, and the others in the companies that the first works in."""
        query = SQL(
            """
            SELECT id, company_ids, is_salesperson, sees_all
            FROM cqrs_user_profile WHERE active AND id = ANY(%s)
            """,
            list(ids),
        )
        profiles = {id_: rest for id_, *rest in self.env.execute_query(query)}
        if ids[0] not in profiles:
            return []
        own_company_ids, *__ = profiles[ids[0]]
        viewers = []
        for id_ in ids:
            if id_ in profiles:
                company_ids, is_salesperson, sees_all = profiles[id_]
                viewers.append(
                    Viewer(
                        id=id_,
                        company_ids=tuple(
                            company_id
                            for company_id in company_ids
                            if company_id in own_company_ids
                        ),
                        is_salesperson=is_salesperson,
                        sees_all=sees_all,
                    )
                )
        return viewers

    @api.model
    def _lenders(self, user) -> list[int]:
        """Return the ids of the users who at present lend the user their view.

        Lenders who may not read leads in Odoo are left out, and a user who may not has
        none.
        """
        return []
