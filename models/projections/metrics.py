"""The sums that every dashboard is made of: a roll-up, and a tail of changes."""

from odoo import api, models
from odoo.tools import SQL

from ..support.indexes import create_missing
from ..support.readable_values import readable
from .metrics_tables import (
    CHANGES,
    CONTACT_METRICS,
    CONTACT_SUMS,
    CONTACT_TOTAL_SUMS,
    CONTACT_TOTALS,
    FOLDS,
    KEY,
    MEASURES,
    METRICS,
    REPAIRS,
    ROLL_UP,
    SUMS,
    TAIL,
)
from .table import each


class CqrsMetrics(models.AbstractModel):
    """Sums of opportunities by owner, team, company and currency.

    ``cqrs_metrics`` has them in five dimensions: by these alone (*owner*), and also by
    *stage*, by *month* of closing (of ``date_closed`` once won or lost, of the expected
    closing before), and by the month of the *change*: the sums of today without the
    changes after a month are the sums at its end. The fifth has those of *all* owners
    and teams, by stage and month together: some hundred rows for who sees everything,
    instead of those of each owner. ``cqrs_contact_metrics`` has them by contact as
    well, without the opportunities that have none, ``cqrs_contact_totals`` by contact,
    company and currency alone. ``cqrs_metrics_tail`` has a row for each change since:
    its time, and the opportunity before and after it, as far as it matters here
    (``sums.py``).

    Amounts are exact, in the currency of the row; the weighted pipeline is the sum of
    value times probability. A value that Odoo cannot read (``readable_values.py``)
    counts as not set. Sums that are all zero have no row.
    """

    _name = "cqrs.metrics"
    _inherit = "cqrs.sums"
    _description = "Metrics"
    _cqrs_consumes = ("crm.lead",)
    _cqrs_tables = (SUMS, CONTACT_SUMS, CONTACT_TOTAL_SUMS, CHANGES.table)
    _cqrs_versions = (REPAIRS,)
    _cqrs_roll_ups = (METRICS, CONTACT_METRICS, CONTACT_TOTALS)
    _cqrs_tail = CHANGES
    _cqrs_folds = FOLDS

    def _create_tables(self):
        result = super()._create_tables()
        create_missing(
            self.env.cr,
            SQL(
                "CREATE INDEX IF NOT EXISTS cqrs_contact_metrics_owner"
                " ON cqrs_contact_metrics (COALESCE(user_id, 0))"
            ),
        )
        return result

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

        It gives the columns of ``KEY`` and ``MEASURES``, the contact, the month of the
        change, and the moment of closing: of a pending one the day on which it is
        expected.
        """
        return SQL(
            """
            SELECT partner_id, user_id, team_id, company_id,
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
