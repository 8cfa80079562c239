"""Rounding: a total half up, its parts so that what is shown of them adds up to it.

>>> from types import SimpleNamespace
>>> euro = SimpleNamespace(decimal_places=2)
>>> total = rounded(Decimal("0.0250"), euro)
>>> own, team = apportioned([Decimal("0.0125")], [Decimal("0.0125")], total, euro)
>>> str(total), list(map(str, own)), list(map(str, team))
('0.03', ['0.02'], ['0.01'])

Parts are rounded down, and as many as are missing up: those of the largest remainders.
Parts in a table, groups by own and team, add up in both directions: such a rounding
exists for every table of two rows.
"""

from collections.abc import Callable, Iterable
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from operator import add, sub

#: Ranks of a group for the second row
_FIRST, _FREE, _LAST = 1, 0, -1


def rounded(amount: Decimal, currency) -> Decimal:
    """Return the amount in the digits of a currency."""
    return amount.quantize(_unit(currency), ROUND_HALF_UP)


def apportioned(
    own: list[Decimal], team: list[Decimal], total: Decimal, currency
) -> tuple[list[Decimal], list[Decimal]]:
    """Return the amounts of each group in the digits of a currency; they add up.

    Each amount, each group's sum of both, and the sums of all own and of all team
    differ from the exact ones by less than a unit, and not at all where these have no
    more digits. It takes the time of sorting the groups.

    :param own: of each group, exact
    :param team: of each group, exact
    :param total: of all of it, rounded up or down
    """
    unit = _unit(currency)
    own, own_rests = _rounded_down(own, unit)
    team, team_rests = _rounded_down(team, unit)
    missing = int((total - sum(own) - sum(team)) / unit)
    if missing:
        raised_own, raised_team = _raised(own_rests, team_rests, missing, unit)
        for index in raised_own:
            own[index] += unit
        for index in raised_team:
            team[index] += unit
    return own, team


def shares(amounts: list[Decimal], total: Decimal, currency) -> list[Decimal]:
    """Return some amounts in the digits of a currency; they add up to a total.

    Each differs from the exact one by less than a unit. It takes the time of sorting.

    >>> from types import SimpleNamespace
    >>> third = Decimal(1) / 3
    >>> euro = SimpleNamespace(decimal_places=2)
    >>> list(map(str, shares([third, -2 * third], Decimal("-0.33"), euro)))
    ['0.33', '-0.66']

    :param total: it differs from the exact one by less than a unit
    """
    unit = _unit(currency)
    shown, rests = _rounded_down(amounts, unit)
    missing = int((total - sum(shown)) / unit)
    for index in _largest(range(len(rests)), rests.__getitem__, missing):
        shown[index] += unit
    return shown


def _unit(currency) -> Decimal:
    return Decimal(1).scaleb(-currency.decimal_places)


def _rounded_down(amounts: list[Decimal], unit: Decimal) -> tuple[list, list]:
    """Return the amounts rounded down, and the rest of each."""
    floors = [amount.quantize(unit, ROUND_FLOOR) for amount in amounts]
    return floors, list(map(sub, amounts, floors))


def _raised(
    own: list[Decimal], team: list[Decimal], count: int, unit: Decimal
) -> tuple[set[int], set[int]]:
    """Return the indexes of the own rests to round up, and of those of the team.

    Of a group whose rests come to no more than a unit not both may be rounded up; of
    one whose rests come to a unit or more, at least one has to be.
    """
    own_count, team_count = _shares(sum(own), sum(team), count, unit)
    sums = list(map(add, own, team))
    up_own = set(_largest(range(len(own)), own.__getitem__, own_count))

    def rank(index: int) -> int:
        if index in up_own:
            return _LAST if sums[index] <= unit else _FREE
        return _FIRST if sums[index] >= unit else _FREE

    indexes = (index for index, rest in enumerate(team) if rest)
    up_team = set(
        _largest(indexes, lambda index: (rank(index), team[index]), team_count)
    )
    # The team had no other choice where one of these is not empty. Then some others
    # can take the places of these among the own, or all counts were impossible.
    if both := [index for index in up_own & up_team if sums[index] <= unit]:
        others = (
            index
            for index, rest in enumerate(own)
            if rest
            and index not in up_own
            and (index not in up_team or sums[index] > unit)
        )
        up_own.update(_largest(others, own.__getitem__, len(both)))
        up_own.difference_update(both)
    elif neither := [
        index
        for index, sum_ in enumerate(sums)
        if sum_ >= unit and index not in up_own and index not in up_team
    ]:
        others = sorted(index for index in up_own - up_team if sums[index] < unit)
        up_own.difference_update(sorted(others, key=own.__getitem__)[: len(neither)])
        up_own.update(neither)
    return up_own, up_team


def _shares(own: Decimal, team: Decimal, count: int, unit: Decimal) -> tuple[int, int]:
    """Return how many of the rests are rounded up among the own and among the team."""
    (own_count, own), (team_count, team) = divmod(own, unit), divmod(team, unit)
    missing = count - own_count - team_count
    own_more = missing == 2 or (missing == 1 and own >= team)
    return int(own_count) + own_more, int(count - own_count) - own_more


def _largest(indexes: Iterable[int], key: Callable, count: int) -> list[int]:
    return sorted(indexes, key=key, reverse=True)[:count]
