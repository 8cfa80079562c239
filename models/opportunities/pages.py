"""Pages of opportunities, in six orders, at the cost of the page."""

from dataclasses import dataclass, replace

from odoo import api, models
from odoo.tools import SQL

from ..projections.opportunity_view import ORDERS
from .filters import UNFILTERED, Filters, owned
from .page_plans import Keyset, Search, Segment
from .stages import stages

#: Orders by what an opportunity may lack
_NULLABLE = ("closing_date", "created_at", "stage")


@dataclass(frozen=True)
class Page:
    """The ids of some opportunities, in order.

    :ivar next: where the following page begins, to be given as ``after``; None on the
        last page
    """

    ids: list[int]
    next: Keyset | None


class CqrsOpportunities(models.AbstractModel):
    """Reads the opportunities that a user sees, page by page. Nothing is written.

    Three plans find a page, and each applies the condition of access to each row, or
    to each owner and company, where the owners are few:

    * walk the index of the order, where much of it is seen and wanted;
    * merge the first rows of each owner whom the viewer sees, from the index of owner
      and order, where little of it is seen;
    * gather all that the filters leave and sort it, where little of it is wanted.

    Few owners are merged at once. For many, ``WALKED_ENTRIES`` of the order are read
    first: where they do not fill a page, the viewer sees or wants little of it.
    """

    _name = "cqrs.opportunities"
    _description = "Pages of Opportunities"

    @api.model
    def _read_page(
        self,
        user,
        sort: str = "value",
        descending: bool = True,
        filters: Filters = UNFILTERED,
        after: Keyset | None = None,
        limit: int = 80,
    ) -> Page:
        """Return a page of what the user sees.

        Whoever follows ``Page.next`` is given each opportunity once that has kept its
        place in the order meanwhile, also where the stages have not kept theirs.

        :param user: a ``res.users`` record
        :param sort: one of ``ORDERS``
        :param after: begin behind this place, whether or not anything is there now
        :param limit: rows of the page, one at least
        :raise ValueError: there is no such order
        """
        if sort not in ORDERS:
            raise ValueError(f"no such order: {sort} (there are {', '.join(ORDERS)})")
        search = Search(self.env, user, filters, sort, descending)
        places, began_with = [], after
        for segment in self._segments(sort, descending, filters, after):
            # One more tells whether there is a next page.
            places += search.places(segment, after, limit + 1 - len(places))
            if len(places) > limit:
                break
            after = None
        following = places[limit - 1] if len(places) > limit else None
        if following and sort == "stage":
            following = replace(following, stage_ids=self._stage_ids(began_with))
        return Page([place.id for place in places[:limit]], following)

    def _stage_ids(self, after: Keyset | None) -> tuple[int, ...]:
        """Return the order of the stages, which for a list stays as it began."""
        began_with = after.stage_ids if after else ()
        return tuple(dict.fromkeys([*began_with, *stages(self.env)]))

    @api.model
    def _count(self, user, filters: Filters = UNFILTERED) -> int:
        """Return how many opportunities of the filters the user sees.

        Where the metrics do not count them, it costs what it counts.
        """
        if (but := filters.but_user_id) is not None:
            # The metrics may count both, but not what is between them.
            others = replace(filters, but_user_id=None)
            count = self._count(user, others)
            if others.user_ids is None or but in others.user_ids:
                count -= self._count(user, replace(others, user_ids=(but,)))
            return count
        if filters.are_summed:
            return self.env["cqrs.metrics"]._count(
                user,
                measure="active" if filters.statuses else "total",
                stage_ids=filters.stage_ids,
                owned=None if filters.user_ids is None else owned(filters.user_ids),
                company_id=filters.company_id,
            )
        return Search(self.env, user, filters).count()

    def _segments(
        self, sort: str, descending: bool, filters: Filters, after: Keyset | None
    ) -> list[Segment]:
        """Return the parts of an order one after another, the first has ``after``."""
        key = ORDERS[sort]
        if sort == "stage":
            segments = [
                Segment(keys=(str(stage_id),))
                for stage_id in self._stage_ids(after)
                if filters.stage_ids is None or stage_id in filters.stage_ids
            ]
        elif sort in _NULLABLE:
            segments = [Segment(SQL("%s IS NOT NULL", key))]
        else:
            segments = [Segment()]
        if sort in _NULLABLE:
            segments.append(Segment(keys=(None,)))
        if descending:
            segments.reverse()
        return [
            segment
            for number, segment in enumerate(segments)
            if after is None or any(s.has(after) for s in segments[: number + 1])
        ]
