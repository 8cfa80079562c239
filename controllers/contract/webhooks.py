"""The messages of webhooks: a JSON Schema for each event type."""

from ...models.event_store.source import DECLARED
from ...models.support.json_schema import BOOLEAN, INTEGER, TEXT, array, nullable, obj
from ...models.webhooks.event_types import MODELS, known_types
from .schemas import COMPONENTS, ref

_ID = nullable(INTEGER)
_IDS = nullable(array(INTEGER))
_TEXT = nullable(TEXT)
_FLAG = nullable(BOOLEAN)
_DAY = {**nullable(TEXT), "format": "date"}
_TIME = {**nullable(TEXT), "format": "date-time"}
_NUMBER = {
    "type": ["number", "string", "null"],
    "description": "Exact; a text where Odoo itself cannot read the number, as `NaN`.",
}

#: ``{field path: schema}`` of what is recorded of a lead or opportunity
FIELDS = {
    "name": _TEXT,
    "type": {"enum": ["lead", "opportunity", None]},
    "active": _FLAG,
    "user_id": _ID,
    "team_id": _ID,
    "company_id": _ID,
    "company_id.currency_id": _ID,
    "stage_id": _ID,
    "won_status": {"enum": ["pending", "won", "lost", None]},
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
        "type": ["object", "null"],
        "description": "By the names of the team's properties.",
    },
    "campaign_id": _ID,
    "medium_id": _ID,
    "source_id": _ID,
    "create_date": _TIME,
    "create_uid": _ID,
}

_EVENT = COMPONENTS["Event"]
#: Attributes that a message without values has, too
_ATTRIBUTES = ("specversion", "id", "source", "type")

_CURSOR = {
    **TEXT,
    "description": "Where `/api/v2/events` goes on for who keeps the last one of these:"
    " all that is before it has been delivered, but for what was skipped.",
}

COMPONENTS |= {
    "EventFields": {
        "type": "object",
        "properties": FIELDS,
        "description": "Values by the names of Odoo's fields; a path is a field of"
        " another record. A database may record others, of its own or of other modules,"
        " and leaves out those that the endpoint's user may not read.",
    },
    "WebhookEvent": {
        **_EVENT,
        "required": [name for name in _EVENT["required"] if name != "data"],
        "description": "An event, as `/api/v2/events` has it; `data` by the endpoint's"
        " payload.",
        "properties": {
            name: schema
            for name, schema in _EVENT["properties"].items()
            if name != "data"
        }
        | {"cursor": _CURSOR},
    },
    "ThinData": {
        **obj(version=INTEGER, changed=array(TEXT)),
        "additionalProperties": False,
        "description": "Of a thin payload: the names of the changed fields.",
    },
    "WebhookNotice": {
        **obj(**{name: _EVENT["properties"][name] for name in _ATTRIBUTES}),
        "properties": {
            name: _EVENT["properties"][name] for name in (*_ATTRIBUTES, "subject")
        }
        | {"cursor": _CURSOR},
        "additionalProperties": False,
        "description": "A message without values.",
    },
}

_HEADERS = {
    "webhook-id": (
        "The message's id, the same at each attempt: one that was seen is a duplicate.",
        TEXT,
    ),
    "webhook-timestamp": (
        "Seconds since 1970 in UTC. Refuse an attempt that is five minutes off.",
        {"type": "string", "pattern": "^[0-9]+$"},
    ),
    "webhook-signature": (
        "HMAC-SHA256 of `id.timestamp.body`, by each secret that is valid.",
        {"type": "string", "pattern": "^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$"},
    ),
}

_NOTICES = {
    "removed": "An opportunity has left what the endpoint's user may see.",
    "resync": "What the endpoint's user may see has changed as a whole: read it again.",
    "test": "Somebody has pressed the test button.",
}


def webhooks() -> dict:
    """Return the ``webhooks`` of the contract: one for each type of message."""
    types = known_types({model: DECLARED[model]["crm_cqrs"] for model in MODELS})
    messages = [(name, _event(name), _sentence(name)) for name in types]
    for name, text in _NOTICES.items():
        messages.append((name, _typed("WebhookNotice", name), text))
    return {name: {"post": _post(name, *rest)} for name, *rest in messages}


def _event(name: str) -> dict:
    fields, nothing = ref("EventFields"), {"type": "null"}
    full = obj(
        version=INTEGER,
        before=nothing if name.endswith("Created") else fields,
        after=nothing if name.endswith("Deleted") else fields,
        details={"type": ["object", "null"]},
    )
    schema = _typed("WebhookEvent", name)
    schema["required"] = ["data"]
    schema["properties"]["data"] = {"oneOf": [ref("ThinData"), full]}
    return schema


def _typed(component: str, name: str) -> dict:
    return {
        "allOf": [ref(component)],
        "type": "object",
        "properties": {"type": {"const": f"crm_cqrs.{name}"}},
    }


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
