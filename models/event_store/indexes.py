"""Indexes that are made once a table is full: a fifth of keeping them up to date."""

from odoo.tools import SQL


def drop_indexes(cr, tables: list[str]) -> list[SQL]:
    """Drop all but the unique indexes of some tables.

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
