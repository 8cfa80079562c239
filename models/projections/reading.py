"""Reading a projection through the ORM sees what the transaction has written."""

from odoo import models


class CqrsProjection(models.AbstractModel):
    _inherit = "cqrs.projection"

    # Whatever queries a table through the ORM goes through these two. What it has
    # read stays in the cache, until the transaction marks something again.

    def _search(self, *args, **kwargs):
        self.env["base"]._cqrs_capture_pending()
        return super()._search(*args, **kwargs)

    def exists(self):
        self.env["base"]._cqrs_capture_pending()
        return super().exists()

    def _forget_what_was_read(self):
        """Empty the cache of what was read of any projection."""
        # Asked at the first mark of each transaction; it is seldom that one was read.
        registry = self.env.registry
        for name in {field.model_name for field in self.env.transaction.field_data}:
            if issubclass(registry[name], registry["cqrs.projection"]):
                self.env[name].invalidate_model(flush=False)
