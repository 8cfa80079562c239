"""Arrays of ids in statements, as one constant each."""

from collections.abc import Iterable

from odoo.tools import SQL


def integers(ids: Iterable[int | None]) -> SQL:
    """Return the expression of an array of integers; 0 stands for None.

    A list would be adapted, sent and parsed number by number: of 259 that takes longer
    than to look the rows of all of them up.
    """
    return SQL("%s::integer[]", f"{{{','.join(str(id_ or 0) for id_ in ids)}}}")
