"""Sums of changes: arithmetic on pairs that are added up by their kinds.

>>> won = Group("won", None, 1, 1, Decimal(500), Decimal(700), 1)
>>> amounts, counts = by_kind([won], {1: Decimal(2)})
>>> {kind: str(amount) for kind, amount in amounts.items()}, counts
({'increased': '400', 'won': '-1400'}, {'increased': 1, 'won': 1})
"""

from decimal import Decimal
from typing import NamedTuple

from odoo.tools import SQL

from .change_kinds import (
    DECREASED,
    INCREASED,
    KINDS,
    LEFT,
    contributions,
    is_revalued,
    numbers,
)
from .pairs import Pairs


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


def kth_largest(pairs: SQL, kth: int) -> SQL:
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


def sized(pairs: Pairs) -> SQL:
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


def place(text: str) -> tuple[int, Decimal, Decimal]:
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
