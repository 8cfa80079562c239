"""The reconciler: records changes that no hook has seen.

It looks only at rows that have changed since its last look. PostgreSQL keeps in each
row the id of the transaction that wrote it (``xmin``), and counts the rows deleted from
each table. Rows of transactions that were open at the last look are looked at again: as
with marks, a superfluous row leaves nothing.
"""

import logging
from collections.abc import Iterator
from functools import partial

import psycopg2

from odoo import api, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from ..support.progress import Progress, Report, silent
from ..support.transactions import committed
from .source import Collected

_logger = logging.getLogger(__name__)

#: Number of records that cannot be recorded from which on the whole model fails
MANY_FAILURES = 100


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    @api.model
    def _reconcile(
        self, captured: list[str] | None = None, report: Report = silent
    ) -> int:
        """Record the changes since the last look that no hook has seen; commits.

        Nothing may be pending when it is called: each model has a transaction of its
        own, run again after a conflict with a live write. A model or a record that
        fails is logged and noted, and does not keep others from being recorded.

        :param captured: names of captured models, all of them by default
        :param report: called for each model; if it raises, those before stay recorded
        :return: the number of events
        """
        events, __ = self._look_at_each(captured or self._captured(), report)
        return events

    def _look_at_each(
        self, captured: list[str], report: Report
    ) -> tuple[int, list[str]]:
        """Reconcile; also return the failures, a text for each model that has some."""
        progress = Progress(report, len(captured))
        events, failures = 0, []
        for model in captured:
            progress(model)
            try:
                recorded, failure = committed(self.env, partial(self._look, model))
            except psycopg2.InterfaceError:
                # The connection is lost, and with it the other models.
                raise
            except Exception as error:
                _logger.exception("The reconciler cannot look at %s", model)
                recorded, failure = 0, f"{model}: {_text(error)}"
                note = self.env["cqrs.reconciliation"]._note_failure
                committed(self.env, partial(note, model, failure))
            events += recorded
            if failure:
                failures.append(failure)
        self.env["cqrs.projection"]._heal_all()
        return events, failures

    def _look(self, model: str) -> tuple[int, str | None]:
        """Record a model's changes since the last look, and note this look.

        :return: the number of events, and the failure if there was one
        """
        looks = self.env["cqrs.reconciliation"]
        horizon, deleted_before = looks._last_look(model)
        deleted = self._deleted_rows(model)
        ids = None
        if horizon is not None:
            queries = [*self._written_since(model, horizon)]
            if deleted != deleted_before:
                queries += self._gone(model)
            rows = self.env.execute_query(SQL(" UNION ").join(queries))
            ids = sorted(id_ for (id_,) in rows)
        try:
            with self.env.cr.savepoint(flush=False):
                looks._note_look(model, deleted)
                events = self._record({model: ids}, origin="reconcile")
                return events + self._join_referred(model, ids, "reconcile"), None
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except psycopg2.DatabaseError as error:
            if ids is None:
                ids = self._all_ids(model)
            events, failed = self._record_by_halves(model, ids, error)
            failure = "; ".join(
                f"{model}/{id_}: {_text(each)}" for id_, each in failed.items()
            )
            _logger.error("The reconciler cannot record %s", failure)
            looks._note_failure(model, failure)
            return events, failure

    def _all_ids(self, model: str) -> list[int]:
        """Return the ids of a model's records, including deleted ones."""
        rows = self.env.execute_query(
            SQL(
                "SELECT id FROM %s UNION"
                " SELECT stream_id FROM cqrs_stream WHERE stream_model = %s ORDER BY 1",
                SQL.identifier(self.env[model]._table),
                model,
            )
        )
        return [id_ for (id_,) in rows]

    def _record_by_halves(
        self, model: str, ids: list[int], error: Exception
    ) -> tuple[int, dict[int, Exception]]:
        """Record as many records as possible after all of them together failed.

        :param error: the error of all of them together
        :return: the number of events, and the error of each record that fails
        :raise psycopg2.DatabaseError: ``MANY_FAILURES`` records fail
        """
        events, failed, parts = 0, {}, [(ids, error)]
        while parts:
            part, error = parts.pop()
            if len(part) == 1:
                failed[part[0]] = error
                if len(failed) >= MANY_FAILURES:
                    raise error
                continue
            middle = (len(part) + 1) // 2
            for half in filter(None, (part[:middle], part[middle:])):
                try:
                    with self.env.cr.savepoint(flush=False):
                        events += self._record({model: half}, origin="reconcile")
                except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                    raise
                except psycopg2.DatabaseError as each:
                    parts.append((half, each))
        return events, failed

    def _links(self, part: Collected) -> list:
        """Return the many2many fields of children that a collected part reads."""
        children = self.env[part.child]._fields
        return [
            children[name] for name in part.fields if children[name].type == "many2many"
        ]

    def _relations(self, model: str) -> tuple[dict, list]:
        """Return ``{many2one: comodel}`` shown by path, and the many2many fields."""
        record_fields = self.env[model]._fields
        shown, many2many = {}, []
        for path in self._sources()[model].fields:
            fname, __, target = path.partition(".")
            if target:
                shown[fname] = self.env[record_fields[fname].comodel_name]
            elif record_fields[fname].type == "many2many":
                many2many.append(record_fields[fname])
        return shown, many2many

    def _written_since(self, model: str, horizon: int) -> Iterator[SQL]:
        """Yield queries of the ids of records that were written since a horizon."""
        # A row's xmin has 32 bits of the id; distances from now compare rightly.
        recent = SQL("age(xmin) <= age((%s::bigint %% 4294967296)::text::xid)", horizon)
        table = SQL.identifier(self.env[model]._table)
        yield SQL("SELECT id FROM %s WHERE %s", table, recent)
        shown, many2many = self._relations(model)
        for fname, comodel in shown.items():
            yield SQL(
                "SELECT id FROM %s WHERE %s IN (SELECT id FROM %s WHERE %s)",
                table,
                SQL.identifier(fname),
                SQL.identifier(comodel._table),
                recent,
            )
        for own in many2many:
            yield SQL(
                "SELECT %s FROM %s WHERE %s",
                SQL.identifier(own.column1),
                SQL.identifier(own.relation),
                recent,
            )
        for part in self._sources()[model].collected:
            parent = SQL.identifier(part.parent)
            children = SQL.identifier(self.env[part.child]._table)
            yield SQL(
                "SELECT %s FROM %s WHERE %s AND %s IS NOT NULL",
                *(parent, children, recent, parent),
            )
            for link in self._links(part):
                yield SQL(
                    "SELECT %s FROM %s WHERE %s IS NOT NULL AND id IN ("
                    "SELECT %s FROM %s WHERE %s)",
                    *(parent, children, parent),
                    SQL.identifier(link.column1),
                    SQL.identifier(link.relation),
                    recent,
                )

    def _gone(self, model: str) -> Iterator[SQL]:
        """Yield queries of the streams whose record, or a link of it, was deleted."""
        yield SQL(
            """
            SELECT stream_id FROM cqrs_stream
            WHERE stream_model = %s AND state IS NOT NULL
              AND NOT EXISTS (SELECT FROM %s t WHERE t.id = stream_id)
            """,
            model,
            SQL.identifier(self.env[model]._table),
        )
        for own in self._relations(model)[1]:
            yield SQL(
                """
                SELECT stream_id FROM cqrs_stream
                WHERE stream_model = %(model)s AND jsonb_exists(state, %(field)s)
                  AND jsonb_array_length(state -> %(field)s) > (
                    SELECT count(*) FROM %(relation)s WHERE %(own)s = stream_id)
                """,
                model=model,
                field=own.name,
                relation=SQL.identifier(own.relation),
                own=SQL.identifier(own.column1),
            )
        for part in self._sources()[model].collected:
            # Nothing tells of a child that is gone whose record it was.
            yield SQL(
                """
                SELECT stream_id FROM cqrs_stream recorded
                JOIN %(table)s t ON t.id = stream_id
                WHERE stream_model = %(model)s AND recorded.state IS NOT NULL
                  AND recorded.state -> %(name)s
                    IS DISTINCT FROM jsonb_strip_nulls(%(value)s)
                """,
                table=SQL.identifier(self.env[model]._table),
                model=model,
                name=part.name,
                value=part.value,
            )

    def _deleted_rows(self, model: str) -> dict[str, int]:
        """Return how many rows were ever deleted from a model's tables, by table."""
        tables = [self.env[model]._table]
        tables += [own.relation for own in self._relations(model)[1]]
        for part in self._sources()[model].collected:
            tables.append(self.env[part.child]._table)
            tables += [link.relation for link in self._links(part)]
        self.env.cr.execute(
            SQL(
                """
                SELECT relname, pg_stat_get_tuples_deleted(pg_class.oid)
                FROM pg_class WHERE oid = ANY(%s::regclass[])
                """,
                tables,
            )
        )
        return dict(self.env.cr.fetchall())


def _text(error: Exception) -> str:
    """Return the first line of an error's message."""
    return str(error).strip().partition("\n")[0]
