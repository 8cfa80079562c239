"""Joining and ending: what was there when a model or a field came, or went.

A model that is put on record in a database in use, and a field that comes to one, join
by a baseline: events of origin ``migration``, recorded in the background, in batches
that commit. Until then they are no difference, so that no writer is said to have
changed what was there before. The streams of a model that is no longer on record end,
each by an event: the ids may be given out again.

A record that its source's condition leaves out joins when a captured record refers to
it (``Source.joined_by``): with the event that says so, or with the reconciler.
"""

from contextlib import suppress
from functools import partial

import psycopg2

from odoo import api, models
from odoo.tools import SQL

from ..support.progress import Report
from ..support.transactions import committed
from .metadata import MIGRATION
from .source import Source
from .source_on_record import ENDED, ENDING

#: Records of one transaction: a writer of one of them may have to begin again
BATCH = 5000

#: Records up to which each that joins is locked: the table of locks has a fixed size
LOCKED_UP_TO = 100


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    @api.model
    def _build_before_write(self, model: str, ids: list[int]):
        """Record those of some records that have no event yet, as they are now.

        For a model on record that is not built yet: the write that follows would be
        taken for their creation.
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id FROM %(table)s t
                WHERE id = ANY(%(ids)s) AND id <= (
                    SELECT unbuilt_until FROM cqrs_source WHERE model = %(model)s)
                  AND %(condition)s AND NOT EXISTS (
                    SELECT FROM cqrs_stream
                    WHERE stream_model = %(model)s AND stream_id = t.id
                      AND state IS NOT NULL)
                """,
                table=SQL.identifier(self.env[model]._table),
                ids=ids,
                model=model,
                condition=self._condition(model),
            )
        )
        if rows:
            self._record({model: sorted(id_ for (id_,) in rows)}, origin=MIGRATION)

    def _of_interest(self, model: str, ids: list[int]) -> list[int]:
        """Return those of some records that are on record, or meet the condition.

        Most rows of some models are neither, and the difference statement is long: its
        text alone costs more than this query.
        """
        if not self._sources()[model].condition:
            return ids
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id FROM unnest(%(ids)s) marked (id)
                WHERE EXISTS (
                    SELECT FROM cqrs_stream
                    WHERE stream_model = %(model)s AND stream_id = marked.id
                      AND state IS NOT NULL
                ) OR EXISTS (
                    SELECT FROM %(table)s t WHERE t.id = marked.id AND %(condition)s)
                ORDER BY id
                """,
                ids=ids,
                model=model,
                table=SQL.identifier(self.env[model]._table),
                condition=self._condition(model),
            )
        )
        return [id_ for (id_,) in rows]

    def _condition(self, model: str) -> SQL:
        """Return the condition of a source on ``t``, a row of its model."""
        return SQL("(%s)", self._sources()[model].condition or SQL("true"))

    def _is_referred(self, model: str) -> SQL:
        """Return the condition that a recorded state refers to ``t``."""
        referred = [
            SQL(
                "t.id IN (SELECT (state ->> %s)::integer FROM cqrs_stream"
                " WHERE stream_model = %s AND jsonb_exists(state, %s))",
                path,
                name,
                path,
            )
            for name, watch in self._watches().items()
            for path, joined in watch.references
            if joined == model
        ]
        return SQL("(%s)", SQL(" OR ").join(referred) if referred else SQL("false"))

    def _referred(
        self, model: str, values: list[list[int | None]]
    ) -> dict[str, set[int]]:
        """Return the records that values of a model's references lead to, by model."""
        referred = {}
        for number, (__, target) in enumerate(self._watches()[model].references):
            ids = {each[number] for each in values} - {None}
            referred[target] = referred.get(target, set()) | ids
        return referred

    def _referred_by_states(self, model: str, ids: list[int] | None) -> dict:
        """Return the same from the recorded states of some records, or of all."""
        paths = [path for path, __ in self._watches()[model].references]
        if not paths or ids is not None and not ids:
            return {}
        rows = self.env.execute_query(
            SQL(
                "SELECT DISTINCT %s FROM cqrs_stream"
                " WHERE stream_model = %s AND state IS NOT NULL AND %s",
                SQL(", ").join(SQL("(state ->> %s)::integer", path) for path in paths),
                model,
                SQL("true") if ids is None else SQL("stream_id = ANY(%s)", ids),
            )
        )
        return self._referred(model, [list(row) for row in rows])

    def _join_referred(self, model: str, ids: list[int] | None, origin: str) -> int:
        """Let the records join that some records of a model refer to.

        The events of these have done so, unless another transaction was about to.
        """
        return sum(
            self._record_joining(target, its_ids, origin)
            for target, its_ids in self._referred_by_states(model, ids).items()
        )

    def _record_joining(
        self, model: str, ids: set[int], origin: str, details=None, writers=None
    ) -> int:
        """Record those of some records that are not on record, whatever the condition.

        :param details: of ``_record``, as are ``origin`` and ``writers``
        :return: the number of events
        """
        events = 0
        for each, some in self._to_join(model, ids, origin):
            # Another transaction may have let them join since our snapshot was taken.
            with (
                suppress(psycopg2.errors.SerializationFailure),
                self.env.cr.savepoint(flush=False),
            ):
                events += self._record(
                    {model: some},
                    origin=each,
                    details=details,
                    writers=writers,
                    is_joining=True,
                )
        return events

    def _to_join(self, model: str, ids: set[int], origin: str) -> list[tuple]:
        """Return ``(origin, ids)`` of those of some records that are not on record.

        What was there before this transaction joins by a baseline. What another
        transaction lets join is left to it: nobody is to wait for it, and the
        reconciler looks whether it has done so.
        """
        if not ids:
            return []
        is_free = SQL("true")
        if len(ids) <= LOCKED_UP_TO:
            is_free = SQL(
                "pg_try_advisory_xact_lock(hashtext(%s), id)", f"crm_cqrs.join.{model}"
            )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id, is_new FROM (
                    SELECT id, create_date IS NOT DISTINCT FROM
                               now() AT TIME ZONE 'UTC' AS is_new
                    FROM %(table)s t
                    WHERE id = ANY(%(ids)s) AND NOT EXISTS (
                        SELECT FROM cqrs_stream
                        WHERE stream_model = %(model)s AND stream_id = t.id
                          AND state IS NOT NULL)
                    OFFSET 0
                ) missing WHERE %(is_free)s ORDER BY id
                """,
                table=SQL.identifier(self.env[model]._table),
                ids=sorted(ids),
                model=model,
                is_free=is_free,
            )
        )
        new = [id_ for id_, is_new in rows if is_new]
        old = [id_ for id_, is_new in rows if not is_new]
        return [each for each in ((origin, new), (MIGRATION, old)) if each[1]]

    def _sync_sources(self):
        """Bring ``cqrs.source`` up to what is declared, chosen and here; commits."""

        def sync():
            # Another build may do the same. A lock takes no snapshot.
            self.env.cr.execute("LOCK TABLE cqrs_source IN SHARE ROW EXCLUSIVE MODE")
            self.env["cqrs.source"].sudo()._sync()

        self._change_sources(sync)

    def _change_sources(self, change):
        """Change rows of ``cqrs.source``, commit, and tell other processes."""
        committed(self.env, change)
        self.env.registry.signal_changes()

    def _end_streams(self, report: Report) -> int:
        """End the streams of the models that are taken off record; commits."""
        events = 0
        for source in self.env["cqrs.source"].sudo().search([("state", "=", ENDING)]):
            last = 0
            while last is not None:
                report(0, f"{source.model}, {events} ended")
                last, count = committed(
                    self.env, partial(self._end_batch, source, last)
                )
                events += count
            self._change_sources(partial(source.write, {"state": ENDED}))
        return events

    def _end_batch(self, source, last: int) -> tuple[int | None, int]:
        """End the next streams; return the last id, None if there are no more."""
        ids = self._live_streams(source.model, last, None)
        if ids:
            # Without the model, nothing tells which fields are not personal.
            paths = tuple(source.field_ids.mapped("path"))
            ended = Source(source.model, source.noun, (), personal=paths)
            self._record_end(ended, ids)
        return (ids[-1] if ids else None), len(ids)

    def _join_fields(self, report: Report) -> int:
        """Record the joining fields of the records that were there; commits."""
        events = 0
        for source in self.env["cqrs.source"].sudo().search([("joins_until", ">", 0)]):
            is_going_on = True
            while is_going_on:
                report(
                    source.joined_until / source.joins_until,
                    f"{source.model}, {source.joined_until} of {source.joins_until}",
                )
                is_going_on, count = committed(
                    self.env, partial(self._join_batch, source)
                )
                events += count
            self._change_sources(source._joined)
            # A writer may have begun before its record had its baseline.
            recorded, __ = committed(self.env, partial(self._look, source.model))
            events += recorded
        return events

    def _join_batch(self, source) -> tuple[bool, int]:
        """Record the next records; return whether there are more, and the events."""
        # Another process may perform another build.
        source.invalidate_recordset(flush=False)
        ids = self._live_streams(source.model, source.joined_until, source.joins_until)
        if not ids:
            return False, 0
        events = self._record_batch(source.model, ids)
        # By SQL: nothing that processes remember of the sources changes by this.
        self.env.cr.execute(
            SQL(
                "UPDATE cqrs_source SET joined_until = %s WHERE id = %s",
                ids[-1],
                source.id,
            )
        )
        source.invalidate_recordset(flush=False)
        return True, events

    def _live_streams(self, model: str, after: int, until: int | None) -> list[int]:
        rows = self.env.execute_query(
            SQL(
                """
                SELECT stream_id FROM cqrs_stream
                WHERE stream_model = %s AND stream_id > %s
                  AND (%s::integer IS NULL OR stream_id <= %s)
                  AND state IS NOT NULL
                ORDER BY stream_id LIMIT %s
                """,
                model,
                after,
                until,
                until,
                BATCH,
            )
        )
        return [id_ for (id_,) in rows]
