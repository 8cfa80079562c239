"""The organisation below a person at a moment, of pairs of people.

A pair is somebody, somebody below, and the company in which it was so. Here a head has
a manager, who has a seller; another seller, whom the manager had as well, has gone:

>>> head, manager, seller, gone = range(1, 5)
>>> tree = Tree(
...     [
...         Pair(head, manager, 1, depth=1),
...         Pair(head, seller, 1, depth=2),
...         Pair(head, gone, 1, depth=2, is_present=False),
...         Pair(manager, seller, 1, depth=1),
...         Pair(manager, gone, 1, depth=1, is_present=False),
...     ]
... )
>>> tree.reports(head), tree.reports(manager)
([2], [3])
>>> tree.owners(manager)
((2, None), (3, 1), (4, 1))
>>> tree.others(head), tree.others(manager)
([], [Pair(viewer_id=2, owner_id=4, company_id=1, depth=1, is_shown=True, \
is_present=False)])

It costs a look at each pair.
"""

from collections import defaultdict
from typing import NamedTuple


class Pair(NamedTuple):
    """A person, and one below.

    :ivar depth: 1 is the direct manager
    :ivar is_shown: whoever asks may look as the one below
    :ivar is_present: the one below was no former person
    """

    viewer_id: int
    owner_id: int
    company_id: int
    depth: int
    is_shown: bool = True
    is_present: bool = True


class Tree:
    """The people below somebody, and those below each of them."""

    def __init__(self, pairs: list[Pair]):
        self._pairs = defaultdict(list)
        for pair in pairs:
            self._pairs[pair.viewer_id].append(pair)

    def reports(self, person_id: int) -> list[int]:
        """Return the people one level below."""
        return sorted(
            {
                pair.owner_id
                for pair in self._pairs[person_id]
                if pair.depth == 1 and pair.is_shown and pair.is_present
            }
        )

    def is_manager(self, person_id: int) -> bool:
        return bool(self._pairs[person_id])

    def owners(self, person_id: int) -> tuple[tuple[int, int | None], ...]:
        """Return a person, and owner and company of each one below."""
        return (
            (person_id, None),
            *((pair.owner_id, pair.company_id) for pair in self._pairs[person_id]),
        )

    def others(self, person_id: int) -> list[Pair]:
        """Return those below who are neither reports nor below one.

        One who is not shown is below a report in whichever company.
        """
        report_ids = self.reports(person_id)
        below = {
            (pair.owner_id, pair.company_id)
            for id_ in report_ids
            for pair in self._pairs[id_]
        }
        owner_ids = {owner_id for owner_id, __ in below}
        return [
            pair
            for pair in self._pairs[person_id]
            if pair.owner_id not in report_ids
            and (
                (pair.owner_id, pair.company_id) not in below
                if pair.is_shown
                else pair.owner_id not in owner_ids
            )
        ]

    def is_below_one_of(self, pair: Pair, others: list[Pair]) -> bool:
        """Return whether one is below a person who is shown, present, and another."""
        return any(
            (below.owner_id, below.company_id) == (pair.owner_id, pair.company_id)
            for other in others
            if other.is_shown and other.is_present
            for below in self._pairs[other.owner_id]
        )
