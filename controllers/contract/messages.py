"""The messages of webhooks: a JSON Schema for each event type."""

from functools import cache

from ...models.event_store.source import DECLARED
from ...models.support.json_schema import (
    ANYTHING,
    BOOLEAN,
    COUNT,
    CURSOR,
    DAY,
    EXACT,
    TEXT,
    TEXTS,
    TIME,
    array,
    component,
    integer,
    nullable,
    obj,
    ref,
    string,
)
from ...models.webhooks.event_types import MODELS, known_types
from .schemas.events import EVENT, NOTICE

# What Odoo records as a reference may also be what is no id any more, or a colour.
_INTEGER = component("Reference", integer(-(2**31), 2**31 - 1))
_ID = nullable(_INTEGER)
_IDS = nullable(array(_INTEGER))
_TEXT = nullable(TEXT)
_FLAG = nullable(BOOLEAN)
_DAY = nullable(DAY)
_TIME = nullable(TIME)
_NUMBER = {
    **EXACT,
    **string(20, "^[A-Za-z+-]*$"),
    "type": ["number", "string", "null"],
    "description": "Exact; a text where Odoo itself cannot read the number, as `NaN`.",
}

#: ``{field path: schema}`` of what is recorded of a lead or opportunity
FIELDS = {
    "name": _TEXT,
    "type": nullable(ref("LeadType")),
    "active": _FLAG,
    "user_id": _ID,
    "team_id": _ID,
    "company_id": _ID,
    "company_id.currency_id": _ID,
    "stage_id": _ID,
    "won_status": nullable(ref("OpportunityStatus")),
    "lost_reason_id": _ID,
    "probability": _NUMBER,
    "priority": _TEXT,
    "expected_revenue": _NUMBER,
    "recurring_revenue": _NUMBER,
    "recurring_plan": _ID,
    "date_deadline": _DAY,
    "date_open": _TIME,
    "date_closed": _TIME,
    "date_conversion": _TIME,
    "date_last_stage_update": _TIME,
    "partner_id": _ID,
    "partner_id.complete_name": _TEXT,
    "partner_name": _TEXT,
    "contact_name": _TEXT,
    "function": _TEXT,
    "email_from": _TEXT,
    "email_cc": _TEXT,
    "phone": _TEXT,
    "website": _TEXT,
    "street": _TEXT,
    "street2": _TEXT,
    "zip": _TEXT,
    "city": _TEXT,
    "state_id": _ID,
    "country_id": _ID,
    "lang_id": _ID,
    "description": _TEXT,
    "referred": _TEXT,
    "tag_ids": _IDS,
    "color": _ID,
    "lead_properties": {
        **nullable(component("LeadProperties", ANYTHING)),
        "description": "By the names of the team's properties.",
    },
    "campaign_id": _ID,
    "medium_id": _ID,
    "source_id": _ID,
    "create_date": _TIME,
    "create_uid": _ID,
}

_CURSOR = {
    **CURSOR,
    "description": "Where `/api/v2/events` goes on for who keeps the last one of these:"
    " all that is before it has been delivered, but for what was skipped.",
}

_VALUES = component(
    "EventFields",
    {
        "type": "object",
        "properties": FIELDS,
        "description": "Values by the names of Odoo's fields; a path is a field of"
        " another record. A database may record others, of its own or of other modules,"
        " and leaves out those that the endpoint's user may not read.",
    },
)
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


_CREATED = _full("CreatedData", _NOTHING, _VALUES)
_CHANGED = _full("ChangedData", _VALUES, _VALUES)
_DELETED = _full("DeletedData", _VALUES, _NOTHING)

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
    "removed": "An opportunity has left what the endpoint's user may see.",
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
    types = known_types({model: DECLARED[model]["crm_cqrs"] for model in MODELS})
    messages = {name: (_event(name), _sentence(name)) for name in types}
    for name, text in _NOTICES.items():
        messages[name] = _notice(name), text
    return messages


def _event(name: str) -> dict:
    """Name the schema of an event's message: as `/api/v2/events` has it."""
    full = _CHANGED
    if name.endswith("Created"):
        full = _CREATED
    elif name.endswith("Deleted"):
        full = _DELETED
    members = EVENT["properties"] | {
        "type": _type(name),
        "cursor": _CURSOR,
        "data": {
            "oneOf": [_THIN, full],
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
    return f"An event of the type {name}, of an opportunity that the user may see now."


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
