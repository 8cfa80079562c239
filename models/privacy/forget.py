"""To forget a person: the steps, in the order that holds.

Odoo's own records go first, since the next write would record their values again; then
the log, whose projections follow; then the copies that rebuilds, screens and wizards
have left. All of that is one transaction. What follows it is in ``sweep.py``.
"""

import uuid
from collections import Counter
from dataclasses import dataclass, field

from odoo.tools import SQL

from ..event_store.erasure import erase
from ..webhooks.retention import forget_attempts
from . import erasures
from .finder import Found
from .removal import remove, remove_addresses, remove_written_by
from .search import matching, patterns_of
from .sweep import changed_tables
from .values import values_of

#: The tables of read models whose ``id`` is that of a captured record
READ_MODELS = {
    "crm.lead": ("cqrs_opportunity_view",),
    "res.users": ("cqrs_user_profile",),
    "res.partner": ("cqrs_contact",),
}


@dataclass
class Forgotten:
    """The outcome of an erasure that is about to be committed.

    :ivar counts: ``{"deleted": {model: number}, "emptied", "mentions", "kept",
        "messages": number, "streams": {model: number}, "events": number}``
    :ivar tables: the tables that it has changed
    :ivar values: texts to search for, which the database no longer has
    :ivar txid: the id of the transaction
    """

    counts: dict = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    txid: int = 0


def forget(
    env,
    found: Found,
    reason: str,
    mode: str,
    forgetting: str | None = None,
    *,
    is_searched: bool = True,
) -> Forgotten:
    """Erase a person's traces in this transaction; the caller commits.

    :param found: from ``find``, in this transaction
    :param mode: ``DELETE`` or ``EMPTY`` Odoo's own records
    :param forgetting: the id of the erasure, a new one by default
    :param is_searched: whether the values are to be searched for afterwards
    """
    env = env(su=True)
    values = values_of(env, found) if is_searched else []
    line = {
        "forgetting": forgetting or str(uuid.uuid4()),
        "mode": mode,
        "records": identities(env, found.records),
        "mentions": identities(env, found.mentions),
        "streams": stream_identities(env, found.streams),
    }
    partners = found.records.get("res.partner", [])
    messages = remove_written_by(env, partners, found.emails)
    removed = remove(env, found.records, mode)
    remove_addresses(env, found.mentions, found.emails)
    # Records the changes above as events, which are then erased with the others.
    env.cr.flush()
    erased = erase(env, found.streams, reason)
    _remove_copies(env, found, values)
    counts = {
        **removed,
        "messages": messages,
        "mentions": _numbers(found.mentions),
        "kept": _numbers(found.kept),
        "streams": _numbers(found.streams),
        "events": erased,
    }
    env["cqrs.forgetting"].create(
        {
            "uuid": line["forgetting"],
            "reason": reason,
            "mode": mode,
            "user_id": env.uid,
            "counts": counts,
        }
    )
    env.cr.flush()
    tables = changed_tables(env)
    env.cr.execute("SELECT pg_current_xact_id()::text::bigint")
    [txid] = env.cr.fetchone()
    # As late as possible: nothing but the commit can fail after it.
    erasures.append({**line, "at": env.cr.now().isoformat()})
    return Forgotten(counts, tables, values, txid)


def _numbers(ids: dict) -> dict[str, int]:
    return dict(Counter({model: len(each) for model, each in ids.items()}))


def identities(env, records: dict[str, list[int]]) -> dict[str, list]:
    """Return ``{model: [[id, time of creation]]}``, for a database restored later.

    There an id may be given to another record; the time is not.
    """
    return {
        model: [
            list(row)
            for row in env.execute_query(
                SQL(
                    "SELECT id, create_date::text FROM %s WHERE id = ANY(%s)",
                    SQL.identifier(env[model]._table),
                    list(ids),
                )
            )
        ]
        for model, ids in records.items()
    }


def stream_identities(env, streams: dict[str, list[int]]) -> dict[str, list]:
    """Return ``{model: [[id, event_id of the first event]]}``."""
    return {
        model: [
            list(row)
            for row in env.execute_query(
                SQL(
                    "SELECT stream_id, event_id::text FROM cqrs_event"
                    " WHERE stream_model = %s AND stream_id = ANY(%s) AND version = 1",
                    model,
                    list(ids),
                )
            )
        ]
        for model, ids in streams.items()
    }


def _remove_copies(env, found: Found, values: list[str]):
    """Delete the copies that rebuilds, wizards and messages to screens have left."""
    for model, ids in found.streams.items():
        tables = list(READ_MODELS.get(model, ()))
        env.cr.execute(
            SQL(
                """
                DELETE FROM cqrs_replaced
                WHERE table_name = 'cqrs_stream' AND row ->> 'stream_model' = %(model)s
                      AND (row ->> 'stream_id')::integer = ANY(%(ids)s)
                   OR table_name = ANY(%(tables)s)
                      AND (row ->> 'id')::integer = ANY(%(ids)s)
                """,
                model=model,
                ids=list(ids),
                tables=tables,
            )
        )
        env.cr.execute(
            SQL(
                "UPDATE cqrs_projection_failure SET error = ''"
                " WHERE stream_model = %s AND stream_id = ANY(%s)",
                model,
                list(ids),
            )
        )
        forget_attempts(env, model, list(ids))
    patterns = patterns_of(values)
    if patterns:
        for table in _tables_of_copies(env):
            env.cr.execute(
                SQL(
                    """
                    DELETE FROM %(table)s WHERE ctid = ANY(ARRAY(
                        SELECT t.ctid FROM %(table)s t
                        CROSS JOIN LATERAL (SELECT lower(t::text)) whole (cqrs_text)
                        WHERE %(matches)s))
                    """,
                    table=SQL.identifier(table),
                    matches=matching(patterns),
                ),
                log_exceptions=False,
            )
    env.invalidate_all(flush=False)


def _tables_of_copies(env) -> list[str]:
    """Return the tables whose rows live for a while: of wizards, bus and webhooks."""
    transient = [
        model._table
        for model in env.values()
        if model._transient and not model._abstract and model._auto
    ]
    return sorted({*transient, "bus_bus", "cqrs_replaced", "cqrs_webhook_attempt"})
