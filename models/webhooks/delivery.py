"""Taking messages from the log, sending them, and recording what came of them.

Round after round: what has ended is recorded, in one statement; what may be sent now is
read, in one statement; of each endpoint as many messages as are sent at once are looked
at under the rights of that moment, and handed to the senders. With a message come the
next ones of its record: its sender goes on with them, for as long as each is delivered
and the rights are not older than a moment. So a backlog of few records needs no round
for each of its messages. An endpoint that has nothing more to send takes the next
messages from the log, with the checkpoint that is after them; the rest stays in the
log, so memory does not grow with the backlog.

A process that ends at any point loses nothing: what it was sending waits still, and is
sent again by the next one, with the same id.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from functools import partial
from typing import NamedTuple

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry
from odoo.tools import config

from ..access.answer_context import Unreadable
from ..api.cloudevents import source
from ..api.log_cursor import cursor_texts
from ..event_store.reader import Filters
from ..feed.feed import FeedCheckpoint, Message, look_again, read_feed
from ..support.transactions import is_raised
from . import outbox, processor_time
from .body import body
from .endpoint import MOST_SENDERS, RIGHTS_HOLD, SLOW, Endpoint, Endpoints
from .lease import Lease
from .outbox import Chain, Outcome, Place, Taken, Waiting
from .schedule import Schedule
from .senders import Senders
from .signing import headers
from .switching_off import switch_off
from .transport import Answer, Settings, Transport, request_text

_logger = logging.getLogger(__name__)

#: Messages that are taken from the log at a time
PAGE = 1000
#: Messages that wait for an attempt, from which on an endpoint that fails gets no more
MOST_WAITING_OF_FAILING = 100

#: Seconds between two looks at the log for which nothing has called
POLL = 5.0
#: Seconds for which an endpoint is left alone after its messages could not be read
AFTER_PROBLEM = 30.0
#: Seconds after which a checkpoint is written that no message came with
IDLE_CHECKPOINT = 60.0


class _Sent(NamedTuple):
    """A message that a sender is done with.

    :ivar outcome: None if it was not sent, since the term has ended, or the rights are
        to be looked at again
    :ivar is_over: the rest of the chain is not sent, or there is none
    """

    chain: Chain
    outcome: Outcome | None
    answer: Answer | None
    is_over: bool


class Delivery:
    """Sends the messages of a database, for one term of the lease.

    :ivar attempts: how many there were
    """

    def __init__(self, dbname: str, lease: Lease, schedule: Schedule):
        self.attempts = 0
        self._dbname, self._lease, self._schedule = dbname, lease, schedule
        self._transport = Transport(Settings.from_config(config))
        self._awake = threading.Event()
        self._is_called = True
        self._senders = Senders(MOST_SENDERS, self._awake.set)
        self._endpoints = Endpoints()
        self._outcomes: list[Outcome] = []
        self._polled_at = 0.0

    def call(self):
        """Look at the log; from any thread."""
        self._is_called = True
        self._awake.set()

    @property
    def is_sending(self) -> bool:
        return bool(self._endpoints.in_flight)

    def wait(self, cr, longest: float):
        """Wait until something has ended, is due, or was committed."""
        if not self._awake.is_set():
            # What hangs gives its senders back after that time.
            pauses = [longest, SLOW if self.is_sending else POLL]
            if (due := outbox.seconds_until_next(cr)) is not None:
                pauses.append(max(due, 0.0))
            now = time.monotonic()
            pauses += [
                each.rests_until - now
                for each in self._endpoints.values()
                if each.rests_until > now
            ]
            self._awake.wait(min(pauses))
        self._awake.clear()

    def close(self):
        """End; what is being sent ends in its own time, and is not recorded."""
        self._lease.end()
        self._senders.close()
        self._transport.close()

    def step(self, cr) -> bool:
        """Do a round; return whether there was anything to do.

        :param cr: commits each statement
        """
        processor_time.give_back()
        self._look_for_endpoints(cr)
        ended = self._record(cr)
        if not self._lease.holds:
            return ended
        ready, hungry = self._ready(cr)
        for webhook_id, waiting in ready.items():
            self._send(webhook_id, waiting)
        taken = [self._take(cr, place) for place in self._places(cr, hungry)]
        return ended or bool(ready) or any(taken)

    # -- endpoints --

    def _look_for_endpoints(self, cr):
        now = time.monotonic()
        if not self._is_called and now < self._polled_at + POLL:
            return
        # First, so that a call meanwhile is not lost.
        self._is_called = False
        self._polled_at = now
        self._endpoints.update_from(outbox.endpoints(cr))

    # -- sending --

    def _ready(self, cr) -> tuple[dict[int, list[Chain]], list[int]]:
        """Return what may be sent now, and the endpoints that could send more."""
        room = {
            id_: (each.room, each.chain)
            for id_, each in self._endpoints.items()
            if each.room
        }
        in_flight = self._endpoints.in_flight
        if not room or len(in_flight) >= MOST_SENDERS:
            return {}, []
        ids = [each.id for chain in in_flight for each in chain]
        found = defaultdict(list)
        for chain in outbox.ready(cr, room, ids):
            found[chain[0].webhook_id].append(chain)
        hungry = [id_ for id_ in room if len(found.get(id_, ())) < room[id_][0]]
        return self._endpoints.shared(found), hungry

    def _send(self, webhook_id: int, chains: list[Chain]):
        """Hand messages to the senders, as they are by the rights of now."""
        endpoint = self._endpoints[webhook_id]
        until = time.monotonic() + RIGHTS_HOLD
        try:
            with self._reading() as env:
                webhook = env["cqrs.webhook"].browse(webhook_id)
                calls = self._calls(webhook, chains, until)
        except Exception as error:
            if self._reader.connection.closed:
                raise
            _logger.exception("Messages of webhook %s cannot be read", webhook_id)
            if isinstance(error, Unreadable) or is_raised(error):
                # No fault of these messages.
                endpoint.not_before = time.monotonic() + AFTER_PROBLEM
                return
            if sum(map(len, chains)) > 1:
                # One of them may be the reason, and shall not hold up the others.
                for chain in chains:
                    self._send(webhook_id, [chain[:1]])
                return
            answer = Answer(
                None, "", f"The message could not be made: {error}", None, 0
            )
            [[message]] = chains
            outcome = self._outcome(message, message.kind, answer, _now(), "")
            self._outcomes.append(outcome)
            self._awake.set()
            return
        for chain, call in calls:
            endpoint.in_flight[chain] = time.monotonic()
            self._senders.submit(call)

    def _calls(self, webhook, chains: list[Chain], until: float) -> list:
        """Return ``(chain, call)``, the call that sends the chain's messages.

        :param until: as for ``_sent``
        """
        positions = [m.position for chain in chains for m in chain if m.position]
        seen = look_again(
            webhook._seen_by(),
            positions,
            webhook.company_ids.ids or None,
            Filters(types=webhook._chosen_types()),
        )
        secrets, further = webhook._signing_secrets(), webhook._further_headers()
        origin, url, payload = source(webhook.env), webhook.url, webhook.payload
        longest = max(map(len, chains))
        cursors = outbox.cursors(webhook.env.cr, webhook.id, longest + 1)
        as_cursor = cursor_texts(webhook.env)
        calls = []
        for chain in chains:
            contents, ids = [], set()
            for each in chain:
                message = (
                    seen.get(each.position)
                    if each.position
                    else Message(each.kind, None, each.message_id)
                )
                # Whoever has this message has those before it in the chain, and lacks
                # what is undelivered beside them.
                ids.add(each.id)
                cursor = as_cursor(
                    next(text for id_, text in cursors if id_ not in ids)
                )
                content = message and body(message, payload, origin, cursor)
                contents.append((each, message, content))
            request = partial(self._request, url, secrets, further)
            calls.append((chain, partial(self._sent, chain, contents, until, request)))
        return calls

    def _sent(self, chain: Chain, contents: list, until: float, request) -> Iterator:
        """Send a chain's messages, each once the one before is delivered.

        Called in a thread of the senders.

        :param contents: ``(waiting, message, body)``; no message and no body where
            nothing may be told
        :param until: when the rights are to be looked at again, after the first message
        :return: the results, each as soon as it is there
        """
        for number, (waiting, message, content) in enumerate(contents):
            if not self._lease.holds or (number and time.monotonic() > until):
                yield _Sent(chain, None, None, True)
                return
            answer = None
            if content is None:
                outcome = Outcome(
                    waiting.id, waiting.webhook_id, waiting.kind, "skipped", 0
                )
            else:
                outcome, answer = request(waiting, message, content)
            # A dead one ends it, too: the cursors of the next ones are after it.
            is_over = waiting is chain[-1] or outcome.state in ("waiting", "dead")
            yield _Sent(chain, outcome, answer, is_over)
            if is_over:
                return

    def _request(
        self, url, secrets, further, waiting, message, content
    ) -> tuple[Outcome, Answer]:
        """Send a message; called in a thread of the senders.

        Its id is that of now: an endpoint that was narrowed since it was taken may not
        know the event's own any more.
        """
        at = _now()
        fields = {}
        try:
            fields = headers(secrets, message.id, int(at.timestamp()), content, further)
            answer = self._transport.send(url, fields, content)
        except Exception as error:
            _logger.exception("A message cannot be sent")
            answer = Answer(
                None, "", f"The message could not be sent: {error}", None, 0
            )
        request = request_text(url, fields, content, further)
        return self._outcome(waiting, message.kind, answer, at, request), answer

    def _outcome(
        self, waiting: Waiting, kind: str, answer: Answer, at: datetime, request: str
    ) -> Outcome:
        attempts, pause, state = waiting.attempts + 1, None, "delivered"
        if not answer.is_accepted:
            pause = self._schedule.pause(attempts, answer.retry_after)
            state = "dead" if pause is None else "waiting"
        return Outcome(
            waiting.id,
            waiting.webhook_id,
            kind,
            state,
            attempts,
            pause,
            at,
            answer.status,
            answer.error,
            answer.duration_ms,
            request,
            answer.text,
        )

    # -- what came of it --

    def _record(self, cr) -> bool:
        """Write what has ended; return whether there was something."""
        sent = []
        while not self._senders.finished.empty():
            sent.append(self._senders.finished.get())
        # What is in flight stays so until it is recorded.
        outcomes = self._outcomes + [each.outcome for each in sent if each.outcome]
        self._outcomes = []
        ended = outbox.record(cr, self._lease.holder, outcomes) if outcomes else []
        for each in sent:
            self._note(cr, each)
        if ended is None:
            self._lease.end()
        elif outcomes:
            outbox.let_next_go(cr, self._lease.holder, ended)
            self._note_health(cr, outcomes)
        return bool(sent or outcomes)

    def _note(self, cr, sent: _Sent):
        webhook_id, answer = sent.chain[0].webhook_id, sent.answer
        endpoint = self._endpoints[webhook_id]
        seconds = answer and answer.duration_ms / 1000
        is_accepted = bool(answer and answer.is_accepted)
        endpoint.note(sent.chain, sent.is_over, seconds, is_accepted)
        if answer and answer.status in (429, 503) and answer.retry_after:
            endpoint.asked_until = time.monotonic() + answer.retry_after
            outbox.leave_alone(cr, self._lease.holder, webhook_id, answer.retry_after)

    def _note_health(self, cr, outcomes: list[Outcome]):
        attempts = [each for each in outcomes if each.at]
        self.attempts += len(attempts)
        well = {each.webhook_id for each in attempts if each.state == "delivered"}
        failing = {each.webhook_id for each in attempts} - well
        if not attempts:
            return
        gone = {each.webhook_id for each in attempts if each.status == 410}
        too_long = outbox.note_health(
            cr, list(well), list(failing), self._schedule.switched_off_after
        )
        for webhook_id in gone.union(too_long):
            reason = "gone" if webhook_id in gone else "failing"
            try:
                switch_off(self._dbname, webhook_id, reason)
            except Exception:
                # Tried again after the next attempt; the others do not wait for it.
                _logger.exception("Webhook %s cannot be switched off", webhook_id)

    # -- taking --

    def _places(self, cr, hungry: list[int]) -> list[Place]:
        """Return how far those endpoints are for which the log may have more."""
        ids = [id_ for id_ in hungry if self._endpoints[id_].has_more]
        return outbox.places(cr, ids, MOST_WAITING_OF_FAILING) if ids else []

    def _take(self, cr, place: Place) -> bool:
        """Take the next messages of an endpoint from the log, as far as it may."""
        endpoint = self._endpoints[place.webhook_id]
        limit = self._limit(place, endpoint)
        if not limit or not self._lease.holds:
            return False
        if not endpoint.seen or endpoint.seen[0] != place.checkpoint:
            endpoint.seen = (place.checkpoint, place.checkpoint)
        try:
            with self._reading() as env:
                webhook = env["cqrs.webhook"].browse(place.webhook_id)
                page = read_feed(
                    webhook._seen_by(),
                    FeedCheckpoint.parse(endpoint.seen[1]),
                    limit,
                    Filters(types=webhook._chosen_types()),
                    webhook.company_ids.ids or None,
                    is_live=True,
                )
        except Exception:
            if self._reader.connection.closed:
                raise
            _logger.exception("The log cannot be read for webhook %s", place.webhook_id)
            endpoint.not_before = time.monotonic() + AFTER_PROBLEM
            return False
        endpoint.has_more = not page.is_last
        checkpoint, now = str(page.checkpoint), time.monotonic()
        if page.messages or now > endpoint.written_at + IDLE_CHECKPOINT:
            before = [endpoint.seen[1], *map(str, page.checkpoints)]
            rows = [
                _taken(message, cursor)
                for message, cursor in zip(page.messages, before, strict=False)
            ]
            if not outbox.take(cr, self._lease.holder, place, checkpoint, rows):
                # The checkpoint was moved by whoever resumed the endpoint; or the
                # lease is somebody else's, which the next statement finds out.
                endpoint.seen, endpoint.has_more = None, True
                return False
            endpoint.written_at = now
            endpoint.seen = (checkpoint, checkpoint)
        else:
            endpoint.seen = (place.checkpoint, checkpoint)
        return bool(page.messages) or endpoint.has_more

    def _limit(self, place: Place, endpoint: Endpoint) -> int:
        """Return how many messages may be taken.

        An endpoint that fails is tried with something new from time to time, however
        many of its messages wait for their next attempt.
        """
        if not place.is_failing:
            return PAGE
        if place.waiting < MOST_WAITING_OF_FAILING:
            return MOST_WAITING_OF_FAILING - place.waiting
        is_due = place.idle > self._schedule.probe and not endpoint.in_flight
        return 1 if is_due else 0

    # -- the database --

    def _registry(self) -> Registry:
        return Registry(self._dbname)

    @contextmanager
    def connected(self) -> Iterator:
        """Connect to the database for the block; give the cursor for ``step``.

        A connection that is lost ends the block. Taken from the pool for each round, it
        would be made anew, before whoever drops the database had done so.
        """
        with (
            outbox.statements(self._dbname) as cr,
            closing(self._registry().cursor()) as self._reader,
        ):
            self._reader.connection.set_session(readonly=True)
            outbox.let_next_go(cr, self._lease.holder)
            yield cr

    @contextmanager
    def _reading(self) -> Iterator[api.Environment]:
        """Give an environment that reads, with the rights of now."""
        cr = self._reader
        try:
            # Rights are cached; another process may have changed them.
            self._registry().check_signaling(cr)
            yield api.Environment(cr, SUPERUSER_ID, {})
        finally:
            if not cr.connection.closed:
                cr.rollback()
            # With the registry of now, and with nothing that was read before.
            cr.transaction = None


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _taken(message: Message, cursor_before: str) -> Taken:
    event = message.event
    if event is None:
        return Taken(message.id, message.kind, None, None, None, cursor_before)
    return Taken(
        message.id,
        message.kind,
        event.position,
        event.stream_model,
        event.stream_id,
        cursor_before,
    )
