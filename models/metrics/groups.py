"""The figures of groups: all of a grouping, in order of their labels."""

from odoo import api, fields, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..projections.metrics_tables import NOT_ZERO
from ..support.answer_context import without_jit
from ..support.exact_json import JsonText, dumps
from ..support.periods import Period
from ..support.process_cache import VersionedCache
from .figures import converted, exact, parts
from .groupings import GROUPINGS, member
from .sums import sums_of

#: The groups of salespeople that somebody sees, as JSON
SALESPEOPLE = VersionedCache("salespeople", size=32)


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    @api.model
    def _read_as_json(self, user, by, **asked) -> dict:
        """Return ``_read`` with the groups as JSON, which a process keeps if many.

        There are as many groups as people, and to make the figures of each takes longer
        than to add them up.

        :param asked: further arguments of ``_read``
        """
        if tuple(by) != ("salesperson",):
            return self._read(user, by, **asked)

        def make() -> JsonText:
            return JsonText(dumps(self._read(user, by, **asked)["groups"]))

        key = user.id, *sorted(asked.items())
        groups = SALESPEOPLE.get(self.env, self._version_of_groups(user), key, make)
        return {**self._read(user, **asked), "groups": groups}

    def _version_of_groups(self, user) -> tuple | None:
        """Return the version of the groups of people and their figures."""
        asking = AnswerContext.of(self.env)
        folded = self._version(self.env["cqrs.access"]._viewers(user))
        if folded is None or asking.people_version is None:
            return None
        return (
            folded,
            asking.people_version,
            # Other events change neither.
            tuple(asking.last_event) if asking.has_tail else None,
            asking.left_out,
            AnswerContext.of(self.env, user).currencies_version,
            fields.Date.today(),
        )

    def _sums_of_groups(self, by: str, asked: dict, closes: Period) -> list[dict]:
        """Return the sums of each group in each currency, as ``_sums``.

        :param asked: ``viewers``, ``own_id``, ``currency`` and ``company_ids``, as for
            ``_sums``
        :param closes: the period in which they close
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
                rows=self._rows_by(
                    (by,), asked["viewers"], asked["company_ids"], closes
                ),
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
