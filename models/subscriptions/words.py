"""Words of a mail: the names of changes and reasons, as on the screens."""

from math import floor

from .formats import Formats


def kind_label(env, kind: str) -> str:
    """Return the name of a kind of change of the pipeline, or of an end of it."""
    return {
        "start": env._("At the Beginning"),
        "created": env._("Created"),
        "reassigned_in": env._("Reassigned In"),
        "from_lead": env._("Converted Leads"),
        "restored": env._("Restored"),
        "reopened": env._("Reopened"),
        "stage_in": env._("Moved Into Stage"),
        "pulled_in": env._("Pulled In"),
        "increased": env._("Value Increased"),
        "decreased": env._("Value Decreased"),
        "won": env._("Won"),
        "lost": env._("Lost"),
        "archived": env._("Archived"),
        "to_lead": env._("Turned Into Leads"),
        "merged": env._("Merged"),
        "deleted": env._("Deleted"),
        "reassigned_out": env._("Reassigned Out"),
        "stage_out": env._("Moved Out of Stage"),
        "pushed_out": env._("Pushed Out"),
        "end": env._("At the End"),
    }.get(kind, kind)


#: Kinds in the order of their rows: what comes, what changes, what leaves
ORDER = (
    *("created", "reassigned_in", "from_lead", "restored", "reopened", "stage_in"),
    *("pulled_in", "increased", "decreased", "won", "lost", "archived", "to_lead"),
    *("merged", "deleted", "reassigned_out", "stage_out", "pushed_out"),
)


def reason_label(env, kind: str) -> str:
    """Return the name of a reason for which opportunities need attention."""
    return {
        "overdue": env._("Overdue"),
        "stuck": env._("Stuck"),
        "pushed": env._("Pushed"),
        "idle": env._("Idle"),
        "no_activity": env._("No Activity"),
    }[kind]


def reasons(env, deal: dict, today, formats: Formats) -> list[str]:
    """Return the reasons for which an opportunity needs attention, in words.

    :param deal: as the API has it
    :param today: the day that it is for the reader
    """

    def overdue() -> str:
        days = (today - type(today).fromisoformat(deal["closing_date"])).days
        if days == 1:
            return env._("1 day overdue")
        return env._("%s days overdue", formats.number(days))

    def days(name: str) -> str:
        return formats.number(floor(deal[name]))

    texts = {
        "overdue": overdue,
        "stuck": lambda: env._("%s days in its stage", days("stage_days")),
        "pushed": lambda: env._("Pushed %s times", days("pushes")),
        "idle": lambda: env._("Idle for %s days", days("idle_days")),
        "no_activity": lambda: env._("No activity planned"),
    }
    return [texts[kind]() for kind in deal["attention"]]
