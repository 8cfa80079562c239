"""PostgreSQL's own estimates, from its statistics."""

from odoo.tools import SQL


def estimated_rows(env, query: SQL) -> int:
    """Return how many rows a query gives, about, by planning it alone."""
    [(plans,)] = env.execute_query(SQL("EXPLAIN (FORMAT JSON) %s", query))
    return plans[0]["Plan"]["Plan Rows"]
