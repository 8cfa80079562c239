"""What has made a change: people, an import, a scheduled action.

It follows from the code that runs, never from a context key or a header, which are the
client's to choose.
"""

from contextlib import contextmanager
from contextvars import ContextVar

from odoo import api, models

ORM = "orm"
IMPORT = "import"
CRON = "cron"

_origin: ContextVar[str] = ContextVar("crm_cqrs.origin", default=ORM)


def current_origin() -> str:
    """Return the origin of what is changed now: ``orm``, ``import`` or ``cron``."""
    return _origin.get()


@contextmanager
def _originating(origin: str):
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


class Base(models.AbstractModel):
    _inherit = "base"

    @api.model
    def load(self, fields, data):
        with _originating(IMPORT):
            return super().load(fields, data)


class IrCron(models.Model):
    _inherit = "ir.cron"

    def _callback(self, cron_name, server_action_id):
        with _originating(CRON):
            return super()._callback(cron_name, server_action_id)
