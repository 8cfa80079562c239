"""Figures of the flow: arithmetic on counted moves, which knows no table.

Moves of one kind between the same stages are counted together, with the durations of
the stays. Counts add up, so those of a period that has ended are counted once.

A duration is in tenths of a day, rounded half up. The median of some stays is the
shortest one that half of them are no longer than, the 90th percentile the shortest one
that nine in ten are no longer than (``percentile_disc`` of PostgreSQL): always the
duration of one of them.

Counts subtract as well: stays until a moment, without those until an earlier one.

>>> from types import SimpleNamespace
>>> stays = Stays.of([10, 20, 305], [1, 2, 1])
>>> [str(percentile([stays], share)) for share in (MEDIAN, NINE_IN_TEN)]
['2.0', '30.5']
>>> str(percentile([stays, Stays.of([20, 305], [2, 1]).times(-1)], NINE_IN_TEN))
'1.0'
>>> first = Row(None, 1, 2, "moved", 1, 5, Decimal(0), 0, [25, 25, 40, 25, 40])
>>> back = first._replace(from_stage_id=2, to_stage_id=1, count=1, tenths=[5])
>>> won = Row(None, 1, None, "won", 1, 1, Decimal("100.5"), 864_000_000_000, [25])
>>> counted = Counted.of([first, back, won])
>>> stay = counted.of_stage(1, rank={1: 0, 2: 1}.__getitem__)
>>> stay["moved_on"], stay["moved_back"], stay["won"], str(stay["median_days"])
(5, 0, 1, '2.5')
>>> str(counted.totals({1: Decimal(2)}, SimpleNamespace(decimal_places=2))["velocity"])
'20.10'

It takes some milliseconds for each ten thousand different durations.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from itertools import accumulate
from typing import NamedTuple

from ..metrics.rounding import rounded

#: The kinds of moves that end a stay in a way that says how long it was
ENDING = ("moved", "won", "lost")

#: Shares as numerator and denominator
MEDIAN, NINE_IN_TEN = (1, 2), (9, 10)

#: Microseconds of a day
DAY = 86_400_000_000

_TENTH = Decimal("0.1")
_SHARE = Decimal("0.0001")


class Row(NamedTuple):
    """Moves that are counted together.

    :ivar group: the key of their group; None without groups
    :ivar from_stage_id: None for none, like ``to_stage_id``
    :ivar kind: as in ``projections/stays.py``
    :ivar value: the sum of what was won, in the currency
    :ivar open_for: for how long the won ones had been open, all in all, in microseconds
    :ivar tenths: the duration of each stay; none of moves that end none, or whose
        stays are counted apart
    """

    group: object
    from_stage_id: int | None
    to_stage_id: int | None
    kind: str
    currency_id: int | None
    count: int
    value: Decimal
    open_for: int
    tenths: Sequence[int] = ()


class Stays(NamedTuple):
    """Durations of some stays, counted.

    :ivar tenths: durations, in order
    :ivar upto: for each, how many stays were no longer
    :ivar sign: -1 of those that are taken away
    """

    tenths: array
    upto: array
    sign: int = 1

    @classmethod
    def of(cls, tenths: Iterable[int], counts: Iterable[int]) -> "Stays":
        return cls(array("i", tenths), array("i", accumulate(counts)))

    def times(self, sign: int) -> "Stays":
        return self._replace(sign=self.sign * sign)

    def no_longer_than(self, tenths: int) -> int:
        place = bisect_right(self.tenths, tenths)
        return self.sign * self.upto[place - 1] if place else 0


@dataclass
class Counted:
    """Counted moves.

    :ivar moves: ``{(kind, from stage, to stage): count}``
    :ivar stays: of each stage, of those that moved or closed
    :ivar revenue: ``{currency id: what was won}``
    :ivar open_for: of what was won
    """

    moves: Counter = field(default_factory=Counter)
    stays: dict[int | None, list[Stays]] = field(
        default_factory=lambda: defaultdict(list)
    )
    revenue: dict[int | None, Decimal] = field(
        default_factory=lambda: defaultdict(Decimal)
    )
    open_for: int = 0

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "Counted":
        counted, stays = cls(), defaultdict(Counter)
        for row in rows:
            key = row.kind, row.from_stage_id, row.to_stage_id
            counted.moves[key] += row.count
            if row.tenths:
                stays[row.from_stage_id].update(row.tenths)
            if row.kind == "won":
                counted.revenue[row.currency_id] += row.value
                counted.open_for += row.open_for
        for stage_id, counts in stays.items():
            tenths = sorted(counts)
            counted.stays[stage_id] = [Stays.of(tenths, map(counts.get, tenths))]
        return counted

    def add(self, other: "Counted", sign: int = 1) -> "Counted":
        """Add others, or take them away; return these."""
        for key, count in other.moves.items():
            self.moves[key] += sign * count
            if not self.moves[key]:
                del self.moves[key]
        for stage_id, parts in other.stays.items():
            self.stays[stage_id] += [part.times(sign) for part in parts]
        for currency_id, amount in other.revenue.items():
            self.revenue[currency_id] += sign * amount
        self.open_for += sign * other.open_for
        return self

    @property
    def stage_ids(self) -> set[int | None]:
        """The stages that opportunities were in."""
        begun = {to for kind, __, to in self.moves if kind in _BEGINNINGS}
        return begun | {start for kind, start, __ in self.moves if kind in _ENDS}

    def of_stage(self, stage_id: int | None, rank: Callable) -> dict:
        """Return the figures of a stage.

        :param rank: of a stage in the order of the pipeline
        """

        def count(*kinds, is_end=True, is_on: bool | None = None) -> int:
            return sum(
                count
                for (kind, start, end), count in self.moves.items()
                if kind in kinds
                and (start if is_end else end) == stage_id
                and (is_on is None or (rank(end) > rank(start)) == is_on)
            )

        stays = self.stays.get(stage_id, [])
        return {
            "entered": count(*_BEGINNINGS, is_end=False),
            "moved_on": count("moved", is_on=True),
            "moved_back": count("moved", is_on=False),
            "won": count("won"),
            "lost": count("lost"),
            "median_days": percentile(stays, MEDIAN),
            "p90_days": percentile(stays, NINE_IN_TEN),
        }

    def totals(self, rates: dict[int | None, Decimal], currency) -> dict:
        """Return the figures of all stages together.

        :param rates: by currency
        :param currency: that of the amounts
        """
        won, lost = (
            sum(n for (kind, *__), n in self.moves.items() if kind == wanted)
            for wanted in ("won", "lost")
        )
        revenue = sum(
            (amount * rates[id_] for id_, amount in self.revenue.items()), Decimal(0)
        )
        # Deals × average value × win rate ÷ days: the deals cancel out.
        velocity = None
        if self.open_for:
            velocity = rounded(revenue * won * DAY / self.open_for, currency)
        return {
            "deals": won + lost,
            "won": won,
            "lost": lost,
            "win_rate": _share(won, won + lost),
            "won_revenue": rounded(revenue, currency),
            "average_value": rounded(revenue / won, currency) if won else None,
            "cycle_days": _days(self.open_for, won) if won else None,
            "velocity": velocity,
            "exact": {"won_revenue": revenue},
        }


_BEGINNINGS = ("created", "reopened", "moved")
_ENDS = ("moved", "won", "lost", "deleted")


def percentile(stays: list[Stays], share: tuple[int, int]) -> Decimal | None:
    """Return the days that a share of some stays are no longer than; None of none."""
    numerator, denominator = share

    def count(tenths: int) -> int:
        return sum(part.no_longer_than(tenths) for part in stays)

    longest = max((part.tenths[-1] for part in stays), default=0)
    wanted = -(-count(longest) * numerator // denominator)
    if not wanted:
        return None
    return bisect_left(range(longest), wanted, key=count) * _TENTH


def _share(part: int, whole: int) -> Decimal | None:
    if not whole:
        return None
    return (Decimal(part) / whole).quantize(_SHARE, ROUND_HALF_UP)


def _days(microseconds: int, count: int) -> Decimal:
    days = Decimal(microseconds) / (DAY * count)
    return days.quantize(_TENTH, ROUND_HALF_UP)
