"""The first build: the first event of everything that exists."""

import logging
from collections.abc import Callable

from odoo import api, models
from odoo.tools import SQL, split_every

_logger = logging.getLogger(__name__)

#: Records of one statement: enough to be set-based, few enough to report and resume
BATCH_SIZE = 50_000


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    @api.model
    def _build(self, *, after_batch: Callable[[], None] = lambda: None) -> int:
        """Record all records of all captured models, and project them.

        What is recorded already makes no event, so it can be run at any time, and
        goes on where a former run was stopped.

        :param after_batch: called after each batch; ``cr.commit`` makes it resumable
        :return: the number of events
        """
        # A batch is kept in memory, and no statement is worth compiling.
        self.env.cr.execute("SET LOCAL work_mem = '256MB'; SET LOCAL jit = off")
        events = 0
        for model in self._captured():
            events += self._build_model(model, after_batch)
        return events

    def _build_model(self, model: str, after_batch: Callable[[], None]) -> int:
        # Noted first: what is written while the build runs is looked at again.
        looks = self.env["cqrs.reconciliation"]
        looks._note_look(model, self._deleted_rows(model))
        table = SQL.identifier(self.env[model]._table)
        rows = self.env.execute_query(SQL("SELECT id FROM %s ORDER BY id", table))
        events = done = 0
        for ids in split_every(BATCH_SIZE, [id_ for (id_,) in rows], list):
            events += self._record({model: ids}, origin="migration")
            if not done or done + len(ids) == len(rows):
                self._analyze()
            done += len(ids)
            _logger.info("Recorded %s: %s of %s", model, done, len(rows))
            after_batch()
        return events

    def _analyze(self):
        """Tell the planner of the rows, before it takes full tables for empty ones."""
        tables = ["cqrs_event", "cqrs_stream"]
        for projection in self.env["cqrs.projection"]._projections():
            tables += [table.name for table in projection._cqrs_tables]
        for table in tables:
            self.env.cr.execute(SQL("ANALYZE %s", SQL.identifier(table)))
