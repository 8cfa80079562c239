"""The bodies of messages: CloudEvents 1.0 in JSON, as ``/api/v2/events`` has them.

A message of no event has an id, a type and, if a record is concerned, its subject:

>>> resync = Message("resync", None, "r-1")
>>> body(resync, "thin", "urn:uuid:1").decode()
'{"specversion": "1.0", "id": "r-1", "source": "urn:uuid:1", "type": "crm_cqrs.resync"}'
"""

from typing import Literal

from ..api.cloudevents import cloud_message
from ..event_store.reader import Event
from ..feed.feed import EVENT, Message
from ..support.exact_json import dumps

#: The message of the test button, which is of no event
TEST = "test"


def body(
    message: Message,
    payload: Literal["thin", "full"],
    source: str,
    cursor: str | None = None,
) -> bytes:
    """Return the body of a message.

    :param message: one of the feed, or one of kind ``TEST``
    :param payload: ``full`` has the changed values; ``thin`` the names of their fields
    :param source: a URI that stands for the database
    :param cursor: where ``/api/v2/events`` goes on for who has the message, and has
        taken all that was delivered before
    """
    told = cloud_message(message, source, cursor)
    if message.kind == EVENT and payload == "thin":
        told["data"] = _names(message.event)
    return dumps(told).encode()


def _names(event: Event) -> dict:
    changed = {*(event.before or ()), *(event.after or ())}
    return {"version": event.version, "changed": sorted(changed)}
