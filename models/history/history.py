from odoo import api, fields, models
from odoo.exceptions import AccessError

from ..event_store.part import OF_COMPANIES
from .changes import describe_changes
from .sentences import reasons, sentences

PAGE_SIZE = 20


class CqrsHistory(models.AbstractModel):
    """The timeline of a record, for every user who may read that record.

    It tells what happened while the record was in the user's companies, or in none.
    Other screens show the log to administrators alone.
    """

    _name = "cqrs.history"
    _description = "Record History"

    @api.model
    def read_page(
        self,
        model: str,
        record_id: int,
        before: int | None = None,
        limit: int | None = None,
    ) -> dict:
        """Return ``{entries, more}``, the newest of a record's events first.

        An entry is ``{version, type, occurred_at, user, sentences, reasons,
        changes}``: ``occurred_at`` in UTC as Odoo writes it, ``user`` as ``{id,
        name}`` or False, ``changes`` by ``describe_changes``. Fields
        that the user may not read are left out.

        :param before: only events before this version
        :param limit: at most so many events, and no more than ``PAGE_SIZE``
        :raise AccessError: the user may not read the record, or is of the portal; or it
            is deleted, and the user is no administrator
        """
        self._check_reader(model, record_id)
        size = PAGE_SIZE if limit is None else max(1, min(int(limit), PAGE_SIZE))
        events = self._events(model, record_id, before, size + 1)
        page = events[:size]
        changes = describe_changes(self.env, page)
        return {
            "entries": list(map(self._entry, page, changes)),
            "more": len(events) > size,
        }

    def _check_reader(self, model: str, record_id: int):
        # The portal shows people their own documents as they are, not who did what.
        if not self.env.user._is_internal():
            raise AccessError(self.env._("Only internal users can see a history."))
        if model in self.env["cqrs.event"]._captured():
            record = self.env[model].browse(int(record_id))
            if record.exists():
                record.check_access("read")
                return
        if not self.env.user.has_group("base.group_system"):
            raise AccessError(
                self.env._(
                    "Only administrators can see the history of a deleted record."
                )
            )

    def _events(self, model: str, record_id: int, before: int | None, limit: int):
        domain = [("stream_model", "=", model), ("stream_id", "=", record_id)]
        if before:
            domain.append(("version", "<", before))
        return self._log().search(domain, order="version desc", limit=limit)

    def _log(self):
        """Return the part of the log that the user may know."""
        log = self.env["cqrs.event"].sudo()
        if self.env.is_system():
            return log
        return log.with_context(**{OF_COMPANIES: self.env.user._get_company_ids()})

    def _entry(self, event, changes: list[dict]) -> dict:
        changed = {change["path"]: change for change in changes}
        return {
            "version": event.version,
            "type": event.type,
            "occurred_at": fields.Datetime.to_string(event.occurred_at),
            "user": self._user(event),
            "sentences": sentences(self.env, event, changed),
            "reasons": reasons(self.env, event, changed),
            "changes": changes,
        }

    def _user(self, event) -> dict | bool:
        user = (event.acting_user_id or event.user_id).exists()
        return bool(user) and {"id": user.id, "name": user.display_name}
