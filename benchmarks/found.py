"""What the parts find."""

from dataclasses import dataclass, field

from .measure import Ratio, Samples, mean


@dataclass
class Table:
    """Rows of texts under a title, for the terminal; as long as ``columns``."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)


@dataclass
class Chart:
    """Bars: a number for each label."""

    name: str
    title: str
    bars: dict[str, float]


@dataclass
class Found:
    """
    :ivar ratios, figures: named as in the JSON
    :ivar times: p50, p95 and p99 in milliseconds by what was measured
    :ivar against: what was measured, and this version as a multiple of the one that it
        is measured against: by the clock, and of the processor
    :ivar faults: sentences that tell where the addon fails and bare Odoo does not
    """

    ratios: dict[str, Ratio] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    times: dict[str, dict[str, float]] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    against: list[tuple[str, Ratio, Ratio]] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        self.ratios.update(other.ratios)
        self.figures.update(other.figures)
        self.times.update(other.times)
        self.tables.extend(other.tables)
        self.charts.extend(other.charts)
        self.faults.extend(other.faults)
        self.against.extend(other.against)

    def add_against(self, title: str, ratios: list[tuple[Ratio, Ratio]]) -> None:
        """Add the mean of the ratios, by the clock and of the processor."""
        self.against.append((title, *map(mean, zip(*ratios, strict=True))))

    def add_times(self, samples: Samples, prefix: str) -> None:
        for name in samples.names():
            self.times[f"{prefix}/{name}"] = {
                "p50_ms": 1000 * samples.percentile(name, 50),
                "p95_ms": 1000 * samples.percentile(name, 95),
                "p99_ms": 1000 * samples.percentile(name, 99),
                "count": samples.count(name),
            }


def milliseconds(seconds: float) -> str:
    """
    >>> milliseconds(0.00123), milliseconds(1.5)
    ('1.23', '1500')
    """
    value = 1000 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def ratio(value: Ratio) -> str:
    """
    >>> ratio(Ratio(2, 1.5, 2.25))
    '2.00 (1.50-2.25)'
    """
    return f"{value.value:.2f} ({value.low:.2f}-{value.high:.2f})"
