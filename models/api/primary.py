"""Short statements on the primary, beside a request that only reads."""

import logging
from contextlib import closing

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from odoo.sql_db import db_connect
from odoo.tools import SQL

_logger = logging.getLogger(__name__)


def execute_on_primary(env, statement: SQL) -> list[tuple] | None:
    """Execute one statement that returns rows, committed at once.

    The cursor of the request may be a replica's, which cannot write; and what counts
    requests must hold also where the request is rolled back, and must lock a row for
    no longer than the statement takes. READ COMMITTED, so that whoever waited for a
    row goes on with what is in it now, and does not fail.

    :return: None where it failed: what is counted is not worth refusing an answer
    """
    try:
        with closing(db_connect(env.cr.dbname).cursor()) as cr:
            cr.connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
            cr.execute(statement)
            return cr.fetchall()
    except psycopg2.Error:
        _logger.warning("Could not count a request of the API.", exc_info=True)
        return None
