"""JSON Schemas of the answers about webhooks."""

from ...models.support.json_schema import (
    BOOLEAN,
    COUNT,
    INTEGER,
    TEXT,
    TIME,
    array,
    nullable,
    obj,
)
from ...models.webhooks.log import STATES

HEADERS = {"type": "object", "additionalProperties": {"type": "string"}}

_HEALTH = obj(
    delivered=COUNT,
    waiting=COUNT,
    failing=COUNT,
    dead=COUNT,
    lag_events=COUNT,
    lag_seconds=COUNT,
    last_error=nullable(TEXT),
    last_error_at=nullable(TIME),
)

_WEBHOOK = {
    "id": INTEGER,
    "name": TEXT,
    "description": TEXT,
    "url": TEXT,
    "event_types": array(TEXT),
    "company_ids": array(INTEGER),
    "user_id": INTEGER,
    "owner_id": nullable(INTEGER),
    "payload": {"type": "string", "enum": ["thin", "full"]},
    "ordering": {"type": "string", "enum": ["record", "none"]},
    "headers": HEADERS,
    "is_paused": BOOLEAN,
    "pause_reason": nullable(TEXT),
    "failing_since": nullable(TIME),
    "health": _HEALTH,
}

_SECRET = {
    "type": "string",
    "description": "The secret that signs messages. It is given this once.",
}

#: ``{name: schema}`` of the components
SCHEMAS = {
    "Webhook": obj(**_WEBHOOK),
    "WebhookWithSecret": obj(**_WEBHOOK, secret=_SECRET),
    "Webhooks": obj(webhooks=array({"$ref": "#/components/schemas/Webhook"})),
    "WebhookSecret": obj(secret=_SECRET),
    "WebhookAttempt": obj(
        id=INTEGER,
        message_id={"type": "string", "description": "The header `webhook-id`."},
        at=TIME,
        number=COUNT,
        status=nullable(INTEGER),
        error=nullable(TEXT),
        duration_ms=COUNT,
        request=TEXT,
        answer=TEXT,
    ),
    "WebhookAttempts": obj(
        attempts=array({"$ref": "#/components/schemas/WebhookAttempt"}),
        next=nullable(INTEGER),
    ),
    "WebhookMessages": obj(
        messages=array(
            obj(
                id=TEXT,
                kind=TEXT,
                subject=nullable(TEXT),
                position=nullable(TEXT),
                state={"type": "string", "enum": [name for name, __ in STATES]},
                attempts=COUNT,
                created_at=TIME,
                next_attempt_at=nullable(TIME),
                delivered_at=nullable(TIME),
            )
        ),
        next=nullable(INTEGER),
    ),
    "WebhookResent": obj(
        messages={**COUNT, "description": "The number of messages sent again."}
    ),
}
