"""The comparison of the live sums with those of a replay."""

from odoo.tools import SQL

from ..support.readable_values import is_readable
from .table import listed


class SumsComparison:
    """The comparison of sums, roll-up and tail together.

    A repair adds what is missing, while writers go on appending changes.
    """

    def __init__(self, projection, roll_up, live, shadow):
        self._projection = projection
        self._roll_up = roll_up
        self._live = live
        self._sums = SQL(
            "live AS MATERIALIZED (%s), shadow AS MATERIALIZED (%s)",
            projection._sums_of(roll_up, live),
            projection._sums_of(roll_up, shadow),
        )

    def count(self) -> tuple[int, int, int]:
        """Return the counts of ``Comparison.count``, of sums."""
        [counts] = self._projection.env.execute_query(
            SQL(
                """
                WITH %s
                SELECT (SELECT count(*) FROM shadow),
                       (SELECT count(*) FROM (
                           SELECT * FROM shadow EXCEPT SELECT * FROM live) missing),
                       (SELECT count(*) FROM (
                           SELECT * FROM live EXCEPT SELECT * FROM shadow) stale)
                """,
                self._sums,
            )
        )
        return counts

    def repair(self):
        """Add the difference to the live sums.

        ``cqrs_replaced`` keeps the sums that were wrong.
        """
        self._remove_unreadable()
        key, table = listed(self._roll_up.key), self._live(self._roll_up.name)
        rows = self._projection.env.execute_query(
            SQL(
                """
                WITH %s, kept AS (
                    INSERT INTO cqrs_replaced (table_name, row)
                    SELECT %s, to_jsonb(wrong)
                    FROM (SELECT * FROM live EXCEPT SELECT * FROM shadow) wrong
                )
                %s
                """,
                self._sums,
                self._roll_up.name,
                self._roll_up.add(
                    SQL(
                        """
                        SELECT %(key)s, %(sums)s
                        FROM (SELECT * FROM shadow
                              UNION ALL SELECT %(key)s, %(negated)s FROM live) side
                        GROUP BY %(key)s HAVING %(not_zero)s
                        """,
                        key=key,
                        sums=self._roll_up.each("sum({0})"),
                        negated=self._roll_up.each("- {}"),
                        not_zero=self._roll_up.not_zero,
                    ),
                    table,
                ),
            )
        )
        self._projection._remove([id_ for id_, is_zero in rows if is_zero], table)

    def _remove_unreadable(self):
        """Remove the sums that no addition can repair: NaN stays NaN."""
        self._projection.env.cr.execute(
            SQL(
                """
                WITH removed AS (
                    DELETE FROM %s metrics WHERE NOT (%s) RETURNING *
                )
                INSERT INTO cqrs_replaced (table_name, row)
                SELECT %s, to_jsonb(removed) FROM removed
                """,
                self._live(self._roll_up.name),
                SQL(" AND ").join(
                    is_readable(SQL.identifier(name), "monetary")
                    for name in self._roll_up.amounts
                ),
                self._roll_up.name,
            )
        )
