"""The difference statement: source rows against the last recorded state.

One statement per captured model. It reads the state of the records asked for,
compares it with ``cqrs_stream``, and writes the new state and one event for each
record that differs. A mark too many costs nothing: no difference, no event. Asked
for all records it is the first build, since no state is recorded yet and
everything is new.

A state is a JSON object ``{field path: value}`` without nulls. Values: numbers
exact as stored, dates ``YYYY-MM-DD``, times ISO 8601 in UTC with ``Z``, many2one
an id, many2many a sorted array of ids, translated text ``{lang: text}``. A value that
Odoo cannot read (``readable.py``) is a text as PostgreSQL writes it: ``"NaN"``,
``"infinity"``, ``"0044-03-15 BC"``.
"""

import json
from typing import NamedTuple

from odoo.tools import SQL, split_every

from ..support.readable_values import is_readable
from .chain import COVERED, HASH_FORMAT, event_hash
from .source import Rule, Source


class Metadata(NamedTuple):
    """What the events of one transaction have in common.

    :ivar origin: one of ``event.ORIGINS``
    :ivar user_id: whom the change was made as, where neither a writer is known nor the
        row says so
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
#: The users who wrote a record, by its id, the last one last
Writers = dict[int, tuple[int, ...]]


#: Records from which on a statement is made for a batch, rather than to be short
SET_BASED_FROM = 1000


class Difference:
    """The difference statement of one source; its constant parts are built once.

    :param env: any environment, for the definitions of the fields
    :param applying: statements that write what follows from the relation ``stream``
        (the records that changed) in the same breath, which costs less than statements
        of their own; see ``projection.py``
    """

    def __init__(self, env, source: Source, applying: list[SQL]):
        self._source = source
        self._applying = as_ctes(applying)
        self._table = SQL.identifier(env[source.model]._table)
        self._state = _inlined(env, _state(env, source))
        self._everything = SQL(
            "(SELECT id, NULL::integer FROM %s UNION"
            " SELECT stream_id, NULL FROM cqrs_stream WHERE stream_model = %s)",
            self._table,
            source.model,
        )
        self._noun = _inlined(env, _noun(source))
        self._rules = _inlined(
            env,
            SQL(" ").join(
                SQL("WHEN %s THEN %s", _holds(rule), rule.suffix)
                for rule in source.rules
            ),
        )
        self._ended = _inlined(env, _ended(source))

    def statement(
        self,
        ids: list[int] | None,
        metadata: Metadata,
        details: Details,
        writers: Writers,
        is_applied: bool = True,
    ) -> SQL:
        """Return the statement; it gives one value, JSON.

        That is ``[whether a projection has failed, [[stream_id, version, ended], …]]``
        of the events; null for none. If it fails, everything done before it can be had
        back by ``ROLLBACK TO SAVEPOINT cqrs_recording``. The savepoint is sent and
        released with it, hence the detour of the value through a setting: of several
        statements, only the last one's result arrives.

        :param ids: the records to look at; None for all
        :param details: a record that has some gets an event in any case
        :param writers: the event's user is the last of them, the others are details
        :param is_applied: False leaves the projections as they are
        """
        last_writers = [
            writers[id_][-1] if id_ in writers else None for id_ in ids or ()
        ]
        others = {
            id_: {"users": writers[id_][:-1]}
            for id_ in ids or ()
            if len(writers.get(id_, ())) > 1
        }
        facts = {
            id_: {**others.get(id_, {}), **details.get(id_, {})}
            for id_ in {**others, **details}
        }
        return self._statement(
            ids,
            last_writers,
            metadata,
            facts,
            tuple(details),
            self._applying if is_applied else SQL(),
        )

    def _statement(
        self,
        ids,
        writers,
        metadata: Metadata,
        details: Details,
        detailed_ids: tuple,
        applying: SQL,
    ) -> SQL:
        details_of_record, or_detailed, or_merged = SQL("NULL::jsonb"), SQL(), SQL()
        if details:
            details_of_record = SQL("%s::jsonb -> scope.id::text", json.dumps(details))
        if detailed_ids:
            or_detailed = SQL("OR scope.id = ANY(%s)", list(detailed_ids))
            or_merged = SQL(
                "WHEN jsonb_exists(%s, 'merged_from') THEN 'Merged'", details_of_record
            )
        return SQL(
            """
            SAVEPOINT cqrs_recording;
            WITH sealed AS MATERIALIZED (
                SELECT described.*, %(hash)s AS hash
                FROM (
                    SELECT scope.id AS stream_id,
                           COALESCE(recorded.version, 0) + 1 AS version,
                           old, new,
                           CASE WHEN %(origin)s NOT IN ('reconcile', 'migration')
                                THEN COALESCE(writer_id, row_writer_id, %(user_id)s)
                           END AS user_id,
                           recorded.hash AS previous_hash,
                           %(details)s AS details,
                           gen_random_uuid() AS event_id,
                           %(noun)s || CASE
                               WHEN new IS NULL THEN 'Deleted'
                               WHEN old IS NULL THEN 'Created'
                               %(or_merged)s
                               %(rules)s ELSE 'Updated' END AS type,
                           CASE WHEN new IS NULL THEN old WHEN old IS NOT NULL
                                THEN COALESCE(changed.before, '{}') END AS before,
                           CASE WHEN old IS NULL THEN new WHEN new IS NOT NULL
                                THEN COALESCE(changed.after, '{}') END AS after,
                           (COALESCE(new, old) ->> 'company_id')::integer AS company_id
                    %(scope)s
                    CROSS JOIN LATERAL (
                        SELECT
                            jsonb_object_agg(key, COALESCE(old -> key, 'null'))
                                AS before,
                            jsonb_object_agg(key, COALESCE(new -> key, 'null'))
                                AS after
                        FROM jsonb_object_keys(old || new) key
                        WHERE old -> key IS DISTINCT FROM new -> key
                    ) changed
                    WHERE new IS DISTINCT FROM old %(or_detailed)s
                    -- Computed once, though the hash mentions most of it again.
                    OFFSET 0
                ) described
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
                RETURNING stream_id
            ),
            stream AS (
                SELECT stream_id, new AS state, old AS former, version,
                       now() AS occurred_at
                FROM sealed
            )
            %(applying)s,
            logged AS (
                INSERT INTO cqrs_event (
                    event_id, stream_model, stream_id, version, type, schema_version,
                    before, after, details, company_id, user_id, acting_user_id,
                    origin, correlation_id, occurred_at, txid, module_version, hash)
                SELECT event_id, %(model)s, stream_id, version, type,
                       %(schema_version)s, before, after, details, company_id, user_id,
                       %(acting_user_id)s, %(origin)s, %(correlation_id)s, now(),
                       pg_current_xact_id(), %(module_version)s, hash
                FROM sealed
                -- Not before all of those rows: the event of another transaction would
                -- fail with 23505.
                WHERE (SELECT count(*) FROM recording) > 0
                ORDER BY stream_id
                RETURNING stream_id, version, %(ended)s AS has_ended
            )
            SELECT set_config('crm_cqrs.recorded', json_build_array(
                EXISTS (SELECT FROM cqrs_projection_failure),
                json_agg(json_build_array(stream_id, version, has_ended)))::text, true)
            FROM logged;
            RELEASE SAVEPOINT cqrs_recording;
            SELECT current_setting('crm_cqrs.recorded')::json
            """,
            scope=self._scope(ids, writers),
            details=details_of_record,
            or_detailed=or_detailed,
            model=SQL("%s::text", self._source.model),
            or_merged=or_merged,
            applying=applying,
            noun=self._noun,
            rules=self._rules,
            ended=self._ended,
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
            "SELECT scope.id AS stream_id, version %s WHERE new IS DISTINCT FROM old",
            self._scope(None, ()),
        )

    def _scope(self, ids: list[int] | None, writers) -> SQL:
        """Return ``FROM …``: ``scope``, with the ``old`` and the ``new`` state.

        ``writer_id`` is of ``writers``; ``row_writer_id`` is who wrote the row, if this
        transaction has done so: Odoo dates what it writes with the transaction's start.
        """
        # The columns of the row stay inside of the lateral query: joined outside,
        # the planner hands every one of them through each join, which takes it
        # longer than anything else here.
        return SQL(
            """
            FROM %(ids)s AS scope (id, writer_id)
            LEFT JOIN LATERAL (
                SELECT CASE WHEN t.write_date = now() AT TIME ZONE 'UTC'
                            THEN t.write_uid END AS row_writer_id,
                       %(state)s AS new
                FROM %(table)s t WHERE t.id = scope.id OFFSET 0
            ) source ON true
            LEFT JOIN (
                SELECT stream_id, version, state AS old, hash
                FROM cqrs_stream WHERE stream_model = %(model)s %(range)s
            ) recorded ON recorded.stream_id = scope.id
            """,
            ids=self._everything
            if ids is None
            else SQL("unnest(%s::integer[], %s::integer[])", ids, writers),
            state=self._state,
            table=self._table,
            model=self._source.model,
            range=_range(SQL("stream_id"), ids),
        )

    def _hash(self, metadata: Metadata) -> SQL:
        columns = {name: SQL.identifier(name) for name in COVERED}
        columns |= {
            "hash_format": SQL("%s", HASH_FORMAT),
            "stream_model": SQL("%s::text", self._source.model),
            "schema_version": SQL("%s::integer", self._source.schema_version),
            "acting_user_id": SQL("%s::integer", metadata.acting_user_id),
            "origin": SQL("%s::text", metadata.origin),
            "correlation_id": SQL("%s::text", metadata.correlation_id),
            "module_version": SQL("%s::text", metadata.module_version),
        }
        return event_hash(SQL("previous_hash"), SQL("now()"), columns)


def as_ctes(statements: list[SQL]) -> SQL:
    """Return data-modifying statements as further members of a WITH list."""
    return SQL().join(
        SQL(", %s AS (%s)", SQL.identifier(f"applying_{number}"), statement)
        for number, statement in enumerate(statements)
    )


def _state(env, source: Source) -> SQL:
    """Return the expression of the state of the model's own row ``t``."""
    model = env[source.model]
    pairs = []
    # In the order in which jsonb keeps keys, it has nothing to sort.
    for path in sorted(source.fields, key=lambda path: (len(path), path)):
        fname, __, target = path.partition(".")
        field = model._fields[fname]
        if target:
            comodel = env[field.comodel_name]
            value = SQL(
                "(SELECT %s FROM %s c WHERE c.id = %s)",
                _value(SQL.identifier("c"), comodel._fields[target]),
                SQL.identifier(comodel._table),
                SQL.identifier("t", fname),
            )
        else:
            value = _value(SQL.identifier("t"), field)
        pairs.append(SQL("%s, %s", path, value))
    # A function takes no more than 100 arguments.
    objects = [
        SQL("jsonb_build_object(%s)", SQL(", ").join(some))
        for some in split_every(50, pairs, list)
    ]
    return SQL("jsonb_strip_nulls(%s)", SQL(" || ").join(objects))


def _inlined(env, constant: SQL) -> SQL:
    """Return a fragment with its parameters in it, quoted once and not at each use."""
    text = env.cr.mogrify(constant.code, constant.params).decode()
    return SQL(text.replace("%", "%%"))


def _range(column: SQL, ids: list[int] | None) -> SQL:
    # Keeps a batch of the first build from hashing whole tables; a statement of a
    # few records is shorter, and planned sooner, without it.
    if ids is None or len(ids) < SET_BASED_FROM:
        return SQL()
    return SQL("AND %s BETWEEN %s AND %s", column, min(ids), max(ids))


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
        return SQL(
            "(to_json(%(column)s) #>> '{}') || CASE WHEN %(is_readable)s THEN 'Z'"
            " ELSE '' END",
            column=column,
            is_readable=is_readable(column, "datetime"),
        )
    if field.type in ("float", "monetary"):
        # Python refuses to read a whole number of more than 4,300 digits.
        return SQL(
            "CASE WHEN %(is_readable)s THEN to_jsonb(%(column)s)"
            " ELSE to_jsonb(%(column)s::text) END",
            column=column,
            is_readable=is_readable(column, field.type),
        )
    return column


def _noun(source: Source) -> SQL:
    if not source.noun_field:
        return SQL("%s", source.noun)
    return SQL(
        # The old value counts: a lead that becomes an opportunity is a Lead event.
        "CASE COALESCE(old, new) ->> %s %s ELSE %s END",
        source.noun_field,
        SQL(" ").join(
            SQL("WHEN %s THEN %s", value, noun) for value, noun in source.nouns
        ),
        source.noun,
    )


def _ended(source: Source) -> SQL:
    """Return whether an event ends a record, or makes it one of another noun."""
    if not source.noun_field:
        return SQL("after IS NULL")
    return SQL("after IS NULL OR jsonb_exists(before, %s)", source.noun_field)


def _holds(rule: Rule) -> SQL:
    """Return the condition on ``changed.after``, the changed fields' new values."""
    if rule.value is None:
        return SQL("jsonb_exists(changed.after, %s)", rule.field)
    return SQL("changed.after ->> %s = %s", rule.field, rule.value)
