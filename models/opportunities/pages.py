"""Pages of opportunities, in seven orders, at the cost of the page."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

from odoo import api, models
from odoo.tools import SQL

from ..access import thresholds
from ..access.owner_scopes import NONE, OwnerScope, are_few, in_scopes, owner_count
from ..projections.opportunity_view import ORDERS
from ..support.answer_context import without_jit
from .conversion import Conversion
from .filters import UNFILTERED, Filters, owned
from .orders import Bound, Keyset, Segment, condition, in_order, segments, units
from .page_ends import PageEnd
from .page_plans import PagePlans
from .stages import stages
from .text import alternatives, are_frequent, by_words, resolved


@dataclass(frozen=True)
class Page:
    """The ids of some opportunities, in order.

    :ivar next: where the following page begins, to be given as ``after``; None on the
        last page
    :ivar conversion: that by which values compare, in the order by value
    """

    ids: list[int]
    next: Keyset | None
    conversion: Conversion | None = None


class CqrsOpportunities(models.AbstractModel):
    """Reads the opportunities that a user sees, page by page. Nothing is written."""

    _name = "cqrs.opportunities"
    _description = "Opportunity Pages"

    @api.model
    def _read_page(
        self,
        user,
        sort: str = "value",
        descending: bool = True,
        filters: Filters = UNFILTERED,
        after: Keyset | None = None,
        limit: int = 80,
        currency=None,
    ) -> Page:
        """Return a page of the opportunities that the user sees.

        A reader who follows ``Page.next`` gets each opportunity once, if it keeps its
        place in the order meanwhile, even if stages are reordered or rates change.

        :param user: a ``res.users`` record
        :param sort: one of ``ORDERS``
        :param after: begin behind this place, whether or not anything is there now
        :param limit: rows of the page, one at least
        :param currency: the ``res.currency`` in which values compare, by default that
            of the user's company; to be the same from page to page
        :raise ValueError: there is no such order
        """
        if sort not in ORDERS:
            raise ValueError(f"no such order: {sort} (there are {', '.join(ORDERS)})")
        filters = resolved(self.env, filters)
        stage_ids = self._stage_ids(after) if sort == "stage" else ()
        wanted_ids = [
            id_
            for id_ in stage_ids
            if filters.stage_ids is None or id_ in filters.stage_ids
        ]
        conversion, rates = None, {}
        if ORDERS[sort].unit:
            fixed = after.rates if after else ()
            conversion = Conversion.of(self.env, user, currency, fixed)
            rates = conversion.rates
        searches = [
            (way, self._search_for(user, way, sort, descending))
            for way in alternatives(filters)
        ]
        places, bound = [], after
        for segment in segments(sort, descending, wanted_ids, after, rates):
            # One more tells whether there is a next page.
            wanted = limit + 1 - len(places)
            found = [
                search.places(segment, bound, wanted)
                for way, search in searches
                if sort != "stage" or segment.is_of(way.stage_ids)
            ]
            places += in_order(found, ORDERS[sort], descending)[:wanted]
            if len(places) > limit:
                break
            bound = None
        following = places[limit - 1] if len(places) > limit else None
        if following:
            following = replace(
                following,
                stage_ids=stage_ids,
                rates=tuple((id_, str(rate)) for id_, rate in rates.items()),
            )
        return Page([place.id for place in places[:limit]], following, conversion)

    def _stage_ids(self, after: Keyset | None) -> tuple[int, ...]:
        """Return the order of the stages, which for a list stays as it began."""
        began_with = after.stage_ids if after else ()
        return tuple(dict.fromkeys([*began_with, *stages(self.env)]))

    @api.model
    def _count(self, user, filters: Filters = UNFILTERED) -> int:
        """Return how many opportunities of the filters the user sees.

        The metrics know the count of the common filters; others are counted row by row.
        """
        filters = resolved(self.env, filters)
        if (but := filters.but_user_id) is not None:
            # The metrics cannot count "all but one", but can count all and that one.
            others = replace(filters, but_user_id=None)
            count = self._count(user, others)
            if others.user_ids is None or but in others.user_ids:
                count -= self._count(user, replace(others, user_ids=(but,)))
            return count
        ways = alternatives(filters) if filters.terms else []
        if by_name := [way for way in ways if way.are_summed]:
            others = by_words(filters, by_name)
            return self._count_any(user, by_name) + self._count(user, others)
        if filters.are_summed:
            return self.env["cqrs.metrics"]._count(
                user,
                measure="active" if filters.statuses else "total",
                stage_ids=filters.stage_ids,
                owned=None if filters.user_ids is None else owned(filters.user_ids),
                company_ids=filters.company_ids,
            )
        return self._search_for(user, filters).count()

    def _count_any(self, user, ways: list[Filters]) -> int:
        """Return how many opportunities one of some filters lets through."""
        if not ways:
            return 0
        way, *others = ways
        both = (way.narrowed(other.user_ids, other.stage_ids) for other in others)
        return (
            self._count(user, way)
            + self._count_any(user, others)
            - self._count_any(user, list(filter(None, both)))
        )

    def _search_for(
        self, user, filters: Filters, sort: str = "value", descending: bool = True
    ) -> "Search":
        without_jit(self.env)
        access = self.env["cqrs.access"]
        viewers = access._viewers(user)
        scopes, view = access._owner_scopes(viewers), SQL("view")
        visible = (
            access._visible(viewers, view)
            if scopes is None
            else in_scopes(scopes, view)
        )
        wanted = filters
        if filters.user_ids is not None:
            owner_ids = {id_ or NONE for id_ in filters.user_ids}
            scopes = (
                [_undecided(owner_ids)] if scopes is None else _of(owner_ids, scopes)
            )
            # Those of the scopes are asked for where they are few.
            if are_few(scopes):
                wanted = replace(filters, user_ids=None)
        return Search(
            self.env,
            PagePlans(ORDERS[sort], descending, wanted.condition(), visible),
            viewers,
            scopes,
            terms=filters.terms,
            is_plain=filters.are_plain,
            key=(self.env.uid, user.id, filters, sort, descending),
        )


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

    def places(
        self, segment: Segment, after: Keyset | None, limit: int
    ) -> list[Keyset]:
        """Return the first places of a segment, at most ``limit``."""
        bounds = [Bound(self._plans.behind, after)] if after else []
        if self._are_few and self._can_merge:
            return self._merge(segment, bounds, self._scopes, limit)
        if not self._are_few:
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

    def count(self) -> int:
        """Return how many opportunities there are."""
        return self._env.execute_query(self._plans.count(self._owned()))[0][0]

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
        if entries is not None:
            entries = max(entries // (len(segment.rates) or 1), 1)
        query = self._plans.walk(*self._part(segment, bounds), limit, entries)
        places = []
        for key, id_, is_next in self._env.execute_query(query):
            if is_next:
                # What this unit has behind it is unknown, and may come before others.
                return places[:limit], False
            places.append(Keyset(key, id_))
        return places[:limit], len(places) < limit

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
            scopes = _of({owner_id for owner_id, __ in found}, scopes)
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
        return [_undecided({id_ or NONE for (id_,) in rows})]


def _undecided(owner_ids: set[int]) -> OwnerScope:
    """Return the scope of owners whose rows each need the condition of access."""
    return OwnerScope(tuple(owner_ids), is_decided=False)


def _of(owner_ids, scopes: list[OwnerScope]) -> list[OwnerScope]:
    """Return the scopes of those owners, without any that has none of them."""
    some = (
        replace(scope, owner_ids=tuple(i for i in scope.owner_ids if i in owner_ids))
        for scope in scopes
    )
    return [scope for scope in some if scope.owner_ids]
