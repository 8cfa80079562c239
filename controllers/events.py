import re
from datetime import datetime

from werkzeug.exceptions import NotFound

from odoo.http import Controller, Response, request, route

from ..models.event_store.cloudevents import cloud_event
from ..models.event_store.reader import Cursor, Filters, follow, read_events
from ..models.json_encoding import dumps
from .dashboard import json_response
from .dispatcher import BadParameter

JSON = "application/json"
NDJSON = "application/x-ndjson"

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


class EventsApi(Controller):
    @route(
        "/api/v2/events",
        type="cqrs_api",
        auth="cqrs_api",
        methods=["GET"],
        readonly=True,
    )
    def events(self, **parameters):
        """Return a page of the log, or with ``Accept: application/x-ndjson`` all of it.

        Parameters: ``stream``, ``type``, ``since``, ``until``, ``user``, ``cursor``,
        ``limit``. A page is ``{events: [CloudEvent …], next}``, where ``next`` is the
        cursor to ask on with, also once the log grows. Administrators only: for
        anyone else there is nothing here.
        """
        if not request.env.user.has_group("base.group_system"):
            raise NotFound()
        values = _read_parameters(request.httprequest.args)
        after = values.pop("cursor", None)
        limit = values.pop("limit", None)
        filters = Filters(**values)
        source = _source(request.env)
        accepts = request.httprequest.accept_mimetypes
        if accepts.best_match([JSON, NDJSON], default=JSON) == NDJSON:
            # Runs when the request, its cursor and its environment are gone.
            pages = follow(request.env.registry, after, limit or MAX_LIMIT, filters)
            return Response(
                (_lines(events, source) for events in pages),
                content_type=NDJSON,
                headers={"Cache-Control": "private, no-cache"},
            )
        events = read_events(request.env, after, limit or DEFAULT_LIMIT, filters)
        return json_response(
            {
                "events": [cloud_event(event, source) for event in events],
                "next": _text(events[-1].cursor if events else after),
            }
        )


def _lines(events, source: str) -> str:
    return "".join(f"{dumps(cloud_event(event, source))}\n" for event in events)


def _text(cursor: Cursor | None) -> str | None:
    return cursor and str(cursor)


def _source(env) -> str:
    # Odoo gives a duplicated database, or a copy restored from a dump, another uuid.
    uuid = env["ir.config_parameter"].sudo().get_param("database.uuid")
    return f"urn:uuid:{uuid}"


def _read_parameters(arguments) -> dict:
    """Return the query's parameters, as ``Filters`` fields, ``cursor`` and ``limit``.

    :param arguments: a MultiDict of texts
    :raise BadParameter: an unknown one, or a value without a meaning
    """
    values = {}
    for name, texts in arguments.lists():
        if name not in _PARAMETERS:
            known = ", ".join(_PARAMETERS)
            raise BadParameter(name, f"There is no such parameter; there are: {known}.")
        try:
            # Types may be repeated; of anything else, two are not a value.
            values.update(_PARAMETERS[name](",".join(texts)))
        except ValueError as exc:
            raise BadParameter(name, str(exc)) from exc
    return values


def _stream(text: str) -> dict:
    match = re.fullmatch(r"([a-z][\w.]*)(?:/(\d{1,10}))?", text, re.ASCII)
    if not match or int(match[2] or 0) >= 2**31:
        raise ValueError("Expected a model or a record, as crm.lead or crm.lead/42.")
    return {"stream_model": match[1], "stream_id": match[2] and int(match[2])}


def _types(text: str) -> dict:
    types = tuple(name.removeprefix("crm_cqrs.") for name in text.split(","))
    if not all(re.fullmatch(r"\w+", name, re.ASCII) for name in types):
        raise ValueError("Expected event types, as OpportunityWon,OpportunityLost.")
    return {"types": types}


def _time(text: str) -> datetime:
    try:
        # Python 3.10 does not read Z.
        time = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text))
    except ValueError:
        time = None
    if not time or not time.tzinfo:
        raise ValueError(
            "Expected ISO 8601 with a zone, as 2026-01-31T12:00:00Z or"
            " 2026-01-31T12:00:00%2B01:00 (a bare + in a query is a space)."
        )
    return time


def _integer(text: str, maximum: int) -> int:
    if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or not 1 <= int(text) <= maximum:
        raise ValueError(f"Expected a whole number from 1 to {maximum}.")
    return int(text)


def _cursor(text: str) -> Cursor:
    try:
        return Cursor.parse(text)
    except ValueError as exc:
        raise ValueError("Expected a cursor that this API gave.") from exc


_PARAMETERS = {
    "stream": _stream,
    "type": _types,
    "since": lambda text: {"since": _time(text)},
    "until": lambda text: {"until": _time(text)},
    "user": lambda text: {"user_id": _integer(text, 2**31 - 1)},
    "cursor": lambda text: {"cursor": _cursor(text)},
    "limit": lambda text: {"limit": _integer(text, MAX_LIMIT)},
}
