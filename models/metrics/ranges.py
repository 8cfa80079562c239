"""Ranges of moments: the parts of a period that are not whole months in UTC.

>>> from zoneinfo import ZoneInfo
>>> kolkata = ZoneInfo("Asia/Kolkata")
>>> period = Period(date(2026, 7, 1), date(2026, 8, 2), kolkata)
>>> for start, end, sign, month, is_pending in edges([date(2026, 7, 1)], period):
...     print(start, end, sign, month)
2026-06-30 18:30:00 2026-07-01 00:00:00 1 2026-07-01
>>> for start, end, sign, month, is_pending in rest(period):
...     print(start, end, sign, month, is_pending)
2026-07-31 18:30:00 2026-08-01 18:30:00 1 2026-08-01 False
2026-08-01 00:00:00 2026-08-02 00:00:00 1 2026-08-01 True
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone
from typing import NamedTuple

from odoo.tools import SQL

from ..support.periods import (
    FIRST_DAY,
    LAST_DAY,
    UTC,
    Period,
    midnight,
    month_of,
    next_month,
)


class Range(NamedTuple):
    """Opportunities that close from a moment on, before another one.

    :ivar start: naive, in UTC; of pending ones a day, as ``end``
    :ivar sign: -1 to take them away
    :ivar month: the month of the zone that they belong to
    """

    start: datetime
    end: datetime
    sign: int
    month: date
    is_pending: bool = False


def boundaries(months: Iterable[date]) -> set[date]:
    """Return the days on which months begin, and those after them."""
    known = [month for month in months if FIRST_DAY <= month <= LAST_DAY]
    return {*known, *map(next_month, known)}


def edges(boundaries: Iterable[date], period: Period) -> list[Range]:
    """Return the ranges between the midnights of UTC and of a zone.

    :param boundaries: first days of months, of which those months that are whole months
        of the period are corrected
    """
    first, until = period.whole_months
    ranges = []
    for day in boundaries:
        if not FIRST_DAY <= day <= LAST_DAY:
            continue
        local, utc = midnight(day, period.zone), midnight(day, UTC)
        sign = 1 if local < utc else -1
        start, end = sorted((naive(local), naive(utc)))
        if (first is None or first <= day) and (until is None or day < until):
            ranges.append(Range(start, end, sign, day))
        before = month_of(day - timedelta(days=1))
        if (first is None or first <= before) and (until is None or before < until):
            ranges.append(Range(start, end, -sign, before))
    return ranges


def rest(period: Period) -> list[Range]:
    """Return the ranges of the days of a period that are not whole months."""
    ranges = []
    for part in period.rest:
        # A part of two months, neither of them whole, is in either.
        middle = next_month(part.first)
        if middle < part.until:
            ranges += of_days(replace(part, until=middle))
            part = replace(part, first=middle)
        ranges += of_days(part)
    return ranges


def of_days(period: Period) -> list[Range]:
    """Return the ranges of the days of a period, one of each kind."""
    month = month_of(period.first or FIRST_DAY)
    bounds = [bound and naive(bound) for bound in (period.start, period.end)]
    days = [bound and _midnight(bound) for bound in (period.first, period.until)]
    return [
        Range(start or datetime.min, end or datetime.max, 1, month, is_pending)
        for (start, end), is_pending in ((bounds, False), (days, True))
    ]


def naive(moment: datetime) -> datetime:
    """Return a moment as the tables have it: in UTC, without a zone."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def relation_of(ranges: Sequence[Range]) -> SQL:
    """Return the relation ``range`` of some ranges."""
    starts, ends, signs, months, kinds = zip(*ranges, strict=True)
    return SQL(
        """
        unnest(%s::timestamp[], %s::timestamp[], %s::integer[], %s::date[],
               %s::boolean[]) AS range (start, "end", sign, month, is_pending)
        """,
        *map(list, (starts, ends, signs, months, kinds)),
    )


def found_in(ranges: Sequence[Range], relation: SQL, row: SQL, *conditions: SQL) -> SQL:
    """Return the relation ``range``, joined with the rows that are found in each.

    :param relation: of the rows
    :param row: their alias, in the conditions and in what is returned
    :param conditions: that a row is in its ``range``, by an index, and further ones
    """
    return SQL(
        """
        %(ranges)s CROSS JOIN LATERAL (
            SELECT * FROM %(relation)s %(row)s WHERE %(conditions)s
            -- Each range by the index: of a join the planner expects a ninth of all.
            OFFSET 0
        ) %(row)s
        """,
        ranges=relation_of(ranges),
        relation=relation,
        row=row,
        conditions=SQL(" AND ").join(conditions),
    )
