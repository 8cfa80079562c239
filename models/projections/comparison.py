"""The comparison of a live table with its shadow: count and repair what differs."""

from collections.abc import Sequence

from odoo.tools import SQL


class Comparison:
    """The comparison of two tables, of the columns named.

    :param key: columns by which a row is found again, never NULL, not necessarily
        unique
    """

    def __init__(
        self, cr, live: SQL, shadow: SQL, key: Sequence[str], columns: Sequence[str]
    ):
        self._cr = cr
        self._live = live
        self._shadow = shadow
        self._key = key
        self._columns = columns

    def count(self) -> tuple[int, int, int]:
        """Return the numbers of shadow rows, of missing and of stale live rows."""
        self._cr.execute(
            SQL(
                """
                SELECT (SELECT count(*) FROM %(shadow)s),
                       (SELECT count(*) FROM %(shadow)s a WHERE %(not_live)s),
                       (SELECT count(*) FROM %(live)s a WHERE %(not_shadow)s)
                """,
                live=self._live,
                shadow=self._shadow,
                not_live=self._has_no_equal(self._live),
                not_shadow=self._has_no_equal(self._shadow),
            )
        )
        return self._cr.fetchone()

    def repair(self):
        """Make the live rows those of the shadow, writing only the rows that differ.

        ``cqrs_replaced`` keeps the rows that they replace.
        """
        self._cr.execute(
            SQL(
                """
                WITH replaced AS (
                    DELETE FROM %s a WHERE %s
                    RETURNING tableoid, to_jsonb(a) AS row
                )
                INSERT INTO cqrs_replaced (table_name, row)
                SELECT relname, row
                FROM replaced JOIN pg_class ON pg_class.oid = replaced.tableoid
                """,
                self._live,
                self._has_no_equal(self._shadow),
            )
        )
        self._cr.execute(
            SQL(
                # Another transaction's row, unseen by our snapshot, makes this fail
                # with 40001 (to be run again) rather than 23505.
                """
                INSERT INTO %(live)s (%(columns)s)
                SELECT %(columns)s FROM %(shadow)s a WHERE %(not_live)s
                ON CONFLICT DO NOTHING
                """,
                live=self._live,
                shadow=self._shadow,
                columns=SQL(", ").join(map(SQL.identifier, self._columns)),
                not_live=self._has_no_equal(self._live),
            )
        )

    def _has_no_equal(self, other: SQL) -> SQL:
        """Return the condition that ``other`` has no row equal to ``a``.

        The key makes it a hash or merge join; the rest takes NULLs as equal.
        """
        return SQL(
            "NOT EXISTS (SELECT FROM %s b WHERE %s AND (%s) IS NOT DISTINCT FROM (%s))",
            other,
            SQL(" AND ").join(
                SQL("a.%s = b.%s", name, name)
                for name in map(SQL.identifier, self._key)
            ),
            SQL(", ").join(SQL.identifier("a", name) for name in self._columns),
            SQL(", ").join(SQL.identifier("b", name) for name in self._columns),
        )
