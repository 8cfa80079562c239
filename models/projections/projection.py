import json

from odoo import api, models
from odoo.tools import SQL, ormcache

from ..event_store.difference import as_ctes
from ..event_store.personal import whole
from ..support.functions import Function
from ..support.versions import Version
from .comparison import Comparison
from .table import Table


class CqrsProjection(models.AbstractModel):
    """The contract of a read model.

    A projection names the captured models that it reads in ``_cqrs_consumes`` and
    fills its table from ``cqrs_event`` and ``cqrs_stream`` alone, never from a
    source table. The event store calls every projection that there is, in the
    order of ``_cqrs_rank``, and knows none by name. Nobody else writes its tables.
    """

    _name = "cqrs.projection"
    _inherit = "cqrs.read.only"
    _description = "Projection"

    #: Names of the captured models whose events this projection applies
    _cqrs_consumes: tuple[str, ...] = ()
    #: Order of applying: a projection has a higher rank than those it reads
    _cqrs_rank = 0
    #: Whether a replay fills the tables from the events, not from the recorded states
    _cqrs_reads_events = False
    #: Whether every answer may read it; of one that is not, readers ask by themselves
    #: whether it is broken (``AnswerContext.check``)
    _cqrs_is_for_all = True
    #: The tables that this projection fills
    _cqrs_tables: tuple[Table, ...] = ()
    #: The versions of the tables' contents
    _cqrs_versions: tuple[Version, ...] = ()

    def init(self):
        result = super().init()
        if self._is_anything_recorded() and self._differs_from_declaration():
            self._remake_tables()
        else:
            self._create_tables()
        return result

    def _is_anything_recorded(self) -> bool:
        self.env.cr.execute("SELECT to_regclass('cqrs_stream') IS NOT NULL")
        if not self.env.cr.fetchone()[0]:
            return False
        self.env.cr.execute("SELECT EXISTS (SELECT FROM cqrs_stream)")
        return self.env.cr.fetchone()[0]

    def _differs_from_declaration(self) -> bool:
        """Return whether a column is missing, of another type, or not declared.

        Or whether a function that columns are made by is missing or another.
        """
        if not all(function.is_there(self.env.cr) for function in self._functions()):
            return True
        self.env.cr.execute(
            """
            WITH declared (table_id, name, type_id) AS (
                SELECT to_regclass(table_name)::oid, name, to_regtype(type)::oid
                FROM jsonb_to_recordset(%s)
                    AS declared (table_name text, name text, type text)
            ),
            present AS (
                SELECT attrelid, attname::text, atttypid FROM pg_attribute
                WHERE attrelid IN (SELECT table_id FROM declared)
                  AND attnum > 0 AND NOT attisdropped
            )
            (TABLE declared EXCEPT TABLE present)
            UNION ALL
            (TABLE present EXCEPT TABLE declared)
            """,
            [
                json.dumps(
                    [
                        {"table_name": table.name, "name": c.name, "type": c.type}
                        for table in self._cqrs_tables
                        for c in table.columns
                    ]
                )
            ],
        )
        return self.env.cr.rowcount > 0

    def _create_tables(self):
        """Create the tables that are not there.

        A projection that has indexes adds them here (``create_missing``).
        """
        for function in self._functions():
            if not function.is_there(self.env.cr):
                self.env.cr.execute(function.creation)
        for table in self._cqrs_tables:
            self.env.cr.execute(table.creation())
        for version in self._cqrs_versions:
            self.env.cr.execute(version.definition)

    def _functions(self) -> list[Function]:
        """Return the functions of the database that make values of columns."""
        return []

    def _declared_tables(self) -> list[str]:
        """Return the names of all tables that ``_create_tables`` creates."""
        tables = [table.name for table in self._cqrs_tables]
        return [*tables, *(version.table for version in self._cqrs_versions)]

    def _statements(self, model: str) -> list[SQL]:
        """Return the data-modifying statements that apply the streams of a model.

        For a projection whose rows each follow from one stream. They read the relation
        ``stream`` and become part of the statement that records the change
        (``difference.py``), at half the cost of a statement of their own. They see the
        tables as they were before it, and no row that it writes.

        ``stream`` has a row for each stream to look at: ``stream_id``, its ``state``
        (NULL once deleted), its ``former`` state (NULL if it is new), its ``version``,
        and ``occurred_at`` of its last event.
        """
        return []

    def _ending_statements(self, model: str) -> list[SQL]:
        """Return the data-modifying statements that apply the end of records.

        A record ends when it is deleted, or becomes one of another kind (a lead that
        becomes an opportunity, or the reverse). They run after ``_statements``, in a
        statement of their own, in the few transactions that end a record; their
        ``stream`` has ``stream_id`` and ``state`` alone.
        """
        return []

    def _updating_statements(self, model: str, paths: list[str]) -> list[SQL]:
        """Return the ``_statements`` for streams of which only some fields differ.

        :param paths: these fields; none of them ends a record
        """
        return self._statements(model)

    def _deleting_statements(self, model: str) -> list[SQL]:
        """Return the ``_statements`` for streams of which all are deleted.

        They leave nothing to ``_ending_statements``, which they are by default, if
        there are any: ``_statements`` do nothing then with a record that is deleted.
        """
        return self._ending_statements(model) or self._statements(model)

    @api.model
    def _serialize(self, streams: dict[str, SQL]):
        """Let two concurrent transactions conflict if one relies on the other's change.

        For a projection whose rows each follow from several streams (``conflicts.py``).
        Runs before ``_apply`` in the writing transaction; a replay does not call it.

        :param streams: as in ``_apply``
        """

    @api.model
    def _apply(self, streams: dict[str, SQL]):
        """Bring the rows that depend on some streams up to their recorded state.

        For a projection that needs more than ``_statements``. Runs in the writing
        transaction, after its events are in the log.

        :param streams: ``{captured model: query}``, for at least one consumed model;
            the query gives the rows of ``stream`` (see ``_statements``)
        """
        for model, query in streams.items():
            self._run_statements(query, self._statements(model))

    def _run_statements(self, streams: SQL, statements: list[SQL]):
        if statements:
            self.env.cr.execute(
                SQL(
                    "WITH stream AS MATERIALIZED (%s)%s SELECT",
                    streams,
                    as_ctes(statements),
                )
            )

    @api.model
    def _applying_statements(self, model: str) -> list[SQL]:
        """Return the ``_statements`` of every projection that consumes a model."""
        return [
            statement
            for projection in self._consumers(model)
            for statement in projection._statements(model)
        ]

    def _consumers(self, model: str) -> list:
        """Return the projections that apply a model in the writing transaction."""
        return [
            p
            for p in self._projections()
            if model in p._cqrs_consumes and not p._cqrs_is_followed
        ]

    @api.model
    def _apply_changes(
        self, changed: dict[str, list[int]], ended: dict[str, list[int]]
    ):
        """Apply this transaction's events to the projections that ``_apply`` keeps.

        :param changed: ``{captured model: ids of the streams}``
        :param ended: the same of records that have ended (``_ending_statements``)
        """
        for model, stream_ids in ended.items():
            query = SQL(
                "SELECT stream_id, state FROM cqrs_stream"
                " WHERE stream_model = %s AND stream_id = ANY(%s)",
                model,
                stream_ids,
            )
            for projection in self._consumers(model):
                if statements := projection._ending_statements(model):
                    with projection._guarded({model: stream_ids}):
                        projection._run_statements(query, statements)
        for name, consumed in self._appliers():
            streams = {m: _changes(m, changed[m]) for m in consumed if m in changed}
            if streams:
                with self.env[name]._guarded({m: changed[m] for m in streams}):
                    self.env[name]._serialize(streams)
                    self.env[name]._apply(streams)

    @ormcache(cache="stable")
    def _appliers(self) -> list[tuple[str, list[str]]]:
        """Return the projections that ``_apply`` keeps, in order, with the models."""
        return [
            (
                projection._name,
                [
                    m
                    for m in projection._cqrs_consumes
                    if not projection._cqrs_is_followed
                    and not projection._statements(m)
                ],
            )
            for projection in self._projections()
        ]

    def _tables_to_index_last(self) -> list[str]:
        """Return the tables that nobody reads while they are filled."""
        return [
            table.name
            for name, consumed in self._appliers()
            if not consumed
            for table in self.env[name]._cqrs_tables
        ]

    def _comparisons(self, live, shadow) -> list:
        """Return a comparison of each live table with its shadow (``comparison.py``).

        :param live: gives the SQL of a live table, by its name
        :param shadow: gives the SQL of its shadow
        """
        return [
            Comparison(
                self.env.cr,
                live(table.name),
                shadow(table.name),
                table.key,
                table.names,
            )
            for table in self._cqrs_tables
        ]

    def _count_repair(self, live):
        """Change the versions of the tables after a repair.

        :param live: gives the SQL of a live table, by its name
        """
        for version in self._cqrs_versions:
            version.change(self.env.cr, live(version.table))

    def _model_of_each_row(self) -> str | None:
        """Return the captured model, if each row follows from one record of it alone.

        Such a projection can be compared with its replay for some records.
        """
        if len(self._cqrs_consumes) != 1 or self._cqrs_is_cumulative:
            return None
        [model] = self._cqrs_consumes
        is_of_records = all(table.record_column for table in self._cqrs_tables)
        return model if is_of_records and self._statements(model) else None

    def _models_compared_whole(self) -> set[str]:
        """Return the models whose states some projection can only use all together."""
        return {
            model
            for projection in self._projections()
            if not projection._cqrs_reads_events and not projection._model_of_each_row()
            for model in projection._cqrs_consumes
        }

    def _recorded_streams(self) -> dict[str, SQL]:
        """Return the argument of ``_apply`` for every recorded stream, as new.

        It names each model that a projection consumes, even if it has no stream: one
        that reads the events is to read them all the same.
        """
        consumed = {m for p in self._projections() for m in p._cqrs_consumes}
        return {
            model: SQL(
                """
                SELECT stream_id, stream.state, NULL::jsonb AS former, version,
                       event.occurred_at
                FROM cqrs_stream stream
                JOIN cqrs_event event USING (stream_model, stream_id, version)
                WHERE stream_model = %s
                """,
                model,
            )
            for model in sorted(consumed)
        }

    # Read your own writes: the ORM captures what is pending before it reads. Each query
    # of the ORM goes through these two methods. The cache keeps the result until the
    # transaction marks something again.

    def _search(self, *args, **kwargs):
        self.env["base"]._cqrs_capture_pending()
        return super()._search(*args, **kwargs)

    def exists(self):
        self.env["base"]._cqrs_capture_pending()
        return super().exists()

    def _forget_what_was_read(self):
        """Empty the cache of all projections."""
        # Called at the first mark of each transaction; few have read a projection.
        registry = self.env.registry
        for name in {field.model_name for field in self.env.transaction.field_data}:
            if issubclass(registry[name], registry["cqrs.projection"]):
                self.env[name].invalidate_model(flush=False)

    def _projections(self) -> list:
        """Return all projections, in the order in which they apply."""
        names = self.env.registry.descendants(["cqrs.projection"], "_inherit")
        # What consumes nothing is a base of others.
        projections = [p for name in names if (p := self.env[name])._cqrs_consumes]
        return sorted(projections, key=lambda p: (p._cqrs_rank, p._name))

    def _apply_consumed(self, streams: dict[str, SQL]):
        """Apply the streams that this projection consumes, if there are any."""
        consumed = {m: streams[m] for m in self._cqrs_consumes if m in streams}
        if consumed:
            self._apply(consumed)


def _changes(model: str, stream_ids: list[int]) -> SQL:
    """Return the query of ``stream`` for streams that this transaction has changed."""
    return SQL(
        """
        SELECT stream_id, state,
               jsonb_strip_nulls(COALESCE(state || %(before)s, %(before)s)) AS former,
               version, now() AS occurred_at
        FROM cqrs_stream
        JOIN cqrs_event event USING (stream_model, stream_id, version)
        WHERE stream_model = %(model)s AND stream_id = ANY(%(ids)s)
        """,
        before=whole("before"),
        model=model,
        ids=stream_ids,
    )
