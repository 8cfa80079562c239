"""The sums that every dashboard is made of: a roll-up, and a tail of changes."""

from odoo import api, models
from odoo.tools import SQL

from ..support.indexes import create_missing
from ..support.readable_values import readable
from .metrics_comparison import SumsComparison
from .metrics_tables import (
    CHANGES,
    FOLDS,
    KEY,
    MEASURES,
    NOT_ZERO,
    REPAIRS,
    ROLL_UP,
    SUMS,
    TAIL,
    each,
)


class CqrsMetrics(models.AbstractModel):
    """Sums of opportunities by owner, team, company and currency.

    ``cqrs_metrics`` has them in four dimensions: by these alone (*owner*), and also by
    *stage*, by *month* of closing (of ``date_closed`` once won or lost, of the expected
    closing before), and by the month of the *change*: the sums of today without the
    changes after a month are the sums at its end. ``cqrs_metrics_tail`` has a row for
    each change since: its time, and the opportunity before and after it, as far as it
    matters here. A cron folds the tail into the sums. A reader adds the two up, in one
    statement, and so is exact at every moment; a writer only appends, and never waits.

    Amounts are exact, in the currency of the row; the weighted pipeline is the sum of
    value times probability. A value that Odoo cannot read (``readable_values.py``)
    counts as not set. Sums that are all zero have no row.
    """

    _name = "cqrs.metrics"
    _inherit = "cqrs.projection"
    _description = "Metrics"
    _cqrs_consumes = ("crm.lead",)
    _cqrs_tables = (SUMS, CHANGES)
    _cqrs_versions = (REPAIRS,)
    _cqrs_is_cumulative = True
    _cqrs_reads_events = True

    # A type of its own makes the change two expressions instead of two dozen: it is
    # planned anew in each transaction that writes a lead.
    _TYPE = SQL(
        """
        CREATE TYPE cqrs_metrics_lead AS (
            type text,
            active boolean,
            won_status text,
            user_id integer,
            team_id integer,
            company_id integer,
            "company_id.currency_id" integer,
            stage_id integer,
            expected_revenue numeric,
            probability numeric,
            date_deadline date,
            date_closed timestamp
        )
        """
    )

    _KEY_INDEX = SQL(
        """
        CREATE UNIQUE INDEX IF NOT EXISTS cqrs_metrics_key ON cqrs_metrics (
            dimension, COALESCE(user_id, 0), COALESCE(team_id, 0),
            COALESCE(company_id, 0), COALESCE(currency_id, 0), COALESCE(stage_id, 0),
            COALESCE(month, '-infinity'))
        """
    )
    _FOLDS = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_metrics_folds (
            version bigint NOT NULL, folded_at timestamptz NOT NULL);
        INSERT INTO cqrs_metrics_folds
        SELECT 0, now() WHERE NOT EXISTS (SELECT FROM cqrs_metrics_folds)
        """
    )

    def _create_tables(self):
        self.env.cr.execute("SELECT to_regtype('cqrs_metrics_lead') IS NULL")
        if self.env.cr.fetchone()[0]:
            self.env.cr.execute(self._TYPE)
        result = super()._create_tables()
        create_missing(self.env.cr, self._KEY_INDEX)
        self.env.cr.execute(self._FOLDS)
        return result

    def _declared_tables(self):
        return [*super()._declared_tables(), FOLDS.table]

    def _drop_tables(self):
        result = super()._drop_tables()
        self.env.cr.execute("DROP TYPE IF EXISTS cqrs_metrics_lead CASCADE")
        return result

    def _statements(self, model):
        return [self._APPEND]

    _APPEND = SQL(
        """
        INSERT INTO cqrs_metrics_tail (occurred_at, former, state)
        SELECT occurred_at, former, state
        FROM (
            SELECT occurred_at,
                   jsonb_populate_record(NULL::cqrs_metrics_lead, former) AS former,
                   jsonb_populate_record(NULL::cqrs_metrics_lead, state) AS state
            FROM stream OFFSET 0
        ) change
        WHERE former IS DISTINCT FROM state
        """
    )

    @api.model
    def _apply(self, streams):
        """Append every change in the log, since each counts in its own month.

        Only a replay calls it.
        """
        left_out = self._left_out()
        for model in streams:
            self.env.cr.execute(self._append_all(model, left_out.get(model, [])))

    def _append_all(self, model: str, left_out: list[int]) -> SQL:
        # The creation, which is large, is read once, and the changes are laid over it.
        # A stream that was deleted and created again starts over, as in the fold.
        return SQL(
            """
            INSERT INTO cqrs_metrics_tail (occurred_at, former, state)
            SELECT occurred_at, former, state
            FROM (
                SELECT occurred_at, state, lag(state) OVER (
                           PARTITION BY stream_id ORDER BY version) AS former
                FROM (
                    SELECT stream_id, version, occurred_at,
                           CASE WHEN before IS NULL THEN creation
                                WHEN after IS NOT NULL THEN jsonb_populate_record(
                                    first_value(creation) OVER life,
                                    cqrs_jsonb_merge(after)
                                        FILTER (WHERE before IS NOT NULL) OVER life)
                           END AS state
                    FROM (
                        SELECT stream_id, version, occurred_at, before, after,
                               CASE WHEN before IS NULL THEN jsonb_populate_record(
                                   NULL::cqrs_metrics_lead, after) END AS creation,
                               count(*) FILTER (WHERE before IS NULL) OVER (
                                   PARTITION BY stream_id ORDER BY version) AS life
                        FROM cqrs_event
                        WHERE stream_model = %s AND stream_id <> ALL(%s)
                    ) event
                    WINDOW life AS (PARTITION BY stream_id, life ORDER BY version)
                ) stream
            ) change
            WHERE former IS DISTINCT FROM state
            """,
            model,
            left_out,
        )

    @api.model
    def _rows(self, dimension: str, table=SQL.identifier) -> SQL:
        """Return the query of the rows to add up, of a dimension and of the tail.

        It gives the columns of ``KEY`` and ``MEASURES``.

        :param table: gives the SQL of a table's name
        """
        month = "changed_in" if dimension == "change" else "month"
        return SQL(
            "%s UNION ALL SELECT %s FROM (%s) contribution",
            self._folded(dimension, table),
            each("{}", (*KEY[:-1], month, *MEASURES)),
            self._contributions(table(TAIL)),
        )

    def _folded(self, dimension: str, table=SQL.identifier) -> SQL:
        return SQL(
            "SELECT %s FROM %s WHERE dimension = %s",
            each("{}", KEY + MEASURES),
            table(ROLL_UP),
            dimension,
        )

    def _contributions(self, changes: SQL) -> SQL:
        """Return the query of the amounts that changes take from the sums and add.

        It gives the columns of ``KEY`` and ``MEASURES``, the month of the change, and
        the moment of closing: of a pending one the day on which it is expected.
        """
        return SQL(
            """
            SELECT user_id, team_id, company_id,
                   "company_id.currency_id" AS currency_id, stage_id,
                   date_trunc('month', closes_at)::date AS month, closes_at,
                   CASE WHEN present THEN sign ELSE 0 END AS total,
                   CASE WHEN pending THEN sign ELSE 0 END AS active,
                   CASE WHEN won THEN sign ELSE 0 END AS won,
                   CASE WHEN lost THEN sign ELSE 0 END AS lost,
                   CASE WHEN pending THEN value ELSE 0 END AS pipeline_value,
                   -- Not divided by 100: a division may round.
                   CASE WHEN pending THEN value * COALESCE(%(probability)s, 0) * 0.01
                        ELSE 0 END AS weighted_pipeline,
                   CASE WHEN won THEN value ELSE 0 END AS won_revenue,
                   date_trunc('month', occurred_at AT TIME ZONE 'UTC')::date
                       AS changed_in
            FROM (
                -- Leads add nothing. They are not left out by a condition on the type,
                -- from which the planner would expect to find next to no row.
                SELECT side.*,
                       sign * COALESCE(%(value)s, 0) AS value,
                       CASE WHEN won_status IN ('won', 'lost') THEN %(closed)s
                            ELSE %(deadline)s::timestamp END AS closes_at,
                       type = 'opportunity' AND active AS present,
                       type = 'opportunity' AND active
                           AND COALESCE(won_status, '') NOT IN ('won', 'lost')
                           AS pending,
                       type = 'opportunity' AND won_status = 'won' AS won,
                       type = 'opportunity' AND won_status = 'lost' AS lost
                FROM (SELECT -1 AS sign, occurred_at, (former).* FROM %(changes)s
                      WHERE (former).type IS NOT NULL
                      UNION ALL
                      SELECT 1, occurred_at, (state).* FROM %(changes)s
                      WHERE (state).type IS NOT NULL) side
            ) opportunity
            """,
            changes=changes,
            value=readable(SQL("expected_revenue"), "monetary"),
            probability=readable(SQL("probability"), "float"),
            closed=readable(SQL("date_closed"), "datetime"),
            deadline=readable(SQL("date_deadline"), "date"),
        )

    def _all_sums(self, table=SQL.identifier) -> SQL:
        """Return the query of all sums that are not zero, roll-up and tail together.

        It gives ``dimension`` and the columns of ``KEY`` and ``MEASURES``.

        :param table: gives the SQL of a table's name
        """
        key = each("{}", ("dimension", *KEY))
        return SQL(
            """
            SELECT %(key)s, %(sums)s
            FROM (SELECT %(key)s, %(measures)s FROM %(roll_up)s
                  UNION ALL %(tail)s) part
            GROUP BY %(key)s HAVING %(not_zero)s
            """,
            key=key,
            sums=each("sum({0}) AS {0}"),
            measures=each("{}"),
            roll_up=table(ROLL_UP),
            tail=by_dimension(self._contributions(table(TAIL))),
            not_zero=NOT_ZERO,
        )

    def _comparisons(self, live, shadow):
        return [SumsComparison(self, live, shadow)]

    def _add(self, sums: SQL, table: SQL) -> SQL:
        """Return the statement that adds to the sums of a table.

        It gives ``id`` and ``is_zero`` of each sum that it has added to.

        :param sums: query of ``dimension``, ``KEY`` and ``MEASURES``
        """
        return SQL(
            """
            INSERT INTO %(table)s AS metrics (dimension, %(columns)s)
            %(sums)s
            ON CONFLICT (
                dimension, COALESCE(user_id, 0), COALESCE(team_id, 0),
                COALESCE(company_id, 0), COALESCE(currency_id, 0),
                COALESCE(stage_id, 0), COALESCE(month, '-infinity'))
            DO UPDATE SET %(added)s
            RETURNING id, (%(after)s) = (%(zeros)s) AS is_zero
            """,
            table=table,
            columns=each("{}", KEY + MEASURES),
            sums=sums,
            added=each("{0} = metrics.{0} + EXCLUDED.{0}"),
            after=each("metrics.{}"),
            zeros=each("0"),
        )

    def _remove(self, ids: list[int], table: SQL):
        if ids:
            self.env.cr.execute(SQL("DELETE FROM %s WHERE id = ANY(%s)", table, ids))


def by_dimension(contributions: SQL) -> SQL:
    """Return the query of the sums of contributions, in each dimension."""
    return SQL(
        """
        SELECT CASE WHEN GROUPING(stage_id) = 0 THEN 'stage'
                    WHEN GROUPING(month) = 0 THEN 'month'
                    WHEN GROUPING(changed_in) = 0 THEN 'change'
                    ELSE 'owner' END AS dimension,
               %s, COALESCE(month, changed_in) AS month, %s
        FROM (%s) contribution
        GROUP BY user_id, team_id, company_id, currency_id,
                 GROUPING SETS ((), (stage_id), (month), (changed_in))
        HAVING %s
        """,
        each("{}", KEY[:-1]),
        each("sum({0}) AS {0}"),
        contributions,
        NOT_ZERO,
    )
