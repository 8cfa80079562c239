"""Orders of opportunities: places in them, and the parts that an index gives sorted.

An order is read in segments, one after another: the order by stage has one for each
stage of the pipeline and one for opportunities without a stage; any other order by a
key that may be missing has one for those that have it and one for the rest. A page
begins behind a place (``Keyset``), never at an offset.

>>> def keys(*arguments):
...     return [segment.keys for segment in segments(*arguments)]
>>> keys("name", True), keys("stage", False, [7, 3])
([()], [('7',), ('3',), (None,)])
>>> keys("stage", True, [7, 3], Keyset("7", 12))
[('7',)]
>>> after = Bound(">", Keyset("99.50", 12))
>>> [segment] = segments("changed_at", False)
>>> condition(segment, ORDERS["changed_at"], [after]).code
'TRUE AND (changed_at, view.id) > (%s::timestamp, %s)'

The segment of the order by value has a unit for each currency, a row of ``units``, in
which an index gives it sorted. Converted by the unit's rate, keys compare. A bound is
converted back for the index: exactly or, where the quotient has no end, outwards.

>>> [segment] = segments("value", False, rates={1: Decimal(1), 2: Decimal("1.5")})
>>> units(segment, ORDERS["value"], [after]).code
'(VALUES (%s, %s::numeric, %s::numeric, %s), (%s, %s::numeric, %s::numeric, %s)) \
unit (id, rate, key_0, id_0)'
>>> converted_back("150", Decimal("1.5"), ">"), converted_back("1", Decimal(3), "<")[1]
((Decimal('1.0E+2'), True), False)

The page behind a place costs as much as the first page, however far down it is.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, Inexact
from typing import NamedTuple

from odoo.tools import SQL

from ..projections.opportunity_pace import PACE_ORDERS
from ..projections.opportunity_view import ORDERS, Order

#: All orders, by name
SORTS = ORDERS | PACE_ORDERS

#: The greatest id of an opportunity
_MAX = 2**31 - 1

_ONE_UNIT = SQL("(VALUES (0, 1::numeric)) unit (id, rate)")


class Keyset(NamedTuple):
    """The place of an opportunity in an order.

    :ivar key: what the order sorts by, as PostgreSQL writes it: the stage's id in the
        order by stage, the converted value in that by value. None for an opportunity
        without one.
    :ivar stage_ids: the stages when the list began, in the order by stage
    :ivar rates: the rates of the units when the list began, in the order by value
    """

    key: str | None
    id: int
    stage_ids: tuple[int, ...] = ()
    rates: tuple[tuple[int, str], ...] = ()


class Segment(NamedTuple):
    """A part of an order that an index gives sorted; the parts share no rows.

    :ivar condition: of its rows, beside that on their key
    :ivar keys: the one key that all of them have; empty where they differ
    :ivar rates: the rate of each unit that keys are in, by which they compare; empty
        where they compare as they are
    """

    condition: SQL = SQL("TRUE")
    keys: tuple[str | None, ...] = ()
    rates: tuple[tuple[int, Decimal], ...] = ()

    def is_of(self, stage_ids: tuple[int, ...] | None) -> bool:
        """Return whether a segment of the order by stage has one of some stages."""
        return stage_ids is None or not {*map(str, stage_ids)}.isdisjoint(self.keys)

    def has(self, keyset: Keyset) -> bool:
        return keyset.key in self.keys if self.keys else keyset.key is not None


class Bound(NamedTuple):
    """A limit of the rows that are looked at, e.g. ``> keyset``."""

    operator: str
    keyset: Keyset


def segments(
    sort: str,
    descending: bool,
    stage_ids=(),
    after: Keyset | None = None,
    rates: Mapping[int, Decimal] | None = None,
) -> list[Segment]:
    """Return the parts of an order one after another; the first has ``after``.

    :param sort: one of ``SORTS``
    :param stage_ids: those that are wanted, in the order of the pipeline
    :param rates: those of the units of the order
    """
    order = SORTS[sort]
    if order.unit:
        return [Segment(SQL("%s = unit.id", order.unit), rates=tuple(rates.items()))]
    if sort == "stage":
        parts = [Segment(keys=(str(stage_id),)) for stage_id in stage_ids]
    elif order.is_nullable:
        parts = [Segment(SQL("%s IS NOT NULL", order.key))]
    else:
        parts = [Segment()]
    if order.is_nullable:
        parts.append(Segment(keys=(None,)))
    # What has no pace comes last both ways: nobody looks for it.
    if descending and sort not in PACE_ORDERS:
        parts.reverse()
    return [
        part
        for number, part in enumerate(parts)
        if after is None or any(each.has(after) for each in parts[: number + 1])
    ]


def are_sorted(sort: str, parts: list[Segment]) -> bool:
    """Return whether an index of the order gives several segments one after another.

    >>> [are_sorted(sort, segments(sort, True, [7])) for sort in ("name", "stage")]
    [False, False]
    >>> are_sorted("closed_at", segments("closed_at", True))
    True
    """
    return len(parts) > 1 and sort in ORDERS and sort != "stage"


def in_order(found: list[list[Keyset]], order: Order, descending: bool):
    """Return the places of a segment, found in several ways, in order and each once.

    >>> five, four, three = Keyset("10.0", 5), Keyset("9.5", 4), Keyset("9.5", 3)
    >>> ways = [[five, four], [four, three]]
    >>> [place.id for place in in_order(ways, ORDERS["value"], True)]
    [5, 4, 3]
    """
    if len(found) == 1:
        return found[0]
    # Dates, times and names compare as PostgreSQL writes them.
    comparable = Decimal if order.type in ("numeric", "integer") else str
    places = {place.id: place for some in found for place in some}.values()
    return sorted(
        places,
        key=lambda place: (place.key and comparable(place.key), place.id),
        reverse=descending,
    )


def condition(
    segment: Segment, order: Order, bounds: list[Bound], are_known: bool = True
) -> SQL:
    """Return the condition on a row ``view`` of a segment, within some bounds.

    For a segment with rates it is one on a row ``unit`` of ``units`` too.

    :param are_known: whether the planner is told the bounds; else it takes each part of
        the order to be as large as any other
    """

    def value(key) -> SQL:
        return _value(key, order, are_known)

    conditions = [segment.condition]
    for key in segment.keys:
        # For an equality the planner would think that any index on the id gives its
        # rows sorted, and filter those of the primary key.
        conditions.append(
            SQL("%s IS NULL", order.key)
            if key is None
            else SQL("%s BETWEEN %s AND %s", order.key, value(key), value(key))
        )
    for number, bound in enumerate(bounds):
        operator, key, id_ = SQL(bound.operator), bound.keyset.key, bound.keyset.id
        if key is None:
            conditions.append(SQL("view.id %s %s", operator, id_))
            continue
        place, of_unit = SQL("%s, %s", value(key), id_), order.key
        if segment.rates:
            # The index finds the bound in the unit; next to it, this decides.
            of_unit = SQL("%s * unit.rate", order.key)
            back = SQL(f"unit.key_{number}, unit.id_{number}")
            conditions.append(SQL("(%s, view.id) %s (%s)", order.key, operator, back))
            rates = (rate for __, rate in segment.rates)
            if all(converted_back(key, rate, bound.operator)[1] for rate in rates):
                continue
        conditions.append(SQL("(%s, view.id) %s (%s)", of_unit, operator, place))
    return SQL(" AND ").join(conditions)


def units(
    segment: Segment, order: Order, bounds: list[Bound], are_known: bool = True
) -> SQL:
    """Return the relation ``unit`` of the units of a segment, one row at least.

    :return: a row has a unit's id and rate, and each bound converted back
    """
    if not segment.rates:
        return _ONE_UNIT
    rows = []
    for unit_id, rate in segment.rates:
        row = [SQL("%s", unit_id), SQL("%s::numeric", rate)]
        for bound in bounds:
            back, is_exact = converted_back(bound.keyset.key, rate, bound.operator)
            id_ = bound.keyset.id if is_exact else 0 if "<" in bound.operator else _MAX
            row += [_value(back, order, are_known), SQL("%s", id_)]
        rows.append(SQL("(%s)", SQL(", ").join(row)))
    numbers = range(len(bounds))
    names = ["id", "rate", *(f"{name}_{n}" for n in numbers for name in ("key", "id"))]
    return SQL("(VALUES %s) unit (%s)", SQL(", ").join(rows), SQL(", ".join(names)))


def converted_back(key: str, rate: Decimal, operator: str) -> tuple[Decimal, bool]:
    """Return the key of a bound in a unit, and whether it is exact.

    If it is not, no opportunity has it, and every opportunity within the bound is
    within the one returned.
    """
    outwards = ROUND_CEILING if "<" in operator else ROUND_FLOOR
    division = Context(prec=100, rounding=outwards)
    quotient = division.divide(Decimal(key), rate)
    return quotient, not division.flags[Inexact]


def _value(key, order: Order, is_known: bool) -> SQL:
    return SQL("%s::%s" if is_known else "(SELECT %s::%s)", key, SQL(order.type))
