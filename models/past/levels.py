"""The sums at regular moments of the past, from which those of any moment are near.

``cqrs_past_level`` has the sums of all opportunities at each sixth hour, by company,
currency and stage, those at the end of each day by the month of closing (in UTC), and
those of each owner at the end of each week. The sums of a
moment are those of the nearest such one, with what changed between the two: two ranges
of the index of spans. A cron adds rows, for moments that are settled alone; a change of
the past (repairs, reconstruction) makes all of them anew, and until then the spans
themselves are added up.

An opportunity is overdue by the day of a zone, which at a moment is the day in UTC, the
one before it or the one after it. So what is expected to close on the day in UTC, and
on the one before, has sums of its own. A week has days that are further away: what was
expected to close on these is found by an index.
"""

from datetime import date, datetime, timedelta, timezone
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..metrics.span_rows import COUNTS, SPAN_MEASURES
from ..projections.metrics_tables import AMOUNTS, MEASURES
from ..projections.table import each
from ..support.answer_context import known_while_reading
from ..support.transactions import committed

LEVELS = "cqrs_past_level"
STATE = "cqrs_past_level_state"
LAST_IDS = "cqrs_past_last_id"

#: Pending opportunities that are to close on a day, overdue ones, those that are to
#: close on the day in UTC, and on the day before it
_DATED = ("dated", "overdue", "on_day", "day_before")
DATED = tuple(f"{name}_{of}" for name in _DATED for of in ("count", "value"))
SUMMED = (*MEASURES, *COUNTS, *DATED)

_ORIGIN = datetime(2001, 1, 1, tzinfo=timezone.utc)


class Grain(NamedTuple):
    """The moments of one dimension.

    :ivar stride: from one to the next
    :ivar key: columns of a row
    """

    dimension: str
    stride: timedelta
    key: tuple[str, ...]

    def nearest(self, moment: datetime, until: datetime) -> datetime:
        """Return the moment nearest to another one, of those until a last one.

        >>> hours = Grain("all", timedelta(hours=6), ())
        >>> late = datetime(2026, 3, 1, 11, tzinfo=timezone.utc)
        >>> hours.nearest(late, late + timedelta(days=1)).hour
        12
        >>> hours.nearest(late, late).hour
        6
        """
        return min(self.before(moment + self.stride / 2), self.before(until))

    @property
    def seconds(self) -> int:
        return int(self.stride.total_seconds())

    def before(self, moment: datetime) -> datetime:
        return moment - (moment - _ORIGIN) % self.stride


GRAINS = {
    "all": Grain("all", timedelta(hours=6), ("company_id", "currency_id", "stage_id")),
    "month": Grain("month", timedelta(days=1), ("company_id", "currency_id", "month")),
    "owner": Grain(
        "owner",
        timedelta(days=7),
        ("user_id", "team_id", "company_id", "currency_id"),
    ),
}
_KEYS = ("user_id", "team_id", "company_id", "currency_id", "stage_id", "month")

#: The expression of the month in which an opportunity closes, or has closed
MONTH = SQL(
    "date_trunc('month', CASE status WHEN 'pending' THEN closing_date::timestamp"
    " ELSE closed_at END)::date"
)


def _type(name: str) -> str:
    if name == "month":
        return "date"
    return "numeric" if name in AMOUNTS or name.endswith("_value") else "integer"


def span_measures(today: date) -> SQL:
    """Return the columns of the measures, counts and dates of spans with a ``sign``.

    :param today: the day by which they are overdue
    """
    dated = SQL("active AND status = 'pending' AND closing_date IS NOT NULL")
    late = SQL("%s AND closing_date < %s", dated, today)
    return SQL(
        """
        %s,
        CASE WHEN %s THEN sign ELSE 0 END AS dated_count,
        CASE WHEN %s THEN sign * value ELSE 0 END AS dated_value,
        CASE WHEN %s THEN sign ELSE 0 END AS overdue_count,
        CASE WHEN %s THEN sign * value ELSE 0 END AS overdue_value
        """,
        *(SPAN_MEASURES, dated, dated, late, late),
    )


def level_rows(grain: Grain, moment: datetime, today: date, seen: SQL) -> SQL:
    """Return the query of the rows of a moment.

    :param today: the day by which opportunities are overdue; if it is further than one
        from the moment's day, ``late_rows`` correct that
    :param seen: the condition on a row ``span``
    """
    # The day in UTC is over where it is tomorrow, and yesterday is not where it is.
    late = {1: " + on_day_{0}", -1: " - day_before_{0}"}.get(_days(moment, today), "")
    overdue = SQL(
        ", ".join(
            f"overdue_{of}{late.format(of)} AS overdue_{of}"
            for of in ("count", "value")
        )
    )
    return SQL(
        """
        SELECT user_id, team_id, company_id, currency_id, stage_id, month, %s, %s,
               dated_count, dated_value, %s
        FROM %s span WHERE dimension = %s AND moment = %s AND %s
        """,
        each("{}", MEASURES),
        each("{}", COUNTS),
        overdue,
        SQL.identifier(LEVELS),
        grain.dimension,
        moment,
        seen,
    )


def late_rows(relation: SQL, moment: datetime, today: date, seen: SQL) -> SQL | None:
    """Return the query of what makes the overdue of a moment those by another day.

    :param relation: the spans
    :return: None where ``level_rows`` have them
    """
    count = _days(moment, today)
    if abs(count) < 2:
        return None
    first = min(_day(moment), today)
    return SQL(
        """
        SELECT user_id, team_id, company_id, currency_id, stage_id, %s AS month, %s,
               0 AS dated_count, 0::numeric AS dated_value,
               %s AS overdue_count, %s * value AS overdue_value
        FROM %s span
        WHERE closing_date = ANY(%s) AND active AND status = 'pending'
          AND type = 'opportunity' AND since <= %s AND until > %s AND %s
        """,
        MONTH,
        each("0 AS {}", (*MEASURES, *COUNTS)),
        *[1 if count > 0 else -1] * 2,
        relation,
        [first + timedelta(days=n) for n in range(abs(count))],
        *[moment] * 2,
        seen,
    )


def _days(moment: datetime, today: date) -> int:
    return (today - _day(moment)).days


def _day(moment: datetime) -> date:
    return moment.astimezone(timezone.utc).date()


def change_rows(
    relation: SQL, start: datetime, end: datetime, today: date, seen: SQL
) -> SQL:
    """Return the query of what changed between two moments, forward or backward.

    :param relation: the spans
    :param seen: the condition on a row ``span``
    """
    forward = 1 if start < end else -1
    first, last = sorted((start, end))
    parts = [
        SQL(
            f"SELECT {sign} AS sign, span.* FROM %s span"
            f" WHERE span.{column} > %s AND span.{column} <= %s"
            " AND span.type = 'opportunity' AND %s",
            relation,
            first,
            last,
            seen,
        )
        for column, sign in (("since", forward), ("until", -forward))
    ]
    return SQL(
        """
        SELECT user_id, team_id, company_id, currency_id, stage_id, %s AS month, %s
        FROM (%s) span
        """,
        MONTH,
        span_measures(today),
        SQL(" UNION ALL ").join(parts),
    )


class CqrsLevels(models.AbstractModel):
    """Sums at moments of a followed projection, which hold for one version of it.

    ``_cqrs_state`` names the table with that version and the moment until which there
    are rows, in one row.
    """

    _name = "cqrs.levels"
    _description = "Levels of a Followed Projection"

    _cqrs_made_of = ""
    _cqrs_state = ""

    @api.model
    def _filled_until(self) -> datetime | None:
        """Return the moment until which there are rows that hold; None for none."""

        def ask():
            rows = self.env.execute_query(
                SQL(
                    "SELECT upto FROM %s WHERE version = %s",
                    SQL.identifier(self._cqrs_state),
                    self._version(),
                )
            )
            return rows[0][0] if rows else None

        return known_while_reading(self.env, ("filled until", self._name), ask)

    def _version(self) -> str | None:
        return self.env[self._cqrs_made_of]._version()

    def _settled_until(self) -> datetime | None:
        """Return the moment until which the projection is settled and followed."""
        rows = self.env.execute_query(
            SQL(
                "SELECT settled_upto FROM %s WHERE filled_upto IS NULL",
                SQL.identifier(self.env[self._cqrs_made_of]._checkpoint),
            )
        )
        return rows[0][0] if rows else None

    def _lock_filled(self, version: str, tables: tuple[str, ...]) -> datetime | None:
        """Return the moment until which there are rows of a version.

        Rows of another version are deleted from the tables, and None is returned. Of
        two who fill, the later one fails and runs again.
        """
        self.env.cr.execute(
            SQL(
                "SELECT version, upto FROM %s FOR UPDATE",
                SQL.identifier(self._cqrs_state),
            )
        )
        found = self.env.cr.fetchone()
        if found and found[0] == version:
            return found[1]
        for table in tables:
            self.env.cr.execute(SQL("DELETE FROM %s", SQL.identifier(table)))
        return None

    def _note_filled(self, version: str, upto: datetime):
        state = SQL.identifier(self._cqrs_state)
        self.env.cr.execute(SQL("DELETE FROM %s", state))
        self.env.cr.execute(
            SQL("INSERT INTO %s (version, upto) VALUES (%s, %s)", state, version, upto)
        )


class CqrsPastLevels(models.AbstractModel):
    """Keeps the sums at regular moments of the past."""

    _name = "cqrs.past.levels"
    _inherit = "cqrs.levels"
    _description = "Levels of the Past"

    _cqrs_made_of = "cqrs.opportunity.span"
    _cqrs_state = STATE

    def init(self):
        columns = [f"{name} {_type(name)}" for name in _KEYS]
        columns += [f"{name} {_type(name)} NOT NULL" for name in SUMMED]
        self.env.cr.execute(
            SQL(
                f"""
                CREATE TABLE IF NOT EXISTS {LEVELS} (
                    moment timestamptz NOT NULL, dimension text COLLATE "C" NOT NULL,
                    {", ".join(columns)});
                CREATE INDEX IF NOT EXISTS {LEVELS}_key
                    ON {LEVELS} (dimension, moment, user_id);
                CREATE TABLE IF NOT EXISTS {STATE} (
                    version text NOT NULL, upto timestamptz NOT NULL);
                CREATE TABLE IF NOT EXISTS {LAST_IDS} (
                    moment timestamptz PRIMARY KEY, last_id integer NOT NULL)
                """
            )
        )

    @api.model
    def _last_id(self, moment: datetime) -> int | None:
        """Return an id that no opportunity exceeds which was there at a moment.

        None: it is not known. In the order of ids an opportunity that came later need
        not be looked at.
        """
        query = self._last_id_query(moment)
        rows = query and self.env.execute_query(query)
        return rows[0][0] if rows else None

    @api.model
    def _last_id_query(self, moment: datetime) -> SQL | None:
        """Return the query of ``_last_id``, with no row where it is not known."""
        if self._filled_until() is None:
            return None
        return SQL(
            "SELECT last_id FROM %s WHERE moment >= %s ORDER BY moment LIMIT 1",
            SQL.identifier(LAST_IDS),
            moment,
        )

    @api.model
    def _fill(self):
        """Add the rows of the moments that are settled, and of the flow's; commits."""
        committed(self.env, self._fill_settled)
        self.env["cqrs.flow.levels"]._fill()

    def _fill_settled(self) -> bool:
        """Add the rows of the settled moments; return whether there were any."""
        version, upto = self._version(), self._settled_until()
        if version is None or upto is None:
            return False
        filled = self._lock_filled(version, (LEVELS, LAST_IDS))
        if filled is not None and filled >= upto:
            return False
        for grain in GRAINS.values():
            last = filled and grain.before(filled)
            if last is None or grain.before(upto) > last:
                self.env.cr.execute(self._insert(grain, last, grain.before(upto)))
        self._insert_last_ids(upto)
        self._note_filled(version, upto)
        return True

    def _insert(self, grain: Grain, last: datetime | None, upto: datetime) -> SQL:
        """Return the statement that adds the rows of moments.

        :param last: the last moment that has rows; None for no moment
        :param upto: the last moment that is to have them
        """
        key = each("{}", grain.key)
        held = SQL()
        if last:
            held = SQL(
                "UNION ALL SELECT moment, %s, %s FROM %s"
                " WHERE dimension = %s AND moment = %s",
                key,
                each("{}", SUMMED),
                SQL.identifier(LEVELS),
                grain.dimension,
                last,
            )
        return SQL(
            """
            WITH change AS MATERIALIZED (
                SELECT moment, %(key)s, %(sums)s
                FROM (%(changes)s %(held)s) change
                GROUP BY moment, %(key)s
            ),
            known AS (SELECT %(key)s, min(moment) AS first FROM change GROUP BY %(key)s)
            INSERT INTO %(table)s (dimension, moment, %(key)s, %(names)s)
            SELECT %(dimension)s, moment, %(key)s, %(names)s
            FROM (
                SELECT known.moment, %(known_key)s, %(cumulative)s
                FROM (SELECT %(key)s, generate_series(
                          first, %(upto)s, %(stride)s) AS moment
                      FROM known) known
                LEFT JOIN change ON change.moment = known.moment AND %(same)s
                WINDOW so_far AS (PARTITION BY %(known_key)s ORDER BY known.moment)
            ) level
            WHERE moment > %(last)s AND (%(names)s) <> (%(zeros)s)
            """,
            key=key,
            known_key=each("known.{}", grain.key),
            same=SQL(" AND ").join(
                # IS NOT DISTINCT FROM cannot be hashed.
                SQL(f"COALESCE(change.{name}, {none}) = COALESCE(known.{name}, {none})")
                for name in grain.key
                for none in ["'infinity'" if name == "month" else "0"]
            ),
            sums=each("sum({0}) AS {0}", SUMMED),
            cumulative=each("COALESCE(sum({0}) OVER so_far, 0) AS {0}", SUMMED),
            names=each("{}", SUMMED),
            zeros=each("0", SUMMED),
            changes=self._changes(grain, last, upto),
            held=held,
            table=SQL.identifier(LEVELS),
            dimension=grain.dimension,
            upto=upto,
            last=last or "-infinity",
            # Days would be those of the session's zone.
            stride=SQL("%s * interval '1 second'", grain.seconds),
        )

    def _insert_last_ids(self, upto: datetime):
        """Add the greatest id until the end of each settled day."""
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO %(table)s (moment, last_id)
                SELECT day.moment,
                       greatest(max(last_id) OVER (ORDER BY day.moment), known)
                FROM (
                    SELECT date_trunc('day', since, 'UTC') + interval '24 hours'
                               AS moment,
                           max(opportunity_id) AS last_id
                    FROM cqrs_opportunity_span, %(last)s
                    WHERE since >= last.moment GROUP BY 1
                ) day, %(last)s
                WHERE day.moment <= %(upto)s
                """,
                table=SQL.identifier(LAST_IDS),
                last=SQL(
                    "(SELECT COALESCE(max(moment), '-infinity'),"
                    " COALESCE(max(last_id), 0) FROM %s) last (moment, known)",
                    SQL.identifier(LAST_IDS),
                ),
                upto=upto,
            )
        )

    def _changes(self, grain: Grain, last: datetime | None, upto: datetime) -> SQL:
        """Return the query of what each span adds at a moment, and takes at another."""
        pending = "active AND status = 'pending'"
        dated = SQL(
            ", ".join(
                f"CASE WHEN kind = {kind} AND {pending} AND closing_date IS NOT NULL"
                f" THEN edge_sign ELSE 0 END AS {name}_count,"
                f" CASE WHEN kind = {kind} AND {pending} AND closing_date IS NOT NULL"
                f" THEN edge_sign * value ELSE 0 END AS {name}_value"
                for kind, name in enumerate(_DATED, 1)
            )
        )
        return SQL(
            """
            SELECT moment, %(key)s, %(measures)s, %(dated)s
            FROM (
                SELECT to_timestamp(%(origin)s + %(seconds)s * ceil(
                           (extract(epoch FROM at) - %(origin)s) / %(seconds)s)
                       ) AS moment, %(month)s AS month,
                       kind, edge.sign AS edge_sign, span.*,
                       CASE kind WHEN 1 THEN edge.sign ELSE 0 END AS sign
                FROM %(spans)s span
                CROSS JOIN LATERAL (
                    SELECT (closing_date::timestamp AT TIME ZONE 'UTC') AS day
                ) closing
                CROSS JOIN LATERAL (VALUES
                    (1, since, until),
                    (2, greatest(since, day + interval '24 hours'), until),
                    (3, greatest(since, day), least(until, day + interval '24 hours')),
                    (4, greatest(since, day + interval '24 hours'),
                        least(until, day + interval '48 hours'))
                ) part (kind, start, "end")
                CROSS JOIN LATERAL (VALUES (1, start), (-1, "end")) edge (sign, at)
                WHERE type = 'opportunity' AND until > %(last)s
                  AND (kind = 1 OR closing_date IS NOT NULL AND active
                       AND status = 'pending')
                  AND start < "end" AND at > %(last)s AND at <= %(upto)s
            ) change
            """,
            key=each("{}", grain.key),
            # Without what is left out of the read models.
            spans=self.env[self._cqrs_made_of]._relation_until(upto),
            month=MONTH,
            seconds=grain.seconds,
            origin=int(_ORIGIN.timestamp()),
            measures=SPAN_MEASURES,
            dated=dated,
            last=last or "-infinity",
            upto=upto,
        )
