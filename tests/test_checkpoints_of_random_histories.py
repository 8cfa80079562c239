"""Checkpoints computed in thousands of random histories, without a database.

A history is of transactions that overlap on a primary, a replica that lags behind it,
and epochs. A reader takes each page from either of them. By two plain loops, it is
given what has been committed, each event once.
"""

import os
import random
from dataclasses import dataclass, field, replace
from unittest.mock import patch

from odoo.tests import BaseCase, tagged

from ..models.event_store import reader
from ..models.event_store.reader import BEGINNING, Checkpoint, Horizon, Place

HISTORIES = int(os.environ.get("CRM_CQRS_HISTORIES", "500"))


@dataclass(frozen=True)
class Server:
    """The transactions of an epoch, and the events of all that have been committed."""

    epoch: int = 1
    next_id: int = 700
    opened: tuple[int, ...] = ()
    #: No transaction from this id on has ended
    end: int = 700
    events: tuple[Place, ...] = ()

    def horizon(self, is_replica: bool) -> Horizon:
        if is_replica:
            oldest = min([self.end, *self.opened])
            return Horizon(self.epoch, self.end, oldest, frozenset(), True)
        listed = sorted(id_ for id_ in self.opened if id_ < self.end)
        upto = min([self.end, *listed[reader.MAX_OPEN :]])
        named = frozenset(id_ for id_ in listed if id_ < upto)
        return Horizon(self.epoch, self.end, upto, named, False)


@dataclass
class History:
    chance: random.Random
    server: Server = Server()
    replica: Server = Server()
    position: int = 0
    written: dict[int, list[Place]] = field(default_factory=dict)

    def begin(self):
        server = self.server
        self.written[server.next_id] = []
        self.server = replace(
            server,
            opened=(*server.opened, server.next_id),
            next_id=server.next_id + self.chance.randint(1, 3),
        )

    def write_event(self):
        if self.server.opened:
            id_ = self.chance.choice(self.server.opened)
            self.position += 1
            self.written[id_].append(Place(self.server.epoch, id_, self.position))

    def end(self):
        if self.server.opened:
            id_ = self.chance.choice(self.server.opened)
            is_kept = self.chance.random() < 0.8
            self.server = replace(
                self.server,
                opened=tuple(each for each in self.server.opened if each != id_),
                end=max(self.server.end, id_ + 1),
                events=(*self.server.events, *(self.written[id_] if is_kept else ())),
            )

    def replay(self):
        self.replica = self.server

    def restore(self):
        """Restore a dump into another cluster; what is open is lost."""
        if self.chance.random() < 0.2:
            self.written = {}
            first = self.chance.randint(3, 900)
            self.server = Server(
                self.server.epoch + 1, first, end=first, events=self.server.events
            )

    def page(self, after: Checkpoint, is_replica: bool, limit: int):
        """Return the places of a page, and the checkpoint of its reader."""
        server = self.replica if is_replica else self.server
        horizon = server.horizon(is_replica)
        places = sorted(
            place
            for place in server.events
            if horizon.sees(place.epoch, place.txid) and not _is_read(after, place)
        )[:limit]
        if len(places) < limit:
            return places, after.at_end(horizon)
        # A reader may lose the end of a page, and begin again after some event of it.
        places = places[: self.chance.randint(1, limit)]
        return places, after.after(places[-1], horizon)


def _is_read(checkpoint: Checkpoint, place: Place) -> bool:
    if place.epoch != checkpoint.epoch:
        return place.epoch < checkpoint.epoch
    unread = dict(checkpoint.unread)
    if place.txid in unread:
        return place.position <= unread[place.txid]
    return place.txid < checkpoint.upto


@tagged("post_install", "-at_install")
class TestCheckpointsOfRandomHistories(BaseCase):
    def test_each_committed_event_is_given_once(self):
        self.enterContext(patch.object(reader, "MAX_OPEN", 4))
        for seed in range(HISTORIES):
            with self.subTest(seed=seed):
                self.live(History(random.Random(seed)))

    def live(self, history):
        chance = history.chance
        steps = (
            *(history.begin, history.write_event, history.write_event, history.end),
            *(history.end, history.replay, history.restore),
        )
        after, given = BEGINNING, []
        for __ in range(chance.randint(20, 120)):
            chance.choice(steps)()
            if chance.random() < 0.5:
                after = self.read_page(history, after, given, chance.random() < 0.4)
        while history.server.opened:
            history.end()
        history.replay()
        for is_replica in (True, False, False):
            former = None
            while after != former:
                former = after
                after = self.read_page(history, after, given, is_replica)
        self.assertEqual(sorted(given), sorted(history.server.events))

    def read_page(self, history, after, given, is_replica):
        places, checkpoint = history.page(
            after, is_replica, history.chance.randint(1, 4)
        )
        given += places
        self.assertLessEqual(len(checkpoint.unread), 2 * reader.MAX_OPEN)
        self.assertGreaterEqual(
            (checkpoint.epoch, checkpoint.upto), (after.epoch, after.upto)
        )
        self.assertEqual(Checkpoint.parse(str(checkpoint)), checkpoint)
        return checkpoint
