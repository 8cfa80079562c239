"""Pages of the opportunities as they were at a moment of the past."""

import json
from datetime import datetime, timezone
from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..access.owner_scopes import are_few
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..event_store.past_state import states_at
from ..opportunities.as_json import CONVERTED, FIELDS, items
from ..opportunities.conversion import NONE, Conversion
from ..opportunities.filters import UNFILTERED, Filters
from ..opportunities.orders import Bound, Keyset, condition, segments, units
from ..opportunities.pages import Page
from ..opportunities.stages import stages
from ..projections.opportunity_view import ORDERS
from ..support.answer_context import without_jit
from ..support.exact_json import JsonText
from ..support.periods import Period
from .as_of import AsOf

#: The orders that a list of the past can have
SORTS = ("value", "closing_date", "stage")

#: Filters that need what spans do not have
NOT_FILTERED = ("created_at", "changed_at", "text")


class CqrsPast(models.AbstractModel):
    _inherit = "cqrs.past"

    @api.model
    def _read_page(
        self,
        user,
        as_of: AsOf,
        sort: str = "value",
        descending: bool = True,
        filters: Filters = UNFILTERED,
        after: Keyset | None = None,
        limit: int = 80,
        currency=None,
    ) -> Page:
        """Return a page of the opportunities of a moment, as ``cqrs.opportunities``.

        :param sort: one of ``SORTS``
        :param filters: none of ``NOT_FILTERED``
        :raise ValueError: something else is asked for
        """
        if sort not in SORTS:
            raise ValueError(f"no such order of the past: {sort}")
        order, conversion, rates, stage_ids = ORDERS[sort], None, {}, ()
        if sort == "stage":
            began_with = after.stage_ids if after else ()
            stage_ids = tuple(dict.fromkeys([*began_with, *self._stage_ids()]))
        if order.unit:
            fixed = after.rates if after else ()
            conversion = self._conversion(user, currency, fixed)
            rates = conversion.rates
        without_jit(self.env)
        viewers = self.env["cqrs.access"]._viewers(user)
        rows = self._filtered(viewers, as_of, filters)
        if order.is_nullable:
            # What has no key is walked by the ids; so is each stage.
            last_id = self.env["cqrs.past.levels"]._last_id(as_of.moment)
            if last_id is not None:
                rows = SQL("%s AND view.id <= %s", rows, last_id)
        first = gathered if self._are_few(viewers, as_of) else _walked
        places, bound = [], after
        for segment in segments(sort, descending, stage_ids, after, rates):
            wanted = limit + 1 - len(places)
            bounds = [Bound("<" if descending else ">", bound)] if bound else []
            query = first(rows, segment, order, descending, bounds, wanted)
            places += [Keyset(*row) for row in self.env.execute_query(query)]
            if len(places) > limit:
                break
            bound = None
        following = None
        if len(places) > limit:
            last = places[limit - 1]
            of_currencies = tuple((id_, str(rate)) for id_, rate in rates.items())
            following = Keyset(last.key, last.id, stage_ids, of_currencies)
        return Page([place.id for place in places[:limit]], following, conversion)

    @api.model
    def _count(
        self, user, as_of: AsOf, filters: Filters = UNFILTERED
    ) -> tuple[int, int]:
        """Return how many opportunities of the filters the user sees as of a moment.

        :return: the count, and how many of them are reconstructed
        """
        without_jit(self.env)
        asked = self.env["cqrs.metrics"]._asked(user, filters.company_ids)
        viewers = asked["viewers"]
        whole = Filters(statuses=filters.statuses, company_ids=filters.company_ids)
        if filters == whole and filters.are_summed:
            rows, __, counts = self._sums(asked, as_of, None, Period())
            if not counts["reconstructed"]:
                measure = "active" if filters.statuses else "total"
                return sum(row[measure] for row in rows), 0
        rows = self._filtered(viewers, as_of, filters)
        query = SQL(
            "SELECT count(*), count(*) FILTER (WHERE NOT is_recorded) FROM (%s) view",
            rows,
        )
        [(count, reconstructed)] = self.env.execute_query(query)
        return count, reconstructed

    @api.model
    def _items(
        self,
        ids: list[int],
        user,
        as_of: AsOf,
        names: tuple[str, ...] = FIELDS,
        target_currency=None,
        conversion: Conversion | None = None,
    ) -> JsonText:
        """Return the array of opportunities as they were, in this order.

        The names of opportunities and customers are those of then. Where recording
        began later, an opportunity has the name that it had first, and neither customer
        nor version.

        :param ids: of opportunities that the user sees as of the moment
        :param target_currency: as for ``cqrs.dashboard``, like ``conversion``
        """
        if conversion is None and CONVERTED in names:
            conversion = self._conversion(user, target_currency)
        context = AnswerContext.of(self.env, user)
        query = items(
            ids,
            names,
            stages(self.env),
            own_currency(context).id,
            conversion,
            rows=self._page_rows(ids, user, as_of),
        )
        [(text,)] = self.env.execute_query(query)
        return self.env["cqrs.dashboard"]._with_owners(text)

    def _filtered(self, viewers, as_of: AsOf, filters: Filters) -> SQL:
        """Return the query of the opportunities that some filters leave."""
        if (
            filters.text
            or filters.pace
            or any(
                (*getattr(filters, name),) != (None, None) for name in NOT_FILTERED[:2]
            )
        ):
            raise ValueError(f"filters of the past: {filters}")
        return SQL(
            "SELECT * FROM (%s) view WHERE %s",
            self._opportunities(viewers, as_of),
            filters.condition(),
        )

    def _are_few(self, viewers, as_of: AsOf) -> bool:
        """Return whether the opportunities are those of few owners."""
        access = self.env["cqrs.access"]
        return are_few(access._owner_scopes(viewers, as_of.hierarchy_at))

    def _stage_ids(self) -> list[int]:
        """Return the ids of all stages there are or were, in the pipeline's order."""
        deleted = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT stream_id FROM cqrs_event
                WHERE stream_model = 'crm.stage' ORDER BY 1
                """
            )
        )
        return [*dict.fromkeys([*stages(self.env), *(id_ for (id_,) in deleted)])]

    def _conversion(self, user, currency=None, fixed=()) -> Conversion:
        """Return the conversion for a user of the values of any time."""
        context = AnswerContext.of(self.env, user)
        own = own_currency(context)
        used = self._currencies() or (NONE,)
        currency = currency or own
        rates = rates_into(currency, {id_ or own.id for id_ in used}, context)
        today = {id_: rates[id_ or own.id][1] for id_ in used}
        return Conversion(currency, today | {id_: Decimal(rate) for id_, rate in fixed})

    def _currencies(self) -> tuple[int, ...]:
        """Return the ids of the currencies there ever were, maybe with ``NONE``."""
        relation = self.env["cqrs.opportunity.span"]._relation()
        unit = ORDERS["value"].unit
        # As many steps through the index of values as there are currencies.
        rows = self.env.execute_query(
            SQL(
                """
                WITH RECURSIVE used (id) AS (
                    (SELECT %(unit)s FROM %(spans)s span
                     WHERE type = 'opportunity' ORDER BY 1 LIMIT 1)
                    UNION ALL
                    SELECT (SELECT %(unit)s FROM %(spans)s span
                            WHERE type = 'opportunity' AND %(unit)s > used.id
                            ORDER BY 1 LIMIT 1)
                    FROM used WHERE used.id IS NOT NULL
                )
                SELECT id FROM used WHERE id IS NOT NULL
                """,
                unit=unit,
                spans=relation,
            )
        )
        return tuple(id_ for (id_,) in rows)

    def _page_rows(self, ids: list[int], user, as_of: AsOf) -> SQL:
        """Return the relation of some opportunities as they were.

        It has the columns of ``cqrs_opportunity_view`` that ``items`` reads.
        """
        found = states_at(self.env, "crm.lead", ids, as_of.moment)
        named = []
        for id_ in ids:
            state = found.get(id_)
            recorded = state and state.is_reached
            values = state.values if state else {}
            named.append(
                {
                    "id": id_,
                    "name": values.get("name") or "",
                    "partner_id": values.get("partner_id") if recorded else None,
                    "partner_name": values.get("partner_id.complete_name")
                    if recorded
                    else None,
                    "version": state.version if recorded else None,
                    "created_at": _time(values.get("create_date")),
                    "changed_at": state.changed_at.replace(tzinfo=None).isoformat()
                    if recorded
                    else None,
                }
            )
        viewers = self.env["cqrs.access"]._viewers(user)
        return SQL(
            """
            (SELECT view.id, named.name, view.value, view.currency_id, view.stage_id,
                    view.status, view.user_id, view.company_id, named.partner_id,
                    named.partner_name, named.version, view.probability, view.active,
                    view.team_id, view.closing_date, view.closed_at, named.created_at,
                    COALESCE(named.changed_at, view.since AT TIME ZONE 'UTC')
                        AS changed_at
             FROM jsonb_to_recordset(%(named)s::jsonb) AS named (
                 id integer, name text, partner_id integer, partner_name text,
                 version integer, created_at timestamp, changed_at timestamp)
             JOIN (%(opportunities)s) view
               ON view.id = named.id)
            """,
            named=json.dumps(named),
            opportunities=self._opportunities(viewers, as_of, ids),
        )


def gathered(
    rows: SQL, segment, order, descending: bool, bounds, limit: int | None
) -> SQL:
    """Return the query of key and id of the first rows of a segment, by a sort.

    :param limit: None for all of them
    """
    return SQL(
        """
        SELECT key::text, id FROM (
            SELECT %(key)s AS key, view.id
            FROM %(units)s CROSS JOIN (%(rows)s OFFSET 0) view
            WHERE %(condition)s
        ) place
        ORDER BY place.key %(direction)s, place.id %(direction)s LIMIT %(limit)s
        """,
        units=units(segment, order, bounds),
        key=_key(segment, order),
        rows=rows,
        condition=condition(segment, order, bounds),
        direction=SQL("DESC" if descending else "ASC"),
        limit=limit,
    )


def _walked(rows: SQL, segment, order, descending: bool, bounds, limit: int) -> SQL:
    """Return the query of key and id of the first rows of a segment, by an index."""
    direction = SQL("DESC" if descending else "ASC")
    return SQL(
        """
        SELECT place.key::text, place.id FROM %(units)s
        CROSS JOIN LATERAL (
            SELECT %(key)s AS key, view.id FROM (%(rows)s) view
            WHERE %(condition)s
            ORDER BY %(own_key)s view.id %(direction)s
            LIMIT %(limit)s
        ) place
        ORDER BY place.key %(direction)s, place.id %(direction)s LIMIT %(limit)s
        """,
        units=units(segment, order, bounds),
        key=_key(segment, order),
        # The planner would sort by a key of NULL, too.
        own_key=SQL()
        if segment.keys == (None,)
        else SQL("%s %s,", order.key, direction),
        rows=rows,
        condition=condition(segment, order, bounds),
        direction=direction,
        limit=limit,
    )


def _key(segment, order) -> SQL:
    return SQL("%s * unit.rate", order.key) if segment.rates else order.key


def _time(text: str | None) -> str | None:
    """Return a recorded time as the tables have it; None for one that is none."""
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (AttributeError, ValueError):
        return None
    return time.astimezone(timezone.utc).replace(tzinfo=None).isoformat()
