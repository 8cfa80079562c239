"""A tail that has grown at once is folded at once."""

from odoo import api, models

#: Changes in one transaction that are not left to the cron's next minute
MANY = 1000


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    @api.model
    def _apply_changes(self, changed, ended):
        result = super()._apply_changes(changed, ended)
        # While the addon is installed nobody reads yet, nor may a thread of the first
        # build make an environment.
        if len(changed.get("crm.lead", ())) >= MANY and self.env.registry.ready:
            cron = self.env.ref(
                "crm_cqrs.ir_cron_fold_metrics", raise_if_not_found=False
            )
            if cron:
                cron.sudo()._trigger()
        return result
