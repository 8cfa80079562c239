"""Periods of whole days in a time zone: named ones, and the one before each.

A period has a first day and the day after its last; the zone says at which moments its
days begin. The functions are pure, and cost some microseconds.

>>> los_angeles = Calendar(ZoneInfo("America/Los_Angeles"))
>>> quarter = los_angeles.named("this_quarter", date(2026, 9, 30))
>>> str(quarter.first), str(quarter.until), str(quarter.end)
('2026-07-01', '2026-10-01', '2026-10-01 07:00:00+00:00')
>>> before = los_angeles.before(quarter)
>>> str(before.first), str(before.until)
('2026-04-01', '2026-07-01')
>>> to_march = Calendar(year_end=(31, 3))
>>> year = to_march.named("this_year", date(2026, 9, 30))
>>> str(year.first), str(year.until)
('2026-04-01', '2027-04-01')
>>> kolkata = Period(date(2026, 1, 15), date(2026, 3, 3), ZoneInfo("Asia/Kolkata"))
>>> [str(month) for month in kolkata.whole_months]
['2026-02-01', '2026-03-01']
>>> [(str(rest.first), str(rest.until)) for rest in kolkata.rest]
[('2026-01-15', '2026-02-01'), ('2026-03-01', '2026-03-03')]
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone
from functools import cached_property
from zoneinfo import ZoneInfo

import pytz
from dateutil.relativedelta import relativedelta

from odoo.tools.date_utils import get_fiscal_year

UTC = ZoneInfo("UTC")

#: Days whose periods and whose neighbours are dates too, whatever the zone
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)

UNITS = ("day", "week", "month", "quarter", "year")
#: ``{name: (unit, how many units ago)}``
NAMES = {
    "today": ("day", 0),
    "yesterday": ("day", 1),
    **{f"this_{unit}": (unit, 0) for unit in UNITS[1:]},
    **{f"previous_{unit}": (unit, 1) for unit in UNITS[1:]},
}

_QUARTER_OF_AN_HOUR = timedelta(minutes=15)


def zone_named(name: str | None) -> ZoneInfo | None:
    """Return the zone that Odoo too knows by an IANA name; None if there is none."""
    return ZoneInfo(name) if name in pytz.all_timezones_set else None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the moment at which a day begins in a zone, in UTC.

    Where clocks skip midnight that is the moment they do, where they show it twice the
    first of the two.
    """
    return datetime.combine(day, time(), zone).astimezone(timezone.utc)


def month_of(day: date) -> date:
    """Return the first day of a day's month."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """Return the first day of the month after that of a day."""
    return month_of(month_of(day) + timedelta(days=31))


def months(since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[tuple]:
    """Yield the months of a period in a zone: ``(first day, since, until)`` each.

    >>> since, until = (midnight(date(2026, *day), UTC) for day in ((1, 20), (3, 1)))
    >>> for day, start, end in months(since, until, ZoneInfo("Asia/Kolkata")):
    ...     print(day, f"{start:%d.%m %H:%M} {end:%d.%m %H:%M}")
    2026-01-01 20.01 00:00 31.01 18:30
    2026-02-01 31.01 18:30 28.02 18:30
    2026-03-01 28.02 18:30 01.03 00:00
    """
    while since < until:
        first = month_of(since.astimezone(zone).date())
        end = min(midnight(next_month(first), zone), until)
        yield first, since, end
        since = end


@dataclass(frozen=True)
class Period:
    """Whole days of a zone, from ``first`` on and before ``until``.

    :ivar first: None for no beginning
    :ivar until: the day after the last one; None for no end
    :ivar unit: one of ``UNITS``, if it is such a one
    :ivar name: one of ``NAMES``, if it was named
    """

    first: date | None = None
    until: date | None = None
    zone: ZoneInfo = UTC
    unit: str | None = None
    name: str | None = None

    @property
    def is_any_time(self) -> bool:
        return self.first is None and self.until is None

    @property
    def is_bounded(self) -> bool:
        return None not in (self.first, self.until)

    @property
    def start(self) -> datetime | None:
        """The moment at which it begins, in UTC."""
        return self.first and midnight(self.first, self.zone)

    @property
    def end(self) -> datetime | None:
        """The moment at which it has ended, in UTC."""
        return self.until and midnight(self.until, self.zone)

    @cached_property
    def whole_months(self) -> tuple[date | None, date | None] | None:
        """The first days of its first whole month, and of the month after its last.

        None where there is no whole month, and for either where it is open.
        """
        first = self.first
        if first and first.day > 1:
            first = next_month(first)
        until = self.until and month_of(self.until)
        return None if first and until and first >= until else (first, until)

    @cached_property
    def rest(self) -> tuple["Period", ...]:
        """The parts, in whole days, that are not whole months."""
        if self.whole_months is None:
            return (self,)
        first, until = self.whole_months
        parts = replace(self, until=first), replace(self, first=until)
        return tuple(
            part
            for part, bound in zip(parts, (first, until), strict=True)
            if bound and part.first != part.until
        )


@dataclass(frozen=True)
class Calendar:
    """The days, weeks and years of somebody.

    :ivar week_start: first day of the week, from 1 (Monday) to 7, as in ``res.lang``
    :ivar year_end: last day and last month of the fiscal year
    """

    zone: ZoneInfo = UTC
    week_start: int = 1
    year_end: tuple[int, int] = (31, 12)

    def named(self, name: str, today: date) -> Period:
        """Return the period of a name in ``NAMES``, as of a day."""
        unit, back = NAMES[name]
        period = self.period(unit, today)
        return replace(self.before(period) if back else period, name=name)

    def period(self, unit: str, day: date) -> Period:
        """Return the period of a unit that a day belongs to."""
        first, until = getattr(self, f"_{unit}")(day)
        return Period(first, until, self.zone, unit)

    def before(self, period: Period) -> Period:
        """Return the period before: the same unit, or as many days."""
        if period.unit:
            return self.period(period.unit, period.first - timedelta(days=1))
        first = period.first - (period.until - period.first)
        return replace(period, first=first, until=period.first)

    def part_before(self, period: Period, now: datetime) -> tuple[Period, datetime]:
        """Return the period before, and where as much of it as of this one has passed.

        That is measured by the clock on the wall. The period before may be shorter.
        """
        before = self.before(period)
        if now >= period.end:
            return before, before.end
        wall = now.astimezone(self.zone).replace(tzinfo=None)
        passed = max(wall - datetime.combine(period.first, time()), timedelta())
        then = datetime.combine(before.first, time()) + passed
        moment = then.replace(tzinfo=self.zone).astimezone(timezone.utc)
        return before, min(max(moment, before.start), before.end)

    def quarter(self, day: date) -> int:
        """Return the number of a day's quarter in its fiscal year."""
        return 1 + sum(until <= day for __, until in self._quarters(day))

    def _day(self, day: date) -> tuple[date, date]:
        return day, day + timedelta(days=1)

    def _week(self, day: date) -> tuple[date, date]:
        first = day - timedelta(days=(day.isoweekday() - self.week_start) % 7)
        return first, first + timedelta(days=7)

    def _month(self, day: date) -> tuple[date, date]:
        return month_of(day), next_month(day)

    def _quarter(self, day: date) -> tuple[date, date]:
        return next((a, b) for a, b in self._quarters(day) if a <= day < b)

    def _quarters(self, day: date) -> Iterator[tuple[date, date]]:
        first, until = self._year(day)
        bounds = [first + relativedelta(months=3 * n) for n in range(4)]
        return zip(bounds, [*bounds[1:], until], strict=True)

    def _year(self, day: date) -> tuple[date, date]:
        first, last = get_fiscal_year(day, *self.year_end)
        return first, last + timedelta(days=1)
