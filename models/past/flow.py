"""The flow of opportunities through the stages of the pipeline in a period."""

from array import array
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from zoneinfo import ZoneInfo

from odoo import api, models
from odoo.tools import SQL

from ..access import policy
from ..access.answer_context import AnswerContext
from ..access.owner_scopes import are_few, in_scopes
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..metrics.figures import exactly
from ..metrics.groupings import member
from ..opportunities.filters import owned
from ..opportunities.stages import stages
from ..support.answer_context import without_jit
from ..support.periods import UTC, months
from ..support.process_cache import VersionedCache
from .certainty import certainty
from .flow_figures import ENDING, Counted, Row
from .flow_levels import GRAIN, TENTHS
from .past import owned_by_some

#: The moves of settled periods
COUNTED = VersionedCache("flow", size=128)

#: Moves up to which a process keeps those of a period by group
KEPT_UPTO = 500_000

#: The groupings of the flow
BY = ("team", "salesperson", "month")

_GROUPS = {"team": SQL("move.team_id"), "salesperson": SQL("move.user_id")}


@dataclass(frozen=True)
class FlowScope:
    """The moves that count.

    :ivar since: aware, the first moment
    :ivar until: aware, the moment after the last one
    :ivar user_ids: owned by one of these; None among them is *unassigned*
    :ivar stage_ids: into or out of one of these
    :ivar closing: expected days of closing, the first and the last one
    :ivar hierarchy_at: the moment whose hierarchy decides; None for today's
    """

    since: datetime
    until: datetime
    company_ids: tuple[int, ...] | None = None
    user_ids: tuple[int | None, ...] | None = None
    team_ids: tuple[int, ...] | None = None
    stage_ids: tuple[int, ...] | None = None
    closing: tuple[date | None, date | None] = (None, None)
    hierarchy_at: datetime | None = None

    @property
    def is_of_all_owners(self) -> bool:
        """Whether company and stages alone tell what is within the scope."""
        return (self.user_ids, self.team_ids, *self.closing) == (None,) * 4

    @property
    def conditions(self) -> list[SQL]:
        """The conditions on a row ``move`` within the scope, but for its time."""
        found, move = [], SQL("move")
        if self.company_ids is not None:
            found.append(policy.in_companies(self.company_ids, move))
        if self.user_ids is not None:
            found.append(owned(self.user_ids, move))
        if self.team_ids is not None:
            found.append(SQL("move.team_id = ANY(%s)", list(self.team_ids)))
        if self.stage_ids is not None:
            ids = list(self.stage_ids)
            found.append(
                SQL("(from_stage_id = ANY(%s) OR to_stage_id = ANY(%s))", ids, ids)
            )
        for operator, day in zip((">=", "<="), self.closing, strict=True):
            if day is not None:
                found.append(SQL(f"move.closing_date {operator} %s", day))
        return found


class CqrsFlow(models.AbstractModel):
    """Reads the moves of opportunities between stages. Nothing is written.

    Whose moves one sees follows from today's rights, asked of the owner, team and
    company after the move.
    """

    _name = "cqrs.flow"
    _description = "Flow of the Pipeline"

    @api.model
    @exactly()
    def _read(
        self,
        user,
        scope: FlowScope,
        by: str | None = None,
        target_currency=None,
        zone: ZoneInfo = UTC,
    ) -> dict:
        """Return the flow of a period.

        *Example*: a deal is created in *New*, two days later is in *Proposal*, and is
        won a day after that. *New* was entered once and left once, by moving on after
        2.0 days; *Proposal* was entered once, and one deal was won from there after 1.0
        days; the cycle took 3.0 days.

        *What it costs*: one pass over the moves of the period; for whoever sees
        everything and asks for no groups, over those of two weeks at most
        (``flow_levels.py``). What a period had before the present day is counted once
        in a process.

        :param user: a ``res.users`` record
        :param by: one of ``BY``
        :param target_currency: that of the amounts, by default the user's company's
        :param zone: in which months begin
        :return: ``{user_id, from, until, currency, settled, stages: [{stage, entered,
            moved_on, moved_back, won, lost, median_days, p90_days}], deals, won, lost,
            win_rate, won_revenue, average_value, cycle_days, velocity, exact, groups,
            recorded_since, reconstructed, missing, computed_at}``, amounts in
            ``currency``; of a group the same figures beside its label, from ``stages``
            to ``exact``
        """
        if by is not None and by not in BY:
            raise ValueError(f"flow by {by!r}: not one of {', '.join(BY)}")
        without_jit(self.env)
        context = AnswerContext.of(self.env, user)
        now = AnswerContext.of(self.env).answered_at
        own = own_currency(context)
        currency = target_currency or own
        viewers = self.env["cqrs.access"]._viewers(user)
        groups = self._counted_by(viewers, scope, by, zone) if by else {}
        counted = Counted() if by else self._counted(viewers, scope)
        for part in groups.values():
            counted.add(part)
        currency_ids = {id_ or own.id for id_ in counted.revenue}
        converted = rates_into(currency, currency_ids, context)
        rates = {id_: rate for id_, (__, rate) in converted.items()}
        rates[None] = rates.get(own.id)
        answer = {
            "user_id": user.id,
            "from": scope.since,
            "until": scope.until,
            "currency": currency.name,
            "tz": zone.key,
            "settled": self._is_settled(scope),
            **self._figures(counted, scope, rates, currency),
        }
        if by:
            answer["groups"] = self._groups(by, groups, scope, rates, currency)
        return {
            **answer,
            **self._certainty(viewers, scope),
            "computed_at": now,
        }

    def _figures(self, counted: Counted, scope: FlowScope, rates: dict, currency):
        places = {id_: number for number, id_ in enumerate(stages(self.env))}

        def rank(stage_id: int | None) -> tuple:
            # A stage that is not known any more comes behind those of the pipeline.
            return places.get(stage_id, len(places)), stage_id or 0

        found = counted.stage_ids
        if scope.stage_ids is not None:
            found &= {*scope.stage_ids}
        names = stages(self.env)
        return {
            "stages": [
                {
                    "stage": id_ and {"id": id_, "name": names.get(id_)},
                    **counted.of_stage(id_, rank),
                }
                for id_ in sorted(found, key=rank)
            ],
            **counted.totals(rates, currency),
        }

    def _groups(
        self, by: str, groups: dict[object, Counted], scope, rates, currency
    ) -> list[dict]:
        labels = self.env["cqrs.metrics"]._labels(by, set(groups))
        return [
            {
                member(by): label,
                **self._figures(groups[key], scope, rates, currency),
            }
            for key, label in labels.items()
            if key in groups
        ]

    # -- the moves --

    def _counted_by(
        self, viewers, scope: FlowScope, by: str, zone
    ) -> dict[object, Counted]:
        """Return the moves of each group; a process keeps those before today."""
        if by == "month":
            # Each month is a period, and near levels as any other one.
            groups = {
                day: self._counted(viewers, replace(scope, since=since, until=until))
                for day, since, until in months(*self._moving(scope), zone)
            }
            return {day: counted for day, counted in groups.items() if counted.moves}
        before, after = self._parts(
            viewers,
            scope,
            (by,),
            lambda *part: self._count(viewers, scope, _GROUPS[by], *part),
            is_kept=lambda rows: sum(row.count for row in rows) <= KEPT_UPTO,
        )
        groups = defaultdict(list)
        for row in chain(before, after):
            groups[row.group].append(row)
        return {key: Counted.of(rows) for key, rows in groups.items()}

    def _moving(self, scope: FlowScope) -> tuple[datetime, datetime]:
        """Return the part of a scope's period in which there are moves at all."""
        relation = self.env["cqrs.stage.move"]._relation()
        [(first, last)] = self.env.execute_query(
            SQL("SELECT min(at), max(at) FROM %s move", relation)
        )
        if first is None:
            return scope.since, scope.since
        end = last + timedelta(microseconds=1)
        return max(scope.since, first), min(scope.until, end)

    def _counted(self, viewers, scope: FlowScope) -> Counted:
        """Return the moves of a scope; a process keeps those before today."""
        parts = self._parts(
            viewers, scope, (), lambda *part: self._count_all(viewers, scope, *part)
        )
        counted = Counted()
        for part in parts:
            counted.add(part)
        return counted

    def _parts(
        self,
        viewers,
        scope: FlowScope,
        key: tuple,
        count: Callable,
        is_kept: Callable = lambda part: True,
    ) -> tuple:
        """Return what ``count`` gives of the time before today, and of the rest."""
        today = AnswerContext.of(self.env).answered_at.replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        middle = min(max(scope.since, today), scope.until)
        version = self._version(viewers, scope, middle)
        if version is None or middle == scope.since:
            return count(scope.since, middle), count(middle, scope.until)
        key = version, (scope.since, middle, *key, repr(scope))
        store = COUNTED.store(self.env)
        before = store.get(key)
        if before is None:
            before = count(scope.since, middle)
            if is_kept(before):
                store[key] = before
        return before, count(middle, scope.until)

    def _count_all(self, viewers, scope: FlowScope, since, until) -> Counted:
        """Return the moves of a period, without groups."""
        near = self._near_levels(viewers, scope, since, until)
        if near is not None:
            return near
        return Counted.of(self._count(viewers, scope, SQL("NULL"), since, until))

    def _near_levels(self, viewers, scope, since, until) -> Counted | None:
        """Return the moves between the nearest levels, corrected; None without these.

        Only the companies of an opportunity decide about who sees everything.
        """
        if not (scope.is_of_all_owners and policy.see_everything(viewers)):
            return None
        levels = self.env["cqrs.flow.levels"]
        filled = levels._filled_until()
        if filled is None:
            return None
        start, end = (GRAIN.nearest(moment, filled) for moment in (since, until))
        if start >= end:
            return None
        seen = self.env["cqrs.access"]._visible(viewers, SQL("move"))
        counted = Counted()
        for moment, limit, sign in ((end, until, 1), (start, since, -1)):
            counted.add(levels._until(moment, seen, scope.conditions), sign)
            edge = sorted((moment, limit))
            rows = self._count(viewers, scope, SQL("NULL"), *edge)
            forward = 1 if moment < limit else -1
            counted.add(Counted.of(rows), sign * forward)
        return counted

    def _version(self, viewers, scope: FlowScope, until: datetime) -> tuple | None:
        """Return the version of the moves before a moment; None if they may change."""
        access = self.env["cqrs.access"]
        visibility = access._visibility_version(viewers, scope.hierarchy_at)
        if visibility is None or not self.env["cqrs.stage.move"]._is_settled(until):
            return None
        return visibility, self.env["cqrs.stage.move"]._version()

    def _is_settled(self, scope: FlowScope) -> bool:
        return self.env["cqrs.stage.move"]._is_settled(scope.until)

    def _count(self, viewers, scope: FlowScope, group: SQL, since, until) -> list[Row]:
        if since >= until:
            return []
        rows = self.env.execute_query(
            SQL(
                """
                SELECT %(group)s, from_stage_id, to_stage_id, kind,
                       CASE WHEN kind = 'won' THEN currency_id END, count(*),
                       (COALESCE(sum(value) FILTER (WHERE kind = 'won'), 0))::text,
                       COALESCE(sum(open_for) FILTER (WHERE kind = 'won'), 0)::bigint,
                       -- Of each duration a row would be as many rows as moves.
                       COALESCE(array_agg((%(tenths)s)::integer) FILTER (
                           WHERE kind = ANY(%(ending)s) AND stayed IS NOT NULL), '{}')
                FROM (%(moves)s) move
                GROUP BY 1, 2, 3, 4, 5
                """,
                group=group,
                tenths=TENTHS,
                ending=list(ENDING),
                moves=self._moves(viewers, scope, since, until),
            )
        )
        return [
            Row(*row[:6], Decimal(value), open_for, array("i", tenths))
            for *row, value, open_for, tenths in rows
        ]

    def _moves(self, viewers, scope: FlowScope, since, until) -> SQL:
        """Return the query of the moves of a period that one of the viewers sees."""
        access, move = self.env["cqrs.access"], SQL("move")
        seen = access._owner_scopes(viewers, scope.hierarchy_at)
        condition = (
            SQL("%s AND %s", owned_by_some(seen, move), in_scopes(seen, move))
            if are_few(seen)
            else access._visible(viewers, move, scope.hierarchy_at)
        )
        return SQL(
            "SELECT * FROM %s move WHERE at >= %s AND at < %s AND %s",
            self.env["cqrs.stage.move"]._relation(),
            since,
            until,
            SQL(" AND ").join([*scope.conditions, condition]),
        )

    def _certainty(self, viewers, scope: FlowScope) -> dict:
        recorded_since = self.env["cqrs.opportunity.span"]._recorded_since()
        count = reconstructed = 0
        if recorded_since is None or scope.since < recorded_since:
            [(count, reconstructed)] = self.env.execute_query(
                SQL(
                    """
                    SELECT count(DISTINCT opportunity_id),
                           count(DISTINCT opportunity_id) FILTER (WHERE NOT is_recorded)
                    FROM (%s) move
                    """,
                    self._moves(viewers, scope, scope.since, scope.until),
                )
            )
        return certainty(recorded_since, scope.since, count, reconstructed)
