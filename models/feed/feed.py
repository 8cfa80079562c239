"""The log as one user may know it: the events of the records in the user's view.

Records are opportunities, orders, invoices and contacts. Rights are those of the moment
of reading, never those of the event:

* An event is given if its record is in the user's view now, and was in one of the
  user's companies then, or in none; of one with which it came from another company, or
  went there, that side alone (``event_store/part.py``).
* ``removed``, with nothing but ids, is given for the event with which a record left the
  view: the row before it would be seen by the rights of now, the row after it would
  not. It is given whatever the type of that event and whoever made it, since a filter
  that holds for it would tell these.
* ``resync`` is given once where the view itself has become another, by the hierarchy, a
  group, a delegation, a company or an option: what is in it is to be read anew.
* Everything else is passed over. Of other records (leads, people, settings) nothing is
  given, to administrators neither: they read the log itself (``reader.py``).

Who sees a record, as it is and as it was, is in ``kinds.py``. A feed's checkpoint is
that of the log, with a digest of the view::

    page = read_feed(env, after=checkpoint, limit=100)
    checkpoint = page.checkpoint

``env.user`` is who looks. Odoo keeps rights in the process, so a loop calls
``registry.check_signaling()`` before each page, as Odoo does before each request; and
takes a new transaction for it, as for the log.
"""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from odoo import api
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..access.policy import Viewer
from ..event_store.metadata import MIGRATION
from ..event_store.part import REMOVED as LEFT_COMPANY
from ..event_store.part import Part
from ..event_store.reader import (
    BEGINNING,
    EVERYTHING,
    Checkpoint,
    Event,
    Filters,
    end_of_log,
    read_events,
    read_page,
)
from ..support.answer_context import without_jit
from ..support.process_cache import VersionedCache
from .kinds import LAST_VERSION, Kind, kinds_of, present_states, states_before
from .leaving import MAY_LEAVE

EVENT = "event"
REMOVED = "removed"
RESYNC = "resync"

#: Events of the log that a page looks through at a time, and at most
SCAN = 1000
SCAN_AT_MOST = 5000

#: Read models that say who sees what
DECIDING = ("cqrs.user.access", "cqrs.user.profile")

_OWNERS = VersionedCache("owners in view", size=1024)
_RESYNC_IDS = uuid.UUID("0f6c3a52-6a54-5d8e-9a39-2f7d1f3f8c11")


@dataclass(frozen=True)
class Message:
    """A message to a user.

    :ivar kind: ``EVENT``, ``REMOVED`` or ``RESYNC``
    :ivar event: of ``EVENT``, without the values that the user may not read; of
        ``REMOVED`` the event of which only the ids may be told; None of ``RESYNC``
    :ivar id: the event's id, or one made of the checkpoint: a page that is read again
        has the same
    """

    kind: str
    event: Event | None
    id: str


@dataclass(frozen=True)
class FeedCheckpoint:
    """The part of the log that a user has been told. Its text is opaque to clients.

    >>> checkpoint = FeedCheckpoint(Checkpoint(1, 500), "5f2a")
    >>> FeedCheckpoint.parse(str(checkpoint)) == checkpoint
    True
    >>> FeedCheckpoint.parse(str(Checkpoint(1, 500)))
    FeedCheckpoint(log=Checkpoint(epoch=1, upto=500, unread=()), view='')

    :ivar log: what has been read of the log
    :ivar view: the digest of the view then; empty if it is unknown
    """

    log: Checkpoint
    view: str = ""

    def __str__(self):
        return f"{self.log}.{self.view}" if self.view else str(self.log)

    @classmethod
    def parse(cls, text: str) -> "FeedCheckpoint":
        """Return the checkpoint that ``str()`` wrote, of a feed or of the log.

        :raise ValueError: the text is not one
        """
        log, __, view = text.partition(".")
        return cls(Checkpoint.parse(log), view)


@dataclass(frozen=True)
class Page:
    """The next messages to a user.

    :ivar checkpoint: the one to read on from, also where no message came
    :ivar is_last: the log ends here for now
    :ivar checkpoints: for each message, the one to read on from after it
    """

    messages: list[Message]
    checkpoint: FeedCheckpoint
    is_last: bool
    checkpoints: list[FeedCheckpoint]


def read_feed(
    env,
    after: FeedCheckpoint | None,
    limit: int,
    filters: Filters = EVERYTHING,
    company_ids: list[int] | None = None,
    is_live: bool = False,
) -> Page:
    """Return the next messages to ``env.user``, as this transaction sees the log.

    A page may have fewer messages than asked for before the log ends, or none.

    :param after: what the user has been told; None for nothing
    :param limit: the most messages to return
    :param filters: conditions on the events; those on type and people do not hold for
        ``REMOVED``
    :param company_ids: only records of these companies, or of none
    :param is_live: without first builds and baselines, with which nothing changed
    :raise Unreadable: it is not known at present who sees what
    """
    view = _View.of(env, company_ids)
    log = after.log if after else BEGINNING
    messages, checkpoints = [], []
    if after and after.view != view.digest:
        messages.append(Message(RESYNC, None, _resync_id(after, view)))
        checkpoints.append(FeedCheckpoint(after.log, view.digest))
    models = [name for name in view.kinds if filters.stream_model in (None, name)]
    is_last = not models
    if is_last:
        log = end_of_log(env)
    filters = replace(filters, stream_model=None, models=tuple(models))
    scanned = 0
    while not is_last and len(messages) < limit and scanned < SCAN_AT_MOST:
        page = read_page(env, log, SCAN, filters, view.part, MAY_LEAVE)
        log, is_last = page.checkpoint, page.is_last
        scanned += SCAN
        told = [e for e in page.events if not (is_live and e.origin == MIGRATION)]
        for message in view.messages(told, filters):
            if len(messages) == limit:
                log, is_last = checkpoints[-1].log, False
                break
            messages.append(message)
            place = page.checkpoint_at(message.event)
            checkpoints.append(FeedCheckpoint(place, view.digest))
    return Page(messages, FeedCheckpoint(log, view.digest), is_last, checkpoints)


def follow_feed(
    registry,
    user_id: int,
    after: FeedCheckpoint | None,
    page_size: int,
    filters: Filters = EVERYTHING,
    context: dict | None = None,
) -> Iterator[Page]:
    """Yield pages of messages to a user up to the end of the log; some may be empty.

    Each page has a read-only transaction of its own, and the rights of its moment.

    :param context: of the environment, with what bounds the user
    """
    while True:
        registry = registry.check_signaling()
        with registry.cursor(readonly=True) as cr:
            env = api.Environment(cr, user_id, context or {})
            page = read_feed(env, after, page_size, filters)
        yield page
        if page.is_last:
            return
        after = page.checkpoint


def look_again(
    env,
    positions: list[int],
    company_ids: list[int] | None = None,
    filters: Filters = EVERYTHING,
) -> dict[int, Message | None]:
    """Return the messages of events under the rights of now, by their positions.

    None if ``env.user`` may be told nothing of an event any more, or has not asked.

    :param filters: conditions on type and people, as of ``read_feed``

    :raise Unreadable: it is not known at present who sees what
    """
    view = _View.of(env, company_ids)
    events = [
        event
        for event in read_events(env, positions, view.part)
        if event.stream_model in view.kinds
    ]
    messages = view.messages(events, filters)
    told = {message.event.position: message for message in messages}
    return {position: told.get(position) for position in positions}


def here(env, company_ids: list[int] | None = None) -> FeedCheckpoint:
    """Return the checkpoint of who has been told everything up to now.

    :raise Unreadable: it is not known at present who sees what
    """
    return FeedCheckpoint(end_of_log(env), _View.of(env, company_ids).digest)


def part_of(env, company_ids: list[int] | None = None) -> Part:
    """Return the part of the log of the companies of ``env.user``, or some of them."""
    return _View.of(env, company_ids).part


@dataclass(frozen=True)
class _View:
    """The view of ``env.user`` at the moment.

    :ivar kinds: the models of which the user may see records
    :ivar hidden: paths of fields whose values the user may not read, by model
    """

    env: object
    kinds: dict[str, Kind]
    company_ids: tuple[int, ...] | None
    hidden: dict[str, frozenset[str]]

    @classmethod
    def of(cls, env, company_ids: list[int] | None) -> "_View":
        AnswerContext.of(env).check(*DECIDING)
        kinds = kinds_of(env)
        hidden = env["cqrs.event"]._hidden_paths()
        return cls(
            env,
            kinds,
            None if company_ids is None else tuple(sorted(company_ids)),
            {name: frozenset(hidden.get(name, ())) for name in kinds},
        )

    @cached_property
    def part(self) -> Part:
        """The part of the log of the companies that the view is of."""
        # The first viewer is the user; lenders are seen through in those companies.
        viewers = [viewer for kind in self.kinds.values() for viewer in kind.viewers]
        ids = {id_ for viewer in viewers for id_ in viewer.company_ids}
        if self.company_ids is not None:
            ids = ids.intersection(self.company_ids)
        return self.env["cqrs.event"]._part_of(ids, is_shared=True)

    @cached_property
    def digest(self) -> str:
        """A digest of what decides which rows, and which of their values, are seen."""
        context = AnswerContext.of(self.env)
        viewers = [each for kind in self.kinds.values() for each in kind.viewers]
        viewer_ids = {viewer.id for viewer in viewers}
        deciding = (
            [(name, kind.deciding) for name, kind in self.kinds.items()],
            context.options,
            [team_id for team_id, user_id in context.teams if user_id in viewer_ids],
            _OWNERS.get(
                self.env,
                self.env["cqrs.access"]._visibility_version(viewers),
                (),
                lambda: self._owners(viewers),
            ),
            self.company_ids,
            sorted((name, sorted(paths)) for name, paths in self.hidden.items()),
        )
        return hashlib.sha256(repr(deciding).encode()).hexdigest()[:16]

    def _owners(self, viewers: list[Viewer]) -> str:
        """Return a digest of the owners below the viewers who do not see all."""
        [(digest,)] = self.env.execute_query(
            SQL(
                """
                SELECT md5(string_agg(
                    concat_ws(' ', viewer_id, via, owner_id, company_id), ','
                    ORDER BY viewer_id, via, owner_id, company_id))
                FROM (SELECT DISTINCT viewer_id, via, owner_id, company_id
                      FROM cqrs_user_access WHERE viewer_id = ANY(%s)) below
                """,
                [viewer.id for viewer in viewers if not viewer.sees_all],
            )
        )
        return digest or ""

    def messages(self, events: list[Event], filters: Filters) -> Iterator[Message]:
        """Yield what the user may be told of events, and has asked for."""
        without_jit(self.env)
        seen, removed = set(), set()
        for model, of_model in _by_model(events).items():
            seen_of_model = self._seen_now(model, {e.stream_id for e in of_model})
            seen |= {(model, id_) for id_ in seen_of_model}
            leaving = [e for e in of_model if e.stream_id not in seen_of_model]
            removed |= {e.position for e in self._removed(model, leaving)}
        merged_away = self._merged_away(e for e in events if e.record in seen)
        for event in events:
            if event.record in seen and event.type == LEFT_COMPANY:
                # It has come back since.
                yield Message(REMOVED, event, event.event_id)
            elif event.record in seen:
                if filters.ask_for(event):
                    shown = self._shown(event, merged_away)
                    yield Message(EVENT, shown, event.event_id)
            elif event.position in removed:
                yield Message(REMOVED, event, event.event_id)

    def _seen_now(self, model: str, ids: set[int]) -> set[int]:
        kind = self.kinds[model]
        return kind.seen(present_states(kind, sorted(ids)), self.company_ids)

    def _removed(self, model: str, events: list[Event]) -> list[Event]:
        """Return the events with which hidden records of a model left the view."""
        kind = self.kinds[model]
        events = [event for event in events if _may_remove(event, kind)]
        before = states_before(kind, [(e.stream_id, e.version) for e in events])
        seen_before = kind.seen(before, self.company_ids)
        events = [e for e in events if (e.stream_id, e.version) in seen_before]
        after = {
            (e.stream_id, e.version): {
                **before[e.stream_id, e.version],
                **{name: e.after[name] for name in kind.fields if name in e.after},
            }
            for e in events
            if e.after is not None
        }
        seen_after = kind.seen(after, self.company_ids)
        return [e for e in events if (e.stream_id, e.version) not in seen_after]

    def _merged_away(self, events: Iterator[Event]) -> set[tuple[str, int]]:
        """Return the merged records that the user would have seen."""
        found = set()
        merges = [e for e in events if (e.details or {}).get("merged_from")]
        for model, of_model in _by_model(merges).items():
            kind = self.kinds[model]
            ids = {id_ for e in of_model for id_ in e.details["merged_from"]}
            states = states_before(kind, [(id_, LAST_VERSION) for id_ in sorted(ids)])
            found |= {(model, id_) for id_, __ in kind.seen(states, self.company_ids)}
        return found

    def _shown(self, event: Event, merged_away: set[tuple[str, int]]) -> Event:
        details, model = event.details, event.stream_model
        if merged := (details or {}).get("merged_from"):
            kept = [id_ for id_ in merged if (model, id_) in merged_away]
            details = {**details, "merged_from": kept}
        return replace(
            event,
            before=self._readable(model, event.before),
            after=self._readable(model, event.after),
            details=details,
        )

    def _readable(self, model: str, values: dict | None) -> dict | None:
        hidden = self.hidden[model]
        if not values or not hidden:
            return values
        return {path: v for path, v in values.items() if path not in hidden}


def _by_model(events: list[Event]) -> dict[str, list[Event]]:
    found = defaultdict(list)
    for event in events:
        found[event.stream_model].append(event)
    return found


def _may_remove(event: Event, kind: Kind) -> bool:
    """Return whether a record may have left a view with an event."""
    if event.before is None:
        return False
    return event.after is None or not event.after.keys().isdisjoint(kind.fields)


def _resync_id(after: FeedCheckpoint, view: _View) -> str:
    return str(uuid.uuid5(_RESYNC_IDS, f"{after} {view.digest}"))
