from odoo import api, models

from ..event_store.part import READER
from ..support.json_field import PortableJson
from .changes import describe_changes


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    changes = PortableJson(compute="_compute_changes")

    @api.depends("before", "after")
    @api.depends_context("lang", *READER)
    def _compute_changes(self):
        # With sudo: readers of the log need not be able to read the records. What their
        # groups hide from them is not among the values (``hidden.py``).
        changes = describe_changes(self.sudo().env, self)
        for event, changed in zip(self, changes, strict=True):
            event.changes = changed
