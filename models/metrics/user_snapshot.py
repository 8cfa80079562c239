"""The metrics of each person as a row, for Odoo's own list and graph views."""

import logging
from functools import partial

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL, split_every

from ..projections.table import SURROGATE, Column, Table, upsert
from ..support.transactions import committed

_logger = logging.getLogger(__name__)

_RECORD = partial(fields.Many2one, readonly=True)
_AMOUNT = partial(fields.Monetary, readonly=True)
_COUNT = partial(fields.Integer, readonly=True)
_RATE = fields.Float(digits=(5, 4), readonly=True, aggregator="avg")

TABLE = Table(
    "cqrs_dashboard_metrics",
    columns=(
        Column("id", "integer", SURROGATE),
        Column(
            "user_id",
            "integer",
            "NOT NULL CONSTRAINT cqrs_dashboard_metrics_user UNIQUE",
            field=_RECORD("res.users"),
        ),
        Column("currency_id", "integer", "NOT NULL", field=_RECORD("res.currency")),
        Column("pipeline_value", "numeric", "NOT NULL", field=_AMOUNT()),
        Column("weighted_pipeline", "numeric", "NOT NULL", field=_AMOUNT()),
        Column("won_revenue", "numeric", "NOT NULL", field=_AMOUNT()),
        Column("active_opportunities", "integer", "NOT NULL", field=_COUNT()),
        Column("won", "integer", "NOT NULL", field=_COUNT()),
        Column("lost", "integer", "NOT NULL", field=_COUNT()),
        Column("win_rate", "numeric", field=_RATE),
        Column("average_value", "numeric", field=_AMOUNT(aggregator="avg")),
        Column(
            "computed_at",
            "timestamp",
            "NOT NULL",
            field=fields.Datetime(readonly=True),
        ),
    ),
    key=("user_id",),
    options="WITH (fillfactor = 50)",
)

#: Users whose rows are computed in one transaction
BATCH_SIZE = 500


class CqrsDashboardMetrics(models.Model):
    """The figures that each active user's dashboard showed at ``computed_at``.

    Over all that the user sees, in the currency of the user's company. The API and the
    dashboard compute the same anew whenever they are asked. Sums are exact, unrounded.
    """

    _name = "cqrs.dashboard.metrics"
    _inherit = ("cqrs.read.only", "cqrs.deleted.names", "cqrs.shows.model")
    _description = "Dashboard Metrics"
    _auto = False
    _order = "pipeline_value desc, id"
    _rec_name = "user_id"

    vars().update(TABLE.orm_fields)

    def init(self):
        self.env.cr.execute(TABLE.creation())

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
            values = {
                **metrics,
                **metrics["exact"],
                "user_id": user.id,
                "currency_id": user.company_id.currency_id.id,
                "computed_at": metrics["computed_at"].replace(tzinfo=None),
            }
            rows.append(SQL("%s", tuple(values[name] for name in TABLE.names)))
        if rows:
            self.env.cr.execute(upsert(TABLE, SQL("VALUES %s", SQL(", ").join(rows))))
