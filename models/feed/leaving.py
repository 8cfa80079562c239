"""The events with which a record may leave somebody's view, and their index.

A feed reads them whatever it is asked for, so that a page costs the page, too, where a
filter leaves little of the log.
"""

from odoo import models
from odoo.tools import SQL

from ..support.indexes import create_missing
from .kinds import CONTACTS, DECIDING_FIELDS

#: The condition on ``event``; PostgreSQL takes the index for it only if both are equal
MAY_LEAVE = SQL(
    """
    event.before IS NOT NULL
    AND (event.after IS NULL OR event.stream_model = %s
         OR jsonb_exists_any(event.after, %s::text[]))
    """,
    CONTACTS,
    list(DECIDING_FIELDS),
)


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    def init(self):
        result = super().init()
        # An index names no alias.
        condition = SQL(MAY_LEAVE.code.replace("event.", ""), *MAY_LEAVE.params)
        create_missing(
            self.env.cr,
            SQL(
                """
                CREATE INDEX IF NOT EXISTS cqrs_event_leaving
                    ON cqrs_event (epoch, txid, position) WHERE %s
                """,
                condition,
            ),
        )
        self._index_archives()
        return result
