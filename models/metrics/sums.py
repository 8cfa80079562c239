"""The sums of the opportunities that a person sees: folded sums and the tail."""

from datetime import date
from itertools import chain

from odoo import models
from odoo.tools import SQL

from ..access import policy
from ..access.answer_context import AnswerContext
from ..access.owner_scopes import are_few, in_scopes
from ..projections.metrics_tables import (
    AMOUNTS,
    KEY,
    MEASURES,
    METRICS,
    ROLL_UP,
    TAIL,
)
from ..projections.table import each
from ..support.answer_context import without_jit
from ..support.process_cache import VersionedCache
from .figures import added, exact

#: The columns by which there are sums of all owners and teams; None for no groups
OF_ALL = (None, "stage_id", "month")

#: The folded sums that somebody sees
FOLDED = VersionedCache("folded sums", size=1024)


def sums_of(own: SQL) -> SQL:
    """Return the columns of the sums of each measure, over all and over the own.

    :param own: the condition of the latter
    """
    return SQL(", ").join(_sum(name, own) for name in MEASURES)


def _sum(name: str, own: SQL) -> SQL:
    # Odoo's cursor turns numeric into float, and leaves text alone.
    text = SQL("::text") if name in AMOUNTS else SQL()
    return SQL(
        """
        COALESCE(sum(%(name)s), 0)%(text)s AS %(name)s,
        COALESCE(sum(%(name)s) FILTER (WHERE %(own)s), 0)%(text)s AS %(own_name)s
        """,
        name=SQL.identifier(name),
        own_name=SQL.identifier(f"own_{name}"),
        own=own,
        text=text,
    )


def _within(first: date | None, until: date | None) -> SQL:
    conditions = [SQL("month >= %s", first)] if first else []
    conditions += [SQL("month < %s", until)] if until else []
    return SQL(" AND ").join(conditions or [SQL("TRUE")])


class CqrsMetrics(models.AbstractModel):
    """Adds the folded sums to those of the tail.

    Folded sums change only with a fold or with somebody's access: a process keeps them
    until then. So the metrics of a user who sees thousands of owners cost as much as
    the tail.
    """

    _inherit = "cqrs.metrics"

    def _sums(
        self,
        viewers,
        own_id: int,
        dimension: str,
        column: str | None,
        currency=None,
        company_ids: tuple[int, ...] | None = None,
        months: tuple[date | None, date | None] | None = None,
    ) -> list[dict]:
        """Return the sums in each currency, over all and of each group.

        A row is ``{currency_id, is_group, group, **MEASURES, **{own_<measure>}}``;
        amounts are Decimal. Sums that are all zero have no row.

        :param own_id: the user whose opportunities are the own
        :param currency: the currency of opportunities without one
        :param dimension: of the roll-up; of *all* owners no own sums are told
        :param company_ids: of these companies alone, or of no company; None for all
        :param months: the first one to add up, and the one after the last; None for all
        """
        without_jit(self.env)
        is_of_all = column in OF_ALL and policy.see_everything(viewers)

        def sums(rows):
            if months:
                rows = SQL("SELECT * FROM (%s) month WHERE %s", rows, _within(*months))
            return self._sum(
                own_id, column, self._rows_seen(viewers, rows, company_ids)
            )

        key = own_id, dimension, column, company_ids, months
        folded = FOLDED.get(
            self.env,
            self._version(viewers),
            key,
            lambda: sums(
                self._folded_of_all(dimension, own_id)
                if is_of_all
                else self._folded(dimension)
            ),
        )
        changed = (
            sums(self._contributions(SQL.identifier(TAIL)))
            if AnswerContext.of(self.env).has_tail
            else ()
        )
        return added(chain(folded, changed), currency)

    def _folded_of_all(self, dimension: str, own_id: int) -> SQL:
        """Return the query of the folded rows of who sees everything, few rows.

        They are those of all owners, and the own ones of a dimension, which are taken
        away from the former.
        """
        own = SQL(
            # As the index has it.
            "SELECT %s FROM %s WHERE dimension = %s AND COALESCE(user_id, 0) = %s",
            each("{}", KEY + MEASURES),
            SQL.identifier(ROLL_UP),
            dimension,
            own_id,
        )
        rows = SQL("%s UNION ALL %s", self._folded("all"), own)
        return SQL(
            "%s UNION ALL SELECT NULL, %s FROM (%s) own",
            rows,
            SQL("%s, %s", each("{}", KEY[1:]), METRICS.each("- {}")),
            own,
        )

    def _version(self, viewers) -> tuple | None:
        """Return the version of the folded sums that viewers see, None of the past."""
        visibility = self.env["cqrs.access"]._visibility_version(viewers)
        sums = AnswerContext.of(self.env).sums_version
        return (visibility, sums) if visibility and sums else None

    def _sum(self, own_id: int, column: str | None, rows: SQL) -> list[dict]:
        grouped = SQL.identifier(column) if column else SQL("NULL")
        own = SQL("user_id = %s", own_id)
        self.env.cr.execute(
            SQL(
                """
                SELECT currency_id, %(is_group)s AS is_group, %(group)s AS "group",
                       %(sums)s
                FROM (%(rows)s) metrics
                GROUP BY currency_id %(sets)s
                """,
                is_group=SQL("GROUPING(%s) = 0", grouped) if column else SQL("FALSE"),
                group=grouped,
                sums=sums_of(own),
                rows=rows,
                sets=SQL(", GROUPING SETS ((), (%s))", grouped) if column else SQL(),
            )
        )
        return exact(self.env.cr.dictfetchall())

    def _visible_rows(
        self, viewers, dimension: str, company_ids: tuple[int, ...] | None = None
    ) -> SQL:
        """Return the query of those of ``_rows`` that one of the viewers sees."""
        return self._rows_seen(viewers, self._rows(dimension), company_ids)

    def _rows_seen(
        self, viewers, rows: SQL, company_ids: tuple[int, ...] | None = None
    ) -> SQL:
        """Return the query of those of some rows that one of the viewers sees.

        :param company_ids: as for ``_sums``
        """
        seen = self._seen(viewers, SQL("part"), company_ids)
        return SQL("SELECT * FROM (%s) part WHERE %s", rows, seen)

    def _seen(
        self, viewers, row: SQL, company_ids: tuple[int, ...] | None = None
    ) -> SQL:
        """Return the condition that one of the viewers sees a row.

        :param company_ids: as for ``_sums``
        """
        access = self.env["cqrs.access"]
        seen = access._owner_scopes(viewers)
        # Few owners' sums are looked up, by the index of them.
        condition = (
            in_scopes(seen, row) if are_few(seen) else access._visible(viewers, row)
        )
        if company_ids is not None:
            chosen = policy.in_companies(company_ids, row)
            condition = SQL("%s AND %s", chosen, condition)
        return condition
