"""Figures of the flow: arithmetic on counted moves, which knows no table.

Moves of one kind between the same stages, whose stay was equally long, are counted
together. Counts add up, so those of a period that has ended are counted once.

A duration is in tenths of a day, rounded half up. The median of some stays is the
shortest one that half of them are no longer than, the 90th percentile the shortest one
that nine in ten are no longer than (``percentile_disc`` of PostgreSQL): always the
duration of one of them.

>>> from types import SimpleNamespace
>>> stays = Counter({10: 1, 20: 2, 305: 1})
>>> [str(percentile(stays, share)) for share in (MEDIAN, NINE_IN_TEN)]
['2.0', '30.5']
>>> first = Row(None, 1, 2, "moved", 1, 3, Decimal(0), 0, 25)
>>> again = first._replace(count=2, tenths=40)
>>> back = first._replace(from_stage_id=2, to_stage_id=1, tenths=5)
>>> won = Row(None, 1, None, "won", 1, 1, Decimal("100.5"), 864_000_000_000, 25)
>>> counted = Counted.of([first, again, back, won])
>>> stay = counted.of_stage(1, rank={1: 0, 2: 1}.__getitem__)
>>> stay["moved_on"], stay["moved_back"], stay["won"], str(stay["median_days"])
(5, 0, 1, '2.5')
>>> str(counted.totals({1: Decimal(2)}, SimpleNamespace(decimal_places=2))["velocity"])
'20.10'

It takes some milliseconds for each ten thousand different durations.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from ..metrics.rounding import rounded

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
    :ivar tenths: the duration of each stay; None of moves that end none
    """

    group: object
    from_stage_id: int | None
    to_stage_id: int | None
    kind: str
    currency_id: int | None
    count: int
    value: Decimal
    open_for: int
    tenths: int | None


@dataclass
class Counted:
    """Counted moves.

    :ivar moves: ``{(kind, from stage, to stage): count}``
    :ivar stays: ``{stage: {tenths of a day: count}}`` of those that moved or closed
    :ivar revenue: ``{currency id: what was won}``
    :ivar open_for: of what was won
    """

    moves: Counter = field(default_factory=Counter)
    stays: dict[int | None, Counter] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    revenue: dict[int | None, Decimal] = field(
        default_factory=lambda: defaultdict(Decimal)
    )
    open_for: int = 0

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "Counted":
        counted = cls()
        for row in rows:
            key = row.kind, row.from_stage_id, row.to_stage_id
            counted.moves[key] += row.count
            if row.kind in ("moved", "won", "lost"):
                counted.stays[row.from_stage_id][row.tenths] += row.count
            if row.kind == "won":
                counted.revenue[row.currency_id] += row.value
                counted.open_for += row.open_for
        return counted

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

        stays = self.stays.get(stage_id, Counter())
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


def percentile(stays: Counter, share: tuple[int, int]) -> Decimal | None:
    """Return the days that a share of some stays are no longer than; None of none."""
    numerator, denominator = share
    wanted = -(-stays.total() * numerator // denominator)
    for tenths in sorted(stays):
        wanted -= stays[tenths]
        if wanted <= 0:
            return Decimal(tenths) * _TENTH
    return None


def _share(part: int, whole: int) -> Decimal | None:
    if not whole:
        return None
    return (Decimal(part) / whole).quantize(_SHARE, ROUND_HALF_UP)


def _days(microseconds: int, count: int) -> Decimal:
    days = Decimal(microseconds) / (DAY * count)
    return days.quantize(_TENTH, ROUND_HALF_UP)
