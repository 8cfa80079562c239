"""The changes of events in a person's language: labels, names, dates, amounts."""

from collections import defaultdict
from datetime import datetime
from functools import cache
from xmlrpc.client import MAXINT

from odoo.fields import Datetime
from odoo.tools import format_amount, format_date, html2plaintext
from odoo.tools.misc import formatLang


def describe_changes(env, events) -> list[list[dict]]:
    """Return the changed fields of each event as texts.

    A change is ``{path, label, type, before, after}``, in the language of ``env``. An
    empty value is an empty text; a value of ``type`` datetime is in UTC as Odoo writes
    it, since browsers show it in their own time zone. Fields that the user may not read
    are left out. The log outlives fields and records: the value of a deleted one is
    shown as it was stored. Where a part of the log is read (``event_store/part.py``),
    records of other companies have no names.

    :param events: ``cqrs.event`` records, which may have another environment
    """
    part = events._part()
    describer = _Describer(env, part and set(part.company_ids))
    describer.look_up(events)
    return [describer.describe(event) for event in events]


class _Describer:
    """Describes events after looking up all their records at once."""

    def __init__(self, env, company_ids: set[int] | None):
        self.env = env
        self._company_ids = company_ids
        self._records: dict[str, dict] = {}
        self._hidden: dict[str, set[int]] = {}
        # The events are many, their different fields few.
        self._fields = cache(self._resolve)
        self._rank = cache(self._declared_order)
        self._label = cache(self._labels)
        self._selection = cache(
            lambda field: dict(field._description_selection(self.env))
        )

    def look_up(self, events):
        """Find the records that the events refer to, in one query for each model."""
        ids = defaultdict(set)
        for event in events:
            ids[event.stream_model].add(event.stream_id)
            for path, value in _values(event):
                if path == "company_id.currency_id":
                    ids["res.currency"].update(_ids(value))
                elif (fields := self._fields(event.stream_model, path)) and (
                    comodel := fields[-1].comodel_name
                ):
                    ids[comodel].update(_ids(value))
        for model, wanted in ids.items():
            if model in self.env:
                found = self.env[model].browse(wanted).sudo().exists()
                self._hidden[model] = set(found.ids)
                found = self._of_companies(found)
                self._hidden[model].difference_update(found.ids)
                self._records[model] = {record.id: record for record in found}

    def _of_companies(self, records):
        """Return those of some records that may be named in this part of the log."""
        if self._company_ids is None:
            return records
        if records._name == "res.company":
            return records.filtered(lambda each: each.id in self._company_ids)
        name = "company_ids" if records._name == "res.users" else "company_id"
        field = records._fields.get(name)
        if field is None or field.comodel_name != "res.company":
            return records
        return records.filtered(
            lambda each: not each[name] or self._company_ids & set(each[name].ids)
        )

    def describe(self, event) -> list[dict]:
        before, after = event.before or {}, event.after or {}
        model_name = event.stream_model
        order = self._rank(model_name)
        record = self._record(model_name, event.stream_id)
        sides = [(values, self._currency(values, record)) for values in (before, after)]
        changes = []
        for path in sorted(
            before.keys() | after.keys(), key=lambda p: (order.get(p, 1000), p)
        ):
            fields = self._fields(model_name, path)
            if fields is None:
                continue
            old, new = (
                self._text(fields[-1], values.get(path), currency, record)
                if fields
                else str(values.get(path, ""))
                for values, currency in sides
            )
            if old != new:
                changes.append(
                    {
                        "path": path,
                        "label": self._label(model_name, path),
                        "type": fields[-1].type if fields else "char",
                        "before": old,
                        "after": new,
                    }
                )
        return changes

    def _record(self, model_name: str, record_id: int):
        """Return a record, None if it is deleted."""
        [record_id] = _ids(record_id) or [None]
        return self._records.get(model_name, {}).get(record_id)

    def _name(self, model_name: str, record_id: int | None) -> str:
        """Return the name of a record, even a hidden one; the id of a deleted one."""
        if not record_id:
            return ""
        if record := self._record(model_name, record_id):
            return record.display_name
        if record_id in self._hidden.get(model_name, ()):
            return f"#{record_id}"
        return self.env._("#%(id)s (deleted)", id=record_id)

    def _declared_order(self, model_name: str) -> dict[str, int]:
        source = self.env["cqrs.event"]._sources().get(model_name)
        return {path: rank for rank, path in enumerate(source.paths if source else ())}

    def _resolve(self, model_name: str, path: str) -> list | None:
        """Return the fields along a path; [] if one is missing, None if forbidden."""
        fields = []
        for fname in path.split("."):
            model = self.env.get(model_name)
            if model is None or fname not in model._fields:
                return []
            field = model._fields[fname]
            if not model._has_field_access(field, "read"):
                return None
            fields.append(field)
            model_name = field.comodel_name
        return fields

    def _labels(self, model_name: str, path: str) -> str:
        fields = self._fields(model_name, path)
        names = (field.get_description(self.env, ["string"]) for field in fields)
        return " / ".join(name["string"] for name in names) or path

    def _currency(self, values: dict, record):
        """Return the currency of the amounts among ``values``, None if unknown."""
        if currency_id := values.get("company_id.currency_id"):
            return self._record("res.currency", currency_id)
        if record and "company_id" in record._fields:
            return (record.company_id or self.env.company).sudo().currency_id
        return None

    def _text(self, field, value, currency, record) -> str:
        if value is None:
            return ""
        try:
            if field.type == "properties":
                return self._properties(field, value, record)
            return self._format(field, value, currency)
        except (TypeError, ValueError, AttributeError, KeyError, ArithmeticError):
            # The field had another type when this was recorded.
            return str(value)

    def _properties(self, field, values: dict, record) -> str:
        """Return ``label: value`` of each property, as the record defines them now."""
        container = record and record.sudo()[field.definition_record]
        definitions = {
            each["name"]: each
            for each in (container and container[field.definition_record_field]) or ()
        }
        texts = []
        for name in sorted(values, key=[*definitions, *values].index):
            value = values[name]
            if value not in (None, False, "", []):
                definition = definitions.get(name, {})
                text = self._property(definition, value)
                texts.append(f"{definition.get('string') or name}: {text}")
        return ", ".join(texts)

    def _property(self, definition: dict, value) -> str:
        env = self.env
        if value is True:
            return env._("Yes")
        choices = definition.get("selection") or definition.get("tags") or ()
        names = {choice[0]: choice[1] for choice in choices}
        values = value if isinstance(value, list) else [value]
        comodel = definition.get("comodel")
        if comodel in env:
            records = env[comodel].sudo().browse(_ids(value)).exists()
            records = self._of_companies(records)
            names = {record.id: record.display_name for record in records}
        return ", ".join(str(names.get(each, each)) for each in values)

    def _format(self, field, value, currency) -> str:
        env = self.env
        match field.type:
            case "boolean":
                return env._("Yes") if value else env._("No")
            case "selection":
                return self._selection(field).get(value, str(value))
            case "many2one":
                return self._name(field.comodel_name, value)
            case "many2many":
                return ", ".join(self._name(field.comodel_name, id_) for id_ in value)
            case "date":
                return format_date(env, value)
            case "datetime":
                return Datetime.to_string(
                    datetime.fromisoformat(value.removesuffix("Z"))
                )
            case "monetary" if currency:
                return format_amount(env, value, currency)
            case "monetary" | "float":
                digits = field.get_digits(env) if field.type == "float" else None
                return formatLang(env, value, digits=digits[1] if digits else 2)
            case "integer":
                return formatLang(env, value, digits=0)
            case "html":
                return html2plaintext(_translated(env, value))
            case _:
                return str(_translated(env, value))


def _values(event):
    """Yield ``(path, value)`` of an event's values, before and after."""
    for values in (event.before, event.after):
        yield from (values or {}).items()


def _ids(value) -> list[int]:
    """Return the ids in a relation's value, which an older field may have written."""
    values = value if isinstance(value, list) else [value]
    return [each for each in values if type(each) is int and 0 < each <= MAXINT]


def _translated(env, value):
    if isinstance(value, dict):
        return value.get(env.lang) or value.get("en_US") or ""
    return value
