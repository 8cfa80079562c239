"""The groups by which the metrics can be read, and the labels of each."""

from odoo import models
from odoo.tools import SQL

from ..opportunities.stages import stages

#: ``{by: (dimension of the sums, column)}``
GROUPINGS = {
    "stage": ("stage", "stage_id"),
    "salesperson": ("owner", "user_id"),
    "month": ("month", "month"),
}


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    def _labelled(self, by: str, groups: dict) -> list[tuple]:
        """Return ``(label, rows)`` of each group, in order of the labels.

        The group without a stage, salesperson or month comes last, with the label None.
        """
        labels = getattr(self, f"_label_{by}")([key for key in groups if key])
        if None in groups:
            labels[None] = None
        return [(label, groups[key]) for key, label in labels.items()]

    def _label_stage(self, ids: list[int]) -> dict[int, dict]:
        names = stages(self.env)
        # Unknown stages come behind those of the pipeline.
        known = [id_ for id_ in names if id_ in ids]
        return {
            id_: {"id": id_, "name": names.get(id_)}
            for id_ in dict.fromkeys([*known, *sorted(ids)])
        }

    def _label_salesperson(self, ids: list[int]) -> dict[int, dict]:
        self.env.cr.execute(
            SQL(
                """
                SELECT uuid AS id, salesperson.id AS user_id, name, email
                FROM unnest(%s::integer[]) AS salesperson (id)
                LEFT JOIN cqrs_user_profile profile USING (id)
                ORDER BY name, salesperson.id
                """,
                ids,
            )
        )
        return {row["user_id"]: row for row in self.env.cr.dictfetchall()}

    def _label_month(self, months: list) -> dict:
        # strftime() gives the year 1 one digit.
        return {month: month.isoformat()[:7] for month in sorted(months)}
