"""The tables of the sums of orders and invoices."""

from ..support.versions import CountedVersion
from .sums import RollUp, Tail
from .table import SURROGATE, Column, Table

#: Versions by folds and by repairs, as of ``metrics_tables.py``
FOLDS = CountedVersion("cqrs_sales_folds")
REPAIRS = CountedVersion("cqrs_sales_repairs")

#: ``orders`` counts confirmed orders, ``invoices`` posted documents
ORDER_MEASURES = ("orders", "ordered")
INVOICE_MEASURES = ("invoices", "invoiced", "credited", "paid", "open")
MEASURES = (*ORDER_MEASURES, *INVOICE_MEASURES)
AMOUNTS = ("ordered", "invoiced", "credited", "paid", "open")

_OWNER = ("user_id", "team_id", "company_id", "currency_id")


def _roll_up(name: str, of: str, key: tuple[str, ...], measures: tuple[str, ...]):
    """Return a roll-up by the columns of a key; those without ``of`` have no sum."""
    table = Table(
        name,
        columns=(
            Column("id", "bigint", SURROGATE),
            *(
                Column(
                    column,
                    "date" if column == "month" else "integer",
                    "NOT NULL" if column == of else "",
                )
                for column in key
            ),
            *(
                Column(
                    measure, "numeric" if measure in AMOUNTS else "integer", "NOT NULL"
                )
                for measure in measures
            ),
        ),
        options="WITH (fillfactor = 80)",
    )
    return RollUp(table, key, measures, tuple(m for m in measures if m in AMOUNTS))


#: By owner and month: of the order, of the invoice's date
MONTH_SALES = _roll_up("cqrs_month_sales", "", (*_OWNER, "month"), MEASURES)
#: Orders by contact, whose account may change
CONTACT_ORDERS = _roll_up(
    "cqrs_contact_orders", "partner_id", ("partner_id", *_OWNER), ORDER_MEASURES
)
#: Invoices by account, as they have it stored
ACCOUNT_INVOICES = _roll_up(
    "cqrs_account_invoices", "account_id", ("account_id", *_OWNER), INVOICE_MEASURES
)

CHANGES = Tail(
    "cqrs_sales_tail",
    "cqrs_sales_document",
    {
        "move_type": "text",
        "state": "text",
        "user_id": "integer",
        "invoice_user_id": "integer",
        "team_id": "integer",
        "company_id": "integer",
        "currency_id": "integer",
        "company_id.currency_id": "integer",
        "partner_id": "integer",
        "commercial_partner_id": "integer",
        "date_order": "timestamp",
        "invoice_date": "date",
        "amount_untaxed": "numeric",
        "amount_untaxed_signed": "numeric",
        "amount_total_signed": "numeric",
        "amount_residual_signed": "numeric",
    },
)
