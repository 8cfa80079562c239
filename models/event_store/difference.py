"""The difference statement: source rows against the last recorded state.

One statement per captured model. It reads the state of the records asked for,
compares it with ``cqrs_stream``, and writes the new state and one event for each
record that differs. A mark too many costs nothing: no difference, no event. Asked
for all records it is the first build, since no state is recorded yet and
everything is new.

A state is a JSON object ``{field path: value}`` without nulls. Values: numbers
exact as stored, dates ``YYYY-MM-DD``, times ISO 8601 in UTC with ``Z``, many2one
an id, many2many a sorted array of ids, translated text ``{lang: text}``.
"""

import json
import re
from typing import NamedTuple

from odoo.tools import SQL

from .chain import COVERED, event_hash
from .source import Rule, Source


class Metadata(NamedTuple):
    """What the events of one transaction have in common.

    :ivar origin: one of ``event.ORIGINS``
    :ivar user_id: whom the change was made as, where the record itself does not say
    :ivar acting_user_id: who was logged in
    :ivar correlation_id: the HTTP request, None outside of one
    :ivar module_version: of this addon
    """

    origin: str
    user_id: int | None
    acting_user_id: int | None
    correlation_id: str | None
    module_version: str


#: Facts that the rows cannot tell of a record, by its id, e.g. ``{"merged_from": [7]}``
Details = dict[int, dict]


class Difference:
    """The difference statement of one source; its constant parts are built once.

    :param env: any environment, for the definitions of the fields
    """

    def __init__(self, env, source: Source):
        self._source = source
        self._table = SQL.identifier(env[source.model]._table)
        self._rows = _source_rows(env, source)
        self._everything = SQL(
            "(SELECT id FROM %s UNION"
            " SELECT stream_id FROM cqrs_stream WHERE stream_model = %s)",
            self._table,
            source.model,
        )
        self._type = _event_type(source)

    def statement(
        self, ids: list[int] | None, metadata: Metadata, details: Details
    ) -> SQL:
        """Return the statement; it gives ``(position,)`` of each event it writes.

        :param ids: the records to look at; None for all
        :param details: a record that has some gets an event in any case
        """
        return SQL(
            """
            WITH change AS (
                SELECT scope.id AS stream_id,
                       COALESCE(recorded.version, 0) + 1 AS version,
                       recorded.state AS old,
                       source.state AS new,
                       CASE WHEN %(origin)s NOT IN ('reconcile', 'migration')
                            THEN COALESCE(t.write_uid, %(user_id)s) END AS user_id,
                       recorded.hash AS previous_hash,
                       %(details)s -> scope.id::text AS details,
                       gen_random_uuid() AS event_id
                %(differing)s OR jsonb_exists(%(details)s, scope.id::text)
            ),
            described AS (
                SELECT change.*,
                       %(type)s AS type,
                       CASE WHEN new IS NULL THEN old WHEN old IS NOT NULL
                            THEN COALESCE(changed.before, '{}') END AS before,
                       CASE WHEN old IS NULL THEN new WHEN new IS NOT NULL
                            THEN COALESCE(changed.after, '{}') END AS after,
                       (COALESCE(new, old) ->> 'company_id')::integer AS company_id
                FROM change CROSS JOIN LATERAL (
                    SELECT
                        jsonb_object_agg(key, COALESCE(old -> key, 'null')) AS before,
                        jsonb_object_agg(key, COALESCE(new -> key, 'null')) AS after
                    FROM jsonb_object_keys(old || new) key
                    WHERE old -> key IS DISTINCT FROM new -> key
                ) changed
            ),
            sealed AS MATERIALIZED (
                SELECT described.*, %(hash)s AS hash
                FROM described
            ),
            recording AS (
                -- Another transaction's row, unseen by our snapshot, makes this fail
                -- with 40001 (retried by Odoo) rather than 23505 (not retried).
                INSERT INTO cqrs_stream
                    (stream_model, stream_id, version, state, hash)
                SELECT %(model)s, stream_id, version, new, hash FROM sealed
                ON CONFLICT (stream_model, stream_id) DO UPDATE
                SET version = EXCLUDED.version,
                    state = EXCLUDED.state,
                    hash = EXCLUDED.hash
            )
            INSERT INTO cqrs_event (
                event_id, stream_model, stream_id, version, type, schema_version,
                before, after, details, company_id, user_id, acting_user_id, origin,
                correlation_id, occurred_at, txid, epoch, module_version, hash)
            SELECT event_id, %(model)s, stream_id, version, type, %(schema_version)s,
                   before, after, details, company_id, user_id, %(acting_user_id)s,
                   %(origin)s, %(correlation_id)s, now(), pg_current_xact_id(),
                   (SELECT max(epoch) FROM cqrs_epoch), %(module_version)s, hash
            FROM sealed ORDER BY stream_id
            RETURNING position
            """,
            differing=self._differing(ids),
            details=SQL("%s::jsonb", json.dumps(details)),
            model=SQL("%s::text", self._source.model),
            type=self._type,
            hash=self._hash(metadata),
            schema_version=self._source.schema_version,
            origin=SQL("%s::text", metadata.origin),
            user_id=SQL("%s::integer", metadata.user_id),
            acting_user_id=SQL("%s::integer", metadata.acting_user_id),
            correlation_id=SQL("%s::text", metadata.correlation_id),
            module_version=SQL("%s::text", metadata.module_version),
        )

    def differing(self) -> SQL:
        """Return the query of the records whose row is not what is recorded of it.

        It gives ``stream_id`` and the recorded ``version``, NULL for a record that
        has no stream.
        """
        return SQL(
            "SELECT scope.id AS stream_id, recorded.version %s", self._differing(None)
        )

    def _differing(self, ids: list[int] | None) -> SQL:
        """Return ``FROM … WHERE …``: ``scope`` of the ids, ``source``, ``recorded``."""
        return SQL(
            """
            FROM %(scope)s AS scope (id)
            LEFT JOIN %(table)s t ON t.id = scope.id %(source_range)s
            %(source)s
            LEFT JOIN cqrs_stream recorded
              ON recorded.stream_model = %(model)s
             AND recorded.stream_id = scope.id %(recorded_range)s
            WHERE source.state IS DISTINCT FROM recorded.state
            """,
            scope=(
                self._everything if ids is None else SQL("unnest(%s::integer[])", ids)
            ),
            table=self._table,
            source=self._rows,
            model=self._source.model,
            source_range=_range(SQL("t.id"), ids),
            recorded_range=_range(SQL("recorded.stream_id"), ids),
        )

    def _hash(self, metadata: Metadata) -> SQL:
        columns = {name: SQL.identifier(name) for name in COVERED}
        columns |= {
            "stream_model": SQL("%s::text", self._source.model),
            "schema_version": SQL("%s::integer", self._source.schema_version),
            "acting_user_id": SQL("%s::integer", metadata.acting_user_id),
            "origin": SQL("%s::text", metadata.origin),
            "correlation_id": SQL("%s::text", metadata.correlation_id),
            "module_version": SQL("%s::text", metadata.module_version),
        }
        return event_hash(SQL("previous_hash"), SQL("now()"), columns)


def _source_rows(env, source: Source) -> SQL:
    """Return the joins that make ``source.state`` of the model's own row ``t``."""
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
        columns.append(SQL("%s AS %s", value, _column(path)))
    return SQL(
        # OFFSET 0 keeps the state from being made once for each use of it.
        """
        %(joins)s
        LEFT JOIN LATERAL (
            SELECT jsonb_strip_nulls(to_jsonb(s)) AS state
            FROM (SELECT %(columns)s) s OFFSET 0
        ) source ON t.id IS NOT NULL
        """,
        joins=SQL(" ").join(joins.values()),
        columns=SQL(", ").join(columns),
    )


def _range(column: SQL, ids: list[int] | None) -> SQL:
    # Keeps a batch of the first build from hashing whole tables; a statement of a
    # few records is shorter, and planned sooner, without it.
    if ids is None or len(ids) < 1000:
        return SQL()
    return SQL("AND %s BETWEEN %s AND %s", column, min(ids), max(ids))


def _column(path: str) -> SQL:
    """Return a field path as the name of a column; SQL.identifier knows no dots."""
    if not re.fullmatch(r"[a-z_]\w*(\.[a-z_]\w*)?", path):
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
        # The old value counts: a lead that becomes an opportunity is a Lead event.
        noun = SQL(
            "CASE COALESCE(old, new) ->> %s %s ELSE %s END",
            source.noun_field,
            SQL(" ").join(
                SQL("WHEN %s THEN %s", value, other) for value, other in source.nouns
            ),
            noun,
        )
    return SQL(
        """
        %s || CASE WHEN jsonb_exists(details, 'merged_from') THEN 'Merged'
                   WHEN new IS NULL THEN 'Deleted' WHEN old IS NULL THEN 'Created'
                   %s ELSE 'Updated' END
        """,
        noun,
        SQL(" ").join(
            SQL("WHEN %s THEN %s", _holds(rule), rule.suffix) for rule in source.rules
        ),
    )


def _holds(rule: Rule) -> SQL:
    changed = SQL(
        "old -> %(field)s IS DISTINCT FROM new -> %(field)s", field=rule.field
    )
    if rule.value is None:
        return changed
    return SQL("%s AND new ->> %s = %s", changed, rule.field, rule.value)
