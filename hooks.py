"""Install and clean removal."""

import logging

from odoo.exceptions import UserError
from odoo.tools import SQL

from .models.event_store.capture import CAPTURED, PENDING

ADDON = "crm_cqrs"

_logger = logging.getLogger(__name__)


def pre_init_hook(env):
    """Refuse another name of the folder, which Odoo takes for that of the addon."""
    name = __name__.split(".")[2]
    if name != ADDON:
        raise UserError(
            env._(
                "The folder of this addon must be named %(expected)s, and it is named"
                " %(name)s: its views, rules and API go by that name. Rename the"
                " folder, update the list of apps, and install %(expected)s.",
                expected=ADDON,
                name=name,
            )
        )


def post_init_hook(env):
    """Record the first event of everything that exists."""
    env["cqrs.event"]._build_at_once(_log)
    _signal(env)


def _signal(env):
    """Have other processes load their registries anew, as soon as this is committed.

    Odoo tells them a little later, or never, if it is killed in between. Until then
    they would work with what is in the database, and without what it takes.
    """
    env.cr.execute("INSERT INTO orm_signaling_registry DEFAULT VALUES")
    # Not this one.
    env.registry.registry_sequence += 1


def _log(done: float, step: str):
    _logger.info("First build, %.0f%%: %s", 100 * done, step)


def uninstall_hook(env):
    """Drop what Odoo does not know of; it drops the models' own tables itself."""
    # What Odoo deletes from here on would be recorded, in tables that are gone. It
    # throws this registry away when it is done.
    env.cr.precommit.data.pop(PENDING, None)
    env.cr.precommit.data.pop(CAPTURED, None)
    env.registry["cqrs.event"]._watches = lambda self: {}
    env.cr.execute(
        SQL(
            """
            DROP TABLE IF EXISTS cqrs_epoch, cqrs_employee, cqrs_access_version,
                cqrs_people, cqrs_currencies, cqrs_conflict_reliance,
                cqrs_conflict_key, cqrs_projection_failure, cqrs_projection_rebuild,
                cqrs_replaced, cqrs_metrics, cqrs_metrics_tail, cqrs_metrics_folds,
                cqrs_metrics_repairs, cqrs_api_quota;
            DROP TYPE IF EXISTS cqrs_metrics_lead;
            DROP FUNCTION IF EXISTS cqrs_conflict_over(text, boolean),
                cqrs_event_refuse_change(), cqrs_leave_currency_token() CASCADE;
            DROP AGGREGATE IF EXISTS cqrs_jsonb_merge(jsonb)
            """
        )
    )
    env["ir.config_parameter"].search([("key", "=like", f"{ADDON}.%")]).unlink()
    # Modules that extend what our models inherit have names for that, too.
    inherits = env["ir.model.inherit"].search([("model_id.model", "=like", "cqrs.%")])
    env["ir.model.data"].search(
        [
            ("model", "=", "ir.model.inherit"),
            ("res_id", "in", inherits.ids),
            ("module", "!=", ADDON),
        ]
    ).unlink()
    _signal(env)
