"""Who may see which opportunity: the one definition, that every reader follows."""

from dataclasses import dataclass, replace

from odoo import api, models
from odoo.tools import SQL, ormcache, str2bool

from ..support import versions
from ..support.answer_context import once, question
from ..support.process_cache import keep
from . import thresholds
from .owner_scopes import OwnerScope

#: Options of the settings, all off by default: ``{option: system parameter}``
OPTIONS = {
    "team_leaders": "crm_cqrs.team_leaders_see_their_team",
    "unassigned": "crm_cqrs.salespeople_see_unassigned",
    "department_managers": "crm_cqrs.department_managers_see_their_department",
}


# The version of the closure, and that of the profiles. Where the past is read there is
# no token of the closure.
_VERSIONS = f"""
    SELECT json_build_array(sum(token)::text, {versions.total("cqrs_people")}::text)
    FROM cqrs_access_version HAVING count(*) > 0
"""


@question()
def _versions(user):
    return SQL(_VERSIONS)


def people_version(env, user) -> tuple[str, str] | None:
    """Return the version of who people are, and of who stands above whom.

    None where the past is read.
    """
    versions = _versions(env, user)
    return versions and tuple(versions)


def _closure_version(env, user) -> str | None:
    versions = _versions(env, user)
    return versions and versions[0]


@dataclass(frozen=True)
class Viewer:
    """Somebody whose view of the opportunities is asked for, as ``cqrs_user_profile``
    has them.

    :ivar company_ids: where they may work; of a lender, those of the delegate alone
    :ivar own_only: sees nothing but their own, whatever else holds
    :ivar sees_few_owners: an index on the owner finds their rows
    :ivar bounded_by: sees only what one of these sees too; None is no such bound
    """

    id: int
    company_ids: tuple[int, ...]
    is_salesperson: bool
    sees_all: bool
    own_only: bool = False
    sees_few_owners: bool = False
    bounded_by: "tuple[Viewer, ...] | None" = None


class CqrsAccess(models.AbstractModel):
    """Says what a user sees, as conditions on rows with an owner, a team, a company.

    Opportunities have these columns, and so have the sums over them. A user sees a
    row whose company, if it has one, is among those that the user may work in, and

    * all such rows, with *All Documents* or as an administrator;
    * those that the user owns;
    * those whose owner is below the user in the hierarchy of the row's company, or of
      any company for a row without one;
    * as options of the settings: those of a team that the user leads; those without an
      owner, if the user is a salesperson; those whose owner is in a department that
      the user manages;
    * what somebody sees who has lent the user their view, for as long as that lasts,
      in the companies that the user may work in.

    Who has no active profile (an archived user, a portal user) sees nothing, nor does
    who may not read leads in Odoo: none of this is a right to read them. Who looks as
    somebody else (``_person``) sees no more than both do.
    """

    _name = "cqrs.access"
    _description = "Access to Opportunities"

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

        What ``_may_read_leads`` says, for the many who are not asked one by one.
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
        """Return through whose eyes the user sees opportunities; none if the user, or
        who asks, may not read leads in Odoo.

        They are those of ``_people_viewers``.

        :param user: a ``res.users`` record
        """
        ids = {user.id} if self.env.su else {user.id, self.env.uid}
        if not all(map(self._may_read_leads, ids)):
            return []
        return self._people_viewers(user)

    @api.model
    def _people_viewers(self, user) -> list[Viewer]:
        """Return the user, and who has lent the user their view; none for no profile.

        The hierarchy itself is no secret: whoever stands in it may look at the people
        below, also without a right to read leads.

        Asked by another user, each of them sees only what that one sees too; the
        superuser asks without such a bound.

        :param user: a ``res.users`` record
        """
        key = "viewers", user.id, self.env.uid, self.env.su
        return once(self.env, key, lambda: self._ask_viewers(user))

    def _ask_viewers(self, user) -> list[Viewer]:
        viewers = self._viewers_through(user, self._lenders(user))
        if self.env.su or user == self.env.user:
            return viewers
        bounded_by = tuple(self._people_viewers(self.env.user))
        return [replace(viewer, bounded_by=bounded_by) for viewer in viewers]

    def _viewers_through(self, user, lender_ids: list[int]) -> list[Viewer]:
        ids = (user.id, *lender_ids)
        version = people_version(self.env, self.env.user)
        return keep(
            self.env,
            "viewers",
            version and (version, *ids),
            lambda: self._ask_viewers_of(ids),
        )

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

        None of them if the user may not read leads in Odoo, and none who may not.
        """
        return []

    @api.model
    def _visible(self, viewers: list[Viewer], row: SQL) -> SQL:
        """Return the condition under which one of the viewers sees a row.

        :param row: the alias of a relation with ``user_id`` (the owner), ``team_id``
            and ``company_id``
        """
        options = self._options()
        return SQL(
            "(%s)",
            SQL(" OR ").join(self._sees(viewer, row, options) for viewer in viewers)
            if viewers
            else SQL("FALSE"),
        )

    def _sees(self, viewer: Viewer, row: SQL, options: dict[str, bool]) -> SQL:
        if viewer.bounded_by is not None:
            return SQL(
                "(%s AND %s)",
                self._sees(replace(viewer, bounded_by=None), row, options),
                self._visible(list(viewer.bounded_by), row),
            )
        in_company = self._in_company(viewer, row)
        if viewer.sees_all and not viewer.own_only:
            return in_company
        return SQL(
            "(%s AND (%s))",
            in_company,
            SQL(" OR ").join(self._reasons(viewer, row, options).values()),
        )

    def _in_company(self, viewer: Viewer, row: SQL) -> SQL:
        return SQL(
            "(%(row)s.company_id IS NULL OR %(row)s.company_id = ANY(%(companies)s))",
            row=row,
            companies=list(viewer.company_ids),
        )

    def _reasons(
        self, viewer: Viewer, row: SQL, options: dict[str, bool]
    ) -> dict[str, SQL]:
        """Return the conditions of which one must hold, by name."""
        reasons = {"owner": SQL("%s.user_id = %s", row, viewer.id)}
        if viewer.own_only:
            return reasons
        reasons["hierarchy"] = _above(viewer, row, "hierarchy")
        if options["department_managers"]:
            reasons["department_managers"] = _above(viewer, row, "department")
        if options["team_leaders"]:
            reasons["team_leaders"] = SQL(
                """
                EXISTS (SELECT FROM cqrs_stream team
                        WHERE team.stream_model = 'crm.team'
                          AND team.stream_id = %s.team_id
                          AND team.state -> 'user_id' = to_jsonb(%s))
                """,
                row,
                viewer.id,
            )
        if options["unassigned"] and viewer.is_salesperson:
            reasons["unassigned"] = SQL("%s.user_id IS NULL", row)
        return reasons

    @api.model
    def _visible_owners(self, viewers: list[Viewer]) -> SQL | None:
        """Return the query of the users whose opportunities one of the viewers may see.

        It gives no owner less than ``_visible`` lets through, some more or some twice,
        and NULL for opportunities without an owner. None: there is no telling, as for
        who sees everything.
        """
        options = self._options()
        if any(viewer.sees_all and not viewer.own_only for viewer in viewers):
            # Then the bound says more than what it bounds.
            bounded_by = viewers[0].bounded_by
            return (
                None if bounded_by is None else self._visible_owners(list(bounded_by))
            )
        vias = ["hierarchy"]
        if options["department_managers"]:
            vias.append("department")
        owners = [
            SQL("SELECT unnest(%s::integer[])", [viewer.id for viewer in viewers])
        ]
        if above := [viewer for viewer in viewers if not viewer.own_only]:
            ids = [viewer.id for viewer in above]
            if options["team_leaders"] and self._lead_a_team(ids):
                return None
            owners.append(
                SQL(
                    """
                    SELECT owner_id FROM cqrs_user_access
                    WHERE viewer_id = ANY(%s) AND via = ANY(%s)
                    """,
                    ids,
                    vias,
                )
            )
            if options["unassigned"] and any(v.is_salesperson for v in above):
                owners.append(SQL("SELECT NULL"))
        return SQL(" UNION ALL ").join(owners)

    @api.model
    def _known_owners(self, viewers: list[Viewer]) -> list[OwnerScope] | None:
        """Return whose opportunities one of the viewers sees, and in which companies.

        That is ``_visible``, asked once of each owner and company rather than of each
        row, and each owner is in one scope. None: no telling, or more owners than
        ``KNOWN_OWNERS``.
        """

        def ask():
            owners = self._visible_owners(viewers)
            if owners is None or self._see_a_team(viewers):
                return None
            query = SQL(
                "SELECT DISTINCT * FROM (%s) owner LIMIT %s",
                owners,
                thresholds.KNOWN_OWNERS + 1,
            )
            rows = self.env.execute_query(query)
            if len(rows) > thresholds.KNOWN_OWNERS:
                return None
            return self._seen_of([owner_id for (owner_id,) in rows], viewers)

        return keep(self.env, "known_owners", self._basis(viewers), ask)

    def _seen_of(
        self, owner_ids: list[int | None], viewers: list[Viewer]
    ) -> list[OwnerScope]:
        """Return what one of the viewers, who see no team, sees of some owners."""
        company_ids = {id_ for viewer in viewers for id_ in viewer.company_ids}
        rows = self.env.execute_query(
            SQL(
                """
                SELECT array_agg(user_id), company_ids
                FROM (SELECT user_id,
                             array_agg(company_id ORDER BY company_id) AS company_ids
                      FROM (SELECT user_id, NULL::integer AS team_id, company_id
                            FROM unnest(%s::integer[]) AS owner (user_id),
                                 unnest(%s::integer[]) AS company (company_id)) cell
                      WHERE %s
                      GROUP BY user_id) owner
                GROUP BY company_ids
                """,
                owner_ids,
                [*company_ids, None],
                self._visible(viewers, SQL("cell")),
            )
        )
        return [
            OwnerScope(tuple(owners), tuple(companies)) for owners, companies in rows
        ]

    @api.model
    def _basis(self, viewers: list[Viewer]) -> tuple | None:
        """Return what ``_visible`` follows from, to be compared with that of later.

        Equal ones let the same rows through. None: there is no telling, as where the
        past is read.
        """
        options = self._options()
        version = _closure_version(self.env, self.env.user)
        if version is None:
            return None
        leaders = tuple(self._team_leaders()) if options["team_leaders"] else ()
        return (version, tuple(options.items()), leaders, *viewers)

    def _see_a_team(self, viewers: list[Viewer]) -> bool:
        """Return whether it depends on a row's team, too, who sees it."""
        bounds = [bound for viewer in viewers for bound in viewer.bounded_by or ()]
        ids = [viewer.id for viewer in (*viewers, *bounds)]
        return self._options()["team_leaders"] and self._lead_a_team(ids)

    def _lead_a_team(self, user_ids: list[int]) -> bool:
        """Return whether one of the users leads a sales team."""
        return any(leader_id in user_ids for __, leader_id in self._team_leaders())

    def _team_leaders(self) -> list[tuple[int, int | None]]:
        """Return the sales teams, each with its leader."""
        query = SQL(
            """
            SELECT stream_id, (state -> 'user_id')::integer FROM cqrs_stream
            WHERE stream_model = 'crm.team' ORDER BY stream_id
            """
        )
        return once(self.env, ("team leaders",), lambda: self.env.execute_query(query))

    @api.model
    def _may_see(self, user, opportunity_id: int) -> bool:
        """Return whether a user sees an opportunity; False if there is none.

        Two index probes beside the user's profile, of however many opportunities.
        """
        query = SQL(
            "SELECT FROM cqrs_opportunity_view view WHERE view.id = %s AND %s",
            opportunity_id,
            self._visible(self._viewers(user), SQL("view")),
        )
        self.env.cr.execute(query)
        return bool(self.env.cr.rowcount)

    @api.model
    def _works_in(self, user, company_id: int) -> bool:
        """Return whether a user may work in a company."""
        query = SQL(
            "SELECT FROM cqrs_user_profile WHERE id = %s AND %s = ANY(company_ids)",
            user.id,
            company_id,
        )
        self.env.cr.execute(query)
        return bool(self.env.cr.rowcount)

    @api.model
    def _person(self, user, uuid: str):
        """Return the user of a profile if ``user`` may look as that one, else none.

        That is: if ``user`` would see an opportunity that the other one owns, in one
        of the companies that the other one works in.

        :param user: a ``res.users`` record
        """
        return user.browse(self._people(user, SQL("uuid = %s", uuid)))

    @api.model
    def _people(self, user, condition: SQL) -> list[int]:
        """Return the ids of those of some people as whom a user may look.

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
        """Return the query of who stands below whom, of those a user may look as.

        It gives ``viewer_id``, the ``user_id`` of the one below and the ``depth``; the
        same two people in each company in which it is so.
        """
        return SQL(
            """
            SELECT viewer_id, user_id, depth
            FROM (SELECT viewer_id, owner_id AS user_id, NULL::integer AS team_id,
                         company_id, depth
                  FROM cqrs_user_access
                  WHERE depth > 0 AND via = 'hierarchy') person
            WHERE EXISTS (SELECT FROM cqrs_user_profile profile
                          WHERE profile.id = user_id AND profile.active)
              AND %s
            """,
            self._visible(self._people_viewers(user), SQL("person")),
        )

    @api.model
    def _visible_opportunities(self, user) -> SQL:
        """Return the query of the opportunities that a user sees."""
        return SQL(
            "SELECT view.* FROM cqrs_opportunity_view view WHERE %s",
            self._visible(self._viewers(user), SQL("view")),
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

    @api.model
    def _options(self) -> dict[str, bool]:
        """Return which options of the settings are on."""

        def ask():
            parameters = self.env["ir.config_parameter"].sudo()
            return {
                option: str2bool(parameters.get_param(name) or "", default=False)
                for option, name in OPTIONS.items()
            }

        return once(self.env, ("options",), ask)


def _above(viewer: Viewer, row: SQL, via: str) -> SQL:
    if viewer.sees_few_owners:
        return _among_few(viewer, row, via)
    # Each EXISTS compares columns for equality alone: the planner can probe the index
    # for a few rows, or hash the viewer's owners once for many.
    return SQL(
        """
        EXISTS (SELECT FROM cqrs_user_access access
                WHERE access.viewer_id = %(viewer)s AND access.via = %(via)s
                  AND access.owner_id = %(row)s.user_id
                  AND access.company_id = %(row)s.company_id)
        OR (%(row)s.company_id IS NULL AND EXISTS (
                SELECT FROM cqrs_user_access access
                WHERE access.viewer_id = %(viewer)s AND access.via = %(via)s
                  AND access.owner_id = %(row)s.user_id))
        """,
        viewer=viewer.id,
        via=via,
        row=row,
    )


def _among_few(viewer: Viewer, row: SQL, via: str) -> SQL:
    # The same as arrays, which are made once: the condition is then one on indexed
    # columns alone. Each element is compared with each row, hence for few.
    owners = SQL(
        "SELECT owner_id FROM cqrs_user_access WHERE viewer_id = %s AND via = %s",
        viewer.id,
        via,
    )
    arms = [
        SQL(
            "(%s.company_id = %s AND %s.user_id = ANY(ARRAY(%s AND company_id = %s)))",
            row,
            company_id,
            row,
            owners,
            company_id,
        )
        for company_id in viewer.company_ids
    ]
    arms.append(
        SQL("(%s.company_id IS NULL AND %s.user_id = ANY(ARRAY(%s)))", row, row, owners)
    )
    return SQL(" OR ").join(arms)
