"""The assistant that archives old events, for administrators."""

from datetime import timezone

from odoo import api, fields, models
from odoo.tools import SQL

from .archive import extent


class CqrsArchiveAssistant(models.TransientModel):
    """Says how many events would move, and requests the run that moves them."""

    _name = "cqrs.archive.assistant"
    _description = "Archive Old Events"

    before = fields.Datetime(
        "Events Before",
        required=True,
        default=lambda self: fields.Datetime.subtract(fields.Datetime.now(), years=1),
    )
    tablespace = fields.Selection(
        "_tablespaces",
        help="Where new archive tables lie. By default where the last one does.",
    )
    events = fields.Integer(
        "Events to Move",
        compute="_compute_events",
        help="Only events that a seal covers are moved.",
    )

    @api.model
    def _tablespaces(self) -> list[tuple[str, str]]:
        rows = self.env.execute_query(
            SQL(
                "SELECT spcname, spcname FROM pg_tablespace"
                " WHERE spcname <> 'pg_global' ORDER BY spcname"
            )
        )
        return [tuple(row) for row in rows]

    @api.depends("before")
    def _compute_events(self):
        for assistant in self:
            before = assistant.before and assistant.before.replace(tzinfo=timezone.utc)
            assistant.events = before and extent(self.env, before)[1]

    def action_archive_events(self):
        """Request the run; return the action that shows it."""
        return self.env["cqrs.run"].action_archive_events(
            fields.Datetime.to_string(self.before), self.tablespace
        )
