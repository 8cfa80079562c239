from odoo import models

from ..access.viewers import DOCUMENTS


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    def session_info(self):
        """Return the session with the documents that the user may read: room is kept.

        ``crm_cqrs_documents`` has some of ``DOCUMENTS``; their figures are read later.
        """
        access = self.env["cqrs.access"]
        return super().session_info() | {
            "crm_cqrs_documents": [
                model for model in DOCUMENTS if access._may_read(self.env.uid, model)
            ]
        }
