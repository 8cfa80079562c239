"""The difference statement: source rows against the last recorded state.

One statement per captured model. It reads the state of the records in scope,
compares it with ``cqrs_stream``, and writes the new state and one event for each
record that differs. Marks too many cost nothing: no difference, no event. With
``scope=None`` the same statement is the first build, since no state is recorded
yet and everything is new.

A state is a JSON object ``{field path: value}`` without nulls. Values: numbers
exact as stored, dates ``YYYY-MM-DD``, times ISO 8601 in UTC with ``Z``, many2one
an id, many2many a sorted array of ids, translated text ``{lang: text}``.
"""

import re
from dataclasses import dataclass, field

from odoo.tools import SQL

from .source import Source

# What the hash of an event covers, and in which form. Raised with any change of
# HASH_MATERIAL, so that a verifier knows how to recompute an old event's hash.
HASH_FORMAT = 1


@dataclass
class Scope:
    """Which records of a source to look at.

    :ivar ids: ids of the source model itself
    :ivar related: ``{many2one of the source: ids that it may point to}``
    """

    ids: set[int] = field(default_factory=set)
    related: dict[str, set[int]] = field(default_factory=dict)


def difference(
    env, source: Source, scope: Scope | None, *, origin: str, user_id, correlation_id
) -> SQL:
    """Build the statement; it returns ``(position,)`` of each event written.

    :param env: any environment, for the definitions of the fields
    :param scope: None looks at every record of the model
    :param origin: one of ``event.ORIGINS``
    :param user_id: who acted, for a change that leaves no ``write_uid`` of its own
    """
    return SQL(
        """
        WITH scope AS MATERIALIZED (%(scope)s),
        source AS MATERIALIZED (%(source)s),
        recorded AS (
            SELECT s.stream_id, s.version, s.state, s.hash
            FROM cqrs_stream s %(recorded_scope)s
            WHERE s.stream_model = %(model)s
        ),
        change AS (
            SELECT stream_id,
                   COALESCE(recorded.version, 0) + 1 AS version,
                   recorded.state AS old,
                   source.state AS new,
                   COALESCE(source.state, recorded.state) AS known,
                   recorded.hash AS previous_hash,
                   CASE WHEN %(live)s
                        THEN COALESCE(source.write_uid, %(user_id)s) END AS user_id,
                   gen_random_uuid() AS event_id
            FROM source FULL JOIN recorded USING (stream_id)
            WHERE source.state IS DISTINCT FROM recorded.state
        ),
        described AS (
            SELECT change.*,
                   %(type)s AS type,
                   CASE WHEN new IS NULL THEN old ELSE changed.before END AS before,
                   CASE WHEN old IS NULL THEN new ELSE changed.after END AS after,
                   (known ->> 'company_id')::integer AS company_id
            FROM change CROSS JOIN LATERAL (
                SELECT jsonb_object_agg(key, COALESCE(o.value, 'null')) AS before,
                       jsonb_object_agg(key, COALESCE(n.value, 'null')) AS after
                FROM jsonb_each(old) o FULL JOIN jsonb_each(new) n USING (key)
                WHERE old IS NOT NULL AND new IS NOT NULL
                  AND o.value IS DISTINCT FROM n.value
            ) changed
        ),
        sealed AS MATERIALIZED (
            SELECT described.*, %(hash)s AS hash FROM described
        ),
        recording AS (
            -- Another transaction's row, unseen by our snapshot, makes this fail
            -- with 40001 (retried by Odoo) rather than 23505 (not retried).
            INSERT INTO cqrs_stream AS s
                (stream_model, stream_id, version, state, hash)
            SELECT %(model)s, stream_id, version, new, hash FROM sealed
            ON CONFLICT (stream_model, stream_id) DO UPDATE
            SET version = EXCLUDED.version,
                state = EXCLUDED.state,
                hash = EXCLUDED.hash
        )
        INSERT INTO cqrs_event (
            event_id, stream_model, stream_id, version, type, schema_version,
            before, after, company_id, user_id, origin, correlation_id,
            occurred_at, txid, epoch, hash)
        SELECT event_id, %(model)s, stream_id, version, type, %(schema_version)s,
               before, after, company_id, user_id, %(origin)s, %(correlation_id)s,
               now(), pg_current_xact_id(), (SELECT max(epoch) FROM cqrs_epoch), hash
        FROM sealed ORDER BY stream_id
        RETURNING position
        """,
        scope=_scope_rows(env, source, scope),
        source=_source_rows(env, source, scope),
        recorded_scope=(
            SQL("") if scope is None else SQL("JOIN scope ON scope.id = s.stream_id")
        ),
        model=SQL("%s::text", source.model),
        live=origin not in ("reconcile", "migration"),
        user_id=SQL("%s::integer", user_id),
        type=_event_type(source),
        hash=event_hash(source.model, source.schema_version, origin, correlation_id),
        schema_version=source.schema_version,
        origin=SQL("%s::text", origin),
        correlation_id=SQL("%s::text", correlation_id),
    )


def event_hash(model, schema_version, origin, correlation_id) -> SQL:
    """Return the SHA-256 that seals an event to the one before it in its stream.

    Neither position nor txid are covered: both change when a dump is restored.
    """
    return SQL(
        """
        sha256(COALESCE(previous_hash, ''::bytea) || convert_to(jsonb_build_array(
            %(format)s::integer, event_id, %(model)s::text, stream_id, version, type,
            %(schema_version)s::integer, before, after, company_id, user_id,
            %(origin)s::text, %(correlation_id)s::text,
            to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        )::text, 'UTF8'))
        """,
        format=HASH_FORMAT,
        model=model,
        schema_version=schema_version,
        origin=origin,
        correlation_id=correlation_id,
    )


def _scope_rows(env, source: Source, scope: Scope | None) -> SQL:
    if scope is None:
        return SQL("SELECT")
    rows = [SQL("SELECT unnest(%s::integer[]) AS id", sorted(scope.ids))]
    rows += [
        SQL(
            "SELECT id FROM %s WHERE %s = ANY(%s)",
            SQL.identifier(env[source.model]._table),
            SQL.identifier(fname),
            sorted(ids),
        )
        for fname, ids in scope.related.items()
    ]
    return SQL(" UNION ").join(rows)


def _source_rows(env, source: Source, scope: Scope | None) -> SQL:
    """Return ``SELECT stream_id, write_uid, state`` from the model's own table."""
    model = env[source.model]
    joins = {}
    columns = []
    for path in source.fields:
        fname, __, target = path.partition(".")
        alias, fields = SQL.identifier("t"), model._fields
        if target:
            comodel = env[model._fields[fname].comodel_name]
            alias, fields = SQL.identifier(fname), comodel._fields
            joins[fname] = SQL(
                "LEFT JOIN %s %s ON %s = %s",
                SQL.identifier(comodel._table),
                alias,
                SQL.identifier(fname, "id"),
                SQL.identifier("t", fname),
            )
        value = _value(alias, fields[target or fname])
        columns.append(SQL("%s AS %s", value, _key(path)))
    return SQL(
        """
        SELECT t.id AS stream_id, t.write_uid, jsonb_strip_nulls(to_jsonb(s)) AS state
        FROM %(table)s t %(scope)s %(joins)s
        CROSS JOIN LATERAL (SELECT %(columns)s) s
        """,
        table=SQL.identifier(model._table),
        scope=SQL("") if scope is None else SQL("JOIN scope ON scope.id = t.id"),
        joins=SQL(" ").join(joins.values()),
        columns=SQL(", ").join(columns),
    )


def _key(path: str) -> SQL:
    """Return a field path as a column name; SQL.identifier knows no dots."""
    if not re.fullmatch(r"[a-z]\w*(\.[a-z]\w*)?", path):
        raise ValueError(f"{path!r} is not a field path")
    return SQL(f'"{path}"')


def _value(alias: SQL, field) -> SQL:
    if field.type == "many2many":
        return SQL(
            "(SELECT jsonb_agg(%(other)s ORDER BY %(other)s) FROM %(table)s"
            " WHERE %(own)s = %(alias)s.id)",
            other=SQL.identifier(field.column2),
            table=SQL.identifier(field.relation),
            own=SQL.identifier(field.column1),
            alias=alias,
        )
    column = SQL("%s.%s", alias, SQL.identifier(field.name))
    if field.type == "datetime":
        # to_json writes ISO 8601 whatever the session's DateStyle and TimeZone.
        return SQL("(to_json(%s) #>> '{}') || 'Z'", column)
    return column


def _event_type(source: Source) -> SQL:
    noun = SQL("%s", source.noun)
    if source.noun_field:
        cases = [SQL("WHEN %s THEN %s", value, noun) for value, noun in source.nouns]
        # The old value counts: a lead that becomes an opportunity is a Lead event.
        noun = SQL(
            "CASE COALESCE(old, new) ->> %s %s ELSE %s END",
            source.noun_field,
            SQL(" ").join(cases),
            source.noun,
        )
    rules = SQL(" ").join(
        SQL("WHEN %s THEN %s", _holds(rule), rule.suffix) for rule in source.rules
    )
    return SQL(
        """
        %s || CASE WHEN new IS NULL THEN 'Deleted' WHEN old IS NULL THEN 'Created'
                   %s ELSE 'Updated' END
        """,
        noun,
        rules,
    )


def _holds(rule) -> SQL:
    changed = SQL("old -> %(field)s IS DISTINCT FROM new -> %(field)s", field=rule.field)
    if rule.value is None:
        return changed
    return SQL("%s AND new ->> %s = %s", changed, rule.field, rule.value)
