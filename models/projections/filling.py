"""Filling the tables of followed projections, of a log that there is already."""

import logging

from odoo import models
from odoo.tools import SQL

from ..support.indexes import drop_indexes
from .failures import IS_BROKEN
from .following import NOW_SEEN
from .set_based import set_based

_logger = logging.getLogger(__name__)

#: Streams that one transaction of the first filling applies
FILL_BATCH_SIZE = 50_000
#: Streams up to which an update fills the tables itself, not the cron
FILL_AT_ONCE_UPTO = 20_000


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    def _fill_at_once(self) -> bool:
        """Fill the table in this transaction, if nothing has been followed yet."""
        if not self._take_checkpoint(waits=True):
            return False
        [(epoch, filled_upto)] = self.env.execute_query(
            SQL("SELECT epoch, filled_upto FROM %s", SQL.identifier(self._checkpoint))
        )
        if epoch or filled_upto is not None:
            return False
        left_out = self._left_out().get(self._followed_model, [])

        def holds(id_: SQL) -> SQL:
            return SQL("%s <> ALL(%s)", id_, left_out)

        with set_based(self.env.cr):
            self._insert(self._rows_that_hold(holds, SQL("cqrs_event")))
        self._remember_left_out()
        self._set_checkpoint(NOW_SEEN)
        return True

    def _is_filled_at_once(self) -> bool:
        """Return whether there are few streams, for an update to fill the tables."""
        [(streams,)] = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM (SELECT FROM cqrs_stream WHERE stream_model = %s"
                " LIMIT %s) stream",
                self._followed_model,
                FILL_AT_ONCE_UPTO + 1,
            )
        )
        return streams <= FILL_AT_ONCE_UPTO

    def _fill_next(self) -> bool:
        """Fill the table with the next streams; return whether there may be more.

        Until the table is filled, whoever asks for it is told so (``NotFilled``).
        """
        if not self._take_checkpoint(waits=False):
            return False
        [(upto,)] = self.env.execute_query(
            SQL("SELECT filled_upto FROM %s", SQL.identifier(self._checkpoint))
        )
        if upto is None:
            return False
        [table] = self._cqrs_tables
        if not upto:
            # What is written from here on is followed once the table is filled.
            drop_indexes(self.env.cr, [table.name])
            self._set_checkpoint(NOW_SEEN)
        ids = self.env.execute_query(
            SQL(
                "SELECT stream_id FROM cqrs_stream WHERE stream_model = %s"
                " AND stream_id > %s ORDER BY stream_id LIMIT %s",
                self._followed_model,
                upto,
                FILL_BATCH_SIZE,
            )
        )
        if not ids:
            return self._end_filling()
        last = ids[-1][0]
        left_out = self._left_out().get(self._followed_model, [])

        def holds(id_: SQL) -> SQL:
            return SQL(
                "%(id)s > %(upto)s AND %(id)s <= %(last)s AND %(id)s <> ALL(%(out)s)",
                id=id_,
                upto=upto,
                last=last,
                out=left_out,
            )

        with set_based(self.env.cr):
            self._insert(self._rows_that_hold(holds, SQL("cqrs_event")))
        self._set_checkpoint(SQL("filled_upto = %s", last))
        self._tell_filling(f"being filled, up to id {last}")
        return True

    def _end_filling(self) -> bool:
        self.env.cr.execute("SET LOCAL maintenance_work_mem = '256MB'")
        # The indexes that are missing
        self._create_tables()
        [table] = self._cqrs_tables
        self.env.cr.execute(SQL("ANALYZE %s", SQL.identifier(table.name)))
        self._set_checkpoint(SQL("filled_upto = NULL"))
        self._note_rebuilt(self._left_out())
        return False

    def _tell_filling(self, text: str):
        _logger.info("%s is %s", self._name, text)
        self.env.cr.execute(
            SQL(
                "UPDATE cqrs_projection_failure failure SET error = %s"
                " WHERE projection = %s AND %s",
                text,
                self._name,
                SQL(IS_BROKEN),
            )
        )
