"""The organisation below a person, a level at a time, with each one's figures."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..metrics.figures import is_nothing
from ..metrics.people import Owners
from ..support.process_cache import VersionedCache
from .past_tree import Pair, Tree

LEVELS = VersionedCache("levels", size=128)
FORMER = VersionedCache("former people", size=128)
TREES = VersionedCache("past trees", size=32)

#: Stands for all former people among the ids of people
_FORMER = 0

#: Characters of a name that people are sorted by: a cursor has to fit into an address
SORTED_BY = 200


class Keyset(NamedTuple):
    """The place of a person among the reports of somebody.

    :ivar name: its first ``SORTED_BY`` characters
    """

    name: str
    id: int


class Former(NamedTuple):
    """Former people below a person, and who reported to them.

    :ivar owners: whose opportunities are theirs, and of those without a company also
        whose are people of companies that the viewer does not work in: owner and
        company of each
    :ivar members: the owners of each former person; None for a person who reported to
        one, whose owners are those below in the hierarchy
    """

    owners: Owners
    members: dict[int, Owners | None]


class CqrsReports(models.AbstractModel):
    """Reads the people below a person. Nothing is written.

    A person's reports are the users one level below in any company. Their metrics cover
    their own opportunities (*own*), those of everyone below (*team*), and both
    together, as far as the viewer sees them.

    The person's own opportunities, the reports' and those of *former* people are
    together what the person sees of the hierarchy: an archived salesperson keeps
    opportunities, and is above people who are no report's. Somebody who reports to two
    people in two companies counts in the rows of both.
    """

    _name = "cqrs.reports"
    _description = "Hierarchy"

    @api.model
    def _read_level(
        self,
        user,
        parent,
        after: Keyset | None = None,
        limit: int = 80,
        has_metrics: bool = False,
        company_ids: tuple[int, ...] | None = None,
        target_currency=None,
        is_former: bool = False,
        at: datetime | None = None,
        people: Callable | None = None,
    ) -> dict:
        """Return a person and a page of the reports, by name.

        :param user: the ``res.users`` record whose view it is
        :param parent: the ``res.users`` record whose reports are asked for
        :param has_metrics: give them; they cost as many people as are below
        :param company_ids: of ``cqrs.metrics``, as ``target_currency``
        :param is_former: former people and who reported to them, not the reports
        :param at: the moment whose hierarchy it is, aware; today's by default
        :param people: reads the metrics of people, by default those of now
        :return: ``{parent: node, total, items: [node], former, next: Keyset or None}``;
            a node is ``{id: uuid, user_id, name, email, is_manager, reports_count,
            metrics: {currency, **figures, own: figures, team: figures}}``, with figures
            as of ``cqrs.metrics``; ``former`` is ``{count, metrics}``, None if there
            are none. With ``is_former`` a node has ``is_former``, too.
        """
        access = self.env["cqrs.access"]
        version = access._people_version(access._people_viewers(user), at)
        tree = at and TREES.get(
            self.env, version, (parent.id,), lambda: self._ask_tree(user, parent, at)
        )
        former = FORMER.get(
            self.env,
            version,
            (parent.id,),
            lambda: (
                self._ask_former(user, parent)
                if tree is None
                else _former(tree, parent.id)
            ),
        )
        members = sorted(former.members) if is_former else None
        nodes, total, has_next = LEVELS.get(
            self.env,
            version,
            (parent.id, after, limit, is_former),
            lambda: self._ask_level(user, parent, after, limit, members, tree),
        )
        nodes = [{**node} for node in nodes]
        rest = None
        if is_former:
            for node in nodes[1:]:
                node["is_former"] = former.members[node["user_id"]] is not None
                if node["is_former"]:
                    node |= {"is_manager": False, "reports_count": 0}
        elif former.members or (former.owners and has_metrics):
            rest = {"count": len(former.members)}
        if has_metrics:
            ids = [node["user_id"] for node in nodes]
            owners = {id_: former.members.get(id_) for id_ in ids}
            owners = {id_: some for id_, some in owners.items() if some}
            if tree:
                owners = {id_: tree.owners(id_) for id_ in ids} | owners
            if rest:
                ids.append(_FORMER)
                owners = {**owners, _FORMER: former.owners}
            people = people or self.env["cqrs.metrics"]._read_people
            metrics = people(user, ids, company_ids, target_currency, owners)
            for node in nodes:
                node["metrics"] = metrics[node["user_id"]]
            if rest:
                rest["metrics"] = metrics[_FORMER]
                if not former.members and is_nothing(metrics[_FORMER]):
                    rest = None
        parent_node, *nodes = nodes
        last = nodes[-1] if has_next else None
        return {
            "parent": parent_node,
            "total": total,
            "items": nodes,
            "former": rest,
            "next": last and Keyset(last["name"][:SORTED_BY], last["user_id"]),
        }

    def _ask_former(self, user, parent) -> Former:
        """Return the former people below a person, and who reported to them.

        They are whoever is below the person, and neither a report nor below one. Of
        people in companies that the user does not work in nothing is said; but what
        they own without a company is seen, and counts.
        """
        rows = self.env.execute_query(
            SQL(
                """
                WITH report AS MATERIALIZED (
                    SELECT DISTINCT user_id FROM (%(below)s) below
                    WHERE viewer_id = %(parent)s AND depth = 1
                ),
                other AS MATERIALIZED (
                    SELECT user_id, company_id, is_shown,
                           NOT %(is_present)s AS is_former
                    FROM (SELECT person.*, %(visible)s AS is_shown
                          FROM (SELECT owner_id AS user_id, NULL::integer AS team_id,
                                       company_id
                                FROM cqrs_user_access
                                WHERE viewer_id = %(parent)s AND depth > 0
                                  AND via = 'hierarchy') person) person
                    WHERE NOT EXISTS (SELECT FROM report
                                      WHERE report.user_id = person.user_id)
                      AND NOT EXISTS (
                          SELECT FROM cqrs_user_access access
                          WHERE viewer_id IN (SELECT user_id FROM report)
                            AND depth > 0 AND via = 'hierarchy'
                            AND access.owner_id = person.user_id
                            AND (access.company_id = person.company_id
                                 OR NOT is_shown))
                )
                SELECT user_id, array_agg(company_id ORDER BY company_id), is_former,
                       is_shown,
                       bool_and(EXISTS (
                           SELECT FROM cqrs_user_access access
                           JOIN other above ON above.user_id = access.viewer_id
                           WHERE access.owner_id = other.user_id
                             AND access.company_id = other.company_id
                             AND access.depth > 0 AND access.via = 'hierarchy'
                             AND above.is_shown AND NOT above.is_former)) AS is_below
                FROM other GROUP BY user_id, is_former, is_shown
                """,
                parent=parent.id,
                below=self.env["cqrs.access"]._people_below(user),
                visible=self.env["cqrs.access"]._visible(
                    self.env["cqrs.access"]._people_viewers(user), SQL("person")
                ),
                is_present=self.env["cqrs.access"]._is_present(SQL("person.user_id")),
            )
        )
        owners, members = [], {}
        for user_id, company_ids, is_former, is_shown, is_below in rows:
            pairs = tuple((user_id, company_id) for company_id in company_ids)
            owners += pairs
            if is_shown and not is_below:
                members[user_id] = pairs if is_former else None
        return Former(tuple(owners), members)

    def _ask_tree(self, user, parent, at: datetime) -> Tree:
        """Return the people below a person at a moment."""
        rows = self.env["cqrs.access"]._pairs_below(user, parent.id, at)
        return Tree([Pair(*row) for row in rows])

    def _ask_level(
        self, user, parent, after, limit, among: list[int] | None, tree: Tree | None
    ) -> tuple[list[dict], int, bool]:
        """Return the nodes, how many reports there are, and whether more than these."""
        if among is None and tree:
            among = tree.reports(parent.id)
        if among is None:
            condition = SQL(
                """
                id IN (SELECT user_id FROM (%s) below
                       WHERE viewer_id = %s AND depth = 1)
                """,
                self.env["cqrs.access"]._people_below(user),
                parent.id,
            )
        else:
            condition = SQL("id = ANY(%s)", among)
        report_ids, total = self._first(condition, after, limit + 1)
        nodes = self._nodes(user, [parent.id, *report_ids[:limit]])
        for node in nodes if tree else ():
            node["is_manager"] = tree.is_manager(node["user_id"])
            node["reports_count"] = len(tree.reports(node["user_id"]))
        return nodes, total, len(report_ids) > limit

    def _first(self, condition: SQL, after, limit: int) -> tuple[list[int], int]:
        """Return the ids of the first of some people, and how many there are in all."""
        [(ids, total)] = self.env.execute_query(
            SQL(
                """
                WITH report AS (
                    SELECT left(name, %(sorted_by)s) AS name, id
                    FROM cqrs_user_profile WHERE %(condition)s
                )
                SELECT ARRAY(SELECT id FROM report WHERE %(beyond)s
                             ORDER BY name, id LIMIT %(limit)s),
                       (SELECT count(*) FROM report)
                """,
                sorted_by=SORTED_BY,
                condition=condition,
                beyond=SQL("(name, id) > (%s, %s)", *after) if after else SQL("TRUE"),
                limit=limit,
            )
        )
        return ids, total

    def _nodes(self, user, ids: list[int]) -> list[dict]:
        self.env.cr.execute(
            SQL(
                """
                SELECT profile.uuid AS id, profile.id AS user_id, profile.name,
                       profile.email,
                       EXISTS (SELECT FROM cqrs_user_access access
                               WHERE access.viewer_id = profile.id AND depth > 0
                                 AND via = 'hierarchy') AS is_manager,
                       COALESCE(reports, 0) AS reports_count
                FROM unnest(%(ids)s::integer[]) WITH ORDINALITY AS page (id, number)
                JOIN cqrs_user_profile profile ON profile.id = page.id
                LEFT JOIN (
                    SELECT viewer_id, count(DISTINCT user_id) AS reports
                    FROM (%(below)s) below
                    WHERE viewer_id = ANY(%(ids)s) AND depth = 1
                    GROUP BY viewer_id
                ) counted ON counted.viewer_id = page.id
                ORDER BY page.number
                """,
                below=self.env["cqrs.access"]._people_below(user),
                ids=ids,
            )
        )
        return self.env.cr.dictfetchall()


def _former(tree: Tree, person_id: int) -> Former:
    """Return the former people below a person at a moment, as ``_ask_former`` does."""
    others = tree.others(person_id)
    groups = defaultdict(list)
    for pair in others:
        groups[pair.owner_id, pair.is_present, pair.is_shown].append(pair)
    members = {}
    for (owner_id, is_present, is_shown), pairs in groups.items():
        if is_shown and not all(tree.is_below_one_of(pair, others) for pair in pairs):
            owners = tuple((pair.owner_id, pair.company_id) for pair in pairs)
            members[owner_id] = None if is_present else owners
    owners = tuple((pair.owner_id, pair.company_id) for pair in others)
    return Former(owners, members)
