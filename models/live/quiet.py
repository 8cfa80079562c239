"""Scheduled actions of a quiet database: they sleep until something is recorded.

Each few minutes Odoo's scheduler would load the registry of every database, also of
those in which nobody works, and keep it: of two hundred more than it has room for. An
action that has nothing to do is therefore put off, until Odoo itself has something to
do in the database, and for an hour at most.
"""

import time

from odoo import models
from odoo.tools import SQL, str2bool

from .announcer import FOLLOWERS

#: Minutes without an event after which a database is quiet
QUIET_AFTER_MINUTES = 30
#: Minutes for which an action sleeps at most
ASLEEP_MINUTES = 60
#: Minutes after a commit that wakes them until another one does
WAKE_EVERY_MINUTES = 15

#: Parameter; if it is true, no action sleeps
NEVER_ASLEEP = "crm_cqrs.jobs_never_sleep"

#: Those that have nothing to do where nothing is recorded
SLEEPING = (
    "ir_cron_reconcile",
    "ir_cron_run",
    "ir_cron_excel",
    "ir_cron_fold_metrics",
    "ir_cron_follow_log",
    "ir_cron_past_levels",
    "ir_cron_refresh_metrics",
    "ir_cron_seal",
    "ir_cron_webhooks",
)

_OURS = """
    SELECT res_id FROM ir_model_data
    WHERE module = 'crm_cqrs' AND model = 'ir.cron' AND name = ANY(%(sleeping)s)
"""

# Endpoints are told of what other processes have left, too. What has failed is tried
# again, and a view that is lent begins and ends without an event.
_PUT_OFF = f"""
    UPDATE ir_cron SET nextcall = LEAST(
        (SELECT min(other.nextcall) FROM ir_cron other
         WHERE other.active AND other.id NOT IN ({_OURS})
           AND other.nextcall > ir_cron.nextcall),
        date_trunc('second', now() AT TIME ZONE 'UTC')
        + %(asleep)s * interval '1 minute')
    WHERE id = %(id)s AND id IN ({_OURS})
      AND nextcall < now() AT TIME ZONE 'UTC' + %(asleep)s * interval '1 minute'
      AND failure_count = 0
      AND NOT EXISTS (SELECT FROM cqrs_webhook WHERE is_paused IS NOT TRUE)
      AND NOT EXISTS (SELECT FROM cqrs_delegation WHERE date_to >= current_date - 2)
      AND (SELECT max(occurred_at) FROM (
              SELECT occurred_at FROM ONLY cqrs_event ORDER BY position DESC LIMIT 1
           ) latest) < now() - %(quiet_after)s * interval '1 minute'
"""

# Also when others would wake them again: the events of a transaction that was long are
# old as it commits, so that the actions, woken by one such, may sleep before the next.
_WAKE = f"""
    INSERT INTO ir_cron_trigger (cron_id, call_at)
    SELECT id, now() AT TIME ZONE 'UTC' + minutes * interval '1 minute'
    FROM ir_cron, unnest(ARRAY[0, %(again)s]) minutes
    WHERE id IN ({_OURS}) AND active
"""


class IrCron(models.Model):
    _inherit = "ir.cron"

    def _reschedule_later(self, job):
        result = super()._reschedule_later(job)
        is_never = self.env["ir.config_parameter"].sudo().get_param(NEVER_ASLEEP)
        if not str2bool(is_never or "", default=False):
            self.env.cr.execute(
                SQL(
                    _PUT_OFF,
                    id=job["id"],
                    sleeping=list(SLEEPING),
                    asleep=ASLEEP_MINUTES,
                    quiet_after=QUIET_AFTER_MINUTES,
                )
            )
        return result


class Waker:
    """Wakes the actions of a database after a commit, not at each one.

    They are triggered, not changed: who runs one holds its row, and does not see yet
    what was committed meanwhile.
    """

    def __init__(self):
        self._awake_until: dict[str, float] = {}

    def wake(self, cr):
        """Have the actions run now, if they may sleep.

        :param cr: of the database, committed by the caller
        """
        now = time.monotonic()
        if now < self._awake_until.get(cr.dbname, float("-inf")):
            return
        cr.execute(SQL(_WAKE, sleeping=list(SLEEPING), again=WAKE_EVERY_MINUTES))
        self._awake_until[cr.dbname] = now + 60 * WAKE_EVERY_MINUTES


FOLLOWERS.append(Waker().wake)
