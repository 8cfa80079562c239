"""The changes of the open pipeline between two moments, by their kinds."""

from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal

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
from ..support.process_cache import VersionedCache
from .certainty import certainty
from .change_kinds import NAMES
from .change_sums import Found, Group, by_kind, kth_largest, levels_before, place, sized
from .levels import GRAINS, change_rows, level_rows
from .pairs import WAS_MERGED, Pairs
from .windows import NoHistory, Scope, Window

#: The sums of windows that are settled
SUMS = VersionedCache("sums of changes", size=64)

#: The largest pairs of each kind that are found with the sums, about
FIRST_WANTED = 320
#: The part of a window that tells how large they are: one of so many
PARTS = 32


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
        if scope.among is not None:
            # What is among them depends on more than the log.
            return self._ask(viewers, window, scope)
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
                sized(pairs),
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
                tuple(map(place, row[5] or ())),
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
            return kth_largest(SQL("pair"), FIRST_WANTED)
        part = replace(pairs, start=pairs.end - (pairs.end - pairs.start) / PARTS)
        kth = max(1, FIRST_WANTED // PARTS)
        # Odoo's cursor turns numeric into float, and leaves text alone.
        rows = self.env.execute_query(
            SQL(
                "SELECT kind, currency_id, value_from::text, change_from::text"
                " FROM (%s) threshold",
                kth_largest(SQL("(%s) pair", sized(part)), kth),
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
            or scope.among is not None
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
        if scope.closing or scope.among is not None:
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
            last_id=self.env["cqrs.past.levels"]._last_id_query(window.start),
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


def _hierarchies(window: Window) -> tuple[datetime | None, datetime | None]:
    """Return the moments whose hierarchy decides at the ends; None for today's."""
    return (window.start, window.end) if window.team == "then" else (None, None)


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
