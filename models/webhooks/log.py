"""The messages of the endpoints and the attempts to send them, for screens."""

from odoo import api, fields, models
from odoo.tools import SQL

from ..event_store.event import OF_THE_LOG
from ..event_store.part import in_part

#: The condition that an attempt has failed
FAILED = SQL("(COALESCE(status, 0) NOT BETWEEN 200 AND 299 OR error <> '')")

STATES = [
    ("waiting", "Waiting"),
    ("delivered", "Delivered"),
    ("dead", "Dead"),
    ("skipped", "Skipped"),
]
KINDS = [
    ("event", "Event"),
    ("removed", "Removed"),
    ("resync", "Resync"),
    ("test", "Test"),
]


def event_of(message: SQL) -> SQL:
    """Return the relation of the event of a message, by the alias of its table."""
    return SQL(
        "(SELECT * FROM cqrs_event WHERE cqrs_event.position = %s.position)", message
    )


class CqrsWebhookMessage(models.Model):
    """A message to an endpoint: what it is about, and how far it is.

    *Dead* is a message of which the last attempt has failed; *skipped* one that is not
    to be sent: its endpoint was resumed without the backlog, its user may no longer see
    the record, or it was a test that failed. Rows are written by the dispatcher alone.
    """

    _name = "cqrs.webhook.message"
    _inherit = "cqrs.read.only"
    _description = "Webhook Message"
    _auto = False
    _order = "id desc"
    _rec_name = "message_id"

    webhook_id = fields.Many2one("cqrs.webhook", readonly=True)
    message_id = fields.Char(
        "Message ID", help="The header webhook-id, at each attempt.", **OF_THE_LOG
    )
    kind = fields.Selection(KINDS, readonly=True)
    # Odoo joins no model of a query, so that no group can be made of it.
    position = fields.Integer("Event Position", readonly=True, aggregator=None)
    event_id = fields.Many2one("cqrs.event", compute="_compute_event_id")
    stream_model = fields.Char("Model", readonly=True)
    stream_id = fields.Integer("Record", readonly=True, aggregator=None)
    created_at = fields.Datetime(readonly=True)
    state = fields.Selection(STATES, readonly=True)
    attempts = fields.Integer(readonly=True, aggregator=None)
    next_attempt_at = fields.Datetime(
        readonly=True,
        help="Empty where it waits for the message before it of the same record.",
    )
    delivered_at = fields.Datetime(readonly=True)
    attempt_ids = fields.One2many(
        "cqrs.webhook.attempt", "message_row_id", "Log", readonly=True
    )

    @property
    def _table_query(self) -> SQL:
        return SQL(
            """
            SELECT id, webhook_id, %s AS message_id, kind, position, stream_model,
                   stream_id, created_at AT TIME ZONE 'UTC' AS created_at, state,
                   attempts, CASE WHEN state = 'waiting'
                       THEN next_attempt_at AT TIME ZONE 'UTC' END AS next_attempt_at,
                   delivered_at AT TIME ZONE 'UTC' AS delivered_at
            FROM cqrs_webhook_message message
            """,
            self._told_id(),
        )

    def _told_id(self) -> SQL:
        """Return the id of a message as the reader may know it.

        An endpoint that was bound to some companies later has messages under the ids of
        events of which these may know one side.
        """
        part = self.env["cqrs.event"]._part()
        if not part:
            return SQL("message_id")
        return SQL(
            """
            COALESCE((SELECT event.event_id::text FROM %s event
                      WHERE event.is_seen AND NOT event.is_whole), message_id)
            """,
            in_part(event_of(SQL("message")), part),
        )

    @api.depends("position")
    def _compute_event_id(self):
        ids = [message.position for message in self if message.position]
        found = set(self.env["cqrs.event"].search([("id", "in", ids)]).ids)
        for message in self:
            is_there = message.position in found
            message.event_id = is_there and message.position

    def action_send_again(self):
        """Send the messages again, under the ids that they have."""
        self.webhook_id.check_access("write")
        self.webhook_id._send_again(self.ids)
        return True


class CqrsWebhookAttempt(models.Model):
    """An attempt to send a message: request and answer, as they were.

    They are kept for ``DAYS`` days. Rows are written by the dispatcher alone.
    """

    _name = "cqrs.webhook.attempt"
    _inherit = "cqrs.read.only"
    _description = "Webhook Attempt"
    _auto = False
    _order = "id desc"
    _rec_name = "at"

    webhook_id = fields.Many2one("cqrs.webhook", readonly=True)
    message_row_id = fields.Many2one("cqrs.webhook.message", "Message", readonly=True)
    at = fields.Datetime("Time", readonly=True)
    number = fields.Integer("Attempt", readonly=True, aggregator=None)
    status = fields.Integer(readonly=True, aggregator=None)
    error = fields.Char(readonly=True)
    duration_ms = fields.Integer("Duration (ms)", readonly=True, aggregator="avg")
    is_accepted = fields.Boolean("Accepted", readonly=True)
    # Bodies have the values that the endpoint's user saw, answers the receiver's words.
    request = fields.Text(readonly=True, groups="base.group_system")
    answer = fields.Text(readonly=True, groups="base.group_system")

    _table_query = SQL(
        """
        SELECT id, webhook_id, message_id AS message_row_id,
               at AT TIME ZONE 'UTC' AS at, number, status, NULLIF(error, '') AS error,
               duration_ms, NOT %s AS is_accepted, request, answer
        FROM cqrs_webhook_attempt attempt
        """,
        FAILED,
    )


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    delivery_ids = fields.One2many(
        "cqrs.webhook.message", string="Deliveries", compute="_compute_delivery_ids"
    )

    def _compute_delivery_ids(self):
        messages = self.env["cqrs.webhook.message"]
        found = messages.search([("position", "in", self.ids)]).grouped("position")
        for event in self:
            event.delivery_ids = found.get(event.id, messages)
