"""Indexes of tables that SQL of this addon creates."""

import re

from odoo.tools import SQL

_INDEX = re.compile(r"CREATE (?:UNIQUE )?INDEX IF NOT EXISTS \"?(\w+)[^;]*;?")


def create_missing(cr, statements: SQL):
    """Execute statements, except those that create existing indexes.

    PostgreSQL locks the table before it looks for an index of that name: every update,
    also of another module, would block writers, or run into a deadlock with one.
    """
    cr.execute(
        "SELECT name FROM unnest(%s) name WHERE to_regclass(name) IS NOT NULL",
        [_INDEX.findall(statements.code)],
    )
    present = {name for (name,) in cr.fetchall()}
    code = _INDEX.sub(
        lambda found: "" if found[1] in present else found[0], statements.code
    )
    if code.strip():
        cr.execute(SQL(code, *statements.params))


def drop_indexes(cr, tables: list[str]) -> list[SQL]:
    """Drop all but the unique indexes of tables that are about to be filled.

    To create them afterwards takes a fifth of the time of keeping them up to date.

    :param tables: names, as SQL writes them
    :return: the statements that create the indexes again
    """
    cr.execute(
        SQL(
            """
            SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
            FROM pg_index
            WHERE indrelid = ANY(%s::regclass[]) AND NOT indisunique
            ORDER BY indexrelid
            """,
            tables,
        )
    )
    indexes = cr.fetchall()
    for name, __ in indexes:
        # As PostgreSQL has quoted and qualified it.
        cr.execute(SQL("DROP INDEX %s", SQL(name.replace("%", "%%"))))
    return [SQL(definition.replace("%", "%%")) for __, definition in indexes]
