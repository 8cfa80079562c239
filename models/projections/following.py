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

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from odoo import api, models
from odoo.tools import SQL

from ..event_store.upcast import UPCASTERS, current_events, upcast_events
from ..support.answer_context import known_while_reading
from ..support.indexes import drop_indexes
from ..support.transactions import committed, is_raised
from .failures import IS_BROKEN, is_of_a_table

_logger = logging.getLogger(__name__)

#: Streams that one statement applies
BATCH_SIZE = 10_000
#: Streams that one transaction of the first filling applies
FILL_BATCH_SIZE = 50_000
#: Streams up to which an update fills the tables itself, not the cron
FILL_AT_ONCE_UPTO = 20_000
#: Streams of one statement, from which on it is planned for many
SET_BASED_FROM = 100
_SET_BASED = {"enable_nestloop": "off", "jit": "off", "work_mem": "256MB"}
#: Events in one transaction, from which on they do not wait for the cron's next minute
FOLLOW_AT_ONCE_FROM = 1000

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


#: Gives the condition on the expression of a stream's id
Holds = Callable[[SQL], SQL]


@contextmanager
def set_based(cr, streams: int | None = None) -> Iterator[None]:
    """Have the block's statements planned for many streams.

    The planner knows nothing of the rows that window functions make, and takes ten
    thousand for one: a loop over a loop of them takes minutes.

    :param streams: their number; None for many
    """
    if streams is not None and streams < SET_BASED_FROM:
        yield
        return
    names = list(_SET_BASED)
    cr.execute(
        "SELECT array_agg(current_setting(name) ORDER BY place)"
        " FROM unnest(%s) WITH ORDINALITY listed (name, place)",
        [names],
    )
    (former,) = cr.fetchone()
    _set(cr, names, list(_SET_BASED.values()))
    yield
    # Not after a failure, which undoes the settings with the savepoint.
    _set(cr, names, former)


def _set(cr, names: list[str], values: list[str]):
    cr.execute(
        "SELECT set_config(name, value, true)"
        " FROM unnest(%s, %s) AS setting (name, value)",
        [names, values],
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

    # -- reading --

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

    def _make_relation(self, table: Callable[[str], SQL], is_filled: bool) -> SQL:
        self.env["base"]._cqrs_capture_pending()
        [declared] = self._cqrs_tables
        rows = table(declared.name)
        dirty, left_out, is_filling = self._dirty(table)
        if is_filling and not is_filled:
            raise NotFilled(self._name)
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

    def _fill_at_once(self) -> bool:
        """Fill the table in this transaction, if nothing has been followed yet."""
        if not self._take_checkpoint(waits=True):
            return False
        [(epoch, filled_upto)] = self.env.execute_query(
            SQL("SELECT epoch, filled_upto FROM %s", SQL.identifier(self._checkpoint))
        )
        if epoch or filled_upto is not None:
            return False
        left_out = self._left_out().get(self._followed_model, [])

        def holds(id_: SQL) -> SQL:
            return SQL("%s <> ALL(%s)", id_, left_out)

        with set_based(self.env.cr):
            self._insert(self._rows_that_hold(holds, SQL("cqrs_event")))
        self._remember_left_out()
        self._set_checkpoint(_NOW_SEEN)
        return True

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
        self._set_checkpoint(_NOW_SEEN)
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
            self._set_checkpoint(SQL("%s, filled_upto = NULL", _NOW_SEEN))

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

    # -- filling, of an existing database --

    def _is_filled_at_once(self) -> bool:
        """Return whether there are few streams, for an update to fill the tables."""
        [(streams,)] = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM (SELECT FROM cqrs_stream WHERE stream_model = %s"
                " LIMIT %s) stream",
                self._followed_model,
                FILL_AT_ONCE_UPTO + 1,
            )
        )
        return streams <= FILL_AT_ONCE_UPTO

    def _fill_next(self) -> bool:
        """Fill the table with the next streams; return whether there may be more.

        Until the table is filled, whoever asks for it is told so (``NotFilled``).
        """
        if not self._take_checkpoint(waits=False):
            return False
        [(upto,)] = self.env.execute_query(
            SQL("SELECT filled_upto FROM %s", SQL.identifier(self._checkpoint))
        )
        if upto is None:
            return False
        [table] = self._cqrs_tables
        if not upto:
            # What is written from here on is followed once the table is filled.
            drop_indexes(self.env.cr, [table.name])
            self._set_checkpoint(_NOW_SEEN)
        ids = self.env.execute_query(
            SQL(
                "SELECT stream_id FROM cqrs_stream WHERE stream_model = %s"
                " AND stream_id > %s ORDER BY stream_id LIMIT %s",
                self._followed_model,
                upto,
                FILL_BATCH_SIZE,
            )
        )
        if not ids:
            return self._end_filling()
        last = ids[-1][0]
        left_out = self._left_out().get(self._followed_model, [])

        def holds(id_: SQL) -> SQL:
            return SQL(
                "%(id)s > %(upto)s AND %(id)s <= %(last)s AND %(id)s <> ALL(%(out)s)",
                id=id_,
                upto=upto,
                last=last,
                out=left_out,
            )

        with set_based(self.env.cr):
            self._insert(self._rows_that_hold(holds, SQL("cqrs_event")))
        self._set_checkpoint(SQL("filled_upto = %s", last))
        self._tell_filling(f"being filled, up to id {last}")
        return True

    def _end_filling(self) -> bool:
        self.env.cr.execute("SET LOCAL maintenance_work_mem = '256MB'")
        # The indexes that are missing
        self._create_tables()
        [table] = self._cqrs_tables
        self.env.cr.execute(SQL("ANALYZE %s", SQL.identifier(table.name)))
        self._set_checkpoint(SQL("filled_upto = NULL"))
        self._note_rebuilt(self._left_out())
        return False

    def _tell_filling(self, text: str):
        _logger.info("%s is %s", self._name, text)
        self.env.cr.execute(
            SQL(
                "UPDATE cqrs_projection_failure failure SET error = %s"
                " WHERE projection = %s AND %s",
                text,
                self._name,
                SQL(IS_BROKEN),
            )
        )


_LEFT_OUT = Exception("left out of the other read models")

_NOW_SEEN = SQL(
    f"""
    epoch = (SELECT COALESCE(max(epoch), 1) FROM cqrs_epoch),
    snapshot = pg_current_snapshot(),
    txid = pg_current_xact_id(),
    position = (SELECT max(position) FROM ONLY cqrs_event),
    settled_upto = GREATEST(checkpoint.settled_upto, {_OLDEST_START.code})
    """
)
