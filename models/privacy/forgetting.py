"""The record of erasures: who, why and how many, never what."""

from odoo import api, fields, models
from odoo.tools.misc import formatLang

from ..support.json_field import PortableJson
from .removal import DELETE, EMPTY

MODES = [
    (DELETE, "Delete, or empty where Odoo refuses"),
    (EMPTY, "Keep without personal values"),
]


class CqrsForgetting(models.Model):
    """An erasure of a person's traces, or of leads by the rule of retention.

    ``uuid`` is the id in the list outside of the database (``erasures.py``). ``counts``
    is that of ``Forgotten``.
    """

    _name = "cqrs.forgetting"
    _description = "Erasure"
    _order = "id desc"
    _rec_name = "reason"

    uuid = fields.Char("Erasure ID", required=True, readonly=True, index=True)
    reason = fields.Char(readonly=True)
    mode = fields.Selection(MODES, "Records in Odoo", readonly=True)
    user_id = fields.Many2one("res.users", "Requested By", readonly=True)
    create_date = fields.Datetime("Carried Out", readonly=True)
    counts = PortableJson(readonly=True)
    summary = fields.Char(compute="_compute_summary")

    @api.depends("counts", "mode")
    @api.depends_context("lang")
    def _compute_summary(self):
        for forgetting in self:
            forgetting.summary = self._summary(forgetting.counts or {})

    @api.model
    def _summary(self, counts: dict) -> str:
        names = self.env["ir.model"].sudo()

        def number(value):
            return value and formatLang(self.env, value, digits=0)

        def listed(numbers):
            return ", ".join(
                f"{names._get(model).name or model} ({number(count)})"
                for model, count in sorted((numbers or {}).items())
            )

        parts = [
            (self.env._("Deleted: %s"), listed(counts.get("deleted"))),
            (self.env._("Emptied: %s"), listed(counts.get("emptied"))),
            (self.env._("Kept: %s"), listed(counts.get("kept"))),
            (self.env._("Messages deleted: %s"), number(counts.get("messages"))),
            (self.env._("Events erased: %s"), number(counts.get("events"))),
        ]
        return ". ".join(text % value for text, value in parts if value)

    def action_repeat(self):
        """Repeat the erasures that a restored backup has undone."""
        return self.env["cqrs.run"].action_forget_again()
