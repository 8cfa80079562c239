"""Versions of what many change at once: each change leaves a random number.

The version is their sum. So two transactions that change something do not meet, as they
would in a version that each counts up; and what one has rolled back never comes again.
"""

from odoo.tools import SQL

#: A number for a change to leave
NEW = "hashtextextended(gen_random_uuid()::text, 0)"


def table(name: str) -> SQL:
    """Return the statement that makes a table of tokens, if there is none."""
    return SQL(
        "CREATE TABLE IF NOT EXISTS %s (token numeric NOT NULL)", SQL.identifier(name)
    )


def leave(cr, name: str | SQL):
    """Leave a token, so that the version is another one."""
    table = SQL.identifier(name) if isinstance(name, str) else name
    cr.execute(SQL(f"INSERT INTO %s SELECT {NEW}", table))


def total(name: str) -> str:
    """Return the expression of the version that a table stands for."""
    return f'COALESCE((SELECT sum(token) FROM "{name}"), 0)'


def sum_up(env, name: str):
    """Put one token in the place of all, whose sum it is."""
    name = SQL.identifier(name)
    env.cr.execute(
        SQL(
            """
            WITH gone AS (DELETE FROM %s RETURNING token)
            INSERT INTO %s SELECT sum(token) FROM gone HAVING count(*) > 0
            """,
            name,
            name,
        )
    )
