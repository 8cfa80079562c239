"""Folding the tail of changes into the sums: each minute, and after a bulk write."""

import zlib

from odoo import api, models
from odoo.tools import SQL

from ..support.transactions import committed

#: Changes folded in one transaction
BATCH_SIZE = 100_000
#: Changes in one transaction, from which on they do not wait for the cron's next minute
FOLD_AT_ONCE_FROM = 1000


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    @api.model
    def _apply_changes(self, changed, ended):
        result = super()._apply_changes(changed, ended)
        # While the addon is installed nobody reads yet, nor may a thread of the first
        # build make an environment.
        many = {m for m, ids in changed.items() if len(ids) >= FOLD_AT_ONCE_FROM}
        if many and self.env.registry.ready and many & self._summed():
            cron = self.env.ref(
                "crm_cqrs.ir_cron_fold_metrics", raise_if_not_found=False
            )
            if cron:
                cron.sudo()._trigger()
        return result

    def _summed(self) -> set[str]:
        """Return the captured models of which there are sums."""
        return {
            model
            for name in self.env["cqrs.sums"]._names_of_sums()
            for model in self.env[name]._cqrs_consumes
        }


class CqrsSums(models.AbstractModel):
    _inherit = "cqrs.sums"

    @api.model
    def _fold(self):
        """Fold the tails of all sums into their roll-ups; commits.

        A change that is not yet committed, or not yet seen, is left for the next time.
        """
        for name in self._names_of_sums():
            sums = self.env[name]
            while committed(self.env, sums._fold_batch) == BATCH_SIZE:
                pass

    def _names_of_sums(self) -> list[str]:
        return sorted(self.env.registry.descendants(["cqrs.sums"], "_inherit"))

    def _fold_batch(self) -> int:
        """Fold some changes, unless another transaction does; return their number.

        Two folds of the same change, or into the same sum, could not both commit: the
        lock only spares them a deadlock.
        """
        if not self._cqrs_roll_ups:
            return 0
        if not self._keep_folds_away():
            return 0
        names = [SQL.identifier(f"sum_{n}") for n in range(len(self._cqrs_roll_ups))]
        contribution = SQL("SELECT * FROM contribution")
        [(folded, *zero_ids)] = self.env.execute_query(
            SQL(
                """
                WITH folded AS (
                    DELETE FROM %(tail)s WHERE ctid = ANY(ARRAY(
                        SELECT ctid FROM %(tail)s LIMIT %(limit)s))
                    RETURNING occurred_at, former, state
                ),
                contribution AS (%(contributions)s),
                %(sums)s
                SELECT (SELECT count(*) FROM folded), %(zeros)s
                """,
                tail=SQL.identifier(self._cqrs_tail.name),
                limit=BATCH_SIZE,
                contributions=self._contributions(SQL("folded")),
                sums=SQL(", ").join(
                    SQL(
                        "%s AS (%s)",
                        name,
                        roll_up.add(
                            roll_up.groups(contribution), SQL.identifier(roll_up.name)
                        ),
                    )
                    for name, roll_up in zip(names, self._cqrs_roll_ups, strict=True)
                ),
                zeros=SQL(", ").join(
                    SQL("ARRAY(SELECT id FROM %s WHERE is_zero)", name)
                    for name in names
                ),
            )
        )
        for roll_up, ids in zip(self._cqrs_roll_ups, zero_ids, strict=True):
            self._remove(ids, SQL.identifier(roll_up.name))
        if folded:
            self.env.cr.execute(
                SQL(
                    "UPDATE %s SET version = version + 1, folded_at = now()",
                    SQL.identifier(self._cqrs_folds.table),
                )
            )
        return folded

    def _keep_folds_away(self) -> bool:
        """Let no other transaction fold until this one ends; return whether it is so.

        Where one folds already, it may end first, or change the same sums.
        """
        lock = zlib.crc32(self._name.encode())
        self.env.cr.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock])
        return self.env.cr.fetchone()[0]

    @api.model
    def _begin_repair(self):
        # Each fold changes the sums of all owners, which are a few rows. A repair that
        # began before it could not be committed.
        result = super()._begin_repair()
        if self._cqrs_roll_ups:
            self._keep_folds_away()
        return result
