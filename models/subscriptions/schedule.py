"""Due times of weekly mails: an hour of a weekday, in the zone of who gets them.

>>> brussels = ZoneInfo("Europe/Brussels")
>>> sunday = datetime(2026, 3, 22, 12, tzinfo=timezone.utc)
>>> monday = next_due(sunday, 0, 8, brussels)
>>> str(monday), str(next_due(monday, 0, 8, brussels))
('2026-03-23 07:00:00+00:00', '2026-03-30 06:00:00+00:00')

An hour that clocks skip is the one after it, and one that they show twice the first:

>>> str(next_due(sunday, 6, 2, brussels))
'2026-03-29 01:00:00+00:00'
"""

from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo


def next_due(after: datetime, weekday: int, hour: int, zone: ZoneInfo) -> datetime:
    """Return the first moment of a schedule that is later than another one, in UTC.

    :param after: aware
    :param weekday: 0 is Monday
    """
    day = after.astimezone(zone).date()
    day += timedelta(days=(weekday - day.weekday()) % 7)
    while True:
        wall = datetime.combine(day, time(hour), zone)
        moment = wall.astimezone(timezone.utc)
        if moment > after:
            return moment
        day += timedelta(days=7)
