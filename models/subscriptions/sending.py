"""Sending of what is due, once for each due time.

A transaction takes one subscription, reads the figures, and leaves the mail in Odoo's
queue together with the note that this time is dealt with. So a mail is queued once,
whatever is killed; and Odoo's queue sends it. What that could not send is made anew
some time later, with the rights and the figures of then.
"""

import json
import logging
from datetime import timedelta

from odoo import api, models
from odoo.tools import SQL

from ..support.transactions import committed, is_raised
from .question import Question

_logger = logging.getLogger(__name__)

#: Pauses after a failed try; after the last one the next week is waited for
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (15, 60, 240, 720))

# Whoever else sends passes over the one that is taken.
_TAKE = """
    SELECT id FROM cqrs_subscription
    WHERE stopped IS NULL AND next_at <= now() AT TIME ZONE 'UTC'
    ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
"""

_FAILED = """
    SELECT subscription.id FROM cqrs_subscription subscription
    JOIN mail_mail mail ON mail.id = subscription.mail_id
    WHERE mail.state = 'exception'
    ORDER BY subscription.id LIMIT 1 FOR UPDATE OF subscription SKIP LOCKED
"""


class CqrsSubscription(models.Model):
    _inherit = "cqrs.subscription"

    @api.model
    def _send_due(self):
        """Send what is due, and what Odoo could not send; called by the cron."""
        crons = self.env["ir.cron"]
        count = 0
        for step in (self._take_back, self._send_next):
            while committed(self.env, step):
                count += 1
                if not crons._commit_progress(1):
                    return
        if count:
            # Odoo's queue runs once an hour by itself.
            self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()
            self.env.ref("crm_cqrs.ir_cron_subscriptions").sudo()._trigger(
                at=self.env.cr.now() + PAUSES[0]
            )

    def _send_next(self) -> bool:
        """Deal with the one that is due first; return whether there was one."""
        self.flush_model()
        found = self.browse(id_ for (id_,) in self.env.execute_query(SQL(_TAKE)))
        if found:
            found.invalidate_recordset()
            found._send()
        return bool(found)

    def _take_back(self) -> bool:
        """Have a mail that was not sent be made anew; return whether there was one."""
        self.env["mail.mail"].flush_model(["state"])
        self.flush_model()
        found = self.browse(id_ for (id_,) in self.env.execute_query(SQL(_FAILED)))
        if found:
            found.invalidate_recordset()
            mail = found.mail_id
            found.mailed_at = found.mailed_before_at
            found._fail(mail.failure_reason or mail.failure_type or "")
            mail.unlink()
        return bool(found)

    def _forget_mails(self, values: list[str]):
        """Have the mails that wait be made anew, of what there is by then.

        :param values: in small letters; views that are searched for one are given up
        """
        self.flush_model(["address"])
        searched = self.env.execute_query(
            SQL(
                "SELECT id FROM cqrs_subscription WHERE jsonb_exists(address, 'search')"
            )
        )
        named = self.browse(id_ for (id_,) in searched).filtered(
            lambda each: any(value in _words(each.address) for value in values)
        )
        named._stop("owner")
        named.unlink()
        waiting = self.search([("mail_id.state", "=", "outgoing")])
        for each in waiting:
            mail = each.mail_id
            each.write(
                {"mailed_at": each.mailed_before_at, "retry_at": self.env.cr.now()}
            )
            mail.unlink()
        waiting._wake()

    def _send(self):
        if not self.retry_at:
            self.tries = 0
        try:
            with self.env.cr.savepoint():
                outcome, mail = self._made_mail()
        except Exception as error:
            if is_raised(error):
                raise
            _logger.exception("Subscription %s could not be mailed", self.id)
            self.invalidate_recordset()
            self._fail(str(error) or type(error).__name__)
            return
        now = self.env.cr.now()
        values = {
            "outcome": outcome,
            "error": False,
            "retry_at": False,
            "handled_at": now,
            "mail_id": mail.id,
        }
        if mail:
            values |= {"mailed_at": now, "mailed_before_at": self.mailed_at}
        self.write(values)
        self._wake()

    def _fail(self, error: str):
        """Note a failed try, and when the next one is."""
        now = self.env.cr.now()
        values = {"outcome": "failed", "error": error[:500], "tries": self.tries + 1}
        if self.tries < len(PAUSES):
            values["retry_at"] = now + PAUSES[self.tries]
        else:
            values |= {"retry_at": False, "handled_at": now}
        self.write(values)
        self._wake()


def _words(address: dict) -> str:
    """Return what an address searches for, in small letters."""
    return json.dumps(Question.of(address).facets, ensure_ascii=False).lower()
