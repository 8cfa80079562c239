from odoo import api, fields, models

from ..event_store.part import READER


class CqrsEvent(models.Model):
    """Names the record of each event, and tells whether the reader can open it."""

    _inherit = "cqrs.event"

    record_name = fields.Char(compute="_compute_record_name")
    can_open_record = fields.Boolean(compute="_compute_record_name")

    @api.depends("stream_model", "stream_id")
    @api.depends_context("lang", *READER)
    def _compute_record_name(self):
        openable, names = {}, {}
        for model, events in self.grouped("stream_model").items():
            ids = list(set(events.mapped("stream_id")))
            found = self.env[model].browse(ids).exists() if model in self.env else ()
            openable[model] = set(found and found._filtered_access("read")._ids)
            # Administrators read the whole log, which has the names too.
            named = found and (found.sudo() if self.env.is_system() else found)
            names |= {
                (model, record.id): record.display_name
                for record in named
                if self.env.is_system() or record.id in openable[model]
            }
        names |= self._last_names(names.keys())
        for event in self:
            record = (event.stream_model, event.stream_id)
            event.can_open_record = event.stream_id in openable[event.stream_model]
            event.record_name = names.get(record) or self._unnamed(*record)

    def _last_names(self, known) -> dict[tuple[str, int], str]:
        """Return the names that deleted records had at last, by model and id.

        :param known: models and ids that are not asked for
        """
        unknown = self.filtered(lambda e: (e.stream_model, e.stream_id) not in known)
        deletions = unknown and unknown.search(
            [
                ("stream_model", "in", list(set(unknown.mapped("stream_model")))),
                ("stream_id", "in", list(set(unknown.mapped("stream_id")))),
                ("after", "=", False),
            ],
            order="id",
        )
        names = {}
        for deletion in deletions:
            model = deletion.stream_model
            path = self.env[model]._rec_name if model in self.env else "name"
            before = deletion.before or {}
            if name := before.get(path) or before.get(_NAMES.get(model)):
                text = self.env._("%(name)s (deleted)", name=name)
                names[model, deletion.stream_id] = text
        return names

    def _unnamed(self, model: str, record_id: int) -> str:
        return f"{self.env['ir.model']._get(model).name or model} #{record_id}"


#: Paths of names that are another record's
_NAMES = {"res.users": "partner_id.name"}
