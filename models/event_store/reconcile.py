"""The reconciler: records what no hook has seen.

It looks only at rows that have changed since its last look. PostgreSQL keeps in each
row the id of the transaction that wrote it (``xmin``), and counts the rows deleted
from each table; what was written by a transaction that had not ended at the last
look is looked at again. Like every mark, a row too many costs nothing.
"""

import json
import logging
from collections.abc import Iterator
from functools import partial

import psycopg2

from odoo import api, fields, models
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from ..support.json_field import PortableJson
from ..support.progress import Progress, Report, silent
from ..support.transactions import committed

_logger = logging.getLogger(__name__)

#: Records of a model that cannot be recorded, from which on it is the model that fails
MANY_FAILURES = 100


class CqrsReconciliation(models.Model):
    """How far the reconciler has looked, for each captured model.

    ``horizon`` is the id of the oldest transaction still open at that look;
    ``deleted`` the counters of deleted rows then, by table. Where the look after it
    failed, ``failure`` says why; what was written since then is looked at again.
    """

    _name = "cqrs.reconciliation"
    _description = "Reconciliation"
    _auto = False
    _order = "stream_model"
    _rec_name = "stream_model"

    stream_model = fields.Char("Model", readonly=True)
    looked_at = fields.Datetime("Last Check", readonly=True)
    horizon = fields.Char(readonly=True)
    deleted = PortableJson(readonly=True)
    failure = fields.Text(readonly=True)

    _table_query = SQL(
        """
        SELECT id, stream_model, looked_at AT TIME ZONE 'UTC' AS looked_at,
               horizon::text AS horizon, deleted, failure
        FROM cqrs_reconciliation
        """
    )

    _TABLE = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_reconciliation (
            id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            stream_model text NOT NULL CONSTRAINT cqrs_reconciliation_key UNIQUE,
            looked_at timestamptz NOT NULL,
            horizon xid8 NOT NULL,
            deleted jsonb NOT NULL,
            failure text
        )
        """
    )

    def init(self):
        self.env.cr.execute(self._TABLE)

    def _last_look(self, model: str) -> tuple[int | None, dict[str, int]]:
        """Return the horizon and the counters of the last look at a model.

        The horizon is None where there is none to rely on: at the first look, and
        after a dump was restored into a younger cluster.
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT CASE WHEN horizon <= pg_snapshot_xmin(pg_current_snapshot())
                            THEN horizon::text END, deleted
                FROM cqrs_reconciliation WHERE stream_model = %s
                """,
                model,
            )
        )
        horizon, deleted = self.env.cr.fetchone() or (None, {})
        return horizon and int(horizon), deleted

    def _note_look(self, model: str, deleted: dict[str, int]):
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO cqrs_reconciliation AS r
                    (stream_model, looked_at, horizon, deleted)
                VALUES (%s, now(), pg_snapshot_xmin(pg_current_snapshot()), %s)
                ON CONFLICT (stream_model) DO UPDATE
                SET looked_at = EXCLUDED.looked_at,
                    horizon = EXCLUDED.horizon,
                    deleted = EXCLUDED.deleted,
                    failure = NULL
                """,
                model,
                json.dumps(deleted),
            )
        )

    def _note_failure(self, model: str, failure: str):
        # A model that was never looked at has no row, which says enough.
        self.env.cr.execute(
            SQL(
                "UPDATE cqrs_reconciliation SET failure = %s WHERE stream_model = %s",
                failure,
                model,
            )
        )


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    @api.model
    def _reconcile(
        self, captured: list[str] | None = None, report: Report = silent
    ) -> int:
        """Record what has changed unseen since the last look; commits.

        To be called with nothing pending: each model has a transaction of its own,
        run again where a live write comes in between. A model or a record that fails is
        logged and noted, and keeps no other from being recorded.

        :param captured: names of captured models, all of them by default
        :param report: told of each model; if it raises, those before are still recorded
        :return: the number of events
        """
        events, __ = self._look_at_each(captured or self._captured(), report)
        return events

    def _look_at_each(
        self, captured: list[str], report: Report
    ) -> tuple[int, list[str]]:
        """Do as ``_reconcile``; return also what failed, in a text for each model."""
        progress = Progress(report, len(captured))
        events, failures = 0, []
        for model in captured:
            progress(model)
            try:
                recorded, failure = committed(self.env, partial(self._look, model))
            except psycopg2.InterfaceError:
                # The connection is lost: nothing can be looked at any more.
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
        """Record what has changed in a model since the last look, and note this one.

        :return: the number of events, and what failed
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
                return self._record({model: ids}, origin="reconcile"), None
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
        """Return the ids of a model's records, those that are gone included."""
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
        """Record those of some records that can be, where all of them together fail.

        :param error: what they failed with
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

    def _relations(self, model: str) -> tuple[dict, list]:
        """Return ``{many2one: comodel}`` shown by path, and the many2many fields."""
        record_fields = self.env[model]._fields
        shown, many2many = {}, []
        for path in self.env[model]._cqrs_source.fields:
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

    def _gone(self, model: str) -> Iterator[SQL]:
        """Yield queries of the streams whose record, or a relation of it, is gone."""
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

    def _deleted_rows(self, model: str) -> dict[str, int]:
        """Return how many rows were ever deleted from a model's tables, by table."""
        tables = [self.env[model]._table]
        tables += [own.relation for own in self._relations(model)[1]]
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
    """Return the first line of what an error says."""
    return str(error).strip().partition("\n")[0]
