"""A moment of the past, as figures and lists are asked for as of it.

A day stands for its last moment in a zone, the microsecond before the midnight at which
it ends: what happens at midnight belongs to the next day.

>>> brussels = ZoneInfo("Europe/Brussels")
>>> end_of_march = AsOf.of(date(2026, 3, 31), brussels)
>>> str(end_of_march.moment), str(end_of_march.today)
('2026-03-31 21:59:59.999999+00:00', '2026-03-31')
>>> str(AsOf.of(datetime(2026, 3, 31, 22, tzinfo=timezone.utc), brussels).today)
'2026-04-01'

It costs some microseconds.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from odoo.tools import SQL

from ..support.periods import midnight

#: The least time between two moments
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class AsOf:
    """A moment of the past.

    :ivar moment: aware, in UTC
    :ivar today: the day that it was, by which opportunities were due or overdue
    :ivar hierarchy_at: the moment whose hierarchy says whose past is seen, as
        ``cqrs.access`` takes it; None for today's
    """

    moment: datetime
    today: date
    hierarchy_at: datetime | None = None

    @classmethod
    def of(cls, given: date | datetime, zone: ZoneInfo) -> "AsOf":
        """Return the moment of a time, or the last one of a day in a zone."""
        if not isinstance(given, datetime):
            given = midnight(given + timedelta(days=1), zone) - INSTANT
        moment = given.astimezone(timezone.utc)
        return cls(moment, moment.astimezone(zone).date())

    def holds(self, row: SQL) -> SQL:
        """Return the condition that a span holds at the moment.

        :param row: the alias of a relation with ``since`` and ``until``
        """
        return SQL(
            "%(row)s.since <= %(moment)s AND %(row)s.until > %(moment)s",
            row=row,
            moment=self.moment,
        )
