"""The figures of groups: all of a grouping, in order of their labels."""

from odoo import api, fields, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..projections.metrics_tables import METRICS
from ..support.answer_context import without_jit
from ..support.exact_json import JsonText, dumps
from ..support.process_cache import VersionedCache
from .figures import converted, exact, parts
from .groupings import GROUPINGS, member
from .sums import sums_of

#: The figures that somebody sees, as JSON; those of groups may be thousands
TOTALS = VersionedCache("figures", size=1024)
GROUPS = VersionedCache("figures of groups", size=32)


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    @api.model
    def _read_as_json(
        self, user, by=(), calendar=None, period=None, filters=None, **asked
    ) -> dict[str, JsonText]:
        """Return ``_read`` as JSON, which a process keeps while it stays the same.

        To make the figures, above all of thousands of people, takes longer than to add
        them up.

        :param asked: further arguments of ``_read``
        """

        def make() -> dict[str, JsonText]:
            answer = self._read(
                user, by, calendar=calendar, period=period, filters=filters, **asked
            )
            return {name: JsonText(dumps(value)) for name, value in answer.items()}

        asking = AnswerContext.of(self.env)
        # What closed in the period before is counted up to the present moment, and what
        # filters leave may follow from anything.
        is_kept = period is None and filters is None
        version = self._version_of_figures(user, by) if is_kept else None
        today = calendar and asking.today(calendar)
        key = user.id, by, calendar, today, *sorted(asked.items())
        kept = (GROUPS if by else TOTALS).get(self.env, version, key, make)
        return {**kept, "computed_at": JsonText(dumps(asking.answered_at))}

    def _version_of_figures(self, user, by: tuple[str, ...]) -> tuple | None:
        """Return the version of figures and of the groups' labels."""
        asking = AnswerContext.of(self.env)
        folded = self._version(self.env["cqrs.access"]._viewers(user))
        if folded is None or asking.people_version is None:
            return None
        follows_from_few = set(by) <= {"salesperson", "month"} and not asking.has_tail
        return (
            folded,
            asking.people_version,
            None if follows_from_few else asking.log_version,
            self.env.lang if by else None,
            asking.left_out,
            AnswerContext.of(self.env, user).currencies_version,
            fields.Date.today(),
        )

    def _sums_of_groups(self, by: str, asked: dict, rows: SQL) -> list[dict]:
        """Return the sums of each group in each currency, as ``_sums``.

        :param asked: ``viewers``, ``own_id``, ``currency`` and ``company_ids``, as for
            ``_sums``
        :param rows: the query of the rows to group, as of ``_rows_by``
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
                rows=rows,
                not_zero=METRICS.not_zero,
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
