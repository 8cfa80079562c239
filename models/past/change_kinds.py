"""The kinds of changes of the open pipeline, and which one a pair of states is.

A pair is what an opportunity was at the beginning of a window (``before``) and what it
is at its end (``after``). It is *open* at an end if it is there, a pending opportunity,
not archived, seen by the viewer and within the scope that is asked for. One that is
open at the beginning alone has *left*, one that is open at the end alone has *come*,
one that is open at both has *stayed*. How it left or came says the first kind that
holds:

>>> [kind.name for kind in LEFT]
['merged', 'deleted', 'reassigned_out', 'won', 'lost', 'archived', 'to_lead',
 'stage_out', 'pushed_out']
>>> [kind.name for kind in CAME]
['created', 'reassigned_in', 'from_lead', 'restored', 'reopened', 'stage_in',
 'pulled_in']
>>> NUMBERS["created"], NUMBERS["reassigned_in"]
(1, 2)
>>> print(first_of(CAME[:2]).code)
CASE WHEN NOT is_before_there THEN 1 WHEN before.is_ours IS NOT TRUE THEN 2 END

What was not open at the beginning, and has been won within the window, both comes and
leaves as *won*. A change of value is a kind of its own, beside that: so the amounts add
up from one end to the other, whatever happened. Here one of 500 is won at 700:

>>> amounts = contributions("won", None, Decimal(500), Decimal(700))
>>> [(kind, str(amount)) for kind, amount in amounts]
[('won', '-700'), ('increased', '200')]
>>> [(kind, str(amount)) for kind, amount in contributions(
...     "won", "created", None, Decimal(700))]
[('won', '-700'), ('created', '700')]
>>> [(kind, str(amount)) for kind, amount in contributions(
...     "reassigned_out", None, Decimal(500), None)]
[('reassigned_out', '-500')]

The conditions cost a comparison or two for each pair.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from odoo.tools import SQL


@dataclass(frozen=True)
class Kind:
    """A way to leave the open pipeline, to come into it, or to change in it.

    :ivar holds: the condition, on a pair that has left or come
    :ivar fields: those of a lead of which one makes it; none for a lead that begins or
        ends
    :ivar is_at_start: it takes away the value of the beginning, not that of the end
    """

    name: str
    holds: str = "TRUE"
    fields: tuple[str, ...] = ()
    is_at_start: bool = False


_WHOSE = ("user_id", "team_id", "company_id")
_VALUE = ("expected_revenue", "company_id.currency_id")

#: In the order in which they hold. A pair has the relations ``before`` and ``after``,
#: of which either may be missing, and says whether the lead itself is there
LEFT = (
    Kind(
        "merged",
        "NOT is_after_there AND cqrs_was_merged(before.opportunity_id)",
        is_at_start=True,
    ),
    Kind("deleted", "NOT is_after_there", is_at_start=True),
    Kind("reassigned_out", "after.is_ours IS NOT TRUE", _WHOSE, is_at_start=True),
    Kind("won", "after.status = 'won'", ("won_status",)),
    Kind("lost", "after.status = 'lost'", ("won_status",)),
    Kind("archived", "NOT after.active", ("active",)),
    Kind("to_lead", "NOT after.is_opportunity", ("type",)),
    Kind("stage_out", "NOT after.is_in_stage", ("stage_id",)),
    Kind("pushed_out", fields=("date_deadline",)),
)
CAME = (
    Kind("created", "NOT is_before_there"),
    Kind("reassigned_in", "before.is_ours IS NOT TRUE", _WHOSE),
    Kind("from_lead", "NOT before.is_opportunity", ("type",)),
    Kind("restored", "NOT before.active", ("active",)),
    Kind("reopened", "before.status IS DISTINCT FROM 'pending'", ("won_status",)),
    Kind("stage_in", "NOT before.is_in_stage", ("stage_id",)),
    Kind("pulled_in", fields=("date_deadline",)),
)
INCREASED = Kind("increased", fields=_VALUE)
DECREASED = Kind("decreased", fields=_VALUE)

#: ``{name: kind}``, in the order of the answers: what came, what changed, what left
KINDS = {kind.name: kind for kind in (*CAME, INCREASED, DECREASED, *LEFT[::-1])}

#: ``{name: number}``; numbers group and compare in half the time that names take
NUMBERS = {name: number for number, name in enumerate(KINDS, 1)}
NAMES = {number: name for name, number in NUMBERS.items()}

_AT_START = frozenset(kind.name for kind in LEFT if kind.is_at_start)


def first_of(kinds: tuple[Kind, ...]) -> SQL:
    """Return the expression of the number of the first kind that holds for a pair."""
    return SQL(
        "CASE %s END",
        SQL(" ").join(
            SQL(f"WHEN {kind.holds} THEN {NUMBERS[kind.name]}") for kind in kinds
        ),
    )


def numbers(kinds: Iterable[Kind]) -> list[int]:
    return [NUMBERS[kind.name] for kind in kinds]


def is_revalued(left: str | None, came: str | None) -> bool:
    """Return whether a change of value counts, beside how a pair left or came."""
    return came is None and left not in _AT_START


def contributions(
    left: str | None, came: str | None, before: Decimal | None, after: Decimal | None
) -> list[tuple[str, Decimal]]:
    """Return the kinds of a pair, or of a sum of pairs, and what each adds.

    :param left: name of the kind by which it left; None for none
    :param came: the same of coming
    :param before: value at the beginning, in the currency of the answer
    :param after: at the end
    """
    added = []
    if left:
        added.append((left, -before if left in _AT_START else -after))
    if came:
        added.append((came, after))
    elif is_revalued(left, came) and after != before:
        kind = INCREASED if after > before else DECREASED
        added.append((kind.name, after - before))
    return added
