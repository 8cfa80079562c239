"""Pages of the invoices that a user sees, in the shape of API v2."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import partial

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..access.viewers import INVOICES
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..opportunities.text import folded
from ..support.answer_context import without_jit
from ..support.exact_json import JsonText
from ..support.sql_arrays import integers
from .filters import EVERY, VIEW, InvoiceFilters

#: ``{order by a day: its column}``
DAYS = {"due": SQL("view.due_on"), "date": SQL("view.invoiced_on")}
#: Orders of invoices; amounts compare as converted
SORTS = (*DAYS, "amount")


@dataclass(frozen=True)
class Keyset:
    """The place of an invoice in an order.

    :ivar key: what the order sorts by, as PostgreSQL writes it; None for no day
    :ivar rates: of currencies when the list began, in the order by amount
    """

    key: str | None
    id: int
    rates: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Page:
    """The ids of some invoices, in order.

    :ivar next: where the following page begins; None on the last page
    """

    ids: list[int]
    next: Keyset | None


_ISO_TIME = SQL("""to_char(view.changed_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')""")

_ITEMS = """
    SELECT COALESCE(json_agg(item ORDER BY place.number), '[]')::text
    FROM unnest(%(ids)s) WITH ORDINALITY AS place (id, number)
    JOIN cqrs_invoice_view view ON view.id = place.id
    JOIN res_currency currency ON currency.id = view.document_currency_id
    JOIN res_currency booked ON booked.id = view.currency_id
    LEFT JOIN cqrs_contact account ON account.id = view.account_id
    LEFT JOIN cqrs_user_profile owner ON owner.id = view.user_id
    CROSS JOIN LATERAL (
        SELECT count(*) > 0 AS is_open, min(line.due_on) AS first_due,
               COALESCE(sum(line.residual) FILTER (WHERE line.due_on < %(today)s), 0)
                   AS overdue
        FROM cqrs_receivable line WHERE line.invoice_id = view.id
    ) receivable
    CROSS JOIN LATERAL (
        SELECT view.id AS odoo_id,
               NULLIF(NULLIF(view.name, ''), '/') AS number,
               CASE view.move_type WHEN 'out_refund' THEN 'credit_note'
                    WHEN 'out_receipt' THEN 'receipt' ELSE 'invoice' END AS type,
               CASE WHEN view.state = 'cancel' THEN 'cancelled'
                    WHEN view.state <> 'posted' THEN 'draft'
                    WHEN receivable.first_due < %(today)s THEN 'overdue'
                    WHEN receivable.is_open THEN 'open' ELSE 'paid' END AS status,
               view.payment_state,
               CASE WHEN view.account_id IS NOT NULL THEN json_build_object(
                   'id', view.account_id, 'name', account.name) END AS account,
               CASE WHEN view.user_id IS NOT NULL THEN json_build_object(
                   'id', owner.uuid, 'user_id', view.user_id, 'name', owner.name,
                   'email', owner.email) END AS salesperson,
               view.team_id, view.company_id,
               view.invoiced_on AS date, view.due_on AS due_date,
               CASE WHEN receivable.first_due < %(today)s
                    THEN %(today)s - receivable.first_due END AS overdue_days,
               currency.name AS currency,
               round(view.document_total, currency.decimal_places) AS total,
               round(view.document_residual, currency.decimal_places) AS open,
               json_build_object(
                   'currency', booked.name,
                   'untaxed', round(view.untaxed, booked.decimal_places),
                   'total', round(view.total, booked.decimal_places),
                   'open', round(view.residual, booked.decimal_places),
                   'overdue', round(receivable.overdue, booked.decimal_places)
               ) AS booked,
               view.version, %(changed_at)s AS changed_at
    ) item
"""


class CqrsInvoices(models.AbstractModel):
    """Reads the invoices that a user sees, page by page. Nothing is written.

    A ``user`` is a ``res.users`` record; another user's invoices are no more than
    ``env.user`` sees.
    """

    _name = "cqrs.invoices"
    _description = "Invoice Pages"

    @api.model
    def _read_page(
        self,
        user,
        today: date,
        sort: str = "due",
        descending: bool = False,
        filters: InvoiceFilters = EVERY,
        after: Keyset | None = None,
        limit: int = 80,
        currency=None,
    ) -> Page:
        """Return a page of the invoices that the user sees.

        What has no day comes last, first where the order descends.

        :param today: what was due before it is overdue
        :param sort: one of ``SORTS``
        :param currency: the ``res.currency`` in which amounts compare, by default that
            of the user's company
        """
        without_jit(self.env)
        condition = self._condition(user, filters, today)
        rates = ()
        if sort == "amount":
            booked_ids = self._currency_ids()
            rates = after.rates if after else self._rates(user, booked_ids, currency)
            later_ids = booked_ids - {id_ for id_, __ in rates}
            query = partial(_by_amount, rates, later_ids)
        else:
            query = partial(_by_day, DAYS[sort])
        # Those with a key, and those without: an index gives either part sorted.
        parts = [False, True] if descending else [True, False]
        if after:
            parts = parts[parts.index(after.key is not None) :]
        places, bound = [], after
        for has_key in parts:
            # One more tells whether there is a next page.
            wanted = limit + 1 - len(places)
            rows = query(condition, descending, has_key, bound, wanted)
            places += self.env.execute_query(rows)
            if len(places) > limit:
                break
            bound = None
        following = None
        if len(places) > limit:
            following = Keyset(*places[limit - 1], tuple(rates))
        return Page([id_ for __, id_ in places[:limit]], following)

    @api.model
    def _items(self, ids: list[int], today: date) -> JsonText:
        """Return the array of invoices as the API shows them, in this order.

        :param ids: of invoices that the user sees
        """
        [(text,)] = self.env.execute_query(
            SQL(
                _ITEMS,
                ids=integers(ids),
                today=SQL("%s::date", today),
                changed_at=_ISO_TIME,
            )
        )
        return JsonText(text)

    def _condition(self, user, filters: InvoiceFilters, today: date) -> SQL:
        """Return the condition of the invoices that a user sees, on a row ``view``."""
        text = (filters.text or "").strip()
        terms = folded(self.env, text) if text else None
        condition = filters.condition(today, terms)
        return SQL("%s AND %s", condition, self._seen(user, VIEW))

    def _seen(self, user, row: SQL) -> SQL:
        seen = self.env["cqrs.access"]._documents_seen(user, INVOICES, row)
        return seen or SQL("FALSE")

    def _rates(self, user, ids: set[int], currency) -> tuple[tuple[int, str], ...]:
        """Return ``(id, rate)`` of each of some currencies."""
        context = AnswerContext.of(self.env, user)
        rates = rates_into(currency or own_currency(context), ids, context)
        return tuple((id_, str(rate)) for id_, (__, rate) in sorted(rates.items()))

    def _currency_ids(self) -> set[int]:
        """Return the currencies of invoices, by a look at an index for each."""
        query = SQL(
            """
            WITH RECURSIVE booked (id) AS (
                SELECT min(currency_id) FROM cqrs_invoice_view
                UNION ALL
                SELECT (SELECT min(currency_id) FROM cqrs_invoice_view
                        WHERE currency_id > booked.id)
                FROM booked WHERE booked.id IS NOT NULL)
            SELECT id FROM booked WHERE id IS NOT NULL
            """
        )
        return {id_ for (id_,) in self.env.execute_query(query)}


def _by_day(
    column: SQL,
    condition: SQL,
    descending: bool,
    has_key: bool,
    after: Keyset | None,
    limit: int,
) -> SQL:
    """Return the query of ``(key, id)`` of the next invoices by a day, or without."""
    way, operator = (SQL("DESC"), SQL("<")) if descending else (SQL("ASC"), SQL(">"))
    conditions = [
        condition,
        SQL("%s IS %s", column, SQL("NOT NULL" if has_key else "NULL")),
    ]
    if after:
        place = SQL("view.id %s %s", operator, after.id)
        if has_key:
            place = SQL(
                "(%s, view.id) %s (%s::date, %s)", column, operator, after.key, after.id
            )
        conditions.append(place)
    return SQL(
        """
        SELECT (%(key)s)::text, view.id FROM cqrs_invoice_view view
        WHERE %(conditions)s
        ORDER BY %(key)s %(way)s, view.id %(way)s LIMIT %(limit)s
        """,
        key=column,
        conditions=SQL(" AND ").join(conditions),
        way=way,
        limit=limit,
    )


def _by_amount(
    rates: tuple[tuple[int, str], ...],
    later_ids: Collection[int],
    condition: SQL,
    descending: bool,
    has_key: bool,
    after: Keyset | None,
    limit: int,
) -> SQL:
    """Return the query of ``(key, id)`` of the next invoices by their converted total.

    Those in one currency are in the order of an index, whatever its rate: the first of
    each are merged. Those in none, or in one that has come since, have no key.

    :param rates: ``(currency id, rate)`` of the first page
    :param later_ids: the other currencies
    """
    way, operator = (SQL("DESC"), SQL("<")) if descending else (SQL("ASC"), SQL(">"))
    is_next = SQL("TRUE")
    if not has_key:
        if after:
            is_next = SQL("view.id %s %s", operator, after.id)
        return SQL(
            """
            SELECT NULL, view.id FROM cqrs_invoice_view view
            WHERE (view.currency_id IS NULL OR view.currency_id = ANY(%(ids)s))
              AND %(is_next)s AND %(condition)s
            ORDER BY view.id %(way)s LIMIT %(limit)s
            """,
            ids=integers(later_ids),
            is_next=is_next,
            condition=condition,
            way=way,
            limit=limit,
        )
    if after:
        # The second condition follows from the first, and bounds the index.
        is_next = SQL(
            "(view.total * unit.rate, view.id) %(operator)s (%(key)s::numeric, %(id)s)"
            " AND view.total %(operator)s= %(key)s::numeric / unit.rate %(slack)s",
            operator=operator,
            key=after.key,
            id=after.id,
            slack=SQL("+ 1" if descending else "- 1"),
        )
    return SQL(
        """
        SELECT (view.total * unit.rate)::text, view.id
        FROM unnest(%(ids)s, %(rates)s::numeric[]) AS unit (id, rate)
        CROSS JOIN LATERAL (
            SELECT view.id, view.total FROM cqrs_invoice_view view
            WHERE view.currency_id = unit.id AND %(is_next)s AND %(condition)s
            ORDER BY view.total %(way)s, view.id %(way)s LIMIT %(limit)s
        ) view
        ORDER BY view.total * unit.rate %(way)s, view.id %(way)s LIMIT %(limit)s
        """,
        ids=integers(id_ for id_, __ in rates),
        rates=[rate for __, rate in rates],
        is_next=is_next,
        condition=condition,
        way=way,
        limit=limit,
    )
