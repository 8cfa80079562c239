"""Ages of receivables: the days for which each has been due, as in Odoo's aged report.

Each has a day of its own: an invoice in instalments has several. One without a day
is not due.
"""

from datetime import date

from odoo.tools import SQL

NOT_DUE = "not_due"
#: ``{name: the last day overdue}``; the last age has no end
AGES = {NOT_DUE: 0, "0_30": 30, "31_60": 60, "61_90": 90, "over_90": None}


def age_of(due_on: SQL, today: date) -> SQL:
    """Return the expression of the name of an age.

    :param due_on: the expression of the day on which it is due
    """
    cases = [
        SQL("WHEN %s::date - %s <= %s THEN %s", today, due_on, last, name)
        for name, last in AGES.items()
        if last is not None
    ]
    return SQL(
        "CASE WHEN %s IS NULL THEN %s %s ELSE %s END",
        due_on,
        NOT_DUE,
        SQL(" ").join(cases),
        [*AGES][-1],
    )
