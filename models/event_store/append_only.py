"""The triggers with which the database refuses to change or remove an event."""

import logging

from odoo import models
from odoo.tools import SQL

from ..support.triggers import (
    DELETE,
    ROW,
    TRUNCATE,
    UPDATE,
    Trigger,
    not_holding,
)
from .archive import log_tables

_logger = logging.getLogger(__name__)

_REFUSAL = """
BEGIN
    RAISE EXCEPTION 'cqrs_event is append-only: % refused', TG_OP
        USING ERRCODE = 'restrict_violation',
              HINT = 'Record a new change; the log is never edited.';
END
"""

# Equal as images: jsonb has 1.0 = 1.00. Only the log's own table is ever left: of two
# tables that hold an event, two transactions could each delete one.
_REFUSAL_OF_DELETION = """
BEGIN
    IF TG_RELID = 'cqrs_event'::regclass AND EXISTS (
        SELECT FROM cqrs_event archived
        WHERE archived.position = OLD.position AND archived.tableoid <> TG_RELID
          AND archived *= OLD)
    THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'cqrs_event is append-only: DELETE refused'
        USING ERRCODE = 'restrict_violation',
              HINT = 'An event leaves cqrs_event only for an archive table.';
END
"""


def triggers(env) -> list[Trigger]:
    """Return the triggers of all tables that hold events."""
    return [trigger for table in log_tables(env) for trigger in _triggers_of(table)]


def _triggers_of(table: str) -> tuple[Trigger, ...]:
    return (
        Trigger(table, f"{table}_append_only", UPDATE + TRUNCATE, _REFUSAL),
        Trigger(table, f"{table}_deletion", ROW + DELETE, _REFUSAL_OF_DELETION),
    )


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    def _guard(self, table: str):
        """Make the triggers of a table that holds events."""
        [(schema,)] = self.env.execute_query(SQL("SELECT current_schema()"))
        every, deletion = (trigger.name for trigger in _triggers_of(table))
        self.env.cr.execute(
            SQL(
                """
                CREATE OR REPLACE FUNCTION cqrs_event_refuse_change() RETURNS trigger
                LANGUAGE plpgsql AS %(refusal)s;
                -- No temporary table passes for the log.
                CREATE OR REPLACE FUNCTION cqrs_event_refuse_deletion() RETURNS trigger
                LANGUAGE plpgsql SET search_path = %(schema)s, pg_temp
                AS %(refusal_of_deletion)s;
                DROP TRIGGER IF EXISTS %(every)s ON %(table)s;
                CREATE TRIGGER %(every)s BEFORE UPDATE OR TRUNCATE ON %(table)s
                    FOR EACH STATEMENT EXECUTE FUNCTION cqrs_event_refuse_change();
                DROP TRIGGER IF EXISTS %(deletion)s ON %(table)s;
                CREATE TRIGGER %(deletion)s BEFORE DELETE ON %(table)s
                    FOR EACH ROW EXECUTE FUNCTION cqrs_event_refuse_deletion()
                """,
                refusal=_REFUSAL,
                refusal_of_deletion=_REFUSAL_OF_DELETION,
                schema=SQL.identifier(schema),
                table=SQL.identifier(table),
                every=SQL.identifier(every),
                deletion=SQL.identifier(deletion),
            )
        )

    def init(self):
        result = super().init()
        # Any module's update runs this; to replace the trigger would block writers.
        for table in {trigger.table for trigger in _missing(self.env)}:
            self._guard(table)
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
    return [trigger.name for trigger in _missing(env)]


def _missing(env) -> list[Trigger]:
    return not_holding(env, triggers(env))
