"""The pace of opportunities: how long each is what it is, and what was put off."""

from odoo import api, models
from odoo.tools import SQL

from ..support.indexes import create_missing
from ..support.versions import CountedVersion
from .followed_rows import write_rows
from .opportunity_view import Order
from .stays import paces
from .table import Column, Table, listed

PACE = Table(
    "cqrs_opportunity_pace",
    columns=(
        Column("id", "integer", "PRIMARY KEY", value=SQL("stream_id")),
        Column("user_id", "integer"),
        Column("age_since", "timestamp"),
        Column("stage_since", "timestamp"),
        Column("idle_since", "timestamp"),
        Column("pushes", "integer"),
        Column("pushed_days", "integer"),
        Column("team_id", "integer"),
        Column("company_id", "integer"),
        Column("currency_id", "integer"),
        Column("stage_id", "integer"),
        Column("closing_date", "date"),
        Column("value", "numeric"),
    ),
)

#: The version of the table: sums of it are kept. Whoever writes it has the checkpoint.
VERSION = CountedVersion("cqrs_opportunity_pace_version")

#: Orders by pace, as those of ``opportunity_view.py``. Days count from a moment until
#: now, so that the latest moment has the least.
PACE_ORDERS = {
    "age_days": Order(SQL("age_since"), "timestamp", True, is_until_now=True),
    "stage_days": Order(SQL("stage_since"), "timestamp", True, is_until_now=True),
    "idle_days": Order(SQL("idle_since"), "timestamp", True, is_until_now=True),
    "pushes": Order(SQL("pushes"), "integer", True),
    "pushed_days": Order(SQL("pushed_days"), "integer", True),
}

#: The table of how long won deals were in a stage
NORMS = "cqrs_stage_norm"

#: Won deals without which a stage has no norm: of fewer, nine in ten cannot be told
NORM_FROM = 10

#: The share of the won deals that were in a stage no longer than its norm
NORM_SHARE = "0.9"


class CqrsOpportunityPace(models.AbstractModel):
    """The pace of each opportunity; followed.

    While an opportunity is open (``stays.py``), ``age_since`` is its creation,
    ``stage_since`` the moment from which its stay in its stage counts, ``idle_since``
    the last event that a person or an import made; all in UTC, NULL while it is not.
    ``pushes`` is how often its expected closing moved later, ``pushed_days`` by how
    many days in all; NULL for never.

    From ``team_id`` on it has what the view has of an open one, NULL of others: what
    needs attention is added up of these narrow rows, and of what was followed.

    ``cqrs_stage_norm`` has how long nine in ten of the deals that a company has won
    were at most in a stage, of the deals won before a day. The follower works it out
    once a day.
    """

    _name = "cqrs.opportunity.pace"
    _inherit = "cqrs.projection"
    _description = "Opportunity Pace"
    _cqrs_consumes = ("crm.lead",)
    _cqrs_tables = (PACE,)
    _cqrs_versions = (VERSION,)
    _cqrs_reads_events = True
    _cqrs_is_followed = True
    _cqrs_rank = 2

    _NORMS = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_stage_norm (
            company_id integer NOT NULL,
            stage_id integer NOT NULL,
            longest interval NOT NULL,
            deals integer NOT NULL,
            won_before date NOT NULL,
            PRIMARY KEY (company_id, stage_id)
        )
        """
    )

    def _create_tables(self):
        result = super()._create_tables()
        for name, order in PACE_ORDERS.items():
            # Few opportunities are open, or were put off: the others have no entry.
            has_it = SQL("WHERE %s IS NOT NULL", order.key)
            self._create_index(name, SQL("(%s, id) %s", order.key, has_it))
            self._create_index(
                f"owner_{name}", SQL("(user_id, %s, id) %s", order.key, has_it)
            )
        self.env.cr.execute(self._NORMS)
        return result

    def _create_index(self, name: str, definition: SQL):
        create_missing(
            self.env.cr,
            SQL(
                "CREATE INDEX IF NOT EXISTS %s ON cqrs_opportunity_pace %s",
                SQL.identifier(f"cqrs_opportunity_pace_{name}"),
                definition,
            ),
        )

    def _declared_tables(self):
        return [*super()._declared_tables(), NORMS]

    def _drop_tables(self):
        result = super()._drop_tables()
        self.env.cr.execute("DROP TABLE IF EXISTS cqrs_stage_norm")
        return result

    def _make_relation(self, table, is_filled):
        self.env["base"]._cqrs_capture_pending()
        dirty, left_out, is_filling = self._dirty(table)
        if is_filling or not dirty or table != SQL.identifier:
            return super()._make_relation(table, is_filled)
        # A page looks up each of its rows: what is unseen is folded once before.
        columns = PACE.columns
        rows = self.env.execute_query(
            SQL(
                "SELECT %s FROM (%s) added",
                listed(PACE.names),
                self._rows_of_streams(
                    sorted(set(dirty).difference(left_out)), table("cqrs_event")
                ),
            )
        )
        return SQL(
            """
            (SELECT %(names)s FROM cqrs_opportunity_pace WHERE id <> ALL(%(dirty)s)
             UNION ALL
             SELECT %(names)s FROM unnest(%(arrays)s) AS added (%(names)s))
            """,
            names=listed(PACE.names),
            dirty=dirty,
            arrays=SQL(", ").join(
                SQL("%s::%s[]", [row[number] for row in rows], SQL(column.type))
                for number, column in enumerate(columns)
            ),
        )

    @api.model
    def _table_version(self) -> str:
        """Return a value that changes whenever the table does."""
        return self.env.execute_query(SQL(VERSION.query))[0][0]

    def _rows_of(self, events, holds):
        spans = self.env["cqrs.opportunity.span"]._rows_of(events, holds)
        return paces(spans, events)

    def _write_rows(self, rows, stream_ids):
        write_rows(self.env.cr, PACE, rows, stream_ids)
        # Not for a look at whether the statement works
        if stream_ids:
            VERSION.change(self.env.cr)

    def _end_filling(self):
        VERSION.change(self.env.cr)
        return super()._end_filling()

    def _follow(self, *args, **kwargs):
        result = super()._follow(*args, **kwargs)
        *__, is_filling = self.env["cqrs.stage.move"]._dirty()
        if self._take_checkpoint(waits=False) and not is_filling:
            self._work_out_norms()
        return result

    @api.model
    def _work_out_norms(self):
        """Work out how long won deals are in a stage, unless that was done today.

        Of each deal that is won now, its longest stay in a stage counts that ended
        before today in UTC.
        """
        self.env.cr.execute(
            "SELECT EXISTS (SELECT FROM cqrs_stage_norm WHERE won_before >="
            " (now() AT TIME ZONE 'UTC')::date)"
        )
        [is_done] = self.env.cr.fetchone()
        if is_done:
            return
        self.env.cr.execute(
            SQL(
                """
                WITH norm AS (
                    SELECT company_id, stage_id, count(*) AS deals,
                           percentile_disc(%(share)s) WITHIN GROUP (ORDER BY stayed)
                               * interval '1 microsecond' AS longest
                    FROM (
                        SELECT COALESCE(view.company_id, 0) AS company_id,
                               COALESCE(move.from_stage_id, 0) AS stage_id,
                               max(stayed) AS stayed
                        FROM %(moves)s move
                        JOIN cqrs_opportunity_view view ON view.id = opportunity_id
                        WHERE view.status = 'won' AND stayed IS NOT NULL
                          AND at < date_trunc('day', now(), 'UTC')
                        GROUP BY opportunity_id, 1, 2
                    ) stay
                    GROUP BY company_id, stage_id
                    HAVING count(*) >= %(from)s
                ),
                gone AS (
                    DELETE FROM cqrs_stage_norm norm
                    WHERE (company_id, stage_id) NOT IN (
                        SELECT company_id, stage_id FROM norm)
                )
                INSERT INTO cqrs_stage_norm (
                    company_id, stage_id, longest, deals, won_before)
                SELECT company_id, stage_id, longest, deals,
                       (now() AT TIME ZONE 'UTC')::date FROM norm
                ON CONFLICT (company_id, stage_id) DO UPDATE
                SET longest = EXCLUDED.longest, deals = EXCLUDED.deals,
                    won_before = EXCLUDED.won_before
                """,
                share=NORM_SHARE,
                moves=self.env["cqrs.stage.move"]._relation(),
                **{"from": NORM_FROM},
            )
        )
