"""Healing: failed records are applied again, by their next write or the reconciler."""

from odoo import api, models
from odoo.tools import SQL

from ..support.transactions import committed
from .changes import current_versions
from .failures import IS_BROKEN, broken

#: Records that are tried again in one transaction
BATCH_SIZE = 1000


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    @api.model
    def _settle(self, model: str, versions: dict[int, int]):
        """Make up for earlier failures of records that have just been applied.

        :param versions: ``{stream_id: version before what was applied}``
        """
        for projection in self._consumers(model):
            held = projection._held_versions(model, versions)
            if not held or projection._name in broken(self.env):
                continue
            # A projection without statements has not been applied yet.
            if statements := projection._statements(model):
                with projection._guarded({model: list(held)}):
                    if projection._cqrs_is_cumulative:
                        wanted = {i: versions[i] for i in held}
                        between = projection._between(model, held, wanted)
                        projection._run_statements(between, statements)
                    projection._forget_failures(model, held)

    @api.model
    def _heal_all(self):
        """Try again to apply the quarantined records; commits."""
        while committed(self.env, self._heal):
            pass

    @api.model
    def _heal(self) -> int:
        """Try again to apply some of the quarantined records; return how many could."""
        tried = self._quarantined()
        for model, stream_ids in tried.items():
            versions = dict(current_versions(self.env, model, stream_ids))
            self._apply_one_by_one(model, versions)
            held = {}
            for projection in self._consumers(model):
                if not projection._statements(model):
                    # Projections after one that failed have not read its tables since.
                    for id_, v in projection._held_versions(model, stream_ids).items():
                        held[id_] = min(v, held.get(id_, v))
                    if held and projection._name not in broken(self.env):
                        projection._apply_since(model, dict(held), {})
        return sum(
            len(set(stream_ids).difference(self._left(model, stream_ids)))
            for model, stream_ids in tried.items()
        )

    def _left(self, model: str, stream_ids: list[int]) -> list[int]:
        """Return those of the records that some projection still lacks."""
        rows = self.env.execute_query(
            SQL(
                "SELECT stream_id FROM cqrs_projection_failure"
                " WHERE stream_model = %s AND stream_id = ANY(%s)",
                model,
                stream_ids,
            )
        )
        return [id_ for (id_,) in rows]

    def _quarantined(self) -> dict[str, list[int]]:
        """Return the ids of some records that could be applied again, by model."""
        rows = self.env.execute_query(
            SQL(
                f"""
                SELECT stream_model, array_agg(DISTINCT stream_id)
                FROM (SELECT stream_model, stream_id
                      FROM cqrs_projection_failure failed
                      WHERE stream_id IS NOT NULL AND NOT EXISTS (
                          SELECT FROM cqrs_projection_failure failure
                          WHERE failure.projection = failed.projection
                            AND {IS_BROKEN})
                      ORDER BY random() LIMIT %s) failed
                GROUP BY stream_model
                """,
                BATCH_SIZE,
            )
        )
        return dict(rows)
