"""Pages of opportunities, in six orders, at the cost of the page."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from .access.access import Seen
from .kept import kept
from .projections.opportunity_view import ORDERS, SPACES
from .questions import without_jit
from .stages import stages

#: Entries of an order's index that are looked at before taking each owner's own
WALK = 2000
#: Owners so few that taking each one's own comes first
FEW_OWNERS = 500
#: Characters of a text to search for
MAX_TEXT = 200


class Range(NamedTuple):
    """From ``low`` to ``high``, both included; None leaves an end open.

    Without either it holds for all, else never for what has no value.
    """

    low: object = None
    high: object = None


_OPEN = Range()


@dataclass(frozen=True)
class Filters:
    """Which of the visible opportunities; all conditions hold together.

    :ivar stage_ids: in one of these stages; None is any, as below
    :ivar statuses: of ``pending``, ``won``, ``lost``
    :ivar user_ids: owned by one of these; None among them is *unassigned*
    :ivar but_user_id: not owned by this one
    :ivar company_id: of this company
    :ivar value: ``Decimal``, each in the currency of its opportunity
    :ivar closing_date: days (``date``)
    :ivar created_at: times (aware ``datetime``), as ``changed_at``
    :ivar text: words, each of which begins a word of the opportunity's name or of the
        customer's, in small letters or capitals. A text that has nothing but
        punctuation finds nothing, an empty one is no condition.
    :ivar archived: True for those alone, False for the others, None for both
    :raise ValueError: the text is longer than ``MAX_TEXT``, or a time is not aware
    """

    stage_ids: tuple[int, ...] | None = None
    statuses: tuple[str, ...] | None = None
    user_ids: tuple[int | None, ...] | None = None
    but_user_id: int | None = None
    company_id: int | None = None
    value: Range = _OPEN
    closing_date: Range = _OPEN
    created_at: Range = _OPEN
    changed_at: Range = _OPEN
    text: str | None = None
    archived: bool | None = False

    def __post_init__(self):
        if self.text and len(self.text) > MAX_TEXT:
            raise ValueError(f"a text to search for has at most {MAX_TEXT} characters")
        for moment in (*self.created_at, *self.changed_at):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"a time without a time zone: {moment}")

    def condition(self) -> SQL:
        """Return the condition on a row ``view``."""
        conditions = [SQL("TRUE")]
        if self.archived is not None:
            conditions.append(
                SQL("view.active" if not self.archived else "NOT view.active")
            )
        if self.stage_ids is not None:
            conditions.append(SQL("view.stage_id = ANY(%s)", list(self.stage_ids)))
        if self.statuses is not None:
            conditions.append(SQL("view.status = ANY(%s)", list(self.statuses)))
        if self.user_ids is not None:
            conditions.append(_owned(self.user_ids))
        if self.but_user_id is not None:
            conditions.append(SQL("view.user_id IS DISTINCT FROM %s", self.but_user_id))
        if self.company_id is not None:
            conditions.append(SQL("view.company_id = %s", self.company_id))
        for name in ("value", "closing_date", "created_at", "changed_at"):
            column = SQL.identifier("view", name)
            for operator, bound in zip((">=", "<="), getattr(self, name), strict=True):
                if bound is not None:
                    conditions.append(SQL(f"%s {operator} %s", column, _utc(bound)))
        if self.text and self.text.strip():
            conditions.append(_matches(self.text))
        return SQL(" AND ").join(conditions)

    @property
    def are_plain(self) -> bool:
        """Whether they ask no more than whose, and whether archived."""
        return self == Filters(archived=self.archived, user_ids=self.user_ids)

    @property
    def are_summed(self) -> bool:
        """Whether the metrics count what they leave."""
        summed = Filters(
            stage_ids=self.stage_ids,
            statuses=self.statuses,
            user_ids=self.user_ids,
            company_id=self.company_id,
        )
        return self == summed and self.statuses in (None, ("pending",))


@dataclass(frozen=True)
class After:
    """The place of an opportunity in an order.

    :ivar key: what it is sorted by, as PostgreSQL writes it; None if it has none. Of
        the order by stage it is the stage's id.
    """

    key: str | None
    id: int


@dataclass(frozen=True)
class Page:
    """The ids of some opportunities, in order.

    :ivar next: where the following page begins, to be given as ``after``; None on the
        last page
    """

    ids: list[int]
    next: After | None


#: Of the orders, the types of their keys
_TYPES = {
    "value": SQL("numeric"),
    "closing_date": SQL("date"),
    "created_at": SQL("timestamp"),
    "changed_at": SQL("timestamp"),
    "stage": SQL("integer"),
    "name": SQL("text"),
}
#: Orders by what an opportunity may lack
_NULLABLE = ("closing_date", "created_at", "stage")


# In columns that PostgreSQL has statistics of: of what it takes for rare it would read
# all that an owner has, and sort it.
_IN_COMPANIES = SQL(
    "(view.company_id = ANY(seen.company_ids)"
    " OR seen.or_none AND view.company_id IS NULL)"
)


class Segment(NamedTuple):
    """A part of an order that an index gives sorted, and no other part has rows of.

    :ivar condition: of its rows, beside that on their key
    :ivar keys: the one key that all of them have; empty where they differ
    """

    condition: SQL = SQL("TRUE")
    keys: tuple[str | None, ...] = ()

    def has(self, place: After) -> bool:
        if self.keys:
            return place.key in self.keys
        return place.key is not None


class CqrsOpportunities(models.AbstractModel):
    """Reads the opportunities that a user sees, page by page. Nothing is written.

    Three plans find a page, and each applies the condition of access to each row, or
    to each owner and company, where the owners are few:

    * walk the index of the order, where much of it is seen and wanted;
    * merge the first rows of each owner whom the viewer sees, from the index of owner
      and order, where little of it is seen;
    * gather all that the filters leave and sort it, where little of it is wanted.

    Few owners are merged at once. Of many, ``WALK`` entries of the order are looked at
    first: that they do not make a page is what shows that little of it is.
    """

    _name = "cqrs.opportunities"
    _description = "Pages of Opportunities"

    @api.model
    def _read_page(
        self,
        user,
        sort: str = "value",
        descending: bool = True,
        filters: Filters = Filters(),
        after: After | None = None,
        limit: int = 80,
    ) -> Page:
        """Return a page of what the user sees.

        Whoever follows ``Page.next`` is given each opportunity once that has kept its
        place in the order meanwhile.

        :param user: a ``res.users`` record
        :param sort: one of ``ORDERS``
        :param after: begin behind this place, whether or not anything is there now
        :param limit: rows of the page, one at least
        :raise ValueError: there is no such order
        """
        if sort not in ORDERS:
            raise ValueError(f"no such order: {sort} (there are {', '.join(ORDERS)})")
        search = _Search(self.env, user, filters, sort, descending)
        places = []
        for segment in self._segments(sort, descending, filters, after):
            # One more tells whether there is a next page.
            places += search.places(segment, after, limit + 1 - len(places))
            if len(places) > limit:
                break
            after = None
        return Page(
            ids=[place.id for place in places[:limit]],
            next=places[limit - 1] if len(places) > limit else None,
        )

    @api.model
    def _count(self, user, filters: Filters = Filters()) -> int:
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
                owned=None if filters.user_ids is None else _owned(filters.user_ids),
                company_id=filters.company_id,
            )
        return _Search(self.env, user, filters).count()

    def _segments(
        self, sort: str, descending: bool, filters: Filters, after: After | None
    ) -> list[Segment]:
        """Return the parts of an order one after another, the first has ``after``."""
        key = ORDERS[sort]
        if sort == "stage":
            segments = [
                Segment(keys=(str(stage_id),))
                for stage_id in stages(self.env)
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


class _Search:
    """Finds the places, in one order, of what the filters leave of what a user sees."""

    def __init__(
        self, env, user, filters: Filters, sort: str = "value", descending: bool = True
    ):
        without_jit(env)
        access = env["cqrs.access"]
        viewers = access._viewers(user)
        self._env = env
        self._filters = filters
        self._asked = env.uid, user.id, filters, sort, descending
        self._visible = access._visible(viewers, SQL("view"))
        self._wanted = filters.condition()
        self._condition = SQL("%s AND %s", self._wanted, self._visible)
        self._key = ORDERS[sort]
        self._type = _TYPES[sort]
        self._direction = SQL("DESC" if descending else "ASC")
        self._behind, self._until = (
            (SQL("<"), SQL(">=")) if descending else (SQL(">"), SQL("<="))
        )
        self._viewers = viewers
        self._few_seen = access._few_visible_owners(viewers, FEW_OWNERS)
        if (owner_ids := filters.user_ids) is not None:
            if self._few_seen is not None:
                self._few_seen = _of_owners(self._few_seen, owner_ids)
            elif len(owner_ids) <= FEW_OWNERS:
                self._few_seen = [_unknown(set(owner_ids))]

    def places(self, segment: Segment, after: After | None, limit: int) -> list[After]:
        """Return the first places of a segment, at most ``limit``."""
        bounds = [(self._behind, after)] if after else []
        if self._few_seen is not None and not self._filters.text:
            return self._merge(segment, bounds, self._few_seen, limit)
        where = self._within(segment, bounds)
        if self._few_seen is None:
            places = self._walk(where, limit)
            if len(places) == limit or not self._goes_on(where):
                return places
        if not self._filters.are_plain:
            return self._gather(where, limit)
        owner_ids = self._owner_ids()
        if owner_ids is None:
            return self._walk(where, limit, to_the_end=True)
        return self._merge(segment, bounds, [_unknown(owner_ids)], limit)

    def count(self) -> int:
        """Return how many there are."""
        query = SQL(
            "SELECT count(*) FROM cqrs_opportunity_view view WHERE %s",
            self._narrowed(self._condition),
        )
        return self._env.execute_query(query)[0][0]

    def _narrowed(self, condition: SQL) -> SQL:
        """Return the condition, with the owners in it if they are few."""
        if self._few_seen is None:
            return condition
        owner_ids = [id_ for seen in self._few_seen for id_ in seen.owner_ids]
        return SQL("%s AND %s", condition, _owned(owner_ids))

    def _walk(self, where: SQL, limit: int, to_the_end: bool = False) -> list[After]:
        """Return the first places among ``WALK`` entries of the order, or among all."""
        return self._places(
            SQL(
                """
                SELECT key::text, id
                FROM (SELECT view.*, %(key)s AS key FROM cqrs_opportunity_view view
                      WHERE %(where)s
                      ORDER BY %(key)s %(direction)s, view.id %(direction)s
                      LIMIT %(walk)s) view
                WHERE %(condition)s
                ORDER BY view.key %(direction)s, view.id %(direction)s LIMIT %(limit)s
                """,
                key=self._key,
                where=where,
                direction=self._direction,
                walk=None if to_the_end else WALK,
                condition=self._condition,
                limit=limit,
            )
        )

    def _goes_on(self, where: SQL) -> bool:
        """Return whether the order has more entries than ``_walk`` looks at."""
        self._env.cr.execute(
            SQL(
                """
                SELECT FROM cqrs_opportunity_view view WHERE %(where)s
                ORDER BY %(key)s %(direction)s, view.id %(direction)s
                LIMIT 1 OFFSET %(walk)s
                """,
                where=where,
                key=self._key,
                direction=self._direction,
                walk=WALK,
            )
        )
        return bool(self._env.cr.rowcount)

    def _gather(self, where: SQL, limit: int) -> list[After]:
        """Return the first places of all that the filters leave, by whatever index."""
        # OFFSET 0 keeps the planner from hoping that a walk soon meets enough of them:
        # one has not.
        return self._places(
            SQL(
                """
                SELECT key::text, id
                FROM (SELECT view.*, %(key)s AS key FROM cqrs_opportunity_view view
                      WHERE %(where)s AND %(wanted)s OFFSET 0) view
                WHERE %(visible)s
                ORDER BY view.key %(direction)s, view.id %(direction)s LIMIT %(limit)s
                """,
                key=self._key,
                where=where,
                wanted=self._narrowed(self._wanted),
                visible=self._visible,
                direction=self._direction,
                limit=limit,
            )
        )

    def _merge(
        self, segment: Segment, bounds: list, seen: list[Seen], limit: int
    ) -> list[After]:
        """Return the first places of all owners together, from each one's first."""
        # Rows enough for a page, if most of the owners have some.
        owner_count = sum(len(owner_ids) for owner_ids, __ in seen)
        each = min(1 + 2 * limit // max(owner_count, 1), limit)
        if each == limit:
            return self._first(segment, bounds, seen, each, limit)
        # Where the page ended the last time tells how much of each owner is on it, or
        # nearly; what is found up to there comes first, whatever has changed.
        ends = kept(self._env, "page_ends")
        asked = (self._asked, segment, tuple(bounds), limit)
        places, end = [], ends.get(asked)
        if end:
            until = [*bounds, (self._until, end)]
            places = self._first(segment, until, seen, 2 * limit, 2 * limit)
            bounds = [(self._behind, end)]
        if len(places) < limit:
            places += self._first(segment, bounds, seen, each, limit - len(places))
        elif len(places) < 2 * limit:
            return places[:limit]
        if len(places) >= limit:
            ends[asked] = places[limit - 1]
        return places[:limit]

    def _first(
        self, segment: Segment, bounds: list, seen: list[Seen], each: int, limit: int
    ) -> list[After]:
        """Return the first places, beginning with the first ``each`` of each owner."""
        while True:
            # Of a stage and a place in it the planner expects next to no row, and would
            # go through those of every owner to find the few of one.
            where = self._within(segment, bounds, are_known=False)
            heads = self._heads(where, seen, each, limit)
            found = Counter(owner_id for owner_id, __, __ in heads)
            if each >= limit or each not in found.values():
                return [After(key, id_) for __, key, id_ in heads]
            # Somebody has more, which may belong among these; nobody else has any that
            # does, and nothing does that comes after the end of a full page.
            seen = _of_owners(seen, found)
            each = min(4 * each, limit)
            if len(heads) == limit:
                bounds = [*bounds, (self._until, After(*heads[-1][1:]))]
                each = limit

    def _heads(
        self, where: SQL, seen: list[Seen], each: int, limit: int
    ) -> list[tuple[int | None, str | None, int]]:
        """Return owner, key and id of the first of the first ``each`` of each owner."""
        if not seen:
            return []
        # The planner takes every owner for an average one, and would rather sort all
        # rows of one who has no more than the limit. One that it does not know it
        # takes for a tenth of them, and reads them in order.
        first_of_owner, first_of_nobody = (
            SQL(
                """
                SELECT view.user_id, %(key)s AS key, view.id
                FROM cqrs_opportunity_view view
                WHERE %(owned)s AND %(where)s AND %(wanted)s AND %(visible)s
                ORDER BY view.user_id %(direction)s, %(key)s %(direction)s,
                         view.id %(direction)s
                LIMIT (SELECT %(each)s)
                """,
                key=self._key,
                owned=owned,
                where=where,
                wanted=self._wanted,
                # What is known of all owners, or of none.
                visible=self._visible if seen[0].company_ids is None else _IN_COMPANIES,
                direction=self._direction,
                each=each,
            )
            for owned in (
                SQL("view.user_id = owner_id"),
                SQL("owner_id IS NULL AND view.user_id IS NULL"),
            )
        )
        return self._env.execute_query(
            SQL(
                """
                SELECT user_id, key::text, id
                FROM (VALUES %(seen)s) AS seen (owner_ids, company_ids, or_none)
                CROSS JOIN unnest(owner_ids) AS owner (owner_id)
                CROSS JOIN LATERAL ((%(first)s) %(or_nobody)s) first
                ORDER BY first.key %(direction)s, first.id %(direction)s
                LIMIT %(limit)s
                """,
                seen=SQL(", ").join(
                    SQL(
                        "(%s::integer[], %s::integer[], %s)",
                        list(owner_ids),
                        [id_ for id_ in company_ids or () if id_],
                        None in (company_ids or ()),
                    )
                    for owner_ids, company_ids in seen
                ),
                first=first_of_owner,
                or_nobody=SQL("UNION ALL (%s)", first_of_nobody)
                if any(None in owner_ids for owner_ids, __ in seen)
                else SQL(),
                direction=self._direction,
                limit=limit,
            )
        )

    def _within(self, segment: Segment, bounds: list, are_known: bool = True) -> SQL:
        """Return the condition on the rows of a segment within some bounds.

        :param bounds: ``(operator, place)`` of each
        :param are_known: to the planner, which else takes each part of the order to be
            as large as any other
        """

        def value(key) -> SQL:
            return SQL("%s::%s" if are_known else "(SELECT %s::%s)", key, self._type)

        conditions = [segment.condition]
        for key in segment.keys:
            # Of an equality the planner would think that any index on the id gives its
            # rows sorted, and filter those of the primary key.
            conditions.append(
                SQL("%s IS NULL", self._key)
                if key is None
                else SQL("%s BETWEEN %s AND %s", self._key, value(key), value(key))
            )
        for operator, place in bounds:
            key, id_ = place.key, place.id
            conditions.append(
                SQL("view.id %s %s", operator, id_)
                if key is None
                else SQL(
                    "(%s, view.id) %s (%s, %s)", self._key, operator, value(key), id_
                )
            )
        return SQL(" AND ").join(conditions)

    def _owner_ids(self) -> list[int | None] | None:
        """Return whose opportunities there may be; None if there is no telling."""
        if self._filters.user_ids is not None:
            return list(set(self._filters.user_ids))
        owners = self._env["cqrs.access"]._visible_owners(self._viewers)
        if owners is None:
            return None
        return list({owner_id for (owner_id,) in self._env.execute_query(owners)})

    def _places(self, query: SQL) -> list[After]:
        return [After(key, id_) for key, id_ in self._env.execute_query(query)]


def _unknown(owner_ids) -> Seen:
    """Return owners of whom each row has to be asked whether it is seen."""
    return Seen(tuple(owner_ids), None)


def _of_owners(seen: list[Seen], owner_ids) -> list[Seen]:
    """Return what is seen of those owners, without any of whom nothing is."""
    some = (
        Seen(tuple(id_ for id_ in each.owner_ids if id_ in owner_ids), each.company_ids)
        for each in seen
    )
    return [each for each in some if each.owner_ids]


def _owned(owner_ids) -> SQL:
    owned = SQL("view.user_id = ANY(%s)", [o for o in owner_ids if o is not None])
    if None in owner_ids:
        return SQL("(%s OR view.user_id IS NULL)", owned)
    return owned


def _matches(text: str) -> SQL:
    words = text.translate(SPACES).split()
    if not words:
        return SQL("FALSE")
    return SQL(
        "view.words @@ to_tsquery('simple', %s)",
        " & ".join(f"'{word}':*" for word in words),
    )


def _utc(bound):
    """Return a bound as the table has it: times in UTC, without a zone."""
    if isinstance(bound, datetime):
        return bound.astimezone(timezone.utc).replace(tzinfo=None)
    return bound
