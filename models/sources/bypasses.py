"""Code of Odoo itself that changes captured records behind the ORM's back."""

from odoo import api, models


class CrmLead(models.Model):
    _inherit = "crm.lead"

    def _update_automated_probabilities(self):
        # Odoo writes in SQL here, in transactions of its own.
        result = super()._update_automated_probabilities()
        self.env.ref("crm_cqrs.ir_cron_reconcile").sudo()._trigger()
        return result


class MergePartner(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _update_foreign_keys_generic(self, model, src_records, dst_record):
        # Odoo rewrites every foreign key in SQL; afterwards nothing tells which ones.
        src_records._cqrs_mark_referrers()
        if model in self.env["cqrs.event"]._sources():
            merged = dst_record._cqrs_marks(model).merged
            merged[dst_record.id].update(src_records._ids)
        return super()._update_foreign_keys_generic(model, src_records, dst_record)


class IrModuleModule(models.Model):
    _inherit = "ir.module.module"

    @api.model
    def _load_module_terms(self, modules, langs, overwrite=False):
        # Odoo writes translations in SQL, those of any record.
        result = super()._load_module_terms(modules, langs, overwrite)
        self.env["cqrs.event"]._mark_translated()
        return result


class BaseLanguageImport(models.TransientModel):
    _inherit = "base.language.import"

    def import_lang(self):
        result = super().import_lang()
        self.env["cqrs.event"]._mark_translated()
        return result


class CqrsEvent(models.Model):
    _inherit = "cqrs.event"

    @api.model
    def _mark_translated(self):
        """Mark all records of the captured models that have translated fields."""
        for name, source in self._sources().items():
            model = self.env[name]
            if any(
                model._fields[path].translate
                for path in source.fields
                if path in model._fields
            ):
                # Any record may have a translation.
                every = model.sudo().with_context(active_test=False)
                records = every.search([])  # pylint: disable=no-search-all
                watch = self._watches()[name]
                records._cqrs_mark(watch)
                records._cqrs_note_writer(watch)
