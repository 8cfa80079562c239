"""Read your own writes: the ORM captures what is pending before it reads."""

from odoo import models


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    # Every query of the ORM goes through these two methods. The cache keeps the result
    # until the transaction marks something again.

    def _search(self, *args, **kwargs):
        self.env["base"]._cqrs_capture_pending()
        return super()._search(*args, **kwargs)

    def exists(self):
        self.env["base"]._cqrs_capture_pending()
        return super().exists()

    def _forget_what_was_read(self):
        """Empty the cache of all projections."""
        # Called at the first mark of each transaction; few have read a projection.
        registry = self.env.registry
        for name in {field.model_name for field in self.env.transaction.field_data}:
            if issubclass(registry[name], registry["cqrs.projection"]):
                self.env[name].invalidate_model(flush=False)
