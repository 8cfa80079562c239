"""Followed projections: filled after the commit, and exact at every moment.

A followed projection adds nothing to the transaction that writes. A cron (each minute,
and at once after a bulk write) applies the events that its *checkpoint* has not seen.
The checkpoint is a snapshot: an event is unseen if that snapshot does not show its
transaction. So the follower skips no transaction that commits late, and waits for none.

A reader adds what is unseen by itself: it takes the *dirty* streams, those with an
unseen event, from the log instead of from the table (``_relation``).

*What it costs*: a reader pays a probe of the log's index, and for each dirty stream the
fold of its events.
"""

from odoo import api, models
from odoo.tools import SQL

from ..support.transactions import committed, is_raised
from .failures import is_of_a_table
from .followed_reading import Holds
from .set_based import set_based

#: Streams that one statement applies
BATCH_SIZE = 10_000
#: Events in one transaction, from which on they do not wait for the cron's next minute
FOLLOW_AT_ONCE_FROM = 1000

# Odoo dates its events with the start of their transaction. Whatever may still come is
# dated after the start of the oldest transaction that is open. A prepared transaction
# does not tell its start. Another role's do not either; no other role writes events.
_OLDEST_START = SQL(
    """
    CASE WHEN NOT EXISTS (SELECT FROM pg_prepared_xacts
                          WHERE database = current_database())
    THEN LEAST(now(), (
        SELECT min(xact_start) FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend'
          AND pid <> pg_backend_pid())) END
    """
)

#: The assignments by which a checkpoint has seen what this transaction sees
NOW_SEEN = SQL(
    f"""
    epoch = (SELECT COALESCE(max(epoch), 1) FROM cqrs_epoch),
    snapshot = pg_current_snapshot(),
    txid = pg_current_xact_id(),
    position = (SELECT max(position) FROM ONLY cqrs_event),
    settled_upto = GREATEST(checkpoint.settled_upto, {_OLDEST_START.code})
    """
)

_LEFT_OUT = Exception("left out of the other read models")


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    #: Whether a cron applies the events, after they are committed. Such a projection
    #: consumes one model, has one table, and computes the rows of streams from the log.
    _cqrs_is_followed = False

    @property
    def _checkpoint(self) -> str:
        """The name of the table that holds the checkpoint, in one row."""
        [table] = self._cqrs_tables
        return f"{table.name}_checkpoint"

    @property
    def _followed_model(self) -> str:
        [model] = self._cqrs_consumes
        return model

    def _rows_of(self, events: SQL, holds: Holds) -> SQL:
        """Return the query of the table's rows of some streams.

        :param events: a relation with the columns of ``cqrs_event``, of all events of
            the streams
        :param holds: gives the condition that an id is one of the streams'
        """
        raise NotImplementedError

    def _write_rows(self, rows: SQL, stream_ids: list[int]):
        """Make the rows of some streams those of a query."""
        raise NotImplementedError

    # -- the contract of a projection --

    def _create_tables(self):
        result = super()._create_tables()
        if self._cqrs_is_followed:
            self.env.cr.execute(
                SQL(
                    """
                    CREATE TABLE IF NOT EXISTS %(table)s (
                        epoch integer NOT NULL,
                        snapshot pg_snapshot NOT NULL,
                        txid xid8,
                        position bigint,
                        filled_upto integer,
                        settled_upto timestamptz
                    );
                    INSERT INTO %(table)s (epoch, snapshot)
                    SELECT 0, '1:1:' WHERE NOT EXISTS (SELECT FROM %(table)s)
                    """,
                    table=SQL.identifier(self._checkpoint),
                )
            )
        return result

    def _declared_tables(self):
        tables = super()._declared_tables()
        return [*tables, self._checkpoint] if self._cqrs_is_followed else tables

    def _drop_tables(self):
        result = super()._drop_tables()
        if self._cqrs_is_followed:
            self.env.cr.execute(
                SQL("DROP TABLE IF EXISTS %s", SQL.identifier(self._checkpoint))
            )
        return result

    @api.model
    def _remake_tables(self):
        result = super()._remake_tables()
        if self._cqrs_is_followed:
            self._set_checkpoint(SQL("filled_upto = 0"))
        return result

    def _apply_nothing(self):
        if not self._cqrs_is_followed:
            return super()._apply_nothing()
        nothing = SQL("(SELECT * FROM cqrs_event WHERE false)")
        self._write_rows(self._rows_of(nothing, lambda id_: SQL("false")), [])

    @api.model
    def _apply(self, streams):
        """Fill the empty tables from the log; only a replay calls it."""
        if not self._cqrs_is_followed:
            return super()._apply(streams)
        left_out = self._left_out().get(self._followed_model, [])

        def holds(id_: SQL) -> SQL:
            return SQL("%s <> ALL(%s)", id_, left_out)

        # The log has been shadowed by its present form, where that is another.
        events = SQL(
            "(SELECT * FROM cqrs_event WHERE stream_model = %s AND %s)",
            self._followed_model,
            holds(SQL("stream_id")),
        )
        with set_based(self.env.cr):
            self._insert(self._rows_of(events, holds))

    def _insert(self, rows: SQL):
        [table] = self._cqrs_tables
        self.env.cr.execute(
            SQL(
                "INSERT INTO %s (%s) %s",
                SQL.identifier(table.name),
                SQL(", ").join(map(SQL.identifier, table.names)),
                rows,
            )
        )

    def _left_out(self):
        if not self._cqrs_is_followed:
            return super()._left_out()
        # What is left out of one projection is left out of those that are read with it.
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT stream_model, array_agg(DISTINCT stream_id)
                    FROM cqrs_projection_failure
                    WHERE stream_model = %s AND is_left_out
                    GROUP BY stream_model
                    """,
                    self._followed_model,
                )
            )
        )

    @api.model
    def _apply_changes(self, changed, ended):
        result = super()._apply_changes(changed, ended)
        # While the addon is installed nobody reads yet, nor may a thread of the first
        # build make an environment.
        if (
            max(map(len, changed.values()), default=0) >= FOLLOW_AT_ONCE_FROM
            and self.env.registry.ready
        ):
            self._wake_follower()
        return result

    def _wake_follower(self):
        cron = self.env.ref("crm_cqrs.ir_cron_follow_log", raise_if_not_found=False)
        if cron:
            cron.sudo()._trigger()

    # -- following --

    @api.model
    def _follow_all(self):
        """Apply what each followed projection has not seen; commits."""
        for projection in self._projections():
            if projection._cqrs_is_followed:
                while committed(self.env, projection._fill_next):
                    pass
                committed(self.env, projection._follow)

    @api.model
    def _catch_up(self):
        """Apply what each followed projection has not seen, in this transaction."""
        for projection in self._projections():
            if projection._cqrs_is_followed and not projection._fill_at_once():
                projection._follow()

    def _follow(self, waits: bool = False) -> int:
        """Apply the streams with unseen events; return their number.

        Only one transaction does at a time. If another one has done it since this one
        began, this one fails with 40001, to be run again.

        :param waits: wait for another transaction that does it, not leave it to that
        """
        if not self._take_checkpoint(waits):
            return 0
        dirty, __, is_filling = self._dirty()
        if is_filling:
            return 0
        # Those left out before are tried again once the other projections have them.
        dirty = sorted({*dirty, *self._own_failures()})
        elsewhere = self._remember_left_out()
        wanted = [id_ for id_ in dirty if id_ not in elsewhere]
        try:
            for start in range(0, len(wanted), BATCH_SIZE):
                self._follow_streams(wanted[start : start + BATCH_SIZE])
        except Exception as error:
            if is_raised(error):
                raise
            self._note_broken({}, error)
            return 0
        self._set_checkpoint(NOW_SEEN)
        return len(wanted)

    def _take_checkpoint(self, waits: bool) -> bool:
        self.env.cr.execute(
            SQL(
                "SELECT FROM %s FOR UPDATE %s",
                SQL.identifier(self._checkpoint),
                SQL() if waits else SQL("SKIP LOCKED"),
            )
        )
        return bool(self.env.cr.rowcount)

    def _set_checkpoint(self, assignments: SQL):
        self.env.cr.execute(
            SQL(
                "UPDATE %s checkpoint SET %s",
                SQL.identifier(self._checkpoint),
                assignments,
            )
        )

    def _follow_streams(self, stream_ids: list[int]):
        """Write the rows of some streams, by halves down to the one that fails."""
        parts = [stream_ids]
        while parts:
            part = parts.pop()
            if not part:
                continue
            try:
                with (
                    self.env.cr.savepoint(flush=False),
                    set_based(self.env.cr, len(part)),
                ):
                    rows = self._rows_of_streams(part, SQL("cqrs_event"))
                    self._write_rows(rows, part)
                    self._forget_failures(self._followed_model, part)
            except Exception as error:
                if is_raised(error) or is_of_a_table(error):
                    raise
                if len(part) > 1:
                    middle = len(part) // 2
                    parts += [part[:middle], part[middle:]]
                else:
                    self._note({self._followed_model: dict.fromkeys(part, 0)}, error)
                    self._mark_left_out(part)

    def _own_failures(self) -> list[int]:
        return self._failed(SQL("projection = %s", self._name))

    def _remember_left_out(self) -> set[int]:
        """Note the streams that other projections leave out, and return them.

        No event tells when they are applied again.
        """
        elsewhere = self._failed(SQL("projection <> %s AND is_left_out", self._name))
        self._note({self._followed_model: dict.fromkeys(elsewhere, 0)}, _LEFT_OUT)
        self._mark_left_out(elsewhere)
        return set(elsewhere)

    def _note_rebuilt(self, left_out):
        result = super()._note_rebuilt(left_out)
        if self._cqrs_is_followed:
            self._remember_left_out()
        return result

    def _begin_repair(self):
        """Bring the table up to date, before a replay compares it; it may be filled."""
        if self._cqrs_is_followed:
            self._follow(waits=True)
            self._create_tables()
            self._set_checkpoint(SQL("%s, filled_upto = NULL", NOW_SEEN))

    def _failed(self, condition: SQL) -> list[int]:
        rows = self.env.execute_query(
            SQL(
                "SELECT DISTINCT stream_id FROM cqrs_projection_failure"
                " WHERE stream_model = %s AND %s",
                self._followed_model,
                condition,
            )
        )
        return [id_ for (id_,) in rows]

    def _mark_left_out(self, stream_ids):
        if stream_ids:
            self.env.cr.execute(
                SQL(
                    "UPDATE cqrs_projection_failure SET is_left_out = true"
                    " WHERE projection = %s AND stream_model = %s"
                    " AND stream_id = ANY(%s)",
                    self._name,
                    self._followed_model,
                    list(stream_ids),
                )
            )
