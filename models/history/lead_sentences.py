"""Sentences about a lead's changes, in the words of salespeople."""

from .field_sentences import field_sentences, isolated

#: Fields that each get a sentence of their own, the most important first
_IMPORTANT = ("expected_revenue", "date_deadline", "probability", "partner_id", "name")

#: Fields that follow from another one, whose sentence says enough
_FOLLOWING = {
    # Losing archives a lead and reopening restores it; the reason is told apart.
    "won_status": {"active", "probability", "lost_reason_id"},
    "stage_id": {"probability"},
    "type": {"team_id"},
    "user_id": {"company_id", "company_id.currency_id"},
    "partner_id": {"partner_id.complete_name"},
    "company_id": {"company_id.currency_id"},
}

#: Times that Odoo notes of other changes
_STAMPS = {
    "date_open",
    "date_closed",
    "date_conversion",
    "date_last_stage_update",
}


def lead_sentences(env, event, changed: dict[str, dict]) -> list[str]:
    """Return the sentences for an edited lead, the most important first.

    Arguments are those of ``sentences``.
    """
    told = set(changed).difference(
        *(following for path, following in _FOLLOWING.items() if path in changed)
    )
    said = [
        say(env, event, changed[path]) for path, say in _SAY.items() if path in told
    ]
    told -= _SAY.keys()
    if said or told - _STAMPS:
        told -= _STAMPS
    # In the order of importance, then of the declaration.
    order = dict.fromkeys((*_IMPORTANT, *changed))
    fields = [changed[path] for path in order if path in told]
    important = len(told & set(_IMPORTANT))
    labels = {
        "expected_revenue": env._("Value"),
        "date_deadline": env._("Closing date"),
        "partner_id": env._("Customer"),
        "name": env._("Name"),
    }
    said += field_sentences(env, event, fields, labels, max(important, 1))
    return said or [env._("Edited")]


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
    old, new = isolated(env, change["before"]), isolated(env, change["after"])
    if not change["before"]:
        return env._("Assigned to %(new)s", new=new)
    if not change["after"]:
        return env._("Unassigned from %(old)s", old=old)
    return env._("Reassigned from %(old)s to %(new)s", old=old, new=new)


def _moved(env, event, change) -> str:
    return env._(
        "Moved from %(old)s to %(new)s",
        old=isolated(env, change["before"]) or env._("no stage"),
        new=isolated(env, change["after"]) or env._("no stage"),
    )


# In the order of the rules for a lead's event types.
_SAY = {
    "won_status": _outcome,
    "type": _converted,
    "active": _archived,
    "user_id": _reassigned,
    "stage_id": _moved,
}
