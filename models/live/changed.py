from functools import partial

from odoo import api, models

from .announcer import announcer

_ANNOUNCED = "crm_cqrs.announced"


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    @api.model
    def _record(self, ids, **metadata) -> int:
        count = super()._record(ids, **metadata)
        if not count or not self.env.registry.ready:
            # While the registry is loading, its process serves no dashboard.
            return count
        postcommit = self.env.cr.postcommit
        # A rolled-back savepoint leaves the callback, which costs browsers a request;
        # a rolled-back transaction removes it.
        if _ANNOUNCED not in postcommit.data:
            postcommit.data[_ANNOUNCED] = True
            postcommit.add(partial(announcer.announce, self.env.cr.dbname))
        return count
