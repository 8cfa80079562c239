"""Readable values: the values of a column that Odoo can read.

SQL can write numbers that are NaN, infinite or too large for a float, and dates outside
of the years 1 to 9999. The log keeps them. Read models treat them as not set: a single
NaN turns every sum into NaN, and neither Python's dates nor JSON can hold the others.
"""

from odoo.tools import SQL

_LARGEST_FLOAT = 1.7976931348623157e308
_NUMBERS = (-_LARGEST_FLOAT, _LARGEST_FLOAT)

#: ``{type of a field: (least, greatest value)}``; NaN is above every number
RANGES = {
    "float": _NUMBERS,
    "monetary": _NUMBERS,
    "date": ("0001-01-01", "9999-12-31"),
    "datetime": ("0001-01-01", "9999-12-31 23:59:59.999999"),
}


def is_readable(column: SQL, type_: str) -> SQL:
    """Return the condition that Odoo can read a column; NULL for a NULL value.

    :param type_: the field's type, one of ``RANGES``
    """
    return SQL("%s BETWEEN %s AND %s", column, *RANGES[type_])


def readable(column: SQL, type_: str) -> SQL:
    """Return the expression of a column's value, NULL if Odoo cannot read it."""
    return SQL("CASE WHEN %s THEN %s END", is_readable(column, type_), column)
