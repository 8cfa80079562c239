"""Install and clean removal."""

import logging

from odoo.tools import SQL

_logger = logging.getLogger(__name__)


def post_init_hook(env):
    """Record the first event of everything that exists.

    In transactions of its own: an installation that is killed and asked for again
    goes on where it was.
    """
    # What is pending now would be lost where a batch is rolled back and run again.
    env.cr.commit()  # pylint: disable=invalid-commit
    env["cqrs.event"]._build(_log)


def _log(done: float, step: str):
    _logger.info("First build, %.0f%%: %s", 100 * done, step)


def uninstall_hook(env):
    """Drop what Odoo does not know of; it drops the models' own tables itself."""
    env.cr.execute(
        SQL(
            """
            DROP TABLE IF EXISTS cqrs_epoch, cqrs_employee, cqrs_access_version,
                cqrs_people, cqrs_currencies, cqrs_conflict_reliance,
                cqrs_conflict_key, cqrs_projection_failure, cqrs_projection_rebuild,
                cqrs_replaced, cqrs_metrics, cqrs_metrics_tail, cqrs_metrics_folds, cqrs_metrics_repairs, cqrs_api_quota;
            DROP TYPE IF EXISTS cqrs_metrics_lead;
            DROP FUNCTION IF EXISTS cqrs_conflict_over(text, boolean),
                cqrs_event_refuse_change(), cqrs_leave_currency_token() CASCADE;
            DROP AGGREGATE IF EXISTS cqrs_jsonb_merge(jsonb)
            """
        )
    )
