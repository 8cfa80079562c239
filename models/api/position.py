"""Positions in the log: of an answer, of a request's own events, and waiting for one.

Positions are not in the order of commits: a snapshot may have an event and not one with
a lower position. So the highest position tells the time of an answer only roughly, and
only the presence of an event proves that the other writes of its transaction are
visible.
"""

import time

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..event_store.metadata import request_environ

#: The highest position that a read saw, or that of a write's own last event
HEADER = "X-Event-Position"

#: Seconds that a request waits for an event at most, and between two looks
WAIT_SECONDS = 2.0
POLL_SECONDS = 0.05

_RECORDED = "crm_cqrs.recorded"


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    @api.model
    def _record(self, ids, **metadata) -> int:
        count = super()._record(ids, **metadata)
        if count and (environ := request_environ()) is not None:
            environ[_RECORDED] = True
        return count

    @api.model
    def _latest_position(self) -> int | None:
        """Return the highest position that this transaction sees."""
        return AnswerContext.of(self.env).position

    @api.model
    def _recorded_position(self) -> int | None:
        """Return the position of the last event that this request has recorded."""
        if not (request_environ() or {}).get(_RECORDED):
            return None
        # Read again, not remembered: a savepoint may have undone the events.
        query = SQL(
            """
            SELECT position FROM cqrs_event
            WHERE epoch = (SELECT max(epoch) FROM cqrs_epoch)
              AND txid = pg_current_xact_id_if_assigned()
            ORDER BY position DESC LIMIT 1
            """
        )
        rows = self.env.execute_query(query)
        return rows[0][0] if rows else None

    @api.model
    def _await_position(self, position: int) -> bool:
        """Wait until the event of a position is visible; return whether it is.

        A replica may lag: there each look has a new transaction, so nothing may be
        pending in this one. On a primary an event that is not visible at once is not
        committed, and no client can know its position yet.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        query = SQL(
            "SELECT EXISTS (SELECT FROM cqrs_event WHERE position = %s),"
            " pg_is_in_recovery()",
            position,
        )
        while True:
            self.env.cr.execute(query)
            is_seen, may_come = self.env.cr.fetchone()
            if is_seen or not may_come or time.monotonic() > deadline:
                return is_seen
            self.env.cr.commit()  # pylint: disable=invalid-commit
            time.sleep(POLL_SECONDS)
