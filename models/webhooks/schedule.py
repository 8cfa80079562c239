"""When a message that was not delivered is sent again: Standard Webhooks' schedule."""

import random
from dataclasses import dataclass

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True)
class Schedule:
    """The times of a delivery, in seconds; the default is what is in force.

    :ivar pauses: before each attempt; after as many attempts a message is dead
    :ivar jitter: the part by which a pause is longer or shorter
    :ivar switched_off_after: of failing, until an endpoint is switched off
    :ivar probe: between two messages for which an endpoint that fails is tried anew

    >>> schedule = Schedule(jitter=0)
    >>> [schedule.pause(attempts) for attempts in (1, 2, 9)]
    [5.0, 300.0, 86400.0]
    >>> schedule.pause(10) is None
    True
    >>> schedule.pause(1, retry_after=60.0), schedule.pause(3, retry_after=60.0)
    (60.0, 1800.0)
    """

    pauses: tuple[float, ...] = (
        *(0, 5, 5 * _MINUTE, 30 * _MINUTE, 2 * _HOUR, 5 * _HOUR),
        *(10 * _HOUR, 14 * _HOUR, 20 * _HOUR, 24 * _HOUR),
    )
    jitter: float = 0.1
    switched_off_after: float = 3 * _DAY
    probe: float = 5 * _MINUTE

    def pause(self, attempts: int, retry_after: float | None = None) -> float | None:
        """Return the seconds until the next attempt; None if there is none.

        :param attempts: the attempts so far
        :param retry_after: the seconds that the receiver asked for; it may be later,
            not earlier
        """
        if attempts >= len(self.pauses):
            return None
        pause = self.pauses[attempts] * random.uniform(1 - self.jitter, 1 + self.jitter)
        return max(pause, retry_after or 0)


#: The schedule in force
STANDARD = Schedule()
