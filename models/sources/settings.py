"""The setting that leaves custom fields of declared models out of the log."""

from odoo import fields, models
from odoo.fields import Domain


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    # Not stored: Odoo's uninstall would leave rows about the table between.
    cqrs_left_out_ids = fields.Many2many(
        "ir.model.fields",
        string="Fields Left Out of the Log",
        compute="_compute_cqrs_left_out_ids",
        inverse="_inverse_cqrs_left_out_ids",
        readonly=False,
        domain="[('id', 'in', cqrs_custom_field_ids)]",
    )
    cqrs_custom_field_ids = fields.Many2many(
        "ir.model.fields", compute="_compute_cqrs_left_out_ids"
    )

    def _compute_cqrs_left_out_ids(self):
        log = self.env["cqrs.event"]
        custom = {model: log._undeclared(model) for model in log._declared_sources()}
        left_out = self.env["cqrs.source"].sudo()._left_out()
        for settings in self:
            settings.cqrs_custom_field_ids = self._cqrs_fields(custom)
            settings.cqrs_left_out_ids = (
                self._cqrs_fields(left_out) & settings.cqrs_custom_field_ids
            )

    def _inverse_cqrs_left_out_ids(self):
        sources = self.env["cqrs.source"].sudo().search([("addon", "!=", False)])
        for source in sources:
            chosen = self.cqrs_left_out_ids.filtered(
                lambda field, source=source: field.model == source.model
            )
            left_out = set(chosen.mapped("name"))
            if left_out != set(source.field_ids.filtered("is_left_out").mapped("path")):
                source._leave_out(left_out)
        self.env.ref("crm_cqrs.ir_cron_run").sudo()._trigger()

    def _cqrs_fields(self, paths: dict[str, set[str]]):
        """Return the fields of some models, by their names."""
        named = [
            Domain("model", "=", model) & Domain("name", "in", list(names))
            for model, names in paths.items()
            if names
        ]
        return self.env["ir.model.fields"].sudo().search(Domain.OR(named))
