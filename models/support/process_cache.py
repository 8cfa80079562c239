"""Values that a process keeps, for as long as what they follow from is the same."""

from collections.abc import Callable

from odoo.tools.lru import LRU


class VersionedCache:
    """Values of one kind, kept for each database; those asked for last remain.

    Declared where it is used, and asked with the version that a value depends on::

        PROFILES = VersionedCache("profiles", size=256)

        PROFILES.get(env, version, (user.id,), lambda: read_profile(user))

    A value of another version is never given; it gives way to those asked for later.
    """

    def __init__(self, name: str, size: int):
        self._name = name
        self._size = size

    def store(self, env) -> LRU:
        """Return the values of this process and database, by their keys."""
        stores = vars(env.registry).setdefault("cqrs_caches", {})
        if self._name not in stores:
            stores.setdefault(self._name, LRU(self._size))
        return stores[self._name]

    def get(self, env, version, key: tuple, make: Callable):
        """Return what ``make`` returns, or has returned for equal version and key.

        Nobody may change it; to a dict may be added.

        :param version: None where there is no telling, as of the past: nothing is kept
        """
        if version is None:
            return make()
        store = self.store(env)
        value = store.get((version, key), store)
        if value is store:
            value = store[version, key] = make()
        return value
