"""Writing the rows of streams that a followed projection has computed anew."""

from odoo.tools import SQL

from .table import Table, listed, upsert


def write_rows(cr, table: Table, rows: SQL, stream_ids: list[int]):
    """Make the rows of some streams those of a query; equal ones are left alone.

    :param rows: query of the table's columns, in any order, of these streams alone
    """
    key = listed(table.key)
    cr.execute(
        SQL(
            """
            WITH computed AS MATERIALIZED (SELECT %(columns)s FROM (%(rows)s) computed),
            gone AS (
                DELETE FROM %(table)s
                WHERE %(stream)s = ANY(%(ids)s)
                  AND (%(key)s) NOT IN (SELECT %(key)s FROM computed)
            )
            %(upsert)s
            """,
            columns=listed(table.names),
            rows=rows,
            table=SQL.identifier(table.name),
            stream=SQL.identifier(table.record_column),
            ids=stream_ids,
            key=key,
            upsert=upsert(table, SQL("SELECT * FROM computed"), changed_only=True),
        )
    )
