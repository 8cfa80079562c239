"""The triggers with which the database refuses to change or remove an event."""

import logging

from odoo import models
from odoo.tools import SQL

from ..support.triggers import DELETE, TRUNCATE, UPDATE, Trigger, not_holding

_logger = logging.getLogger(__name__)

_REFUSAL = """
BEGIN
    RAISE EXCEPTION 'cqrs_event is append-only: % refused', TG_OP
        USING ERRCODE = 'restrict_violation',
              HINT = 'Record a new change; the log is never edited.';
END
"""

#: The triggers of the log
TRIGGERS = (
    Trigger(
        "cqrs_event", "cqrs_event_append_only", UPDATE + DELETE + TRUNCATE, _REFUSAL
    ),
)


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    _APPEND_ONLY = SQL(
        """
        CREATE OR REPLACE FUNCTION cqrs_event_refuse_change() RETURNS trigger
        LANGUAGE plpgsql AS %s;
        DROP TRIGGER IF EXISTS cqrs_event_append_only ON cqrs_event;
        CREATE TRIGGER cqrs_event_append_only
            BEFORE UPDATE OR DELETE OR TRUNCATE ON cqrs_event
            FOR EACH STATEMENT EXECUTE FUNCTION cqrs_event_refuse_change()
        """,
        _REFUSAL,
    )

    def init(self):
        result = super().init()
        # Any module's update runs this; to replace the trigger would block writers.
        if missing_triggers(self.env):
            self.env.cr.execute(self._APPEND_ONLY)
        return result

    def _register_hook(self):
        super()._register_hook()
        for name in missing_triggers(self.env):
            _logger.warning(
                "The event log can be edited: the trigger %(name)s of cqrs_event is"
                " missing, disabled or changed. Put it back with 'odoo-bin -d"
                " %(database)s -u crm_cqrs --stop-after-init', then look with 'odoo-bin"
                " cqrs verify -d %(database)s' for changes of the log.",
                {"name": name, "database": self.env.cr.dbname},
            )


def missing_triggers(env) -> list[str]:
    """Return the names of the append-only triggers that are missing or changed."""
    return [trigger.name for trigger in not_holding(env, TRIGGERS)]
