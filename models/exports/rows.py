"""The rows of a list, read in one snapshot however many there are.

A cursor of the database gives them in their order, some thousands at a time, so that
the memory is that of a page. The transaction is REPEATABLE READ as all of Odoo's are:
what others write meanwhile is not seen.
"""

import itertools
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import psycopg2

from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..currencies.currencies import own_currency
from ..opportunities.conversion import Conversion
from ..support.answer_context import without_jit
from ..support.time_limit import TooSlow, time_limit
from . import columns as kinds
from .columns import Column, columns
from .question import ListQuestion

#: Rows that are read at a time
CHUNK = 2000

#: The longest that a statement of a list may take while somebody waits for it
SECONDS = 30

_NUMBERS = itertools.count()


class Currency(NamedTuple):
    name: str
    decimal_places: int


class Amount(NamedTuple):
    """An amount of a list, exact, with its currency."""

    value: Decimal
    currency: Currency


class ListRows:
    """A list as its reader sees it: an iterable of rows.

    A row has a value of each column: a text, a ``Decimal``, an ``Amount``, a ``date``,
    a ``datetime`` in the reader's zone (without one), or None.

    :ivar columns: of each row
    :ivar currency: that of the figures
    :param env: of the reader
    :param seconds: the longest that a statement may take, of a list that nobody waits
        for
    :raise AccessError: the reader may read no opportunities
    :raise UserError: a read model that the list needs is broken
    """

    def __init__(self, env, question: ListQuestion, seconds: float | None = None):
        self.env = env
        self.question = question
        self._is_waited_for = seconds is None
        self._seconds = seconds or SECONDS
        context = AnswerContext.of(env)
        if context.broken:
            raise UserError(
                env._(
                    "Some figures are unavailable because a read model is broken "
                    "(%(names)s). No changes are lost. Ask an administrator to rebuild"
                    " it in CRM > Configuration > Event Store.",
                    names=", ".join(context.broken),
                )
            )
        self.left_out = context.left_out
        self.records = question.records(env)
        self.records.check_access("read")
        self.conversion = self._conversion()
        self.columns: list[Column] = self._columns()
        self.zone = ZoneInfo(env.context.get("tz") or "UTC")
        self._currencies = {
            each.id: Currency(each.name, each.decimal_places)
            for each in env["res.currency"]
            .sudo()
            .with_context(active_test=False)
            .search([])
        }
        own = own_currency(context)
        self._own = self._currencies.get(own.id) or Currency(
            own.name, own.decimal_places
        )
        target = self.conversion.currency
        self.currency = Currency(target.name, target.decimal_places)
        self._names: dict[str, dict[int, str]] = {}

    @property
    def moment(self) -> datetime:
        """The moment as of which the list is, without a zone, in UTC."""
        return self.env.cr.now()

    @property
    def told(self) -> list[tuple[str, str]]:
        """Lines about the list, each a heading and a text."""
        return []

    def _conversion(self) -> Conversion:
        return self.records._conversion()

    def _columns(self) -> list[Column]:
        return columns(self.records, self.question.columns)

    @property
    def _condition(self) -> Domain:
        return self.question.condition(self.env)

    @property
    def _query(self):
        return self.records._search(self._condition, order=self.question.order)

    def check(self):
        """Check that the list can be read.

        :raise UserError: its order or its domain is none
        """
        try:
            statement = self._statement()
            if statement is not None:
                # PostgreSQL alone knows which values it can compare.
                with self.env.cr.savepoint(flush=False):
                    self.env.cr.execute(
                        SQL("EXPLAIN %s", statement), log_exceptions=False
                    )
        except (
            ArithmeticError,
            ValueError,
            psycopg2.DataError,
            psycopg2.ProgrammingError,
        ) as exc:
            raise self._unreadable(exc) from exc

    def _unreadable(self, exc: Exception) -> UserError:
        # PostgreSQL also quotes the statement, which has the conditions of rules.
        reason = exc.diag.message_primary if isinstance(exc, psycopg2.Error) else exc
        return UserError(self.env._("The list to export cannot be read: %s.", reason))

    def count(self) -> int:
        query = self.records._search(self._condition)
        if query.is_empty():
            return 0
        [(count,)] = self._ask(query.select(SQL("count(*)")))
        return count

    def rates(self) -> list[tuple[str, Decimal]]:
        """Return the code and the rate of each other currency of the list's values."""
        rates = {
            self._currencies.get(id_, self._own).name: rate
            for id_, rate in self.conversion.rates.items()
        }
        rates.pop(self.currency.name, None)
        return sorted(rates.items())

    def __iter__(self) -> Iterator[list]:
        shown = [self._as_shown(column) for column in self.columns]
        for chunk in self._chunks():
            self._look_up(chunk)
            for currency_id, *values in chunk:
                own = self._currencies.get(currency_id, self._own)
                yield [
                    as_shown(value, own)
                    for as_shown, value in zip(shown, values, strict=True)
                ]

    def _statement(self) -> SQL | None:
        """Return the statement of all rows; None where there are none."""
        query = self._query
        if query.is_empty():
            return None
        statement = query.select(
            self._sql("currency_id", query),
            *(self._read(column, query) for column in self.columns),
        )
        self.env.flush_query(statement)
        return statement

    def _chunks(self) -> Iterator[list[tuple]]:
        """Yield rows of the currency and the value of each column, some at a time."""
        statement = self._statement()
        if statement is not None:
            yield from self._fetched(statement)

    def _fetched(self, statement: SQL) -> Iterator[list[tuple]]:
        """Yield the rows of a statement, some at a time."""
        without_jit(self.env)
        cr = self.env.cr
        # All rows are read, where PostgreSQL expects a tenth.
        cr.execute("SET LOCAL cursor_tuple_fraction = 1")
        name = SQL.identifier(f"cqrs_list_{next(_NUMBERS)}")
        cr.execute(SQL("DECLARE %s NO SCROLL CURSOR FOR %s", name, statement))
        fetch = SQL(f"FETCH {CHUNK} FROM %s", name)
        while chunk := self._ask(fetch):
            yield chunk
        cr.execute(SQL("CLOSE %s", name))

    def _ask(self, statement: SQL) -> list[tuple]:
        """Return the rows of a statement, if it does not take too long."""
        try:
            with time_limit(self.env.cr, self._seconds):
                return self.env.execute_query(statement)
        except psycopg2.DataError as exc:
            # Some values are wrong for a row alone.
            raise self._unreadable(exc) from exc
        except TooSlow as exc:
            text = self.env._(
                "This list reads too many opportunities: it took longer than"
                " %(seconds)s seconds. Narrow it by a salesperson, a team or a stage.",
                seconds=self._seconds,
            )
            if self._is_waited_for:
                text += " " + self.env._(
                    "Or make an Excel file, which may take longer."
                )
            raise UserError(text) from exc

    def _sql(self, name: str, query) -> SQL:
        return self.records._field_to_sql(query.table, name, query)

    def _read(self, column: Column, query) -> SQL:
        return exact(column, self._sql(column.name, query))

    def _look_up(self, chunk: list[tuple]):
        """Look up the names of the records that these rows are the first to have."""
        for index, column in enumerate(self.columns, 1):
            if column.kind != kinds.NAMED:
                continue
            known = self._names.setdefault(column.name, {})
            ids = {row[index] for row in chunk} - known.keys() - {None}
            if not ids:
                continue
            # As Odoo's own lists: who sees a record sees what it points at by name.
            model = self.env[self.records._fields[column.name].comodel_name].sudo()
            found = model.with_context(active_test=False).search(
                [("id", "in", list(ids))]
            )
            known.update(dict.fromkeys(ids, ""))
            # Odoo takes an empty name, and shows none.
            known.update((record.id, record.display_name or "") for record in found)
            found.invalidate_recordset()

    def _as_shown(self, column: Column) -> Callable:
        """Return a function of a value of the column, and of the row's currency."""
        if column.kind == kinds.CURRENCY:
            return lambda value, own: own.name
        if column.kind == kinds.NAMED:
            names = self._names.setdefault(column.name, {})
            return lambda value, own: names.get(value)
        if column.kind == kinds.CHOICE:
            field = self.records._fields[column.name]
            choices = dict(field._description_selection(self.env))
            return lambda value, own: choices.get(value, value)
        if column.kind == kinds.NUMBER:
            return lambda value, own: _number(value)
        if column.kind == kinds.OWN_AMOUNT:
            return _amount
        if column.kind == kinds.AMOUNT:
            return lambda value, own: _amount(value, self.currency)
        if column.kind == kinds.TIME:
            return lambda value, own: value and self._local(value)
        return lambda value, own: value

    def _local(self, time: datetime) -> datetime:
        try:
            local = time.replace(tzinfo=timezone.utc).astimezone(self.zone)
        except OverflowError:
            return time
        return local.replace(tzinfo=None)


def exact(column: Column, sql: SQL) -> SQL:
    """Return the expression of a column's values, none of whose digits is lost."""
    # Odoo would read a number as a float.
    is_exact = column.kind in (*kinds.AMOUNTS, kinds.NUMBER)
    return SQL("(%s)::text", sql) if is_exact else sql


def _amount(text: str | None, currency: Currency) -> Amount | None:
    number = _number(text)
    return None if number is None else Amount(number, currency)


def _number(text: str | None) -> Decimal | None:
    number = None if text is None else Decimal(text)
    return number if number is not None and number.is_finite() else None
