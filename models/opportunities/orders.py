"""Orders of opportunities: places in them, and the parts that an index gives sorted.

An order is read in segments, one after another: the order by stage has one for each
stage of the pipeline and one for opportunities without a stage; any other order by a
value that may be missing has one for those that have it and one for the rest. A page
begins behind a place (``Keyset``), never at an offset.

>>> def keys(*arguments):
...     return [segment.keys for segment in segments(*arguments)]
>>> keys("value", True), keys("stage", False, [7, 3])
([()], [('7',), ('3',), (None,)])
>>> keys("stage", True, [7, 3], Keyset("7", 12))
[('7',)]
>>> after = Bound(">", Keyset("99.50", 12))
>>> condition(segments("value", False)[0], ORDERS["value"], [after]).code
'TRUE AND (value, view.id) > (%s::numeric, %s)'

The page behind a place costs as much as the first page, however far down it is.
"""

from dataclasses import dataclass
from typing import NamedTuple

from odoo.tools import SQL

from ..projections.opportunity_view import ORDERS, Order


@dataclass(frozen=True)
class Keyset:
    """The place of an opportunity in an order.

    :ivar key: the value that the order sorts by, as PostgreSQL writes it; the stage's
        id in the order by stage. None for an opportunity without one.
    :ivar stage_ids: the stages when the list began, in the order by stage
    """

    key: str | None
    id: int
    stage_ids: tuple[int, ...] = ()


class Segment(NamedTuple):
    """A part of an order that an index gives sorted; the parts share no rows.

    :ivar condition: of its rows, beside that on their key
    :ivar keys: the one key that all of them have; empty where they differ
    """

    condition: SQL = SQL("TRUE")
    keys: tuple[str | None, ...] = ()

    def has(self, keyset: Keyset) -> bool:
        return keyset.key in self.keys if self.keys else keyset.key is not None


class Bound(NamedTuple):
    """A limit of the rows that are looked at, e.g. ``> keyset``."""

    operator: str
    keyset: Keyset


def segments(
    sort: str, descending: bool, stage_ids=(), after: Keyset | None = None
) -> list[Segment]:
    """Return the parts of an order one after another; the first has ``after``.

    :param sort: one of ``ORDERS``
    :param stage_ids: those that are wanted, in the order of the pipeline
    """
    order = ORDERS[sort]
    if sort == "stage":
        parts = [Segment(keys=(str(stage_id),)) for stage_id in stage_ids]
    elif order.is_nullable:
        parts = [Segment(SQL("%s IS NOT NULL", order.key))]
    else:
        parts = [Segment()]
    if order.is_nullable:
        parts.append(Segment(keys=(None,)))
    if descending:
        parts.reverse()
    return [
        part
        for number, part in enumerate(parts)
        if after is None or any(each.has(after) for each in parts[: number + 1])
    ]


def condition(
    segment: Segment, order: Order, bounds: list[Bound], are_known: bool = True
) -> SQL:
    """Return the condition on a row ``view`` of a segment, within some bounds.

    :param are_known: whether the planner is told the bounds; else it takes each part of
        the order to be as large as any other
    """

    def value(key) -> SQL:
        return SQL("%s::%s" if are_known else "(SELECT %s::%s)", key, SQL(order.type))

    conditions = [segment.condition]
    for key in segment.keys:
        # For an equality the planner would think that any index on the id gives its
        # rows sorted, and filter those of the primary key.
        conditions.append(
            SQL("%s IS NULL", order.key)
            if key is None
            else SQL("%s BETWEEN %s AND %s", order.key, value(key), value(key))
        )
    for bound in bounds:
        operator, key, id_ = SQL(bound.operator), bound.keyset.key, bound.keyset.id
        conditions.append(
            SQL("view.id %s %s", operator, id_)
            if key is None
            else SQL("(%s, view.id) %s (%s, %s)", order.key, operator, value(key), id_)
        )
    return SQL(" AND ").join(conditions)
