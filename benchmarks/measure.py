"""Times of interleaved runs, and their ratios with a spread.

>>> samples = Samples()
>>> for value in (1, 2, 3, 4, 5):
...     samples.add("a", value)
...     samples.add("b", 2 * value)
>>> samples.percentile("a", 50)
3.0
>>> samples.ratio("b", "a").value
2.0
"""

import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, pairwise

from .processor import Cost

BLOCKS = 5
PARTS = ("odoo", "postgres", "processor")
"""Of what something takes of the processor, whose it was; and both."""


@dataclass(frozen=True)
class Ratio:
    """A ratio of two medians; ``low`` and ``high`` are those of parts of the run."""

    value: float
    low: float
    high: float

    def inverse(self) -> "Ratio":
        return Ratio(1 / self.value, 1 / self.high, 1 / self.low)

    @property
    def spread_percent(self) -> float:
        """How far the parts of the run lie from the whole, at most."""
        return 100 * max(self.high - self.value, self.value - self.low) / self.value


def percentile(values: list[float], percent: float) -> float:
    """Return the value that so many percent of the values do not exceed.

    >>> percentile([4, 1, 3, 2], 50), percentile([7], 99)
    (2.5, 7)
    """
    if len(values) == 1:
        return values[0]
    points = statistics.quantiles(values, n=100, method="inclusive")
    return points[round(percent) - 1]


class Samples:
    """Seconds by name, in the order in which they were taken."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = defaultdict(list)

    def __contains__(self, name: str) -> bool:
        return name in self._seconds

    def names(self) -> list[str]:
        return list(self._seconds)

    def add(self, name: str, seconds: float) -> None:
        self._seconds[name].append(seconds)

    def add_cost(self, name: str, cost: Cost) -> None:
        """Add the time by the clock, and those of the processor under ``PARTS``."""
        self.add(name, cost.seconds)
        for part in PARTS:
            self.add(f"{name} {part}", getattr(cost, part))

    def forget_first(self, names: list[str]) -> None:
        """Forget the first of each that has others."""
        for name in names:
            for each in (name, *(f"{name} {part}" for part in PARTS)):
                if len(self._seconds.get(each, ())) > 1:
                    del self._seconds[each][0]

    def count(self, name: str) -> int:
        return len(self._seconds[name])

    def median(self, name: str) -> float:
        return statistics.median(self._seconds[name])

    def percentile(self, name: str, percent: float) -> float:
        return percentile(self._seconds[name], percent)

    def ratio(self, name: str, base: str) -> Ratio:
        """Return the median of ``name`` as a multiple of that of ``base``.

        The n-th sample of each was taken at about the same time, so both are cut
        into the same parts.
        """
        a, b = self._seconds[name], self._seconds[base]
        parts = [
            statistics.median(part_a) / statistics.median(part_b)
            for part_a, part_b in zip(cut(a), cut(b), strict=False)
        ]
        whole = statistics.median(a) / statistics.median(b)
        return Ratio(whole, min(whole, *parts), max(whole, *parts))

    def ratios(self, name: str, base: str) -> tuple[Ratio, Ratio]:
        """Return the ratio of the times by the clock, and of the processor."""
        processor = self.ratio(f"{name} processor", f"{base} processor")
        return self.ratio(name, base), processor


def mean(ratios: list[Ratio]) -> Ratio:
    """Return the geometric mean of each of their values.

    >>> mean([Ratio(2, 1, 4), Ratio(8, 4, 9)])
    Ratio(value=4.0, low=2.0, high=6.0)
    """
    values = ((each.value, each.low, each.high) for each in ratios)
    return Ratio(*map(statistics.geometric_mean, zip(*values, strict=True)))


def cut(values: list[float]) -> list[list[float]]:
    """Cut into at most ``BLOCKS`` parts of about the same length."""
    parts = min(BLOCKS, len(values))
    edges = [len(values) * n // parts for n in range(parts + 1)]
    return [values[a:b] for a, b in pairwise(edges)]


def rounds(seconds: float) -> Iterator[int]:
    """Count for so many seconds, once at least.

    >>> list(rounds(0))
    [0]
    """
    end = time.monotonic() + seconds
    for number in count():
        yield number
        if time.monotonic() >= end:
            return


def interleave(
    cases: Mapping[str, Callable[[], Cost]],
    seconds: float,
    samples: Samples,
    *,
    seed: int = 19,
    on_round: Callable[[], None] = lambda: None,
) -> None:
    """Perform each case once a round, in an order that is another one each time.

    The first round warms up: it does not count, unless there is time for no other.
    """
    names = list(cases)
    shuffle = random.Random(seed).shuffle
    for _ in rounds(seconds):
        shuffle(names)
        for name in names:
            samples.add_cost(name, cases[name]())
        on_round()
    samples.forget_first(names)
