"""The rows of a list as of the end of a past day.

They are those of the pages of the past (``past/pages.py``): what was then, and is seen
by the rights of now. Values are at the rates of today, as the figures of that day are.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timezone
from functools import cached_property

from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL
from odoo.tools.misc import format_date, formatLang
from odoo.tools.query import Query

from ..access import policy
from ..access.answer_context import AnswerContext
from ..opportunities.orders import segments
from ..past.as_of import AsOf
from ..past.pages import gathered
from ..projections.opportunity_view import ORDERS
from ..support.answer_context import without_jit
from .columns import Column, columns
from .question import MODEL, ListQuestion
from .rows import ListRows, exact

#: Columns of which the past knows something
COLUMNS = (
    *("name", "partner_name", "user_id", "team_id", "stage_id", "status"),
    *("probability", "value", "currency_id", "converted_value", "weighted_value"),
    *("closing_date", "closed_at", "created_at", "company_id", "changed_at"),
)
#: Fields by which a list of the past can be narrowed
FILTERED = (
    *("user_id", "team_id", "stage_id", "status", "active", "company_id"),
    *("value", "closing_date", "closed_at"),
)
_ORDER = re.compile(
    r"(value|closing_date|stage)(?:_id)?(?: (asc|desc))?(?:, *id(?: asc| desc)?)?"
)


def rows_of(env, question: ListQuestion, seconds: float | None = None) -> ListRows:
    """Return the rows of a list, of now or of a past day."""
    return (PastListRows if question.day else ListRows)(env, question, seconds)


class PastListRows(ListRows):
    """A list as of the end of a past day, as ``ListRows`` has that of now.

    :raise UserError: there is no history of the day
    """

    @cached_property
    def _as_of(self) -> AsOf:
        env, context = self.env, AnswerContext.of(self.env)
        try:
            day = date.fromisoformat(self.question.day)
            as_of = AsOf.of(day, context.calendar.zone)
        except (OverflowError, ValueError) as exc:
            raise UserError(env._("Choose a day.")) from exc
        if as_of.moment > context.answered_at:
            raise UserError(env._("Choose a day that is over."))
        since = env["cqrs.opportunity.span"]._history_since()
        if since is None or as_of.moment < since:
            raise UserError(
                env._(
                    "There is no history of %s. Choose a later day.",
                    format_date(env, day),
                )
            )
        return as_of

    @property
    def moment(self) -> datetime:
        return self._as_of.moment.astimezone(timezone.utc).replace(tzinfo=None)

    @property
    def told(self) -> list[tuple[str, str]]:
        [(reconstructed,)] = self.env.execute_query(
            SQL(
                "SELECT count(*) FILTER (WHERE NOT is_recorded) FROM (%s) view",
                self._rows,
            )
        )
        if not reconstructed:
            return []
        env = self.env
        text = env._(
            "%s of the opportunities, from before recording began. They have the name"
            " that they had first, no customer, and no probability.",
            formatLang(env, reconstructed, digits=0),
        )
        return [(env._("Reconstructed"), text)]

    def count(self) -> int:
        [(count,)] = self._ask(SQL("SELECT count(*) FROM (%s) view", self._rows))
        return count

    def _conversion(self):
        return self.env["cqrs.past"]._conversion(
            self.records._person(), self.records._conversion().currency
        )

    def _columns(self) -> list[Column]:
        return columns(self.records, self.question.columns, COLUMNS)

    @cached_property
    def _rows(self) -> SQL:
        """The query of the opportunities, as they were.

        :raise ValueError: the past knows nothing of what is asked for
        """
        model = self.env[MODEL].with_context(active_test=False)
        domain = Domain(self.question.domain)
        # Before they are looked up, by what is known of the present.
        names = {each.field_expr for each in domain.iter_conditions()}
        if unknown := sorted(names.difference(FILTERED)):
            raise ValueError(f"the past has no {unknown[0]}")
        query = Query(self.env, "view", SQL.identifier(model._table))
        condition = domain.optimize_full(model)._to_sql(model, "view", query)
        person = self.records._person()
        if self.question.person and self.question.person != person.id:
            # Nothing is listed of whom one may not look as.
            condition = SQL("FALSE")
        viewers = self.env["cqrs.access"]._viewers(person)
        return SQL(
            "SELECT * FROM (%s) view WHERE %s AND %s",
            self.env["cqrs.past"]._opportunities(viewers, self._as_of),
            policy.in_companies(tuple(self.env.companies.ids), SQL("view")),
            condition,
        )

    def _places(self) -> list[SQL]:
        """Return the queries of key and id of all rows, one after another in order.

        :raise ValueError: the past has no such order
        """
        found = _ORDER.fullmatch(self.question.order)
        if found is None or self.question.text:
            raise ValueError(self.question.text or self.question.order)
        name, direction = found.groups()
        past, is_descending = self.env["cqrs.past"], direction == "desc"
        stage_ids = past._stage_ids() if name == "stage" else ()
        rates = self.conversion.rates if ORDERS[name].unit else {}
        return [
            gathered(self._rows, segment, ORDERS[name], is_descending, [], None)
            for segment in segments(name, is_descending, stage_ids, None, rates)
        ]

    def _statement(self) -> SQL:
        without_jit(self.env)
        return SQL(" UNION ALL ").join(SQL("(%s)", places) for places in self._places())

    def _chunks(self) -> Iterator[list[tuple]]:
        without_jit(self.env)
        person, past = self.records._person(), self.env["cqrs.past"]
        for places in self._places():
            for chunk in self._fetched(places):
                ids = [id_ for __, id_ in chunk]
                yield self.env.execute_query(
                    SQL(
                        """
                        SELECT view.currency_id, %s
                        FROM unnest(%s) WITH ORDINALITY AS place (id, number)
                        JOIN %s view ON view.id = place.id
                        ORDER BY place.number
                        """,
                        SQL(", ").join(map(self._told_of, self.columns)),
                        ids,
                        past._page_rows(ids, person, self._as_of),
                    )
                )

    def _told_of(self, column: Column) -> SQL:
        """Return the expression of a column on a row ``view`` of the past."""
        sql = SQL.identifier("view", column.name)
        if column.name in ("converted_value", "weighted_value"):
            sql = SQL(
                "view.value * CASE COALESCE(view.currency_id, 0) %s END",
                SQL(" ").join(
                    SQL("WHEN %s THEN %s", id_, rate)
                    for id_, rate in self.conversion.rates.items()
                ),
            )
        if column.name == "weighted_value":
            # Unknown of what is reconstructed; none is 0, as the figures have it.
            sql = SQL(
                "(%s) * 0.01 * CASE WHEN view.version IS NOT NULL"
                " THEN COALESCE(view.probability, 0) END",
                sql,
            )
        return exact(column, sql)
