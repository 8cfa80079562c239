from datetime import date

from odoo import fields, models
from odoo.tools import SQL

from ..support.indexes import create_missing
from ..support.readable_values import readable
from .table import Column, Table, changed_at_column, quoted, upsert, version_column

# What a draft says of its payment counts for nothing: it may be "paid".
_IS_POSTED = SQL("captured.state = 'posted'")
_OWNER = (
    Column(
        "user_id",
        "integer",
        source="invoice_user_id",
        field=fields.Many2one("res.users", "Salesperson", readonly=True),
    ),
    Column(
        "team_id",
        "integer",
        field=fields.Many2one("crm.team", "Sales Team", readonly=True),
    ),
    Column(
        "company_id", "integer", field=fields.Many2one("res.company", readonly=True)
    ),
    Column(
        "currency_id",
        "integer",
        source="company_id.currency_id",
        field=fields.Many2one("res.currency", readonly=True),
    ),
    Column(
        "account_id",
        "integer",
        source="commercial_partner_id",
        value=SQL("COALESCE(commercial_partner_id, partner_id)"),
        field=fields.Many2one("res.partner", "Customer", readonly=True),
    ),
)


def _posted(name: str) -> SQL:
    value = readable(quoted(name), "monetary")
    return SQL("CASE WHEN %s THEN %s END", _IS_POSTED, value)


def _signed(name: str, is_posted: bool = False) -> SQL:
    value = _posted(name) if is_posted else readable(quoted(name), "monetary")
    return SQL("CASE WHEN move_type = 'out_refund' THEN -1 ELSE 1 END * %s", value)


def is_overdue(row: SQL, today: date) -> SQL:
    """Return the condition that a part of a document was due before a day.

    :param row: the alias of a row of ``cqrs_invoice_view``
    """
    return SQL(
        "EXISTS (SELECT FROM cqrs_receivable line"
        " WHERE line.invoice_id = %s.id AND line.due_on < %s)",
        row,
        today,
    )


#: The types of customers' documents, as one list; a draft may become another entry
DOCUMENT_TYPES = SQL("('out_invoice', 'out_refund', 'out_receipt')")
_IS_ONE = SQL("move_type IN %s", DOCUMENT_TYPES)

TABLE = Table(
    "cqrs_invoice_view",
    columns=(
        Column("id", "integer", "PRIMARY KEY", value=SQL("stream_id")),
        Column(
            "name",
            "text",
            'COLLATE "C"',
            default="''",
            field=fields.Char("Number", readonly=True),
        ),
        Column("move_type", "text", field=fields.Char("Type", readonly=True)),
        Column(
            "state",
            "text",
            source="state",
            value=SQL("captured.state"),
            field=fields.Char("Odoo State", readonly=True),
        ),
        Column(
            "payment_state",
            "text",
            source="payment_state",
            value=SQL("CASE WHEN %s THEN payment_state END", _IS_POSTED),
            field=fields.Char(readonly=True),
        ),
        *_OWNER,
        Column(
            "document_currency_id",
            "integer",
            source="currency_id",
            field=fields.Many2one("res.currency", readonly=True),
        ),
        Column(
            "partner_id",
            "integer",
            field=fields.Many2one("res.partner", "Contact", readonly=True),
        ),
        Column(
            "invoiced_on",
            "date",
            source="invoice_date",
            field=fields.Date(readonly=True),
        ),
        Column(
            "due_on",
            "date",
            source="invoice_date_due",
            field=fields.Date(readonly=True),
        ),
        Column(
            "untaxed",
            "numeric",
            source="amount_untaxed_signed",
            default="0",
            field=fields.Monetary(aggregator=None, readonly=True),
        ),
        Column(
            "total",
            "numeric",
            source="amount_total_signed",
            default="0",
            field=fields.Monetary(aggregator=None, readonly=True),
        ),
        Column(
            "residual",
            "numeric",
            source="amount_residual_signed",
            value=_posted("amount_residual_signed"),
            default="0",
            field=fields.Monetary("Open", aggregator=None, readonly=True),
        ),
        Column(
            "document_total",
            "numeric",
            source="amount_total",
            value=_signed("amount_total"),
            default="0",
            field=fields.Monetary(
                "Total in Its Currency",
                aggregator=None,
                readonly=True,
                currency_field="document_currency_id",
            ),
        ),
        Column(
            "document_residual",
            "numeric",
            source="amount_residual",
            value=_signed("amount_residual", is_posted=True),
            default="0",
            field=fields.Monetary(
                "Open in Its Currency",
                aggregator=None,
                readonly=True,
                currency_field="document_currency_id",
            ),
        ),
        Column("order_ids", "integer[]", source="sale_order_ids"),
        version_column(),
        changed_at_column(),
    ),
    options="WITH (fillfactor = 80)",
)

RECEIVABLES = Table(
    "cqrs_receivable",
    columns=(
        Column("id", "integer", "PRIMARY KEY", value=SQL("line.id")),
        Column("invoice_id", "integer", "NOT NULL", value=SQL("stream_id")),
        *_OWNER,
        Column("due_on", "date", value=readable(SQL("date_maturity"), "date")),
        Column(
            "residual",
            "numeric",
            value=readable(SQL("amount_residual"), "monetary"),
            default="0",
        ),
        # Of the document's open lines the one that is due first: it counts documents.
        Column(
            "is_first",
            "boolean",
            "NOT NULL",
            value=SQL(
                "row_number() OVER (PARTITION BY stream_id ORDER BY %s, line.id) = 1",
                readable(SQL("date_maturity"), "date"),
            ),
        ),
        # The day of the one before it: a document counts once in each age.
        Column(
            "former_due_on",
            "date",
            value=SQL(
                "lag(%(day)s) OVER (PARTITION BY stream_id ORDER BY %(day)s, line.id)",
                day=readable(SQL("date_maturity"), "date"),
            ),
        ),
    ),
    options="WITH (fillfactor = 80)",
)

_LINES = SQL(
    """
    CROSS JOIN LATERAL jsonb_to_recordset(
        CASE WHEN jsonb_typeof(receivable_lines) = 'array' THEN receivable_lines END
    ) AS line (id integer, date_maturity date, amount_residual numeric)
    """
)
_IS_OPEN = SQL(
    "%s AND %s AND line.id IS NOT NULL AND amount_residual <> 0", _IS_ONE, _IS_POSTED
)


class CqrsInvoiceView(models.Model):
    """One row for each customer document, under the id of its ``account.move``.

    ``untaxed``, ``total`` and ``residual`` are exact and signed (a credit note is
    negative), in ``currency_id``, the company's currency, as booked; the amounts of
    ``document_…`` are in ``document_currency_id``. Whatever is said of payment counts
    only once the document is posted: before, ``residual`` is 0 and ``payment_state``
    is not set. ``account_id`` is the commercial partner as stored.

    ``cqrs_receivable`` has a row for each open receivable line of a posted document,
    under the line's id, with the owner, company and account of the document: whether
    ``residual`` is overdue on a day is decided by whoever reads ``due_on``.
    """

    _name = "cqrs.invoice.view"
    _inherit = "cqrs.projection"
    _description = "Invoice (Read Model)"
    _auto = False
    _order = "invoiced_on desc, id desc"
    _cqrs_consumes = ("account.move",)
    _cqrs_is_for_all = False
    _cqrs_tables = (TABLE, RECEIVABLES)

    vars().update(TABLE.orm_fields)

    def _create_tables(self):
        result = super()._create_tables()
        create_missing(self.env.cr, self._INDEXES)
        return result

    _INDEXES = SQL(
        """
        CREATE INDEX IF NOT EXISTS cqrs_invoice_view_day
            ON cqrs_invoice_view (invoiced_on, id);
        CREATE INDEX IF NOT EXISTS cqrs_invoice_view_owner
            ON cqrs_invoice_view (user_id, invoiced_on, id);
        CREATE INDEX IF NOT EXISTS cqrs_invoice_view_due
            ON cqrs_invoice_view (due_on, id);
        CREATE INDEX IF NOT EXISTS cqrs_invoice_view_owner_due
            ON cqrs_invoice_view (user_id, due_on, id);
        CREATE INDEX IF NOT EXISTS cqrs_invoice_view_account
            ON cqrs_invoice_view (account_id, invoiced_on);
        CREATE INDEX IF NOT EXISTS cqrs_invoice_view_amount
            ON cqrs_invoice_view (currency_id, total, id);
        CREATE INDEX IF NOT EXISTS cqrs_invoice_view_orders
            ON cqrs_invoice_view USING gin (order_ids)
            WITH (gin_pending_list_limit = 64);
        CREATE INDEX IF NOT EXISTS cqrs_receivable_invoice
            ON cqrs_receivable (invoice_id);
        CREATE INDEX IF NOT EXISTS cqrs_receivable_account
            ON cqrs_receivable (account_id);
        CREATE INDEX IF NOT EXISTS cqrs_receivable_owner
            ON cqrs_receivable (COALESCE(user_id, 0), due_on)
        """
    )

    def _statements(self, model):
        open_lines = RECEIVABLES.rows(
            _IS_OPEN,
            joins=_LINES,
            reads={
                "state": "text",
                "move_type": "text",
                "partner_id": "integer",
                "receivable_lines": "jsonb",
            },
        )
        return [
            upsert(TABLE, TABLE.rows(_IS_ONE)),
            upsert(RECEIVABLES, open_lines),
            self._SETTLE,
        ]

    # Of other lines than those written beside it: no statement may touch a row twice.
    _SETTLE = SQL(
        """
        DELETE FROM cqrs_receivable receivable USING stream
        WHERE invoice_id = stream_id AND NOT EXISTS (
            SELECT FROM jsonb_to_recordset(CASE
                WHEN jsonb_typeof(stream.state -> 'receivable_lines') = 'array'
                    AND stream.state ->> 'state' = 'posted'
                    AND stream.state ->> 'move_type' IN %s
                THEN stream.state -> 'receivable_lines' END
            ) AS line (id integer, amount_residual numeric)
            WHERE line.id = receivable.id AND line.amount_residual <> 0)
        """,
        DOCUMENT_TYPES,
    )

    def _ending_statements(self, model):
        return [self._REMOVE]

    def _deleting_statements(self, model):
        return [self._SETTLE, self._REMOVE]

    _REMOVE = SQL(
        """
        DELETE FROM cqrs_invoice_view USING stream
        WHERE id = stream_id
          AND COALESCE(stream.state ->> 'move_type', '') NOT IN %s
        """,
        DOCUMENT_TYPES,
    )
