"""The organisation below a person, a level at a time, with each one's figures."""

from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..support.process_cache import VersionedCache

LEVELS = VersionedCache("levels", size=128)

#: Characters of a name that people are sorted by: a cursor has to fit into an address
SORTED_BY = 200


class Keyset(NamedTuple):
    """The place of a person among the reports of somebody.

    :ivar name: its first ``SORTED_BY`` characters
    """

    name: str
    id: int


class CqrsReports(models.AbstractModel):
    """Reads the people below a person. Nothing is written.

    A person's reports are the users one level below in any company. Their metrics cover
    their own opportunities (*own*), those of everyone below (*team*), and both
    together, as far as the viewer sees them.
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
    ) -> dict:
        """Return a person and a page of the reports, by name.

        :param user: the ``res.users`` record whose view it is
        :param parent: the ``res.users`` record whose reports are asked for
        :param has_metrics: give them; they cost as many people as are below
        :param company_ids: of ``cqrs.metrics``, as ``target_currency``
        :return: ``{parent: node, total, items: [node], next: Keyset or None}``; a node
            is ``{id: uuid, user_id, name, email, is_manager, reports_count, metrics:
            {currency, **figures, own: figures, team: figures}}``, with figures as of
            ``cqrs.metrics``
        """
        access = self.env["cqrs.access"]
        nodes, total, has_next = LEVELS.get(
            self.env,
            access._people_version(access._people_viewers(user)),
            (parent.id, after, limit),
            lambda: self._ask_level(user, parent, after, limit),
        )
        nodes = [{**node} for node in nodes]
        if has_metrics:
            ids = [node["user_id"] for node in nodes]
            metrics = self.env["cqrs.metrics"]._read_people(
                user, ids, company_ids, target_currency
            )
            for node in nodes:
                node["metrics"] = metrics[node["user_id"]]
        parent_node, *nodes = nodes
        last = nodes[-1] if has_next else None
        return {
            "parent": parent_node,
            "total": total,
            "items": nodes,
            "next": last and Keyset(last["name"][:SORTED_BY], last["user_id"]),
        }

    def _ask_level(self, user, parent, after, limit) -> tuple[list[dict], int, bool]:
        """Return the nodes, how many reports there are, and whether more than these."""
        report_ids, total = self._reports(user, parent, after, limit + 1)
        nodes = self._nodes(user, [parent.id, *report_ids[:limit]])
        return nodes, total, len(report_ids) > limit

    def _reports(self, user, parent, after, limit) -> tuple[list[int], int]:
        """Return the ids of the first reports, and how many there are in all."""
        [(ids, total)] = self.env.execute_query(
            SQL(
                """
                WITH report AS (
                    SELECT left(name, %(sorted_by)s) AS name, id
                    FROM cqrs_user_profile
                    WHERE id IN (SELECT user_id FROM (%(below)s) below
                                 WHERE viewer_id = %(parent)s AND depth = 1)
                )
                SELECT ARRAY(SELECT id FROM report WHERE %(beyond)s
                             ORDER BY name, id LIMIT %(limit)s),
                       (SELECT count(*) FROM report)
                """,
                sorted_by=SORTED_BY,
                parent=parent.id,
                below=self.env["cqrs.access"]._people_below(user),
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
                       profile.email, COALESCE(reports, 0) > 0 AS is_manager,
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
