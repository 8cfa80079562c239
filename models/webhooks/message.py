"""The tables of the messages, and what people do with them."""

from datetime import datetime

from odoo import api, models
from odoo.tools import SQL

from ..event_store.part import REMOVED, in_part
from ..feed.feed import here, part_of
from ..feed.leaving import MAY_LEAVE
from ..support.indexes import create_missing
from . import outbox
from .dispatcher import dispatchers, run_once
from .event_types import MODELS

WAITING, SKIPPED = "waiting", "skipped"


class CqrsWebhook(models.Model):
    _inherit = "cqrs.webhook"

    # A page of messages is taken when nothing is left that may be sent now; what comes
    # after the checkpoint stays in the log. The order of a record is that of its
    # events' positions, also among messages that are sent again. A waiting message
    # without a next attempt waits for one before it of its record. Of an event they are
    # found by a hash: a B-tree would have PostgreSQL look for an earlier message of a
    # record with many among all positions, instead of those of the record.
    _MESSAGES = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_webhook_checkpoint (
            webhook_id integer PRIMARY KEY
                REFERENCES cqrs_webhook (id) ON DELETE CASCADE,
            checkpoint text NOT NULL,
            not_before timestamptz
        );
        CREATE TABLE IF NOT EXISTS cqrs_webhook_message (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            webhook_id integer NOT NULL
                REFERENCES cqrs_webhook (id) ON DELETE CASCADE,
            message_id text NOT NULL,
            kind text NOT NULL,
            position bigint,
            stream_model text,
            stream_id integer,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            state text NOT NULL DEFAULT 'waiting'
                CHECK (state IN ('waiting', 'delivered', 'dead', 'skipped')),
            attempts integer NOT NULL DEFAULT 0,
            next_attempt_at timestamptz DEFAULT clock_timestamp(),
            delivered_at timestamptz,
            cursor_before text
        );
        CREATE UNIQUE INDEX IF NOT EXISTS cqrs_webhook_message_once
            ON cqrs_webhook_message (webhook_id, message_id);
        CREATE INDEX IF NOT EXISTS cqrs_webhook_message_waiting
            ON cqrs_webhook_message (webhook_id, next_attempt_at)
            WHERE state = 'waiting';
        CREATE INDEX IF NOT EXISTS cqrs_webhook_message_order
            ON cqrs_webhook_message (webhook_id, stream_model, stream_id, position)
            WHERE state = 'waiting';
        CREATE INDEX IF NOT EXISTS cqrs_webhook_message_undelivered
            ON cqrs_webhook_message (webhook_id, id)
            WHERE state IN ('waiting', 'dead') AND cursor_before IS NOT NULL;
        CREATE INDEX IF NOT EXISTS cqrs_webhook_message_event
            ON cqrs_webhook_message USING hash (position);
        CREATE INDEX IF NOT EXISTS cqrs_webhook_message_age
            ON cqrs_webhook_message (webhook_id, created_at);
        CREATE TABLE IF NOT EXISTS cqrs_webhook_attempt (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            message_id bigint NOT NULL
                REFERENCES cqrs_webhook_message (id) ON DELETE CASCADE,
            webhook_id integer NOT NULL,
            at timestamptz NOT NULL,
            number integer NOT NULL,
            status integer,
            error text,
            duration_ms integer NOT NULL,
            request text NOT NULL,
            answer text NOT NULL
        );
        CREATE INDEX IF NOT EXISTS cqrs_webhook_attempt_message
            ON cqrs_webhook_attempt (message_id);
        CREATE INDEX IF NOT EXISTS cqrs_webhook_attempt_webhook
            ON cqrs_webhook_attempt (webhook_id, at);
        CREATE INDEX IF NOT EXISTS cqrs_webhook_attempt_age
            ON cqrs_webhook_attempt (at);
        CREATE TABLE IF NOT EXISTS cqrs_webhook_lease (
            is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one),
            holder text NOT NULL DEFAULT '',
            until timestamptz NOT NULL DEFAULT '-infinity'
        ) WITH (fillfactor = 10);
        INSERT INTO cqrs_webhook_lease DEFAULT VALUES ON CONFLICT DO NOTHING
        """
    )

    def init(self):
        result = super().init()
        create_missing(self.env.cr, self._MESSAGES)
        return result

    def _register_hook(self):
        super()._register_hook()
        dispatchers.start(self.env.cr.dbname)

    @api.model
    def _deliver(self):
        """Have this process deliver; the cron's safety net where no thread does."""
        cr, dbname = self.env.cr, self.env.cr.dbname
        if not outbox.is_needed(cr) and not outbox.copied(cr):
            return
        if not dispatchers.start(dbname):
            run_once(dbname)

    @api.model_create_multi
    def create(self, vals_list):
        webhooks = super().create(vals_list)
        webhooks._begin_here()
        return webhooks

    def write(self, vals):
        result = super().write(vals)
        if vals.get("ordering") == "none":
            # What waits for another message of its record need not any more.
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE cqrs_webhook_message SET next_attempt_at = clock_timestamp()
                    WHERE webhook_id = ANY(%s) AND state = 'waiting'
                      AND next_attempt_at IS NULL
                    """,
                    self.ids,
                )
            )
            self._wake_dispatcher()
        return result

    def _begin_here(self):
        """Have each endpoint told of what is committed from now on."""
        for webhook in self:
            checkpoint = here(webhook._seen_by(), webhook.company_ids.ids or None)
            self.env.cr.execute(
                SQL(
                    """
                    INSERT INTO cqrs_webhook_checkpoint (webhook_id, checkpoint)
                    VALUES (%s, %s)
                    ON CONFLICT (webhook_id) DO UPDATE
                    SET checkpoint = EXCLUDED.checkpoint
                    """,
                    webhook.id,
                    str(checkpoint),
                )
            )
        self._wake_dispatcher()

    def _seen_by(self):
        """Return the environment of the user as whom the endpoint looks."""
        self.ensure_one()
        return api.Environment(self.env.cr, self.user_id.id, {})

    def _wake_dispatcher(self):
        """Have this process look for something to send, once this is committed."""
        dbname = self.env.cr.dbname
        self.env.cr.postcommit.add(lambda: dispatchers.wake(dbname))

    def _resume(self, send_backlog: bool):
        """Send again, what has come since the pause as well, or from now on."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE cqrs_webhook_message
                SET state = %s, attempts = 0,
                    next_attempt_at = CASE WHEN next_attempt_at IS NOT NULL
                                           THEN clock_timestamp() END
                WHERE webhook_id = ANY(%s) AND state = 'waiting'
                """,
                WAITING if send_backlog else SKIPPED,
                self.ids,
            )
        )
        self.env.cr.execute(
            SQL(
                "UPDATE cqrs_webhook_checkpoint SET not_before = NULL"
                " WHERE webhook_id = ANY(%s)",
                self.ids,
            )
        )
        if not send_backlog:
            self._begin_here()
        self._wake_dispatcher()
        return super()._resume(send_backlog)

    def _send_again(self, message_ids: list[int]) -> int:
        """Send messages of these endpoints again; return how many there are.

        They keep their ids, by which a receiver knows them. Of each record the first
        one is sent, and the others wait for it.
        """
        self.env.cr.execute(
            SQL(
                """
                UPDATE cqrs_webhook_message message
                SET state = 'waiting', attempts = 0,
                    next_attempt_at = CASE WHEN again.has_time
                                           THEN clock_timestamp() END
                FROM (SELECT message.id,
                             ordering <> 'record' OR stream_id IS NULL
                             OR row_number() OVER (
                                    PARTITION BY webhook_id, stream_model, stream_id
                                    ORDER BY position) = 1 AS has_time
                      FROM cqrs_webhook_message message
                      JOIN cqrs_webhook webhook ON webhook.id = webhook_id
                      WHERE message.id = ANY(%s) AND webhook_id = ANY(%s)) again
                WHERE message.id = again.id
                """,
                list(message_ids),
                self.ids,
            )
        )
        count = self.env.cr.rowcount
        self._wake_dispatcher()
        return count

    def _send_again_since(self, since: datetime, until: datetime | None = None) -> int:
        """Send again what occurred in a time; return how many messages that makes.

        Those that were skipped when the endpoint was resumed are among them. Whether
        the user may see them is asked when they are sent. What is after the checkpoint
        comes anyway.

        :param since: aware; ``until`` too, by default now
        """
        self.ensure_one()
        log, occurred = self._known_log(), self._occurred(since, until)
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO cqrs_webhook_message
                    (webhook_id, message_id, kind, position, stream_model, stream_id,
                     state, next_attempt_at)
                SELECT %s, event.event_id::text, 'event', event.position,
                       event.stream_model, event.stream_id, 'skipped', NULL
                FROM %s event WHERE %s
                ON CONFLICT (webhook_id, message_id) DO NOTHING
                """,
                self.id,
                log,
                occurred,
            )
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT message.id FROM %s event
                JOIN cqrs_webhook_message message
                  ON message.webhook_id = %s AND message_id = event.event_id::text
                WHERE %s
                """,
                log,
                self.id,
                occurred,
            )
        )
        return self._send_again([id_ for (id_,) in rows])

    def _count_since(self, since: datetime, until: datetime | None = None) -> int:
        """Return how many messages ``_send_again_since`` would send again."""
        self.ensure_one()
        [(count,)] = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM %s event WHERE %s",
                self._known_log(),
                self._occurred(since, until),
            )
        )
        return count

    def _known_log(self) -> SQL:
        """Return the relation of the events as the endpoint's user may know them."""
        part = part_of(self._seen_by(), self.company_ids.ids or None)
        return in_part(SQL("cqrs_event"), part)

    def _occurred(self, since: datetime, until: datetime | None) -> SQL:
        """Return the condition that an event occurred in a time and is asked for."""
        conditions = [
            SQL("event.is_seen"),
            SQL("event.occurred_at >= %s", since),
            SQL("event.stream_model = ANY(%s)", list(MODELS)),
            SQL("event.origin <> 'migration'"),
        ]
        if until:
            conditions.append(SQL("event.occurred_at < %s", until))
        if types := self._chosen_types():
            told = [*types, REMOVED]
            conditions.append(SQL("(event.type = ANY(%s) OR %s)", told, MAY_LEAVE))
        if companies := self.company_ids.ids:
            conditions.append(
                SQL(
                    "(event.company_id IS NULL OR event.company_id = ANY(%s))",
                    companies,
                )
            )
        return SQL(" AND ").join(conditions)
