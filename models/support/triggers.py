"""Triggers that this addon relies on, and a check that they are in force."""

from collections.abc import Iterable
from typing import NamedTuple

from odoo.tools import SQL

#: Bits of ``pg_trigger.tgtype``
ROW, INSERT, DELETE, UPDATE, TRUNCATE = 1, 4, 8, 16, 32
_BEFORE = 2


class Trigger(NamedTuple):
    """A trigger that fires once for each statement, or each row.

    :ivar operations: the sum of the operations that fire it, and of ``ROW`` if it fires
        for each row
    :ivar body: the code of its function
    """

    table: str
    name: str
    operations: int
    body: str


def not_holding(env, triggers: Iterable[Trigger]) -> list[Trigger]:
    """Return the triggers that are missing, disabled or changed."""
    triggers = list(triggers)
    rows = env.execute_query(
        SQL(
            # Enabled for ordinary sessions ('O') or for all ('A'); for all operations
            # on any column, without a condition; calling this addon's own code.
            """
            SELECT number - 1
            FROM unnest(%s, %s, %s, %s)
                WITH ORDINALITY AS expected(relation, name, operations, body, number)
            WHERE NOT EXISTS (
                SELECT FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
                WHERE tgrelid = relation::regclass AND tgname = name
                  AND tgenabled IN ('O', 'A') AND tgtype & ~%s = operations
                  AND tgattr = '' AND tgqual IS NULL AND prosrc = body)
            ORDER BY number
            """,
            *(list(values) for values in zip(*triggers, strict=True)),
            _BEFORE,
        )
    )
    return [triggers[number] for (number,) in rows]
