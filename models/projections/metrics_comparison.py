"""The comparison of the live sums with those of a replay."""

from odoo.tools import SQL

from ..support.readable_values import is_readable
from .metrics_tables import AMOUNTS, KEY, NOT_ZERO, ROLL_UP, each


class SumsComparison:
    """The comparison of sums, roll-up and tail together.

    A repair adds what is missing, while writers go on appending changes.
    """

    def __init__(self, metrics, live, shadow):
        self._metrics = metrics
        self._live = live
        self._sums = SQL(
            "live AS MATERIALIZED (%s), shadow AS MATERIALIZED (%s)",
            metrics._all_sums(live),
            metrics._all_sums(shadow),
        )

    def count(self) -> tuple[int, int, int]:
        """Return the counts of ``Comparison.count``, of sums."""
        [counts] = self._metrics.env.execute_query(
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
        key = each("{}", ("dimension", *KEY))
        table = self._live(ROLL_UP)
        rows = self._metrics.env.execute_query(
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
                ROLL_UP,
                self._metrics._add(
                    SQL(
                        """
                        SELECT %(key)s, %(sums)s
                        FROM (SELECT * FROM shadow
                              UNION ALL SELECT %(key)s, %(negated)s FROM live) side
                        GROUP BY %(key)s HAVING %(not_zero)s
                        """,
                        key=key,
                        sums=each("sum({0})"),
                        negated=each("- {}"),
                        not_zero=NOT_ZERO,
                    ),
                    table,
                ),
            )
        )
        self._metrics._remove([id_ for id_, is_zero in rows if is_zero], table)

    def _remove_unreadable(self):
        """Remove the sums that no addition can repair: NaN stays NaN."""
        self._metrics.env.cr.execute(
            SQL(
                """
                WITH removed AS (
                    DELETE FROM %s metrics WHERE NOT (%s) RETURNING *
                )
                INSERT INTO cqrs_replaced (table_name, row)
                SELECT %s, to_jsonb(removed) FROM removed
                """,
                self._live(ROLL_UP),
                SQL(" AND ").join(
                    is_readable(SQL.identifier(name), "monetary") for name in AMOUNTS
                ),
                ROLL_UP,
            )
        )
