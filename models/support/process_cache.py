"""Values that a process keeps until the version that they depend on changes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock

from odoo.tools.lru import LRU

from .bound_companies import bound_company_ids

#: Bounds of callers of which a process keeps values; others give way
BOUNDS = 32

#: Seconds that a thread waits for another one that makes the value. Whoever makes it
#: only reads, and could wait for the other one where a table is altered.
PATIENCE = 5


class VersionedCache:
    """Values of one kind, kept for each database; the least recently used give way.

    Callers who are bound to some companies have values of their own, each bound for
    itself: what is made for one can never be given to another.

    It is declared beside its use, and asked with the version that a value depends on::

        PROFILES = VersionedCache("profiles", size=256)

        PROFILES.get(env, version, (user.id,), lambda: read_profile(user))

    A value of another version is never returned. Of threads that ask at once for one
    that is not kept, one makes it, and the others wait.
    """

    def __init__(self, name: str, size: int):
        self._name = name
        self._size = size
        self._made = {}

    def store(self, env) -> LRU:
        """Return the values of this process, database and bound, by their keys."""
        bounds = vars(env.registry).setdefault("cqrs_caches", LRU(BOUNDS))
        bound = bound_company_ids(env)
        stores = bounds.get(bound)
        if stores is None:
            stores = bounds[bound] = {}
        if self._name not in stores:
            stores.setdefault(self._name, LRU(self._size))
        return stores[self._name]

    def get(self, env, version, key: tuple, make: Callable):
        """Return the value of a version and key, made by ``make`` if it is not kept.

        Callers must not change it, but may add to a dict.

        :param version: None if it is unknown, as for the past: nothing is kept
        """
        if version is None:
            return make()
        store, place = self.store(env), (version, key)
        value = store.get(place, store)
        if value is store:
            with self._alone((id(store), place)):
                value = store.get(place, store)
                if value is store:
                    value = store[place] = make()
        return value

    @contextmanager
    def _alone(self, place: tuple) -> Iterator[None]:
        """Wait for whoever makes the value of a place, for ``PATIENCE`` at most."""
        lock = self._made.setdefault(place, RLock())
        is_held = lock.acquire(timeout=PATIENCE)
        try:
            yield
        finally:
            # Whoever comes now finds the value; whoever waits has the lock.
            self._made.pop(place, None)
            if is_held:
                lock.release()
