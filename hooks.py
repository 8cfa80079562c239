"""Installation, and removal without a trace."""

import logging

from odoo.exceptions import UserError
from odoo.tools import SQL

from .models.event_store.capture import CAPTURED, PENDING

ADDON = "crm_cqrs"

_logger = logging.getLogger(__name__)


def pre_init_hook(env):
    """Refuse a folder of another name, which Odoo would take for the addon's name."""
    name = __name__.split(".")[2]
    if name != ADDON:
        raise UserError(
            env._(
                "The folder of this module must be named %(expected)s, but it is "
                "named %(name)s. Rename the folder, update the apps list, and "
                "install %(expected)s.",
                expected=ADDON,
                name=name,
            )
        )


def post_init_hook(env):
    """Record the first event of every existing record, and verify them."""
    env["cqrs.source"]._sync(is_built=True)
    events = env["cqrs.event"]._build_at_once(_log)
    env["cqrs.run"]._verify_installation(events)
    _signal(env)


def _signal(env):
    """Let other processes reload their registries as soon as this is committed.

    Odoo signals it a little later, or never if it is killed in between. Until then they
    would use the new database with the old code.
    """
    env.cr.execute("INSERT INTO orm_signaling_registry DEFAULT VALUES")
    # This process need not reload its own.
    env.registry.registry_sequence += 1


def _log(done: float, step: str):
    _logger.info("First build, %.0f%%: %s", 100 * done, step)


def uninstall_hook(env):
    """Drop the tables, types and functions that Odoo does not know of."""
    # Odoo's own deletions would be recorded from here on, in tables that are gone. It
    # discards this registry when it is done.
    env.cr.precommit.data.pop(PENDING, None)
    env.cr.precommit.data.pop(CAPTURED, None)
    env.registry["cqrs.event"]._sources = lambda self: {}
    env.registry["cqrs.event"]._watches = lambda self: {}
    _drop(env)
    env["ir.config_parameter"].search([("key", "=like", f"{ADDON}.%")]).unlink()
    # Modules that extend our models' parents have XML ids for that, too, and for the
    # selections of the fields that they add.
    inherits = env["ir.model.inherit"].search([("model_id.model", "=like", "cqrs.%")])
    selections = env["ir.model.fields.selection"].search(
        [("field_id.model", "=like", "cqrs.%")]
    )
    for records in (inherits, selections):
        env["ir.model.data"].search(
            [
                ("model", "=", records._name),
                ("res_id", "in", records.ids),
                ("module", "!=", ADDON),
            ]
        ).unlink()
    _signal(env)


# Tables without a model, types without a table, aggregates and functions (with the
# triggers that call them).
_OURS = """
    SELECT format('DROP TABLE %%I CASCADE', relname) FROM pg_class
    WHERE relkind = 'r' AND relname LIKE 'cqrs\\_%%' AND relname <> ALL(%s)
      AND relnamespace = current_schema::regnamespace
    UNION ALL
    SELECT format('DROP TYPE %%I CASCADE', relname) FROM pg_class
    WHERE relkind = 'c' AND relname LIKE 'cqrs\\_%%'
      AND relnamespace = current_schema::regnamespace
    UNION ALL
    SELECT format('DROP ROUTINE %%s CASCADE', oid::regprocedure) FROM pg_proc
    WHERE proname LIKE 'cqrs\\_%%' AND pronamespace = current_schema::regnamespace
"""


def _drop(env):
    for projection in env["cqrs.projection"]._projections():
        for table in projection._declared_tables():
            env.cr.execute(
                SQL("DROP TABLE IF EXISTS %s CASCADE", SQL.identifier(table))
            )
    models = [model._table for model in env.values() if not model._abstract]
    relations = [key[0] for key in env.registry.many2many_relations]
    env.cr.execute(_OURS, [models + relations])
    for (statement,) in env.cr.fetchall():
        env.cr.execute(SQL(statement))
