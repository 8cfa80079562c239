"""Sentences about a record's events; of leads, in the words of salespeople."""

from ..event_store.personal import ERASED


def sentences(env, event, changed: dict[str, dict]) -> list[str]:
    """Return the sentences for an event, the most important first; at least one.

    An event holds the net change of a transaction, so it may take several sentences.

    :param event: a ``cqrs.event``
    :param changed: ``describe_changes`` by path, without fields hidden from the reader
    """
    if event.type == ERASED:
        return [env._("Personal data erased")]
    merged = (event.details or {}).get("merged_from")
    said = []
    if event.before is False:
        said.append(_created(env, event))
    if merged:
        said.append(env._("Merged %(count)s others into this one", count=len(merged)))
    if said:
        return said
    if event.after is False:
        return [env._("Deleted")]
    if event.stream_model != "crm.lead":
        return [env._("Edited")]
    # Losing archives a lead and reopening restores it: the outcome says so.
    told = changed.keys() - {"active"} if "won_status" in changed else changed.keys()
    said = [
        say(env, event, changed[path]) for path, say in _SAY.items() if path in told
    ]
    return said or [env._("Edited")]


def reasons(env, event, changed: dict[str, dict]) -> list[str]:
    """Return the reasons: for a loss, for an erasure, the origin if not a person."""
    why = []
    if event.type == ERASED:
        why.append(env._("Reason: %(reason)s", reason=event.details["reason"]))
    if event.is_erased:
        why.append(env._("Personal data of this change was erased."))
    lost = changed.get("lost_reason_id")
    if lost and lost["after"]:
        why.append(env._("Lost reason: %(reason)s", reason=lost["after"]))
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


def _outcome(env, event, change) -> str:
    return {
        "won": env._("Won"),
        "lost": env._("Lost"),
        "pending": env._("Reopened"),
    }.get(event.after["won_status"], env._("Edited"))


def _converted(env, event, change) -> str:
    if event.after["type"] == "opportunity":
        return env._("Converted to an opportunity")
    return env._("Turned back into a lead")


def _archived(env, event, change) -> str:
    return env._("Restored") if event.after["active"] else env._("Archived")


def _reassigned(env, event, change) -> str:
    if not change["before"]:
        return env._("Assigned to %(new)s", new=change["after"])
    if not change["after"]:
        return env._("Unassigned from %(old)s", old=change["before"])
    return env._(
        "Reassigned from %(old)s to %(new)s", old=change["before"], new=change["after"]
    )


def _moved(env, event, change) -> str:
    return env._(
        "Moved from %(old)s to %(new)s",
        old=change["before"] or env._("no stage"),
        new=change["after"] or env._("no stage"),
    )


# In the order of the rules for a lead's event types.
_SAY = {
    "won_status": _outcome,
    "type": _converted,
    "active": _archived,
    "user_id": _reassigned,
    "stage_id": _moved,
}
