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

# Personal values may be erased (``erasure.py``): the part ``personal``, and of an event
# of format 1 the fields that the transaction names. Everything else stays, equal as an
# image: jsonb has 1.0 = 1.00.
_REFUSAL_OF_UPDATE = """
DECLARE
    erased record := OLD;
    fields text[] := NULLIF(current_setting('crm_cqrs.erasing', true), '');
BEGIN
    erased.personal := NULL;
    IF OLD.hash_format = 1 AND fields IS NOT NULL THEN
        erased.before := OLD.before - fields;
        erased.after := OLD.after - fields;
    END IF;
    IF NEW *= erased AND NOT NEW *= OLD THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'cqrs_event is append-only: UPDATE refused'
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
        Trigger(table, f"{table}_append_only", TRUNCATE, _REFUSAL),
        Trigger(table, f"{table}_erasure", ROW + UPDATE, _REFUSAL_OF_UPDATE),
        Trigger(table, f"{table}_deletion", ROW + DELETE, _REFUSAL_OF_DELETION),
    )


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    def _guard(self, table: str):
        """Make the triggers of a table that holds events."""
        [(schema,)] = self.env.execute_query(SQL("SELECT current_schema()"))
        every, erasure, deletion = (trigger.name for trigger in _triggers_of(table))
        self.env.cr.execute(
            SQL(
                """
                CREATE OR REPLACE FUNCTION cqrs_event_refuse_change() RETURNS trigger
                LANGUAGE plpgsql AS %(refusal)s;
                CREATE OR REPLACE FUNCTION cqrs_event_refuse_update() RETURNS trigger
                LANGUAGE plpgsql AS %(refusal_of_update)s;
                -- No temporary table passes for the log.
                CREATE OR REPLACE FUNCTION cqrs_event_refuse_deletion() RETURNS trigger
                LANGUAGE plpgsql SET search_path = %(schema)s, pg_temp
                AS %(refusal_of_deletion)s;
                DROP TRIGGER IF EXISTS %(every)s ON %(table)s;
                CREATE TRIGGER %(every)s BEFORE TRUNCATE ON %(table)s
                    FOR EACH STATEMENT EXECUTE FUNCTION cqrs_event_refuse_change();
                DROP TRIGGER IF EXISTS %(erasure)s ON %(table)s;
                CREATE TRIGGER %(erasure)s BEFORE UPDATE ON %(table)s
                    FOR EACH ROW EXECUTE FUNCTION cqrs_event_refuse_update();
                DROP TRIGGER IF EXISTS %(deletion)s ON %(table)s;
                CREATE TRIGGER %(deletion)s BEFORE DELETE ON %(table)s
                    FOR EACH ROW EXECUTE FUNCTION cqrs_event_refuse_deletion()
                """,
                refusal=_REFUSAL,
                refusal_of_update=_REFUSAL_OF_UPDATE,
                refusal_of_deletion=_REFUSAL_OF_DELETION,
                schema=SQL.identifier(schema),
                table=SQL.identifier(table),
                every=SQL.identifier(every),
                erasure=SQL.identifier(erasure),
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
