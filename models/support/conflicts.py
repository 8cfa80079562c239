"""Conflicts between a transaction that changes something and one that relies on it.

A REPEATABLE READ transaction does not see commits since it began. If its result relies
on something that another transaction changes (the managers above a person, the groups
that a group implies), the later of the two must fail with 40001, so that Odoo runs it
again on the result of the first. Nothing else may fail: two transactions that rely on
the same thing do not conflict, nor do two that share nothing.

A transaction names its changes and its reliances by keys such as
``employee/12``. A change replaces the key's row in ``cqrs_conflict_key``; a reliance
locks that row and adds one that references it:

* A reliance on a key that another transaction has changed fails on the lock.
* A change of a key on which another transaction relies fails in the cascade: the checks
  of foreign keys look past the snapshot, and PostgreSQL refuses with 40001 to delete a
  row that the snapshot does not show. This needs neither a second connection nor a lock
  that everybody waits for.
"""

from collections.abc import Iterable

from odoo.tools import SQL

_TABLES = SQL(
    """
    CREATE TABLE IF NOT EXISTS cqrs_conflict_key (key text COLLATE "C" PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS cqrs_conflict_reliance (
        key text COLLATE "C" REFERENCES cqrs_conflict_key ON DELETE CASCADE,
        txid xid8 DEFAULT pg_current_xact_id(),
        PRIMARY KEY (key, txid)
    );
    CREATE OR REPLACE FUNCTION cqrs_conflict_over(wanted text, is_changed boolean)
        RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
        IF is_changed THEN
            DELETE FROM cqrs_conflict_key WHERE key = wanted;
            INSERT INTO cqrs_conflict_key VALUES (wanted) ON CONFLICT DO NOTHING;
        ELSE
            PERFORM FROM cqrs_conflict_key WHERE key = wanted FOR KEY SHARE;
            IF NOT FOUND THEN
                INSERT INTO cqrs_conflict_key VALUES (wanted) ON CONFLICT DO NOTHING;
            END IF;
            INSERT INTO cqrs_conflict_reliance (key) VALUES (wanted)
                ON CONFLICT DO NOTHING;
        END IF;
    END
    $$
    """
)


def make_tables(cr):
    cr.execute(_TABLES)


def add_keys(cr, keys: SQL):
    """Add keys that transactions will rely on, so that none of them need add it.

    :param keys: query of the keys
    """
    cr.execute(
        SQL(
            # ON CONFLICT alone refuses with 40001 a key that others have changed since:
            # an update beside a server at work would fail.
            """
            INSERT INTO cqrs_conflict_key
            SELECT key FROM (%s) wanted (key)
            EXCEPT SELECT key FROM cqrs_conflict_key
            ON CONFLICT DO NOTHING
            """,
            keys,
        )
    )


def conflict_over(cr, keys: SQL) -> int:
    """Name the changes and reliances of this transaction.

    It waits for open transactions that have named one of the keys, unless both only
    rely on it.

    :param keys: query of ``(key, is_changed)``; a key may come several times
    :return: the number of different keys
    :raise psycopg2.errors.SerializationFailure: a transaction that is not seen here has
        changed one of the keys, or relied on one that this one changes
    """
    cr.execute(
        SQL(
            # In one order for all transactions, or two would wait for each other.
            """
            SELECT cqrs_conflict_over(key, is_changed)
            FROM (SELECT key, bool_or(is_changed) AS is_changed
                  FROM (%s) named (key, is_changed)
                  GROUP BY key ORDER BY key OFFSET 0) ordered
            """,
            keys,
        )
    )
    return cr.rowcount


def change(cr, keys: Iterable[str]) -> int:
    """Name the changes of this transaction, as ``conflict_over`` does."""
    return conflict_over(cr, SQL("SELECT unnest(%s), true", list(keys)))


def forget_ended_reliances(cr):
    """Remove the reliances of transactions that ended before every open one began.

    Transaction ids of the future come from the cluster that a dump was made in.
    """
    cr.execute(
        """
        DELETE FROM cqrs_conflict_reliance
        WHERE txid > pg_current_xact_id()
           OR txid::text::bigint < pg_current_xact_id()::text::bigint - (
               SELECT COALESCE(max(age(backend_xmin)), 0) FROM pg_stat_activity
               WHERE datname = current_database())
        """
    )
