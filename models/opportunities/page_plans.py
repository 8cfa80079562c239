"""How a page of opportunities is found, by one of three plans."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple

from odoo.tools import SQL

from ..access import thresholds
from ..access.owner_scopes import NONE, OwnerScope, are_few, in_scopes, owner_count
from ..projections.opportunity_view import ORDERS
from ..support.answer_context import without_jit
from .filters import Filters, owned
from .page_ends import PageEnd

#: Of the orders, the types of their keys
_TYPES = {
    "value": SQL("numeric"),
    "closing_date": SQL("date"),
    "created_at": SQL("timestamp"),
    "changed_at": SQL("timestamp"),
    "stage": SQL("integer"),
    "name": SQL("text"),
}

# In columns that PostgreSQL has statistics of: of what it takes for rare it would read
# all that an owner has, and sort it.
_IN_COMPANIES = SQL(
    "(view.company_id = ANY(seen.company_ids)"
    " OR seen.or_none AND view.company_id IS NULL)"
)


@dataclass(frozen=True)
class Keyset:
    """The place of an opportunity in an order.

    :ivar key: what it is sorted by, as PostgreSQL writes it; None if it has none. Of
        the order by stage it is the stage's id.
    :ivar stage_ids: of the order by stage, that of the stages when it was begun
    """

    key: str | None
    id: int
    stage_ids: tuple[int, ...] = ()


class Segment(NamedTuple):
    """A part of an order that an index gives sorted, and no other part has rows of.

    :ivar condition: of its rows, beside that on their key
    :ivar keys: the one key that all of them have; empty where they differ
    """

    condition: SQL = SQL("TRUE")
    keys: tuple[str | None, ...] = ()

    def has(self, place: Keyset) -> bool:
        if self.keys:
            return place.key in self.keys
        return place.key is not None


class Search:
    """Finds the places, in one order, of what the filters leave of what a user sees."""

    def __init__(
        self, env, user, filters: Filters, sort: str = "value", descending: bool = True
    ):
        without_jit(env)
        access = env["cqrs.access"]
        viewers = access._viewers(user)
        seen = access._owner_scopes(viewers)
        view = SQL("view")
        self._visible = (
            access._visible(viewers, view) if seen is None else in_scopes(seen, view)
        )
        self._env = env
        self._filters = filters
        self._asked = env.uid, user.id, filters, sort, descending
        self._wanted = filters.condition()
        self._condition = SQL("%s AND %s", self._wanted, self._visible)
        self._key = ORDERS[sort]
        self._type = _TYPES[sort]
        self._direction = SQL("DESC" if descending else "ASC")
        self._behind, self._until = (
            (SQL("<"), SQL(">=")) if descending else (SQL(">"), SQL("<="))
        )
        self._viewers = viewers
        self._seen = seen
        if (owner_ids := filters.user_ids) is not None:
            self._seen = (
                [_undecided(owner_ids)]
                if seen is None
                else _of_owners(seen, {id_ or NONE for id_ in owner_ids})
            )
        self._are_few = are_few(self._seen)

    def places(
        self, segment: Segment, after: Keyset | None, limit: int
    ) -> list[Keyset]:
        """Return the first places of a segment, at most ``limit``."""
        bounds = [(self._behind, after)] if after else []
        if self._are_few and not self._filters.text:
            return self._merge(segment, bounds, self._seen, limit)
        where = self._within(segment, bounds)
        if not self._are_few:
            places = self._walk(where, limit)
            if len(places) == limit or not self._goes_on(where):
                return places
        if not self._filters.are_plain:
            return self._gather(where, limit)
        seen = self._owners() if self._seen is None else self._seen
        if seen is None:
            return self._walk(where, limit, to_the_end=True)
        return self._merge(segment, bounds, seen, limit)

    def count(self) -> int:
        """Return how many there are."""
        query = SQL(
            "SELECT count(*) FROM cqrs_opportunity_view view WHERE %s",
            self._narrowed(self._condition),
        )
        return self._env.execute_query(query)[0][0]

    def _narrowed(self, condition: SQL) -> SQL:
        """Return the condition, with the owners in it if they are few."""
        if not self._are_few:
            return condition
        owner_ids = [id_ for seen in self._seen for id_ in seen.owner_ids]
        return SQL("%s AND %s", condition, owned(owner_ids))

    def _walk(self, where: SQL, limit: int, to_the_end: bool = False) -> list[Keyset]:
        """Return the first places of ``WALKED_ENTRIES`` of the order, or of all."""
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
                walk=None if to_the_end else thresholds.WALKED_ENTRIES,
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
                walk=thresholds.WALKED_ENTRIES,
            )
        )
        return bool(self._env.cr.rowcount)

    def _gather(self, where: SQL, limit: int) -> list[Keyset]:
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
        self, segment: Segment, bounds: list, seen: list[OwnerScope], limit: int
    ) -> list[Keyset]:
        """Return the first places of all owners together, from each one's first."""
        # Rows enough for a page, if most of the owners have some.
        each = min(1 + 2 * limit // max(owner_count(seen), 1), limit)
        if bounds or each == limit:
            return self._first(segment, bounds, seen, each, limit)
        page_end = PageEnd(self._env, (self._asked, segment, limit))
        places, end = [], page_end.get()
        if end:
            until = [(self._until, end)]
            places = self._first(segment, until, seen, 2 * limit, 2 * limit)
            bounds = [(self._behind, end)]
        if len(places) < limit:
            places += self._first(segment, bounds, seen, each, limit - len(places))
        elif len(places) < 2 * limit:
            return places[:limit]
        if len(places) >= limit:
            page_end.remember(places[limit - 1])
        return places[:limit]

    def _first(
        self,
        segment: Segment,
        bounds: list,
        seen: list[OwnerScope],
        each: int,
        limit: int,
    ) -> list[Keyset]:
        """Return the first places, beginning with the first ``each`` of each owner."""
        while True:
            # Of a stage and a place in it the planner expects next to no row, and would
            # go through those of every owner to find the few of one.
            where = self._within(segment, bounds, are_known=False)
            heads = self._heads(where, seen, each, limit)
            found = Counter(owner_id for owner_id, __, __ in heads)
            if each >= limit or each not in found.values():
                return [Keyset(key, id_) for __, key, id_ in heads]
            # Somebody has more, which may belong among these; nobody else has any that
            # does, and nothing does that comes after the end of a full page.
            seen = _of_owners(seen, found)
            each = min(4 * each, limit)
            if len(heads) == limit:
                bounds = [*bounds, (self._until, Keyset(*heads[-1][1:]))]
                each = limit

    def _heads(
        self, where: SQL, seen: list[OwnerScope], each: int, limit: int
    ) -> list[tuple[int, str | None, int]]:
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
                owned=of_owner,
                where=where,
                wanted=self._wanted,
                # What is known of all owners, or of none.
                visible=self._visible if not seen[0].is_decided else _IN_COMPANIES,
                direction=self._direction,
                each=each,
            )
            for of_owner in (
                SQL("view.user_id = owner_id"),
                SQL("owner_id = 0 AND view.user_id IS NULL"),
            )
        )
        return self._env.execute_query(
            SQL(
                """
                SELECT owner_id, key::text, id
                FROM (VALUES %(seen)s) AS seen (owner_ids, company_ids, or_none)
                CROSS JOIN unnest(owner_ids) AS owner (owner_id)
                CROSS JOIN LATERAL ((%(first)s) %(or_nobody)s) first
                ORDER BY first.key %(direction)s, first.id %(direction)s
                LIMIT %(limit)s
                """,
                seen=SQL(", ").join(
                    SQL(
                        "(%s, %s, %s)",
                        each.owners,
                        each.companies,
                        each.has_companyless,
                    )
                    for each in seen
                ),
                first=first_of_owner,
                or_nobody=SQL("UNION ALL (%s)", first_of_nobody)
                if any(NONE in each.owner_ids for each in seen)
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

    def _owners(self) -> list[OwnerScope] | None:
        """Return whose opportunities there may be; None if there is no telling."""
        owners = self._env["cqrs.access"]._visible_owners(self._viewers)
        if owners is None:
            return None
        return [_undecided(id_ for (id_,) in self._env.execute_query(owners))]

    def _places(self, query: SQL) -> list[Keyset]:
        return [Keyset(key, id_) for key, id_ in self._env.execute_query(query)]


def _undecided(owner_ids) -> OwnerScope:
    """Return the scope of owners of whom each row decides who sees it."""
    return OwnerScope(tuple({id_ or NONE for id_ in owner_ids}), is_decided=False)


def _of_owners(seen: list[OwnerScope], owner_ids) -> list[OwnerScope]:
    """Return what is seen of those owners, without any of whom nothing is."""
    some = (
        replace(
            each, owner_ids=tuple(id_ for id_ in each.owner_ids if id_ in owner_ids)
        )
        for each in seen
    )
    return [each for each in some if each.owner_ids]
