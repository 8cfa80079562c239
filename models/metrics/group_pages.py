"""A page of the groups of one or two groupings, in the order of a figure or label."""

from typing import NamedTuple

from odoo import models
from odoo.tools import SQL

from ..projections.metrics_tables import AMOUNTS, MEASURES, METRICS
from ..support.answer_context import without_jit
from .figures import SUMMED, exact, parts
from .groupings import GROUPINGS, member

#: ``{figure: its expression over the measures}``, to sort groups by
FIGURES = {
    **{name: name for name in AMOUNTS},
    "average_value": "pipeline_value / NULLIF(active, 0)",
    "active_opportunities": "active",
    "won": "won",
    "lost": "lost",
    "win_rate": "won::numeric / NULLIF(won + lost, 0)",
}

#: Characters of a label that groups are sorted by: a cursor has to fit into an address
SORTED_BY = 200


class Keyset(NamedTuple):
    """The place of a group in an order.

    :ivar place: what it is sorted by, as a text; None if it has none
    :ivar keys: of the group in each grouping, as texts; None for the group without one
    """

    place: str | None
    keys: tuple[str | None, ...]


class Page(NamedTuple):
    """The page of groups that is asked for.

    :ivar sort: one of ``FIGURES``, or a grouping, to sort by its labels
    :ivar after: the group to go on after
    """

    sort: str = "pipeline_value"
    is_descending: bool = True
    limit: int = 80
    after: Keyset | None = None


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    def _page_of_groups(
        self,
        by: tuple[str, ...],
        page: Page,
        asked: dict,
        groupable: SQL,
        whole: dict,
        rates: dict,
        currency,
    ) -> dict:
        """Return a page of the groups of one or two groupings; ties are broken by key.

        Groups are added up, converted and sorted by PostgreSQL, which costs as much as
        what is added up; figures are made of the page alone.

        :param asked: ``viewers``, ``own_id``, ``currency`` and ``company_ids``, as for
            ``_sums``
        :param groupable: the query of the rows to group, as of ``_rows_by``
        :param whole: the figures of all
        :return: ``{groups: [{<by>: label, **figures, own: figures, team: figures}],
            group_count, next: Keyset or None}``
        """
        without_jit(self.env)
        self.env.cr.execute(self._page_query(by, page, asked, groupable, rates))
        rows = exact(self.env.cr.dictfetchall())
        following = rows[page.limit - 1 : page.limit + 1]
        rows = rows[: page.limit]
        labels = {
            name: self._labels(name, {row[f"key_{name}"] for row in rows})
            for name in by
        }
        sums = [
            tuple({name: row[of + name] for name in MEASURES} for of in ("", "own_"))
            for row in rows
        ]
        return {
            "groups": [
                {
                    **{member(name): labels[name][row[f"key_{name}"]] for name in by},
                    **part,
                }
                for row, part in zip(rows, parts(whole, sums, currency), strict=True)
            ],
            "group_count": rows[0]["group_count"] if rows else 0,
            "next": _keyset(by, following[0]) if len(following) > 1 else None,
        }

    def _page_query(
        self,
        by: tuple[str, ...],
        page: Page,
        asked: dict,
        groupable: SQL,
        rates: dict,
    ) -> SQL:
        keys = {name: SQL.identifier(f"key_{name}") for name in by}
        numbers = SQL(", ".join(str(n + 1) for n in range(len(by))))
        order, beyond = self._order_of_groups(keys, page)
        return SQL(
            """
            WITH part AS (
                SELECT %(columns)s, COALESCE(currency_id, %(currency)s) AS currency_id,
                       %(sums)s
                FROM (%(rows)s) metrics
                GROUP BY %(numbers)s, %(currency_number)s HAVING %(not_zero)s
            ),
            grouped AS (
                SELECT %(keys)s, %(converted)s
                FROM part JOIN unnest(%(currencies)s::integer[], %(rates)s::numeric[])
                    AS rate (currency_id, rate) USING (currency_id)
                GROUP BY %(numbers)s
            ),
            placed AS (
                SELECT grouped.*, %(place)s AS place, count(*) OVER () AS group_count
                FROM grouped %(names)s
            )
            SELECT %(keys)s, place::text AS placed_at, group_count, %(measures)s
            FROM placed WHERE %(beyond)s ORDER BY %(order)s LIMIT %(limit)s
            """,
            columns=SQL(", ").join(
                SQL("%s AS %s", SQL.identifier(GROUPINGS[name].column), key)
                for name, key in keys.items()
            ),
            keys=SQL(", ").join(keys.values()),
            numbers=numbers,
            currency_number=SQL(str(len(by) + 1)),
            currency=asked["currency"].id,
            sums=_sums(SQL("user_id = %s", asked["own_id"])),
            rows=groupable,
            not_zero=METRICS.not_zero,
            converted=_measures("sum({} * rate)", "sum({})::integer"),
            currencies=list(rates),
            rates=[str(rate) for __, rate in rates.values()],
            place=SQL("left(place, %s)", SORTED_BY)
            if page.sort in GROUPINGS
            else SQL(FIGURES[page.sort]),
            names=self._places_of(page.sort),
            measures=_measures("{}::text", "{}"),
            beyond=beyond,
            order=order,
            limit=page.limit + 1,
        )

    def _places_of(self, sort: str) -> SQL:
        """Return the join of the places of the labels to sort by, if any."""
        if sort not in GROUPINGS:
            return SQL()
        key = SQL.identifier(f"key_{sort}")
        if GROUPINGS[sort].names is None:
            return SQL("CROSS JOIN LATERAL (SELECT %s::text AS place) named", key)
        return SQL("LEFT JOIN (%s) named ON named.id = %s", self._names_of(sort), key)

    def _order_of_groups(self, keys: dict[str, SQL], page: Page) -> tuple[SQL, SQL]:
        """Return the order of a page's groups, and the condition to be beyond a group.

        Groups without a place come last, or first from the greatest down.
        """
        types = {
            SQL("place"): "text" if page.sort in GROUPINGS else "numeric",
            **{
                key: "date" if GROUPINGS[name].names is None else "integer"
                for name, key in keys.items()
            },
        }
        columns = [
            part for column in types for part in (SQL("%s IS NULL", column), column)
        ]
        direction = SQL("DESC" if page.is_descending else "ASC")
        order = SQL(", ").join(SQL("%s %s", each, direction) for each in columns)
        if page.after is None:
            return order, SQL("TRUE")
        values = zip((page.after.place, *page.after.keys), types.items(), strict=True)
        sides = []
        for value, (column, type_) in values:
            zero = SQL(_ZEROS[type_])
            sides.append((SQL("%s IS NULL", column), SQL("%s", value is None)))
            sides.append(
                (
                    SQL("COALESCE(%s, %s)", column, zero),
                    zero if value is None else SQL("%s::%s", value, SQL(type_)),
                )
            )
        here, there = (SQL(", ").join(side) for side in zip(*sides, strict=True))
        sign = SQL("<" if page.is_descending else ">")
        return order, SQL("(%s) %s (%s)", here, sign, there)


#: ``{type: value}`` in the place of NULL, which no row comparison takes
_ZEROS = {"text": "''", "numeric": "0", "integer": "0", "date": "date '0001-01-01'"}


def _sums(own: SQL) -> SQL:
    return SQL(", ").join(
        SQL(
            "sum(%(name)s) AS %(name)s,"
            " COALESCE(sum(%(name)s) FILTER (WHERE %(own)s), 0) AS %(own_name)s",
            name=SQL.identifier(name),
            own_name=SQL.identifier(f"own_{name}"),
            own=own,
        )
        for name in MEASURES
    )


def _measures(of_amount: str, of_count: str) -> SQL:
    """Return the columns of the measures, in the form for amounts or for counts."""
    return SQL(
        ", ".join(
            (of_amount if name.removeprefix("own_") in AMOUNTS else of_count).format(
                name
            )
            + f" AS {name}"
            for name in SUMMED
        )
    )


def _keyset(by: tuple[str, ...], row: dict) -> Keyset:
    keys = (row[f"key_{name}"] for name in by)
    return Keyset(row["placed_at"], tuple(key and str(key) for key in keys))
