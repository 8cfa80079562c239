from typing import NamedTuple

from odoo import fields, models
from odoo.tools import SQL

from ..currencies.currencies import CURRENCIES
from ..support.indexes import create_missing
from ..support.versions import CountedVersion
from .search_terms import terms_function
from .table import Column, Table, changed_at_column, upsert, version_column

#: The version by repairs: sums that are read from this table are kept
REPAIRS = CountedVersion("cqrs_opportunity_view_repairs")


class Order(NamedTuple):
    """An order of opportunities, which two indexes give.

    :ivar key: the expression of a row that it sorts by
    :ivar type: of the key, in PostgreSQL
    :ivar is_nullable: whether an opportunity may lack it
    :ivar unit: the expression of what the key is measured in, an id, if rows differ in
        that: the indexes give the rows of each unit sorted
    :ivar is_until_now: whether people see the time from the key until now
    """

    key: SQL
    type: str
    is_nullable: bool = False
    unit: SQL | None = None
    is_until_now: bool = False


ORDERS = {
    "value": Order(SQL("value"), "numeric", unit=SQL("COALESCE(currency_id, 0)")),
    "closing_date": Order(SQL("closing_date"), "date", is_nullable=True),
    "closed_at": Order(SQL("closed_at"), "timestamp", is_nullable=True),
    "created_at": Order(SQL("created_at"), "timestamp", is_nullable=True),
    "changed_at": Order(SQL("changed_at"), "timestamp"),
    "stage": Order(SQL("stage_id"), "integer", is_nullable=True),
    # An index takes no longer name, and the lead could not be written.
    "name": Order(SQL("left(name, 200)"), "text"),
}

_STATUSES = [("pending", "Pending"), ("won", "Won"), ("lost", "Lost")]
_STATUS = SQL(
    "CASE WHEN won_status IN ('won', 'lost') THEN won_status ELSE 'pending' END"
)

TABLE = Table(
    "cqrs_opportunity_view",
    columns=(
        Column("id", "integer", "PRIMARY KEY", value=SQL("stream_id")),
        Column(
            "name",
            "text",
            'COLLATE "C"',
            default="''",
            field=fields.Char(readonly=True),
        ),
        Column(
            "value",
            "numeric",
            source="expected_revenue",
            default="0",
            # Not added up: each may be in another currency.
            field=fields.Monetary(aggregator=None, readonly=True),
        ),
        Column(
            "currency_id",
            "integer",
            source="company_id.currency_id",
            field=fields.Many2one("res.currency", readonly=True),
        ),
        # The sums have all its digits, where double precision gives numeric 15.
        Column(
            "probability",
            "numeric",
            field=fields.Float(aggregator="avg", readonly=True),
        ),
        Column(
            "stage_id", "integer", field=fields.Many2one("crm.stage", readonly=True)
        ),
        Column(
            "status",
            "text",
            "NOT NULL",
            source="won_status",
            value=_STATUS,
            field=fields.Selection(_STATUSES, readonly=True),
        ),
        Column(
            "active", "boolean", default="false", field=fields.Boolean(readonly=True)
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
            "partner_id",
            "integer",
            field=fields.Many2one("res.partner", "Customer", readonly=True),
        ),
        Column(
            "partner_name",
            "text",
            source="partner_id.complete_name",
            field=fields.Char("Customer Name", readonly=True),
        ),
        Column(
            "lost_reason_id",
            "integer",
            field=fields.Many2one("crm.lost.reason", readonly=True),
        ),
        Column(
            "source_id", "integer", field=fields.Many2one("utm.source", readonly=True)
        ),
        Column("tag_ids", "integer[]"),
        Column("words", "tsvector", value=SQL("array_to_tsvector(cqrs_terms(text))")),
        Column(
            "closing_date",
            "date",
            source="date_deadline",
            field=fields.Date("Expected Closing", readonly=True),
        ),
        Column(
            "closed_at",
            "timestamp",
            source="date_closed",
            field=fields.Datetime(readonly=True),
        ),
        Column(
            "created_at",
            "timestamp",
            source="create_date",
            field=fields.Datetime(readonly=True),
        ),
        changed_at_column(),
        version_column(),
    ),
    options="WITH (fillfactor = 80)",
)

_IS_ONE = SQL("type = 'opportunity'")
_NAMES = SQL(
    """
    CROSS JOIN LATERAL (
        SELECT left(COALESCE(name, ''), 500)
            || ' ' || left(COALESCE("partner_id.complete_name", ''), 500)
    ) names (text)
    """
)


class CqrsOpportunityView(models.Model):
    """One row for each opportunity, under the id of its ``crm.lead``.

    ``value`` is exact, in ``currency_id``; without a currency (a lead without a
    company) it is in the currency of the viewer's company, as in Odoo itself. A value
    that Odoo cannot read (``readable_values.py``) is not set. ``version`` is the
    version of the opportunity's stream. Leads have no row. The column ``words`` holds
    the terms (``search_terms.py``) of the opportunity's name and of the customer's.
    """

    _name = "cqrs.opportunity.view"
    _inherit = "cqrs.projection"
    _description = "Opportunity (Read Model)"
    _auto = False
    _order = "value desc, id desc"
    _cqrs_consumes = ("crm.lead",)
    _cqrs_tables = (TABLE,)
    _cqrs_versions = (REPAIRS,)

    vars().update(TABLE.orm_fields)

    def _functions(self):
        return [*super()._functions(), terms_function()]

    def _create_tables(self):
        result = super()._create_tables()
        # An index over all rows and one by owner for each order, read both ways; they
        # end in the id, so there are no ties.
        for name, order in ORDERS.items():
            key = order.key
            if order.unit:
                key = SQL("(%s), %s", order.unit, key)
            self._create_index(name, SQL("(%s, id)", key))
            self._create_index(f"owner_{name}", SQL("(user_id, %s, id)", key))
        # The opportunities of an account are looked up by its contacts.
        self._create_index(
            "customer", SQL("(partner_id, id) WHERE partner_id IS NOT NULL")
        )
        # Each reader searches the pending list of the index, and one writer among many
        # has to empty it: keep it short.
        self._create_index(
            "words", SQL("USING gin (words) WITH (gin_pending_list_limit = 64)")
        )
        return result

    def _count_repair(self, live):
        # Opportunities may be in other currencies now, and no event says so.
        CURRENCIES.change(self.env.cr, live(CURRENCIES.table))
        return super()._count_repair(live)

    def _create_index(self, name: str, definition: SQL):
        create_missing(
            self.env.cr,
            SQL(
                "CREATE INDEX IF NOT EXISTS %s ON cqrs_opportunity_view %s",
                SQL.identifier(f"cqrs_opportunity_view_{name}"),
                definition,
            ),
        )

    def _statements(self, model):
        [table] = self._cqrs_tables
        return [
            upsert(table, table.rows(_IS_ONE, joins=_NAMES, reads={"type": "text"}))
        ]

    def _ending_statements(self, model):
        return [self._REMOVE]

    _REMOVE = SQL(
        """
        DELETE FROM cqrs_opportunity_view USING stream
        WHERE id = stream_id AND COALESCE(state ->> 'type', '') <> 'opportunity'
        """
    )
