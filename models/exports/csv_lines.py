"""Lines of a CSV file of a list.

As RFC 4180 has it, in UTF-8 with a byte order mark, by which spreadsheets know it. A
text that a spreadsheet would take for a formula begins with an apostrophe, as in Odoo's
own exports. Amounts are exact, with a point; days and times as in ISO 8601.

>>> [line(["=1+1", "-5", " plain", None, Decimal("-5.50")])]
["'=1+1,'-5, plain,,-5.50\\r\\n"]
>>> line(['a "name", or two', date(2026, 11, 30)])
'"a ""name"", or two",2026-11-30\\r\\n'
"""

import csv
import io
from datetime import date, datetime
from decimal import Decimal

from .rows import Amount

#: Beginning of the file
MARK = "\ufeff"

#: Spreadsheets take a text for a formula that begins with one of these
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def line(values: list) -> str:
    """Return a line with its end."""
    text = io.StringIO()
    csv.writer(text).writerow(map(cell, values))
    return text.getvalue()


def cell(value) -> str:
    """Return a value as a text.

    >>> cell("@SUM(A1)"), cell(datetime(2026, 11, 30, 9, 5)), cell("")
    ("'@SUM(A1)", '2026-11-30 09:05:00', '')
    """
    if value is None:
        return ""
    if isinstance(value, Amount):
        return f"{value.value:f}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    return f"'{value}" if value.startswith(_FORMULAS) else value
