import re
from datetime import datetime

from odoo.http import Controller, Response, request

from ..models.access.viewers import DOCUMENTS
from ..models.api.cloudevents import cloud_event, cloud_message, source
from ..models.api.log_cursor import LogCursor, cursor_texts
from ..models.event_store import reader
from ..models.event_store.reader import Filters
from ..models.feed import feed
from ..models.feed.company_log import follow_company_log, read_company_log
from ..models.feed.feed import FeedCheckpoint
from ..models.support.exact_json import dumps
from ..models.support.json_schema import CURSOR, TIME, string
from .contract.schemas import ref
from .errors import check_mark
from .operations import JSON, operation
from .query import Parameter, list_of, several, time, whole_number

NDJSON = "application/x-ndjson"

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
#: The most characters of the name of a model or a record
MAX_NAME = 200
#: The most of the name of an event type: as many as may be given fit into an address
MAX_TYPE = 100


def _stream(text: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"([a-z][\w.]*)(?:/(\d{1,10}))?", text, re.ASCII)
    if not match or len(text) > MAX_NAME or int(match[2] or 0) >= 2**31:
        raise ValueError("Expected a model or a record, as crm.lead or crm.lead/42.")
    return match[1], match[2] and int(match[2])


def _types(text: str) -> tuple[str, ...]:
    types = tuple(name.removeprefix("crm_cqrs.") for name in several(text))
    if not all(
        re.fullmatch(r"\w+\*?|\*", name, re.ASCII) and len(name) <= MAX_TYPE
        for name in types
    ):
        raise ValueError("Expected event types, as OpportunityWon,OpportunityLost.")
    return types


#: The cursor of the log's end
END = "end"


def _cursor(text: str) -> LogCursor | str:
    try:
        return END if text == END else LogCursor.parse(text)
    except ValueError as exc:
        raise ValueError("Expected a cursor that this API gave.") from exc


_PARAMETERS = [
    Parameter(
        "stream",
        _stream,
        string(MAX_NAME, r"^[a-z][a-zA-Z0-9_.]*(/[0-9]{1,9})?$"),
        "Events of a model's records (`crm.lead`), or of one record (`crm.lead/42`).",
    ),
    Parameter(
        "type",
        _types,
        list_of(str, string(MAX_TYPE, r"^([a-zA-Z0-9_]+\*?|\*)$"))["schema"],
        "Events of one of these types; `*` at the end stands for any ending.",
        is_list=True,
    ),
    Parameter("since", time, TIME, "Events that occurred at this time or later."),
    Parameter("until", time, TIME, "Events that occurred before this time."),
    Parameter(
        "user",
        **whole_number(2**31 - 1),
        description="Events made as this user (the id of `res.users`).",
    ),
    Parameter(
        "acting_user",
        **whole_number(2**31 - 1),
        description="Events made while this user (an id of `res.users`) was logged in.",
    ),
    Parameter(
        "cursor",
        _cursor,
        CURSOR,
        "What comes after: the `next` of an answer or the `cursor` of an event; `end`"
        " for what comes from now on.",
    ),
    Parameter(
        "limit",
        **whole_number(MAX_LIMIT),
        description="The most events to answer with; for `application/x-ndjson`, which"
        " goes on to the end, the events read at a time.",
    ),
]


def _reads_the_log() -> bool:
    """Return whether the caller administers everything, or companies."""
    return request.env["cqrs.event"].has_access("read")


def _shows_opportunities(values: dict) -> bool:
    """Return whether there is nothing but opportunities that the user could see."""
    access, user_id = request.env["cqrs.access"], request.env.uid
    return not _reads_the_log() and not any(
        access._may_read(user_id, model) for model in DOCUMENTS
    )


class EventsApi(Controller):
    @operation(
        "/api/v2/events",
        tag="Events",
        summary="Events, as CloudEvents",
        description=(
            "A page of the events of the opportunities, orders, invoices and contacts"
            " that you may see now, or with `Accept: application/x-ndjson` all of"
            " them. `crm_cqrs.removed` tells that a record has left your view,"
            " `crm_cqrs.resync` that many may have left or come: read them anew."
            " `next` is the cursor of the next request, also at the end of the log;"
            " `more` says that there is more"
            " to read already. Administrators read the whole log, of all records;"
            " members of *Event Store of my companies* that of the companies that they"
            " may work in: the events of a record while it was theirs, and with"
            " `crm_cqrs.removed` that it went to another company."
        ),
        parameters=_PARAMETERS,
        response=ref("EventPage"),
        other_media_types={NDJSON: ref("Message")},
        shows_opportunities=_shows_opportunities,
    )
    def events(
        self,
        stream: tuple[str | None, int | None] = (None, None),
        type: tuple[str, ...] = (),  # pylint: disable=redefined-builtin
        since: datetime | None = None,
        until: datetime | None = None,
        user: int | None = None,
        acting_user: int | None = None,
        cursor: LogCursor | str | None = None,
        limit: int | None = None,
    ):
        filters = Filters(*stream, type, since, until, user, acting_user)
        kind = _Feed
        if _reads_the_log():
            kind = _CompanyLog if request.env["cqrs.event"]._part() else _Log
        log = kind(request.env, filters)
        after = log.end() if cursor == END else cursor and cursor.checkpoint
        if isinstance(cursor, LogCursor) and cursor.mark:
            check_mark(request.env, cursor.mark)
        accepts = request.httprequest.accept_mimetypes
        if accepts.best_match([JSON, NDJSON], default=JSON) == NDJSON:
            # The pages are read after the request's cursor and environment are closed.
            lines = map(_lines, log.follow(after, limit or MAX_LIMIT))
            return Response(lines, content_type=NDJSON)
        events, following, is_last = log.page(after, limit or DEFAULT_LIMIT)
        return {"events": events, "next": log.text(following), "more": not is_last}


class _Log:
    """The whole log, as an administrator reads it."""

    def __init__(self, env, filters: Filters):
        self._env = env
        self._registry = env.registry
        self._filters = filters
        self._source = source(env)
        self._hidden = env["cqrs.event"]._hidden_paths()
        self.text = cursor_texts(env)

    def end(self) -> FeedCheckpoint:
        return FeedCheckpoint(reader.end_of_log(self._env))

    def page(self, after: FeedCheckpoint | None, limit: int):
        """Return events, the checkpoint to read on from, and whether the log ends."""
        page = reader.read_page(self._env, after and after.log, limit, self._filters)
        return self._events(page), page.checkpoint, page.is_last

    def follow(self, after: FeedCheckpoint | None, limit: int):
        """Yield the events of each page to the end of the log."""
        pages = reader.follow(self._registry, after and after.log, limit, self._filters)
        return map(self._events, pages)

    def _events(self, page: reader.Page) -> list[dict]:
        return [
            cloud_event(
                event, self._source, self._hidden, self.text(page.checkpoint_at(event))
            )
            for event in page.events
        ]


class _CompanyLog:
    """The log of the companies of the caller, who administers them."""

    def __init__(self, env, filters: Filters):
        self._env = env
        self._filters = filters
        self._source = source(env)
        self._hidden = env["cqrs.event"]._hidden_paths()
        self.text = cursor_texts(env)

    def end(self) -> FeedCheckpoint:
        return FeedCheckpoint(reader.end_of_log(self._env))

    def page(self, after: FeedCheckpoint | None, limit: int):
        """Return events, the checkpoint to read on from, and whether the log ends."""
        page = read_company_log(self._env, after and after.log, limit, self._filters)
        return self._events(page), page.checkpoint, page.is_last

    def follow(self, after: FeedCheckpoint | None, limit: int):
        """Yield the events of each page to the end of the log."""
        env = self._env
        pages = follow_company_log(
            *(env.registry, env.uid, dict(env.context)),
            *(after and after.log, limit, self._filters),
        )
        return map(self._events, pages)

    def _events(self, page) -> list[dict]:
        return [
            cloud_event(event, self._source, self._hidden, self.text(checkpoint))
            for event, checkpoint in zip(page.events, page.checkpoints, strict=True)
        ]


class _Feed:
    """The part of the log that a user may know."""

    def __init__(self, env, filters: Filters):
        self._env = env
        self._registry = env.registry
        self._user_id = env.uid
        self._context = dict(env.context)
        self._filters = filters
        self._source = source(env)
        # If it is not known who sees what, also an export begins with an error.
        self._here = feed.here(env)
        self.text = cursor_texts(env)

    def end(self) -> FeedCheckpoint:
        return self._here

    def page(self, after: FeedCheckpoint | None, limit: int):
        """Return messages, the checkpoint to read on from, and whether the log ends."""
        page = feed.read_feed(self._env, after, limit, self._filters)
        return self._events(page), page.checkpoint, page.is_last

    def follow(self, after: FeedCheckpoint | None, limit: int):
        """Yield the messages of each page to the end of the log."""
        pages = feed.follow_feed(
            *(self._registry, self._user_id, after, limit),
            *(self._filters, self._context),
        )
        return map(self._events, pages)

    def _events(self, page: feed.Page) -> list[dict]:
        return [
            cloud_message(message, self._source, self.text(checkpoint))
            for message, checkpoint in zip(page.messages, page.checkpoints, strict=True)
        ]


def _lines(events: list[dict]) -> str:
    return "".join(f"{dumps(event)}\n" for event in events)
