"""One account: its figures, its ageing, and its deals, orders and invoices."""

from datetime import date
from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from ..access.policy import in_companies
from ..metrics.ages import AGES
from ..metrics.figures import exactly
from ..metrics.rounding import rounded
from ..projections.invoice_view import is_overdue
from ..support.answer_context import without_jit
from ..support.exact_json import JsonText
from ..support.sql_arrays import integers
from .question import NO_CURRENCY, AccountFilters, Question
from .rows import COUNTED, TIMES, rows_of

#: Deals, orders and invoices that an account's page has of each, the newest
LISTED = 20

#: The fields of an opportunity on the page, of those of the API
DEAL_FIELDS = (
    "odoo_id",
    "name",
    "value",
    "currency",
    "stage",
    "status",
    "salesperson",
    "archived",
    "closing_date",
    "closed_at",
    "created_at",
)

_ISO = """to_char({}, 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""


class CqrsAccounts(models.AbstractModel):
    _inherit = "cqrs.accounts"

    @api.model
    @exactly()
    def _read_account(
        self,
        user,
        account_id: int,
        today: date,
        company_ids: tuple[int, ...] | None = None,
        target_currency=None,
    ) -> dict | None:
        """Return an account with all that is seen of it; None if it may not be read.

        :param today: the viewer's day
        :param company_ids: rows of these companies alone count, or of no company
        :return: the fields of a list's item, ``currency``, ``by_company``, ``recent``,
            and ``ageing`` where invoices may be read. ``recent`` has, for each kind of
            rows that may be read, ``{total, first, last, items}``, the newest
            ``LISTED``.
        """
        without_jit(self.env)
        filters = AccountFilters(company_ids=company_ids)
        asked = self._question(user, today, filters, target_currency)
        if not self._is_readable(asked, account_id):
            return None
        rows = self._rows_of_sums(asked, [account_id])
        facts = self._facts([account_id])[account_id]
        answer = {
            **facts,
            "currency": asked.currency.name,
            **self._shown(asked, rows),
            "by_company": self._by_company(asked, rows),
        }
        if "invoices" in asked.viewing.viewers:
            answer["ageing"] = self._ageing(asked, account_id)
        answer["recent"] = {
            kind: self._listed(asked, account_id, kind)
            for kind in asked.viewing.viewers
        }
        return answer

    def _is_readable(self, asked: Question, account_id: int) -> bool:
        """Return whether there is an account that Odoo lets the person read."""
        query = SQL(
            "SELECT FROM cqrs_contact view WHERE view.id = %s"
            " AND view.account_id = view.id AND %s",
            account_id,
            asked.viewing.reads_contact(SQL("view.id")),
        )
        self.env.cr.execute(query)
        return bool(self.env.cr.rowcount)

    def _by_company(self, asked: Question, rows: list[dict]) -> list[dict]:
        """Return the figures in each company and currency, not converted."""
        groups = {}
        for row in rows:
            key = row["company_id"] or 0, row["currency_id"] or NO_CURRENCY
            groups.setdefault(key, []).append(row)
        currencies = self._currencies({id_ for __, id_ in groups if id_})
        return [
            {
                "company_id": company_id or None,
                "currency": currencies[currency_id].name if currency_id else None,
                **self._in_currency(asked, groups[key], currencies.get(currency_id)),
            }
            for key in sorted(groups)
            for company_id, currency_id in [key]
        ]

    def _currencies(self, ids: set[int]) -> dict:
        currencies = self.env["res.currency"].sudo().browse(sorted(ids))
        return {currency.id: currency for currency in currencies}

    def _in_currency(self, asked: Question, rows: list[dict], currency) -> dict:
        shown = {}
        for measure in asked.viewing.measures:
            found = [row[measure.name] for row in rows if row[measure.name] is not None]
            if measure.is_amount:
                total = sum(map(Decimal, found), Decimal(0))
                shown[measure.shown] = rounded(total, currency or asked.currency)
            else:
                shown[measure.shown] = int(sum(map(Decimal, found)))
        return shown

    def _ageing(self, asked: Question, account_id: int) -> dict:
        """Return the open amount of each age, converted: ``{age: …}``."""
        ageing = self.env["cqrs.sales.figures"]._read_ageing(
            asked.viewing.user,
            asked.today,
            account_ids=[account_id],
            company_ids=asked.filters.company_ids,
            target_currency=asked.currency,
        )
        return {age: ageing[age] for age in AGES}

    # Lists

    def _listed(self, asked: Question, account_id: int, kind: str) -> dict:
        """Return ``{total, first, last, items}`` of the rows of a kind."""
        where = asked.viewing.sees(kind)
        if (company_ids := asked.filters.company_ids) is not None:
            where = SQL("%s AND %s", where, in_companies(company_ids, SQL("view")))
        [(total, first, last, ids)] = self.env.execute_query(
            SQL(
                """
                SELECT count(*),
                       min(at) FILTER (WHERE counts), max(at) FILTER (WHERE counts),
                       (array_agg(id ORDER BY at DESC NULLS FIRST, id DESC))
                           [1:%(listed)s]
                FROM (SELECT view.id, %(at)s AS at, %(counts)s AS counts
                      FROM %(rows)s WHERE %(where)s) found
                """,
                listed=LISTED,
                at=TIMES[kind],
                counts=COUNTED[kind],
                rows=rows_of(kind, account_id),
                where=where,
            )
        )
        items = getattr(self, f"_{kind}")(asked, ids or [])
        return {
            "total": total,
            "first": _day(first),
            "last": _day(last),
            "items": items,
        }

    def _opportunities(self, asked: Question, ids: list[int]) -> JsonText:
        return self.env["cqrs.dashboard"]._opportunities(
            ids, asked.viewing.user, DEAL_FIELDS
        )

    def _orders(self, asked: Question, ids: list[int]) -> JsonText:
        return self._json(
            f"""
            SELECT view.id AS odoo_id, view.name, view.state, view.is_confirmed,
                   {_ISO.format("view.ordered_at")} AS ordered_at,
                   round(view.untaxed, currency.decimal_places) AS untaxed,
                   round(view.total, currency.decimal_places) AS total,
                   currency.name AS currency, view.invoice_status,
                   view.opportunity_id, %(salesperson)s AS salesperson
            """,
            "cqrs_order_view",
            SQL("view.currency_id"),
            ids,
        )

    def _invoices(self, asked: Question, ids: list[int]) -> JsonText:
        return self._json(
            """
            SELECT view.id AS odoo_id, view.name, view.move_type, view.state,
                   view.payment_state, view.invoiced_on, view.due_on,
                   round(view.document_total, currency.decimal_places) AS total,
                   round(view.document_residual, currency.decimal_places) AS residual,
                   currency.name AS currency, view.order_ids,
                   %(overdue)s AS is_overdue,
                   %(salesperson)s AS salesperson
            """,
            "cqrs_invoice_view",
            SQL("view.document_currency_id"),
            ids,
            overdue=is_overdue(SQL("view"), asked.today),
        )

    def _json(self, select: str, table: str, currency: SQL, ids, **values) -> JsonText:
        """Return the array of rows of a table, in the order of their ids."""
        query = SQL(
            """
            SELECT COALESCE(json_agg(item ORDER BY number), '[]')::text
            FROM unnest(%s) WITH ORDINALITY AS place (id, number)
            JOIN %s view ON view.id = place.id
            JOIN res_currency currency ON currency.id = %s
            LEFT JOIN cqrs_user_profile profile ON profile.id = view.user_id
            CROSS JOIN LATERAL (%s) item
            """,
            integers(ids),
            SQL.identifier(table),
            currency,
            SQL(select, salesperson=_SALESPERSON, **values),
        )
        [(text,)] = self.env.execute_query(query)
        return JsonText(text)


_SALESPERSON = SQL(
    """
    CASE WHEN view.user_id IS NOT NULL THEN json_build_object(
        'id', profile.uuid, 'user_id', view.user_id, 'name', profile.name) END
    """
)


def _day(at):
    """Return a day, or the day of a time in UTC, as a text; None for none."""
    return at and at.isoformat()[:10]
