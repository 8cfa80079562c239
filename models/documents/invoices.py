"""Pages of the invoices that a user sees, in the shape of API v2."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..access.viewers import INVOICES
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..support.answer_context import without_jit
from ..support.exact_json import JsonText
from ..support.sql_arrays import integers
from .filters import EVERY, VIEW, InvoiceFilters

#: ``{order: (its key over a row view, the key's type)}``; amounts compare as converted
ORDERS = {
    "due": (SQL("view.due_on"), SQL("date")),
    "date": (SQL("view.invoiced_on"), SQL("date")),
    "amount": (SQL("view.total * unit.rate"), SQL("numeric")),
}


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
        :param sort: one of ``ORDERS``
        :param currency: the ``res.currency`` in which amounts compare, by default that
            of the user's company
        """
        without_jit(self.env)
        key, type_ = ORDERS[sort]
        rates = ()
        if sort == "amount":
            rates = after.rates if after else self._rates(user, currency)
        rows = SQL(
            "%s %s WHERE %s",
            SQL("cqrs_invoice_view view"),
            _units(rates) if sort == "amount" else SQL(),
            self._condition(user, filters, today),
        )
        # Those with a day, and those without: an index gives either part sorted.
        parts = [False, True] if descending else [True, False]
        if after:
            parts = parts[parts.index(after.key is not None) :]
        places, bound = [], after
        for has_key in parts:
            # One more tells whether there is a next page.
            wanted = limit + 1 - len(places)
            places += self._places(
                rows, (key, type_), descending, has_key, bound, wanted
            )
            if len(places) > limit:
                break
            bound = None
        following = None
        if len(places) > limit:
            following = Keyset(*places[limit - 1], tuple(rates))
        return Page([id_ for __, id_ in places[:limit]], following)

    def _places(
        self,
        rows: SQL,
        order: tuple[SQL, SQL],
        descending: bool,
        has_key: bool,
        after: Keyset | None,
        limit: int,
    ) -> list[tuple[str | None, int]]:
        """Return the first ``(key, id)`` of those that have a key, or of those without.

        :param rows: relations and a condition, which more may follow
        """
        key, type_ = order
        direction = SQL("DESC" if descending else "ASC")
        operator = SQL("<" if descending else ">")
        conditions = [SQL("%s IS %s", key, SQL("NOT NULL" if has_key else "NULL"))]
        if after:
            conditions.append(
                SQL(
                    "(%s, view.id) %s (%s::%s, %s)",
                    key,
                    operator,
                    after.key,
                    type_,
                    after.id,
                )
                if has_key
                else SQL("view.id %s %s", operator, after.id)
            )
        return self.env.execute_query(
            SQL(
                """
                SELECT (%(key)s)::text, view.id FROM %(rows)s AND %(conditions)s
                ORDER BY %(key)s %(direction)s, view.id %(direction)s LIMIT %(limit)s
                """,
                key=key,
                rows=rows,
                conditions=SQL(" AND ").join(conditions),
                direction=direction,
                limit=limit,
            )
        )

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
        seen = self.env["cqrs.access"]._documents_seen(user, INVOICES, VIEW)
        terms = None
        if text := (filters.text or "").strip():
            query = SQL("SELECT cqrs_terms(%s, true)", text.replace("\0", " "))
            [(found,)] = self.env.execute_query(query)
            terms = tuple(dict.fromkeys(found))
        return SQL("%s AND %s", filters.condition(today, terms), seen or SQL("FALSE"))

    def _rates(self, user, currency) -> tuple[tuple[int, str], ...]:
        """Return ``(id, rate)`` of each currency that invoices are booked in."""
        context = AnswerContext.of(self.env, user)
        rates = rates_into(
            currency or own_currency(context), self._currency_ids(), context
        )
        return tuple((id_, str(rate)) for id_, (__, rate) in sorted(rates.items()))

    def _currency_ids(self) -> set[int]:
        # Companies are few. One that has another currency today has booked in the
        # former one, which the invoices follow.
        rows = self.env.execute_query(
            SQL("SELECT DISTINCT currency_id FROM res_company")
        )
        return {id_ for (id_,) in rows}


def _units(rates: Iterable[tuple[int, str]]) -> SQL:
    return SQL(
        "LEFT JOIN (VALUES %s) unit (id, rate) ON unit.id = view.currency_id",
        SQL(", ").join(
            SQL("(%s, %s::numeric)", id_, Decimal(rate)) for id_, rate in rates
        ),
    )
