"""Erasure: personal values leave the log, and the chains still hold.

An event of format 2 loses its part ``personal`` (``personal.py``). One of format 1
loses its personal fields from ``before`` and ``after``, which its hash covers. The
database permits nothing else (``append_only.py``). Each stream that loses something
gets a chained event ``PersonalDataErased``. Its details are ``{reason, events,
remains}``: why, how many events, and for each event of format 1 the hash of what
remains of it. Without that event ``verify`` finds the loss, as it finds a later change
of what remains. If the record still exists, the event carries its present personal
values, so that the events add up to its state.

A field that is declared personal later stays in the older events of format 2.
"""

from collections.abc import Iterable

from odoo import api, models
from odoo.tools import SQL

from .chain import COMMITTED, COVERED, HASH_FORMAT, event_hash
from .metadata import Metadata, current_origin
from .personal import ERASED, commitment, plain_paths
from .source import DECLARED, Source

#: Setting of a transaction: the fields that events of format 1 may lose
ERASING = "crm_cqrs.erasing"

_VALUES = {name: SQL.identifier(name) for name in (*COVERED, *COMMITTED)}

_ERASE = """
    WITH erased AS (
        UPDATE cqrs_event event
        SET personal = NULL,
            before = CASE WHEN hash_format = 1 THEN before - %(fields)s::text[]
                          ELSE before END,
            after = CASE WHEN hash_format = 1 THEN after - %(fields)s::text[]
                         ELSE after END
        WHERE stream_model = %(model)s AND stream_id = ANY(%(ids)s)
          AND (personal IS NOT NULL
               OR hash_format = 1 AND (
                   jsonb_exists_any(before, %(fields)s::text[])
                   OR jsonb_exists_any(after, %(fields)s::text[])))
        RETURNING event.*
    ),
    counted AS (
        SELECT stream_id, count(*) AS events,
               jsonb_object_agg(event_id, encode(%(remains)s, 'hex'))
                   FILTER (WHERE hash_format = 1) AS remains
        FROM erased GROUP BY stream_id
    ),
    described AS (
        SELECT stream_id, gen_random_uuid() AS event_id, stream.version + 1 AS version,
               jsonb_strip_nulls(jsonb_build_object(
                   'reason', %(reason)s::text, 'events', events, 'remains', remains
               )) AS details,
               '{}'::jsonb AS before,
               CASE WHEN state IS NOT NULL THEN '{}'::jsonb END AS after,
               CASE WHEN state - %(plain)s::text[] <> '{}' THEN jsonb_build_object(
                   'salt', gen_random_uuid(),
                   'before', state - %(plain)s::text[] - gone.paths,
                   'after', state - %(plain)s::text[] || gone.emptied) END AS personal,
               gone.paths AS gone,
               (state ->> 'company_id')::integer AS company_id,
               hash AS previous_hash
        FROM counted JOIN cqrs_stream stream USING (stream_id)
        -- No record has a value of a field that has left: only the state kept it.
        CROSS JOIN LATERAL (
            SELECT COALESCE(array_agg(path), '{}') AS paths,
                   COALESCE(jsonb_object_agg(path, NULL::text), '{}') AS emptied
            FROM jsonb_object_keys(state - %(known)s::text[]) path
        ) gone
        WHERE stream_model = %(model)s
        OFFSET 0
    ),
    sealed AS MATERIALIZED (
        SELECT described.*, %(commitment)s AS commitment, %(hash)s AS hash
        FROM described
    ),
    recorded AS (
        UPDATE cqrs_stream stream
        SET version = sealed.version, hash = sealed.hash, state = state - sealed.gone
        FROM sealed
        WHERE stream.stream_model = %(model)s AND stream.stream_id = sealed.stream_id
    ),
    logged AS (
        INSERT INTO cqrs_event (
            event_id, stream_model, stream_id, version, type, schema_version,
            before, after, details, company_id, user_id, acting_user_id,
            origin, correlation_id, occurred_at, txid, module_version, hash,
            hash_format, personal, commitment)
        SELECT event_id, %(model)s, stream_id, version, %(type)s, %(schema_version)s,
               before, after, details, company_id, %(user_id)s, %(acting_user_id)s,
               %(origin)s, %(correlation_id)s, now(), pg_current_xact_id(),
               %(module_version)s, hash, %(hash_format)s, personal, commitment
        FROM sealed ORDER BY stream_id
        RETURNING stream_id, version
    )
    SELECT stream_id, version, events FROM logged JOIN counted USING (stream_id)
"""


def erase(env, streams: dict[str, Iterable[int]], reason: str) -> int:
    """Erase the personal values of some records from the log.

    In this transaction, with what it has changed before. Values that a record still has
    are recorded again with its next change: empty or delete it first. The rows are
    rewritten; VACUUM takes the values off the disk.

    :param streams: ``{model: ids of its records}``, deleted ones too
    :param reason: is kept for ever, so it must not name the person
    :return: the number of events that have lost something
    """
    env.cr.flush()
    log = env["cqrs.event"]
    return sum(
        log._erase(model, sorted(set(ids)), reason) for model, ids in streams.items()
    )


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    @api.model
    def _erase(self, model: str, ids: list[int], reason: str) -> int:
        """Erase the personal values of a model's streams; return how many events."""
        # A transaction that writes one of them meanwhile makes this fail with 40001.
        self.env.cr.execute(
            SQL(
                "SELECT FROM cqrs_stream WHERE stream_model = %s"
                " AND stream_id = ANY(%s) ORDER BY stream_id FOR UPDATE",
                model,
                ids,
            )
        )
        source = self._erased_source(model)
        plain = plain_paths(source) if source else []
        fields = self._personal_fields_of_format_1(model, ids, plain)
        self._permit_erasure(fields)
        rows = self.env.execute_query(
            SQL(_ERASE, **self._erasure_values(source, model, ids, reason, fields))
        )
        self._permit_erasure([])
        if rows:
            versions = {stream_id: version - 1 for stream_id, version, __ in rows}
            # Read models may show the version of a record.
            self.env["cqrs.projection"]._apply_one_by_one(model, versions)
            self.env["cqrs.projection"]._apply_changes({model: list(versions)}, {})
        return sum(events for *__, events in rows)

    def _erased_source(self, model: str) -> Source | None:
        """Return the source of a model, of one that has gone too, if it is declared."""
        declared = [*DECLARED.get(model, {}).values()]
        return self._sources().get(model) or (declared[-1] if declared else None)

    def _personal_fields_of_format_1(
        self, model: str, ids: list[int], plain: list[str]
    ) -> list[str]:
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT field FROM cqrs_event CROSS JOIN LATERAL
                    jsonb_object_keys(COALESCE(before, '{}') || COALESCE(after, '{}'))
                        AS field
                WHERE stream_model = %s AND stream_id = ANY(%s) AND hash_format = 1
                  AND field <> ALL(%s)
                ORDER BY field
                """,
                model,
                ids,
                plain,
            )
        )
        return [field for (field,) in rows]

    def _permit_erasure(self, fields: list[str]):
        """Let the events of format 1 lose some fields in this transaction."""
        self.env.cr.execute(
            "SELECT set_config(%s, CASE WHEN %s THEN (%s::text[])::text ELSE '' END,"
            " true)",
            [ERASING, bool(fields), fields],
        )

    def _erasure_values(
        self,
        source: Source | None,
        model: str,
        ids: list[int],
        reason: str,
        fields: list[str],
    ) -> dict:
        metadata = Metadata.current(self.env, current_origin())
        shared = {
            "hash_format": SQL("%s", HASH_FORMAT),
            "stream_model": SQL("%s::text", model),
            "type": SQL("%s::text", ERASED),
            "schema_version": SQL(
                "%s::integer", source.schema_version if source else 1
            ),
            "user_id": SQL("%s::integer", metadata.user_id),
            "acting_user_id": SQL("%s::integer", metadata.acting_user_id),
            "origin": SQL("%s::text", metadata.origin),
            "correlation_id": SQL("%s::text", metadata.correlation_id),
            "module_version": SQL("%s::text", metadata.module_version),
        }
        committed = {"commitment": commitment(SQL("personal"))}
        previous = SQL(
            "(SELECT hash FROM cqrs_event former"
            " WHERE former.stream_model = erased.stream_model"
            " AND former.stream_id = erased.stream_id"
            " AND former.version = erased.version - 1)"
        )
        former = {name: _VALUES[name] for name in COVERED}
        return shared | {
            "model": shared["stream_model"],
            "ids": ids,
            "fields": fields,
            "plain": plain_paths(source) if source else [],
            "known": list(source.paths) if source else [],
            "reason": reason,
            "remains": event_hash(previous, SQL("occurred_at"), former),
            "commitment": committed["commitment"],
            "hash": event_hash(
                SQL("previous_hash"), SQL("now()"), _VALUES | shared | committed
            ),
        }
