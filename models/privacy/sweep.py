"""After the erasure: dead rows removed, statistics taken anew, and a search.

VACUUM cannot run in a transaction, and removes no row that an older transaction might
still read; Odoo's scheduler holds one open while its job runs.
"""

import logging
from collections.abc import Iterable
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import partial

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from odoo.sql_db import db_connect
from odoo.tools import SQL

from ..event_store.archive import log_tables
from ..support.progress import Progress, Report, seldom, silent
from ..support.transactions import committed
from .search import search_files, search_tables, statistics_with

_logger = logging.getLogger(__name__)

#: Tables that may hold a person's values whatever a transaction has changed
ALWAYS = (
    "cqrs_stream",
    "cqrs_opportunity_view",
    "cqrs_user_profile",
    "cqrs_contact",
    "cqrs_replaced",
    "cqrs_run",
    "cqrs_subscription",
    "crm_lead",
    "res_partner",
    "mail_mail",
    "mail_message",
    "mail_tracking_value",
    "ir_attachment",
)


def changed_tables(env) -> list[str]:
    """Return the tables from which this transaction has taken rows or values."""
    env.cr.execute(
        "SELECT relname FROM pg_stat_xact_user_tables"
        " WHERE n_tup_upd + n_tup_del > 0 AND schemaname = current_schema"
    )
    changed = {name for (name,) in env.cr.fetchall()}
    return sorted(changed.union(ALWAYS, log_tables(env)))


def sweep(
    env,
    tables: Iterable[str],
    values: list[str],
    *,
    full: bool = False,
    report: Report = silent,
) -> dict:
    """Remove what the deleted rows leave, and search for the values; commits.

    :param tables: those that the erasure has changed
    :param values: in small letters; without any, nothing is searched
    :param full: rewrite the tables, which blocks everybody who uses them
    :return: ``{"tables", "not_vacuumed": [names], "searched": bool, "left": [Left]}``
    """
    report = seldom(report)
    tables = sorted(set(tables))
    committed(env, env["cqrs.run"].sudo()._forget_lists)
    subscriptions = env["cqrs.subscription"].sudo()
    committed(env, partial(subscriptions._forget_mails, values))
    attachments = env["ir.attachment"].sudo()
    attachments._gc_file_store()
    folder = attachments._filestore()
    env.cr.commit()  # pylint: disable=invalid-commit
    with autocommit(env.cr.dbname) as cr:
        cr.execute("SELECT relname FROM pg_class WHERE relname = ANY(%s)", [tables])
        tables = sorted(name for (name,) in cr.fetchall())
        steps = Progress(lambda done, step: report(done / 2, step), len(tables) + 1)
        skipped = []
        for table in tables:
            steps(table)
            if not _vacuum(cr, table, full):
                skipped.append(table)
        steps("pg_statistic")
        _clear_statistics(cr, values)
        _vacuum(cr, "pg_statistic", full)
        left = search_tables(
            cr, values, lambda done, step: report(0.5 + 0.4 * done, step)
        )
    left += search_files(
        folder, values, lambda done, step: report(0.9 + 0.1 * done, step)
    )
    return {
        "tables": len(tables),
        "not_vacuumed": skipped,
        "searched": bool(values),
        "left": [asdict(each) for each in left],
    }


@contextmanager
def autocommit(database: str):
    """Give a cursor of its own on which each statement is a transaction."""
    with closing(db_connect(database).cursor()) as cr:
        cr.connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        yield cr


def older_transactions(cr, txid: int) -> list[dict]:
    """Return the transactions that still see what a transaction has removed.

    :return: ``[{"pid", "user", "seconds"}]``, oldest first
    """
    cr.execute(SQL(_OLDER, txid))
    return cr.dictfetchall()


# Ages of ids compare rightly where ids themselves, which start over, do not.
_OLDER = """
    SELECT pid, usename::text AS "user",
           extract(epoch FROM clock_timestamp() - xact_start)::integer AS seconds
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND GREATEST(age(backend_xmin), age(backend_xid))
          >= age((%s::bigint %% 4294967296)::text::xid)
    ORDER BY 3 DESC
"""


def _vacuum(cr, table: str, full: bool) -> bool:
    """Remove the dead rows of a table, from its indexes too; False if it is locked."""
    # By itself PostgreSQL leaves entries of indexes where few rows are dead.
    vacuum = (
        SQL("VACUUM (FULL, ANALYZE) %s", SQL.identifier(table))
        if full
        else SQL("VACUUM (ANALYZE, INDEX_CLEANUP ON) %s", SQL.identifier(table))
    )
    try:
        # A writer must not wait long behind a table that waits to be rewritten.
        cr.execute("SET lock_timeout = '10s'")
        cr.execute(vacuum)
    except psycopg2.Error as error:
        _logger.warning("%s is not vacuumed: %s", table, error)
        return False
    finally:
        cr.execute("RESET lock_timeout")
    return True


def _clear_statistics(cr, values: list[str]):
    """Clear statistics that ANALYZE has left, as it does for an empty table."""
    cr.execute("SELECT to_regproc('pg_clear_attribute_stats') IS NOT NULL")
    [can_clear] = cr.fetchone()
    for table, column in statistics_with(cr, values):
        statement = (
            "SELECT pg_clear_attribute_stats(current_schema, %s, %s, false)"
            if can_clear
            # PostgreSQL before 18 lets only a superuser do it.
            else "DELETE FROM pg_statistic USING pg_attribute"
            " WHERE starelid = attrelid AND staattnum = attnum"
            " AND attrelid = %s::regclass AND attname = %s"
        )
        try:
            cr.execute(SQL(statement, table, column))
        except psycopg2.Error as error:
            _logger.warning("Statistics of %s.%s stay: %s", table, column, error)
