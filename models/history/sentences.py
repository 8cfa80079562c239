"""Sentences about a record's events; of leads, in the words of salespeople."""

from ..event_store.part import REMOVED
from ..event_store.personal import ERASED
from .document_sentences import document_sentences
from .field_sentences import field_sentences, isolated
from .lead_sentences import lead_sentences


def sentences(env, event, changed: dict[str, dict]) -> list[str]:
    """Return the sentences for an event, the most important first; at least one.

    An event holds the net change of a transaction, so it may take several sentences.

    :param event: a ``cqrs.event``
    :param changed: ``describe_changes`` by path, without fields hidden from the reader
    """
    if event.type == ERASED:
        return [env._("Personal data erased")]
    if event.type == REMOVED:
        return [env._("Moved to another company")]
    if _has_come(event):
        return [env._("Moved here from another company")]
    if said := document_sentences(env, event):
        return said
    merged = (event.details or {}).get("merged_from")
    said = []
    if event.before is False:
        said.append(_created(env, event))
    if merged:
        said.append(
            env._("Merged another one into this one")
            if len(merged) == 1
            else env._("Merged %(count)s others into this one", count=len(merged))
        )
    if said:
        return said
    if event.after is False:
        return [env._("Deleted")]
    if event.stream_model == "crm.lead":
        return lead_sentences(env, event, changed)
    return field_sentences(env, event, list(changed.values())) or [env._("Edited")]


def _has_come(event) -> bool:
    """Return whether a record came with an event from companies of somebody else."""
    is_first = event.version == 1 or event.type.endswith("Created")
    return event.before is False and not is_first and "company_id" in event.after


def reasons(env, event, changed: dict[str, dict]) -> list[str]:
    """Return the reasons: for a loss, for an erasure, the origin if not a person."""
    why = []
    if event.type == ERASED:
        why.append(env._("Reason: %(reason)s", reason=event.details["reason"]))
    if event.is_erased:
        why.append(env._("Personal data of this change was erased."))
    lost = changed.get("lost_reason_id")
    if lost and lost["after"]:
        reason = isolated(env, lost["after"])
        why.append(env._("Lost reason: %(reason)s", reason=reason))
    if event.origin != "orm":
        origins = dict(event._fields["origin"]._description_selection(env))
        why.append(origins[event.origin])
    return why


def _created(env, event) -> str:
    if event.stream_model != "crm.lead":
        return env._("Created")
    if (event.after or {}).get("type") == "lead":
        return env._("Created as a lead")
    return env._("Created as an opportunity")
