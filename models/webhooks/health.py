"""The health of the endpoints: what was delivered, what fails, how far each is."""

from odoo import api, fields, models
from odoo.tools import SQL

from ..event_store.part import READER, in_part
from ..event_store.reader import Checkpoint
from ..feed.feed import FeedCheckpoint
from ..feed.leaving import MAY_LEAVE
from ..support.indexes import create_missing
from .event_types import MODELS
from .log import FAILED

#: Rows of an endpoint that are counted at most, of each kind
COUNT_UP_TO = 10_000

# Each part reads one index from an end, at most COUNT_UP_TO rows of it.
_HEALTH = """
    SELECT place.id, delivered.count AS delivered, waiting.count AS waiting,
           waiting.failing, dead.count AS dead,
           waiting.count + COALESCE(unread.count, 0) AS lag_events,
           GREATEST(0, extract(epoch FROM now() - LEAST(
               waiting.since, unread.since)))::integer AS lag_seconds,
           failed.at AT TIME ZONE 'UTC' AS last_error_at,
           COALESCE(NULLIF(failed.error, ''), 'HTTP ' || failed.status) AS last_error
    FROM unnest(%(ids)s::integer[]) place (id)
    CROSS JOIN LATERAL (
        SELECT count(*) FROM (
            SELECT FROM cqrs_webhook_message message
            WHERE webhook_id = place.id AND created_at > now() - interval '1 day'
              AND state = 'delivered' AND %(known)s LIMIT %(most)s) row) delivered
    CROSS JOIN LATERAL (
        SELECT count(*), count(*) FILTER (WHERE attempts > 0) AS failing,
               min(created_at) AS since
        FROM (SELECT attempts, created_at FROM cqrs_webhook_message message
              WHERE webhook_id = place.id AND state = 'waiting' AND %(known)s
              LIMIT %(most)s) row
    ) waiting
    CROSS JOIN LATERAL (
        SELECT count(*) FROM (
            SELECT FROM cqrs_webhook_message message
            WHERE webhook_id = place.id AND state = 'dead' AND %(known)s LIMIT %(most)s
        ) row) dead
    LEFT JOIN (%(unread)s) unread ON unread.id = place.id
    LEFT JOIN LATERAL (
        SELECT at, error, status FROM cqrs_webhook_attempt attempt
        WHERE webhook_id = place.id AND %(failed)s ORDER BY at DESC LIMIT 1
    ) failed ON true
"""

# Of those that are read, the ones of which the endpoint's companies may know.
_UNREAD = """
    SELECT %(id)s AS id, count(*), min(occurred_at) AS since
    FROM %(log)s event WHERE %(is_seen)s
"""

_LATER = """
    (SELECT * FROM cqrs_event event
     WHERE (event.epoch, event.txid) >= (%(epoch)s, %(txid)s::xid8)
       AND stream_model = ANY(%(models)s) AND origin <> 'migration' AND %(asked)s
     ORDER BY event.epoch, event.txid, event.position LIMIT %(most)s)
"""


class CqrsWebhook(models.Model):
    _inherit = "cqrs.webhook"

    delivered_count = fields.Integer(
        "Delivered", compute="_compute_health", help="In the last day."
    )
    waiting_count = fields.Integer("Waiting", compute="_compute_health")
    failing_count = fields.Integer(
        "Failing",
        compute="_compute_health",
        help="Waiting messages of which an attempt has failed.",
    )
    dead_count = fields.Integer(
        "Dead",
        compute="_compute_health",
        help="Messages of which the last attempt has failed.",
    )
    lag_events = fields.Integer(
        "Behind (Events)",
        compute="_compute_health",
        help="Events at most that are not delivered yet; counted to 10,000 or a little "
        "more.",
    )
    lag_seconds = fields.Integer(
        "Behind (Seconds)",
        compute="_compute_health",
        help="Age of the oldest event that is not delivered yet.",
    )
    last_error = fields.Char(compute="_compute_health")
    last_error_at = fields.Datetime(compute="_compute_health")

    _HEALTH_INDEXES = SQL(
        """
        CREATE INDEX IF NOT EXISTS cqrs_webhook_message_dead
            ON cqrs_webhook_message (webhook_id, id) WHERE state = 'dead';
        CREATE INDEX IF NOT EXISTS cqrs_webhook_attempt_failed
            ON cqrs_webhook_attempt (webhook_id, at) WHERE %s
        """,
        FAILED,
    )

    def init(self):
        result = super().init()
        create_missing(self.env.cr, self._HEALTH_INDEXES)
        return result

    @api.depends_context(*READER)
    def _compute_health(self):
        health = self._read_health()
        names = [
            *("delivered_count", "waiting_count", "failing_count", "dead_count"),
            *("lag_events", "lag_seconds", "last_error", "last_error_at"),
        ]
        for webhook in self:
            found = health.get(webhook.id, {})
            for name in names:
                webhook[name] = found.get(name.removesuffix("_count")) or False

    def _read_health(self) -> dict[int, dict]:
        """Return the health of each endpoint, by one query.

        ``{id: {delivered, waiting, failing, dead, lag_events, lag_seconds, last_error,
        last_error_at}}``: messages delivered in the last day, waiting ones and how many
        of these have failed before, dead ones; events that may still have to be
        delivered, and the age of the oldest in seconds; the last failed attempt, in UTC
        without a zone. Nothing is counted beyond ``COUNT_UP_TO``. Messages count of
        which the reader may know; events, of which the endpoint's companies may.
        """
        places = dict(
            self.env.execute_query(
                SQL(
                    "SELECT webhook_id, checkpoint FROM cqrs_webhook_checkpoint"
                    " WHERE webhook_id = ANY(%s)",
                    self.ids,
                )
            )
        )
        webhooks = self.filtered(lambda each: each.id in places)
        if not webhooks:
            return {}
        unread = [
            each._unread(FeedCheckpoint.parse(places[each.id]).log) for each in webhooks
        ]
        rows = self.env.execute_query_dict(
            SQL(
                _HEALTH,
                ids=webhooks.ids,
                unread=SQL(" UNION ALL ").join(unread),
                known=self.env["cqrs.webhook.message"]._known(SQL("message")),
                most=COUNT_UP_TO,
                failed=FAILED,
            )
        )
        return {row.pop("id"): row for row in rows}

    def _unread(self, log: Checkpoint) -> SQL:
        """Return the query of the number and the beginning of what is after a place."""
        self.ensure_one()
        types, asked = self._chosen_types(), SQL("true")
        if types:
            asked = SQL("(type = ANY(%s) OR %s)", list(types), MAY_LEAVE)
        later = SQL(
            _LATER,
            epoch=log.epoch,
            txid=str(log.upto),
            models=list(MODELS),
            asked=asked,
            most=COUNT_UP_TO,
        )
        is_seen = SQL("true")
        if ids := self.company_ids.ids:
            part = self.env["cqrs.event"]._part_of(ids, is_shared=True)
            later, is_seen = in_part(later, part), SQL("event.is_seen")
        return SQL(_UNREAD, id=self.id, log=later, is_seen=is_seen)
