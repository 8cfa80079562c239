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
        for projection in self._projections():
            projection.invalidate_model(flush=False)
