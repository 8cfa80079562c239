"""What an event changed, in a person's language: labels, names, dates, amounts."""

from datetime import datetime

from odoo.fields import Datetime
from odoo.tools import format_amount, format_date, html2plaintext
from odoo.tools.misc import formatLang


def describe_changes(
    env, model_name: str, record_id: int, before: dict | None, after: dict | None
) -> list[dict]:
    """Return ``[{path, label, type, before, after}]`` of the changed fields, as texts.

    In the language of ``env``, empty where a field was or became empty; a value of
    ``type`` datetime in UTC as Odoo writes it, since browsers show it in their own
    time zone. Fields that the user may not read are left out. The log outlives what
    it speaks of: a field or record that is no more is shown as it was stored.
    """
    before, after = before or {}, after or {}
    order = _declared_order(env, model_name)
    record = model_name in env and env[model_name].browse(record_id).sudo().exists()
    changes = []
    for path in sorted(before.keys() | after.keys(), key=lambda p: order.get(p, 1000)):
        fields = _resolve(env, model_name, path)
        if fields is None:
            continue
        old, new = (
            _text(env, fields[-1], values.get(path), _currency(env, values, record))
            if fields
            else str(values.get(path, ""))
            for values in (before, after)
        )
        if old != new:
            label = " / ".join(_label(env, field) for field in fields) or path
            changes.append(
                {
                    "path": path,
                    "label": label,
                    "type": fields[-1].type if fields else "char",
                    "before": old,
                    "after": new,
                }
            )
    return changes


def record_name(env, model_name: str, record_id: int | None) -> str:
    """Return the name of a record, whoever may read it, or its id once deleted."""
    if not record_id:
        return ""
    if record := env[model_name].browse(record_id).sudo().exists():
        return record.display_name
    return env._("#%(id)s (deleted)", id=record_id)


def _declared_order(env, model_name: str) -> dict[str, int]:
    source = env[model_name]._cqrs_source if model_name in env else None
    return {path: rank for rank, path in enumerate(source.fields if source else ())}


def _resolve(env, model_name: str, path: str) -> list | None:
    """Return the fields along a path; none if it is no more, None if forbidden."""
    fields = []
    for fname in path.split("."):
        if model_name not in env or fname not in env[model_name]._fields:
            return []
        field = env[model_name]._fields[fname]
        if not env[model_name]._has_field_access(field, "read"):
            return None
        fields.append(field)
        model_name = field.comodel_name
    return fields


def _label(env, field) -> str:
    return field.get_description(env, ["string"])["string"]


def _currency(env, values: dict, record):
    """Return the currency that amounts beside ``values`` were in, None if unknown."""
    if currency_id := values.get("company_id.currency_id"):
        return env["res.currency"].browse(currency_id).sudo().exists()
    if record and "company_id" in record._fields:
        return (record.company_id or env.company).sudo().currency_id
    return None


def _text(env, field, value, currency) -> str:
    if value is None:
        return ""
    try:
        return _format(env, field, value, currency)
    except (TypeError, ValueError, AttributeError, KeyError):
        # The field had another type when this was recorded.
        return str(value)


def _format(env, field, value, currency) -> str:
    match field.type:
        case "boolean":
            return env._("Yes") if value else env._("No")
        case "selection":
            return dict(field._description_selection(env)).get(value, str(value))
        case "many2one":
            return record_name(env, field.comodel_name, value)
        case "many2many":
            return ", ".join(record_name(env, field.comodel_name, id_) for id_ in value)
        case "date":
            return format_date(env, value)
        case "datetime":
            return Datetime.to_string(datetime.fromisoformat(value.removesuffix("Z")))
        case "monetary" if currency:
            return format_amount(env, value, currency)
        case "monetary" | "float":
            digits = field.get_digits(env) if field.type == "float" else None
            return formatLang(env, value, digits=digits[1] if digits else 2)
        case "html":
            return html2plaintext(_translated(env, value))
        case _:
            return str(_translated(env, value))


def _translated(env, value):
    if isinstance(value, dict):
        return value.get(env.lang) or value.get("en_US") or ""
    return value
