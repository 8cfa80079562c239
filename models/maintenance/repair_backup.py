"""The backup of repaired rows, kept until all has been verified without findings."""

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


def delete_backup(env, until: str = "infinity"):
    """Delete the rows that replays have replaced, once the new ones are verified.

    :param until: ISO time since which everything has been verified
    """
    env.cr.execute("DELETE FROM cqrs_replaced WHERE replaced_at <= %s", [until])
