"""Access as record rules of Odoo, for leads and for the read models.

A rule names a field that is not stored; its search gives a condition in SQL on the
row itself. Odoo caches the domains of rules for each user, but not the condition of
such a field, so a change of the hierarchy shows at the next search.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..support.bound_companies import BOUND
from . import thresholds
from .policy import Viewer
from .viewers import LEADS

#: The privilege *User: Own and Team's Documents*
TEAM = "crm_cqrs.group_sale_team"

#: Models beside the lead that decide who sees it: captured models, and models of which
#: these show a column; with the columns that a flush may have to recompute
SOURCES = {
    "hr.version": ["department_id"],
    "hr.employee": ["user_id", "parent_id", "company_id", "active"],
    "hr.department": ["manager_id", "parent_id"],
    "crm.team": ["user_id"],
    "res.users": ["active", "share", "company_id"],
    "res.groups": ["name"],
}

#: Gives the condition on a row, by the alias of its table; None holds for no row
Condition = Callable[[SQL], SQL]


class CqrsRule(models.AbstractModel):
    """Fields of a model that say whether a condition in SQL holds for a row.

    The fields are computed, and searched, by ``_cqrs_compute`` and ``_cqrs_search``.
    """

    _name = "cqrs.rule"
    _description = "Access Rule in SQL"

    #: Names of those fields
    _cqrs_conditions: tuple[str, ...] = ()

    def _check_access(self, operation):
        # They follow from more than the record's own fields, and from the day.
        self.invalidate_recordset(self._cqrs_conditions, flush=False)
        return super()._check_access(operation)

    def _cqrs_compute(self, fname: str, condition: Condition | None):
        ids, found = self._origin._ids, set()
        if ids and condition:
            row = SQL.identifier("row")
            query = SQL(
                "SELECT %(row)s.id FROM %(table)s %(row)s"
                " WHERE %(row)s.id = ANY(%(ids)s) AND %(condition)s",
                row=row,
                table=SQL.identifier(self._table),
                ids=list(ids),
                condition=condition(row),
            )
            found = {id_ for (id_,) in self.env.execute_query(query)}
        for record in self:
            record[fname] = record._origin.id in found

    def _cqrs_search(self, operator: str, value, condition: Condition | None):
        # Odoo asks a boolean field nothing but "in" and "not in".
        named = operator == "in"
        accepted = {each for each in (True, False) if (each in value) is named}
        if not condition:
            return Domain(False in accepted)
        if len(accepted) != 1:
            return Domain(bool(accepted))
        code = "%s" if True in accepted else "(%s) IS NOT TRUE"
        return Domain.custom(
            to_sql=lambda model, alias, query: SQL(
                code, condition(SQL.identifier(alias))
            )
        )


class CqrsAccess(models.AbstractModel):
    _inherit = "cqrs.access"

    @api.model
    def _own_view(self, user, model: str = LEADS) -> list[Viewer]:
        """Return the user as a viewer; none for no profile or no right to the model."""
        if not self._may_read(user.id, model):
            return []
        self._capture_sources()
        viewers = self._of_documents(model, self._viewers_through(user, []))
        return self._counted(viewers)

    @api.model
    def _lent_views(self, user, model: str = LEADS) -> list[Viewer]:
        """Return the viewers who lend the user their view in Odoo's own screens.

        A lender who sees only their own documents there lends no more than these.
        """
        lender_ids = self._lenders(user, model)
        if not lender_ids:
            return []
        self._capture_sources()
        users = self.env["res.users"].sudo()
        return self._counted(
            [
                replace(lender, own_only=not users.browse(lender.id).has_group(TEAM))
                for lender in self._of_documents(
                    model, self._viewers_through(user, lender_ids)
                )
                if lender.id != user.id
            ]
        )

    def _counted(self, viewers: list[Viewer]) -> list[Viewer]:
        """Return the viewers, with ``sees_few_owners`` set."""
        query = SQL(
            "SELECT (SELECT count(*) FROM (SELECT FROM cqrs_user_access"
            " WHERE viewer_id = viewer.id LIMIT %s) owner)"
            " FROM unnest(%s::integer[]) WITH ORDINALITY AS viewer (id, place)"
            " ORDER BY place",
            thresholds.INDEXED_OWNERS + 1,
            [viewer.id for viewer in viewers],
        )
        return [
            replace(viewer, sees_few_owners=count <= thresholds.INDEXED_OWNERS)
            for viewer, (count,) in zip(
                viewers, self.env.execute_query(query), strict=True
            )
        ]

    def _capture_sources(self):
        for model, names in SOURCES.items():
            self.env[model].flush_model(names)
        self.env["base"]._cqrs_capture_pending(SOURCES)


class CrmLead(models.Model):
    _name = "crm.lead"
    _inherit = ("crm.lead", "cqrs.rule")
    _cqrs_conditions = ("cqrs_in_team", "cqrs_lent")

    cqrs_in_team = fields.Boolean(
        "Mine or My Team's",
        compute="_compute_cqrs_in_team",
        search="_search_cqrs_in_team",
    )
    cqrs_lent = fields.Boolean(
        "Lent to Me", compute="_compute_cqrs_lent", search="_search_cqrs_lent"
    )

    @api.depends("user_id", "team_id", "company_id")
    @api.depends_context("uid", BOUND)
    def _compute_cqrs_in_team(self):
        self._cqrs_compute("cqrs_in_team", self._cqrs_in_team())

    def _search_cqrs_in_team(self, operator, value):
        return self._cqrs_search(operator, value, self._cqrs_in_team())

    @api.depends("user_id", "team_id", "company_id")
    @api.depends_context("uid", BOUND)
    def _compute_cqrs_lent(self):
        self._cqrs_compute("cqrs_lent", self._cqrs_lent())

    def _search_cqrs_lent(self, operator, value):
        return self._cqrs_search(operator, value, self._cqrs_lent())

    def _cqrs_in_team(self):
        return self._cqrs_seen_by(self.env["cqrs.access"]._own_view(self.env.user))

    def _cqrs_lent(self):
        return self._cqrs_seen_by(self.env["cqrs.access"]._lent_views(self.env.user))

    def _cqrs_seen_by(self, viewers: list[Viewer]) -> Condition | None:
        # On the lead's own columns: they hold of leads that are no opportunities too,
        # and a write need not be recorded to be seen.
        columns = [self._fields[name] for name in ("user_id", "team_id", "company_id")]
        access = self.env["cqrs.access"]
        return viewers and (
            lambda row: SQL("%s", access._visible(viewers, row), to_flush=columns)
        )


class CqrsShowsModel(models.AbstractModel):
    """Hides read models from users who may not read the model that they show."""

    _name = "cqrs.shows.model"
    _description = "Read Model Mixin"

    #: The model of Odoo, which may be missing
    _cqrs_shown = LEADS

    def _check_access(self, operation):
        if not self.env["cqrs.access"]._may_read(self.env.uid, self._cqrs_shown):
            rights = self.env["ir.model.access"]
            shown = self._cqrs_shown if self._cqrs_shown in self.env else self._name
            return self, partial(rights._make_access_error, shown, "read")
        return super()._check_access(operation)


class CqrsSeenRow(models.AbstractModel):
    """Read models whose rows have an owner, a team and a company."""

    _name = "cqrs.seen.row"
    _inherit = ("cqrs.shows.model", "cqrs.rule")
    _description = "Row Visible by Its Owner"
    _cqrs_conditions = ("is_visible",)

    is_visible = fields.Boolean(
        "Visible to Me", compute="_compute_is_visible", search="_search_is_visible"
    )
    viewer_id = fields.Many2one(
        "res.users",
        "Visible To",
        compute="_compute_viewer_id",
        search="_search_viewer_id",
        help="Search by a person's name for what is on their dashboard: your own or"
        " that of a team member.",
    )

    def _cqrs_viewers(self, user) -> list[Viewer]:
        """Return the viewers through whose eyes a user sees the rows."""
        # With sudo, too: Odoo itself sometimes evaluates domains with it.
        access = self.env(su=False)["cqrs.access"]
        return access._document_viewers(user, self._cqrs_shown)

    @api.depends_context("uid", BOUND)
    def _compute_is_visible(self):
        self._cqrs_compute("is_visible", self._cqrs_visible())

    def _search_is_visible(self, operator, value):
        return self._cqrs_search(operator, value, self._cqrs_visible())

    def _cqrs_visible(self) -> Condition | None:
        self.env["base"]._cqrs_capture_pending()
        access = self.env["cqrs.access"]
        viewers = self._cqrs_viewers(self.env.user)
        return viewers and (lambda row: access._visible(viewers, row))

    def _compute_viewer_id(self):
        # Many see it: there is no one value.
        self.viewer_id = False

    def _search_viewer_id(self, operator, value):
        if operator != "in":
            return NotImplemented
        # As in the API, users may ask for themselves and for those whom they may look
        # as.
        access = self.env(su=False)["cqrs.access"]
        asked = [id_ for id_ in value if type(id_) is int]
        person_ids = access._people(self.env.user, SQL("id = ANY(%s)", asked))
        users = self.env["res.users"].browse(person_ids)
        viewers = [viewer for user in users for viewer in self._cqrs_viewers(user)]
        return Domain.custom(
            to_sql=lambda model, alias, query: access._visible(
                viewers, SQL.identifier(alias)
            )
        )


class CqrsOpportunityView(models.Model):
    _name = "cqrs.opportunity.view"
    _inherit = ("cqrs.opportunity.view", "cqrs.seen.row")


class CqrsPerson(models.AbstractModel):
    """Read models with a row for each user."""

    _name = "cqrs.person"
    _inherit = "cqrs.rule"
    _description = "Person in the Hierarchy"
    _cqrs_conditions = ("is_in_team",)

    #: The column of the user
    _cqrs_person = "user_id"

    is_in_team = fields.Boolean(
        "Me or My Team", compute="_compute_is_in_team", search="_search_is_in_team"
    )

    @api.depends_context("uid", BOUND)
    def _compute_is_in_team(self):
        self._cqrs_compute("is_in_team", self._cqrs_in_team())

    def _search_is_in_team(self, operator, value):
        return self._cqrs_search(operator, value, self._cqrs_in_team())

    def _cqrs_in_team(self) -> Condition | None:
        self.env["base"]._cqrs_capture_pending()
        viewers = self.env["cqrs.access"]._viewers_through(self.env.user, [])
        return viewers and (
            lambda row: SQL(
                """
                EXISTS (SELECT FROM cqrs_user_access below
                        WHERE below.viewer_id = %s AND below.via = 'hierarchy'
                          AND below.owner_id = %s.%s
                          AND (below.company_id IS NULL
                               OR below.company_id = ANY(%s)))
                """,
                viewers[0].id,
                row,
                SQL.identifier(self._cqrs_person),
                list(viewers[0].company_ids),
            )
        )


class CqrsUserProfile(models.Model):
    _name = "cqrs.user.profile"
    _inherit = ("cqrs.user.profile", "cqrs.person")
    _cqrs_person = "id"


class CqrsUserAccess(models.Model):
    _name = "cqrs.user.access"
    _inherit = ("cqrs.user.access", "cqrs.person")
    _cqrs_person = "viewer_id"


class ResGroups(models.Model):
    _inherit = "res.groups"

    @api.ondelete(at_uninstall=True)
    def _unlink_keep_sales_access(self):
        """Leave the members of the team's privilege the next one below."""
        team = self.env.ref(TEAM, raise_if_not_found=False)
        if team and team in self:
            own = self.env.ref("sales_team.group_sale_salesman")
            own.user_ids |= team.user_ids
