"""The moves of opportunities between stages."""

from odoo import api, models
from odoo.tools import SQL

from ..support.indexes import create_missing
from ..support.versions import CountedVersion
from .followed_rows import write_rows
from .stays import moves
from .table import Column, Table, listed

#: The version by repairs of the moves alone
REPAIRS = CountedVersion("cqrs_stage_move_repairs")

# The wide columns come first, so that none is padded.
MOVES = Table(
    "cqrs_stage_move",
    columns=(
        Column("at", "timestamptz", "NOT NULL"),
        Column("stayed", "bigint"),
        Column("open_for", "bigint", "NOT NULL"),
        Column("opportunity_id", "integer", "NOT NULL", value=SQL("stream_id")),
        Column("version", "integer", "NOT NULL"),
        Column("user_id", "integer"),
        Column("team_id", "integer"),
        Column("company_id", "integer"),
        Column("currency_id", "integer"),
        Column("from_stage_id", "integer"),
        Column("to_stage_id", "integer"),
        Column("closing_date", "date"),
        Column("value", "numeric", "NOT NULL"),
        Column("kind", "text", 'COLLATE "C" NOT NULL'),
        Column("is_recorded", "boolean", "NOT NULL"),
    ),
    key=("opportunity_id", "version"),
)


class CqrsStageMove(models.AbstractModel):
    """A row for each move of an opportunity into a stage or out of one (``stays.py``).

    Owner, team, company and value (exact, in ``currency_id``) are those after the move,
    of a deletion those before it. ``stayed`` is the time in the stage that was left,
    ``open_for`` that for which the opportunity has been open until then, in
    microseconds. ``version`` is that of the event. A move that is not recorded is
    reconstructed.
    """

    _name = "cqrs.stage.move"
    _inherit = "cqrs.projection"
    _description = "Stage Moves"
    _cqrs_consumes = ("crm.lead",)
    _cqrs_tables = (MOVES,)
    _cqrs_versions = (REPAIRS,)
    _cqrs_reads_events = True
    _cqrs_is_followed = True
    _cqrs_rank = 1

    _INDEXES = SQL(
        """
        CREATE UNIQUE INDEX IF NOT EXISTS cqrs_stage_move_key
            ON cqrs_stage_move (opportunity_id, version);
        CREATE INDEX IF NOT EXISTS cqrs_stage_move_at ON cqrs_stage_move (at);
        CREATE INDEX IF NOT EXISTS cqrs_stage_move_owner_at
            ON cqrs_stage_move (user_id, at)
        """
    )

    def _create_tables(self):
        result = super()._create_tables()
        create_missing(self.env.cr, self._INDEXES)
        return result

    def _rows_of(self, events, holds):
        # A period lies together in the table, where many rows are written at once.
        return SQL(
            "SELECT %s FROM (%s) move ORDER BY at",
            listed(MOVES.names),
            moves(self.env["cqrs.opportunity.span"]._rows_of(events, holds)),
        )

    def _write_rows(self, rows, stream_ids):
        write_rows(self.env.cr, MOVES, rows, stream_ids)

    @api.model
    def _version(self) -> str | None:
        """Return a value that changes when the moves of the past do, for caches."""
        spans = self.env["cqrs.opportunity.span"]._version()
        [(repairs,)] = self.env.execute_query(SQL(REPAIRS.query))
        return spans and repairs and f"{spans} {repairs}"
