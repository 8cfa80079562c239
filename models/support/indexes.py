"""Indexes of the tables that are no models of Odoo's."""

import re

from odoo.tools import SQL

_INDEX = re.compile(r"CREATE (?:UNIQUE )?INDEX IF NOT EXISTS \"?(\w+)[^;]*;?")


def create_missing(cr, statements: SQL):
    """Execute statements, but for those that make indexes that are there.

    PostgreSQL locks the table before it looks whether there is one of that name: each
    update, of another module too, would keep writers out, or meet one in a deadlock.
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
    """Drop all but the unique indexes of some tables, to be made once they are full.

    That is a fifth of keeping them up to date meanwhile.

    :param tables: names, as SQL writes them
    :return: the statements that make the indexes again
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
