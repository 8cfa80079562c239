from odoo import models
from odoo.tools import SQL

from ..support.indexes import create_missing
from ..support.readable_values import readable
from .invoice_view import DOCUMENT_TYPES
from .order_view import CONFIRMED
from .sales_tables import (
    ACCOUNT_INVOICES,
    CHANGES,
    CONTACT_ORDERS,
    FOLDS,
    MONTH_SALES,
    REPAIRS,
)


class CqrsSalesFigures(models.AbstractModel):
    """Sums of confirmed orders and posted invoices by owner, company and currency.

    ``cqrs_month_sales`` has them by month, ``cqrs_contact_orders`` those of orders by
    contact, ``cqrs_account_invoices`` those of invoices by account. The former ones
    follow their contact if it moves to another account, the latter stay.

    * ``orders``, ``ordered``: confirmed orders, untaxed, in their currency
    * ``invoices``, ``invoiced``: posted documents, untaxed and signed: net of credit
      notes; ``credited`` is the part of these, negative
    * ``paid``, ``open``: of the total with taxes, signed, so that the two add up to it

    Amounts of invoices are in the company's currency, as booked. Months are UTC's; that
    of an invoice is the one of its date.
    """

    _name = "cqrs.sales.figures"
    _inherit = "cqrs.sums"
    _description = "Sums of Orders and Invoices"
    _cqrs_consumes = ("account.move", "sale.order")
    _cqrs_is_for_all = False
    _cqrs_tables = (
        MONTH_SALES.table,
        CONTACT_ORDERS.table,
        ACCOUNT_INVOICES.table,
        CHANGES.table,
    )
    _cqrs_versions = (REPAIRS,)
    _cqrs_roll_ups = (MONTH_SALES, CONTACT_ORDERS, ACCOUNT_INVOICES)
    _cqrs_tail = CHANGES
    _cqrs_folds = FOLDS

    def _create_tables(self):
        result = super()._create_tables()
        create_missing(self.env.cr, self._INDEXES)
        return result

    _INDEXES = SQL(
        """
        CREATE INDEX IF NOT EXISTS cqrs_contact_orders_owner
            ON cqrs_contact_orders (COALESCE(user_id, 0));
        CREATE INDEX IF NOT EXISTS cqrs_account_invoices_owner
            ON cqrs_account_invoices (COALESCE(user_id, 0))
        """
    )

    def _contributions(self, changes: SQL) -> SQL:
        """Return the query of the amounts that changes take from the sums and add.

        It gives the columns of the keys, those of the measures, and ``dated_at``, the
        moment of the order or the day of the invoice.
        """
        return SQL(
            """
            SELECT CASE WHEN is_order THEN partner_id END AS partner_id,
                   CASE WHEN NOT is_order
                        THEN COALESCE(commercial_partner_id, partner_id)
                   END AS account_id,
                   CASE WHEN is_order THEN user_id ELSE invoice_user_id END AS user_id,
                   team_id, company_id,
                   CASE WHEN is_order THEN currency_id ELSE "company_id.currency_id"
                   END AS currency_id,
                   date_trunc('month', dated_at)::date AS month, is_order, dated_at,
                   CASE WHEN is_order THEN sign ELSE 0 END AS orders,
                   CASE WHEN is_order THEN sign * COALESCE(%(ordered)s, 0) ELSE 0
                   END AS ordered,
                   CASE WHEN is_order THEN 0 ELSE sign END AS invoices,
                   CASE WHEN is_order THEN 0 ELSE sign * untaxed END AS invoiced,
                   CASE WHEN move_type = 'out_refund' THEN sign * untaxed ELSE 0
                   END AS credited,
                   CASE WHEN is_order THEN 0
                        ELSE sign * (COALESCE(%(total)s, 0) - residual) END AS paid,
                   CASE WHEN is_order THEN 0 ELSE sign * residual END AS open
            FROM (
                SELECT side.*, move_type IS NULL AS is_order,
                       COALESCE(%(untaxed)s, 0) AS untaxed,
                       COALESCE(%(residual)s, 0) AS residual,
                       CASE WHEN move_type IS NULL THEN %(date_order)s
                            ELSE %(invoice_date)s::timestamp END AS dated_at
                FROM (SELECT -1 AS sign, (former).* FROM %(changes)s
                      WHERE (former).state IS NOT NULL
                      UNION ALL
                      SELECT 1, (state).* FROM %(changes)s
                      WHERE (state).state IS NOT NULL) side
            ) document
            WHERE CASE WHEN is_order THEN state IN %(confirmed)s
                       ELSE state = 'posted' AND move_type IN %(types)s END
            """,
            changes=changes,
            types=DOCUMENT_TYPES,
            confirmed=CONFIRMED,
            ordered=readable(SQL("amount_untaxed"), "monetary"),
            untaxed=readable(SQL("amount_untaxed_signed"), "monetary"),
            total=readable(SQL("amount_total_signed"), "monetary"),
            residual=readable(SQL("amount_residual_signed"), "monetary"),
            date_order=readable(SQL("date_order"), "datetime"),
            invoice_date=readable(SQL("invoice_date"), "date"),
        )
