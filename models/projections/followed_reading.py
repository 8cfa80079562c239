"""Readers of followed projections: exact at every moment, by adding what is unseen."""

from collections.abc import Callable
from datetime import datetime

from odoo import api, models
from odoo.tools import SQL

from ..event_store.upcast import UPCASTERS, current_events, upcast_events
from ..support.answer_context import known_while_reading

#: Gives the condition on the expression of a stream's id
Holds = Callable[[SQL], SQL]

# The condition that a checkpoint has not seen an event of its epoch. The transaction
# that wrote the checkpoint has seen those of its own events that came before it.
_IS_UNSEEN = SQL(
    """
    event.txid >= pg_snapshot_xmin(checkpoint.snapshot)
    AND NOT pg_visible_in_snapshot(event.txid, checkpoint.snapshot)
    AND (event.txid = checkpoint.txid
         AND event.position <= checkpoint.position) IS NOT TRUE
    """
)


class NotFilled(Exception):
    """The tables of a followed projection are being filled.

    :ivar projection: its model
    """

    def __init__(self, projection: str):
        super().__init__(f"{projection} is being filled")
        self.projection = projection


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    @api.model
    def _relation(self, table=SQL.identifier, is_filled: bool = False) -> SQL:
        """Return the relation to select the rows from, exact in this transaction.

        It has the columns of the table: the table itself where no event is unseen, else
        the table without the dirty streams, and their rows computed from the log.

        :param table: gives the SQL of a table's name
        :param is_filled: take a table that is being filled as it is
        :raise NotFilled: the table is being filled
        """
        if table == SQL.identifier and not is_filled:
            return known_while_reading(
                self.env,
                ("relation", self._name),
                lambda: self._make_relation(table, is_filled),
            )
        return self._make_relation(table, is_filled)

    @api.model
    def _relation_until(self, moment: datetime) -> SQL:
        """Return ``_relation`` for what happened until a moment.

        Until a settled moment no event is unseen, so that nothing is computed from the
        log.
        """
        if not self._is_settled(moment):
            return self._relation()
        return self._make_relation(SQL.identifier, False, has_seen=True)

    def _make_relation(
        self, table: Callable[[str], SQL], is_filled: bool, has_seen: bool = False
    ) -> SQL:
        self.env["base"]._cqrs_capture_pending()
        [declared] = self._cqrs_tables
        rows = table(declared.name)
        dirty, left_out, is_filling = self._dirty(table)
        if is_filling and not is_filled:
            raise NotFilled(self._name)
        if has_seen:
            dirty = left_out
        if is_filling or not dirty:
            return rows
        columns = SQL(", ").join(map(SQL.identifier, declared.names))
        return SQL(
            "(SELECT %s FROM %s kept WHERE %s UNION ALL SELECT %s FROM (%s) added)",
            columns,
            rows,
            SQL("%s <> ALL(%s)", SQL.identifier(declared.record_column), dirty),
            columns,
            self._rows_of_streams(
                sorted(set(dirty).difference(left_out)), table("cqrs_event")
            ),
        )

    def _dirty(self, table=SQL.identifier) -> tuple[list[int], list[int], bool]:
        """Return the dirty streams, those left out, and whether the table is filled.

        A stream that is left out is dirty. Where the past is read there is no
        checkpoint: all is seen.
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT CASE WHEN filled_upto IS NULL THEN ARRAY(%(unseen)s) END,
                       ARRAY(SELECT DISTINCT stream_id FROM %(failures)s
                             WHERE stream_model = %(model)s AND is_left_out),
                       filled_upto IS NOT NULL
                FROM %(checkpoint)s checkpoint
                """,
                unseen=self._unseen(table("cqrs_event")),
                failures=table("cqrs_projection_failure"),
                model=self._followed_model,
                checkpoint=table(self._checkpoint),
            )
        )
        if not rows:
            return [], [], False
        [(unseen, left_out, is_filling)] = rows
        return sorted({*(unseen or ()), *left_out}), left_out, is_filling

    def _unseen(self, log: SQL) -> SQL:
        """Return the query of the streams with events that ``checkpoint`` lacks."""
        # Two probes of the index by (epoch, txid), where an OR would read it whole. The
        # upper bounds hold always: without them the planner takes the events behind a
        # checkpoint for a third of the log, and reads all of it.
        return SQL(
            """
            SELECT stream_id FROM %(log)s event
            WHERE event.epoch = checkpoint.epoch AND %(is_unseen)s
              AND event.txid <= '18446744073709551615'
              AND event.stream_model = %(model)s
            UNION
            SELECT stream_id FROM %(log)s event
            WHERE event.epoch > checkpoint.epoch AND event.epoch <= 2147483647
              AND event.stream_model = %(model)s
            """,
            log=log,
            is_unseen=_IS_UNSEEN,
            model=self._followed_model,
        )

    def _rows_of_streams(self, stream_ids: list[int], log: SQL) -> SQL:
        return self._rows_that_hold(
            lambda id_: SQL("%s = ANY(%s)", id_, stream_ids), log
        )

    def _rows_that_hold(self, holds: Holds, log: SQL) -> SQL:
        """Return the query of the rows of streams, by their events' present form."""
        is_one = SQL(
            "event.stream_model = %s AND %s",
            self._followed_model,
            holds(SQL("event.stream_id")),
        )
        events = current_events(self.env, log, is_one, self._upcast(is_one))
        return self._rows_of(SQL("(%s)", events), holds)

    def _upcast(self, condition: SQL) -> SQL | None:
        """Return the relation ``upcast`` of events that have upcasters."""
        if not any(model == self._followed_model for model, __ in UPCASTERS):
            return None
        found = [event for page in upcast_events(self.env, condition) for event in page]
        if not found:
            return None
        return SQL(
            "(SELECT position, before::jsonb, after::jsonb"
            " FROM unnest(%s::bigint[], %s::text[], %s::text[])"
            " AS given (position, before, after)) upcast",
            *map(list, zip(*found, strict=True)),
        )

    @api.model
    def _is_settled(self, moment: datetime) -> bool:
        """Return whether no event from before a moment can still be added.

        That is known up to the last look of the follower: every transaction that began
        earlier had ended then, and its events are seen by whoever sees that look.
        """
        [(is_settled,)] = self.env.execute_query(
            SQL(
                "SELECT COALESCE(bool_or(settled_upto >= %s), false) FROM %s",
                moment,
                SQL.identifier(self._checkpoint),
            )
        )
        return is_settled
