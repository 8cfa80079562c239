"""Archive tables: the oldest part of the log, in tables of its own.

Each is a child of ``cqrs_event``: PostgreSQL reads it wherever ``cqrs_event`` is read.
A child inherits columns alone: indexes and triggers are made for each. ``(stream_model,
stream_id, version)`` is unique across the tables because every event takes its version
from the row of its stream in ``cqrs_stream``, which two transactions cannot both write
and which is never deleted.
"""

from odoo import models
from odoo.tools import SQL

from .reader import Place

#: Events of one archive table: each table costs every query of the log some planning,
#: and a table is what is moved, dumped or indexed anew at a time
TABLE_SIZE = 10_000_000

_NAME = "cqrs_event_archive_"


def archive_tables(env) -> list[str]:
    """Return the names of the archive tables, the oldest first."""
    rows = env.execute_query(
        SQL(
            """
            SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
            WHERE inhparent = (
                SELECT oid FROM pg_class WHERE relname = 'cqrs_event'
                AND relnamespace = current_schema::regnamespace)
            ORDER BY length(relname), relname
            """
        )
    )
    return [name for (name,) in rows]


def log_tables(env) -> list[str]:
    """Return the names of all tables that hold events."""
    return ["cqrs_event", *archive_tables(env)]


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    def init(self):
        result = super().init()
        self._index_archives()
        return result

    def _index_archives(self):
        for table in archive_tables(self.env):
            self._index_archive(table)

    def _archive_with_room(self, tablespace: str | None) -> tuple[str, int]:
        """Return the archive table to fill, and the number of events that it takes.

        A new one begins if the last one is full, or lies in another tablespace than the
        one asked for. It lies where the last one does unless one is asked for.
        """
        # Before the first query, whose snapshot might lack a table that another
        # transaction is making. Neither readers nor writers wait for this lock.
        self.env.cr.execute("LOCK TABLE ONLY cqrs_event IN SHARE UPDATE EXCLUSIVE MODE")
        tables = archive_tables(self.env)
        if tables:
            [(last_tablespace, events)] = self.env.execute_query(
                SQL(
                    """
                    SELECT COALESCE(spcname, (
                               SELECT spcname FROM pg_database
                               JOIN pg_tablespace ON pg_tablespace.oid = dattablespace
                               WHERE datname = current_database())),
                           (SELECT count(*) FROM %s)
                    FROM pg_class
                    LEFT JOIN pg_tablespace ON pg_tablespace.oid = reltablespace
                    WHERE pg_class.oid = %s::regclass
                    """,
                    SQL.identifier(tables[-1]),
                    tables[-1],
                )
            )
            tablespace = tablespace or last_tablespace
            if tablespace == last_tablespace and events < TABLE_SIZE:
                return tables[-1], TABLE_SIZE - events
        name = f"{_NAME}{len(tables) + 1}"
        if tablespace:
            # For the indexes, too.
            self.env.cr.execute(
                "SELECT set_config('default_tablespace', %s, true)", [tablespace]
            )
        self.env.cr.execute(
            SQL(
                "CREATE TABLE %s (PRIMARY KEY (position)) INHERITS (cqrs_event)",
                SQL.identifier(name),
            )
        )
        self._index_archive(name)
        self._guard(name)
        return name, TABLE_SIZE

    def _index_archive(self, table: str):
        """Give an archive table the indexes of the log that it lacks."""
        rows = self.env.execute_query(
            SQL(
                """
                WITH definition AS (
                    SELECT indrelid, indisunique, regexp_replace(
                        pg_get_indexdef(indexrelid), '^.*? USING ', 'USING ') AS method
                    FROM pg_index
                    WHERE indrelid IN ('cqrs_event'::regclass, %(table)s::regclass)
                )
                SELECT indisunique, method FROM definition
                WHERE indrelid = 'cqrs_event'::regclass
                EXCEPT SELECT indisunique, method FROM definition
                WHERE indrelid = %(table)s::regclass
                """,
                table=table,
            )
        )
        for is_unique, method in rows:
            self.env.cr.execute(
                SQL(
                    "CREATE %s INDEX ON %s %s",
                    SQL("UNIQUE") if is_unique else SQL(),
                    SQL.identifier(table),
                    SQL(method.replace("%", "%%")),
                )
            )

    def _move_to_archive(self, table: str, end: Place, limit: int) -> int:
        """Move the oldest events to an archive table; return their number.

        The database permits the deletion of an event only once its equal stands in an
        archive table (``append_only.py``).

        :param end: the first event that stays
        :param limit: the most events to move
        """
        cr = self.env.cr
        cr.execute("LOCK TABLE ONLY cqrs_event IN SHARE UPDATE EXCLUSIVE MODE")
        cr.execute("SELECT * FROM ONLY cqrs_event LIMIT 0")
        columns = SQL(", ").join(SQL.identifier(each.name) for each in cr.description)
        rows = self.env.execute_query(
            SQL(
                """
                INSERT INTO %(table)s (%(columns)s)
                SELECT %(columns)s FROM ONLY cqrs_event event
                WHERE (event.epoch, event.txid, event.position)
                    < (%(epoch)s, %(txid)s::xid8, %(position)s)
                ORDER BY event.epoch, event.txid, event.position LIMIT %(limit)s
                RETURNING position
                """,
                table=SQL.identifier(table),
                columns=columns,
                epoch=end.epoch,
                txid=str(end.txid),
                position=end.position,
                limit=limit,
            )
        )
        positions = [position for (position,) in rows]
        cr.execute("DELETE FROM ONLY cqrs_event WHERE position = ANY(%s)", [positions])
        return len(positions)
