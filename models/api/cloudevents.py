"""An event of the log in the form of CloudEvents 1.0 (JSON event format)."""

from collections.abc import Collection

from ..event_store.reader import Event
from ..feed.feed import EVENT, Message


def source(env) -> str:
    """Return the URI that stands for the database: ``urn:uuid:…``."""
    # Odoo gives a duplicated database, or a copy restored from a dump, another uuid.
    uuid = env["ir.config_parameter"].sudo().get_param("database.uuid")
    return f"urn:uuid:{uuid}"


def cloud_message(message: Message, source: str, cursor: str | None = None) -> dict:
    """Return a message of the feed as a CloudEvent.

    One of no event that may be told has an id, a type and, if a record is concerned,
    its ``subject``.

    :param source: a URI that stands for the database
    :param cursor: the text of the checkpoint to read on from after the message
    """
    if message.kind == EVENT:
        return cloud_event(message.event, source, cursor=cursor)
    notice = {
        "specversion": "1.0",
        "id": message.id,
        "source": source,
        "type": f"crm_cqrs.{message.kind}",
    }
    if message.event:
        notice["subject"] = f"{message.event.stream_model}/{message.event.stream_id}"
    if cursor:
        notice["cursor"] = cursor
    return notice


def cloud_event(
    event: Event,
    source: str,
    hidden: dict[str, set[str]] | None = None,
    cursor: str | None = None,
) -> dict:
    """Return the event as a CloudEvent; ``id`` is unique within ``source``.

    ``data`` is ``{version, before, after, details}``. The other columns of the log are
    extension attributes, left out if they are empty. ``position`` is a string, since an
    integer of CloudEvents has 32 bits; a client reads on after ``cursor``. ``erased``
    is true where personal values are gone from ``data``.

    :param source: a URI that stands for the database
    :param hidden: the field paths to leave out, by model
    :param cursor: the text of the checkpoint to read on from after the event
    """
    forbidden = (hidden or {}).get(event.stream_model, ())
    attributes = {
        "specversion": "1.0",
        "id": event.event_id,
        "source": source,
        "type": f"crm_cqrs.{event.type}",
        "subject": f"{event.stream_model}/{event.stream_id}",
        "time": event.occurred_at,
        "datacontenttype": "application/json",
        "schemaversion": event.schema_version,
        "streamversion": event.version,
        "position": str(event.position),
        "epoch": event.epoch,
        "cursor": cursor,
        "origin": event.origin,
        "userid": event.user_id,
        "actinguserid": event.acting_user_id,
        "companyid": event.company_id,
        "correlationid": event.correlation_id,
        "moduleversion": event.module_version,
        "hash": event.hash,
        "erased": event.is_erased or None,
        "data": {
            "version": event.version,
            "before": _shown(event.before, forbidden),
            "after": _shown(event.after, forbidden),
            "details": event.details,
        },
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _shown(values: dict | None, forbidden: Collection[str]) -> dict | None:
    if not values or not forbidden:
        return values
    return {path: value for path, value in values.items() if path not in forbidden}
