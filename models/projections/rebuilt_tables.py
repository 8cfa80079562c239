"""Rebuilding: the tables of a projection made anew, and filled from the log."""

from odoo import api, models
from odoo.tools import SQL

from ..support.transactions import is_raised


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    @api.model
    def _fault(self) -> Exception | None:
        """Return the error of applying no record at all, if there is one.

        PostgreSQL refuses even that if a table or column is missing.
        """
        try:
            with self.env.cr.savepoint(flush=False):
                self._apply_nothing()
        except Exception as error:
            if is_raised(error):
                raise
            return error
        return None

    def _apply_nothing(self):
        """Execute every statement that writes the tables, for no record."""
        nothing = SQL(
            """
            SELECT NULL::integer AS stream_id, NULL::jsonb AS state,
                   NULL::jsonb AS former, NULL::integer AS version,
                   NULL::timestamptz AS occurred_at
            WHERE false
            """
        )
        for model in self._cqrs_consumes:
            if statements := self._statements(model):
                self._run_statements(nothing, statements)
                self._run_statements(nothing, self._ending_statements(model))
            else:
                self._apply({model: nothing})

    @api.model
    def _remake_tables(self):
        """Make the tables anew; the projection is broken until it is rebuilt."""
        self._drop_tables()
        self._create_tables()
        # An update may come here before it has made the table of failures.
        self.env["cqrs.projection.failure"].init()
        self._insert_failures([(None, None, None)], Exception("made anew, and empty"))

    def _drop_tables(self):
        for table in reversed(self._cqrs_tables):
            self.env.cr.execute(
                SQL("DROP TABLE IF EXISTS %s CASCADE", SQL.identifier(table.name))
            )

    def _note_rebuilt(self, left_out: dict[str, list[int]]):
        """Forget the failures that this transaction sees, except of records left out.

        :param left_out: as returned by ``_left_out``
        """
        kept = SQL(" OR ").join(
            [
                SQL("(stream_model = %s AND stream_id = ANY(%s))", *each)
                for each in left_out.items()
            ]
            or [SQL("false")]
        )
        self.env.cr.execute(
            SQL(
                """
                WITH kept AS (
                    UPDATE cqrs_projection_failure
                    SET held_version = 0, is_left_out = true
                    WHERE projection = %(name)s AND (%(kept)s)
                ),
                gone AS (
                    DELETE FROM cqrs_projection_failure
                    WHERE projection = %(name)s AND (%(kept)s) IS NOT TRUE
                    RETURNING id
                )
                INSERT INTO cqrs_projection_rebuild (projection)
                SELECT %(name)s FROM gone LIMIT 1
                """,
                name=self._name,
                kept=kept,
            )
        )

    def _fill(self, streams: dict[str, SQL]) -> dict[str, list[int]]:
        """Apply all streams to empty tables, except the records that are left out.

        :return: as ``_left_out``
        """
        left_out = self._left_out()
        self._apply_consumed(
            {
                model: SQL(
                    "SELECT * FROM (%s) stream WHERE stream_id <> ALL(%s)",
                    query,
                    left_out[model],
                )
                if model in left_out
                else query
                for model, query in streams.items()
            }
        )
        return left_out

    def _left_out(self) -> dict[str, list[int]]:
        """Return ``{model: ids}`` of the quarantined records, which have no rows."""
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT stream_model, array_agg(DISTINCT stream_id)
                    FROM cqrs_projection_failure
                    WHERE projection = %s AND is_left_out
                    GROUP BY stream_model
                    """,
                    self._name,
                )
            )
        )
