"""Pairs of states: each opportunity at the beginning of a window, and at its end.

A pair is there for what differs between the two: a row of the one end that ended in the
window, and a row of the other that began in it, are joined on the opportunity. What
happened in between does not matter, and a row that lasts through the window is not
read. So a window costs the changes in it, however long the log is.

>>> from datetime import datetime, timezone
>>> noon = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
>>> pairs = Pairs(SQL("spans"), noon, noon, SQL("seen"), SQL("seen"))
>>> "FULL JOIN" in pairs.query().code
True

A row is a stretch (``cqrs.opportunity.span``), in which all stayed the same but stage,
closing date and probability; where stages or closing dates are asked for, it is a span.
What is equal at both ends would cancel out, and is half of all that a window has.

Where few owners are seen, the rows of others are not read at all. Then a missing row
may be one of somebody else, and only to tell that from one that is not there, the index
is asked for it.
"""

from dataclasses import dataclass
from datetime import datetime, timezone

from odoo.tools import SQL

from ..support.periods import Period
from ..support.sql_arrays import integers
from .change_kinds import CAME, LEFT, NUMBERS, first_of, is_revalued, numbers

_IS_REVALUED = SQL(
    "has_stayed OR (came_by IS NULL AND left_by = ANY(%s))",
    numbers(kind for kind in LEFT if is_revalued(kind.name, None)),
)

#: The function that tells whether a lead ended by being merged into another one: its
#: own last event is its deletion, in the transaction that merged it. A subquery in its
#: place would keep the planner from reading in parallel, and seem to cost more than
#: all else.
WAS_MERGED = SQL(
    """
    CREATE OR REPLACE FUNCTION cqrs_was_merged (lead_id integer) RETURNS boolean
    LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
        SELECT EXISTS (
            SELECT FROM cqrs_event ended
            JOIN cqrs_event merge
              ON merge.type IN ('OpportunityMerged', 'LeadMerged')
             AND (merge.epoch, merge.txid) = (ended.epoch, ended.txid)
             AND merge.details -> 'merged_from' @> to_jsonb(ended.stream_id)
            WHERE ended.stream_model = 'crm.lead' AND ended.after IS NULL
              AND ended.stream_id = lead_id)
    $$
    """
)


@dataclass(frozen=True)
class Pairs:
    """The question for the pairs of a window.

    :ivar relation: that of the spans
    :ivar start: the moment of the states before
    :ivar end: that of the states after
    :ivar ours_before: the condition that a row ``span`` is seen and somebody's in the
        scope, by the rights that hold for the beginning
    :ivar ours_after: the same for the end
    :ivar owner_ids: the owners of all that ``ours_…`` lets through, 0 for nobody; None
        if they are not known
    :ivar has_moved: ``ours_before`` and ``ours_after`` differ
    :ivar moved_owner_ids: the owners whose rows they may tell apart; None if they are
        not known
    :ivar stage_ids: in these stages; None for all
    :ivar closing: closing in this period; None for any time
    :ivar is_live: the end is now, so that all that is won has been won until then
    :ivar last_id: the query of an id that no lead exceeds which is there at the
        beginning; None, as no row, if none is known
    """

    relation: SQL
    start: datetime
    end: datetime
    ours_before: SQL
    ours_after: SQL
    owner_ids: tuple[int, ...] | None = None
    has_moved: bool = False
    moved_owner_ids: tuple[int, ...] | None = None
    stage_ids: tuple[int, ...] | None = None
    closing: Period | None = None
    is_live: bool = False
    last_id: SQL | None = None

    def query(self) -> SQL:
        """Return the query of the pairs that matter.

        It gives ``opportunity_id``; ``left_by`` and ``came_by``, the numbers of the
        kinds by which it left and came; ``is_revalued``: whether a change of its value
        counts; and ``before_value``, ``before_currency_id``, ``after_value`` and
        ``after_currency_id``.
        """
        # Rows that last are no part of the first join: of two relations together the
        # planner knows nothing, and would sort all rows.
        is_there = SQL("true")
        since, start, end = self._since(), self.start, self.end
        parts = [
            self._joined(
                SQL(
                    "%s <= %s AND until > %s AND until <= %s", since, start, start, end
                ),
                SQL(
                    "%s > %s AND %s <= %s AND until > %s", since, start, since, end, end
                ),
                is_before_there=self._is_there("before", "after", self.start),
                is_after_there=self._is_there("after", "before", self.end),
            ),
            *(
                self._joined(lasting, lasting, is_there, is_there)
                for lasting in self._lasting_intervals()
            ),
        ]
        return SQL(
            "SELECT *, %s AS is_revalued FROM (%s) pair OFFSET '0'",
            _IS_REVALUED,
            SQL(" UNION ALL ").join(parts),
        )

    def _joined(
        self, before: SQL, after: SQL, is_before_there: SQL, is_after_there: SQL
    ) -> SQL:
        """Return the query of the pairs of rows of two intervals."""
        return SQL(
            """
            SELECT COALESCE(before.opportunity_id, after.opportunity_id)
                       AS opportunity_id,
                   before.value AS before_value,
                   before.currency_id AS before_currency_id,
                   after.value AS after_value,
                   after.currency_id AS after_currency_id,
                   before.is_open IS TRUE AND after.is_open IS TRUE AS has_stayed,
                   CASE WHEN before.is_open THEN
                        CASE WHEN after.is_open IS NOT TRUE THEN %(left)s END
                        WHEN after.is_won THEN %(won)s END AS left_by,
                   CASE WHEN before.is_open IS NOT TRUE
                         AND (after.is_open OR after.is_won) THEN %(came)s
                   END AS came_by
            FROM (%(before)s) before
            FULL JOIN (%(after)s) after
              ON before.opportunity_id = after.opportunity_id
            CROSS JOIN LATERAL (
                SELECT %(is_before_there)s AS is_before_there,
                       %(is_after_there)s AS is_after_there
            ) stream
            WHERE before.is_open OR after.is_open OR after.is_won
            """,
            left=first_of(LEFT),
            won=NUMBERS["won"],
            came=first_of(CAME),
            before=self._states(before, self.ours_before),
            after=self._states(after, self.ours_after),
            is_before_there=is_before_there,
            is_after_there=is_after_there,
        )

    def level(self) -> SQL:
        """Return the query of what is open at the beginning.

        It gives ``currency_id``, ``value``, ``count``, and ``reconstructed``, their
        number.
        """
        holds = SQL("since <= %(at)s AND until > %(at)s", at=self.start)
        return SQL(
            """
            SELECT currency_id, value, 1 AS count,
                   (NOT is_recorded)::integer AS reconstructed
            FROM (%s) side WHERE is_open
            """,
            self._states(holds, self.ours_before),
        )

    def ours_in_stage(self) -> SQL:
        """Return the condition that a row ``span`` is in the scope at the beginning."""
        conditions = [self.ours_before, self._in_stage()]
        if self.owner_ids is not None:
            conditions.insert(0, owned_by(self.owner_ids))
        return SQL(" AND ").join(conditions)

    def _since(self) -> SQL:
        """Return the column with the beginning of the intervals that are compared.

        They are stretches, half as many as spans, unless it matters what may change
        within these.
        """
        is_by_stretch = self.stage_ids is None and self.closing is None
        return SQL("stretch_since" if is_by_stretch else "since")

    def _lasting_intervals(self) -> list[SQL]:
        """Return the conditions on what lasts through the window, and matters."""
        lasts = SQL("%s <= %s AND until > %s", self._since(), self.start, self.end)
        # Odoo may date a win after the transaction that made it began.
        won = [SQL("%s AND status = 'won' AND %s", lasts, self._is_closed())]
        if not self.has_moved:
            return won
        # What lasts through the window has come or left with its owner.
        is_moved = SQL(
            "%s AND (%s) IS DISTINCT FROM (%s)",
            SQL("true")
            if self.moved_owner_ids is None
            else owned_by(self.moved_owner_ids),
            self.ours_before,
            self.ours_after,
        )
        return [
            SQL("%s AND %s", lasts, is_moved),
            SQL("%s AND (%s) IS NOT TRUE", *won, is_moved),
        ]

    def _is_closed(self) -> SQL:
        """Return the condition that a row was closed in the window."""
        return SQL(
            "closed_at >= %s AND closed_at < %s",
            _naive(self.start),
            datetime.max if self.is_live else _naive(self.end),
        )

    def _states(self, interval: SQL, ours: SQL) -> SQL:
        """Return the query of the states of an interval, by the rights of an end."""
        conditions = [interval]
        if self.owner_ids is not None:
            conditions += [owned_by(self.owner_ids), ours]
        return SQL(
            """
            SELECT opportunity_id, value, currency_id, status, active, is_opportunity,
                   is_ours, is_in_stage, is_recorded,
                   COALESCE(is_ours AND is_opportunity AND active
                            AND status = 'pending' AND is_in_stage AND is_in_period,
                            false) AS is_open,
                   COALESCE(is_ours AND is_opportunity AND is_won AND is_in_stage,
                            false) AS is_won
            FROM (
                SELECT opportunity_id, value, currency_id, status, active, is_recorded,
                       type = 'opportunity' AS is_opportunity,
                       %(ours)s AS is_ours, %(in_stage)s AS is_in_stage,
                       %(in_period)s AS is_in_period,
                       status = 'won' AND %(closed)s AND %(closed_in_period)s AS is_won
                FROM %(relation)s span
                WHERE %(conditions)s
            ) side
            -- Computed once, though the kinds mention it again. A literal is no
            -- expression, which would keep the planner from reading in parallel.
            OFFSET '0'
            """,
            ours=ours,
            in_stage=self._in_stage(),
            in_period=_in_period(self.closing, SQL("closing_date"), is_time=False),
            closed=self._is_closed(),
            closed_in_period=_in_period(self.closing, SQL("closed_at"), is_time=True),
            relation=self.relation,
            conditions=SQL(" AND ").join(conditions),
        )

    def _in_stage(self) -> SQL:
        if self.stage_ids is None:
            return SQL("true")
        return SQL("COALESCE(stage_id = ANY(%s), false)", list(self.stage_ids))

    def _is_there(self, side: str, other: str, moment: datetime) -> SQL:
        """Return the expression of whether the lead is there at an end."""
        is_found = SQL("%s.opportunity_id IS NOT NULL", SQL(side))
        if self.owner_ids is None:
            return is_found
        may_be = SQL("true")
        if moment == self.start and self.last_id is not None:
            # Most of those that come are new.
            may_be = SQL(
                "%s.opportunity_id <= COALESCE((%s), 2147483647)",
                SQL(other),
                self.last_id,
            )
        return SQL(
            """
            (%(is_found)s OR %(may_be)s AND COALESCE((
                -- Looked up, where EXISTS would hash all spans of the moment.
                SELECT true FROM %(relation)s span
                WHERE span.opportunity_id = %(other)s.opportunity_id
                  AND span.since <= %(at)s AND span.until > %(at)s
                LIMIT 1), false))
            """,
            is_found=is_found,
            may_be=may_be,
            relation=self.relation,
            other=SQL(other),
            at=moment,
        )


def owned_by(owner_ids: tuple[int, ...]) -> SQL:
    """Return the condition that a row ``span`` is of one of some owners, 0 for none."""
    conditions = []
    if some := [id_ for id_ in owner_ids if id_]:
        conditions.append(SQL("span.user_id = ANY(%s)", integers(some)))
    if len(some) < len(owner_ids):
        conditions.append(SQL("span.user_id IS NULL"))
    return SQL("(%s)", SQL(" OR ").join(conditions or [SQL("false")]))


def _in_period(period: Period | None, column: SQL, is_time: bool) -> SQL:
    if period is None:
        return SQL("true")
    if is_time:
        first, until = (end and _naive(end) for end in (period.start, period.end))
    else:
        first, until = period.first, period.until
    bounds = [SQL("%s >= %s", column, first)] if first else []
    bounds += [SQL("%s < %s", column, until)] if until else []
    return SQL("COALESCE(%s, false)", SQL(" AND ").join(bounds))


def _naive(moment: datetime) -> datetime:
    """Return a moment as the tables have times of Odoo: in UTC, without a zone."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None)
