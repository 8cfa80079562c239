from odoo import api, models
from odoo.tools import SQL


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    # Transaction ids start over in a younger cluster, so restored events have ids of
    # the future: readers would not get them before the ids have caught up, and then
    # after newer events.
    _BEGIN_EPOCH = SQL(
        """
        INSERT INTO cqrs_epoch (epoch)
        SELECT current + 1 FROM (SELECT max(epoch) AS current FROM cqrs_epoch) latest
        WHERE EXISTS (
            SELECT FROM cqrs_event event
            WHERE event.epoch = current
              AND event.txid > pg_current_xact_id())
        ON CONFLICT DO NOTHING
        RETURNING epoch
        """
    )

    @api.model
    def _begin_epoch_if_restored(self):
        """Begin a new epoch if events carry transaction ids of the future.

        A copy of the database within its cluster needs none: the ids go on.
        """
        for (epoch,) in self.env.execute_query(self._BEGIN_EPOCH):
            self._number_events_by(epoch)

    def _number_events_by(self, epoch: int):
        """Give all events from now on an epoch.

        The lock that this takes waits for transactions that still write events of the
        former epoch, and later writers wait for it.
        """
        self.env.cr.execute(
            SQL("ALTER TABLE cqrs_event ALTER epoch SET DEFAULT %s", epoch)
        )

    def _register_hook(self):
        super()._register_hook()
        self._begin_epoch_if_restored()
