"""What a replay has replaced, kept until the next verification that finds nothing."""

from odoo import models
from odoo.tools import SQL


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    _REPLACED = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_replaced (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            replaced_at timestamptz NOT NULL DEFAULT now(),
            table_name text NOT NULL,
            row jsonb NOT NULL
        )
        """
    )

    def init(self):
        result = super().init()
        self.env.cr.execute(self._REPLACED)
        return result


def forget_replaced(env):
    """Forget what replays have replaced; what is there now has been verified."""
    env.cr.execute("DELETE FROM cqrs_replaced")
