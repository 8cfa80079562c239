"""The search for the places of opportunities in one order, by the fitting plan."""

from collections import Counter
from dataclasses import replace
from functools import cached_property

from odoo.tools import SQL

from ..access import thresholds
from ..access.owner_scopes import NONE, OwnerScope, are_few, owner_count
from .filters import owned
from .orders import Bound, Keyset, Segment, condition, units
from .page_ends import PageEnd
from .page_plans import PagePlans
from .text import are_frequent


class Search:
    """Finds the places of opportunities in one order, by one plan or another.

    :param scopes: the owners whose opportunities are seen and wanted, if known
    :param terms: those of the filters
    :param is_plain: whether the filters ask no more than whose, and whether archived
    :param key: equal for searches with the same first page
    """

    def __init__(
        self, env, plans: PagePlans, viewers, scopes, terms, is_plain, key: tuple
    ):
        self._env = env
        self._plans = plans
        self._viewers = viewers
        self._scopes = scopes
        self._are_few = are_few(scopes)
        self._terms = terms
        self._is_plain = is_plain
        self._key = key
        self._is_walked = False

    def first_places(self, limit: int) -> list[Keyset] | None:
        """Return the first places of all segments; None if a walk does not find them.

        The index gives the segments one after another, so they are walked at once.
        """
        if self._are_few:
            return None
        places, are_all = self._walk(Segment(), [], limit, thresholds.WALKED_ENTRIES)
        self._is_walked = len(places) < limit and not are_all
        return None if self._is_walked else places

    def places(
        self, segment: Segment, after: Keyset | None, limit: int
    ) -> list[Keyset]:
        """Return the first places of a segment, at most ``limit``."""
        bounds = [Bound(self._plans.behind, after)] if after else []
        if self._are_few and self._can_merge:
            return self._merge(segment, bounds, self._scopes, limit)
        # Few opportunities lack a key: those are walked in any case.
        if not self._are_few and not (self._is_walked and not segment.keys):
            places, are_all = self._walk(
                segment, bounds, limit, thresholds.WALKED_ENTRIES
            )
            if len(places) == limit or are_all:
                return places
        if not self._is_plain:
            return self._gather(segment, bounds, limit)
        scopes = self._owners() if self._scopes is None else self._scopes
        if scopes is None:
            return self._walk(segment, bounds, limit, None)[0]
        return self._merge(segment, bounds, scopes, limit)

    @cached_property
    def _can_merge(self) -> bool:
        """Whether few owners are merged: rare words are found by their index."""
        return not self._terms or are_frequent(self._env, self._terms)

    def count(self, up_to: int | None = None) -> int:
        """Return how many opportunities there are.

        :param up_to: the most to count; None counts all
        """
        return self._env.execute_query(self._plans.count(self._owned(), up_to))[0][0]

    def _owned(self) -> SQL:
        """Return the condition on the owners if they are few."""
        if not self._are_few:
            return SQL("TRUE")
        return owned([id_ for scope in self._scopes for id_ in scope.owner_ids])

    def _walk(
        self, segment: Segment, bounds: list[Bound], limit: int, entries: int | None
    ) -> tuple[list[Keyset], bool]:
        """Return the first places of a segment, and whether these are all.

        :param entries: how many rows are looked at; None looks at all
        """
        units_, where = self._part(segment, bounds)
        if not segment.rates:
            query = self._plans.walk(where, limit, entries)
            places = [Keyset(key, id_) for key, id_ in self._env.execute_query(query)]
            if len(places) == limit or entries is None:
                return places, len(places) < limit
            self._env.cr.execute(self._plans.goes_on(where, entries))
            return places, not self._env.cr.rowcount
        if entries is not None:
            entries = max(entries // len(segment.rates), 1)
        query = self._plans.walk_units(units_, where, limit, entries)
        rows = self._env.execute_query(query)
        # What a unit has behind its next place is unknown, and may come before others.
        ends = [number for number, (*__, is_next) in enumerate(rows) if is_next]
        known = rows[: ends[0]] if ends else rows
        places = [Keyset(key, id_) for key, id_, __ in known]
        return places, not ends and len(places) < limit

    def _gather(
        self, segment: Segment, bounds: list[Bound], limit: int
    ) -> list[Keyset]:
        units_, where = self._part(segment, bounds)
        query = self._plans.gather(units_, where, self._owned(), limit)
        return [Keyset(key, id_) for key, id_ in self._env.execute_query(query)]

    def _part(
        self, segment: Segment, bounds: list[Bound], are_known: bool = True
    ) -> tuple[SQL, SQL]:
        """Return the units of a segment, and the condition on its rows."""
        arguments = segment, self._plans.order, bounds, are_known
        return units(*arguments), condition(*arguments)

    def _merge(
        self, segment: Segment, bounds: list[Bound], scopes: list[OwnerScope], limit
    ) -> list[Keyset]:
        """Return the first places of all owners together, from each one's first."""
        # Rows enough for a page, if most of the owners have some.
        each = min(1 + 2 * limit // max(owner_count(scopes), 1), limit)
        if bounds or each == limit:
            return self._first(segment, bounds, scopes, each, limit)
        page_end = PageEnd(self._env, (*self._key, segment, limit))
        places = []
        if end := page_end.get():
            until = [Bound(self._plans.until, end)]
            places = self._first(segment, until, scopes, 2 * limit, 2 * limit)
            bounds = [Bound(self._plans.behind, end)]
        if len(places) < limit:
            places += self._first(segment, bounds, scopes, each, limit - len(places))
        elif len(places) < 2 * limit:
            return places[:limit]
        if len(places) >= limit:
            page_end.remember(places[limit - 1])
        return places[:limit]

    def _first(
        self,
        segment: Segment,
        bounds: list[Bound],
        scopes: list[OwnerScope],
        each: int,
        limit: int,
    ) -> list[Keyset]:
        """Return the first places, beginning with the first ``each`` of each owner."""
        while True:
            # For a stage and a place in it the planner expects next to no row, and
            # would go through those of every owner to find the few of one.
            part = self._part(segment, bounds, are_known=False)
            heads = self._heads(part, scopes, each, limit)
            found = Counter((owner_id, unit_id) for owner_id, unit_id, __, __ in heads)
            if each >= limit or each not in found.values():
                return [Keyset(key, id_) for __, __, key, id_ in heads]
            # Somebody has more, which may belong among these; nobody else has any that
            # does, and nothing does that comes after the end of a full page.
            scopes = restricted({owner_id for owner_id, __ in found}, scopes)
            each = min(4 * each, limit)
            if len(heads) == limit:
                end = Keyset(*heads[-1][2:])
                bounds = [*bounds, Bound(self._plans.until, end)]
                each = limit

    def _heads(
        self, part: tuple[SQL, SQL], scopes: list[OwnerScope], each: int, limit: int
    ) -> list[tuple[int, int, str | None, int]]:
        if not scopes:
            return []
        return self._env.execute_query(self._plans.merge(*part, scopes, each, limit))

    def _owners(self) -> list[OwnerScope] | None:
        """Return the owners whose opportunities may be seen; None if unknown."""
        owners = self._env["cqrs.access"]._visible_owners(self._viewers)
        if owners is None:
            return None
        rows = self._env.execute_query(owners)
        return [undecided({id_ or NONE for (id_,) in rows})]


def undecided(owner_ids: set[int]) -> OwnerScope:
    """Return the scope of owners whose rows each need the condition of access."""
    return OwnerScope(tuple(owner_ids), is_decided=False)


def restricted(owner_ids, scopes: list[OwnerScope]) -> list[OwnerScope]:
    """Return the scopes of those owners, without any that has none of them."""
    some = (
        replace(scope, owner_ids=tuple(i for i in scope.owner_ids if i in owner_ids))
        for scope in scopes
    )
    return [scope for scope in some if scope.owner_ids]
