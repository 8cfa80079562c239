"""The recorded states: the fold of the events, and the records' own rows."""

from collections.abc import Iterator

from odoo.tools import SQL

from ...support.readable_values import RANGES, is_readable
from ..findings import (
    UNREADABLE_VALUE,
    UNRECORDED_CHANGE,
    WRONG_STATE,
    Finding,
    enough,
)
from ..scope import Scope
from ..shadow import STREAM, Shadow


def unrecorded_changes(env, scope: Scope, model: str) -> Iterator[Finding]:
    difference = env["cqrs.event"]._difference(model)
    # States and records are merged by their indexes: a hash of a million states, which
    # the planner prefers, goes to disk and takes half as long again.
    env.cr.execute("SET LOCAL enable_hashjoin = off")
    rows = env.execute_query(
        SQL("%s LIMIT %s", difference.differing(scope.ids(model)), enough())
    )
    env.cr.execute("SET LOCAL enable_hashjoin TO DEFAULT")
    for stream_id, version in rows:
        yield Finding(
            UNRECORDED_CHANGE,
            model,
            stream_id,
            version,
            env._("The record differs from its last recorded state. Reconcile."),
        )


def unreadable_values(env, scope: Scope, model: str) -> Iterator[Finding]:
    columns = [
        env[model]._fields[name]
        for name in env["cqrs.event"]._sources()[model].fields
        if "." not in name and env[model]._fields[name].type in RANGES
    ]
    if not columns:
        return
    readable = {
        field.name: is_readable(SQL.identifier("t", field.name), field.type)
        for field in columns
    }
    rows = env.execute_query(
        SQL(
            """
            SELECT t.id, value.name, left(value.text, 50)
            FROM %(table)s t CROSS JOIN LATERAL (VALUES %(values)s)
                AS value (name, text, is_readable)
            WHERE NOT (%(all)s) AND NOT value.is_readable AND %(covered)s
            ORDER BY t.id, value.name
            LIMIT %(limit)s
            """,
            table=SQL.identifier(env[model]._table),
            values=SQL(", ").join(
                SQL("(%s, %s::text, %s)", name, SQL.identifier("t", name), condition)
                for name, condition in readable.items()
            ),
            all=SQL(" AND ").join(readable.values()),
            covered=scope.holds(SQL("%s", model), SQL("t.id")),
            limit=enough(),
        )
    )
    for stream_id, name, value in rows:
        yield Finding(
            UNREADABLE_VALUE,
            model,
            stream_id,
            None,
            env._(
                "%(field)s has the value %(value)s, which Odoo cannot read. The "
                "value is ignored until you correct it.",
                field=name,
                value=value,
            ),
        )


def wrong_states(env, shadow: Shadow) -> Iterator[Finding]:
    rows = env.execute_query(
        SQL(
            """
            SELECT stream_model, stream_id,
                   COALESCE(live.version, folded.version),
                   live.id IS NULL, folded.id IS NULL,
                   live.version IS DISTINCT FROM folded.version,
                   live.state IS DISTINCT FROM folded.state
            FROM (SELECT * FROM %s WHERE %s) live
            FULL JOIN %s folded USING (stream_model, stream_id)
            WHERE (live.version, live.state, live.hash)
                IS DISTINCT FROM (folded.version, folded.state, folded.hash)
            ORDER BY stream_model, stream_id
            LIMIT %s
            """,
            shadow.live(STREAM),
            shadow.scope.holds(SQL("stream_model"), SQL("stream_id")),
            shadow.temporary(STREAM),
            enough(),
        )
    )
    for model, stream_id, version, no_state, no_event, versions, states in rows:
        if no_state:
            detail = env._("No state is recorded for a stream with events.")
        elif no_event:
            detail = env._("A state is recorded for a stream without events.")
        elif versions:
            detail = env._(
                "The recorded version differs from the version of the last event."
            )
        elif states:
            detail = env._(
                "The recorded state differs from the state that the events give."
            )
        else:
            detail = env._("The recorded hash differs from the hash of the last event.")
        yield Finding(WRONG_STATE, model, stream_id, version, detail)
