"""The fold: the state of each stream, from its events alone.

A creation (``before`` is NULL) starts a state, each event after it lays its changed
fields over it, a deletion (``after`` is NULL) leaves none. A stream that was deleted
and created again starts over at its last creation.
"""

from odoo import models
from odoo.tools import SQL


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    # jsonb_object_agg() over jsonb_each() does the same four times slower.
    # jsonb_concat is strict: NULLs are skipped.
    _MERGE = SQL(
        """
        CREATE OR REPLACE AGGREGATE cqrs_jsonb_merge (jsonb)
            (SFUNC = jsonb_concat, STYPE = jsonb)
        """
    )

    def init(self):
        result = super().init()
        self.env.cr.execute(self._MERGE)
        return result


# The changes are merged with each other, and laid over the personal part of the
# creation, before all of it is laid over the rest of the creation: they are small, and
# the state is not. A creation has no nulls. PostgreSQL computes each of the aggregates
# once, however often they are mentioned.
_STATE = SQL(
    """
    CASE WHEN %(changes)s IS NULL THEN %(plain)s || COALESCE(%(personal)s, '{}')
         ELSE jsonb_strip_nulls(
             %(plain)s || (COALESCE(%(personal)s, '{}') || %(changes)s)) END
    """,
    plain=SQL("(cqrs_jsonb_merge(after) FILTER (WHERE before IS NULL))"),
    personal=SQL(
        "(cqrs_jsonb_merge(personal -> 'after') FILTER (WHERE before IS NULL))"
    ),
    changes=SQL(
        """
        (cqrs_jsonb_merge(CASE WHEN personal IS NULL THEN after
                               ELSE after || (personal -> 'after') END ORDER BY version)
             FILTER (WHERE before IS NOT NULL))
        """
    ),
)


def fold(events: SQL) -> SQL:
    """Return the query of the state that the events of each stream add up to.

    It gives ``stream_model``, ``stream_id``, ``version``, ``state`` (NULL once
    deleted) and ``hash``, as in ``cqrs_stream``.

    :param events: a relation with the columns of ``cqrs_event``
    """
    return SQL(
        # The few streams that were deleted and created again are folded once more, from
        # their deletion on: to leave out the events before it beforehand takes as long
        # as a third of the rest. Hashes and changes are sorted once, since they have
        # one order; a window function over the stream doubles the time.
        """
        WITH event AS NOT MATERIALIZED (SELECT * FROM %(events)s event)
        SELECT stream_model, stream_id, max(version) AS version,
               CASE WHEN %(deletion)s IS NULL THEN %(state)s
                    WHEN %(deletion)s < max(version) THEN (
                        SELECT %(state)s FROM event later
                        WHERE later.stream_model = event.stream_model
                          AND later.stream_id = event.stream_id
                          AND later.version > %(deletion)s)
               END AS state,
               (array_agg(hash ORDER BY version))[count(*)] AS hash
        FROM event
        GROUP BY stream_model, stream_id
        """,
        events=events,
        state=_STATE,
        deletion=SQL("max(event.version) FILTER (WHERE event.after IS NULL)"),
    )
