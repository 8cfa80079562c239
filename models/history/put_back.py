"""Putting back what a person changed: a new write of the values of before.

It is a write and an event like any other. The values are compared in the transaction
that writes: if somebody else has written the record since its snapshot, PostgreSQL
refuses the write (40001), and Odoo asks again.
"""

from datetime import date, datetime

from odoo import SUPERUSER_ID, Command, api, models
from odoo.fields import Datetime
from odoo.tools import SQL

from ..event_store.part import REMOVED
from ..event_store.personal import ERASED
from ..event_store.state import state
from .changes import describe_changes

#: Models whose changes can be put back
_MODELS = ("crm.lead",)
#: Types of the fields that can be
_TYPES = {
    "boolean",
    "char",
    "date",
    "datetime",
    "float",
    "html",
    "integer",
    "many2many",
    "many2one",
    "monetary",
    "selection",
    "text",
}
#: Fields that record a step, which Odoo's own buttons take
_STEPS = ("type",)
#: Fields that Odoo computes where they are empty alone: a change of one is a person's
_COMPUTED_ONCE = ("name", "stage_id")


class CqrsHistory(models.AbstractModel):
    _inherit = "cqrs.history"

    @api.model
    def read_comparison(self, model: str, record_id: int, version: int) -> dict:
        """Return what a person changed with an event, and what it is now.

        :return: ``{version, fields}``; a field is ``{path, label, type, before, after,
            now, state}``, the values as of ``describe_changes``. ``state`` is "same"
            if it still has the value of the event, so that it can be put back,
            "changed" if not, and "gone" if the former value is no longer there to
            choose. No fields, if none was written by a person, or the user may write
            none.
        :raise AccessError: as ``read_page`` does
        """
        return self._compared(model, record_id, version)[0]

    @api.model
    def put_back(
        self, model: str, record_id: int, version: int, paths: list[str]
    ) -> dict:
        """Write the values that fields had before an event, all of them or none.

        :param paths: of fields whose ``state`` is "same"
        :return: ``{is_done, version, fields}``: nothing was written unless ``is_done``,
            and the fields tell why, see ``read_comparison``
        :raise AccessError: the user may not write the record
        """
        comparison, values = self._compared(model, record_id, version)
        is_possible = bool(paths) and set(paths) <= values.keys()
        if is_possible:
            record = self.env[model].browse(int(record_id))
            record.write({path: values[path] for path in paths})
        return {"is_done": is_possible, **comparison}

    def _entry(self, event, changes: list[dict]) -> dict:
        entry = super()._entry(event, changes)
        return {**entry, "can_put_back": bool(self._written(event, changes))}

    def _compared(self, model: str, record_id: int, version: int):
        """Return the comparison, and the values to write by path."""
        record_id, version = int(record_id), int(version)
        self._check_reader(model, record_id)
        event = self._log().search(
            [
                ("stream_model", "=", model),
                ("stream_id", "=", record_id),
                ("version", "=", version),
            ]
        )
        [changes] = describe_changes(self.env, event) if event else [[]]
        written = self._written(event, changes) if event else []
        fields, values = [], {}
        if written:
            record = self.env[model].browse(record_id)
            now = self._now(record, [change["path"] for change in written])
            texts = self._texts(event, now)
            for change in written:
                path = change["path"]
                is_same = now.get(path) == event.after.get(path)
                value = self._to_write(record, path, event.before.get(path))
                if is_same and value is not None:
                    values[path] = value
                fields.append(
                    {
                        **change,
                        "now": texts.get(path, ""),
                        "state": "changed"
                        if not is_same
                        else "gone"
                        if value is None
                        else "same",
                    }
                )
        return {"version": version, "fields": fields}, values

    def _written(self, event, changes: list[dict]) -> list[dict]:
        """Return those of the changes of an event that a person made by writing."""
        if not changes or not self._is_of_a_person(event):
            return []
        record = self.env[event.stream_model].browse(event.stream_id).exists()
        if not record or not record.has_access("write"):
            return []
        changed = {change["path"] for change in changes}
        return [
            change
            for change in changes
            if self._is_writable(record, change["path"], changed)
        ]

    def _is_of_a_person(self, event) -> bool:
        users = (event.user_id | event.acting_user_id).exists()
        return (
            event.stream_model in _MODELS
            and event.origin == "orm"
            # Neither a creation nor a deletion
            and event.before is not False
            and event.after is not False
            and event.type not in (ERASED, REMOVED)
            and not (event.details or {}).get("merged_from")
            and bool(event.user_id)
            and SUPERUSER_ID not in users.ids
            and all(user._is_internal() for user in users)
        )

    def _is_writable(self, record, path: str, changed: set[str]) -> bool:
        field = record._fields.get(path)
        return (
            field is not None
            and field.type in _TYPES
            and field.store
            and not field.readonly
            and not field.related
            and not field.translate
            and path not in _STEPS
            and record._has_field_access(field, "write")
            and not (
                field.compute
                and path not in _COMPUTED_ONCE
                and changed & self._follows(record, path, set())
            )
        )

    def _follows(self, record, name: str, seen: set[str]) -> set[str]:
        """Return the fields of a record from which a computed one follows."""
        for dependency in self.pool.field_depends[record._fields[name]]:
            source = dependency.partition(".")[0]
            if source != name and source not in seen and source in record._fields:
                seen.add(source)
                self._follows(record, source, seen)
        return seen

    def _now(self, record, paths: list[str]) -> dict:
        """Return the present values, in the form of a recorded state."""
        record.flush_recordset()
        [(now,)] = self.env.execute_query(
            SQL(
                "SELECT %s FROM %s t WHERE t.id = %s",
                state(record.browse(), paths),
                SQL.identifier(record._table),
                record.id,
            )
        )
        return now

    def _texts(self, event, values: dict) -> dict[str, str]:
        """Return values as texts, by path; those that are empty are left out."""
        # An event that none has recorded, of the same record
        present = self._log().new(
            {
                "stream_model": event.stream_model,
                "stream_id": event.stream_id,
                "after": values,
            }
        )
        [texts] = describe_changes(self.env, present)
        return {text["path"]: text["after"] for text in texts}

    def _to_write(self, record, path: str, value):
        """Return a recorded value as ``write`` takes it; None if it cannot."""
        field = record._fields[path]
        try:
            match field.type:
                case "many2one" | "many2many":
                    return self._relation(field, value)
                case "selection" if value is not None:
                    names = dict(field._description_selection(self.env))
                    return value if value in names else None
                case "datetime" if value is not None:
                    time = datetime.fromisoformat(value.removesuffix("Z"))
                    return Datetime.to_string(time)
                case "date" if value is not None:
                    return date.fromisoformat(value).isoformat()
                case "float" | "monetary" | "integer":
                    return None if isinstance(value, str) else value or 0
                case "boolean":
                    return bool(value)
        except (TypeError, ValueError, AttributeError):
            # The field had another type when this was recorded, or Odoo cannot read it.
            return None
        return value if isinstance(value, str) else False

    def _relation(self, field, value):
        ids = value if isinstance(value, list) else [value] if value else []
        found = self.env[field.comodel_name].browse(ids).sudo().exists()
        if len(found) != len(ids):
            return None
        if field.type == "many2many":
            return [Command.set(found.ids)]
        return found.id
