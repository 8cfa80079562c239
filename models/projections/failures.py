"""The failures of projections: a projection never stops a write.

Recording a change and applying it are one statement behind a savepoint. If it fails,
the event is recorded alone, and each projection is then applied by itself:

* A *record* that cannot be applied is quarantined (``quarantine.py``): its row and its
  figures are taken out of the projection, until it can be applied (``healing.py``).
* If a *table* cannot be written (a column is missing, an index is corrupt), its
  projection is broken until it is rebuilt (``rebuilt_tables.py``). The same holds for
  any failure of a projection whose rows follow from several records each, since no
  record can be left out of it.

Each writer appends its failures to ``cqrs_projection_failure``, so that writers never
meet there. Errors that bare Odoo would have as well (of the connection, conflicts,
resources, locks, cancellation) are raised, not noted.
"""

import logging
from collections.abc import Iterable

from odoo import fields, models
from odoo.tools import SQL

from ..support.indexes import create_missing

_logger = logging.getLogger(__name__)

#: Classes of errors of a table: undefined or not permitted, system, internal
_OF_A_TABLE = ("42", "58", "XX")


def is_of_a_table(error: Exception) -> bool:
    return _sqlstate(error).startswith(_OF_A_TABLE)


def _sqlstate(error: Exception) -> str:
    """Return the SQLSTATE of an error, empty for an error from outside the database."""
    return getattr(error, "pgcode", None) or ""


def _text(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


class CqrsProjectionFailure(models.Model):
    """A failure to apply a record, or anything, to a projection.

    A row without ``stream_id`` says that the projection is broken, unless it was
    rebuilt since the writer began (``rebuilds`` counts the rebuilds that the writer
    saw). A row with a ``stream_id`` says that the record has to be applied again;
    ``held_version`` is the version that the projection holds, 0 for none. A replay
    leaves out the records with ``is_left_out``.
    """

    _name = "cqrs.projection.failure"
    _inherit = "cqrs.read.only"
    _description = "Projection Failures"
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


#: Condition on a row ``failure``: its projection is broken
IS_BROKEN = """
    failure.stream_id IS NULL AND failure.rebuilds = (
        SELECT count(*) FROM cqrs_projection_rebuild rebuild
        WHERE rebuild.projection = failure.projection)
"""


def broken(env) -> dict[str, str]:
    """Return ``{projection: error}`` of the broken projections."""
    query = SQL(
        f"""
        SELECT DISTINCT ON (projection) projection, error
        FROM cqrs_projection_failure failure WHERE {IS_BROKEN}
        ORDER BY projection, id
        """
    )
    return dict(env.execute_query(query))


def quarantined(env) -> list[dict]:
    """Return ``{projection, records, since, error}`` of projections with quarantine."""
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

    def _held_versions(self, model: str, stream_ids: Iterable[int]) -> dict[int, int]:
        """Return the version that the tables hold of each record that failed before."""
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
        """Note that the projection is broken, and the records not applied to it."""
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
        # Also for records that are noted already: a concurrent rebuild forgets those
        # that it sees, and does not see these.
        for model, versions in held.items():
            self._insert_failures([(model, *each) for each in versions.items()], error)

    def _note(self, held: dict[str, dict[int, int]], error: Exception):
        """Note the records that were not applied, with the version that is held."""
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
        """Return the expression of the number of rebuilds."""
        return SQL(
            "(SELECT count(*) FROM cqrs_projection_rebuild WHERE projection = %s)",
            self._name,
        )
