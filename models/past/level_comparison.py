"""Levels compared with what they are sums of, at some moments.

Levels are sums of sums: those of a moment are made of the last ones that there were, so
the last moment has whatever was wrong before it. Some earlier moments are drawn, for
what was altered there alone. Each is added up by the definition of a moment, not as
levels are filled, one change after another.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..projections.table import each
from . import flow_levels, levels
from .flow_figures import ENDING
from .flow_levels import TENTHS
from .levels import GRAINS, SUMMED, Grain

#: Moments of each kind that a comparison draws, beside the last one
DRAWN = 2


class Drift(NamedTuple):
    """A moment whose sums are wrong.

    :ivar table: of the sums
    :ivar rows: that are wrong, missing or too many
    """

    table: str
    moment: datetime
    rows: int


class CqrsLevels(models.AbstractModel):
    _inherit = "cqrs.levels"

    @api.model
    def _drifts(self, seed: int | None = None) -> Iterator[Drift]:
        """Find the sums that are wrong at the last moment, and at some drawn ones.

        *What it costs*: of each moment one pass over the spans of the moment, or over
        the moves until then.
        """
        upto = self._filled_until()
        if upto is None:
            return
        for table, moment, held, expected in self._compared(upto, Random(seed)):
            [(rows,)] = self.env.execute_query(
                SQL(
                    """
                    WITH held AS MATERIALIZED (%s), expected AS MATERIALIZED (%s)
                    SELECT GREATEST(
                        (SELECT count(*) FROM (TABLE held EXCEPT ALL TABLE expected) _),
                        (SELECT count(*) FROM (TABLE expected EXCEPT ALL TABLE held) _))
                    """,
                    held,
                    expected,
                )
            )
            if rows:
                yield Drift(table, moment, rows)

    def _compared(
        self, upto: datetime, draw: Random
    ) -> Iterator[tuple[str, datetime, SQL, SQL]]:
        """Yield what is compared: a table, a moment, its rows, and those expected."""
        raise NotImplementedError


def _moments(grain: Grain, first: datetime, upto: datetime, draw: Random) -> set:
    """Return the last moment until another one, and some drawn ones.

    >>> from datetime import timezone
    >>> first = datetime(2026, 1, 1, tzinfo=timezone.utc)
    >>> days = Grain("day", timedelta(days=1), ())
    >>> upto = first + timedelta(days=2, hours=3)
    >>> max(_moments(days, first, upto, Random(1))).day
    3
    """
    moments = [upto, *(first + draw.random() * (upto - first) for _ in range(DRAWN))]
    return {grain.before(moment) for moment in moments}


class CqrsPastLevels(models.AbstractModel):
    _inherit = "cqrs.past.levels"

    def _compared(self, upto, draw):
        [(first, last_id_at)] = self.env.execute_query(
            SQL(
                "SELECT (SELECT min(moment) FROM %s WHERE dimension = 'all'),"
                " (SELECT max(moment) FROM %s WHERE moment <= %s)",
                SQL.identifier(levels.LEVELS),
                SQL.identifier(levels.LAST_IDS),
                upto,
            )
        )
        for grain in GRAINS.values():
            for moment in _moments(grain, first or upto, upto, draw):
                held = SQL(
                    "SELECT %s, %s FROM %s WHERE dimension = %s AND moment = %s",
                    each("{}", grain.key),
                    each("{}", SUMMED),
                    SQL.identifier(levels.LEVELS),
                    grain.dimension,
                    moment,
                )
                spans = self.env[self._cqrs_made_of]._relation_until(moment)
                yield levels.LEVELS, moment, held, _sums_of(grain, moment, spans)
        if last_id_at:
            yield (
                levels.LAST_IDS,
                last_id_at,
                SQL(
                    "SELECT last_id FROM cqrs_past_last_id WHERE moment = %s",
                    last_id_at,
                ),
                SQL(
                    "SELECT max(opportunity_id) FROM cqrs_opportunity_span"
                    " WHERE since < %s",
                    last_id_at,
                ),
            )


def _sums_of(grain: Grain, moment: datetime, spans: SQL) -> SQL:
    """Return the query of the rows of a moment, added up of spans.

    :param spans: the relation of these
    """
    day = moment.date()
    on_days = SQL(", ").join(
        SQL(
            f"CASE WHEN active AND status = 'pending' AND closing_date = %s"
            f" THEN {what} ELSE 0 END AS {name}_{of}",
            closing,
        )
        for name, closing in (
            ("on_day", day),
            ("day_before", day - timedelta(days=1)),
        )
        for of, what in (("count", "1"), ("value", "value"))
    )
    return SQL(
        """
        SELECT %(key)s, %(sums)s
        FROM (
            SELECT %(month)s AS month, %(keys)s, %(measures)s, %(on_days)s
            FROM (SELECT *, 1 AS sign FROM %(spans)s kept) span
            WHERE type = 'opportunity' AND since <= %(moment)s AND until > %(moment)s
        ) span
        GROUP BY %(key)s
        HAVING (%(sums)s) <> (%(zeros)s)
        """,
        key=each("{}", grain.key),
        spans=spans,
        keys=SQL("user_id, team_id, company_id, currency_id, stage_id"),
        month=levels.MONTH,
        sums=each("sum({})", SUMMED),
        measures=levels.span_measures(day),
        on_days=on_days,
        zeros=each("0", SUMMED),
        moment=moment,
    )


class CqrsFlowLevels(models.AbstractModel):
    _inherit = "cqrs.flow.levels"

    def _compared(self, upto, draw):
        first = self._before_the_first() or upto
        for moment in _moments(flow_levels.GRAIN, first, upto, draw):
            if moment <= first:
                continue
            yield (
                flow_levels.MOVES,
                moment,
                SQL(
                    f"SELECT {flow_levels.KEY}, count, value, open_for"
                    f" FROM {flow_levels.MOVES} WHERE moment = %s",
                    moment,
                ),
                SQL(
                    """
                    SELECT company_id, from_stage_id, to_stage_id, kind,
                           CASE kind WHEN 'won' THEN currency_id END, count(*),
                           COALESCE(sum(value) FILTER (WHERE kind = 'won'), 0),
                           COALESCE(sum(open_for) FILTER (WHERE kind = 'won'), 0)
                    FROM cqrs_stage_move WHERE at < %s GROUP BY 1, 2, 3, 4, 5
                    """,
                    moment,
                ),
            )
            yield (
                flow_levels.STAYS,
                moment,
                SQL(
                    f"""
                    SELECT company_id, stage_id, part.tenths, part.count
                    FROM {flow_levels.STAYS}, unnest(tenths, counts)
                        part (tenths, count)
                    WHERE moment = %s
                    """,
                    moment,
                ),
                SQL(
                    """
                    SELECT company_id, from_stage_id, %s, count(*)
                    FROM cqrs_stage_move WHERE at < %s AND kind = ANY(%s)
                    GROUP BY 1, 2, 3
                    """,
                    TENTHS,
                    moment,
                    list(ENDING),
                ),
            )
