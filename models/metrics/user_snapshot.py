"""The metrics of each person as a row, for Odoo's own list and graph views."""

import logging
from functools import partial

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL, split_every

from ..support.transactions import committed

_logger = logging.getLogger(__name__)

#: The values of ``cqrs.metrics._read`` that a row has, under the same names
COLUMNS = (
    "pipeline_value",
    "weighted_pipeline",
    "won_revenue",
    "active_opportunities",
    "won",
    "lost",
    "win_rate",
    "average_value",
)

#: Users whose rows are computed in one transaction
BATCH_SIZE = 500


class CqrsDashboardMetrics(models.Model):
    """The figures that each active user's dashboard showed at ``computed_at``.

    Over all that the user sees, in the currency of the user's company. The API and the
    dashboard compute the same anew whenever they are asked.
    """

    _name = "cqrs.dashboard.metrics"
    _inherit = ("cqrs.read.only", "cqrs.deleted.names", "cqrs.shows.opportunities")
    _description = "Dashboard Metrics"
    _auto = False
    _order = "pipeline_value desc, id"
    _rec_name = "user_id"

    user_id = fields.Many2one("res.users", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    pipeline_value = fields.Monetary(readonly=True)
    weighted_pipeline = fields.Monetary(readonly=True)
    won_revenue = fields.Monetary(readonly=True)
    active_opportunities = fields.Integer(readonly=True)
    won = fields.Integer(readonly=True)
    lost = fields.Integer(readonly=True)
    win_rate = fields.Float(digits=(5, 4), readonly=True, aggregator="avg")
    average_value = fields.Monetary(readonly=True, aggregator="avg")
    computed_at = fields.Datetime(readonly=True)

    _TABLE = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_dashboard_metrics (
            id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            user_id integer NOT NULL CONSTRAINT cqrs_dashboard_metrics_user UNIQUE,
            currency_id integer NOT NULL,
            pipeline_value numeric NOT NULL,
            weighted_pipeline numeric NOT NULL,
            won_revenue numeric NOT NULL,
            active_opportunities integer NOT NULL,
            won integer NOT NULL,
            lost integer NOT NULL,
            win_rate numeric,
            average_value numeric,
            computed_at timestamp NOT NULL
        ) WITH (fillfactor = 50)
        """
    )

    def init(self):
        self.env.cr.execute(self._TABLE)

    @api.model
    def _refresh(self):
        """Compute the rows of all users anew; commits."""
        user_ids = committed(self.env, self._forget_others)
        for batch in split_every(BATCH_SIZE, user_ids, list):
            self._refresh_batch(batch)

    def _refresh_batch(self, user_ids: list[int]):
        """Compute the rows of some users, also where one of them fails."""
        try:
            committed(self.env, partial(self._refresh_users, user_ids))
        except psycopg2.InterfaceError:
            # The connection is lost.
            raise
        except Exception:
            if len(user_ids) > 1:
                for user_id in user_ids:
                    self._refresh_batch([user_id])
            else:
                _logger.exception("No metrics of the user %s", *user_ids)

    def _forget_others(self) -> list[int]:
        """Remove the rows of inactive users; return the ids of the active ones."""
        self.env.cr.execute(
            """
            DELETE FROM cqrs_dashboard_metrics WHERE NOT EXISTS (
                SELECT FROM cqrs_user_profile profile
                WHERE profile.id = user_id AND profile.active)
            """
        )
        query = SQL("SELECT id FROM cqrs_user_profile WHERE active ORDER BY id")
        return [id_ for (id_,) in self.env.execute_query(query)]

    def _refresh_users(self, user_ids: list[int]):
        rows = []
        for user in self.env["res.users"].browse(user_ids).exists():
            metrics = self.env["cqrs.metrics"]._read(user)
            rows.append(
                (
                    user.id,
                    user.company_id.currency_id.id,
                    metrics["computed_at"].replace(tzinfo=None),
                    *(metrics[name] for name in COLUMNS),
                )
            )
        columns = SQL(", ").join(
            map(SQL.identifier, ("currency_id", "computed_at", *COLUMNS))
        )
        if rows:
            self.env.cr.execute(
                SQL(
                    """
                    INSERT INTO cqrs_dashboard_metrics (user_id, %(columns)s)
                    VALUES %(rows)s
                    ON CONFLICT (user_id) DO UPDATE
                    SET (%(columns)s) = ROW(%(excluded)s)
                    """,
                    columns=columns,
                    rows=SQL(", ").join(SQL("%s", row) for row in rows),
                    excluded=SQL(", ").join(
                        SQL.identifier("excluded", name)
                        for name in ("currency_id", "computed_at", *COLUMNS)
                    ),
                )
            )
