"""What a process keeps of its answers, while what they follow from is the same."""

from collections.abc import Callable

from odoo.tools.lru import LRU

#: How many a process keeps of each kind, those asked for last
SIZES = {
    # of folded changes, each as somebody sees them
    "sums": 512,
    # those of a company
    "currencies": 64,
    # each of some currencies into one
    "rates": 64,
    # all owners of opportunities that were asked for, each in a company
    "owners": 2,
    # where the first page of somebody's opportunities ended the last time
    "page_ends": 1024,
    # who looks, and for whom else
    "viewers": 1024,
    # whose opportunities somebody may see, where they are known
    "known_owners": 256,
    "profiles": 256,
    # pages of reports
    "reports": 128,
}


def kept(env, kind: str) -> LRU:
    """Return what is kept of a kind; ``keep``, but for what has no version."""
    stores = vars(env.registry).setdefault("cqrs_kept", {})
    if kind not in stores:
        stores.setdefault(kind, LRU(SIZES[kind]))
    return stores[kind]


def keep(env, kind: str, key: tuple | None, work: Callable):
    """Return what ``work`` returns, or has returned for an equal key.

    Nobody may change it; to a dict may be added.

    :param key: what the work follows from, versions of the tables that it reads among
        it; None: there is no telling, nothing is kept
    """
    if key is None:
        return work()
    store = kept(env, kind)
    value = store.get(key, store)
    if value is store:
        value = store[key] = work()
    return value
