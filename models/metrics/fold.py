"""Folding the tail of changes into the sums: each minute, and after a bulk write."""

import zlib

from odoo import api, models
from odoo.tools import SQL

from ..projections.metrics import by_dimension
from ..projections.metrics_tables import FOLDS, ROLL_UP
from ..support.transactions import committed

#: Changes folded in one transaction
BATCH_SIZE = 100_000
#: Advisory lock of a fold
LOCK = zlib.crc32(b"cqrs.metrics")
#: Changes in one transaction, from which on they do not wait for the cron's next minute
FOLD_AT_ONCE_FROM = 1000


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    @api.model
    def _apply_changes(self, changed, ended):
        result = super()._apply_changes(changed, ended)
        # While the addon is installed nobody reads yet, nor may a thread of the first
        # build make an environment.
        if (
            len(changed.get("crm.lead", ())) >= FOLD_AT_ONCE_FROM
            and self.env.registry.ready
        ):
            cron = self.env.ref(
                "crm_cqrs.ir_cron_fold_metrics", raise_if_not_found=False
            )
            if cron:
                cron.sudo()._trigger()
        return result


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    @api.model
    def _fold(self):
        """Fold the tail into the sums; commits.

        A change that is not yet committed, or not yet seen, is left for the next time.
        """
        while committed(self.env, self._fold_batch) == BATCH_SIZE:
            pass

    def _fold_batch(self) -> int:
        """Fold some changes, unless another transaction does; return their number.

        Two folds of the same change, or into the same sum, could not both commit: the
        lock only spares them a deadlock.
        """
        self.env.cr.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not self.env.cr.fetchone()[0]:
            return 0
        contributions = self._contributions(SQL("folded"))
        [(folded, zero_ids)] = self.env.execute_query(
            SQL(
                """
                WITH folded AS (
                    DELETE FROM cqrs_metrics_tail WHERE ctid = ANY(ARRAY(
                        SELECT ctid FROM cqrs_metrics_tail LIMIT %s))
                    RETURNING occurred_at, former, state
                ),
                sum AS (%s)
                SELECT (SELECT count(*) FROM folded),
                       ARRAY(SELECT id FROM sum WHERE is_zero)
                """,
                BATCH_SIZE,
                self._add(by_dimension(contributions), SQL.identifier(ROLL_UP)),
            )
        )
        self._remove(zero_ids, SQL.identifier(ROLL_UP))
        if folded:
            self.env.cr.execute(
                SQL(
                    "UPDATE %s SET version = version + 1, folded_at = now()",
                    SQL.identifier(FOLDS.table),
                )
            )
        return folded
