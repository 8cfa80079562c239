"""The figures of groups: all of a grouping, in order of their labels."""

from odoo import models
from odoo.tools import SQL

from ..projections.metrics_tables import NOT_ZERO
from ..support.answer_context import without_jit
from .figures import converted, exact, parts
from .groupings import GROUPINGS, member
from .sums import sums_of


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    def _sums_of_groups(self, by: str, asked: dict) -> list[dict]:
        """Return the sums of each group in each currency, as ``_sums``.

        :param asked: ``viewers``, ``own_id``, ``currency`` and ``company_ids``, as for
            ``_sums``
        """
        without_jit(self.env)
        self.env.cr.execute(
            SQL(
                """
                SELECT COALESCE(currency_id, %(currency)s) AS currency_id,
                       true AS is_group, %(column)s AS "group", %(sums)s
                FROM (%(rows)s) metrics
                GROUP BY 1, 3 HAVING %(not_zero)s
                """,
                currency=asked["currency"].id,
                column=SQL.identifier(GROUPINGS[by].column),
                sums=sums_of(SQL("user_id = %s", asked["own_id"])),
                rows=self._rows_by((by,), asked["viewers"], asked["company_ids"]),
                not_zero=NOT_ZERO,
            )
        )
        return exact(self.env.cr.dictfetchall())

    def _all_groups(
        self, by: str, rows: list[dict], whole: dict, rates: dict, currency
    ) -> list[dict]:
        """Return all groups of a grouping, in order of the labels.

        :param rows: the sums of each group in each currency
        :param whole: the figures of all
        :return: ``[{<by>: label, **figures, own: figures, team: figures}]``
        """
        groups = {}
        for row in rows:
            if row["is_group"]:
                groups.setdefault(row["group"], []).append(row)
        labels = self._labels(by, set(groups))
        keys = [key for key in labels if key in groups]
        sums = [converted(groups[key], rates) for key in keys]
        return [
            {member(by): labels[key], **part}
            for key, part in zip(keys, parts(whole, sums, currency), strict=True)
        ]
