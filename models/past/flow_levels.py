"""The moves until regular moments, counted: those of a period are a difference of two.

``cqrs_flow_level`` has, for every second week, how many moves there had been until then
by company, stages, kind and currency; ``cqrs_stay_level`` how long the stays had been
that had ended until then, by company and stage. So the moves of a period are those
until the moment nearest to its end without those until the one nearest to its
beginning, and the moves between these moments and its ends are counted one by one: at
most a week's at each end, however long the period is.

A cron adds the rows of moments that are settled. A change of the past makes them anew
(``Version`` below), and until then the moves themselves are counted.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from odoo import api, models
from odoo.tools import SQL

from ..support.transactions import committed
from .flow_figures import ENDING, Counted, Row, Stays
from .levels import Grain

MOVES = "cqrs_flow_level"
STAYS = "cqrs_stay_level"
STATE = "cqrs_flow_level_state"

GRAIN = Grain("flow", timedelta(days=14), ())

#: The duration of the stay that a move ends, in tenths of a day, rounded half up
TENTHS = SQL("(stayed + 4320000000) / 8640000000")

KEY = "company_id, from_stage_id, to_stage_id, kind, currency_id"


class CqrsFlowLevels(models.AbstractModel):
    """Keeps the counts of the moves until regular moments."""

    _name = "cqrs.flow.levels"
    _inherit = "cqrs.levels"
    _description = "Levels of the Flow"

    _cqrs_made_of = "cqrs.stage.move"
    _cqrs_state = STATE

    def init(self):
        self.env.cr.execute(
            SQL(
                f"""
                CREATE TABLE IF NOT EXISTS {MOVES} (
                    moment timestamptz NOT NULL, company_id integer,
                    from_stage_id integer, to_stage_id integer,
                    kind text COLLATE "C" NOT NULL, currency_id integer,
                    count integer NOT NULL, value numeric NOT NULL,
                    open_for numeric NOT NULL);
                CREATE INDEX IF NOT EXISTS {MOVES}_moment ON {MOVES} (moment);
                CREATE TABLE IF NOT EXISTS {STAYS} (
                    moment timestamptz NOT NULL, company_id integer, stage_id integer,
                    tenths integer[] NOT NULL, counts integer[] NOT NULL);
                CREATE INDEX IF NOT EXISTS {STAYS}_moment ON {STAYS} (moment);
                CREATE TABLE IF NOT EXISTS {STATE} (
                    version text NOT NULL, upto timestamptz NOT NULL)
                """
            )
        )

    @api.model
    def _until(self, moment: datetime, seen: SQL, conditions: Iterable[SQL]) -> Counted:
        """Return the moves until a moment that has rows.

        :param seen: the condition that a row ``move`` is seen, by its company
        :param conditions: further ones on its company and its stages
        """
        company = SQL("NULL::integer AS user_id, NULL::integer AS team_id")
        rows = self.env.execute_query(
            SQL(
                """
                SELECT from_stage_id, to_stage_id, kind, currency_id,
                       sum(count)::integer, sum(value)::text, sum(open_for)::bigint
                FROM (SELECT *, %s FROM %s) move
                WHERE moment = %s AND %s
                GROUP BY 1, 2, 3, 4
                """,
                company,
                SQL.identifier(MOVES),
                moment,
                SQL(" AND ").join([seen, *conditions]),
            )
        )
        counted = Counted.of(
            Row(None, *key, count, Decimal(value), open_for)
            for *key, count, value, open_for in rows
        )
        for stage_id, tenths, counts in self.env.execute_query(
            SQL(
                """
                SELECT from_stage_id, tenths, counts
                FROM (SELECT *, %s, stage_id AS from_stage_id,
                             NULL::integer AS to_stage_id FROM %s) move
                WHERE moment = %s AND %s
                """,
                company,
                SQL.identifier(STAYS),
                moment,
                SQL(" AND ").join([seen, *conditions]),
            )
        ):
            counted.stays[stage_id].append(Stays.of(tenths, counts))
        return counted

    # -- filling --

    @api.model
    def _fill(self):
        """Add the rows of the moments that are settled; commits."""
        while committed(self.env, self._fill_next):
            pass

    def _fill_next(self) -> bool:
        """Add the rows of the next settled moment; return whether there was one."""
        version, settled = self._version(), self._settled_until()
        if version is None or settled is None:
            return False
        last = self._lock_filled(version, (MOVES, STAYS)) or self._before_the_first()
        if last is None or last + GRAIN.stride > settled:
            return False
        self._insert(last, last + GRAIN.stride)
        self._note_filled(version, last + GRAIN.stride)
        return True

    def _before_the_first(self) -> datetime | None:
        """Return the last moment before all moves, None if there is no move."""
        rows = self.env.execute_query(
            SQL("SELECT at FROM cqrs_stage_move ORDER BY at LIMIT 1")
        )
        return GRAIN.before(rows[0][0]) if rows else None

    def _insert(self, last: datetime, moment: datetime):
        moved = SQL("at >= %s AND at < %s", last, moment)
        self.env.cr.execute(
            SQL(
                f"""
                INSERT INTO {MOVES} (moment, {KEY}, count, value, open_for)
                SELECT %(moment)s, {KEY}, sum(count), sum(value), sum(open_for)
                FROM (
                    SELECT {KEY}, count, value, open_for
                    FROM {MOVES} WHERE moment = %(last)s
                    UNION ALL
                    SELECT company_id, from_stage_id, to_stage_id, kind,
                           CASE kind WHEN 'won' THEN currency_id END, 1,
                           CASE kind WHEN 'won' THEN value ELSE 0 END,
                           CASE kind WHEN 'won' THEN open_for ELSE 0 END
                    FROM cqrs_stage_move WHERE %(moved)s
                ) move
                GROUP BY {KEY}
                """,
                moment=moment,
                last=last,
                moved=moved,
            )
        )
        self.env.cr.execute(
            SQL(
                f"""
                INSERT INTO {STAYS} (moment, company_id, stage_id, tenths, counts)
                SELECT %(moment)s, company_id, stage_id,
                       array_agg(tenths ORDER BY tenths),
                       array_agg(count ORDER BY tenths)
                FROM (
                    SELECT company_id, stage_id, tenths, sum(count)::integer AS count
                    FROM (
                        SELECT company_id, stage_id, part.tenths, part.count
                        FROM {STAYS}, unnest(tenths, counts) part (tenths, count)
                        WHERE moment = %(last)s
                        UNION ALL
                        SELECT company_id, from_stage_id, (%(tenths)s)::integer, 1
                        FROM cqrs_stage_move
                        WHERE %(moved)s AND kind = ANY(%(ending)s)
                    ) stay
                    GROUP BY company_id, stage_id, tenths
                ) stay
                GROUP BY company_id, stage_id
                """,
                moment=moment,
                last=last,
                moved=moved,
                tenths=TENTHS,
                ending=list(ENDING),
            )
        )
