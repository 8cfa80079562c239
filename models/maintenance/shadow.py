"""Shadow tables: the log folded again, beside the live tables and invisible to others.

Within a block, temporary tables take the place of the recorded states and the
projections under the same names: PostgreSQL looks into ``pg_temp`` first, so the
projections' own statements fill them, and their readers read them, unchanged. Shadow
and live rows belong to one snapshot, so they compare exactly, without a lock and beside
live writes.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime

from odoo.tools import SQL

from ..event_store.fold import fold
from ..event_store.upcast import current_events, upcast_events
from ..projections.set_based import set_based
from ..support.answer_context import reading_anew
from ..support.indexes import drop_indexes
from ..support.progress import Progress, silent
from .scope import EVERYTHING, Scope

STREAM = "cqrs_stream"

#: A point in the log: the position of its last event, or a time (aware, inclusive)
Point = int | datetime


class Shadow:
    """Shadow tables of some projections; ``live`` names the tables behind them.

    The shadows hold the streams of ``scope`` alone.
    """

    def __init__(
        self, env, projections: list, upto: Point | None, scope: Scope = EVERYTHING
    ):
        self.cr = env.cr
        self.env = env
        self.projections = projections
        self.scope = scope
        self._upto = upto
        #: ``{projection: {model: ids}}`` of the records that cannot be applied
        self.left_out: dict[str, dict[str, list[int]]] = {}
        self.cr.execute("SELECT current_schema()")
        (self._schema,) = self.cr.fetchone()
        self._tables = [STREAM]
        #: Temporary tables that are no shadows
        self._added: list[str] = []
        for projection in projections:
            self._tables += projection._declared_tables()
        # Before their names mean the shadows.
        self._followed = {
            projection._name: self._whole(projection)
            for projection in projections
            if projection._cqrs_is_followed
        }

    def live(self, table: str) -> SQL:
        return SQL.identifier(self._schema, table)

    def _whole(self, projection) -> SQL:
        """Return the live table of a followed projection, with what is unseen.

        As a table, where something is: a comparison would compute that for each row.
        """
        [followed] = projection._cqrs_tables
        live = self.live(followed.name)
        relation = projection._relation(self.live, is_filled=True)
        if relation == live:
            return live
        name = f"{followed.name}_whole"
        with set_based(self.cr):
            self.cr.execute(
                SQL(
                    "CREATE TEMPORARY TABLE %s ON COMMIT DROP AS"
                    " SELECT * FROM %s whole",
                    SQL.identifier(name),
                    relation,
                )
            )
        self.cr.execute(SQL("ANALYZE %s", self.temporary(name)))
        self._added.append(name)
        return self.temporary(name)

    def covered(self, projection) -> Callable[[str], SQL]:
        """Return the function that gives a live table as far as its shadow goes."""
        if whole := self._followed.get(projection._name):
            [followed] = projection._cqrs_tables
            return lambda name: whole if name == followed.name else self.live(name)
        model = projection._model_of_each_row()
        if self.scope.is_whole or model is None:
            return self.live
        columns = {table.name: table.record_column for table in projection._cqrs_tables}
        return lambda table: SQL(
            "(SELECT * FROM %s live WHERE %s)",
            self.live(table),
            self.scope.holds(SQL("%s", model), SQL.identifier("live", columns[table])),
        )

    def temporary(self, table: str) -> SQL:
        return SQL.identifier("pg_temp", table)

    def fill(self, progress: Progress, indexed: bool = False):
        """Create the tables; fold the log into them, then let the projections apply.

        :param indexed: with the indexes that readers of a live table have
        """
        # For the sorts and hashes below; the default is meant for many connections.
        self.cr.execute("SET LOCAL work_mem = '128MB'")
        # Compilation gains nothing here: jsonb and writing take the time.
        self.cr.execute("SET LOCAL jit = off")
        progress(STREAM)
        self._shadow_events()
        for table in self._tables:
            self._create(table)
        last = self.env["cqrs.projection"]._tables_to_index_last()
        indexes = drop_indexes(
            self.cr,
            [f"pg_temp.{table}" for table in self._tables if table in (STREAM, *last)],
        )
        # The tables of the log are merged by their indexes: to sort them instead, as
        # the planner would after events have been archived, takes three times as long.
        # Of a part of the streams, no index gives the order.
        if self.scope.is_whole:
            self.cr.execute("SET LOCAL enable_sort = off")
        self.cr.execute(
            SQL(
                "INSERT INTO %s (stream_model, stream_id, version, state, hash) %s",
                self.temporary(STREAM),
                fold(self._events()),
            )
        )
        self.cr.execute("SET LOCAL enable_sort TO DEFAULT")
        self.cr.execute(SQL("ANALYZE %s", self.temporary(STREAM)))
        streams = self.env["cqrs.projection"]._recorded_streams()
        for projection in self.projections:
            progress(projection._name)
            self.left_out[projection._name] = projection._fill(streams)
        for index in indexes if indexed else ():
            self.cr.execute(index)

    def _events(self) -> SQL:
        if self.scope.is_whole:
            return SQL("cqrs_event")
        return SQL(
            "(SELECT * FROM cqrs_event event WHERE %s)",
            self.scope.holds(SQL("event.stream_model"), SQL("event.stream_id")),
        )

    def drop(self):
        self.cr.execute("DROP VIEW IF EXISTS pg_temp.cqrs_event")
        self.cr.execute("DROP TABLE IF EXISTS pg_temp.cqrs_upcast")
        for table in (*self._tables, *self._added):
            self.cr.execute(SQL("DROP TABLE %s", self.temporary(table)))

    def _create(self, table: str):
        self.cr.execute(
            SQL(
                "CREATE TEMPORARY TABLE %s (LIKE %s INCLUDING ALL) ON COMMIT DROP",
                SQL.identifier(table),
                self.live(table),
            )
        )

    def _shadow_events(self):
        """Shadow the log by a view if it ends earlier, or has events to upcast."""
        past = self._past()
        pages = upcast_events(self.env, past)
        first = next(pages, None)
        if first is None and self._upto is None:
            return
        if first:
            self.cr.execute(
                "CREATE TEMPORARY TABLE cqrs_upcast (position bigint PRIMARY KEY,"
                " before jsonb, after jsonb) ON COMMIT DROP"
            )
            for page in (first, *pages):
                self.cr.execute_values("INSERT INTO cqrs_upcast VALUES %s", page)
        self.cr.execute(
            SQL(
                "CREATE TEMPORARY VIEW cqrs_event AS %s",
                current_events(
                    self.env,
                    self.live("cqrs_event"),
                    past,
                    SQL("cqrs_upcast upcast") if first else None,
                ),
            )
        )

    def _past(self) -> SQL:
        if self._upto is None:
            return SQL("true")
        if isinstance(self._upto, datetime):
            return SQL("event.occurred_at <= %s", self._upto)
        return SQL("event.position <= %s", self._upto)


def fill_steps(projections: list) -> int:
    """Return the number of steps of a ``Progress`` that filling the shadows takes."""
    return 1 + len(projections)


@contextmanager
def shadowed(
    env,
    projections: list,
    upto: Point | None,
    progress: Progress,
    scope: Scope = EVERYTHING,
) -> Iterator[Shadow]:
    """Let the names of the tables mean their shadows within the block.

    The block's writes to live tables stay.
    """
    env.cr.flush()
    with env.cr.savepoint(flush=False):
        shadow = Shadow(env, projections, upto, scope)
        shadow.fill(progress)
        yield shadow
        shadow.drop()


@contextmanager
def as_of(env, upto: Point) -> Iterator[None]:
    """Let the log end at ``upto`` within the block, the projections with it.

    Every read of a projection, by SQL or by the ORM, gives the past; the database
    refuses every write::

        with as_of(env, datetime(2026, 6, 30, tzinfo=timezone.utc)):
            then = env["cqrs.dashboard"].with_user(user)._read_dashboard()
    """
    env.cr.flush()
    with closing(env.cr.savepoint(flush=False)), reading_anew(env):
        shadow = Shadow(env, env["cqrs.projection"]._projections(), upto)
        shadow.fill(Progress(silent, fill_steps(shadow.projections)), indexed=True)
        # Until the savepoint is rolled back, and the tables with it.
        env.cr.execute("SET LOCAL transaction_read_only = on")
        env.invalidate_all(flush=False)
        try:
            yield
        finally:
            env.invalidate_all(flush=False)
