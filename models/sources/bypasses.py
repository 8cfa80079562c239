"""Code of Odoo itself that changes captured records behind the ORM's back."""

from odoo import models


class CrmLead(models.Model):
    _inherit = "crm.lead"

    def _update_automated_probabilities(self):
        # Writes in SQL, in transactions of its own.
        result = super()._update_automated_probabilities()
        self.env.ref("crm_cqrs.ir_cron_reconcile").sudo()._trigger()
        return result


class MergePartner(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys_generic(self, model, src_records, dst_record):
        # Every foreign key is rewritten in SQL; afterwards nothing tells which were.
        src_records._cqrs_mark_referrers()
        return super()._update_foreign_keys_generic(model, src_records, dst_record)
