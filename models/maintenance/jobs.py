"""The addon's scheduled actions: whether they are active, and whether any runs."""

from datetime import datetime, timedelta

from odoo.tools import SQL, str2bool

#: The one that performs runs
RUNS = "ir_cron_run"

#: Seconds by which all frequent actions are late: to be watched, and bad
LATE_SECONDS = (10 * 60, 60 * 60)

#: The time within which a server begins a run
PATIENCE = timedelta(minutes=2)

#: Those that a copy of a database may need, and that work on it alone: none hands seals
#: out, or forgets anybody
OF_A_COPY = (
    RUNS,
    "ir_cron_excel",
    "ir_cron_reconcile",
    "ir_cron_fold_metrics",
    "ir_cron_follow_log",
    "ir_cron_past_levels",
    "ir_cron_refresh_metrics",
    "ir_cron_verify",
)


def jobs(env) -> dict:
    """Return ``{count, inactive, can_activate, is_neutralized, late}``.

    ``inactive`` names actions in the user's language; ``can_activate`` tells whether
    one of ``OF_A_COPY`` is among them. ``late`` is the number of seconds by which all
    actions of each few minutes are late: no server runs any. None: none is active.
    """
    rows = env.execute_query_dict(_JOBS)
    inactive = {row["name"]: row["id"] for row in rows if not row["active"]}
    return {
        "count": len(rows),
        "inactive": env["ir.cron"].browse(inactive.values()).mapped("name"),
        "can_activate": not inactive.keys().isdisjoint(OF_A_COPY),
        "is_neutralized": is_neutralized(env),
        "late": _late(rows),
    }


def _late(rows: list[dict]) -> int | None:
    late = [row["late"] for row in rows if row["active"] and row["is_frequent"]]
    return max(min(late), 0) if late else None


def is_neutralized(env) -> bool:
    """Return whether this is a copy whose work outside of it is switched off."""
    value = env["ir.config_parameter"].get_param("database.is_neutralized")
    return str2bool(value or "", default=False)


def why_not_performed(env, requested_at: datetime, job: str = RUNS) -> str | bool:
    """Return why a pending run is not performed, in a sentence; False if it will be.

    :param requested_at: in UTC, without a zone
    :param job: the scheduled action that performs it
    """
    rows = env.execute_query_dict(_JOBS)
    if any(row["active"] for row in rows if row["name"] == job):
        # A server that has just been started catches up.
        is_new = env.cr.now() - requested_at < PATIENCE
        return (
            not is_new
            and (_late(rows) or 0) >= LATE_SECONDS[0]
            and env._(
                "No server runs the scheduled actions. Check that one does "
                "(max_cron_threads), or do the same with the command odoo-bin cqrs."
            )
        )
    if is_neutralized(env):
        return env._(
            "This database is a neutralized copy, whose scheduled actions are switched "
            "off. Activate them in CRM > Configuration > Event Store, or do the same "
            "with the command odoo-bin cqrs."
        )
    return env._(
        "The scheduled action that performs runs is switched off. Activate it in CRM > "
        "Configuration > Event Store, or do the same with the command odoo-bin cqrs."
    )


def activate(env):
    """Activate the actions of ``OF_A_COPY``, and perform the pending runs."""
    rows = env.execute_query_dict(_JOBS)
    crons = {row["name"]: env["ir.cron"].browse(row["id"]) for row in rows}
    for name in OF_A_COPY:
        if name in crons:
            crons[name].active = True
    if RUNS in crons:
        crons[RUNS]._trigger()


_JOBS = SQL(
    """
    SELECT data.name, cron.id, cron.active,
           cron.interval_type = 'minutes' AS is_frequent,
           extract(epoch FROM now() AT TIME ZONE 'UTC' - cron.nextcall)::integer AS late
    FROM ir_model_data data JOIN ir_cron cron ON cron.id = data.res_id
    WHERE data.module = 'crm_cqrs' AND data.model = 'ir.cron'
    ORDER BY data.name
    """
)
