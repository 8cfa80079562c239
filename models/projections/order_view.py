from odoo import fields, models
from odoo.tools import SQL

from ..support.indexes import create_missing
from .table import Column, Table, changed_at_column, upsert, version_column

#: The states in which Odoo takes an order for confirmed
CONFIRMED = SQL("('sale', 'done')")

TABLE = Table(
    "cqrs_order_view",
    columns=(
        Column("id", "integer", "PRIMARY KEY", value=SQL("stream_id")),
        Column(
            "name",
            "text",
            'COLLATE "C"',
            default="''",
            field=fields.Char("Number", readonly=True),
        ),
        # The state of the record, which the relation ``stream`` has a column for, too
        Column(
            "state",
            "text",
            source="state",
            value=SQL("captured.state"),
            default="'draft'",
            field=fields.Char("Odoo State", readonly=True),
        ),
        Column(
            "is_confirmed",
            "boolean",
            value=SQL("captured.state IN %s", CONFIRMED),
            default="false",
            field=fields.Boolean(readonly=True),
        ),
        Column(
            "user_id",
            "integer",
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
            field=fields.Many2one("res.currency", readonly=True),
        ),
        Column(
            "partner_id",
            "integer",
            field=fields.Many2one("res.partner", "Contact", readonly=True),
        ),
        Column(
            "opportunity_id",
            "integer",
            field=fields.Many2one("crm.lead", readonly=True),
        ),
        Column(
            "ordered_at",
            "timestamp",
            source="date_order",
            field=fields.Datetime(readonly=True),
        ),
        Column(
            "untaxed",
            "numeric",
            source="amount_untaxed",
            default="0",
            field=fields.Monetary(aggregator=None, readonly=True),
        ),
        Column(
            "total",
            "numeric",
            source="amount_total",
            default="0",
            field=fields.Monetary(aggregator=None, readonly=True),
        ),
        Column("invoice_status", "text", field=fields.Char(readonly=True)),
        version_column(),
        changed_at_column(),
    ),
    options="WITH (fillfactor = 80)",
)


class CqrsOrderView(models.Model):
    """One row for each quotation and order, under the id of its ``sale.order``.

    Amounts are exact, in ``currency_id``, the order's own. ``ordered_at`` is in UTC.
    An order is of the account of its contact, ``partner_id`` (``cqrs_contact``).
    """

    _name = "cqrs.order.view"
    _inherit = "cqrs.projection"
    _description = "Order (Read Model)"
    _auto = False
    _order = "ordered_at desc, id desc"
    _cqrs_consumes = ("sale.order",)
    _cqrs_is_for_all = False
    _cqrs_tables = (TABLE,)

    vars().update(TABLE.orm_fields)

    def _create_tables(self):
        result = super()._create_tables()
        create_missing(self.env.cr, self._INDEXES)
        return result

    _INDEXES = SQL(
        """
        CREATE INDEX IF NOT EXISTS cqrs_order_view_time
            ON cqrs_order_view (ordered_at, id);
        CREATE INDEX IF NOT EXISTS cqrs_order_view_owner
            ON cqrs_order_view (user_id, ordered_at, id);
        CREATE INDEX IF NOT EXISTS cqrs_order_view_partner
            ON cqrs_order_view (partner_id, ordered_at);
        CREATE INDEX IF NOT EXISTS cqrs_order_view_opportunity
            ON cqrs_order_view (opportunity_id) WHERE opportunity_id IS NOT NULL
        """
    )

    def _statements(self, model):
        return [upsert(TABLE, TABLE.rows(SQL("stream.state IS NOT NULL")))]

    def _ending_statements(self, model):
        return [self._REMOVE]

    _REMOVE = SQL(
        """
        DELETE FROM cqrs_order_view USING stream
        WHERE id = stream_id AND stream.state IS NULL
        """
    )
