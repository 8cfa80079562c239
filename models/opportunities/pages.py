"""Pages of opportunities, in many orders, at the cost of the page."""

from dataclasses import dataclass, replace

from odoo import api, models
from odoo.tools import SQL

from ..access.owner_scopes import NONE, are_few, in_scopes
from ..projections.opportunity_pace import PACE_ORDERS
from ..support.answer_context import without_jit
from ..support.planner import rows_scanned
from .conversion import Conversion
from .domains import domain_condition
from .filters import UNFILTERED, Filters, owned
from .orders import SORTS, Keyset, are_sorted, in_order, segments
from .pace import pace_condition, paced_rows
from .page_plans import PagePlans
from .search import Search, restricted, undecided
from .stages import stages
from .text import alternatives, by_words, resolved

#: The most opportunities that are counted one by one for a domain
COUNTED = 10_000
#: Opportunities of which it is said that all of them are read
MANY = 50_000


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
        :param sort: one of ``SORTS``
        :param after: begin behind this place, whether or not anything is there now
        :param limit: rows of the page, one at least
        :param currency: the ``res.currency`` in which values compare, by default that
            of the user's company; to be the same from page to page
        :raise ValueError: there is no such order
        """
        if sort not in SORTS:
            raise ValueError(f"no such order: {sort} (there are {', '.join(SORTS)})")
        order = SORTS[sort]
        # The longest time has the earliest key.
        descending ^= order.is_until_now
        filters = resolved(self.env, filters)
        stage_ids = self._stage_ids(after) if sort == "stage" else ()
        wanted_ids = [
            id_
            for id_ in stage_ids
            if filters.stage_ids is None or id_ in filters.stage_ids
        ]
        conversion, rates = None, {}
        if order.unit:
            fixed = after.rates if after else ()
            conversion = Conversion.of(self.env, user, currency, fixed)
            rates = conversion.rates
        searches = [
            (way, self._search_for(user, way, sort, descending))
            for way in alternatives(filters)
        ]
        parts = segments(sort, descending, wanted_ids, after, rates)
        places, bound = [], after
        if after is None and len(searches) == 1 and are_sorted(sort, parts):
            [(__, search)] = searches
            if (first := search.first_places(limit + 1)) is not None:
                places, parts = first, []
        for segment in parts:
            # One more tells whether there is a next page.
            wanted = limit + 1 - len(places)
            found = [
                search.places(segment, bound, wanted)
                for way, search in searches
                if sort != "stage" or segment.is_of(way.stage_ids)
            ]
            places += in_order(found, order, descending)[:wanted]
            if len(places) > limit:
                break
            bound = None
        following = places[limit - 1] if len(places) > limit else None
        if following:
            following = following._replace(
                stage_ids=stage_ids,
                rates=tuple((id_, str(rate)) for id_, rate in rates.items()),
            )
        return Page([place.id for place in places[:limit]], following, conversion)

    def _stage_ids(self, after: Keyset | None) -> tuple[int, ...]:
        """Return the order of the stages, which for a list stays as it began."""
        began_with = after.stage_ids if after else ()
        return tuple(dict.fromkeys([*began_with, *stages(self.env)]))

    @api.model
    def _total(self, user, filters: Filters = UNFILTERED) -> tuple[int, bool]:
        """Return how many opportunities the user sees, and whether these are all.

        A domain that filters cannot say is counted up to ``COUNTED``.
        """
        filters = resolved(self.env, filters)
        count = self._count(user, filters)
        is_all = filters.domain is None or count <= COUNTED
        return (count if is_all else COUNTED), is_all

    @api.model
    def _reads_all(self, filters: Filters) -> bool:
        """Return whether no index finds what a domain asks for, among many."""
        filters = resolved(self.env, filters)
        if filters.domain is None:
            return False
        query = SQL(
            "SELECT FROM cqrs_opportunity_view view WHERE %s", self._condition(filters)
        )
        return rows_scanned(self.env, query) > MANY

    @api.model
    def _count(self, user, filters: Filters = UNFILTERED) -> int:
        """Return how many opportunities of the filters the user sees.

        The metrics know the count of the common filters, ``cqrs.attention`` that of
        what needs attention; others are counted row by row, those of a domain that
        filters cannot say up to ``COUNTED + 1``.
        """
        filters = resolved(self.env, filters)
        if filters.domain is not None:
            return self._search_for(user, filters).count(COUNTED + 1)
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
        pace = filters.pace
        if pace and pace.asks_for_attention:
            others = replace(filters, pace=None)
            if others.are_of_pace:
                return self.env["cqrs.attention"]._count(
                    user, pace.today, pace.attention, others
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

    def _condition(self, filters: Filters) -> SQL:
        """Return the condition of resolved filters on a row ``view``."""
        conditions = [filters.condition()]
        if filters.pace is not None:
            conditions.append(pace_condition(self.env, filters.pace))
        if filters.domain is not None:
            conditions.append(domain_condition(self.env, filters.domain))
        return SQL(" AND ").join(conditions)

    def _search_for(
        self, user, filters: Filters, sort: str = "value", descending: bool = True
    ) -> Search:
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
                [undecided(owner_ids)]
                if scopes is None
                else restricted(owner_ids, scopes)
            )
            # Those of the scopes are asked for where they are few.
            if are_few(scopes):
                wanted = replace(filters, user_ids=None)
        return Search(
            self.env,
            PagePlans(
                SORTS[sort],
                descending,
                self._condition(wanted),
                visible,
                **paced_rows(self.env) if sort in PACE_ORDERS else {},
            ),
            viewers,
            scopes,
            terms=filters.terms,
            is_plain=filters.are_plain,
            key=(self.env.uid, user.id, filters, sort, descending),
        )
