"""The metrics as of a moment of the past."""

from datetime import datetime
from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from ..access import policy
from ..metrics.dated import by_currency
from ..metrics.figures import SUMMED, added, exact, exactly, place_of, without
from ..metrics.group_pages import Page
from ..metrics.groupings import GROUPINGS, are_many
from ..metrics.ranges import Range, boundaries, edges, found_in, naive, rest
from ..metrics.reader import Found, Question, check_groups
from ..metrics.sums import sums_of
from ..opportunities.filters import Filters
from ..projections.metrics_tables import MEASURES
from ..projections.table import each
from ..support.answer_context import without_jit
from ..support.periods import Calendar, Period, midnight, month_of
from ..support.process_cache import VersionedCache
from .as_of import AsOf
from .levels import COUNTS, GRAINS, change_rows, late_rows, level_rows, span_measures
from .windows import Scope

#: The sums of settled moments
SUMS = VersionedCache("sums of the past", size=512)

#: Measures of the opportunities that are to close on a day, and of overdue ones
_DATES = ("dated_count", "dated_value", "overdue_count", "overdue_value")

_ALL = (*SUMMED, *COUNTS, *(f"{own}{name}" for own in ("", "own_") for name in _DATES))

# The conditions on a row ``span`` that it closes in a row ``range``
_CLOSED_IN = SQL(
    "closed_at >= range.start AND closed_at < range.end AND status IN ('won', 'lost')"
)
_EXPECTED_IN = SQL(
    "closing_date >= range.start::date AND closing_date < range.end::date"
    " AND status = 'pending' AND active"
)

#: The groupings that spans have the columns of
BY = ("stage", "salesperson", "month", "team")

#: Figures that need the probability or the closing date: not known where an
#: opportunity behind them is reconstructed
_UNKNOWN = ("weighted_pipeline", "due", "overdue")
#: The same where they are asked for in a period
_UNKNOWN_IN_PERIOD = ("pipeline_value", "average_value", "active_opportunities")


class CqrsPast(models.AbstractModel):
    _inherit = "cqrs.past"

    @api.model
    @exactly()
    def _read_metrics(
        self,
        user,
        as_of: AsOf,
        by: tuple[str, ...] = (),
        company_ids: tuple[int, ...] | None = None,
        target_currency=None,
        page: Page | None = None,
        calendar: Calendar | None = None,
        period: Period | None = None,
        scope: Scope | None = None,
    ) -> dict:
        """Return the metrics as of a moment, as ``cqrs.metrics`` has those of now.

        Amounts are converted at today's rates. Figures that need what was not tracked
        are None where one of the opportunities behind them is reconstructed.

        :param by: names of ``BY``, two at most
        :param calendar: of who asks
        :param period: in which the opportunities close, as of then
        :param scope: without ``closing``: what is in it as of then; None for all
        :return: the shape of ``cqrs.metrics``, and ``as_of``, ``settled``,
            ``recorded_since`` and ``reconstructed``
        """
        check_groups(by, page)
        if not set(by) <= set(BY):
            raise ValueError(f"metrics of the past by {','.join(by)!r}")
        if page is None and are_many(by):
            page = Page()
        calendar = calendar or Calendar()
        closes = period or Period(zone=calendar.zone)
        metrics = self.env["cqrs.metrics"]
        asked = metrics._asked(user, company_ids)
        column = GROUPINGS[by[0]].column if by and not page else None
        within = scope and scope.holds(SQL("view"))
        rows, dated, counts = self._sums(asked, as_of, column, closes, within)
        if period and period.is_bounded:
            dated["before"] = self._closed_before(
                asked, as_of, calendar, period, within
            )
        answer = metrics._metrics(
            Question(user, by, page, target_currency, calendar, period),
            asked,
            Found(
                rows,
                dated,
                has_groups=column is not None,
                rows_by=lambda: self._rows(asked, as_of, closes, None, within),
                now=as_of.moment,
            ),
        )
        if counts["unknown"]:
            names = (*_UNKNOWN, *(_UNKNOWN_IN_PERIOD if period else ()))
            answer = without(answer, names)
        count, reconstructed = counts["opportunities"], counts["reconstructed"]
        return {**answer, **self._facts(as_of, count, reconstructed)}

    @api.model
    @exactly()
    def _read_people(
        self,
        user,
        person_ids: list[int],
        company_ids: tuple[int, ...] | None,
        target_currency,
        owners: dict,
        as_of: AsOf,
    ) -> dict[int, dict]:
        """Return the figures of people, as ``cqrs.metrics._read_people`` those of now.

        Who is below a person is so today.
        """
        without_jit(self.env)
        metrics = self.env["cqrs.metrics"]
        asked = metrics._asked(user, company_ids)
        rows = added(
            metrics._sum_people(
                self._rows(asked, as_of, Period()), metrics._below(person_ids, owners)
            ),
            asked["currency"],
        )
        people = metrics._figures_of_people(user, person_ids, rows, target_currency)
        return (
            without(people, _UNKNOWN)
            if self._read_counts(user, as_of, company_ids)["unknown"]
            else people
        )

    @api.model
    def _read_counts(self, user, as_of: AsOf, company_ids=None) -> dict[str, int]:
        """Return how many opportunities the user sees as of a moment, by ``COUNTS``."""
        asked = self.env["cqrs.metrics"]._asked(user, company_ids)
        return self._sums(asked, as_of, None, Period())[2]

    def _sums(
        self,
        asked: dict,
        as_of: AsOf,
        column: str | None,
        closes: Period,
        within: SQL | None = None,
    ):
        """Return the sums as ``_sums`` and ``_dated`` have those of now.

        A process keeps those of a settled moment.

        :param within: of these alone, a condition on a row of ``_rows``
        :return: rows, due and overdue sums, and how many opportunities there are: all,
            reconstructed ones, and pending ones of these
        """

        def make():
            found = self._found(asked, as_of, column, closes, within=within)
            wholes = [row for row in found if not row["is_group"]]
            counts = {name: sum(row[name] for row in wholes) for name in COUNTS}
            dated = {
                name: {row["currency_id"]: _of_dates(row, name) for row in wholes}
                for name in ("due", "overdue")
            }
            return added(found), dated, counts

        if within is not None:
            return make()
        version = None
        spans = self.env["cqrs.opportunity.span"]
        if spans._is_settled(as_of.moment):
            version = self.env["cqrs.metrics"]._version_of_spans(
                asked["viewers"], as_of.hierarchy_at
            )
        names = ("own_id", "currency", "company_ids")
        key = as_of, column, closes, *map(asked.get, names)
        rows, dated, counts = SUMS.get(self.env, version, key, make)
        return rows, {**dated}, counts

    def _found(
        self,
        asked: dict,
        as_of: AsOf,
        column: str | None,
        closes: Period,
        closed_before: datetime | None = None,
        within: SQL | None = None,
    ) -> list[dict]:
        """Return the sums in each currency, over all and of each group.

        Rows are those of ``cqrs.metrics``, and have the sums of ``COUNTS`` and of
        ``_DATES``, too.

        :param closed_before: only what was closed in the period and before this moment
            is known to be right
        """
        found, has_owners = None, False
        if within is None:
            found, has_owners = self._near_levels(
                asked, as_of, column, closes, closed_before
            )
        if found is None:
            rows = self._rows(asked, as_of, closes, closed_before, within)
            return self._added_up(asked, column, rows)
        if not has_owners:
            own = SQL("user_id = %s", asked["own_id"])
            rows = self._rows(asked, as_of, closes, closed_before, own)
            owned = {place_of(row): row for row in self._added_up(asked, column, rows)}
            for row in found:
                # What has changed since the level tells owners, too: no row is nothing.
                own_sums = owned.get(place_of(row), {})
                names = (*MEASURES, *_DATES)
                row |= {f"own_{name}": own_sums.get(name, 0) for name in names}
        return found

    def _near_levels(
        self,
        asked: dict,
        as_of: AsOf,
        column: str | None,
        closes: Period,
        closed_before,
    ) -> tuple[list[dict] | None, bool]:
        """Return the sums by the nearest levels, and whether they tell the own ones.

        :return: None for the sums where no levels are kept
        """
        is_of_months = column == "month" or not closes.is_any_time
        if policy.see_everything(asked["viewers"]) and column in (None, "month"):
            grain = GRAINS["month" if is_of_months else "all"]
        elif policy.see_everything(asked["viewers"]) and column == "stage_id":
            grain = GRAINS["all"]
        elif column in (None, "user_id", "team_id"):
            grain = GRAINS["owner"]
        else:
            return None, False
        if is_of_months and grain.dimension != "month":
            return None, False
        until = self.env["cqrs.past.levels"]._filled_until()
        moment = until and grain.nearest(as_of.moment, until)
        if moment is None or abs(moment - as_of.moment) > 2 * grain.stride:
            return None, False
        seen, span = SQL("TRUE"), SQL("span")
        if asked["company_ids"] is not None:
            seen = policy.in_companies(asked["company_ids"], span)
        seen = SQL("%s AND %s", seen, self._seen(asked["viewers"], as_of, span))
        if grain.dimension == "month":
            return self._of_months(
                asked, as_of, column, closes, closed_before, moment, seen
            ), False
        rows = self._level_rows(grain, moment, as_of, seen)
        return self._added_up(asked, column, rows), grain.dimension == "owner"

    def _level_rows(self, grain, moment: datetime, as_of: AsOf, seen: SQL) -> SQL:
        """Return the query of the rows of a level and of what changed since."""
        relation, today = self.env["cqrs.opportunity.span"]._relation(), as_of.today
        parts = [
            level_rows(grain, moment, today, seen),
            late_rows(relation, moment, today, seen),
            change_rows(relation, moment, as_of.moment, today, seen),
        ]
        return SQL(" UNION ALL ").join(filter(None, parts))

    def _of_months(
        self, asked, as_of, column, closes: Period, closed_before, moment, seen
    ) -> list[dict]:
        """Return the sums of a period by the level of its whole months in UTC.

        What closed between the midnights of UTC and of the zone, and on the days that
        are no whole month, is added up of spans.
        """
        last = []
        if closed_before:
            day = closed_before.astimezone(closes.zone).date()
            closes = Period(closes.first, day, closes.zone)
            start = midnight(day, closes.zone)
            last = [Range(naive(start), naive(closed_before), 1, month_of(day))]
        found, bounds = [], set()
        if closes.whole_months:
            first, until = closes.whole_months
            rows = SQL(
                "SELECT * FROM (%s) level WHERE %s AND %s",
                self._level_rows(GRAINS["month"], moment, as_of, seen),
                SQL("month >= %s", first) if first else SQL("TRUE"),
                SQL("month < %s", until) if until else SQL("TRUE"),
            )
            found = self._added_up(asked, column, rows)
            bounds = {first, until} - {None}
            if column:
                bounds |= boundaries(
                    row["group"]
                    for row in found
                    if row["group"] and (row["won"] or row["lost"])
                )
            last += edges(sorted(bounds), closes)
        ranges = [r for r in (*rest(closes), *last) if r.start < r.end]
        if not ranges:
            return found
        rows = self._rows_in(ranges, as_of, seen)
        return _merged([*found, *self._added_up(asked, column, rows)])

    def _rows_in(self, ranges: list[Range], as_of: AsOf, seen: SQL) -> SQL:
        """Return the query of the opportunities of a moment that close in ranges."""
        parts = []
        for is_pending, condition in ((False, _CLOSED_IN), (True, _EXPECTED_IN)):
            some = [each for each in ranges if each.is_pending == is_pending]
            if some:
                found = found_in(
                    some,
                    self.env["cqrs.opportunity.span"]._relation(),
                    SQL("span"),
                    condition,
                    as_of.holds(SQL("span")),
                    SQL("span.type = 'opportunity'"),
                    seen,
                )
                parts.append(
                    SQL("SELECT range.sign, range.month, span.* FROM %s", found)
                )
        return SQL(
            """
            SELECT user_id, team_id, company_id, currency_id, stage_id, month, %s
            FROM (%s) span
            """,
            span_measures(as_of.today),
            SQL(" UNION ALL ").join(parts),
        )

    def _added_up(self, asked: dict, column: str | None, rows: SQL) -> list[dict]:
        without_jit(self.env)
        grouped = SQL.identifier(column) if column else SQL("NULL")
        own = SQL("user_id = %s", asked["own_id"])
        self.env.cr.execute(
            SQL(
                """
                SELECT COALESCE(currency_id, %(currency)s) AS currency_id,
                       %(is_group)s AS is_group, %(group)s AS "group", %(sums)s,
                       %(dates)s, %(counts)s
                FROM (%(rows)s) metrics
                GROUP BY 1 %(sets)s
                """,
                currency=asked["currency"].id,
                is_group=SQL("GROUPING(%s) = 0", grouped) if column else SQL("FALSE"),
                group=grouped,
                sums=sums_of(own),
                dates=SQL(", ").join(_sum_of(name, own) for name in _DATES),
                counts=each("sum({0})::integer AS {0}", COUNTS),
                rows=rows,
                sets=SQL(", GROUPING SETS ((), (%s))", grouped) if column else SQL(),
            )
        )
        found = exact(self.env.cr.dictfetchall())
        for row in found:
            for name in ("dated_value", "overdue_value"):
                for whose in ("", "own_"):
                    row[whose + name] = Decimal(row[whose + name])
        return found

    def _closed_before(
        self, asked: dict, as_of: AsOf, calendar, period: Period, within: SQL | None
    ):
        """Return the sums closed in as much of the period before as had passed."""
        before, until = calendar.part_before(period, as_of.moment)
        return by_currency(
            added(
                self._found(asked, as_of, None, before, until, within),
                asked["currency"],
            )
        )

    def _rows(
        self,
        asked: dict,
        as_of: AsOf,
        closes: Period,
        closed_before: datetime | None = None,
        condition: SQL | None = None,
    ) -> SQL:
        """Return the query of the opportunities of a moment, with their measures.

        It gives the columns of ``KEY`` and ``MEASURES``, ``closed_at``, and those of
        ``COUNTS`` and ``_DATES``.

        :param closes: the period in which they close, of the months' zone
        :param closed_before: only what has been closed before this moment
        :param condition: of those to take, on a row of the past
        """
        conditions = [SQL("(active OR status <> 'pending')"), condition or SQL("TRUE")]
        if not closes.is_any_time:
            conditions.append(Filters(closes=closes, archived=None).condition())
        if closed_before:
            conditions.append(
                SQL("status <> 'pending' AND closed_at < %s", naive(closed_before))
            )
        if asked["company_ids"] is not None:
            conditions.append(policy.in_companies(asked["company_ids"], SQL("view")))
        return SQL(
            """
            SELECT user_id, team_id, company_id, currency_id, stage_id, closed_at,
                   date_trunc('month', CASE status
                       WHEN 'pending' THEN closing_date::timestamp
                       ELSE closed_at AT TIME ZONE 'UTC' AT TIME ZONE %(zone)s
                   END)::date AS month,
                   %(measures)s
            FROM (SELECT *, 1 AS sign FROM (%(opportunities)s) view) view
            WHERE %(conditions)s
            """,
            zone=closes.zone.key,
            measures=span_measures(as_of.today),
            opportunities=self._opportunities(asked["viewers"], as_of),
            conditions=SQL(" AND ").join(conditions),
        )


def _merged(rows: list[dict]) -> list[dict]:
    """Return the sums of rows of the same currency and group."""
    merged = {}
    for row in rows:
        known = merged.get(place_of(row))
        if known is not None:
            row = known | {name: known[name] + row[name] for name in _ALL}
        merged[place_of(row)] = row
    return [*merged.values()]


def _of_dates(row: dict, name: str) -> dict:
    """Return the sums of what is due, or overdue, of the sums of all."""
    sums = dict.fromkeys(SUMMED, 0)
    for whose in ("", "own_"):
        for measure, of in (("active", "count"), ("pipeline_value", "value")):
            late = row[f"{whose}overdue_{of}"]
            is_due = name == "due"
            sums[whose + measure] = row[f"{whose}dated_{of}"] - late if is_due else late
    return sums


def _sum_of(name: str, own: SQL) -> SQL:
    # Odoo's cursor turns numeric into float, and leaves text alone.
    type_ = SQL("text" if name.endswith("_value") else "integer")
    return SQL(
        """
        COALESCE(sum(%(name)s), 0)::%(type)s AS %(name)s,
        COALESCE(sum(%(name)s) FILTER (WHERE %(own)s), 0)::%(type)s AS %(own_name)s
        """,
        name=SQL.identifier(name),
        own_name=SQL.identifier(f"own_{name}"),
        own=own,
        type=type_,
    )
