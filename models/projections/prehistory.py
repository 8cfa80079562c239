"""Prehistory: opportunities before they were recorded, as far as Odoo tracked them.

Odoo notes changes of tracked fields in ``mail.tracking.value``, below the messages of a
record. For each lead and opportunity, from its creation to its first event, the table
``cqrs_prehistory`` has a row for each interval in which these fields stayed the same.
The spans (``cqrs.opportunity.span``) take them as the part of a stream before its first
event; nothing else reads them. They are no events: they are made anew at will, and
never chained, sealed or sent.

What is known, and from what:

- owner, sales team, stage, type, archived, value, status: from tracking values. Between
  two of them the value is the one that the earlier set; before the first it is the one
  that the first replaced; where there is none it is the one that was recorded.
- the currency of a value: from the tracking value, too.
- an untracked change of owner, stage, type or status: its time is the date that Odoo
  writes at it (``date_open``, ``date_last_stage_update``, ``date_conversion``,
  ``date_closed``). Only the last of such changes has left its date.
- the company: the one that was first recorded, since Odoo does not track it. No company
  would show a row to everyone above its owner, in whatever company; this one shows it
  to those who may read the same tracking values in Odoo, on the record itself.
- probability and closing date: unknown, since Odoo does not track them.

Where the line of a field breaks, the row that ends there *is cut*: the value that a
change replaced is not the one that the change before had set (something was not
tracked, such as an import); a change is known by its date alone; a label is ambiguous
in the installed languages; others were merged into this one. A merge moves the messages
of those others here, where they are known by the subject that it gives them, and are
left out. Deleted leads have left nothing.
"""

import logging
from collections.abc import Iterable
from operator import attrgetter
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..support.progress import Report, silent
from ..support.readable_values import readable
from ..support.transactions import committed, is_raised
from .opportunity_span import REPAIRS

_logger = logging.getLogger(__name__)

#: Leads that are made anew in one transaction
BATCH_SIZE = 50_000

#: By this much a date that Odoo takes from the clock may differ from the time of its
#: transaction, which is that of a tracking value
TOLERANCE = "1 minute"

TABLE = "cqrs_prehistory"

#: The columns, of which ``cqrs_opportunity_span`` has the same
COLUMNS = (
    ("opportunity_id", "integer NOT NULL"),
    ("version", "integer NOT NULL CHECK (version <= 0)"),
    ("since", "timestamptz NOT NULL"),
    ("until", "timestamptz NOT NULL"),
    ("user_id", "integer"),
    ("team_id", "integer"),
    ("company_id", "integer"),
    ("currency_id", "integer"),
    ("stage_id", "integer"),
    ("status", "text NOT NULL"),
    ("value", "numeric NOT NULL"),
    ("closed_at", "timestamp"),
    ("type", "text NOT NULL"),
    ("active", "boolean NOT NULL"),
    ("is_cut", "boolean NOT NULL"),
)

#: Creates the table, and that of a remaking that has not ended: the id that it reached
CREATION = SQL(
    """
    CREATE TABLE IF NOT EXISTS cqrs_prehistory (
        %s, PRIMARY KEY (opportunity_id, version));
    CREATE TABLE IF NOT EXISTS cqrs_prehistory_remaking (upto integer NOT NULL)
    """,
    SQL(", ").join(SQL(f"{name} {type_}") for name, type_ in COLUMNS),
)


class CqrsPrehistory(models.AbstractModel):
    """The past of opportunities before their first event, in ``cqrs_prehistory``."""

    _name = "cqrs.prehistory"
    _description = "Past Before Recording Began"

    @api.model
    def _make(self, lead_ids: Iterable[int]) -> int:
        """Make the rows of some leads that exist, in the place of those that they have.

        The leads must have been recorded. It only reads Odoo's tables, and locks none.

        :return: the number of rows
        """
        ids = list(lead_ids)
        for name, query in _steps(ids).items():
            table = SQL.identifier(f"{TABLE}_{name}")
            self.env.cr.execute(SQL("DROP TABLE IF EXISTS pg_temp.%s", table))
            self.env.cr.execute(
                SQL("CREATE TEMPORARY TABLE %s ON COMMIT DROP AS %s", table, query)
            )
            self.env.cr.execute(SQL("ANALYZE %s", table))
        self.env.cr.execute(
            SQL("DELETE FROM cqrs_prehistory WHERE opportunity_id = ANY(%s)", ids)
        )
        self.env.cr.execute(
            SQL(
                "INSERT INTO cqrs_prehistory (%s) %s",
                SQL(", ").join(SQL.identifier(name) for name, __ in COLUMNS),
                _rows(),
            )
        )
        return self.env.cr.rowcount

    def _make_if_possible(self, lead_ids: list[int]):
        """Make the rows of some leads; an error is logged, and stops no first build."""
        try:
            with self.env.cr.savepoint(flush=False):
                self._make(lead_ids)
        except Exception as error:
            if is_raised(error):
                raise
            _logger.exception(
                "The past of leads before recording began could not be reconstructed."
                " Once the cause is gone: odoo-bin cqrs prehistory"
            )

    @api.model
    def _remake(self, report: Report = silent) -> int:
        """Make the rows of all leads, in batches; commits.

        A remaking that was stopped goes on where it was. The result is the same however
        often it is made. Leads that have been deleted since keep their rows: Odoo has
        deleted their messages. Nothing may be pending when it is called.

        :return: the number of rows made
        """
        # Where spans are being filled, they are complete first.
        self.env["cqrs.projection"]._follow_all()
        total = committed(self.env, self._count_leads)
        made = leads = 0
        while batch := committed(self.env, self._remake_batch):
            leads += batch[0]
            made += batch[1]
            report(min(leads / max(total, 1), 1), f"crm.lead, {leads} of {total}")
        return made

    def _count_leads(self) -> int:
        return self.env.execute_query(
            SQL(
                "SELECT count(*) FROM crm_lead WHERE id > COALESCE("
                " (SELECT max(upto) FROM cqrs_prehistory_remaking), 0)"
            )
        )[0][0]

    def _remake_batch(self) -> tuple[int, int] | None:
        """Make the rows of the next leads; return their number and that of the rows."""
        # Two at a time would make the same rows. It is the first statement, so that
        # what the other has committed is seen.
        self.env.cr.execute("LOCK TABLE cqrs_prehistory_remaking IN EXCLUSIVE MODE")
        ids = [
            id_
            for (id_,) in self.env.execute_query(
                SQL(
                    """
                    SELECT id FROM crm_lead WHERE id > COALESCE(
                        (SELECT max(upto) FROM cqrs_prehistory_remaking), 0)
                    ORDER BY id LIMIT %s
                    """,
                    BATCH_SIZE,
                )
            )
        ]
        self.env.cr.execute("DELETE FROM cqrs_prehistory_remaking")
        if not ids:
            return None
        self.env.cr.execute(
            "INSERT INTO cqrs_prehistory_remaking VALUES (%s)", [ids[-1]]
        )
        self.env["cqrs.event"]._set_up_batch()
        made = self._make(ids)
        self._show(ids)
        return len(ids), made

    def _show(self, lead_ids: list[int]):
        """Make the spans of some leads anew, and what follows from spans."""
        for projection in self.env["cqrs.projection"]._consumers_of_spans():
            # Beside the follower, which may be writing the same rows
            projection._take_checkpoint(waits=True)
            projection._follow_streams(lead_ids)
        REPAIRS.change(self.env.cr)

    @api.model
    def _remove(self) -> int:
        """Remove all rows; commits.

        :return: their number
        """
        self.env["cqrs.projection"]._follow_all()
        removed = 0
        while batch := committed(self.env, self._remove_batch):
            removed += batch
        return removed

    def _remove_batch(self) -> int:
        self.env.cr.execute("LOCK TABLE cqrs_prehistory_remaking IN EXCLUSIVE MODE")
        self.env.cr.execute("DELETE FROM cqrs_prehistory_remaking")
        [(ids,)] = self.env.execute_query(
            SQL(
                """
                SELECT COALESCE(array_agg(opportunity_id), '{}') FROM (
                    SELECT DISTINCT opportunity_id FROM cqrs_prehistory
                    ORDER BY opportunity_id LIMIT %s) lead
                """,
                BATCH_SIZE,
            )
        )
        self.env.cr.execute(
            SQL("DELETE FROM cqrs_prehistory WHERE opportunity_id = ANY(%s)", ids)
        )
        removed = self.env.cr.rowcount
        if ids:
            self._show(ids)
        return removed


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    def _create_tables(self):
        # Whatever spans are made for reads it, in the first update already.
        if self._cqrs_is_followed:
            self.env.cr.execute(CREATION)
        return super()._create_tables()

    def _consumers_of_spans(self) -> list:
        """Return the spans, and the projections that are made of spans, in order."""
        return [
            p
            for p in self._projections()
            if p._cqrs_is_followed and "crm.lead" in p._cqrs_consumes
        ]


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    def _record_batch(self, model, ids):
        result = super()._record_batch(model, ids)
        if model == "crm.lead":
            self.env["cqrs.prehistory"]._make_if_possible(ids)
        return result


class Tracked(NamedTuple):
    """A field that Odoo tracks, and how.

    :ivar name: of the field of ``crm.lead``, and in a recorded state
    :ivar value: the expression of a tracking value, JSON as in a recorded state, with
        ``%(which)s`` for ``old`` or ``new``; NULL is unknown, JSON's null is none
    :ivar default: JSON in the place of a null of a recorded state
    :ivar date: the field with the time of its last change, if there is one
    :ivar before: JSON of the value before that change, where it was not tracked; by
        default that which was recorded
    """

    name: str
    value: str
    default: str = "null"
    date: str | None = None
    before: str | None = None


_ID = "COALESCE(to_jsonb(NULLIF(value.%(which)s_value_integer, 0)), 'null')"
_FLAG = "to_jsonb(COALESCE(value.%(which)s_value_integer, 0) <> 0)"
_LABEL = "%(which)s_label.value"
# The text of a float is the shortest that stands for it; a cast keeps 15 digits.
_AMOUNT = (
    "to_jsonb(COALESCE(CASE WHEN value.%(which)s_value_float"
    " BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308"
    " THEN value.%(which)s_value_float::text::numeric END, 0))"
)

TRACKED = (
    Tracked("user_id", _ID, date="date_open"),
    Tracked("team_id", _ID),
    Tracked("stage_id", _ID, date="date_last_stage_update"),
    Tracked("type", _LABEL, date="date_conversion", before='"lead"'),
    Tracked("active", _FLAG, default="false"),
    Tracked("expected_revenue", _AMOUNT, default="0"),
    Tracked(
        "won_status",
        _LABEL,
        default='"pending"',
        date="date_closed",
        before='"pending"',
    ),
)

#: Where a date stands for a change to the recorded value: it stays after others, too
_DATED_WHERE = {
    "user_id": "state ? 'user_id'",
    "stage_id": "state ? 'stage_id'",
    "type": "state ->> 'type' = 'opportunity'",
    "won_status": "state ->> 'won_status' IN ('won', 'lost')",
}


def _recorded(field: Tracked) -> str:
    return f"COALESCE(state -> '{field.name}', '{field.default}')"


def _dated(field: Tracked) -> SQL:
    """Return ``(field, date, value before, recorded value, whether it is meant)``."""
    value = _recorded(field)
    before = f"'{field.before}'::jsonb" if field.before else value
    return SQL(
        f"('{field.name}', {field.date}, {before}, {value}, {_DATED_WHERE[field.name]})"
    )


def _tracked(which: str) -> SQL:
    cases = " ".join(
        f"WHEN '{f.name}' THEN {f.value % {'which': which}}" for f in TRACKED
    )
    return SQL(f"CASE field.name {cases} END")


def _steps(lead_ids: list[int]) -> dict[str, SQL]:
    """Return the queries of the temporary tables that the rows are made of, in order.

    With their statistics each step has its plan; as one statement, a batch of 50,000
    leads takes minutes where the log is new and has no statistics.
    """
    return {
        "recorded": SQL(_RECORDED, lead_ids),
        "message": SQL(_MESSAGE),
        "tracked": SQL(
            _TRACKED,
            ids=lead_ids,
            selections=[f.name for f in TRACKED if f.value == _LABEL],
            names=[f.name for f in TRACKED],
            old=_tracked("old"),
            new=_tracked("new"),
        ),
        "changed": SQL(_CHANGED),
        "dated": SQL(
            _DATED,
            dates=SQL(", ").join(map(_dated, filter(attrgetter("date"), TRACKED))),
            tolerance=TOLERANCE,
        ),
        "changing": SQL(_CHANGING),
    }


def _rows() -> SQL:
    """Return the query of the rows of ``COLUMNS``, from the tables of ``_steps``."""
    return SQL(
        """
        WITH %(changes)s, %(points)s
        SELECT point.id AS opportunity_id, point.version,
               point.at AT TIME ZONE 'UTC' AS since,
               point.until AT TIME ZONE 'UTC' AS until,
               user_id, team_id, recorded.company_id, currency_id, stage_id,
               CASE WHEN won_status IN ('won', 'lost') THEN won_status
                    ELSE 'pending' END AS status,
               COALESCE(%(value)s, 0) AS value,
               CASE WHEN won_status IN ('won', 'lost') THEN COALESCE(
                   CASE WHEN point.status_at IS NOT DISTINCT FROM last_status_at
                         AND won_status = recorded.state ->> 'won_status'
                         AND date_closed <= point.at + %(tolerance)s::interval
                        THEN %(date_closed)s END,
                   date_trunc('second', COALESCE(point.status_at, created)))
                   END AS closed_at,
               type, active, point.is_cut
        FROM point
        JOIN cqrs_prehistory_recorded recorded ON recorded.id = point.id
        CROSS JOIN LATERAL jsonb_to_record(point.state) AS known (
            user_id integer, team_id integer, stage_id integer, currency_id integer,
            type text, active boolean, expected_revenue numeric, won_status text)
        WHERE point.until IS NOT NULL AND type IS NOT NULL AND won_status IS NOT NULL
        """,
        changes=SQL(
            _CHANGES,
            recorded=SQL(", ").join(
                SQL(f"('{f.name}', {_recorded(f)})") for f in TRACKED
            ),
        ),
        points=SQL(
            _POINTS,
            state=SQL(", ").join(SQL(f"'{f.name}', {_recorded(f)}") for f in TRACKED),
        ),
        value=readable(SQL("expected_revenue"), "monetary"),
        date_closed=readable(SQL("date_closed"), "datetime"),
        tolerance=TOLERANCE,
    )


# The first event of each lead. Times are UTC without a zone, as in Odoo's tables.
_RECORDED = """
    SELECT event.stream_id AS id, event.after AS state, known.company_id,
           create_date AS created, event.occurred_at AT TIME ZONE 'UTC' AS at,
           date_open, date_last_stage_update, date_conversion, date_closed
    FROM cqrs_event event
    CROSS JOIN LATERAL jsonb_to_record(event.after) AS known (
        company_id integer, create_date timestamp, date_open timestamp,
        date_last_stage_update timestamp, date_conversion timestamp,
        date_closed timestamp)
    WHERE stream_model = 'crm.lead' AND version = 1 AND stream_id = ANY(%s)
      AND create_date < event.occurred_at AT TIME ZONE 'UTC'
"""

_MESSAGE = """
    SELECT message.id, recorded.id AS lead_id, created, at, message.write_date,
           message_type = 'notification' AS is_notification,
           COALESCE(subject <> '' AND message.write_date <> message.create_date, false)
               AS is_moved
    FROM cqrs_prehistory_recorded recorded
    JOIN mail_message message
      ON message.model = 'crm.lead' AND message.res_id = recorded.id
"""

_TRACKED = """
    -- A label that means two values is none.
    WITH label AS MATERIALIZED (
        SELECT field.name AS field, label.text, to_jsonb(min(selection.value)) AS value
        FROM ir_model_fields field
        JOIN ir_model_fields_selection selection ON selection.field_id = field.id
        CROSS JOIN LATERAL (
            SELECT value FROM jsonb_each_text(selection.name)
            UNION SELECT selection.value
        ) label (text)
        WHERE field.model = 'crm.lead' AND field.name = ANY(%(selections)s)
        GROUP BY 1, 2
        HAVING count(DISTINCT selection.value) = 1
    ),
    -- Changes of transactions that began before the first event, and came after it.
    overtaken AS MATERIALIZED (
        SELECT stream_id AS id, event.occurred_at AT TIME ZONE 'UTC' AS at
        FROM cqrs_event event
        WHERE stream_model = 'crm.lead' AND stream_id = ANY(%(ids)s) AND version > 1
          AND occurred_at AT TIME ZONE 'UTC'
              < (SELECT max(at) FROM cqrs_prehistory_recorded)
    )
    SELECT lead_id AS id, field.name AS field, value.id AS number,
           GREATEST(value.create_date, created) AS at,
           %(old)s AS old, %(new)s AS new,
           CASE field.name WHEN 'expected_revenue'
                THEN to_jsonb(value.currency_id) END AS currency
    FROM cqrs_prehistory_message message
    JOIN mail_tracking_value value ON value.mail_message_id = message.id
    JOIN ir_model_fields field ON field.id = value.field_id
    LEFT JOIN label old_label
      ON old_label.field = field.name AND old_label.text = value.old_value_char
    LEFT JOIN label new_label
      ON new_label.field = field.name AND new_label.text = value.new_value_char
    WHERE field.model = 'crm.lead' AND field.name = ANY(%(names)s)
      AND NOT is_moved AND value.create_date < message.at
      AND (lead_id, value.create_date) NOT IN (SELECT id, at FROM overtaken)
"""

# Flushes within one transaction are one change.
_CHANGED = """
    SELECT id, field, at, (array_agg(old ORDER BY number))[1] AS old,
           (array_agg(new ORDER BY number DESC))[1] AS new
    FROM cqrs_prehistory_tracked GROUP BY id, field, at
"""

# The changes that are known by a date alone
_DATED = """
    WITH latest AS (
        SELECT DISTINCT ON (id, field) id, field, new
        FROM cqrs_prehistory_changed ORDER BY id, field, at DESC
    )
    SELECT recorded.id, date.field, date.at,
           COALESCE(latest.new, date.before) AS old, date.value AS new
    FROM cqrs_prehistory_recorded recorded
    CROSS JOIN LATERAL (VALUES %(dates)s)
        AS date (field, at, before, value, is_meant)
    LEFT JOIN latest ON latest.id = recorded.id AND latest.field = date.field
    WHERE is_meant AND date.at < recorded.at
      AND date.at > created + %(tolerance)s::interval
      AND NOT EXISTS (
          SELECT FROM cqrs_prehistory_changed changed
          WHERE changed.id = recorded.id
            AND changed.at >= date.at - %(tolerance)s::interval
            AND (changed.field = date.field
                 OR changed.at <= date.at + %(tolerance)s::interval))
"""

# Most leads of an import have stayed the same, and are one row at little cost.
_CHANGING = """
    SELECT id FROM cqrs_prehistory_changed
    UNION SELECT id FROM cqrs_prehistory_dated
    UNION SELECT lead_id FROM cqrs_prehistory_message WHERE is_moved
"""

_CHANGES = """
    change AS (
        SELECT id, field, at, old, new, false AS is_dated, false AS is_recorded
        FROM cqrs_prehistory_changed
        UNION ALL
        SELECT id, field, at, old, new, true, false FROM cqrs_prehistory_dated
        UNION ALL
        SELECT id, field, at, value, value, false, true
        FROM cqrs_prehistory_recorded JOIN cqrs_prehistory_changing USING (id)
        CROSS JOIN LATERAL (VALUES %(recorded)s) AS known (field, value)
        UNION ALL
        -- Without a company, a value is in the currency of whoever reads it.
        SELECT DISTINCT ON (id, tracked.at) id, 'currency_id', tracked.at,
               currency, currency, false, false
        FROM cqrs_prehistory_tracked tracked
        JOIN cqrs_prehistory_recorded recorded USING (id)
        WHERE currency IS NOT NULL AND company_id IS NOT NULL
        UNION ALL
        SELECT id, 'currency_id', at, currency, currency, false, true
        FROM cqrs_prehistory_recorded JOIN cqrs_prehistory_changing USING (id)
        CROSS JOIN LATERAL (
            SELECT COALESCE(state -> 'company_id.currency_id', 'null')
        ) AS known (currency)
    ),
    joined AS MATERIALIZED (
        SELECT id, field, at, old, COALESCE(new, lead(old) OVER line) AS value,
               row_number() OVER line = 1 AS is_first,
               field = 'won_status' AND NOT is_recorded AS is_of_status,
               is_dated OR (CASE row_number() OVER line WHEN 1 THEN old = old
                            ELSE old = lag(new) OVER line END) IS NOT TRUE AS is_cut
        FROM change
        WINDOW line AS (PARTITION BY id, field ORDER BY at)
    )
"""

_POINTS = """
    moment AS (
        SELECT id, field, at, value, is_of_status, is_cut FROM joined
        UNION ALL
        -- Until its first change, a field was what this one replaced.
        SELECT joined.id, field, created, COALESCE(old, 'null'), false, false
        FROM joined JOIN cqrs_prehistory_recorded recorded USING (id)
        WHERE is_first AND joined.at > created
        UNION ALL
        SELECT DISTINCT lead_id, NULL, write_date, NULL::jsonb, false, true
        FROM cqrs_prehistory_message
        WHERE is_moved AND is_notification AND write_date > created AND write_date < at
    ),
    net AS (
        SELECT id, at, bool_or(is_cut) AS is_cut, bool_or(is_of_status) AS is_of_status,
               jsonb_object_agg(field, COALESCE(value, 'null'))
                   FILTER (WHERE field IS NOT NULL) AS state
        FROM moment GROUP BY id, at
    ),
    merged AS (
        SELECT id, at, is_cut, cqrs_jsonb_merge(state) OVER line AS state,
               max(at) FILTER (WHERE is_of_status) OVER line AS status_at
        FROM net WINDOW line AS (PARTITION BY id ORDER BY at)
    ),
    point AS (
        SELECT id, at, lead(at) OVER line AS until, lead(is_cut) OVER line AS is_cut,
               state, status_at,
               (2 - row_number() OVER (PARTITION BY id ORDER BY at DESC))::integer
                   AS version,
               max(status_at) OVER (PARTITION BY id) AS last_status_at
        FROM (
            SELECT *, lag(state) OVER line AS former_state,
                   lag(status_at) OVER line AS former_status_at,
                   lead(at) OVER line IS NULL AS is_last
            FROM merged WINDOW line AS (PARTITION BY id ORDER BY at)
        ) point
        -- A transaction may have changed a field there and back. Of the time of closing
        -- the second is kept.
        WHERE is_last OR is_cut OR state IS DISTINCT FROM former_state
           OR (state ->> 'won_status' IN ('won', 'lost')
               AND date_trunc('second', status_at)
                   IS DISTINCT FROM date_trunc('second', former_status_at))
        WINDOW line AS (PARTITION BY id ORDER BY at)
        UNION ALL
        SELECT id, created, at, false,
               jsonb_build_object(
                   'currency_id', state -> 'company_id.currency_id', %(state)s),
               NULL, 0, NULL
        FROM cqrs_prehistory_recorded recorded
        WHERE NOT EXISTS (
            SELECT FROM cqrs_prehistory_changing changing
            WHERE changing.id = recorded.id)
    )
"""
