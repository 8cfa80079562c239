"""Short statements on the primary, beside a request that only reads."""

from contextlib import closing

from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from odoo.sql_db import db_connect
from odoo.tools import SQL


def execute_on_primary(env, statement: SQL) -> list[tuple]:
    """Execute one statement that returns rows, committed at once.

    The cursor of the request may belong to a replica, which cannot write. A count of
    requests must also stay if the request is rolled back, and must lock its row no
    longer than the statement takes. READ COMMITTED lets a statement that has waited for
    a row go on with its present values instead of failing.

    :raise psycopg2.Error: the statement failed, or there is no connection for it
    """
    with closing(db_connect(env.cr.dbname).cursor()) as cr:
        cr.connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        cr.execute(statement)
        return cr.fetchall()
