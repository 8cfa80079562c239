from odoo import api, models
from odoo.tools import SQL, ormcache

from ..event_store.difference import as_ctes
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
    #: A projection that reads another one's table has the higher rank
    _cqrs_rank = 0
    #: The tables that this projection fills
    _cqrs_tables: tuple[Table, ...] = ()
    #: The versions of what the tables hold
    _cqrs_versions: tuple[Version, ...] = ()

    def init(self):
        result = super().init()
        if self._lacks_a_column():
            self._remake_tables()
        else:
            self._create_tables()
        return result

    def _lacks_a_column(self) -> bool:
        """Return whether a table is there without a column that is declared."""
        declared = [
            (table.name, column.name)
            for table in self._cqrs_tables
            for column in table.columns
        ]
        [(lacks,)] = self.env.execute_query(
            SQL(
                """
                SELECT EXISTS (
                    SELECT FROM unnest(%s::text[], %s::text[]) declared (relation, name)
                    WHERE to_regclass(relation) IS NOT NULL AND NOT EXISTS (
                        SELECT FROM pg_attribute
                        WHERE attrelid = to_regclass(relation) AND attname = name
                          AND NOT attisdropped))
                """,
                *(map(list, zip(*declared, strict=True)) if declared else ([], [])),
            )
        )
        return lacks

    def _create_tables(self):
        """Create the tables that are not there.

        A projection that has indexes adds them here (``create_missing``).
        """
        for table in self._cqrs_tables:
            self.env.cr.execute(table.create())
        for version in self._cqrs_versions:
            self.env.cr.execute(version.definition)

    def _declared_tables(self) -> list[str]:
        """Return the names of all tables that ``_create_tables`` creates."""
        tables = [table.name for table in self._cqrs_tables]
        return [*tables, *(version.table for version in self._cqrs_versions)]

    def _statements(self, model: str) -> list[SQL]:
        """Return the data-modifying statements that apply the streams of a model.

        For a projection whose rows each follow from one stream. They read the
        relation ``stream`` and become part of the statement that records the change
        (see ``difference.py``): half the cost of one of their own. They see the
        tables as they were before it, neither its rows nor each other's.

        ``stream`` has a row for each stream to look at: ``stream_id``, its ``state``
        (NULL once deleted), its ``former`` state (NULL if it is new), its ``version``,
        and ``occurred_at`` of its last event.
        """
        return []

    def _ending_statements(self, model: str) -> list[SQL]:
        """Return the statements to apply to records that end, as ``_statements``.

        A record ends when it is deleted, or becomes one of another kind (a lead that
        becomes an opportunity, or the reverse). These run after those, in a statement
        of their own, in the few transactions that end a record; their ``stream`` has
        ``stream_id`` and ``state`` alone.
        """
        return []

    @api.model
    def _serialize(self, streams: dict[str, SQL]):
        """Have concurrent transactions conflict whose changes rest on each other.

        For a projection of which a row follows from several streams (``conflicts.py``).
        Runs before ``_apply`` in the writing transaction; a replay does not call it.

        :param streams: as of ``_apply``
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
        return [p for p in self._projections() if model in p._cqrs_consumes]

    @api.model
    def _apply_changes(
        self, changed: dict[str, list[int]], ended: dict[str, list[int]]
    ):
        """Apply this transaction's events, where recording them has not done it yet.

        :param changed: ``{captured model: ids of the streams}``
        :param ended: those of them whose record has ended (see ``_ending_statements``)
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
        """Return the projections to call ``_apply`` of, in order, for which models."""
        return [
            (
                projection._name,
                [m for m in projection._cqrs_consumes if not projection._statements(m)],
            )
            for projection in self._projections()
        ]

    def _tables_to_index_last(self) -> list[str]:
        """Return the tables that are not read while they are filled."""
        return [
            table.name
            for name, consumed in self._appliers()
            if not consumed
            for table in self.env[name]._cqrs_tables
        ]

    def _comparisons(self, live, shadow) -> list:
        """Return how the live tables compare with their shadows (``comparison.py``).

        :param live: gives the SQL of a live table, by its name
        :param shadow: that of its shadow
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
        """Let whoever keeps something of the tables know that they were repaired.

        :param live: gives the SQL of a live table, by its name
        """
        for version in self._cqrs_versions:
            version.change(self.env.cr, live(version.table))

    def _recorded_streams(self) -> dict[str, SQL]:
        """Return what ``_apply`` takes, for every stream that is recorded, as new."""
        self.env.cr.execute("SELECT DISTINCT stream_model FROM cqrs_stream")
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
            for (model,) in self.env.cr.fetchall()
        }

    def _projections(self) -> list:
        """Return every projection there is, in the order in which they apply."""
        names = self.env.registry.descendants(["cqrs.projection"], "_inherit")
        projections = [self.env[name] for name in names if name != "cqrs.projection"]
        return sorted(projections, key=lambda p: (p._cqrs_rank, p._name))

    def _apply_consumed(self, streams: dict[str, SQL]):
        """Apply the streams that this projection consumes, if there are any."""
        consumed = {m: streams[m] for m in self._cqrs_consumes if m in streams}
        if consumed:
            self._apply(consumed)


def _changes(model: str, stream_ids: list[int]) -> SQL:
    """Return the query of ``stream`` of what this transaction has last changed."""
    return SQL(
        """
        SELECT stream_id, state,
               jsonb_strip_nulls(COALESCE(state || before, before)) AS former,
               version, now() AS occurred_at
        FROM cqrs_stream
        JOIN cqrs_event USING (stream_model, stream_id, version)
        WHERE stream_model = %s AND stream_id = ANY(%s)
        """,
        model,
        stream_ids,
    )
