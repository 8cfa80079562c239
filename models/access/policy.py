"""The one definition of access: the conditions in SQL under which a user sees a row.

A row is one of an opportunity, an order or an invoice, or of sums of these: it has an
owner (``user_id``), a team and a company. A user sees a row whose company, if it has
one, is among those that the user may work in, and

* all such rows, with *All Documents* or as an administrator;
* those that the user owns;
* those whose owner is below the user in the hierarchy of the row's company, or of any
  company for a row without one;
* as options of the settings, which companies may set for themselves: those of a team
  that the user leads; those without an owner, if the user is a salesperson; those whose
  owner is in a department that the user manages;
* those that a lender of a view sees, for as long as the delegation lasts, in the
  companies that the user may work in.

A user who looks as somebody else sees no more than both of them see. A user without an
active profile (archived, or of the portal) sees nothing, nor does a user who may not
read the model in Odoo (leads, orders, invoices); ``viewers.py`` leaves them out.

>>> seller = Viewer(7, company_ids=(1, 2), is_salesperson=True, sees_all=False)
>>> head = Viewer(3, company_ids=(1,), is_salesperson=True, sees_all=True)
>>> condition = visible([head], SQL("lead"), Options())
>>> condition.code
'((lead.company_id IS NULL OR lead.company_id = ANY(%s)))'
>>> condition.params
[[1]]
>>> sorted(reasons(seller, SQL("lead"), Options(unassigned=True)))
['hierarchy', 'owner', 'unassigned']
>>> visible([], SQL("lead"), Options()).code
'(FALSE)'

The hierarchy may be that of another moment (``Hierarchy``), and everything else of
today. Then, but for an option, a user sees no row that the hierarchy of today hides.

A condition costs a probe of the index of ``cqrs_user_access`` for each row and viewer,
or one hash of the viewer's owners for many rows. No opportunity stores who sees it: a
manager's move writes rows of people alone.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from odoo.tools import SQL

from ..support.sql_arrays import integers


@dataclass(frozen=True)
class Row:
    """The columns of a relation that decide who sees a row of it."""

    user_id: SQL
    team_id: SQL
    company_id: SQL

    @classmethod
    def of(cls, row: "SQL | Row") -> "Row":
        """Return the columns of an alias; the row itself if it is one."""
        if isinstance(row, Row):
            return row
        return cls(
            SQL("%s.user_id", row), SQL("%s.team_id", row), SQL("%s.company_id", row)
        )


class ByCompany(NamedTuple):
    """An option that is on for the rows of some companies alone.

    :ivar is_on: for rows of no company, and of companies that have not set it
    :ivar others: the companies in which it is the other way, sorted; one at least
    """

    is_on: bool
    others: tuple[int, ...]

    def holds(self, company_id: SQL) -> SQL:
        """Return the condition that the option is on for a row's company."""
        others = SQL("COALESCE(%s = ANY(%s), false)", company_id, list(self.others))
        return SQL("NOT %s", others) if self.is_on else others


@dataclass(frozen=True)
class Options:
    """The options of the settings that let users see more.

    :ivar past_teams: where the hierarchy is that of another moment, it alone decides
    """

    team_leaders: bool | ByCompany = False
    unassigned: bool | ByCompany = False
    department_managers: bool | ByCompany = False
    past_teams: bool | ByCompany = False


def _where(option: bool | ByCompany, row: Row, condition: SQL) -> SQL:
    """Return a condition that holds where an option is on, somewhere at least."""
    if isinstance(option, ByCompany):
        return SQL("(%s AND %s)", option.holds(row.company_id), condition)
    return condition


@dataclass(frozen=True)
class Hierarchy:
    """The owners below some viewers at a moment.

    :ivar owner_ids: ``{(viewer id, via): {company id: owners}}``, with ``via`` as in
        ``cqrs_user_access``
    """

    owner_ids: dict[tuple[int, str], dict[int, tuple[int, ...]]] = field(
        default_factory=dict
    )

    def above(self, viewer: "Viewer", row: Row, via: str) -> SQL:
        """Return the condition that a row's owner was below a viewer."""
        owners = self.owner_ids.get((viewer.id, via), {})
        arms = [
            SQL(
                "(%s = %s AND %s = ANY(%s))",
                row.company_id,
                company_id,
                row.user_id,
                integers(owners[company_id]),
            )
            for company_id in viewer.company_ids
            if company_id in owners
        ]
        if owners:
            arms.append(
                SQL(
                    "(%s IS NULL AND %s = ANY(%s))",
                    row.company_id,
                    row.user_id,
                    integers(self.all_owner_ids(viewer, via)),
                )
            )
        return SQL("(%s)", SQL(" OR ").join(arms or [SQL("FALSE")]))

    def all_owner_ids(self, viewer: "Viewer", via: str) -> list[int]:
        """Return the owners who were below a viewer in any company."""
        owners = self.owner_ids.get((viewer.id, via), {})
        return sorted({id_ for each in owners.values() for id_ in each})


@dataclass(frozen=True)
class Viewer:
    """A user through whose eyes opportunities, orders or invoices are seen.

    :ivar company_ids: companies that the user may work in; for a lender, only those
        that the delegate may work in, too
    :ivar sees_all: the user has *All Documents*, or is an administrator; for invoices,
        also who does their accounting
    :ivar own_only: the user sees their own rows and no others
    :ivar sees_few_owners: an index on the owner finds the rows
    :ivar bounded_by: one of these must see a row, too; None is no such bound
    """

    id: int
    company_ids: tuple[int, ...]
    is_salesperson: bool
    sees_all: bool
    own_only: bool = False
    sees_few_owners: bool = False
    bounded_by: "tuple[Viewer, ...] | None" = None


def visible(
    viewers: list[Viewer],
    row: SQL | Row,
    options: Options,
    hierarchy: Hierarchy | None = None,
) -> SQL:
    """Return the condition under which one of the viewers sees a row.

    :param row: the alias of a relation with ``user_id``, ``team_id``, ``company_id``,
        or these columns
    :param hierarchy: that of a moment; today's by default
    """
    row = Row.of(row)
    conditions = [_sees(viewer, row, options, hierarchy) for viewer in viewers]
    condition = SQL("(%s)", SQL(" OR ").join(conditions or [SQL("FALSE")]))
    if hierarchy is None or options.past_teams is True:
        return condition
    today = visible(viewers, row, options)
    if options.past_teams:
        holds = options.past_teams.holds(row.company_id)
        return SQL("(%s AND (%s OR %s))", condition, holds, today)
    return SQL("(%s AND %s)", condition, today)


def _sees(
    viewer: Viewer, row: Row, options: Options, hierarchy: Hierarchy | None
) -> SQL:
    if viewer.bounded_by is not None:
        return SQL(
            "(%s AND %s)",
            _sees(replace(viewer, bounded_by=None), row, options, hierarchy),
            visible(list(viewer.bounded_by), row, options, hierarchy),
        )
    if viewer.sees_all and not viewer.own_only:
        return in_company(viewer, row)
    return SQL(
        "(%s AND (%s))",
        in_company(viewer, row),
        SQL(" OR ").join(reasons(viewer, row, options, hierarchy).values()),
    )


def in_company(viewer: Viewer, row: SQL | Row) -> SQL:
    """Return the condition that the viewer may work in a row's company."""
    return in_companies(viewer.company_ids, row)


def in_companies(company_ids: tuple[int, ...], row: SQL | Row) -> SQL:
    """Return the condition that a row is of one of some companies, or of none."""
    return SQL(
        "(%(company)s IS NULL OR %(company)s = ANY(%(companies)s))",
        company=Row.of(row).company_id,
        companies=list(company_ids),
    )


def reasons(
    viewer: Viewer,
    row: SQL | Row,
    options: Options,
    hierarchy: Hierarchy | None = None,
) -> dict[str, SQL]:
    """Return the conditions by name, of which one must hold for the viewer."""
    row = Row.of(row)
    above = _above if hierarchy is None else hierarchy.above
    conditions = {"owner": SQL("%s = %s", row.user_id, viewer.id)}
    if viewer.own_only:
        return conditions
    conditions["hierarchy"] = above(viewer, row, "hierarchy")
    if options.department_managers:
        conditions["department_managers"] = _where(
            options.department_managers,
            row,
            SQL("(%s)", above(viewer, row, "department")),
        )
    if options.team_leaders:
        is_of_team = SQL(
            """
            EXISTS (SELECT FROM cqrs_stream team
                    WHERE team.stream_model = 'crm.team'
                      AND team.stream_id = %s
                      AND team.state -> 'user_id' = to_jsonb(%s))
            """,
            row.team_id,
            viewer.id,
        )
        conditions["team_leaders"] = _where(options.team_leaders, row, is_of_team)
    if options.unassigned and viewer.is_salesperson:
        conditions["unassigned"] = _where(
            options.unassigned, row, SQL("%s IS NULL", row.user_id)
        )
    return conditions


def visible_owners(
    viewers: list[Viewer],
    options: Options,
    team_leader_ids: set[int],
    hierarchy: Hierarchy | None = None,
) -> SQL | None:
    """Return the query of the users whose opportunities one of the viewers may see.

    Each owner whom ``visible`` lets through is in it, some others may be, or some
    twice; NULL stands for no owner. None: the owners do not decide, as for a viewer who
    sees everything or leads a team.

    :param team_leader_ids: whoever leads a sales team, where leaders see their team
    :param hierarchy: as for ``visible``
    """
    if any(viewer.sees_all and not viewer.own_only for viewer in viewers):
        # The user sees everything, so that the bound alone decides.
        bounds = viewers[0].bounded_by
        if bounds is None:
            return None
        return visible_owners(list(bounds), options, team_leader_ids, hierarchy)
    owners = [SQL("SELECT unnest(%s::integer[])", [viewer.id for viewer in viewers])]
    if above := [viewer for viewer in viewers if not viewer.own_only]:
        if any(viewer.id in team_leader_ids for viewer in above):
            return None
        vias = ["hierarchy"] + ["department"] * bool(options.department_managers)
        if hierarchy is None:
            owners.append(
                SQL(
                    """
                    SELECT owner_id FROM cqrs_user_access
                    WHERE viewer_id = ANY(%s) AND via = ANY(%s)
                    """,
                    [viewer.id for viewer in above],
                    vias,
                )
            )
        else:
            ids = {
                id_
                for viewer in above
                for via in vias
                for id_ in hierarchy.all_owner_ids(viewer, via)
            }
            owners.append(SQL("SELECT unnest(%s)", integers(sorted(ids))))
        if options.unassigned and any(viewer.is_salesperson for viewer in above):
            owners.append(SQL("SELECT NULL"))
    return SQL(" UNION ALL ").join(owners)


def see_everything(viewers: list[Viewer]) -> bool:
    """Return whether only a row's company decides if one of the viewers sees it."""
    bounds = [bound for viewer in viewers for bound in viewer.bounded_by or ()]
    return bool(viewers) and all(
        viewer.sees_all and not viewer.own_only for viewer in (*viewers, *bounds)
    )


def depends_on_team(viewers: list[Viewer], team_leader_ids: set[int]) -> bool:
    """Return whether a row's team, too, decides if one of the viewers sees it."""
    bounds = [bound for viewer in viewers for bound in viewer.bounded_by or ()]
    return any(viewer.id in team_leader_ids for viewer in (*viewers, *bounds))


def _above(viewer: Viewer, row: Row, via: str) -> SQL:
    if viewer.sees_few_owners:
        return _among_few(viewer, row, via)
    # Each EXISTS compares columns for equality alone: the planner can probe the index
    # for a few rows, or hash the viewer's owners once for many.
    return SQL(
        """
        EXISTS (SELECT FROM cqrs_user_access access
                WHERE access.viewer_id = %(viewer)s AND access.via = %(via)s
                  AND access.owner_id = %(owner)s
                  AND access.company_id = %(company)s)
        OR (%(company)s IS NULL AND EXISTS (
                SELECT FROM cqrs_user_access access
                WHERE access.viewer_id = %(viewer)s AND access.via = %(via)s
                  AND access.owner_id = %(owner)s))
        """,
        viewer=viewer.id,
        via=via,
        owner=row.user_id,
        company=row.company_id,
    )


def _among_few(viewer: Viewer, row: Row, via: str) -> SQL:
    # The same as arrays, which are made once: the condition is then one on indexed
    # columns alone. Each element is compared with each row, hence for few.
    owners = SQL(
        "SELECT owner_id FROM cqrs_user_access WHERE viewer_id = %s AND via = %s",
        viewer.id,
        via,
    )
    arms = [
        SQL(
            "(%s = %s AND %s = ANY(ARRAY(%s AND company_id = %s)))",
            row.company_id,
            company_id,
            row.user_id,
            owners,
            company_id,
        )
        for company_id in viewer.company_ids
    ]
    arms.append(
        SQL(
            "(%s IS NULL AND %s = ANY(ARRAY(%s)))",
            row.company_id,
            row.user_id,
            owners,
        )
    )
    return SQL(" OR ").join(arms)
