"""PostgreSQL's own estimates, from its statistics."""

from collections.abc import Iterator

from odoo.tools import SQL


def estimated_rows(env, query: SQL) -> int:
    """Return how many rows a query gives, about, by planning it alone."""
    return _plan(env, query)["Plan Rows"]


def rows_scanned(env, query: SQL) -> int:
    """Return how many rows are read of tables from end to end, by planning alone.

    0 if each table is read by an index.
    """
    names = list(_scanned(_plan(env, query)))
    [(rows,)] = env.execute_query(
        SQL(
            "SELECT COALESCE(sum(reltuples), 0)::bigint FROM pg_class"
            " WHERE relname = ANY(%s) AND reltuples > 0",
            names,
        )
    )
    return rows


def _plan(env, query: SQL) -> dict:
    [(plans,)] = env.execute_query(SQL("EXPLAIN (FORMAT JSON) %s", query))
    return plans[0]["Plan"]


def _scanned(plan: dict) -> Iterator[str]:
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from _scanned(part)
