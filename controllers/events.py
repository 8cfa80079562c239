import re
from datetime import datetime

from odoo.http import Controller, Response, request

from ..models.api.cloudevents import cloud_event
from ..models.event_store.reader import Checkpoint, Filters, Page, follow, read_page
from ..models.support.exact_json import dumps
from ..models.support.json_schema import TIME
from .contract.schemas import ref
from .operations import JSON, operation
from .query import Parameter, time, whole_number

NDJSON = "application/x-ndjson"

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


def _stream(text: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"([a-z][\w.]*)(?:/(\d{1,10}))?", text, re.ASCII)
    if not match or int(match[2] or 0) >= 2**31:
        raise ValueError("Expected a model or a record, as crm.lead or crm.lead/42.")
    return match[1], match[2] and int(match[2])


def _types(text: str) -> tuple[str, ...]:
    types = tuple(name.removeprefix("crm_cqrs.") for name in text.split(","))
    if not all(re.fullmatch(r"\w+", name, re.ASCII) for name in types):
        raise ValueError("Expected event types, as OpportunityWon,OpportunityLost.")
    return types


def _cursor(text: str) -> Checkpoint:
    try:
        return Checkpoint.parse(text)
    except ValueError as exc:
        raise ValueError("Expected a cursor that this API gave.") from exc


_PARAMETERS = [
    Parameter(
        "stream",
        _stream,
        {"type": "string", "pattern": r"^[a-z][a-zA-Z0-9_.]*(/[0-9]{1,9})?$"},
        "Events of a model's records (`crm.lead`), or of one record (`crm.lead/42`).",
    ),
    Parameter(
        "type",
        _types,
        {
            "type": "array",
            "items": {"type": "string", "pattern": "^[a-zA-Z0-9_]+$"},
            "minItems": 1,
        },
        "Events of one of these types.",
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
        {"type": "string"},
        "Events after this one: the `next` of an answer or the `cursor` of an event.",
    ),
    Parameter(
        "limit",
        **whole_number(MAX_LIMIT),
        description="The most events to answer with; for `application/x-ndjson`, which"
        " goes on to the end, the events read at a time.",
    ),
]


class EventsApi(Controller):
    @operation(
        "/api/v2/events",
        tag="Events",
        summary="The log, as CloudEvents",
        description=(
            "A page of the log, or with `Accept: application/x-ndjson` all of it."
            " `next` is the cursor of the next request, also at the end of the log."
            " Only administrators may read the log; others get 404."
        ),
        parameters=_PARAMETERS,
        response=ref("Events"),
        other_media_types={NDJSON: ref("Event")},
        exists_for=lambda user: user.has_group("base.group_system"),
    )
    def events(
        self,
        stream: tuple[str | None, int | None] = (None, None),
        type: tuple[str, ...] = (),  # pylint: disable=redefined-builtin
        since: datetime | None = None,
        until: datetime | None = None,
        user: int | None = None,
        acting_user: int | None = None,
        cursor: Checkpoint | None = None,
        limit: int | None = None,
    ):
        filters = Filters(*stream, type, since, until, user, acting_user)
        source = _source(request.env)
        hidden = request.env["cqrs.event"]._hidden_paths()
        accepts = request.httprequest.accept_mimetypes
        if accepts.best_match([JSON, NDJSON], default=JSON) == NDJSON:
            # The pages are read after the request's cursor and environment are closed.
            pages = follow(request.env.registry, cursor, limit or MAX_LIMIT, filters)
            lines = (_lines(page, source, hidden) for page in pages)
            return Response(lines, content_type=NDJSON)
        page = read_page(request.env, cursor, limit or DEFAULT_LIMIT, filters)
        return {
            "events": list(_cloud_events(page, source, hidden)),
            "next": str(page.checkpoint),
        }


def _lines(page: Page, source: str, hidden: dict) -> str:
    return "".join(f"{dumps(each)}\n" for each in _cloud_events(page, source, hidden))


def _cloud_events(page: Page, source: str, hidden: dict):
    for event in page.events:
        yield cloud_event(event, source, hidden, str(page.checkpoint_at(event)))


def _source(env) -> str:
    # Odoo gives a duplicated database, or a copy restored from a dump, another uuid.
    uuid = env["ir.config_parameter"].sudo().get_param("database.uuid")
    return f"urn:uuid:{uuid}"
