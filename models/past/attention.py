"""The open opportunities that need attention: their number, and what is at stake.

They are added up by currency and by the set of reasons that hold, so that one pass
answers each reason and any of some. A set is a number, the sum of ``BITS``.

>>> groups = {(1, 0b00001): (1, Decimal(100)), (1, 0b01001): (2, Decimal(20))}
>>> found = total(groups, ("idle",)), total(groups, ("overdue", "idle"))
>>> [(count, {1: str(values[1])}) for count, values in found]
[(2, {1: '20'}), (3, {1: '120'})]

For somebody with few owners that is a pass over their rows. For others the sums of all
rows are kept from one look of the follower to the next: an answer adds what has changed
since, which are the opportunities with unseen events, and those that became stuck or
idle as time went by. Both are few, and found by indexes. Activities have no events: the
sums of the opportunities that have one are kept beside those of all, until an activity
is planned or done.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..access.owner_scopes import are_few, in_scopes
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..metrics.figures import exactly
from ..metrics.rounding import rounded
from ..opportunities.filters import UNFILTERED, Filters, owned
from ..opportunities.pace import (
    IS_OPEN,
    KINDS,
    NOT_PLANNED,
    activities_version,
    crossed,
    needs_attention,
    pace_relation,
    stage_norms,
    stuck_by_norms,
)
from ..opportunities.text import resolved
from ..support.answer_context import without_jit
from ..support.process_cache import VersionedCache

#: Sums of viewers and filters
SUMS = VersionedCache("what needs attention", size=256)

#: The bit of each reason in a set of them
BITS = {kind: 1 << number for number, kind in enumerate(KINDS)}

_TABLE = SQL("cqrs_opportunity_pace")
_ANY = SQL("TRUE")

# Of a million opportunities: looked up one by one, activities take longer than all else
_ACTIVITIES = SQL(
    """
    LEFT JOIN (SELECT DISTINCT res_id FROM mail_activity
               WHERE res_model = 'crm.lead' AND active) activity
      ON activity.res_id = view.id
    """
)
_ARE_PLANNED = SQL(
    "view.id IN (SELECT res_id FROM mail_activity"
    " WHERE res_model = 'crm.lead' AND active)"
)

# An open one as the view has it. The pace is narrow, the view four times as wide.
_OF_PACE = SQL(
    """
    CROSS JOIN LATERAL (
        SELECT pace.id, pace.user_id, pace.team_id, pace.company_id, pace.currency_id,
               pace.stage_id, pace.closing_date, pace.value,
               'pending' AS status, true AS active
    ) view
    """
)
_OF_VIEW = SQL("JOIN cqrs_opportunity_view view ON view.id = pace.id")

#: ``{(currency id, set of reasons): (count, sum of values)}``
Groups = dict[tuple[int | None, int], tuple[int, Decimal]]


@dataclass(frozen=True)
class _Sums:
    """The sums of the table of the pace, at a moment."""

    moment: datetime
    groups: Groups


@dataclass(frozen=True)
class _Question:
    """A selection of opportunities to add up, for a day.

    :ivar joined: what joins a row ``view`` to a row ``pace``, and further ones
    :ivar where: the condition on these
    """

    today: date
    norms: tuple
    joined: SQL
    where: SQL

    def rows(
        self,
        pace: SQL,
        moment: datetime,
        not_planned: SQL | None = None,
        sign: int = 1,
        among: SQL = _ANY,
    ) -> SQL:
        """Return the query of currency, set of reasons, sign and value of each.

        :param pace: the relation of the pace
        :param not_planned: the condition that no activity is planned; None leaves that
            reason out
        :param among: a further condition
        """
        is_stuck = stuck_by_norms(self.norms, moment)
        reasons = needs_attention(moment, self.today, is_stuck)
        reasons["no_activity"] = not_planned
        return SQL(
            """
            SELECT view.currency_id, %(reasons)s AS reasons, %(sign)s AS sign,
                   %(value)s AS value
            FROM %(pace)s pace %(joined)s
            WHERE pace.stage_since IS NOT NULL AND %(is_open)s AND %(where)s
              AND %(among)s
            """,
            reasons=SQL(" + ").join(
                SQL("CASE WHEN %s THEN %s ELSE 0 END", reasons[kind], BITS[kind])
                for kind in KINDS
                if reasons[kind]
            ),
            sign=sign,
            value=SQL("view.value" if sign > 0 else "-view.value"),
            pace=pace,
            joined=self.joined,
            is_open=IS_OPEN,
            where=self.where,
            among=among,
        )


def total(groups: Groups, kinds) -> tuple[int, dict[int | None, Decimal]]:
    """Return count and values by currency of what has one of some reasons."""
    wanted = sum(BITS[kind] for kind in kinds)
    count, values = 0, defaultdict(Decimal)
    for (currency_id, reasons), (number, value) in groups.items():
        if reasons & wanted:
            count += number
            values[currency_id] += value
    return count, values


class CqrsAttention(models.AbstractModel):
    """Counts the open opportunities that need attention. Nothing is written."""

    _name = "cqrs.attention"
    _description = "Needs Attention"

    @api.model
    @exactly()
    def _read(
        self,
        user,
        today: date,
        filters: Filters = UNFILTERED,
        target_currency=None,
    ) -> dict:
        """Return what is at stake, of each kind (``opportunities/pace.py``).

        *Example*: of two deals of 100, one overdue and idle and the other idle,
        ``overdue`` has one of 100, ``idle`` two of 200, and ``any`` two of 200.

        *What it costs*: what changed since the follower's last look; the first time
        after it, one pass over the pace of the open opportunities.

        :param user: a ``res.users`` record
        :param today: the day that it is for the caller
        :param target_currency: that of the amounts, by default the user's company's
        :return: ``{user_id, currency, kinds: [{kind, count, amount, exact}], any:
            {count, amount, exact}, computed_at}``
        """
        context = AnswerContext.of(self.env, user)
        own = own_currency(context)
        currency = target_currency or own
        groups = self._groups(user, today, filters)
        rates = rates_into(currency, {id_ or own.id for id_, __ in groups}, context)

        def at_stake(*kinds) -> dict:
            count, values = total(groups, kinds)
            amounts = (value * rates[id_ or own.id][1] for id_, value in values.items())
            exact = sum(amounts, Decimal(0))
            return {"count": count, "amount": rounded(exact, currency), "exact": exact}

        return {
            "user_id": user.id,
            "currency": currency.name,
            "kinds": [{"kind": kind, **at_stake(kind)} for kind in KINDS],
            "any": at_stake(*KINDS),
            "computed_at": AnswerContext.of(self.env).answered_at,
        }

    @api.model
    @exactly()
    def _count(
        self, user, today: date, kinds: tuple[str, ...], filters: Filters = UNFILTERED
    ) -> int:
        """Return how many opportunities need attention for one of some reasons.

        It is the number that ``_read`` gives, of the same sums.
        """
        return total(self._groups(user, today, filters, kinds), kinds)[0]

    def _groups(
        self, user, today: date, filters: Filters, kinds: tuple[str, ...] = KINDS
    ) -> Groups:
        """Return the sums of the open opportunities that the user sees.

        :param kinds: the reasons that are wanted; others may be left out
        """
        has_activities = "no_activity" in kinds
        without_jit(self.env)
        filters = resolved(self.env, filters)
        access, view = self.env["cqrs.access"], SQL("view")
        viewers = access._viewers(user)
        seen = access._owner_scopes(viewers)
        wanted = self.env["cqrs.opportunities"]._condition(filters)
        norms = stage_norms(self.env)
        joined = _OF_PACE if filters.are_of_pace else _OF_VIEW
        if are_few(seen):
            ids = [id_ for scope in seen for id_ in scope.owner_ids]
            where = SQL("%s AND %s AND %s", wanted, owned(ids), in_scopes(seen, view))
            question = _Question(today, norms, joined, where)
            return self._present(question, NOT_PLANNED if has_activities else None)
        where = SQL("%s AND %s", wanted, access._visible(viewers, view))
        if not filters.are_of_pace:
            joined = SQL("%s %s", joined, _ACTIVITIES)
            question = _Question(today, norms, joined, where)
            return self._present(question, SQL("activity.res_id IS NULL"))
        visibility = access._visibility_version(viewers)
        version = visibility and (
            self.env["cqrs.opportunity.pace"]._table_version(),
            visibility,
            norms,
            today,
            filters,
        )
        everything = self._kept(_Question(today, norms, joined, where), version)
        if not has_activities:
            return everything
        planned = self._kept(
            _Question(today, norms, joined, SQL("%s AND %s", where, _ARE_PLANNED)),
            version and (*version, activities_version(self.env)),
        )
        return _with_activities(everything, planned)

    @property
    def _now(self) -> datetime:
        return AnswerContext.of(self.env).answered_at

    def _present(self, question: _Question, not_planned: SQL | None) -> Groups:
        """Return the sums of a question as they are now, in one pass."""
        relation = pace_relation(self.env)
        return self._added_up(question.rows(relation, self._now, not_planned))

    def _kept(self, question: _Question, version: tuple | None) -> Groups:
        """Return the sums of a question now: those that are kept, and what changed.

        :param version: of all that the sums of the table depend on but the moment
        """
        now, relation = self._now, pace_relation(self.env)
        kept = SUMS.get(
            self.env,
            version,
            (),
            lambda: _Sums(now, self._added_up(question.rows(_TABLE, now))),
        )
        dirty, *__ = self.env["cqrs.opportunity.pace"]._dirty()
        # A transaction that began earlier may come later.
        ids = {*dirty, *crossed(self.env, *sorted((kept.moment, now)))}
        if not ids:
            return kept.groups
        among = SQL("pace.id = ANY(%s)", sorted(ids))
        changes = self._added_up(
            SQL(
                "%s UNION ALL %s",
                question.rows(_TABLE, kept.moment, sign=-1, among=among),
                question.rows(relation, now, among=among),
            )
        )
        return _sum(kept.groups, changes)

    def _added_up(self, rows: SQL) -> Groups:
        """Return the sums of the rows of a question."""
        found = self.env.execute_query(
            SQL(
                """
                SELECT currency_id, reasons, sum(sign), sum(value)::text
                FROM (%s) opportunity
                GROUP BY currency_id, reasons
                """,
                rows,
            )
        )
        return {
            (currency_id, reasons): (count, Decimal(value))
            for currency_id, reasons, count, value in found
        }


def _sum(groups: Groups, others: Groups, sign: int = 1) -> Groups:
    """Return the sums of both, or of one without the other; without empty groups."""
    nothing = 0, Decimal(0)
    found = {}
    for key in {**groups, **others}:
        count, value = groups.get(key, nothing)
        other_count, other_value = others.get(key, nothing)
        if count := count + sign * other_count:
            found[key] = count, value + sign * other_value
    return found


def _with_activities(everything: Groups, planned: Groups) -> Groups:
    """Return the sums of all; those without an activity have that reason, too."""
    others = _sum(everything, planned, -1)
    return planned | {
        (currency_id, reasons | BITS["no_activity"]): sums
        for (currency_id, reasons), sums in others.items()
    }
