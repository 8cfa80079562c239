"""Versions: values that differ whenever something has changed since they were read.

There is one contract and two ways to keep it. If writers must not conflict, each change
leaves a random number (``TokenVersion``). If they must, each change counts one row up,
so that the later of two concurrent ones fails and runs again (``CountedVersion``).
Neither gives a value that was rolled back to another change.

::

    PEOPLE = TokenVersion("cqrs_people")

    cr.execute(PEOPLE.definition)
    PEOPLE.change(cr)
    cr.execute(PEOPLE.query)
"""

from abc import ABC, abstractmethod

from odoo.tools import SQL

#: The expression of a new token
TOKEN = "hashtextextended(gen_random_uuid()::text, 0)"


class Version(ABC):
    """A version that a table holds.

    :ivar table: the table's name
    :ivar definition: the statement that creates the table, if there is none
    :ivar query: the query of the version, a text; NULL for a table without a row, as
        when the past is read
    """

    definition: SQL
    query: str

    def __init__(self, table: str):
        self.table = table

    @abstractmethod
    def change(self, cr, table: SQL | None = None):
        """Change the version.

        :param table: the table itself, if its name means another one at present
        """


class TokenVersion(Version):
    """The sum of the numbers that changes have left."""

    def __init__(self, table: str):
        super().__init__(table)
        self.definition = SQL(
            "CREATE TABLE IF NOT EXISTS %s (token numeric NOT NULL)",
            SQL.identifier(table),
        )
        self.query = f'SELECT sum(token)::text FROM "{table}"'

    def change(self, cr, table: SQL | None = None):
        table = table or SQL.identifier(self.table)
        cr.execute(SQL(f"INSERT INTO %s SELECT {TOKEN}", table))

    def sum_up(self, cr):
        """Put one token in the place of all, whose sum it is."""
        cr.execute(
            SQL(
                """
                WITH gone AS (DELETE FROM %(table)s RETURNING token)
                INSERT INTO %(table)s SELECT sum(token) FROM gone HAVING count(*) > 0
                """,
                table=SQL.identifier(self.table),
            )
        )


class CountedVersion(Version):
    """A count in the one row of a table, and the transaction that wrote it."""

    def __init__(self, table: str):
        super().__init__(table)
        self.definition = SQL(
            """
            CREATE TABLE IF NOT EXISTS %(table)s (version bigint NOT NULL);
            INSERT INTO %(table)s SELECT 0 WHERE NOT EXISTS (SELECT FROM %(table)s)
            """,
            table=SQL.identifier(table),
        )
        # xmin tells a change from one that was rolled back.
        self.query = f"""SELECT concat_ws(' ', version, xmin) FROM "{table}" """

    def change(self, cr, table: SQL | None = None):
        table = table or SQL.identifier(self.table)
        cr.execute(SQL("UPDATE %s SET version = version + 1", table))
