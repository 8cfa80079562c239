"""Endpoints as the dispatcher knows them for a term: how much may be sent to each."""

import time

from .outbox import Chain

#: Requests at a time: to one endpoint, and at first
SENDERS_OF_AN_ENDPOINT = 16
FIRST_SENDERS = 2
#: To all endpoints, and to all those that fail or are slow: these have some of their
#: own, so that they leave the others theirs, however many they are
SENDERS = 48
SENDERS_OF_SLOW_ENDPOINTS = 16
#: In all, with the requests to endpoints that became slow while they were sent
MOST_SENDERS = 128
#: Seconds of an answer from which on an endpoint is slow
SLOW = 1.0
#: Messages of a record that are looked at together, to be sent one after another
CHAIN = 8
#: Seconds for which the rights that were looked at hold for the next one of a chain
RIGHTS_HOLD = 0.5


class Endpoint:
    """State of an endpoint in a term of the lease.

    Times are those of the clock ``time.monotonic``.

    :ivar in_flight: ``{chain: begin}`` of what is being sent; of a chain, the begin of
        the message that is
    :ivar failures: attempts since the last one that succeeded
    :ivar successes: attempts since the last one that failed
    :ivar seconds: of its answers, smoothed
    :ivar asked_until: until when its receiver asked to be left alone
    :ivar not_before: until when it is left alone since its messages cannot be read
    :ivar has_more: there may be something in the log
    :ivar seen: the checkpoint that is written, and the one that is read up to
    :ivar written_at: when that one was written
    """

    def __init__(self):
        self.in_flight: dict[Chain, float] = {}
        self.failures = self.successes = 0
        self.seconds = 0.0
        self.asked_until = self.not_before = 0.0
        self.has_more = True
        self.seen: tuple[str, str] | None = None
        self.written_at = 0.0

    @property
    def rests_until(self) -> float:
        return max(self.asked_until, self.not_before)

    @property
    def is_slow(self) -> bool:
        if self.failures or self.seconds > SLOW:
            return True
        first = min(self.in_flight.values(), default=None)
        return first is not None and first < time.monotonic() - SLOW

    @property
    def room(self) -> int:
        """The chains that may be sent beside those that are being sent.

        With each success one more, after a failure one at a time. None while more than
        half are on their way: to look at the rights costs hardly less for one message.
        """
        if time.monotonic() < self.rests_until:
            return 0
        most = 1 if self.failures else FIRST_SENDERS + self.successes
        most = min(most, SENDERS_OF_AN_ENDPOINT)
        room = most - len(self.in_flight)
        return room if 2 * room >= most else 0

    @property
    def chain(self) -> int:
        """The messages of a chain for which the rights will hold, going by the last."""
        if self.failures:
            return 1
        return max(1, min(CHAIN, int(RIGHTS_HOLD / max(self.seconds, 0.001)) + 1))

    def note(
        self, chain: Chain, is_over: bool, seconds: float | None, is_accepted: bool
    ):
        """Note what came of a message.

        :param chain: the one in flight that it is of
        :param is_over: the chain is not in flight any more
        :param seconds: until the answer's end; None if it was not sent
        """
        if is_over:
            del self.in_flight[chain]
        else:
            self.in_flight[chain] = time.monotonic()
        if seconds is None:
            return
        if is_accepted:
            self.failures, self.successes = 0, self.successes + 1
        else:
            self.failures, self.successes = self.failures + 1, 0
        self.seconds += 0.2 * (seconds - self.seconds)


class Endpoints(dict[int, Endpoint]):
    """The endpoints by their ids."""

    def __init__(self):
        super().__init__()
        self._turn = 0

    @property
    def in_flight(self) -> list[Chain]:
        """The chains that are being sent."""
        return [chain for endpoint in self.values() for chain in endpoint.in_flight]

    def update_from(self, asked: dict[int, float]):
        """Have those endpoints that there are, of each of which there may be more.

        :param asked: ``{id: seconds}`` for which each is to be left alone
        """
        now = time.monotonic()
        for id_, seconds in asked.items():
            endpoint = self.setdefault(id_, Endpoint())
            endpoint.has_more = True
            endpoint.asked_until = now + seconds
        for id_ in set(self).difference(asked):
            if not self[id_].in_flight:
                del self[id_]

    def shared(self, found: dict[int, list[Chain]]) -> dict[int, list[Chain]]:
        """Return as many chains as there are senders, another endpoint's first.

        :param found: what may be sent to each endpoint
        """
        left = {False: SENDERS, True: SENDERS_OF_SLOW_ENDPOINTS}
        total = MOST_SENDERS
        for endpoint in self.values():
            left[endpoint.is_slow] -= len(endpoint.in_flight)
            total -= len(endpoint.in_flight)
        ids = sorted(found)
        self._turn += 1
        start = self._turn % len(ids) if ids else 0
        shared = {}
        for id_ in ids[start:] + ids[:start]:
            is_slow = self[id_].is_slow
            part = found[id_][: max(min(left[is_slow], total), 0)]
            if part:
                shared[id_] = part
                left[is_slow] -= len(part)
                total -= len(part)
        return shared
