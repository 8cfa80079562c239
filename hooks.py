"""Install and clean removal."""

from odoo.tools import SQL


def post_init_hook(env):
    """Record the first event of everything that exists."""
    env["cqrs.event"]._build()


def uninstall_hook(env):
    """Drop what Odoo does not know of; it drops the models' own tables itself."""
    env.cr.execute(
        SQL(
            """
            DROP TABLE IF EXISTS cqrs_epoch, cqrs_employee, cqrs_hierarchy;
            DROP FUNCTION IF EXISTS cqrs_event_refuse_change() CASCADE;
            DROP AGGREGATE IF EXISTS cqrs_jsonb_merge(jsonb)
            """
        )
    )
