from odoo import api, models
from odoo.tools import SQL

from ..support import conflicts
from ..support.indexes import create_missing
from .table import Column, Table, upsert
from .user_access import ACCESS, differs


def _spans_of(name: str, *columns: Column) -> Table:
    """Return the declaration of the intervals in which some fields stay the same.

    ``since`` is inclusive and ``until`` exclusive, infinity while it lasts. ``version``
    is that of the event that began it.
    """
    return Table(
        name,
        columns=(
            Column("id", "integer", "NOT NULL", value=SQL("stream_id")),
            Column("version", "integer", "NOT NULL", value=SQL("version")),
            Column("since", "timestamptz", "NOT NULL", value=SQL("since")),
            Column("until", "timestamptz", "NOT NULL", value=SQL("until")),
            *columns,
        ),
        key=("id", "version"),
    )


#: ``{captured model: intervals}``: where employees and departments stood, and when
SPANS = {
    "hr.employee": _spans_of(
        "cqrs_employee_span",
        Column("user_id", "integer"),
        Column("parent_id", "integer"),
        Column("company_id", "integer"),
        Column("department_id", "integer", source="current_version_id.department_id"),
        Column("active", "boolean", default="false"),
    ),
    "hr.department": _spans_of(
        "cqrs_department_span",
        Column("parent_id", "integer"),
        Column("manager_id", "integer"),
    ),
}


class CqrsHierarchySpan(models.AbstractModel):
    """The past of the hierarchy, as intervals of the edges that it is made of.

    A row says where an employee, or a department, stood from ``since`` to ``until``.
    The closure of a moment is computed of the rows that contain it
    (``access/past_hierarchy.py``), by the rules of ``user_access.py``.

    * ``since`` never decreases from version to version: a transaction that began
      earlier and came later begins where the one before it did.
    * Changes at one time are one: no row has no length.
    * A deleted record has no row from its deletion on.
    """

    _name = "cqrs.hierarchy.span"
    _inherit = "cqrs.projection"
    _description = "Past of the Hierarchy"
    _cqrs_consumes = tuple(SPANS)
    _cqrs_tables = tuple(SPANS.values())
    _cqrs_reads_events = True

    _INDEXES = SQL(
        """
        CREATE UNIQUE INDEX IF NOT EXISTS cqrs_employee_span_key
            ON cqrs_employee_span (id, version);
        CREATE INDEX IF NOT EXISTS cqrs_employee_span_parent
            ON cqrs_employee_span (parent_id, until);
        CREATE INDEX IF NOT EXISTS cqrs_employee_span_user
            ON cqrs_employee_span (user_id);
        CREATE INDEX IF NOT EXISTS cqrs_employee_span_department
            ON cqrs_employee_span (department_id, until);
        CREATE INDEX IF NOT EXISTS cqrs_employee_span_since
            ON cqrs_employee_span (since);
        CREATE UNIQUE INDEX IF NOT EXISTS cqrs_department_span_key
            ON cqrs_department_span (id, version)
        """
    )

    def _create_tables(self):
        result = super()._create_tables()
        create_missing(self.env.cr, self._INDEXES)
        return result

    def _count_repair(self, live):
        # As a repair of the closure: no change of the hierarchy may meet it unseen.
        conflicts.change(self.env.cr, ["hierarchy"])
        ACCESS.change(self.env.cr, live(ACCESS.table))
        return super()._count_repair(live)

    @api.model
    def _apply(self, streams):
        """Make the rows of some streams those that their events say.

        An employee has few events, and each says when: there is one way to make the
        rows, whether something changes, is built or is replayed.
        """
        for model, query in streams.items():
            # Most changes move nobody: to find that out takes a fifth of the rest.
            rows = self.env.execute_query(
                SQL(
                    # A deletion that is replayed has no former state to differ from,
                    # and what is new may have none of the fields.
                    "SELECT stream_id FROM (%s) stream"
                    " WHERE state IS NULL OR former IS NULL OR %s",
                    query,
                    differs(_fields(SPANS[model])),
                )
            )
            if rows:
                self._write_spans(model, [stream_id for (stream_id,) in rows])

    def _apply_nothing(self):
        result = super()._apply_nothing()
        for model in SPANS:
            self._write_spans(model, [])
        return result

    def _write_spans(self, model: str, stream_ids: list[int]):
        table = SPANS[model]
        self.env.cr.execute(
            SQL(
                """
                WITH stream AS MATERIALIZED (%(spans)s),
                gone AS (
                    DELETE FROM %(table)s span
                    WHERE id = ANY(%(ids)s)
                      AND NOT EXISTS (
                          SELECT FROM stream
                          WHERE stream_id = id AND stream.version = span.version)
                )
                %(put)s
                """,
                spans=self._spans(model, table, stream_ids),
                table=SQL.identifier(table.name),
                ids=stream_ids,
                put=upsert(table, table.rows(SQL("TRUE")), changed_only=True),
            )
        )

    def _spans(self, model: str, table: Table, stream_ids: list[int]) -> SQL:
        """Return the query of the intervals of some streams.

        It gives ``stream_id``, ``version``, ``since``, ``until`` and ``state``.
        """
        return SQL(
            # A stream that was deleted and created again starts over, as in the fold.
            """
            SELECT stream_id, version, since, until, state
            FROM (
                SELECT stream_id, version, since, after,
                       lead(since, 1, 'infinity') OVER (
                           PARTITION BY stream_id ORDER BY version) AS until,
                       cqrs_jsonb_merge(after) OVER (
                           PARTITION BY stream_id, life ORDER BY version) AS state
                FROM (
                    SELECT stream_id, version, after,
                           max(occurred_at) OVER past AS since,
                           count(*) FILTER (WHERE before IS NULL) OVER past AS life
                    FROM cqrs_event
                    WHERE stream_model = %s AND stream_id = ANY(%s)
                      AND (before IS NULL OR after IS NULL
                           OR jsonb_exists_any(after, %s))
                    WINDOW past AS (PARTITION BY stream_id ORDER BY version)
                ) event
            ) span
            WHERE after IS NOT NULL AND since < until
            """,
            model,
            stream_ids,
            _fields(table),
        )


def _fields(table: Table) -> list[str]:
    """Return the captured fields that intervals are made of."""
    return [column.captured for column in table.columns if column.captured]
