"""The past of each opportunity, as intervals in which nothing that counts changed."""

from collections.abc import Iterable
from datetime import datetime

from odoo import api, models
from odoo.tools import SQL

from ..support.indexes import create_missing
from ..support.readable_values import readable
from ..support.versions import CountedVersion
from .table import Column, Table, listed, upsert

#: The version by repairs, and by what is reconstructed of the past
REPAIRS = CountedVersion("cqrs_opportunity_span_repairs")

#: The columns constant in a span, by the state ``state``, a ``cqrs_metrics_lead``
_CONTENT = {
    "user_id": SQL("(state).user_id"),
    "team_id": SQL("(state).team_id"),
    "company_id": SQL("(state).company_id"),
    "currency_id": SQL('(state)."company_id.currency_id"'),
    "stage_id": SQL("(state).stage_id"),
    "closing_date": readable(SQL("(state).date_deadline"), "date"),
    "closed_at": readable(SQL("(state).date_closed"), "datetime"),
    "value": SQL(
        "COALESCE(%s, 0)", readable(SQL("(state).expected_revenue"), "monetary")
    ),
    "probability": readable(SQL("(state).probability"), "float"),
    "status": SQL(
        "CASE WHEN (state).won_status IN ('won', 'lost') THEN (state).won_status"
        " ELSE 'pending' END"
    ),
    "type": SQL("(state).type"),
    "active": SQL("COALESCE((state).active, false)"),
}

#: Columns that may change within a stretch
_PASSING = ("stage_id", "closing_date", "probability")

#: The columns that Odoo does not track: unknown of reconstructed spans
_UNTRACKED = ("closing_date", "probability")

# The wide columns come first, so that none is padded.
TABLE = Table(
    "cqrs_opportunity_span",
    columns=(
        Column("since", "timestamptz", "NOT NULL", value=SQL("since")),
        Column("until", "timestamptz", "NOT NULL", value=SQL("until")),
        Column("stretch_since", "timestamptz", value=SQL("stretch_since")),
        Column("opportunity_id", "integer", "NOT NULL", value=SQL("stream_id")),
        Column("version", "integer", "NOT NULL", value=SQL("version")),
        Column("user_id", "integer"),
        Column("team_id", "integer"),
        Column("company_id", "integer"),
        Column("currency_id", "integer"),
        Column("stage_id", "integer"),
        Column("closing_date", "date"),
        Column("closed_at", "timestamp"),
        Column("value", "numeric", "NOT NULL"),
        Column("probability", "numeric"),
        Column("status", "text", 'COLLATE "C"'),
        Column("type", "text", 'COLLATE "C"'),
        Column("active", "boolean", "NOT NULL"),
        Column("is_recorded", "boolean", "NOT NULL"),
        Column("is_cut", "boolean", "NOT NULL"),
    ),
    key=("opportunity_id", "version"),
)

_LASTING = tuple(name for name in _CONTENT if name not in _PASSING)

#: The beginning of a stretch, of its last span: of rows of a ``stream`` in order, those
#: that begin one turn
_STRETCH_SINCE = SQL(
    """
    CASE WHEN COALESCE(lead(turns) OVER stream, true)
         THEN max(since) FILTER (WHERE turns) OVER stream END
    """
)


def _changes(names: Iterable[str]) -> SQL:
    """Return the condition that a row of a ``stream`` differs from the one before."""
    row = SQL("ROW(%s)", SQL(", ").join(map(SQL.identifier, names)))
    return SQL("%s IS DISTINCT FROM lag(%s) OVER stream", row, row)


class CqrsOpportunitySpan(models.AbstractModel):
    """A row for each opportunity or lead and each interval in which it stayed the same.

    A span holds from ``since`` (inclusive) to ``until`` (exclusive, ``infinity`` while
    it lasts). ``version`` is that of the event which began it. An event is dated with
    the start of its transaction, so a later version may bear an earlier time: ``since``
    never decreases, it is the latest time so far. Spans of no length are left out,
    which makes the events of one transaction one span; events that change nothing here
    begin none. ``value`` is exact, in ``currency_id``; a value that Odoo cannot read
    counts as in ``cqrs_opportunity_view``.

    Rows with a version of 0 or less are reconstructed (``is_recorded`` is false).

    A **stretch** is a row of neighbouring spans in which nothing changed but stage,
    closing date and probability. Its last span has its beginning in ``stretch_since``,
    which is NULL in all others: so the spans with one are the stretches, each with the
    values that it had all the time.
    """

    _name = "cqrs.opportunity.span"
    _inherit = "cqrs.projection"
    _description = "Opportunity Spans"
    _cqrs_consumes = ("crm.lead",)
    _cqrs_tables = (TABLE,)
    _cqrs_versions = (REPAIRS,)
    _cqrs_reads_events = True
    _cqrs_is_followed = True

    # What changed in a window is what began in it and lasts, and the reverse: with both
    # times in the index the rest of its rows are not read. With the beginning beside
    # the closing date, the days that lie far ahead of a moment are passed by: before
    # that moment few spans with such a day had begun. Stretches have the same indexes
    # as spans: they are half as many, or less.
    _INDEXES = SQL(
        """
        CREATE UNIQUE INDEX IF NOT EXISTS cqrs_opportunity_span_key
            ON cqrs_opportunity_span (opportunity_id, version);
        CREATE INDEX IF NOT EXISTS cqrs_opportunity_span_since
            ON cqrs_opportunity_span (since, until);
        CREATE INDEX IF NOT EXISTS cqrs_opportunity_span_until
            ON cqrs_opportunity_span (until, since);
        CREATE INDEX IF NOT EXISTS cqrs_opportunity_span_closed
            ON cqrs_opportunity_span (closed_at, since, stretch_since)
            WHERE status IN ('won', 'lost');
        CREATE INDEX IF NOT EXISTS cqrs_opportunity_span_owner_since
            ON cqrs_opportunity_span (user_id, since, until);
        CREATE INDEX IF NOT EXISTS cqrs_opportunity_span_owner_until
            ON cqrs_opportunity_span (user_id, until, since);
        CREATE INDEX IF NOT EXISTS cqrs_opportunity_span_stretch_since
            ON cqrs_opportunity_span (stretch_since, until)
            WHERE stretch_since IS NOT NULL;
        CREATE INDEX IF NOT EXISTS cqrs_opportunity_span_stretch_until
            ON cqrs_opportunity_span (until, stretch_since)
            WHERE stretch_since IS NOT NULL;
        CREATE INDEX IF NOT EXISTS cqrs_opportunity_span_owner_stretch_since
            ON cqrs_opportunity_span (user_id, stretch_since, until)
            WHERE stretch_since IS NOT NULL;
        CREATE INDEX IF NOT EXISTS cqrs_opportunity_span_owner_stretch_until
            ON cqrs_opportunity_span (user_id, until, stretch_since)
            WHERE stretch_since IS NOT NULL;
        CREATE INDEX IF NOT EXISTS cqrs_opportunity_span_reconstructed
            ON cqrs_opportunity_span (until) WHERE NOT is_recorded;
        CREATE INDEX IF NOT EXISTS cqrs_opportunity_span_closing_since
            ON cqrs_opportunity_span (closing_date, since)
            WHERE type = 'opportunity';
        CREATE INDEX IF NOT EXISTS cqrs_opportunity_span_stage
            ON cqrs_opportunity_span (stage_id, opportunity_id)
            WHERE type = 'opportunity';
        CREATE INDEX IF NOT EXISTS cqrs_opportunity_span_value
            ON cqrs_opportunity_span
                (COALESCE(currency_id, 0), value, opportunity_id)
            WHERE type = 'opportunity'
        """
    )

    def _create_tables(self):
        result = super()._create_tables()
        create_missing(self.env.cr, self._INDEXES)
        return result

    def _rows_of(self, events, holds):
        spans = self._spans(events)
        if "cqrs.prehistory" not in self.env:
            return spans
        content = SQL(", ").join(
            SQL("NULL") if name in _UNTRACKED else SQL.identifier(name)
            for name in _CONTENT
        )
        return SQL(
            """
            (%(spans)s) UNION ALL
            SELECT since, until, %(stretch_since)s, opportunity_id, version,
                   %(content)s, false, is_cut
            FROM (
                SELECT *, %(turns)s OR since > lag(until) OVER stream AS turns
                FROM cqrs_prehistory WHERE %(holds)s
                WINDOW stream AS (PARTITION BY opportunity_id ORDER BY version)
            ) span
            WINDOW stream AS (PARTITION BY opportunity_id ORDER BY version)
            """,
            spans=spans,
            stretch_since=_STRETCH_SINCE,
            content=content,
            turns=_changes(_LASTING),
            holds=holds(SQL("opportunity_id")),
        )

    def _spans(self, events: SQL) -> SQL:
        """Return the query of the spans that events add up to, in the table's columns.

        *What it does*: lays the changes of each stream over its creation, dates each
        state with the latest time so far, drops states that a later one of the same
        time replaces, then those that equal the one before.

        *Example*: of ``1: A at 10:00, 2: B at 10:00, 3: B at 11:00, 4: deleted at
        12:00`` it makes ``2: B from 10:00 to 12:00``.

        *What it costs*: one sort of the events by stream and version, which the log's
        unique key gives.
        """
        content = SQL(", ").join(map(SQL.identifier, _CONTENT))
        return SQL(
            """
            SELECT since, until, stretch_since, stream_id AS opportunity_id, version,
                   %(content)s, true AS is_recorded, false AS is_cut
            FROM (
                SELECT *, COALESCE(lead(since) OVER stream, 'infinity') AS until,
                       %(stretch_since)s AS stretch_since
                FROM (
                    SELECT *, %(is_new)s AS is_new, %(turns)s AS turns
                    FROM (
                        SELECT *, since IS NOT DISTINCT FROM
                                  lead(since) OVER stream AS is_replaced
                        FROM (%(states)s) state
                        WINDOW stream AS (PARTITION BY stream_id ORDER BY version)
                    ) state
                    WHERE NOT is_replaced
                    WINDOW stream AS (PARTITION BY stream_id ORDER BY version)
                ) state
                WHERE is_new
                WINDOW stream AS (PARTITION BY stream_id ORDER BY version)
            ) span
            WHERE is_there
            """,
            content=content,
            stretch_since=_STRETCH_SINCE,
            is_new=_changes(("is_there", *_CONTENT)),
            turns=_changes(("is_there", *_LASTING)),
            states=self._states(events),
        )

    def _states(self, events: SQL) -> SQL:
        """Return the query of the content after each event, and the latest time."""
        # The creation, which is large, is read once, and the changes are laid over it.
        # A stream that was deleted and created again starts over, as in the fold. A
        # record type takes half of the time of expressions of jsonb.
        return SQL(
            """
            SELECT stream_id, version, is_there,
                   max(occurred_at) OVER (PARTITION BY stream_id ORDER BY version)
                       AS since,
                   %(content)s
            FROM (
                SELECT stream_id, version, occurred_at, after IS NOT NULL AS is_there,
                       CASE WHEN before IS NULL THEN creation
                            WHEN after IS NOT NULL THEN jsonb_populate_record(
                                first_value(creation) OVER life,
                                cqrs_jsonb_merge(after)
                                    FILTER (WHERE before IS NOT NULL) OVER life)
                       END AS state
                FROM (
                    SELECT stream_id, version, occurred_at, before, after,
                           CASE WHEN before IS NULL THEN jsonb_populate_record(
                               NULL::cqrs_metrics_lead, after) END AS creation,
                           count(*) FILTER (WHERE before IS NULL) OVER (
                               PARTITION BY stream_id ORDER BY version) AS life
                    FROM %(events)s event
                ) event
                WINDOW life AS (PARTITION BY stream_id, life ORDER BY version)
                OFFSET 0
            ) state
            """,
            content=SQL(", ").join(
                SQL("%s AS %s", value, SQL.identifier(name))
                for name, value in _CONTENT.items()
            ),
            events=events,
        )

    def _end_filling(self):
        # By lead, the rows of a window would lie all over the table. In one that has
        # grown with the log they lie together by their end, as here: those that ended
        # in a window, and, by their beginning, those that last. Nobody reads it yet.
        self.env.cr.execute("SET LOCAL maintenance_work_mem = '256MB'")
        create_missing(self.env.cr, self._INDEXES)
        self.env.cr.execute(
            "CLUSTER cqrs_opportunity_span USING cqrs_opportunity_span_until"
        )
        return super()._end_filling()

    def _write_rows(self, rows, stream_ids):
        self.env.cr.execute(
            SQL(
                """
                WITH span AS MATERIALIZED (SELECT %(columns)s FROM (%(rows)s) span),
                gone AS (
                    DELETE FROM cqrs_opportunity_span held
                    WHERE opportunity_id = ANY(%(ids)s)
                      AND NOT EXISTS (
                          SELECT FROM span
                          WHERE (span.opportunity_id, span.version)
                              = (held.opportunity_id, held.version))
                )
                %(upsert)s
                """,
                columns=listed(TABLE.names),
                rows=rows,
                ids=stream_ids,
                upsert=upsert(TABLE, SQL("SELECT * FROM span"), changed_only=True),
            )
        )

    @api.model
    def _version(self) -> str | None:
        """Return a value that changes when the past does: by repairs, for caches."""
        [(version,)] = self.env.execute_query(
            SQL(
                f"SELECT ({REPAIRS.query}) || ' ' || ("
                " SELECT concat_ws(' ', count(*), max(id))"
                " FROM cqrs_projection_failure WHERE is_left_out)"
            )
        )
        return version

    @api.model
    def _history_since(self) -> datetime | None:
        """Return the time from which on there is history, aware, in UTC."""
        [(since,)] = self.env.execute_query(
            SQL("SELECT min(since) FROM %s span", self._relation())
        )
        return since

    @api.model
    def _recorded_since(self) -> datetime | None:
        """Return the time of the first event, aware, in UTC."""
        rows = self.env.execute_query(
            SQL(
                "SELECT occurred_at FROM cqrs_event event"
                " ORDER BY event.epoch, event.txid, event.position LIMIT 1"
            )
        )
        return rows[0][0] if rows else None
