"""Schemas of events and of the other messages of the feed."""

from ....models.support.json_schema import (
    ANYTHING,
    BOOLEAN,
    COUNT,
    CURSOR,
    ID,
    TEXT,
    TIME,
    UUID,
    array,
    component,
    nullable,
    obj,
    optional,
    string,
)

_VALUES = component("EventValues", ANYTHING)

EVENT_DATA = component(
    "EventData",
    obj(
        version=COUNT,
        before={
            **nullable(_VALUES),
            "description": "The changed fields as they were.",
        },
        after={
            **nullable(_VALUES),
            "description": "The changed fields as they are since.",
        },
        details=nullable(_VALUES),
    ),
)

#: Attributes that a message without values has, too
NOTICE = {
    "specversion": {"type": "string", "const": "1.0"},
    "id": UUID,
    "source": {**TEXT, "description": "The database, as `urn:uuid:…`."},
}

_SUBJECT = string(200, "^[a-z][a-zA-Z0-9_.]*/[0-9]+$")

EVENT = optional(
    obj(
        **NOTICE,
        type={
            **string(200, r"^crm_cqrs\.[A-Za-z0-9_]+$"),
            "description": "As `crm_cqrs.OpportunityWon`.",
        },
        subject={**_SUBJECT, "description": "The record, as `crm.lead/42`."},
        time=TIME,
        datacontenttype={"type": "string", "const": "application/json"},
        schemaversion=COUNT,
        streamversion=COUNT,
        position=string(19, "^[0-9]+$"),
        epoch=COUNT,
        cursor={**CURSOR, "description": "To go on after this event."},
        origin=TEXT,
        moduleversion=TEXT,
        data=EVENT_DATA,
    ),
    hash={
        **string(64, "^[0-9a-f]{64}$"),
        "description": "SHA-256 of the event and those before it; not of an event with"
        " which a record came to the companies that you may know of, or left them.",
    },
    userid={**ID, "description": "Made as this user."},
    actinguserid={**ID, "description": "Who was logged in."},
    companyid=ID,
    erased={
        **BOOLEAN,
        "const": True,
        "description": "The personal values of this event have been erased.",
    },
    correlationid={
        **TEXT,
        "description": "Of the request that made it: the client's own, if it sent an"
        " `X-Correlation-ID`.",
    },
)

_CURSOR = {**CURSOR, "description": "To go on after this message."}

MESSAGE = component(
    "Message",
    {
        "anyOf": [
            component(
                "Event", {**EVENT, "description": "A CloudEvent (1.0, structured)."}
            ),
            component(
                "Removed",
                obj(
                    **NOTICE,
                    type={"type": "string", "const": "crm_cqrs.removed"},
                    subject={
                        **_SUBJECT,
                        "description": "The opportunity that has left your view.",
                    },
                    cursor=_CURSOR,
                ),
            ),
            component(
                "Resync",
                obj(
                    **NOTICE,
                    type={"type": "string", "const": "crm_cqrs.resync"},
                    cursor=_CURSOR,
                ),
            ),
        ]
    },
)

component(
    "EventPage",
    obj(
        events=array(MESSAGE, 1000),
        next={
            **CURSOR,
            "description": "The `cursor` to go on with, also once the log has grown.",
        },
        more={**BOOLEAN, "description": "There is more to read already."},
    ),
)
