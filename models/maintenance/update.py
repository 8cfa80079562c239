"""An update rebuilds the read models whose tables it has made anew."""

import logging

from odoo import models
from odoo.tools import SQL

from ..projections.failures import broken
from ..support.transactions import is_raised
from .replay import replay

_logger = logging.getLogger(__name__)


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    def init(self):
        result = super().init()
        # Once the tables of every model are there.
        self.pool.post_init(self._rebuild_if_broken)
        return result

    def _rebuild_if_broken(self):
        if self._name not in broken(self.env):
            return
        if self._cqrs_is_followed and not self._is_filled_at_once():
            return self._wake_follower()
        try:
            with self.env.cr.savepoint(flush=False):
                replay(self.env, [self._name])
                # Until autovacuum comes, plans would be those of an empty table.
                for table in self._cqrs_tables:
                    self.env.cr.execute(SQL("ANALYZE %s", SQL.identifier(table.name)))
        except Exception as error:
            if is_raised(error):
                raise
            _logger.exception("%s is broken and cannot be rebuilt", self._name)
