"""The part of the log that some companies may know.

The log itself tells to which company a record belonged before and after an event: the
state names it (``company_id``), whatever the record is today. An event whose record was
of these companies before and after is whole. One with which a record left or entered
them is told by that side alone: no value of the other side, nobody who did it, no hash
and no id by which one could try what the other side was.

* A record that leaves is ``removed``; ``before`` names the company that it leaves.
* A record that enters has no ``before``.

Records of no company are nobody's, unless ``is_shared`` counts them as everybody's. So
are people, groups and settings (``Source.has_company``): a user's company is the one
that Odoo begins with, and no owner.
"""

import hashlib
import uuid
from dataclasses import dataclass

from odoo.tools import SQL

from ..support.bound_companies import BOUND

#: The type of an event with which a record left the companies
REMOVED = "removed"

#: The key of the context by which code of the addon, with sudo, reads the log for
#: somebody who may work in these companies
OF_COMPANIES = "cqrs_log_of_companies"

#: Parts of a reader's environment on which the values of an event depend
READER = ("uid", "allowed_company_ids", BOUND, OF_COMPANIES)

#: Details of an event that are of its own record
_DETAILS = ("users", "uninstalled", "reason")

_ID_SALT = "crm_cqrs part of "


@dataclass(frozen=True)
class Part:
    """A part of the log.

    :ivar company_ids: the companies whose part it is
    :ivar models: the captured models whose records belong to companies
    :ivar is_shared: whether the events of no company are among it
    """

    company_ids: tuple[int, ...]
    models: tuple[str, ...]
    is_shared: bool = False


def id_of_part(event_id: str) -> str:
    """Return the id under which a side of an event is told.

    The hash of an event covers its id, so that without it nobody can try out values.
    """
    digest = hashlib.md5(  # of random bits, which nobody can try out
        f"{_ID_SALT}{event_id}".encode(), usedforsecurity=False
    )
    return str(uuid.UUID(digest.hexdigest()))


def in_part(events: SQL, part: Part) -> SQL:
    """Return a relation of events as a part of the log tells them.

    It has the columns of ``cqrs_event`` that readers use, ``is_seen`` and ``is_whole``;
    the rows of events that are not seen are not to be shown.

    :param events: a relation with the columns of ``cqrs_event``
    """
    ids = list(part.company_ids)

    def counts(company: SQL) -> SQL:
        known = SQL("%s = ANY(%s::integer[])", company, ids)
        if part.is_shared:
            return SQL("(%s IS NULL OR %s)", company, known)
        return SQL("COALESCE(%s, false)", known)

    return SQL(
        _PART,
        events=events,
        models=list(part.models),
        sees_before=counts(SQL("company.before")),
        sees_after=counts(SQL("company.after")),
        sees_merged=counts(SQL("merged.company_id")),
        removed=REMOVED,
        salt=_ID_SALT,
        details=SQL(", ").join(
            SQL("%s, event.details -> %s", name, name) for name in _DETAILS
        ),
    )


_PART = """
    (SELECT event.position, event.stream_model, event.stream_id, event.version,
            event.schema_version, event.origin, event.occurred_at, event.txid,
            event.epoch, event.module_version, event.hash_format,
            CASE WHEN is_whole THEN event.event_id
                 ELSE md5(%(salt)s || event.event_id)::uuid END AS event_id,
            CASE WHEN is_whole OR sees.after THEN event.type
                 ELSE %(removed)s END AS type,
            CASE WHEN is_whole THEN event.before
                 WHEN NOT sees.after THEN
                     jsonb_build_object('company_id', company.before) END AS before,
            CASE WHEN is_whole OR sees.after THEN event.after END AS after,
            CASE WHEN is_whole THEN event.personal
                 WHEN sees.after AND event.personal IS NOT NULL THEN
                     jsonb_build_object('after', event.personal -> 'after')
            END AS personal,
            CASE WHEN is_whole OR sees.after THEN event.commitment END AS commitment,
            CASE WHEN is_whole AND event.details IS NOT NULL THEN
                NULLIF(jsonb_strip_nulls(jsonb_build_object(
                    %(details)s,
                    'merged_from', (
                        SELECT jsonb_agg(id::integer ORDER BY id::integer)
                        FROM jsonb_array_elements_text(
                            event.details -> 'merged_from') AS listed (id)
                        WHERE EXISTS (
                            SELECT FROM cqrs_event merged
                            WHERE merged.stream_model = event.stream_model
                              AND merged.stream_id = id::integer
                              AND merged.after IS NULL AND %(sees_merged)s))
                )), '{}') END AS details,
            CASE WHEN is_whole OR sees.after THEN event.company_id
                 ELSE company.before END AS company_id,
            CASE WHEN is_whole THEN event.user_id END AS user_id,
            CASE WHEN is_whole THEN event.acting_user_id END AS acting_user_id,
            CASE WHEN is_whole THEN event.correlation_id END AS correlation_id,
            CASE WHEN is_whole THEN event.hash END AS hash,
            sees.before OR sees.after AS is_seen, is_whole
     FROM %(events)s event
     CROSS JOIN LATERAL (
         SELECT CASE WHEN NOT is_owned THEN NULL
                     WHEN jsonb_exists(event.before, 'company_id')
                     THEN (event.before ->> 'company_id')::integer
                     ELSE event.company_id END AS before,
                CASE WHEN is_owned THEN event.company_id END AS after
         FROM (SELECT event.stream_model = ANY(%(models)s::text[])) owned (is_owned)
     ) company
     CROSS JOIN LATERAL (
         SELECT event.before IS NOT NULL AND %(sees_before)s AS before,
                event.after IS NOT NULL AND %(sees_after)s AS after
     ) sees
     CROSS JOIN LATERAL (
         SELECT (event.before IS NULL OR sees.before)
                AND (event.after IS NULL OR sees.after) AS is_whole
     ) whole)
"""
