"""The first build: record the first event of every existing record."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing, contextmanager
from contextvars import copy_context
from functools import partial
from operator import itemgetter
from queue import SimpleQueue

from odoo import api, models
from odoo.tools import SQL, split_every

from ..support.indexes import drop_indexes
from ..support.progress import Report, silent
from ..support.transactions import committed
from .archive import log_tables
from .metadata import MIGRATION

#: Records of one statement: enough to be set-based, few enough to report and resume
BATCH_SIZE = 50_000
#: Records of the first of several batches, after which statistics are gathered
FIRST_BATCH = 5_000
#: Batches at a time
CONNECTIONS = min(4, os.cpu_count() or 1)


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    @api.model
    def _build(self, report: Report = silent) -> int:
        """Record the first event of each record that has none, and project it; commits.

        Then record the fields that join (``joining.py``). It can run at any time,
        beside live writes, and continues a run that was stopped. Later changes are left
        to the reconciler. Nothing may be pending when it is called.

        :param report: if it raises, the batches under way are still recorded
        :return: the number of events
        """
        self._sync_sources()
        events = self._end_streams(report)
        # What was declared or chosen again waited for the streams to end.
        self._sync_sources()
        events += self._build_missing(report)
        return events + self._join_fields(report)

    def _build_missing(self, report: Report) -> int:
        # What comes later has records that are not looked for here.
        unbuilt = (
            self.env["cqrs.source"]
            .sudo()
            .search([("unbuilt_until", ">", 0), ("is_from_now_on", "=", False)])
        )
        unbuilt = unbuilt.filtered(lambda source: source.model in self._sources())
        missing = self._all_missing(partial(committed, self.env))
        total = sum(map(len, missing.values()))
        if not total:
            self._note_built(unbuilt)
            return 0
        report(0, f"{total} records")
        done = events = 0
        while missing:
            for model, ids in missing.items():
                with closing(self._build_model(model, ids)) as batches:
                    for records, recorded in batches:
                        done += records
                        events += recorded
                        report(done / total, f"{model}, {done} of {total} records")
            missing = self._joining(partial(committed, self.env))
            total += sum(map(len, missing.values()))
        self._note_built(unbuilt)
        report(1, "statistics")
        self._gather_statistics()
        return events

    def _note_built(self, sources):
        """Note that records without an event are new ones from now on; commits."""
        if sources:
            self._change_sources(partial(sources.write, {"unbuilt_until": 0}))

    @api.model
    def _build_at_once(self, report: Report = silent) -> int:
        """Build like ``_build``, in the transaction that has created the tables.

        An installation therefore behaves like that of any module: nobody sees it
        before it is complete, and nothing is left of one that was killed. It has one
        connection, and cannot be continued.

        :return: the number of events
        """
        self.env.flush_all()
        indexes = self._drop_indexes()
        missing = self._all_missing(lambda work: work())
        total = sum(map(len, missing.values()))
        report(0, f"{total} records")
        done = events = 0
        while missing:
            for model, ids in missing.items():
                first, others = _split(ids)
                for batch in (first, *split_every(BATCH_SIZE, others, list)):
                    events += self._record_batch(model, batch)
                    done += len(batch)
                    report(done / total, f"{model}, {done} of {total} records")
                    if batch is first and others:
                        self._execute_here(_statistics(self._tables()))
            missing = self._joining(lambda work: work())
            total += sum(map(len, missing.values()))
        self.env["cqrs.projection"]._catch_up()
        report(1, "indexes and statistics")
        self._execute_here([*indexes, *_statistics(self._tables())])
        return events

    def _all_missing(self, do: Callable) -> dict[str, list[int]]:
        """Return the ids of the records that have no event, by model.

        The largest model comes last: until then, the projections read little.

        :param do: calls a function in a transaction and returns its result
        """
        missing = {
            model: do(partial(self._missing, model))
            for model, source in self._sources().items()
            if not source.is_from_now_on
        }
        return dict(
            sorted(filter(itemgetter(1), missing.items()), key=lambda m: len(m[1]))
        )

    def _joining(self, do: Callable) -> dict[str, list[int]]:
        """Return the ids of the records that others have let join by now, by model."""
        joined = {
            joined
            for watch in self._watches().values()
            for __, joined in watch.references
        }
        missing = {model: do(partial(self._missing, model)) for model in joined}
        return {model: ids for model, ids in missing.items() if ids}

    def _missing(self, model: str) -> list[int]:
        """Return the ids of a model's records that have no event."""
        # The reconciler will look at all rows that are written after the noted look,
        # which must be this one unless there is an earlier one. It will also look for
        # deleted records: the counter may count one that our snapshot still has.
        looks = self.env["cqrs.reconciliation"]
        if not looks.search_count([("stream_model", "=", model)]):
            looks._note_look(model, {})
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id FROM %(table)s t
                WHERE NOT EXISTS (
                    SELECT FROM cqrs_stream
                    WHERE stream_model = %(model)s AND stream_id = t.id
                      AND state IS NOT NULL)
                  AND (%(condition)s OR %(is_referred)s)
                ORDER BY id
                """,
                table=SQL.identifier(self.env[model]._table),
                model=model,
                condition=self._condition(model),
                is_referred=self._is_referred(model),
            )
        )
        return [id_ for (id_,) in rows]

    def _build_model(self, model: str, ids: list[int]) -> Iterator[tuple[int, int]]:
        """Record records of a model; yield ``(records, events)`` of each batch."""
        first, others = _split(ids)
        yield len(first), committed(self.env, partial(self._record_batch, model, first))
        if others:
            # The planner must not take full tables for empty ones. Not after each small
            # model: it would take the next one for rare, which is worse.
            self._gather_statistics()
            with (
                self._without_autovacuum(),
                closing(
                    self._side_by_side(
                        lambda me, batch: me._record_batch(model, batch),
                        split_every(BATCH_SIZE, others, list),
                    )
                ) as batches,
            ):
                for batch, events in batches:
                    yield len(batch), events

    @contextmanager
    def _without_autovacuum(self) -> Iterator[None]:
        """Keep autovacuum away from the tables within the block.

        It would scan the growing tables again and again, an eighth of the build's time,
        and skips a table that is locked like this. Neither readers nor writers wait for
        the lock, and it ends with the process.
        """
        tables = SQL(", ").join(map(SQL.identifier, self._tables()))
        with self.env.registry.cursor() as cr:
            # Some servers are set to end a transaction that is idle for so long.
            cr.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cr.execute(SQL("LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE", tables))
            yield

    def _side_by_side(self, work: Callable, items: Iterable) -> Iterator[tuple]:
        """Do ``work(self, item)`` for several items at a time; yield item and result.

        Each item has a transaction and a connection of its own: the work is all in the
        database, where a connection keeps one processor busy. When the generator is
        closed or an item fails, no further item begins, and those under way finish.
        """
        with ExitStack() as stack:
            connections = SimpleQueue()
            for __ in range(CONNECTIONS):
                # Made here: in a thread, making an environment waits for the registry's
                # lock, which an installation of modules holds.
                cr = stack.enter_context(self.env.registry.cursor())
                connections.put(self.with_env(self.env(cr=cr)))

            def do(item):
                events = connections.get()
                try:
                    return committed(events.env, partial(work, events, item))
                finally:
                    connections.put(events)

            pool = stack.enter_context(ThreadPoolExecutor(CONNECTIONS))
            stack.callback(pool.shutdown, cancel_futures=True)
            futures = {
                # In the context of the caller: the events name its HTTP request.
                pool.submit(copy_context().run, do, item): item
                for item in items
            }
            for future in as_completed(futures):
                yield futures[future], future.result()

    def _record_batch(self, model: str, ids: list[int]) -> int:
        self._set_up_batch()
        return self._record({model: ids}, origin=MIGRATION)

    def _set_up_batch(self):
        """Set what a transaction needs that works on ``BATCH_SIZE`` records."""
        # A batch fits in memory; nothing in it is worth compiling or memoizing. A query
        # sets this, since PostgreSQL 13 does not know enable_memoize.
        self.env.cr.execute(
            """
            SELECT set_config(name, value, true)
            FROM pg_settings JOIN (VALUES
                ('work_mem', '256MB'), ('jit', 'off'), ('enable_memoize', 'off')
            ) wanted (name, value) USING (name)
            """
        )

    def _drop_indexes(self) -> list[SQL]:
        """Drop indexes that are quicker made at the end; return how to make them."""
        filled = self.env["cqrs.projection"]._tables_to_index_last()
        return drop_indexes(self.env.cr, ["cqrs_event", "cqrs_stream", *filled])

    def _gather_statistics(self):
        self._execute(_statistics(self._tables()))

    @api.model
    def _gather_missing_statistics(self):
        """Gather the planner's statistics of tables that have none; commits.

        After a dump is restored, the planner takes full tables for empty ones until
        autovacuum comes: a verification then takes twelve times as long.
        """
        tables = self.env.execute_query(
            SQL(
                """
                SELECT name FROM unnest(%s) name
                WHERE pg_relation_size(to_regclass(name)) > 0 AND NOT EXISTS (
                    SELECT FROM pg_stats
                    WHERE schemaname = current_schema AND tablename = name)
                """,
                self._tables(),
            )
        )
        statements = _statistics(name for (name,) in tables)
        committed(self.env, partial(self._execute_here, statements))

    def _execute(self, statements: Iterable[SQL]):
        """Execute and commit statements that do not depend on each other."""
        list(self._side_by_side(lambda me, each: me._execute_one(each), statements))

    def _execute_here(self, statements: Iterable[SQL]):
        for statement in statements:
            self._execute_one(statement)

    def _execute_one(self, statement: SQL):
        self.env.cr.execute("SET LOCAL maintenance_work_mem = '256MB'")
        self.env.cr.execute(statement)

    def _tables(self) -> list[str]:
        """Return the names of the tables that the build fills."""
        return [*log_tables(self.env), "cqrs_stream"] + [
            table.name
            for projection in self.env["cqrs.projection"]._projections()
            for table in projection._cqrs_tables
        ]


def _split(ids: list[int]) -> tuple[list[int], list[int]]:
    """Return the ids of the first batch, and the others."""
    size = len(ids) if len(ids) <= BATCH_SIZE else FIRST_BATCH
    return ids[:size], ids[size:]


def _statistics(tables: Iterable[str]) -> list[SQL]:
    """Return the statements that gather the statistics of some tables."""
    # A locked table is being analyzed, or filled by a build that will analyze it.
    return [SQL("ANALYZE (SKIP_LOCKED) %s", SQL.identifier(name)) for name in tables]
