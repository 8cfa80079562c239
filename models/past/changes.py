"""The changes of the open pipeline between two moments, by their kinds."""

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from decimal import Decimal
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..access import policy
from ..access.answer_context import AnswerContext
from ..access.owner_scopes import are_few, in_scopes
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..metrics.figures import exactly
from ..metrics.rounding import rounded, shares
from ..support.answer_context import without_jit
from ..support.periods import Period
from ..support.process_cache import VersionedCache
from ..support.sql_arrays import integers
from .certainty import certainty
from .change_kinds import (
    DECREASED,
    INCREASED,
    KINDS,
    LEFT,
    NAMES,
    contributions,
    is_revalued,
    numbers,
)
from .levels import GRAINS, change_rows, level_rows
from .pairs import WAS_MERGED, Pairs

#: The sums of windows that are settled
SUMS = VersionedCache("sums of changes", size=64)

#: The largest pairs of each kind that are found with the sums, about
FIRST_WANTED = 320
#: The part of a window that tells how large they are: one of so many
PARTS = 32


class NoHistory(LookupError):
    """There is no history at the beginning of a window.

    :ivar since: the time from which on there is some; None for none at all
    """

    def __init__(self, since: datetime | None):
        super().__init__(f"no history before {since}")
        self.since = since


@dataclass(frozen=True)
class Window:
    """Two moments of the past, whose states are compared.

    :ivar start: aware, in UTC, as ``end``
    :ivar is_live: its end is now, whenever it is asked for
    :ivar team: ``"now"`` or ``"then"``: whether the hierarchy is that of today, or at
        each end that of its moment
    """

    start: datetime
    end: datetime
    team: str = "now"
    is_live: bool = False

    @property
    def key(self) -> tuple:
        """The identity of a window, as far as its answer may differ."""
        return self.start, None if self.is_live else self.end, self.team


@dataclass(frozen=True)
class Scope:
    """The part of the pipeline that is asked for; None for all of it.

    :ivar user_ids: of these owners, None among them for nobody
    :ivar company_ids: of these companies, or of none
    :ivar team_ids: of these sales teams
    :ivar stage_ids: in these stages
    :ivar closing: expected to close in this period, or won in it
    """

    user_ids: tuple[int | None, ...] | None = None
    company_ids: tuple[int, ...] | None = None
    team_ids: tuple[int, ...] | None = None
    stage_ids: tuple[int, ...] | None = None
    closing: Period | None = None

    def whose(self) -> list[SQL]:
        """Return the conditions on whose a row ``span`` is."""
        conditions = []
        if self.user_ids is not None:
            conditions.append(
                SQL("COALESCE(span.user_id, 0) = ANY(%s)", integers(self.user_ids))
            )
        if self.company_ids is not None:
            conditions.append(policy.in_companies(self.company_ids, SQL("span")))
        if self.team_ids is not None:
            conditions.append(SQL("span.team_id = ANY(%s)", list(self.team_ids)))
        return conditions


class Group(NamedTuple):
    """Pairs of one kind and currency, added up.

    :ivar left: name of the kind by which they left
    :ivar came: the same of coming
    :ivar before: value at the beginning, in the currency ``before_id``
    :ivar after: at the end, in ``after_id``
    :ivar count: of the pairs
    :ivar first: ``(opportunity id, before, after)`` of those that are large enough
    :ivar value_from: the value from which on all are in ``first``, by what they leave
        or come with
    :ivar change_from: the same of a change of value
    """

    left: str | None
    came: str | None
    before_id: int | None
    after_id: int | None
    before: Decimal
    after: Decimal
    count: int
    first: tuple[tuple[int, Decimal, Decimal], ...] = ()
    value_from: Decimal = Decimal(0)
    change_from: Decimal = Decimal(0)

    @property
    def is_complete(self) -> bool:
        return len(self.first) == self.count

    def may_be(self, kind: str) -> bool:
        """Return whether the value of one of the pairs may have changed like this."""
        if not is_revalued(self.left, self.came):
            return False
        if self.before_id != self.after_id:
            return True
        is_up = kind == INCREASED.name
        return self.after > self.before if is_up else self.after < self.before


class Found(NamedTuple):
    """The sums of a window, in each currency.

    :ivar levels: ``[(currency id, amount, count, count of reconstructed)]`` of what is
        open at the beginning
    :ivar groups: of the pairs
    """

    levels: list[tuple[int | None, Decimal, int, int]]
    groups: list[Group]

    @property
    def counts(self) -> tuple[int, int]:
        """The numbers of those open at the beginning: reconstructed ones, and all."""
        return tuple(sum(level[n] for level in self.levels) for n in (3, 2))


class CqrsChanges(models.AbstractModel):
    """Compares what somebody sees of the open pipeline at two moments.

    The end states decide: what happened in between, and was undone, is no change. All
    amounts are at today's rates, so that a rate is no change either. Nothing is
    written.
    """

    _name = "cqrs.changes"
    _description = "Changes of the Pipeline"

    def init(self):
        self.env.cr.execute(WAS_MERGED)

    @api.model
    @exactly()
    def _read(
        self, user, window: Window, scope: Scope | None = None, target_currency=None
    ) -> dict:
        """Return the changes of the open pipeline by their kinds.

        ``start`` and the changes add up to ``end``, also as they are rounded. The
        amount of what leaves is negative. Counts are of opportunities; those of
        ``increased`` and ``decreased`` may have left, too.

        :param user: a ``res.users`` record
        :param target_currency: the ``res.currency`` of the answer, by default that of
            the user's company
        :return: ``{from, to, currency, settled, start: {amount, exact, count}, changes:
            [{kind, amount, exact, count}], end: {amount, exact, count},
            recorded_since, reconstructed, missing}``; kinds without opportunities are
            left out
        :raise NoHistory: the window begins before the history
        """
        scope = scope or Scope()
        self._check_history(window, scope)
        found = self._found(user, window, scope)
        currency, rates = self._conversion(user, found, target_currency)
        start = sum((rates[level[0]] * level[1] for level in found.levels), Decimal(0))
        amounts, counts = by_kind(found.groups, rates)
        end = start + sum(amounts.values())
        shown = rounded(start, currency), rounded(end, currency)
        parts = shares([*amounts.values()], shown[1] - shown[0], currency)
        came = sum(g.count for g in found.groups if g.came)
        left = sum(g.count for g in found.groups if g.left)
        __, count = found.counts
        return {
            "from": window.start,
            "to": window.end,
            "currency": currency.name,
            "settled": self._is_settled(window),
            "start": _figure(shown[0], start, count),
            "changes": [
                {"kind": name, **_figure(part, amounts[name], counts[name])}
                for name, part in zip(amounts, parts, strict=True)
            ],
            "end": _figure(shown[1], end, count + came - left),
            **self._certainty(window, found),
        }

    # The sums

    def _found(self, user, window: Window, scope: Scope) -> Found:
        without_jit(self.env)
        viewers = self.env["cqrs.access"]._viewers(user)
        version = self._version(viewers, window)
        return SUMS.get(
            self.env,
            version,
            (window.key, scope),
            lambda: self._ask(viewers, window, scope),
        )

    def _ask(self, viewers, window: Window, scope: Scope) -> Found:
        pairs = self._pairs(viewers, window, scope)
        groups = self._groups(pairs)
        present = self._present(viewers, window, scope)
        if present is not None:
            return Found(levels_before(present, groups), groups)
        levels = self.env.execute_query(
            SQL(
                """
                SELECT currency_id, sum(value)::text, sum(count)::integer,
                       sum(reconstructed)::integer
                FROM (%s) level GROUP BY currency_id
                """,
                self._near_level(viewers, pairs, window, scope) or pairs.level(),
            )
        )
        return Found(
            [(id_, Decimal(text), *rest) for id_, text, *rest in levels], groups
        )

    def _groups(self, pairs: Pairs) -> list[Group]:
        """Return the sums of the pairs of each kind, and the largest of them."""
        rows = self.env.execute_query(
            SQL(
                # Odoo's cursor turns numeric into float, and leaves text alone.
                # Whether a value fell is known of each opportunity, but where its
                # currency is another one.
                """
                WITH pair AS (%s)
                SELECT min(left_by), min(came_by),
                       min(before_currency_id), min(after_currency_id),
                       COALESCE(sum(before_value), 0)::text,
                       COALESCE(sum(after_value), 0)::text, count(*)::integer,
                       array_agg(ROW(opportunity_id, before_value, after_value)::text)
                           FILTER (WHERE size >= COALESCE(value_from, 0)
                                   OR change >= COALESCE(change_from, 0)),
                       COALESCE(min(value_from), 0)::text,
                       COALESCE(min(change_from), 0)::text
                FROM pair LEFT JOIN (%s) threshold USING (kind, currency_id)
                GROUP BY way
                """,
                _sized(pairs),
                self._thresholds(pairs),
            )
        )
        return [
            Group(
                NAMES.get(left),
                NAMES.get(came),
                *row[:2],
                *map(Decimal, row[2:4]),
                row[4],
                tuple(map(_place, row[5] or ())),
                *map(Decimal, row[6:]),
            )
            for left, came, *row in rows
        ]

    def _thresholds(self, pairs: Pairs) -> SQL:
        """Return the query of the sizes from which on a pair is among the largest.

        Where owners are few they are found of the relation ``pair``; else those of a
        part of the window. If it differs from the rest, more or less pairs are found
        than wanted, and all of them where it has few.
        """
        if pairs.owner_ids is not None:
            return _kth_largest(SQL("pair"), FIRST_WANTED)
        part = replace(pairs, start=pairs.end - (pairs.end - pairs.start) / PARTS)
        kth = max(1, FIRST_WANTED // PARTS)
        # Odoo's cursor turns numeric into float, and leaves text alone.
        rows = self.env.execute_query(
            SQL(
                "SELECT kind, currency_id, value_from::text, change_from::text"
                " FROM (%s) threshold",
                _kth_largest(SQL("(%s) pair", _sized(part)), kth),
            )
        )
        columns = [[row[n] for row in rows] for n in range(4)]
        return SQL(
            """
            SELECT * FROM unnest(%s::integer[], %s::integer[], %s::numeric[],
                                 %s::numeric[])
                AS threshold (kind, currency_id, value_from, change_from)
            """,
            *columns,
        )

    def _present(
        self, viewers, window: Window, scope: Scope
    ) -> dict[int | None, tuple[Decimal, int]] | None:
        """Return the amount and count that are open now, in each currency.

        The metrics have these sums, of a window that ends now, in some scopes. None: of
        this one they have not.
        """
        since = self.env["cqrs.opportunity.span"]._recorded_since()
        if (
            not window.is_live
            or window.team != "now"
            or window.start < since
            or (scope.user_ids, scope.team_ids, scope.closing) != (None, None, None)
        ):
            return None
        stage_ids = scope.stage_ids
        grouping = ("owner", None) if stage_ids is None else ("stage", "stage_id")
        rows = self.env["cqrs.metrics"]._sums(
            viewers, 0, *grouping, company_ids=scope.company_ids
        )
        present = {}
        for row in rows:
            if stage_ids is None or (row["is_group"] and row["group"] in stage_ids):
                amount, count = present.get(row["currency_id"], (Decimal(0), 0))
                present[row["currency_id"]] = (
                    amount + row["pipeline_value"],
                    count + row["active"],
                )
        return present

    def _near_level(
        self, viewers, pairs: Pairs, window: Window, scope: Scope
    ) -> SQL | None:
        """Return the query of what is open at the beginning, as ``Pairs.level``.

        That is what was open at the nearest moment whose sums are kept, and what
        changed between the two. None: no sums are kept of the scope, or near it.
        """
        if scope.closing:
            return None
        # The sums of all owners know stages; those of each owner know teams.
        is_of_all = (
            scope.user_ids,
            scope.team_ids,
        ) == (None, None) and policy.see_everything(viewers)
        if not is_of_all and scope.stage_ids is not None:
            return None
        grain = GRAINS["all" if is_of_all else "owner"]
        until = self.env["cqrs.past.levels"]._filled_until()
        moment = until and grain.nearest(window.start, until)
        if moment is None or abs(moment - window.start) > 2 * grain.stride:
            return None
        ours, today = pairs.ours_in_stage(), window.start.date()
        return SQL(
            """
            SELECT currency_id, pipeline_value AS value, active AS count,
                   unknown AS reconstructed
            FROM (%s UNION ALL %s) level
            """,
            level_rows(grain, moment, today, ours),
            change_rows(pairs.relation, moment, window.start, today, ours),
        )

    def _pairs(self, viewers, window: Window, scope: Scope) -> Pairs:
        """Return the question for the pairs of a window that viewers see."""
        seen, scopes = self._seen(viewers, window), self._scopes(viewers, window)
        owner_ids = None
        if all(map(are_few, scopes)):
            owner_ids = {
                id_ for some in scopes for one in some for id_ in one.owner_ids
            }
        if scope.user_ids is not None:
            asked = {id_ or 0 for id_ in scope.user_ids}
            owner_ids = asked if owner_ids is None else owner_ids & asked
        before, after = (
            SQL("(%s)", SQL(" AND ").join([condition, *scope.whose()]))
            for condition in seen
        )
        return Pairs(
            relation=self.env["cqrs.opportunity.span"]._relation(),
            start=window.start,
            end=window.end,
            ours_before=before,
            ours_after=after,
            owner_ids=None if owner_ids is None else tuple(sorted(owner_ids)),
            has_moved=seen[0] != seen[1],
            moved_owner_ids=_moved(*scopes),
            stage_ids=scope.stage_ids,
            closing=scope.closing,
            is_live=window.is_live,
        )

    def _seen(self, viewers, window: Window) -> list[SQL]:
        """Return the conditions that a row ``span`` is seen, at both ends."""
        access, row = self.env["cqrs.access"], SQL("span")
        return [
            access._visible(viewers, row, at) if some is None else in_scopes(some, row)
            for at, some in zip(
                _hierarchies(window), self._scopes(viewers, window), strict=True
            )
        ]

    def _scopes(self, viewers, window: Window) -> list:
        """Return the owner scopes of viewers, at both ends."""
        access = self.env["cqrs.access"]
        return [access._owner_scopes(viewers, at) for at in _hierarchies(window)]

    def _version(self, viewers, window: Window) -> tuple | None:
        """Return the version of what viewers see of a window; None: it is not known."""
        access, context = self.env["cqrs.access"], AnswerContext.of(self.env)
        visibility = access._visibility_version(viewers)
        if visibility is None:
            return None
        return (
            visibility,
            context.left_out,
            self.env["cqrs.opportunity.span"]._version(),
            # Of a settled window the past is known, of another one the log so far.
            None if self._is_settled(window) else context.log_version,
        )

    def _is_settled(self, window: Window) -> bool:
        spans = self.env["cqrs.opportunity.span"]
        return not window.is_live and spans._is_settled(window.end)

    def _check_history(self, window: Window, scope: Scope):
        spans = self.env["cqrs.opportunity.span"]
        # Before that, days of closing are not known.
        since = spans._recorded_since() if scope.closing else spans._history_since()
        if since is None or window.start < since:
            raise NoHistory(since and since.astimezone(timezone.utc))

    def _certainty(self, window: Window, found: Found) -> dict:
        """Return the fields by which an answer says what it rests on."""
        since = self.env["cqrs.opportunity.span"]._recorded_since()
        reconstructed, count = found.counts
        return certainty(since, window.start, count, reconstructed)

    def _conversion(self, user, found: Found, target_currency):
        """Return the currency of the answer, and the rate of each into it."""
        context = AnswerContext.of(self.env, user)
        own = own_currency(context)
        currency = target_currency or own
        ids = {level[0] for level in found.levels}
        for group in found.groups:
            ids |= {group.before_id, group.after_id}
        rates = rates_into(currency, {id_ or own.id for id_ in ids}, context)
        return currency, {id_: rates[id_ or own.id][1] for id_ in ids}


def _kth_largest(pairs: SQL, kth: int) -> SQL:
    """Return the query of the k-th largest sizes of each kind and currency.

    They are 0 where there are less.
    """
    return SQL(
        """
        SELECT kind, currency_id,
               COALESCE((array_agg(size ORDER BY size DESC) FILTER (
                   WHERE size IS NOT NULL))[%(kth)s], 0) AS value_from,
               LEAST(COALESCE((array_agg(change ORDER BY change DESC) FILTER (
                         WHERE after_value > before_value))[%(kth)s], 0),
                     COALESCE((array_agg(change ORDER BY change DESC) FILTER (
                         WHERE after_value < before_value))[%(kth)s], 0))
                   AS change_from
        FROM %(pairs)s GROUP BY kind, currency_id
        """,
        kth=kth,
        pairs=pairs,
    )


def _sized(pairs: Pairs) -> SQL:
    """Return the query of pairs with their sizes, and by what they are grouped.

    That is ``kind`` and ``currency_id``, that of the value which counts, for the
    largest ones; and ``way`` for sums: the kinds, the currency, and whether the value
    rose or fell, in one number. The planner takes a column without statistics for 200
    groups, and several ones for as many as there are rows, which it would sort.
    """
    return SQL(
        """
        SELECT *,
               CASE WHEN NOT is_revalued THEN NULL
                    -- Values of two currencies do not compare: always found.
                    WHEN before_currency_id IS DISTINCT FROM after_currency_id
                    THEN 'Infinity'
                    ELSE NULLIF(abs(after_value - before_value), 0) END AS change,
               CASE WHEN NOT is_revalued THEN 0
                    WHEN before_currency_id IS DISTINCT FROM after_currency_id
                    THEN - opportunity_id
                    WHEN after_value > before_value THEN 1
                    WHEN after_value < before_value THEN 2
                    ELSE 3 END
               + CASE WHEN is_revalued
                       AND before_currency_id IS DISTINCT FROM after_currency_id
                      THEN 0::bigint
                      ELSE (currency_id * 100::bigint + COALESCE(left_by, 0)) * 1000
                           + COALESCE(came_by, 0) * 10 END AS way
        FROM (SELECT *, COALESCE(left_by, came_by, 0) AS kind,
                     COALESCE(CASE WHEN left_by = ANY(%(at_start)s)
                                   THEN before_currency_id
                                   ELSE after_currency_id END, 0) AS currency_id,
                     abs(CASE WHEN left_by IS NULL AND came_by IS NULL THEN NULL
                              WHEN left_by = ANY(%(at_start)s) THEN before_value
                              ELSE after_value END) AS size
              FROM (%(pairs)s) pair) pair
        OFFSET '0'
        """,
        at_start=numbers(kind for kind in LEFT if kind.is_at_start),
        pairs=pairs.query(),
    )


def _place(text: str) -> tuple[int, Decimal, Decimal]:
    """Return the id and the values of a row as PostgreSQL writes it."""
    id_, before, after = text[1:-1].split(",")
    return int(id_), Decimal(before or 0), Decimal(after or 0)


def first_places(
    groups: list[Group], kind: str, rates: dict
) -> tuple[list[tuple[int, Decimal]], bool]:
    """Return the largest changes of a kind with their opportunities, in order.

    >>> rows = ((7, Decimal(500), Decimal(0)), (8, Decimal(90), Decimal(0)))
    >>> lost = Group("deleted", None, 1, None, Decimal(600), Decimal(0), 3, rows)
    >>> lost = lost._replace(value_from=Decimal(80))
    >>> places, is_complete = first_places([lost], "deleted", {1: Decimal(2), None: 1})
    >>> [(id_, str(change)) for id_, change in places], is_complete
    ([(7, '-1000'), (8, '-180')], False)

    :return: also whether these are all of them
    """
    places, bound, is_complete = [], Decimal(0), True
    for group in groups:
        before_rate, after_rate = rates[group.before_id], rates[group.after_id]
        is_change = kind in (INCREASED.name, DECREASED.name)
        if not is_change and kind not in (group.left, group.came):
            continue
        if is_change and not group.may_be(kind):
            continue
        is_one_currency = group.before_id == group.after_id
        for id_, before, after in group.first:
            if (
                is_change
                and is_one_currency
                and abs(after - before) < group.change_from
            ):
                # Among the first by its value alone
                continue
            for name, amount in contributions(
                group.left, group.came, before * before_rate, after * after_rate
            ):
                if name == kind:
                    places.append((id_, amount))
        if not group.is_complete:
            is_complete = False
            least = group.change_from if is_change else group.value_from
            bound = max(bound, least * max(before_rate, after_rate))
    places = [place for place in places if abs(place[1]) >= bound]
    places.sort(key=lambda place: (-abs(place[1]), place[0]))
    return places, is_complete


def _hierarchies(window: Window) -> tuple[datetime | None, datetime | None]:
    """Return the moments whose hierarchy decides at the ends; None for today's."""
    return (window.start, window.end) if window.team == "then" else (None, None)


def levels_before(
    after: dict[int | None, tuple[Decimal, int]], groups: list[Group]
) -> list[tuple[int | None, Decimal, int, int]]:
    """Return the levels at the beginning, of those at the end and of what changed.

    >>> won = Group("won", None, 1, 1, Decimal(500), Decimal(700), 1)
    >>> created = Group(None, "created", None, 1, Decimal(0), Decimal(60), 3)
    >>> levels_before({1: (Decimal(1060), 4)}, [won, created])
    [(1, Decimal('1500'), 2, 0)]
    """
    levels = dict(after)

    def add(currency_id: int | None, amount: Decimal, count: int):
        known = levels.get(currency_id, (Decimal(0), 0))
        levels[currency_id] = known[0] + amount, known[1] + count

    for group in groups:
        if group.left is None:
            add(group.after_id, -group.after, -group.count)
        if group.came is None:
            add(group.before_id, group.before, group.count)
    return [(id_, amount, count, 0) for id_, (amount, count) in levels.items()]


def by_kind(groups: list[Group], rates: dict) -> tuple[dict, dict]:
    """Return the exact amount and the count of each kind, in the order of ``KINDS``."""
    amounts, counts = {}, {}
    for group in groups:
        before = group.before * rates[group.before_id]
        after = group.after * rates[group.after_id]
        for name, amount in contributions(group.left, group.came, before, after):
            amounts[name] = amounts.get(name, 0) + amount
            counts[name] = counts.get(name, 0) + group.count
    order = [name for name in KINDS if name in counts]
    return {n: amounts[n] for n in order}, {n: counts[n] for n in order}


def _figure(shown: Decimal, exact: Decimal, count: int) -> dict:
    return {"amount": shown, "exact": exact.normalize(), "count": count}


def _moved(before: list | None, after: list | None) -> tuple[int, ...] | None:
    """Return the owners who are in other scopes at the other end; None: not known."""
    if before is None or after is None:
        return None
    companies = [
        {
            (owner_id, company_id)
            for one in scopes
            for owner_id in one.owner_ids
            for company_id in one.company_ids
        }
        for scopes in (before, after)
    ]
    return tuple(sorted({owner_id for owner_id, __ in companies[0] ^ companies[1]}))
