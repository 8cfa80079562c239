from odoo import fields, models
from odoo.tools import SQL

from ..support.indexes import create_missing
from .table import Column, Table, upsert

#: The states in which Odoo takes an order for confirmed
CONFIRMED = SQL("('sale', 'done')")

_AMOUNT = fields.Monetary(aggregator=None, readonly=True)
_TIME = fields.Datetime(readonly=True)

TABLE = Table(
    "cqrs_order_view",
    columns=(
        Column("id", "integer", "PRIMARY KEY", value=SQL("stream_id")),
        Column("name", "text", 'COLLATE "C"', default="''"),
        # The state of the record, which the relation ``stream`` has a column for, too
        Column(
            "state",
            "text",
            source="state",
            value=SQL("captured.state"),
            default="'draft'",
        ),
        Column(
            "is_confirmed",
            "boolean",
            value=SQL("captured.state IN %s", CONFIRMED),
            default="false",
        ),
        Column("user_id", "integer"),
        Column("team_id", "integer"),
        Column("company_id", "integer"),
        Column("currency_id", "integer"),
        Column("partner_id", "integer"),
        Column("opportunity_id", "integer"),
        Column("ordered_at", "timestamp", source="date_order", field=_TIME),
        Column(
            "untaxed", "numeric", source="amount_untaxed", default="0", field=_AMOUNT
        ),
        Column("total", "numeric", source="amount_total", default="0", field=_AMOUNT),
        Column("invoice_status", "text"),
        Column("version", "integer", "NOT NULL", value=SQL("version")),
        Column(
            "changed_at",
            "timestamp",
            "NOT NULL",
            value=SQL("occurred_at AT TIME ZONE 'UTC'"),
        ),
    ),
    options="WITH (fillfactor = 80)",
)


class CqrsOrderView(models.AbstractModel):
    """One row for each quotation and order, under the id of its ``sale.order``.

    Amounts are exact, in ``currency_id``, the order's own. ``ordered_at`` is in UTC.
    An order is of the account of its contact, ``partner_id`` (``cqrs_contact``).
    """

    _name = "cqrs.order.view"
    _inherit = "cqrs.projection"
    _description = "Order (Read Model)"
    _cqrs_consumes = ("sale.order",)
    _cqrs_tables = (TABLE,)

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
