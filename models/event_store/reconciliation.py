import json

from odoo import fields, models
from odoo.tools import SQL

from ..support.json_field import PortableJson


class CqrsReconciliation(models.Model):
    """The reconciler's last look at each captured model.

    ``horizon`` is the id of the oldest transaction that was open at that look;
    ``deleted`` the number of rows deleted until then, by table. If a later look failed,
    ``failure`` says why, and the next one starts from the same horizon.
    """

    _name = "cqrs.reconciliation"
    _description = "Reconciliation"
    _auto = False
    _order = "stream_model"
    _rec_name = "stream_model"

    stream_model = fields.Char("Model", readonly=True)
    looked_at = fields.Datetime("Last Check", readonly=True)
    horizon = fields.Char(readonly=True)
    deleted = PortableJson(readonly=True)
    failure = fields.Text(readonly=True)

    _table_query = SQL(
        """
        SELECT id, stream_model, looked_at AT TIME ZONE 'UTC' AS looked_at,
               horizon::text AS horizon, deleted, failure
        FROM cqrs_reconciliation
        """
    )

    _TABLE = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_reconciliation (
            id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            stream_model text NOT NULL CONSTRAINT cqrs_reconciliation_key UNIQUE,
            looked_at timestamptz NOT NULL,
            horizon xid8 NOT NULL,
            deleted jsonb NOT NULL,
            failure text
        )
        """
    )

    def init(self):
        self.env.cr.execute(self._TABLE)

    def _last_look(self, model: str) -> tuple[int | None, dict[str, int]]:
        """Return the horizon and the counters of the last look at a model.

        The horizon is None if there is none to rely on: at the first look, and after a
        dump was restored into a younger cluster.
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT CASE WHEN horizon <= pg_snapshot_xmin(pg_current_snapshot())
                            THEN horizon::text END, deleted
                FROM cqrs_reconciliation WHERE stream_model = %s
                """,
                model,
            )
        )
        horizon, deleted = self.env.cr.fetchone() or (None, {})
        return horizon and int(horizon), deleted

    def _note_look(self, model: str, deleted: dict[str, int]):
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO cqrs_reconciliation AS r
                    (stream_model, looked_at, horizon, deleted)
                VALUES (%s, now(), pg_snapshot_xmin(pg_current_snapshot()), %s)
                ON CONFLICT (stream_model) DO UPDATE
                SET looked_at = EXCLUDED.looked_at,
                    horizon = EXCLUDED.horizon,
                    deleted = EXCLUDED.deleted,
                    failure = NULL
                """,
                model,
                json.dumps(deleted),
            )
        )

    def _note_failure(self, model: str, failure: str):
        # A model that was never looked at has no row, which says enough.
        self.env.cr.execute(
            SQL(
                "UPDATE cqrs_reconciliation SET failure = %s WHERE stream_model = %s",
                failure,
                model,
            )
        )
