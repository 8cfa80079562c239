"""The messages of webhooks: a JSON Schema for each event type."""

from functools import cache

from ...models.event_store.source import DECLARED
from ...models.support.json_schema import (
    COUNT,
    CURSOR,
    TEXT,
    TEXTS,
    component,
    nullable,
    obj,
    ref,
    string,
)
from ...models.webhooks.event_types import MODELS, known_types
from .event_fields import FIELDS_OF
from .schemas.events import EVENT, NOTICE

_CURSOR = {
    **CURSOR,
    "description": "Where `/api/v2/events` goes on for who keeps the last one of these:"
    " all that is before it has been delivered, but for what was skipped.",
}

_NOTHING = {"type": "null"}
_THIN = component(
    "ThinData",
    {
        **obj(version=COUNT, changed=TEXTS),
        "additionalProperties": False,
        "description": "Of a thin payload: the names of the changed fields.",
    },
)


def _full(name: str, before: dict, after: dict) -> dict:
    return component(
        name,
        obj(
            version=COUNT,
            before=before,
            after=after,
            details=nullable(ref("EventValues")),
        ),
    )


#: ``{model: beginning of the names of its schemas}``
_NAMES = {
    "crm.lead": "",
    "sale.order": "Order",
    "account.move": "Invoice",
    "res.partner": "Contact",
}


def _data_of(model: str) -> dict[str, dict]:
    """Name the schemas of the full data of a record's events, by the kind of change."""
    name = _NAMES[model]
    values = component(
        f"{name or 'Event'}Fields",
        {
            "type": "object",
            "properties": FIELDS_OF[model],
            "description": "Values by the names of Odoo's fields; a path is a field of"
            " another record. A database may record others, of its own or of other"
            " modules, and leaves out those that the endpoint's user may not read.",
        },
    )
    return {
        "created": _full(f"{name}CreatedData", _NOTHING, values),
        "changed": _full(f"{name}ChangedData", values, values),
        "deleted": _full(f"{name}DeletedData", values, _NOTHING),
    }


_DATA = {model: _data_of(model) for model in MODELS}

_HEADERS = {
    "webhook-id": (
        "The message's id, the same at each attempt: one that was seen is a duplicate.",
        TEXT,
    ),
    "webhook-timestamp": (
        "Seconds since 1970 in UTC. Refuse an attempt that is five minutes off.",
        string(20, "^[0-9]+$"),
    ),
    "webhook-signature": (
        "HMAC-SHA256 of `id.timestamp.body`, by each secret that is valid.",
        string(1000, "^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$"),
    ),
}

_NOTICES = {
    "removed": "A record has left what the endpoint's user may see.",
    "resync": "What the endpoint's user may see has changed as a whole: read it again.",
    "test": "Somebody has pressed the test button.",
}


def webhooks() -> dict:
    """Return the ``webhooks`` of the contract: one for each type of message."""
    return {name: {"post": _post(name, *rest)} for name, rest in _messages().items()}


# Not at the import: in a folder of another name nothing of this addon is declared, and
# Odoo is to say so.
@cache
def _messages() -> dict[str, tuple[dict, str]]:
    """Return ``{type: (schema, sentence)}`` of all messages."""
    messages = {
        name: (_event(name, models), _sentence(name))
        for name, models in _models_of_types().items()
    }
    for name, text in _NOTICES.items():
        messages[name] = _notice(name), text
    return messages


def _models_of_types() -> dict[str, list[str]]:
    """Return the models of whose records there are events of a type, by type."""
    found = {}
    for model in MODELS:
        for name in known_types({model: DECLARED[model]["crm_cqrs"]}):
            found.setdefault(name, []).append(model)
    return found


def _event(name: str, models: list[str]) -> dict:
    """Name the schema of an event's message: as `/api/v2/events` has it."""
    kind = "changed"
    if name.endswith(("Created", "Joined")):
        kind = "created"
    elif name.endswith("Deleted"):
        kind = "deleted"
    members = EVENT["properties"] | {
        "type": _type(name),
        "cursor": _CURSOR,
        "data": {
            "oneOf" if len(models) == 1 else "anyOf": [
                _THIN,
                *(_DATA[model][kind] for model in models),
            ],
            "description": "By the endpoint's payload.",
        },
    }
    schema = {**EVENT, "properties": members, "description": _sentence(name)}
    return component(f"Webhook{name}", schema)


def _notice(name: str) -> dict:
    schema = obj(**NOTICE, type=_type(name))
    subject = EVENT["properties"]["subject"]
    schema["properties"] |= {"subject": subject, "cursor": _CURSOR}
    return component(
        f"WebhookNotice{name.capitalize()}",
        {
            **schema,
            "additionalProperties": False,
            "description": "A message without values.",
        },
    )


def _type(name: str) -> dict:
    return {"type": "string", "const": f"crm_cqrs.{name}"}


def _sentence(name: str) -> str:
    return f"An event of the type {name}, of a record that the user may see now."


def _post(name: str, schema: dict, text: str) -> dict:
    return {
        "operationId": f"webhook_{name}",
        "tags": ["Webhooks"],
        "summary": name,
        "description": text,
        "security": [],
        "parameters": [
            {
                "name": header,
                "in": "header",
                "required": True,
                "description": description,
                "schema": header_schema,
            }
            for header, (description, header_schema) in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/cloudevents+json": {"schema": schema}},
        },
        "responses": {
            "2XX": {"description": "Taken: it is not sent again."},
            "410": {"description": "Gone: the endpoint is switched off."},
            "default": {"description": "Not taken: it is sent again later."},
        },
    }
