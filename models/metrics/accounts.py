"""The sums of accounts that a person sees, and how old their receivables are."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import cache

from odoo import api, models
from odoo.tools import SQL

from ..access import policy
from ..access.answer_context import AnswerContext
from ..access.viewers import INVOICES, LEADS, ORDERS
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..projections import sales_tables
from ..projections.metrics_tables import CONTACT_METRICS, CONTACT_TOTALS
from ..support.answer_context import known_while_reading, without_jit
from ..support.planner import estimated_rows
from .ages import AGES, age_of
from .figures import exactly
from .rounding import rounded, shares

#: ``{model: the measures that follow from it}``; ``overdue`` depends on the day
MEASURES = {
    LEADS: CONTACT_METRICS.measures,
    ORDERS: sales_tables.ORDER_MEASURES,
    INVOICES: (*sales_tables.INVOICE_MEASURES, "overdue"),
}
ALL_MEASURES = tuple(name for names in MEASURES.values() for name in names)
#: Measures that are counts, without a currency
COUNTS = ("active", "won", "lost", "orders", "invoices")


class CqrsSalesFigures(models.AbstractModel):
    _inherit = "cqrs.sales.figures"

    @api.model
    def _account_sums(
        self,
        user,
        today: date,
        account_ids: list[int] | SQL | None = None,
        company_ids: tuple[int, ...] | None = None,
        measures: Iterable[str] | None = None,
    ) -> SQL:
        """Return the query of the sums of accounts that a user sees.

        It gives ``account_id``, ``company_id``, ``currency_id`` and ``ALL_MEASURES``,
        exact. A measure may come in several rows of an account, to be added up; it is
        NULL in rows of others, where it was not asked for, and everywhere where the
        user may not read the records that it follows from.

        Opportunities and orders belong to the account of their contact, invoices to
        the one that is stored with them. Those without a contact belong to none.

        :param user: a ``res.users`` record
        :param today: the day that decides what is ``overdue``
        :param account_ids: of these alone, by indexes; an expression of one account's
            id where nothing but ``overdue`` is asked for
        :param company_ids: of these companies alone, or of no company; None for all
        :param measures: only these; a list by one figure takes the time of that one
        """
        asked = set(ALL_MEASURES if measures is None else measures)
        parts = []
        if asked & set(MEASURES[LEADS]):
            viewers = self.env["cqrs.access"]._document_viewers(user, LEADS)
            sees_all = policy.see_everything(viewers)
            rows = self._roll_up_rows(
                "cqrs.metrics",
                CONTACT_TOTALS if sees_all else CONTACT_METRICS,
                "partner_id",
                account_ids,
                asked,
            )
            parts.append((LEADS, rows, True, asked))
        if asked & set(MEASURES[ORDERS]):
            rows = self._roll_up_rows(
                self._name,
                sales_tables.CONTACT_ORDERS,
                "partner_id",
                account_ids,
                asked,
            )
            parts.append((ORDERS, rows, True, asked))
        if asked & set(sales_tables.INVOICE_MEASURES):
            rows = self._roll_up_rows(
                self._name,
                sales_tables.ACCOUNT_INVOICES,
                "account_id",
                account_ids,
                asked,
            )
            parts.append((INVOICES, rows, False, asked - {"overdue"}))
        if "overdue" in asked:
            rows = (
                self._open_but_not_due(today)
                if account_ids is None and self._is_mostly_overdue(today)
                else self._overdue_rows(today, account_ids)
            )
            parts.append((INVOICES, rows, False, {"overdue"}))
        return SQL(" UNION ALL ").join(
            self._account_part(user, model, rows, is_of_contacts, names, company_ids)
            for model, rows, is_of_contacts, names in parts
        )

    def _account_part(
        self,
        user,
        model: str,
        rows: SQL,
        is_of_contacts: bool,
        names: set[str],
        company_ids: tuple[int, ...] | None,
    ) -> SQL:
        columns = _columns(frozenset(names.intersection(MEASURES[model])))
        seen = self.env["cqrs.metrics"]._rows_seen(
            self.env["cqrs.access"]._document_viewers(user, model), rows, company_ids
        )
        if not is_of_contacts:
            return SQL(
                "SELECT account_id, company_id, currency_id, %s FROM (%s) seen",
                columns,
                seen,
            )
        # Most contacts are their own account; only the others are looked up.
        return SQL(
            """
            SELECT COALESCE(contact.account_id, seen.partner_id) AS account_id,
                   seen.company_id, seen.currency_id, %s
            FROM (%s) seen
            LEFT JOIN cqrs_contact contact
              ON contact.id = seen.partner_id AND contact.id <> contact.account_id
            """,
            columns,
            seen,
        )

    def _roll_up_rows(
        self,
        projection: str,
        roll_up,
        key: str,
        account_ids: list[int] | None,
        measures: set[str],
    ) -> SQL:
        """Return the query of the rows of a roll-up and of its tail, if there is one.

        :param key: the column of the contact or the account
        """
        names = [name for name in roll_up.measures if name in measures]
        columns = SQL(", ").join(map(SQL.identifier, (*roll_up.key, *names)))
        chosen = SQL("%s IS NOT NULL", SQL.identifier(key))
        if account_ids is not None:
            contacts = SQL("%s::integer[]", account_ids)
            if key == "partner_id":
                contacts = SQL(
                    """
                    ARRAY(SELECT unnest(%(ids)s::integer[])
                          UNION ALL
                          SELECT id FROM cqrs_contact
                          WHERE account_id = ANY(%(ids)s) AND id <> account_id)
                    """,
                    ids=account_ids,
                )
            chosen = SQL("%s = ANY(%s)", SQL.identifier(key), contacts)
        rows = SQL(
            "SELECT %s FROM %s WHERE %s",
            columns,
            SQL.identifier(roll_up.name),
            chosen,
        )
        tail = self.env[projection]._cqrs_tail
        if not self._has_tail(tail.name):
            return rows
        contributions = self.env[projection]._contributions(SQL.identifier(tail.name))
        return SQL(
            "%s UNION ALL SELECT %s FROM (%s) contribution WHERE %s",
            rows,
            columns,
            contributions,
            chosen,
        )

    def _has_tail(self, table: str) -> bool:
        """Return whether a tail has changes; mostly it has none, and is left out."""

        def ask() -> bool:
            query = SQL("SELECT EXISTS (SELECT FROM %s)", SQL.identifier(table))
            return self.env.execute_query(query)[0][0]

        return known_while_reading(self.env, ("has tail", table), ask)

    def _is_mostly_overdue(self, today: date) -> bool:
        """Return whether more lines are overdue than not, by PostgreSQL's estimate."""

        def ask() -> bool:
            overdue, others = (
                estimated_rows(
                    self.env, SQL("SELECT FROM cqrs_receivable WHERE %s", condition)
                )
                for condition in (SQL("due_on < %s", today), _is_not_due(today))
            )
            return overdue > others

        return known_while_reading(self.env, ("is mostly overdue", today), ask)

    def _open_but_not_due(self, today: date) -> SQL:
        """Return what ``_overdue_rows`` adds up to, as a difference.

        What is open is summed up: few lines are read where most of them are overdue.
        """
        whole = self._roll_up_rows(
            self._name, sales_tables.ACCOUNT_INVOICES, "account_id", None, {"open"}
        )
        return SQL(
            """
            SELECT account_id, user_id, team_id, company_id, currency_id,
                   open AS overdue
            FROM (%s) whole
            UNION ALL
            SELECT account_id, user_id, team_id, company_id, currency_id, -residual
            FROM cqrs_receivable WHERE %s
            """,
            whole,
            _is_not_due(today),
        )

    def _overdue_rows(
        self, today: date, account_ids: list[int] | SQL | None = None
    ) -> SQL:
        return SQL(
            """
            SELECT account_id, user_id, team_id, company_id, currency_id, is_first,
                   residual AS overdue
            FROM cqrs_receivable WHERE due_on < %s AND %s
            """,
            today,
            _is_of(account_ids),
        )

    @api.model
    @exactly()
    def _read_ageing(
        self,
        user,
        today: date,
        account_ids: list[int] | None = None,
        company_ids: tuple[int, ...] | None = None,
        target_currency=None,
    ) -> dict | None:
        """Return the open receivables that a user sees, by how long they are due.

        A receivable is a line of a posted document with a day of its own: an invoice in
        instalments has several. One without a day is not due. Credit notes take away.

        :param user: a ``res.users`` record
        :param today: of who asks
        :param account_ids: of these accounts alone
        :param company_ids: as for ``_account_sums``
        :param target_currency: of the amounts; by default the user's company's
        :return: ``{currency, total: {count, amount, exact}, **{age: the same}}`` with
            ``AGES``, which add up to the total; ``count`` is that of receivables. None
            if the user may read no invoices
        """
        viewers = self.env["cqrs.access"]._document_viewers(user, INVOICES)
        if not viewers:
            return None
        without_jit(self.env)
        rows = SQL("SELECT * FROM cqrs_receivable WHERE %s", _is_of(account_ids))
        query = SQL(
            """
            SELECT currency_id, %s AS age, count(*), sum(residual)::text
            FROM (%s) seen GROUP BY 1, 2
            """,
            age_of(SQL("due_on"), today),
            self.env["cqrs.metrics"]._rows_seen(viewers, rows, company_ids),
        )
        found = self.env.execute_query(query)
        context = AnswerContext.of(self.env, user)
        own = own_currency(context)
        currency = target_currency or own
        rates = rates_into(currency, {row[0] or own.id for row in found}, context)
        counts = dict.fromkeys(AGES, 0)
        amounts = dict.fromkeys(AGES, Decimal(0))
        for currency_id, age, count, residual in found:
            counts[age] += count
            amounts[age] += Decimal(residual) * rates[currency_id or own.id][1]
        total = sum(amounts.values(), Decimal(0))
        shown = rounded(total, currency)
        parts = shares([*amounts.values()], shown, currency)
        return {
            "currency": currency.name,
            "total": _counted(sum(counts.values()), shown, total),
            **{
                age: _counted(counts[age], part, amounts[age])
                for age, part in zip(AGES, parts, strict=True)
            },
        }


def _is_not_due(today: date) -> SQL:
    return SQL("(due_on >= %s OR due_on IS NULL)", today)


def _counted(count: int, amount: Decimal, exact: Decimal) -> dict:
    return {"count": count, "amount": amount, "exact": exact.normalize()}


@cache
def _columns(names: frozenset[str]) -> SQL:
    """Return all measures, those of some names of ``seen``, the others NULL."""
    return SQL(
        ", ".join(
            f'seen."{name}"' if name in names else f'NULL::{_type(name)} AS "{name}"'
            for name in ALL_MEASURES
        )
    )


def _type(name: str) -> str:
    return "integer" if name in COUNTS else "numeric"


def _is_of(account_ids: list[int] | SQL | None) -> SQL:
    if account_ids is None:
        return SQL("TRUE")
    if isinstance(account_ids, SQL):
        return SQL("account_id = %s", account_ids)
    return SQL("account_id = ANY(%s)", list(account_ids))
