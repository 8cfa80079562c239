"""Schemas of the answers about webhooks."""

from ....models.support.json_schema import (
    BOOLEAN,
    COUNT,
    ID,
    IDS,
    MAX_INTEGER,
    TEXT,
    TIME,
    array,
    choice,
    component,
    integer,
    nullable,
    obj,
    ref,
    string,
)
from ....models.webhooks.log import STATES

HEADERS = component(
    "WebhookHeaders",
    {"type": "object", "additionalProperties": ref("Text")},
)
#: The id of a row of the log of deliveries
_ROW_ID = integer(1, MAX_INTEGER)

_HEALTH = component(
    "WebhookHealth",
    obj(
        delivered=COUNT,
        waiting=COUNT,
        failing=COUNT,
        dead=COUNT,
        lag_events=COUNT,
        lag_seconds=COUNT,
        last_error=nullable(TEXT),
        last_error_at=nullable(TIME),
    ),
)

_WEBHOOK = {
    "id": ID,
    "name": TEXT,
    "description": TEXT,
    "url": TEXT,
    "event_types": array(
        component("EventTypePattern", string(200, minimum=1)),
    ),
    "company_ids": IDS,
    "user_id": ID,
    "owner_id": nullable(ID),
    "payload": component("WebhookPayload", choice("thin", "full")),
    "ordering": component("WebhookOrdering", choice("record", "none")),
    "headers": HEADERS,
    "is_paused": BOOLEAN,
    "pause_reason": nullable(TEXT),
    "failing_since": nullable(TIME),
    "health": _HEALTH,
}

_SECRET = {
    **string(200),
    "description": "The secret that signs messages. It is given this once.",
}

component("WebhookList", obj(webhooks=array(component("Webhook", obj(**_WEBHOOK)))))
component("WebhookWithSecret", obj(**_WEBHOOK, secret=_SECRET))
component("WebhookSecret", obj(secret=_SECRET))
component(
    "WebhookAttempts",
    obj(
        attempts=array(
            component(
                "WebhookAttempt",
                obj(
                    id=_ROW_ID,
                    message_id={**TEXT, "description": "The header `webhook-id`."},
                    at=TIME,
                    number=COUNT,
                    status=nullable(integer(100, 999)),
                    error=nullable(TEXT),
                    duration_ms=COUNT,
                    request=TEXT,
                    answer=TEXT,
                ),
            ),
            200,
        ),
        next=nullable(_ROW_ID),
    ),
)
component(
    "WebhookMessages",
    obj(
        messages=array(
            component(
                "WebhookMessage",
                obj(
                    id=TEXT,
                    kind=TEXT,
                    subject=nullable(TEXT),
                    position=nullable(string(19, "^[0-9]+$")),
                    state=component(
                        "WebhookMessageState", choice(*(name for name, __ in STATES))
                    ),
                    attempts=COUNT,
                    created_at=TIME,
                    next_attempt_at=nullable(TIME),
                    delivered_at=nullable(TIME),
                ),
            ),
            200,
        ),
        next=nullable(_ROW_ID),
    ),
)
component(
    "WebhookResent",
    obj(messages={**COUNT, "description": "The number of messages sent again."}),
)
