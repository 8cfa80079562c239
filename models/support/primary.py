"""Short statements on the primary, beside a request that only reads."""

from contextlib import closing

from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from odoo.sql_db import db_connect
from odoo.tools import SQL


def execute_on_primary(env, statement: SQL) -> list[tuple]:
    """Execute one statement that returns rows, committed at once.

    The cursor of the request may be a replica's, which cannot write; and what counts
    requests must hold also where the request is rolled back, and must lock a row for
    no longer than the statement takes. READ COMMITTED, so that whoever waited for a
    row goes on with what is in it now, and does not fail.

    :raise psycopg2.Error: it failed, or there is no connection for it
    """
    with closing(db_connect(env.cr.dbname).cursor()) as cr:
        cr.connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        cr.execute(statement)
        return cr.fetchall()
