"""Three plans to find a page of opportunities, as statements in SQL.

* *walk* the index of the order, where the viewer sees and wants much of it;
* *merge* the first rows of each owner, from the index of owner and order, where the
  viewer sees little of it;
* *gather* all that the filters leave and sort it, where little of it is wanted.

Each applies the condition of access to each row, or to each owner and company where
these are known. ``pages.py`` runs them: few owners are merged at once; for many,
``WALKED_ENTRIES`` of the order are walked first, and where they do not fill a page the
owners are merged or, with further filters, what these leave is gathered.

>>> value = Order(SQL("value"), "numeric")
>>> plans = PagePlans(value, True, SQL("view.active"), SQL("view.user_id = 7"))
>>> print(" ".join(plans.walk(SQL("TRUE"), 80, 2000).code.split()))
SELECT key::text, id FROM (SELECT view.*, value AS key FROM cqrs_opportunity_view view \
WHERE TRUE ORDER BY value DESC, view.id DESC LIMIT %s) view WHERE view.active AND \
view.user_id = 7 ORDER BY view.key DESC, view.id DESC LIMIT %s

With 1,000,000 opportunities of 5,000 users, PostgreSQL executes a page of 80 in 0.7 to
4.6 ms, in any order and however far down. On the wrong plan a leaf's page takes 117 ms,
and the page of a team whose deals come last in the order 447 ms.
"""

from dataclasses import dataclass

from odoo.tools import SQL

from ..access.owner_scopes import NONE, OwnerScope
from ..projections.opportunity_view import Order

# A condition on plain columns, of which PostgreSQL has statistics: it takes expressions
# for rare, and would read and sort all the rows of an owner.
_IN_COMPANIES = SQL(
    "(view.company_id = ANY(scope.company_ids)"
    " OR scope.or_none AND view.company_id IS NULL)"
)


@dataclass(frozen=True)
class PagePlans:
    """The statements that find places in one order; each gives key and id of a row.

    :ivar wanted: the condition of the filters on a row ``view``
    :ivar visible: the condition of access on it
    """

    order: Order
    descending: bool
    wanted: SQL
    visible: SQL

    @property
    def behind(self) -> str:
        """The operator of rows that come behind a place."""
        return "<" if self.descending else ">"

    @property
    def until(self) -> str:
        """The operator of rows that come up to a place."""
        return ">=" if self.descending else "<="

    @property
    def _direction(self) -> SQL:
        return SQL("DESC" if self.descending else "ASC")

    def walk(self, where: SQL, limit: int, entries: int | None) -> SQL:
        """Return the first places among the first entries of the order.

        :param where: the condition of ``orders.condition``
        :param entries: None looks at all
        """
        return SQL(
            """
            SELECT key::text, id
            FROM (SELECT view.*, %(key)s AS key FROM cqrs_opportunity_view view
                  WHERE %(where)s
                  ORDER BY %(key)s %(direction)s, view.id %(direction)s
                  LIMIT %(entries)s) view
            WHERE %(wanted)s AND %(visible)s
            ORDER BY view.key %(direction)s, view.id %(direction)s LIMIT %(limit)s
            """,
            key=self.order.key,
            where=where,
            direction=self._direction,
            entries=entries,
            wanted=self.wanted,
            visible=self.visible,
            limit=limit,
        )

    def goes_on(self, where: SQL, entries: int) -> SQL:
        """Return the query of a row where the order has more entries than these."""
        return SQL(
            """
            SELECT FROM cqrs_opportunity_view view WHERE %(where)s
            ORDER BY %(key)s %(direction)s, view.id %(direction)s
            LIMIT 1 OFFSET %(entries)s
            """,
            where=where,
            key=self.order.key,
            direction=self._direction,
            entries=entries,
        )

    def gather(self, where: SQL, owned: SQL, limit: int) -> SQL:
        """Return the first places of all the rows that the filters leave.

        :param owned: a condition on the owner
        """
        # OFFSET 0 keeps the planner from walking the order, which would have to go far
        # to meet enough of these rows.
        return SQL(
            """
            SELECT key::text, id
            FROM (SELECT view.*, %(key)s AS key FROM cqrs_opportunity_view view
                  WHERE %(where)s AND %(wanted)s AND %(owned)s OFFSET 0) view
            WHERE %(visible)s
            ORDER BY view.key %(direction)s, view.id %(direction)s LIMIT %(limit)s
            """,
            key=self.order.key,
            where=where,
            wanted=self.wanted,
            owned=owned,
            visible=self.visible,
            direction=self._direction,
            limit=limit,
        )

    def merge(self, where: SQL, scopes: list[OwnerScope], each: int, limit: int) -> SQL:
        """Return the first places among the first ``each`` of each owner.

        The owner comes before key and id.

        :param scopes: some, all of them decided or none
        """
        # The planner takes every owner for an average one, and would sort all the rows
        # if they were no more than the limit. It takes an unknown limit for a tenth of
        # the rows, and reads them in order.
        first_of_owner, first_of_nobody = (
            SQL(
                """
                SELECT view.user_id, %(key)s AS key, view.id
                FROM cqrs_opportunity_view view
                WHERE %(owned)s AND %(where)s AND %(wanted)s AND %(visible)s
                ORDER BY view.user_id %(direction)s, %(key)s %(direction)s,
                         view.id %(direction)s
                LIMIT (SELECT %(each)s)
                """,
                key=self.order.key,
                owned=owned,
                where=where,
                wanted=self.wanted,
                visible=_IN_COMPANIES if scopes[0].is_decided else self.visible,
                direction=self._direction,
                each=each,
            )
            for owned in (
                SQL("view.user_id = owner_id"),
                SQL("owner_id = 0 AND view.user_id IS NULL"),
            )
        )
        return SQL(
            """
            SELECT owner_id, key::text, id
            FROM (VALUES %(scopes)s) AS scope (owner_ids, company_ids, or_none)
            CROSS JOIN unnest(owner_ids) AS owner (owner_id)
            CROSS JOIN LATERAL ((%(first)s) %(or_nobody)s) first
            ORDER BY first.key %(direction)s, first.id %(direction)s
            LIMIT %(limit)s
            """,
            scopes=SQL(", ").join(
                SQL(
                    "(%s, %s, %s)", scope.owners, scope.companies, scope.has_companyless
                )
                for scope in scopes
            ),
            first=first_of_owner,
            or_nobody=SQL("UNION ALL (%s)", first_of_nobody)
            if any(NONE in scope.owner_ids for scope in scopes)
            else SQL(),
            direction=self._direction,
            limit=limit,
        )

    def count(self, owned: SQL) -> SQL:
        """Return the query of how many rows there are.

        :param owned: a condition on the owner
        """
        return SQL(
            "SELECT count(*) FROM cqrs_opportunity_view view WHERE %s AND %s AND %s",
            self.wanted,
            self.visible,
            owned,
        )
