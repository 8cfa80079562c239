"""A projection never stops a write: what cannot be applied is noted, and made up for.

Recording a change and applying it are one statement behind a savepoint. Where it fails,
the event is recorded alone, and each projection is then applied by itself:

* A *record* that cannot be applied is quarantined: its row and its figures are taken
  out of the projection, until it can be applied again.
* A *table* that cannot be written (a column is missing, an index is corrupt) makes
  its projection broken, until it is rebuilt. So does whatever fails in a projection
  of which a row follows from several records: nothing of it can be left out.

Each writer appends what it could not apply to ``cqrs_projection_failure``; nobody meets
there. Errors that bare Odoo would have as well (of the connection, conflicts,
resources, locks, cancellation) are not noted but raised.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from odoo import api, fields, models
from odoo.tools import SQL

from ..event_store.fold import fold
from ..support.answer_context import question
from ..support.indexes import create_missing
from ..support.transactions import committed, is_raised

_logger = logging.getLogger(__name__)

#: Classes of errors that are of a table: undefined or not permitted, system, internal
_OF_A_TABLE = ("42", "58", "XX")

#: Records that are tried again in one transaction
BATCH_SIZE = 1000
#: Records that cannot be applied, from which on it is the table that fails
MANY_FAILURES = 100


def _is_of_a_table(error: Exception) -> bool:
    return _sqlstate(error).startswith(_OF_A_TABLE)


def _sqlstate(error: Exception) -> str:
    """Return the code of an error; empty if it is none of the database."""
    return getattr(error, "pgcode", None) or ""


def _text(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


class CqrsProjectionFailure(models.Model):
    """What could not be applied to a projection.

    A row without ``stream_id`` says that the projection is broken, unless it was
    rebuilt since the writer began (``rebuilds`` counts those that the writer saw). A
    row with one says that a record is to be applied again; ``held_version`` is the
    version of it that the projection holds, 0 for none; of a record that was taken out,
    ``is_left_out``, a replay makes nothing either.
    """

    _name = "cqrs.projection.failure"
    _inherit = "cqrs.read.only"
    _description = "What Could Not Be Applied"
    _auto = False
    _order = "id desc"
    _rec_name = "error"

    projection = fields.Char(readonly=True)
    stream_model = fields.Char("Model", readonly=True)
    stream_id = fields.Integer("Record", readonly=True, aggregator=None)
    held_version = fields.Integer(readonly=True, aggregator=None)
    sqlstate = fields.Char("SQLSTATE", readonly=True)
    error = fields.Char(readonly=True)
    failed_at = fields.Datetime(readonly=True)

    _table_query = SQL(
        """
        SELECT id, projection, stream_model, stream_id, held_version, sqlstate, error,
               failed_at AT TIME ZONE 'UTC' AS failed_at
        FROM cqrs_projection_failure
        """
    )

    _TABLES = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_projection_failure (
            id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            projection text NOT NULL,
            rebuilds bigint NOT NULL,
            stream_model text,
            stream_id integer,
            held_version integer,
            is_left_out boolean NOT NULL DEFAULT false,
            sqlstate text NOT NULL,
            error text NOT NULL,
            failed_at timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX IF NOT EXISTS cqrs_projection_failure_stream
            ON cqrs_projection_failure (projection, stream_model, stream_id);
        CREATE TABLE IF NOT EXISTS cqrs_projection_rebuild (
            projection text NOT NULL,
            rebuilt_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )

    def init(self):
        create_missing(self.env.cr, self._TABLES)


#: Condition that a row ``failure`` says that its projection is broken
IS_BROKEN = """
    failure.stream_id IS NULL AND failure.rebuilds = (
        SELECT count(*) FROM cqrs_projection_rebuild rebuild
        WHERE rebuild.projection = failure.projection)
"""


def broken(env) -> dict[str, str]:
    """Return ``{projection: error}`` of those that are broken."""
    query = SQL(
        f"""
        SELECT DISTINCT ON (projection) projection, error
        FROM cqrs_projection_failure failure WHERE {IS_BROKEN}
        ORDER BY projection, id
        """
    )
    return dict(env.execute_query(query))


@question(is_of_version=True)
def _failures(user):
    return SQL(
        f"""
        SELECT json_build_object(
            'broken', array_agg(DISTINCT projection) FILTER (WHERE {IS_BROKEN}),
            'left_out', count(DISTINCT (stream_model, stream_id))
                FILTER (WHERE stream_id IS NOT NULL))
        FROM cqrs_projection_failure failure HAVING count(*) > 0
        """
    )


def reading_failures(env) -> tuple[list[str], int]:
    """Return which projections are broken, and how many records others leave out."""
    failures = _failures(env, env.user)
    if not failures:
        return [], 0
    return failures["broken"] or [], failures["left_out"]


def quarantined(env) -> list[dict]:
    """Return ``{projection, records, since, error}`` of those with such records."""
    return env.execute_query_dict(
        SQL(
            """
            SELECT projection, count(DISTINCT (stream_model, stream_id)) AS records,
                   min(failed_at) AT TIME ZONE 'UTC' AS since,
                   (array_agg(error ORDER BY id))[1] AS error
            FROM cqrs_projection_failure WHERE stream_id IS NOT NULL
            GROUP BY projection ORDER BY projection
            """
        )
    )


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    #: What is applied adds to what is there, so that it must be applied once
    _cqrs_is_cumulative = False

    @contextmanager
    def _guarded(self, changed: dict[str, list[int]]) -> Iterator[None]:
        """Within the block, what cannot be applied makes the projection broken.

        :param changed: ``{captured model: ids of the streams}``
        """
        try:
            with self.env.cr.savepoint(flush=False):
                yield
        except Exception as error:
            if is_raised(error):
                raise
            held = {
                model: {id_: v - 1 for id_, v in _versions(self.env, model, ids)}
                for model, ids in changed.items()
            }
            self._note_broken(held, error)

    @api.model
    def _apply_one_by_one(self, model: str, versions: dict[int, int]):
        """Apply what has been recorded, where it could not be applied with that.

        :param versions: ``{stream_id: version before what was recorded}``
        """
        failed = {}
        consumers = [p for p in self._consumers(model) if p._statements(model)]
        for projection in consumers:
            held = {**versions, **projection._held_versions(model, versions)}
            failed |= projection._apply_since(model, held, versions)
        # Left out of one, a record is left out of all that are read together.
        for projection in consumers if failed else ():
            projection._leave_out(model, failed)

    @api.model
    def _settle(self, model: str, versions: dict[int, int]):
        """Make up for earlier failures of records that were applied just now.

        :param versions: ``{stream_id: version before what was applied}``
        """
        for projection in self._consumers(model):
            held = projection._held_versions(model, versions)
            if not held or projection._name in broken(self.env):
                continue
            # What no statement applies is not applied yet.
            if statements := projection._statements(model):
                with projection._guarded({model: list(held)}):
                    if projection._cqrs_is_cumulative:
                        wanted = {i: versions[i] for i in held}
                        between = projection._between(model, held, wanted)
                        projection._run_statements(between, statements)
                    projection._forget_failures(model, held)

    @api.model
    def _heal_all(self):
        """Try again to apply the quarantined records; commits."""
        while committed(self.env, self._heal):
            pass

    @api.model
    def _heal(self) -> int:
        """Try again to apply some of the quarantined records; return how many could."""
        tried = self._quarantined()
        for model, stream_ids in tried.items():
            versions = dict(_versions(self.env, model, stream_ids))
            self._apply_one_by_one(model, versions)
            held = {}
            for projection in self._consumers(model):
                if not projection._statements(model):
                    # What one has not applied, those after it have not read.
                    for id_, v in projection._held_versions(model, stream_ids).items():
                        held[id_] = min(v, held.get(id_, v))
                    if held and projection._name not in broken(self.env):
                        projection._apply_since(model, dict(held), {})
        return sum(
            len(set(stream_ids).difference(self._left(model, stream_ids)))
            for model, stream_ids in tried.items()
        )

    def _left(self, model: str, stream_ids: list[int]) -> list[int]:
        """Return which of some records have not been applied to every projection."""
        rows = self.env.execute_query(
            SQL(
                "SELECT stream_id FROM cqrs_projection_failure"
                " WHERE stream_model = %s AND stream_id = ANY(%s)",
                model,
                stream_ids,
            )
        )
        return [id_ for (id_,) in rows]

    def _quarantined(self) -> dict[str, list[int]]:
        """Return the ids of some records that could be applied again, by model."""
        rows = self.env.execute_query(
            SQL(
                f"""
                SELECT stream_model, array_agg(DISTINCT stream_id)
                FROM (SELECT stream_model, stream_id
                      FROM cqrs_projection_failure failed
                      WHERE stream_id IS NOT NULL AND NOT EXISTS (
                          SELECT FROM cqrs_projection_failure failure
                          WHERE failure.projection = failed.projection
                            AND {IS_BROKEN})
                      ORDER BY random() LIMIT %s) failed
                GROUP BY stream_model
                """,
                BATCH_SIZE,
            )
        )
        return dict(rows)

    def _apply_since(
        self, model: str, held: dict[int, int], versions: dict[int, int]
    ) -> dict[int, Exception]:
        """Apply what came after the versions held; return the records that fail.

        :param versions: those before what this transaction has recorded
        """
        failed, parts = {}, [held]
        while parts:
            part = parts.pop()
            try:
                with self.env.cr.savepoint(flush=False):
                    self._apply_part(model, part)
                    self._forget_failures(model, part)
            except Exception as error:
                if is_raised(error):
                    raise
                if len(part) == 1:
                    failed.update(dict.fromkeys(part, error))
                if (
                    _is_of_a_table(error)
                    or not self._statements(model)
                    or len(failed) >= MANY_FAILURES
                ):
                    own = {id_: versions[id_] for id_ in held if id_ in versions}
                    self._note_broken({model: own}, error)
                    return {}
                if len(part) > 1:
                    ids = sorted(part)
                    middle = len(ids) // 2
                    for half in (ids[:middle], ids[middle:]):
                        parts.append({id_: part[id_] for id_ in half})
        for id_, error in failed.items():
            self._note({model: {id_: held[id_]}}, error)
        return failed

    def _apply_part(self, model: str, held: dict[int, int]):
        streams = _streams(model, held)
        if statements := self._statements(model):
            self._run_statements(self._between(model, held), statements)
            self._run_statements(streams, self._ending_statements(model))
        else:
            self._serialize({model: streams})
            self._apply({model: streams})

    def _leave_out(self, model: str, failed: dict[int, Exception]):
        """Take records out of the tables, and note that nothing of them is held.

        :param failed: the errors of the records, of this projection or another one
        """
        stream_ids = sorted(failed)
        if self._name in broken(self.env):
            return
        current = dict(_versions(self.env, model, stream_ids))
        held = {**current, **self._held_versions(model, current)}
        try:
            with self.env.cr.savepoint(flush=False):
                gone = _streams(model, held, dict.fromkeys(held, 0))
                taken_out = self._between(model, held, dict.fromkeys(held, 0))
                self._run_statements(taken_out, self._statements(model))
                self._run_statements(gone, self._ending_statements(model))
                for id_, error in failed.items():
                    self._note({model: {id_: 0}}, error)
                self.env.cr.execute(
                    SQL(
                        """
                        UPDATE cqrs_projection_failure
                        SET held_version = 0, is_left_out = true
                        WHERE projection = %s AND stream_model = %s
                          AND stream_id = ANY(%s)
                        """,
                        self._name,
                        model,
                        stream_ids,
                    )
                )
        except Exception as error:
            if is_raised(error):
                raise
            self._note_broken({model: held}, error)

    def _between(
        self, model: str, held: dict[int, int], wanted: dict[int, int] | None = None
    ) -> SQL:
        """Return ``stream`` from the versions held to those wanted.

        What is cumulative gets each change by itself, as it was recorded or, where what
        is wanted is before what is held, undone: each counts in a month of its own.
        """
        if self._cqrs_is_cumulative:
            return _steps(model, held, wanted)
        return _streams(model, held, wanted)

    def _held_versions(self, model: str, stream_ids: Iterable[int]) -> dict[int, int]:
        """Return which version of each record that failed before the tables hold."""
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT stream_id, min(held_version) FROM cqrs_projection_failure
                    WHERE projection = %s AND stream_model = %s AND stream_id = ANY(%s)
                    GROUP BY stream_id
                    """,
                    self._name,
                    model,
                    list(stream_ids),
                )
            )
        )

    def _forget_failures(self, model: str, stream_ids: Iterable[int]):
        self.env.cr.execute(
            SQL(
                "DELETE FROM cqrs_projection_failure WHERE projection = %s"
                " AND stream_model = %s AND stream_id = ANY(%s)",
                self._name,
                model,
                list(stream_ids),
            )
        )

    def _note_broken(self, held: dict[str, dict[int, int]], error: Exception):
        """Note that the projection is broken, and what was not applied to it."""
        _logger.error(
            "%(projection)s cannot be written (%(error)s). What changes is recorded,"
            " and not shown. Rebuild it: odoo-bin cqrs replay -d %(database)s",
            {
                "projection": self._name,
                "error": _text(error),
                "database": self.env.cr.dbname,
            },
        )
        if self._name not in broken(self.env):
            self._insert_failures([(None, None, None)], error)
        # Not only where none is known: a rebuild that does not see what is written here
        # forgets what it sees.
        for model, versions in held.items():
            self._insert_failures([(model, *each) for each in versions.items()], error)

    def _note(self, held: dict[str, dict[int, int]], error: Exception):
        """Note records that were not applied, with the version that is held."""
        for model, versions in held.items():
            known = self._held_versions(model, versions)
            rows = [(model, i, v) for i, v in versions.items() if i not in known]
            self._insert_failures(rows, error)

    def _insert_failures(self, rows: list[tuple], error: Exception):
        if rows:
            self.env.cr.execute(
                SQL(
                    """
                    INSERT INTO cqrs_projection_failure (projection, rebuilds,
                        stream_model, stream_id, held_version, sqlstate, error)
                    SELECT %s, %s, stream_model, stream_id, held_version, %s, %s
                    FROM unnest(%s::text[], %s::integer[], %s::integer[])
                        AS failed (stream_model, stream_id, held_version)
                    """,
                    self._name,
                    self._rebuilds(),
                    _sqlstate(error),
                    _text(error),
                    *map(list, zip(*rows, strict=True)),
                )
            )

    def _rebuilds(self) -> SQL:
        """Return the expression of how often the projection was rebuilt."""
        return SQL(
            "(SELECT count(*) FROM cqrs_projection_rebuild WHERE projection = %s)",
            self._name,
        )

    @api.model
    def _fault(self) -> Exception | None:
        """Return what the tables lack for the projection to be applied, if anything.

        PostgreSQL refuses to apply even nothing where a table or column is missing.
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
        # An update comes here before it comes to the table of failures.
        self.env["cqrs.projection.failure"].init()
        self._insert_failures([(None, None, None)], Exception("made anew, and empty"))

    def _drop_tables(self):
        for table in reversed(self._cqrs_tables):
            self.env.cr.execute(
                SQL("DROP TABLE IF EXISTS %s CASCADE", SQL.identifier(table.name))
            )

    def _note_rebuilt(self, left_out: dict[str, list[int]]):
        """Forget the failures that this transaction sees, but for what is left out.

        :param left_out: ids of the records of which the tables hold nothing, by model
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
        """Apply all streams to empty tables, but for the records that are left out.

        :return: the ids of the records that are left out, by model
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
        """Return the ids of the records of which the tables hold nothing, by model."""
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


def _versions(env, model: str, stream_ids: list[int]) -> list[tuple[int, int]]:
    """Return ``(stream_id, version)`` of some recorded states."""
    return env.execute_query(
        SQL(
            "SELECT stream_id, version FROM cqrs_stream"
            " WHERE stream_model = %s AND stream_id = ANY(%s)",
            model,
            stream_ids,
        )
    )


def _streams(
    model: str, held: dict[int, int], wanted: dict[int, int] | None = None
) -> SQL:
    """Return the query of ``stream`` from the versions held to those wanted.

    :param wanted: versions; the present ones by default; 0 is before the creation
    """
    events = SQL("(%s)", _events_until(model, held))
    if wanted is None:
        state = SQL("present.state")
        after = SQL()
    else:
        state = SQL("after.state")
        after = SQL(
            "LEFT JOIN (%s) after USING (stream_id)",
            fold(SQL("(%s)", _events_until(model, wanted))),
        )
    return SQL(
        """
        SELECT present.stream_id, %(state)s AS state, before.state AS former,
               present.version, event.occurred_at
        FROM cqrs_stream present
        JOIN cqrs_event event USING (stream_model, stream_id, version)
        LEFT JOIN (%(before)s) before USING (stream_id)
        %(after)s
        WHERE present.stream_model = %(model)s AND present.stream_id = ANY(%(ids)s)
        """,
        state=state,
        before=fold(events),
        after=after,
        model=model,
        ids=list(held),
    )


def _steps(
    model: str, held: dict[int, int], wanted: dict[int, int] | None = None
) -> SQL:
    """Return the query of every change between two versions, see ``_between``."""
    wanted = wanted or dict.fromkeys(held, 2**31 - 1)
    return SQL(
        # A stream that was deleted and created again starts over, as in the fold.
        """
        SELECT stream_id, CASE WHEN is_undone THEN former ELSE state END AS state,
               CASE WHEN is_undone THEN state ELSE former END AS former,
               version, occurred_at
        FROM (
            SELECT stream_id, version, occurred_at, state, lag(state) OVER (
                       PARTITION BY stream_id ORDER BY version) AS former
            FROM (
                SELECT stream_id, version, occurred_at,
                       CASE WHEN before IS NULL THEN after
                            WHEN after IS NOT NULL THEN jsonb_strip_nulls(
                                first_value(after) OVER life
                                || cqrs_jsonb_merge(after)
                                    FILTER (WHERE before IS NOT NULL) OVER life)
                       END AS state
                FROM (
                    SELECT stream_id, version, occurred_at, before, after,
                           count(*) FILTER (WHERE before IS NULL) OVER (
                               PARTITION BY stream_id ORDER BY version) AS life
                    FROM cqrs_event
                    WHERE stream_model = %(model)s AND stream_id = ANY(%(ids)s)
                ) event
                WINDOW life AS (PARTITION BY stream_id, life ORDER BY version)
            ) stream
        ) change
        JOIN (
            SELECT id, LEAST(held, wanted) AS low, GREATEST(held, wanted) AS high,
                   wanted < held AS is_undone
            FROM unnest(%(ids)s::integer[], %(held)s::integer[], %(wanted)s::integer[])
                AS span (id, held, wanted)
        ) span ON id = stream_id AND version > low AND version <= high
        """,
        model=model,
        ids=list(held),
        held=list(held.values()),
        wanted=[wanted[id_] for id_ in held],
    )


def _events_until(model: str, versions: dict[int, int]) -> SQL:
    return SQL(
        """
        SELECT event.* FROM cqrs_event event
        JOIN unnest(%s::integer[], %s::integer[]) AS until (id, last_version)
          ON event.stream_id = until.id AND event.version <= last_version
        WHERE event.stream_model = %s
        """,
        list(versions),
        list(versions.values()),
        model,
    )
