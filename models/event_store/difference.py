"""The difference statement: source rows against the last recorded state.

One statement per captured model. It reads the state of the records asked for, compares
it with ``cqrs_stream``, and writes the new state and one event for each record that
differs. A superfluous mark leaves nothing: no difference, no event. Run over records
without a recorded state, the same statement is the first build.
"""

import json
from collections.abc import Iterable
from dataclasses import replace

from odoo.tools import SQL

from .attached_sources import Attached
from .chain import COVERED, HASH_FORMAT, event_hash
from .event_type import ends_record, event_type
from .metadata import MIGRATION, Metadata
from .personal import commitment, parted_sides
from .row_state import NO_ROW, row_state
from .source import Source

#: Facts about records that their rows cannot tell, by id, e.g. ``{"merged_from": [7]}``
Details = dict[int, dict]
#: The users who wrote each record, by its id, the last writer last
Writers = dict[int, tuple[int, ...]]

#: Number of records from which on the statement is planned as one over a range of ids
SET_BASED_FROM = 1000

# Columns that differ between the events of a transaction
_OWN_COLUMNS = {name: SQL.identifier(name) for name in COVERED}

_STATEMENT = """
    SAVEPOINT cqrs_recording;
    WITH sealed AS MATERIALIZED (
        SELECT described.*%(commitment)s, %(hash)s AS hash
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
                   %(type)s AS type,
                   %(sides)s,
                   (COALESCE(new, old) ->> 'company_id')::integer AS company_id
            %(scope)s
            CROSS JOIN LATERAL (%(changed)s) changed
            WHERE %(differs)s %(or_detailed)s
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
        SELECT stream_id, new AS state, old AS former, version, now() AS occurred_at
        FROM sealed
    )
    %(applying)s,
    logged AS (
        INSERT INTO cqrs_event (
            event_id, stream_model, stream_id, version, type, schema_version,
            before, after, details, company_id, user_id, acting_user_id,
            origin, correlation_id, occurred_at, txid, module_version, hash,
            hash_format%(personal_columns)s)
        SELECT event_id, %(model)s, stream_id, version, type,
               %(schema_version)s, before, after, details, company_id, user_id,
               %(acting_user_id)s, %(origin)s, %(correlation_id)s, now(),
               pg_current_xact_id(), %(module_version)s, hash,
               %(hash_format)s%(personal_columns)s
        FROM sealed
        -- Not before all of those rows: the event of another transaction would
        -- fail with 23505.
        WHERE (SELECT count(*) FROM recording) > 0
        ORDER BY stream_id
        RETURNING stream_id, version, %(ends_record)s AS has_ended%(referred)s
    )
    SELECT set_config('crm_cqrs.recorded', json_build_array(
        EXISTS (SELECT FROM cqrs_projection_failure),
        json_agg(json_build_array(stream_id, version, has_ended))
        %(all_referred)s)::text, true)
    FROM logged;
    RELEASE SAVEPOINT cqrs_recording;
    SELECT current_setting('crm_cqrs.recorded')::json
"""


class Difference:
    """The difference statement of one source; its constant parts are built once.

    :param env: any environment, for the definitions of the fields
    :param applying: statements of the projections, which read the relation ``stream``
        (the records that changed); as a part of this statement they cost less than
        alone, see ``projection.py``
    :param references: many2one fields of the source whose new values the statement
        tells, in this order
    """

    #: The query of both sides of a change, with the fields that differ
    _CHANGED = """
        SELECT COALESCE(
                   jsonb_object_agg(key, COALESCE(old -> key, 'null')),
                   CASE WHEN new IS NULL THEN old WHEN old IS NOT NULL
                        THEN '{}' END) AS before,
               COALESCE(
                   jsonb_object_agg(key, COALESCE(new -> key, 'null')),
                   CASE WHEN old IS NULL THEN new WHEN new IS NOT NULL
                        THEN '{}' END) AS after
        FROM jsonb_object_keys(old || new) key
        WHERE old -> key IS DISTINCT FROM new -> key
        """
    #: The condition on a record whose change is recorded
    _DIFFERS = "new IS DISTINCT FROM old"

    def __init__(
        self,
        env,
        source: Source,
        applying: list[SQL],
        is_ending: bool = False,
        references: Iterable[str] = (),
    ):
        self.source = source
        self._applying = as_ctes(applying)
        if is_ending:
            self._row = self._built_row = NO_ROW
        else:
            self._table = SQL.identifier(env[source.model]._table)
            self._row = _inlined(env, row_state(env, source))
            self._built_row = _inlined(env, row_state(env, source, is_built=True))
        self._type = _inlined(env, event_type(source))
        self._built_type = _inlined(env, event_type(source, is_build=True))
        self._ends_record = _inlined(env, ends_record(source))
        self._referred = {"referred": SQL(), "all_referred": SQL()}
        if references:
            values = SQL(", ").join(SQL("after -> %s", path) for path in references)
            told = SQL(", json_build_array(%s) AS referred", values)
            self._referred = {
                "referred": _inlined(env, told),
                "all_referred": SQL(", json_agg(referred)"),
            }
        self._forms = {
            "changed": _inlined(env, SQL(self._CHANGED, paths=list(source.paths))),
            "differs": SQL(self._DIFFERS),
        }
        self._parts = {
            "sides": SQL("changed.before, changed.after"),
            "commitment": SQL(),
            "personal_columns": SQL(),
        }
        self._committed = SQL("NULL::bytea")
        if source.personal:
            self._committed = commitment(SQL("personal"))
            self._parts = {
                "sides": _inlined(env, parted_sides(source)),
                "commitment": SQL(", %s AS commitment", self._committed),
                "personal_columns": SQL(", personal, commitment"),
            }

    def statement(
        self,
        ids: list[int] | None,
        metadata: Metadata,
        details: Details,
        writers: Writers,
        is_applied: bool = True,
        is_joining: bool = False,
    ) -> SQL:
        """Return the statement; it gives one value, JSON.

        The value is ``[whether a projection has failed, [[stream_id, version, ended],
        …]]`` of the events; null for none. If the source has references, a third member
        has ``[id or null, …]`` of each event, in their order. If the statement fails,
        ``ROLLBACK TO SAVEPOINT cqrs_recording`` restores everything done before. The
        savepoint is sent and released with it, hence the detour of the value through a
        setting: of several statements, only the last one's result arrives.

        :param ids: the records to look at; None for all
        :param details: a record that has some gets an event in any case
        :param writers: the last one is the event's user, the others are details
        :param is_applied: False leaves the projections as they are
        :param is_joining: whether the records join, whatever the source's condition
        """
        facts = {
            id_: {"users": written_by[:-1]}
            for id_ in ids or ()
            if len(written_by := writers.get(id_, ())) > 1
        }
        for id_, told in details.items():
            facts[id_] = {**facts.get(id_, {}), **told}
        is_build = metadata.origin == MIGRATION
        details_of_record, or_detailed = SQL("NULL::jsonb"), SQL()
        type_ = self._built_type if is_build else self._type
        if facts:
            details_of_record = SQL("%s::jsonb -> scope.id::text", json.dumps(facts))
        if details:
            # One that is not on record stays so.
            or_detailed = SQL(
                "OR scope.id = ANY(%s) AND COALESCE(new, old) IS NOT NULL",
                list(details),
            )
            is_merge = SQL("jsonb_exists(%s, 'merged_from')", details_of_record)
            type_ = event_type(self.source, is_merge)
        values = self._values(metadata)
        return SQL(
            _STATEMENT,
            scope=self._scope(ids, writers, is_joining or is_build),
            details=details_of_record,
            or_detailed=or_detailed,
            type=type_,
            applying=self._applying if is_applied else SQL(),
            ends_record=self._ends_record,
            user_id=SQL("%s::integer", metadata.user_id),
            model=values["stream_model"],
            hash=_hash({**values, "commitment": self._committed}),
            hash_format=SQL("%s", HASH_FORMAT),
            **self._forms,
            **self._referred,
            **self._parts,
            **values,
        )

    def differing(self, ids: SQL | None = None) -> SQL:
        """Return the query of the records that differ from their recorded state.

        It gives ``stream_id`` and the recorded ``version``, NULL for a record that
        has no stream.

        :param ids: query of the records to look at; None for all
        """
        return SQL(
            "SELECT scope.id AS stream_id, version %s WHERE new IS DISTINCT FROM old",
            self._scope(ids, {}),
        )

    def _scope(
        self, ids: list[int] | SQL | None, writers: Writers, is_build: bool = False
    ) -> SQL:
        """Return ``FROM …``: ``scope``, with the ``old`` and the ``new`` state.

        ``writer_id`` is the last of ``writers``; ``row_writer_id`` is the row's own
        writer, if this transaction has written it: Odoo dates its writes with the
        transaction's start. A build also sees what joins only now.
        """
        if ids is None:
            scope = SQL(
                "(SELECT id, NULL::integer FROM %s UNION"
                " SELECT stream_id, NULL FROM cqrs_stream WHERE stream_model = %s)",
                self._table,
                self.source.model,
            )
        elif isinstance(ids, SQL):
            scope = SQL("(SELECT id, NULL::integer FROM (%s) listed (id))", ids)
        else:
            last_writers = [writers[id_][-1] if id_ in writers else None for id_ in ids]
            scope = SQL("unnest(%s::integer[], %s::integer[])", ids, last_writers)
        # Keeps a batch of the first build from hashing whole tables; a statement of a
        # few records is shorter, and planned sooner, without it.
        in_range = SQL()
        if isinstance(ids, list) and len(ids) >= SET_BASED_FROM:
            in_range = SQL("AND stream_id BETWEEN %s AND %s", min(ids), max(ids))
        return SQL(
            """
            FROM %(scope)s AS scope (id, writer_id)
            LEFT JOIN (
                SELECT stream_id, version, state AS old, hash
                FROM cqrs_stream WHERE stream_model = %(model)s %(in_range)s
            ) recorded ON recorded.stream_id = scope.id
            LEFT JOIN LATERAL (%(row)s) source ON true
            """,
            scope=scope,
            row=self._built_row if is_build else self._row,
            model=self.source.model,
            in_range=in_range,
        )

    def _values(self, metadata: Metadata) -> dict[str, SQL]:
        """Return the typed values of the columns that all events share."""
        return {
            "stream_model": SQL("%s::text", self.source.model),
            "schema_version": SQL("%s::integer", self.source.schema_version),
            "acting_user_id": SQL("%s::integer", metadata.acting_user_id),
            "origin": SQL("%s::text", metadata.origin),
            "correlation_id": SQL("%s::text", metadata.correlation_id),
            "module_version": SQL("%s::text", metadata.module_version),
        }


class Update(Difference):
    """The difference statement of records of which only some fields are written.

    It is shorter, and so parsed and planned sooner. It leaves out a record that is not
    on record, or is gone.

    :param paths: the captured fields that may differ
    """

    _CHANGED = """
        SELECT jsonb_object_agg(key, COALESCE(old -> key, 'null')) AS before,
               jsonb_object_agg(key, COALESCE(new -> key, 'null')) AS after
        FROM unnest(%(paths)s::text[]) key
        WHERE old -> key IS DISTINCT FROM new -> key
        """
    _DIFFERS = "new <> old"

    def __init__(self, env, source: Attached, paths: Iterable[str], *args, **kwargs):
        kept = set(paths)
        narrowed = replace(
            source,
            fields=tuple(path for path in source.fields if path in kept),
            personal=tuple(path for path in source.personal if path in kept),
            rules=tuple(rule for rule in source.rules if rule.field in kept),
            collected=(),
            condition=None,
        )
        super().__init__(env, narrowed, *args, **kwargs)


class Deletion(Difference):
    """The difference statement of records that are deleted; it leaves out all others.

    :param applying: with what the end of a record takes (``_deleting_statements``)
    """

    _CHANGED = "SELECT old AS before, NULL::jsonb AS after"
    _DIFFERS = "old IS NOT NULL AND new IS NULL"

    def __init__(self, env, source: Attached, applying: list[SQL]):
        super().__init__(env, replace(source, rules=()), applying)
        # One that is still there has the recorded state.
        self._row = SQL(
            "SELECT NULL::integer AS row_writer_id, old AS new FROM %s t"
            " WHERE t.id = scope.id",
            self._table,
        )
        self._ends_record = SQL("false")


def _hash(values: dict[str, SQL]) -> SQL:
    columns = {**_OWN_COLUMNS, **values, "hash_format": SQL("%s", HASH_FORMAT)}
    return event_hash(SQL("previous_hash"), SQL("now()"), columns)


def as_ctes(statements: list[SQL]) -> SQL:
    """Return data-modifying statements as further members of a WITH list."""
    return SQL().join(
        SQL(", %s AS (%s)", SQL.identifier(f"applying_{number}"), statement)
        for number, statement in enumerate(statements)
    )


def _inlined(env, constant: SQL) -> SQL:
    """Return a fragment with its parameters written into it, to be quoted only once."""
    text = env.cr.mogrify(constant.code, constant.params).decode()
    return SQL(text.replace("%", "%%"))
