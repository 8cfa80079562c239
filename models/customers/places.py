"""The places of accounts in a list: by name, or by a figure."""

import json
from collections.abc import Callable

from odoo import models
from odoo.tools import SQL

from ..opportunities.filters import Term, owned
from ..opportunities.text import folded
from ..projections.contact import is_account, name_key
from ..support.planner import estimated_rows
from ..support.sql_arrays import integers
from .measures import SORTABLE, Measure
from .question import NO_CURRENCY, Keyset, Question

#: The part of all accounts from which on those that are looked for are found soon
FREQUENT = 1 / 50

_IS_ACCOUNT = is_account(SQL("view"))
_NAME = name_key(SQL("view"))


class CqrsAccounts(models.AbstractModel):
    _inherit = "cqrs.accounts"

    def _by_name(
        self, asked: Question, descending: bool, after: Keyset | None, limit: int
    ) -> list[Keyset]:
        arguments = asked, descending
        return self._readable(self._named, arguments, after, limit)

    def _named(
        self, asked: Question, descending: bool, after: Keyset | None, limit: int
    ) -> SQL:
        """Return the query of the next accounts by their names."""
        conditions = self._conditions(asked, is_walked=True)
        if after:
            conditions.append(
                SQL(
                    f"(%s, view.id) {'<' if descending else '>'} (%s, %s)",
                    _NAME,
                    after.key,
                    after.id,
                )
            )
        way = SQL("DESC" if descending else "ASC")
        return SQL(
            """
            SELECT place.key, place.id, %(is_read)s
            FROM (
                SELECT %(name)s AS key, view.id FROM cqrs_contact view
                WHERE %(conditions)s
                ORDER BY %(name)s %(way)s, view.id %(way)s LIMIT %(limit)s
            ) place
            ORDER BY place.key %(way)s, place.id %(way)s
            """,
            is_read=asked.viewing.reads_contact(SQL("place.id")),
            name=_NAME,
            conditions=SQL(" AND ").join(conditions),
            way=way,
            limit=limit,
        )

    def _by_figure(
        self,
        asked: Question,
        measure: Measure,
        descending: bool,
        after: Keyset | None,
        limit: int,
    ) -> list[Keyset]:
        arguments = asked, measure, descending
        places = []
        if after is None or after.key is not None:
            places = self._readable(self._ranked, arguments, after, limit)
            after = None
        if (missing := limit - len(places)) > 0:
            places += self._readable(self._unranked, arguments, after, missing)
        return places

    def _readable(
        self, query: Callable, arguments: tuple, after: Keyset | None, limit: int
    ) -> list[Keyset]:
        """Return the first places of a query that are of contacts to be shown.

        :param query: called with the arguments, a place and a number, returns the query
            of the next so many ``(key, id, is_shown)``
        """
        places = []
        # Those that are not shown are few, and asked for after the sort.
        number = limit
        while len(places) < limit:
            rows = self.env.execute_query(query(*arguments, after, number))
            places += [Keyset(key, id_) for key, id_, is_shown in rows if is_shown]
            if len(rows) < number:
                break
            after = Keyset(*rows[-1][:2])
            number *= 2
        return places[:limit]

    def _ranked(
        self,
        asked: Question,
        measure: Measure,
        descending: bool,
        after: Keyset | None,
        limit: int,
    ) -> SQL:
        """Return the query of the next accounts that have a figure."""
        way = SQL("DESC" if descending else "ASC")
        conditions = SQL(" AND ").join(self._conditions(asked))
        bounds, is_listed = [SQL("TRUE")], SQL("TRUE")
        if after:
            bounds.append(
                SQL(
                    f"(key, account_id) {'<' if descending else '>'} (%s::float8, %s)",
                    float(after.key),
                    after.id,
                )
            )
        if asked.filters.are_plain:
            is_listed = SQL(
                "EXISTS (SELECT FROM cqrs_contact view"
                " WHERE view.id = place.id AND %s OFFSET 0)",
                conditions,
            )
        else:
            # Few accounts may be left, which the first by the figure need not be.
            bounds.append(
                SQL(
                    "account_id IN (SELECT view.id FROM cqrs_contact view WHERE %s)",
                    conditions,
                )
            )
        return SQL(
            """
            SELECT place.key::text, place.id, %(is_listed)s AND %(is_read)s
            FROM (
                SELECT key, account_id AS id FROM (%(figures)s) figure
                WHERE %(bounds)s
                ORDER BY key %(way)s, account_id %(way)s LIMIT %(limit)s
            ) place
            ORDER BY place.key %(way)s, place.id %(way)s
            """,
            is_listed=is_listed,
            is_read=asked.viewing.reads_contact(SQL("place.id")),
            figures=self._converted(asked, measure),
            bounds=SQL(" AND ").join(bounds),
            way=way,
            limit=limit,
        )

    def _unranked(
        self,
        asked: Question,
        measure: Measure,
        descending: bool,
        after: Keyset | None,
        limit: int,
    ) -> SQL:
        """Return the query of the next accounts where the figure is nothing."""
        conditions = self._conditions(asked)
        if after:
            conditions.append(SQL(f"view.id {'<' if descending else '>'} %s", after.id))
        return SQL(
            """
            SELECT NULL, place.id, %(is_read)s
            FROM (
                SELECT view.id FROM cqrs_contact view
                LEFT JOIN (%(figures)s) figure ON figure.account_id = view.id
                WHERE figure.account_id IS NULL AND %(conditions)s
                ORDER BY view.id %(way)s LIMIT %(limit)s
            ) place
            ORDER BY place.id %(way)s
            """,
            is_read=asked.viewing.reads_contact(SQL("place.id")),
            figures=self._converted(asked, measure),
            conditions=SQL(" AND ").join(conditions),
            way=SQL("DESC" if descending else "ASC"),
            limit=limit,
        )

    def _converted(
        self, asked: Question, measure: Measure, account_id: SQL | None = None
    ) -> SQL:
        """Return the query of ``(account_id, key)``, a figure in one currency.

        It is in double precision, a third of the time of an exact one, and in whole
        units of the currency's digits, so that the order in which amounts are added
        moves no account. Nothing is none, whether or not a change is folded into the
        sums yet.

        :param account_id: of this account alone; only of what is overdue
        """
        column = SQL.identifier("part", measure.name)
        key = SQL("sum(%s)::float8", column)
        if measure.is_amount:
            key = SQL(
                "floor(sum(%s) * %s::float8 + 0.5)",
                _in_doubles(column, asked),
                10**asked.currency.decimal_places,
            )
        return SQL(
            "SELECT account_id, %(key)s AS key FROM (%(rows)s) part"
            " GROUP BY 1 HAVING %(key)s <> 0",
            key=key,
            rows=self._sums(asked, account_id, (measure.name,)),
        )

    def _sums(
        self,
        asked: Question,
        account_ids: list[int] | SQL | None = None,
        measures: tuple[str, ...] | None = None,
    ) -> SQL:
        return self.env["cqrs.sales.figures"]._account_sums(
            asked.viewing.user,
            asked.today,
            account_ids=account_ids,
            company_ids=asked.filters.company_ids,
            measures=measures,
        )

    def _conditions(self, asked: Question, is_walked: bool = False) -> list[SQL]:
        """Return the conditions on a row ``view`` of ``cqrs_contact``.

        :param is_walked: they are asked of one row after another, until enough hold
        """
        filters = asked.filters
        conditions = [_IS_ACCOUNT]
        if filters.archived is not None:
            conditions.append(SQL("view.active = %s", not filters.archived))
        if filters.user_ids is not None:
            conditions.append(owned(filters.user_ids))
        if filters.country_ids is not None:
            conditions.append(
                SQL("view.country_id = ANY(%s)", integers(filters.country_ids))
            )
        if text := (filters.text or "").strip():
            terms = [Term((term,)).condition for term in folded(self.env, text)]
            conditions += terms or [SQL("FALSE")]
        if filters.has_overdue is not None:
            condition = self._has_overdue(asked, filters.has_overdue, is_walked)
            conditions.append(condition)
        return conditions

    def _has_overdue(self, asked: Question, is_so: bool, is_walked: bool) -> SQL:
        if SORTABLE["overdue"] not in asked.viewing.measures:
            return SQL("FALSE")
        holds, measure = SQL() if is_so else SQL("NOT"), SORTABLE["overdue"]
        if is_walked and self._share(asked, is_so) > FREQUENT:
            # They are found soon. OFFSET 0: a probe for each that is looked at.
            return SQL(
                "%s EXISTS (SELECT FROM (%s) late WHERE late.key > 0 OFFSET 0)",
                holds,
                self._converted(asked, measure, SQL("view.id")),
            )
        return SQL(
            "%s view.id IN (SELECT account_id FROM (%s) late WHERE late.key > 0)",
            holds,
            self._converted(asked, measure),
        )

    def _share(self, asked: Question, is_so: bool) -> float:
        """Return which part of the accounts has something overdue, or has not.

        It is an estimate: PostgreSQL's, at one line for each account.
        """
        lines = SQL(
            "SELECT FROM cqrs_receivable view WHERE due_on < %s AND %s",
            asked.today,
            asked.viewing.sees("invoices"),
        )
        query = "SELECT reltuples FROM pg_class WHERE oid = 'cqrs_contact'::regclass"
        [(contacts,)] = self.env.execute_query(SQL(query))
        # A table that was never analysed has -1.
        overdue = min(1, estimated_rows(self.env, lines) / max(contacts, 1))
        return overdue if is_so else 1 - overdue


def _in_doubles(column: SQL, asked: Question) -> SQL:
    """Return the expression of a converted amount, the common currencies first."""
    # A join with the rates takes as long as all the rest.
    common = dict.fromkeys((NO_CURRENCY, *asked.kept_ids))
    ways = [
        SQL("WHEN %s THEN %s::float8 * %s::float8", id_, column, asked.rates[id_])
        for id_ in common
    ]
    rare = {id_: float(rate) for id_, rate in asked.rates.items() if id_ not in common}
    return SQL(
        "CASE COALESCE(part.currency_id, 0) %s"
        " ELSE %s::float8 * (%s::jsonb ->> part.currency_id::text)::float8 END",
        SQL(" ").join(ways),
        column,
        json.dumps(rare),
    )
