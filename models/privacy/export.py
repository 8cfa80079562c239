"""The data that a person is entitled to see, as one JSON document."""

from odoo import fields
from odoo.tools import SQL, html2plaintext

from .finder import Found

#: Types of fields that are not text for people, or are other records' lists
LEFT_OUT = ("binary", "image", "one2many", "reference", "many2one_reference")

#: Models whose records are other people
OTHER_PEOPLE = ("res.users", "hr.employee")


def export(env, found: Found) -> dict:
    """Return everything that the finder has found, without other people's names.

    :return: ``{"exported_at", "records": [{"model", "id", "values"}], "messages":
        [{"date", "subject", "text"}], "files": [{"name", "type", "bytes"}], "events":
        [{"model", "id", "type", "at", "before", "after"}]}``; events have the changed
        fields as in the API, times are UTC
    """
    env = env(su=True, context={**env.context, "active_test": False})
    shown = {model: list(ids) for model, ids in found.records.items()}
    for model, kept in found.kept.items():
        shown.setdefault(model, []).extend(kept)
    return {
        "exported_at": fields.Datetime.now(),
        "records": [
            {"model": model, "id": record.id, "values": _values(record)}
            for model, ids in shown.items()
            for record in env[model].browse(ids)
        ],
        "messages": _messages(env, shown),
        "files": _files(env, shown),
        "events": _events(env, found.streams),
    }


def _values(record) -> dict:
    """Return ``{label: value}`` of the fields that are set."""
    values = {}
    for name, field in record._fields.items():
        if not field.store or field.type in LEFT_OUT or field.groups:
            continue
        if field.comodel_name in OTHER_PEOPLE or name.startswith(
            ("message_", "password")
        ):
            continue
        if value := record[name]:
            label = field.get_description(record.env, ["string"])["string"]
            values[label] = _value(field, value)
    return values


def _value(field, value):
    match field.type:
        case "many2one":
            return value.display_name
        case "many2many":
            return value.mapped("display_name")
        case "html":
            return html2plaintext(value)
        case "properties":
            return dict(value)
        case _:
            return value


def _messages(env, shown: dict) -> list[dict]:
    """Return the chatter of the records, notes for colleagues included."""
    rows = []
    for model, ids in shown.items():
        domain = [("model", "=", model), ("res_id", "in", ids)]
        for message in env["mail.message"].search(domain, order="id"):
            tracked = [
                {"before": value.old_value_char, "after": value.new_value_char}
                for value in message.tracking_value_ids
                if value.old_value_char or value.new_value_char
            ]
            rows.append(
                {
                    "date": message.date,
                    "subject": message.subject or None,
                    "text": html2plaintext(message.body or ""),
                    "changes": tracked,
                }
            )
    return rows


def _files(env, shown: dict) -> list[dict]:
    return [
        {"name": each.name, "type": each.mimetype, "bytes": each.file_size}
        for model, ids in shown.items()
        for each in env["ir.attachment"].search(
            [("res_model", "=", model), ("res_id", "in", ids)], order="id"
        )
    ]


def _events(env, streams: dict) -> list[dict]:
    rows = []
    for model, ids in streams.items():
        rows += env.execute_query_dict(
            SQL(
                """
                SELECT stream_model AS model, stream_id AS id, type,
                       occurred_at AS at, before, after, personal
                FROM cqrs_event
                WHERE stream_model = %s AND stream_id = ANY(%s)
                ORDER BY stream_id, version
                """,
                model,
                list(ids),
            )
        )
    for row in rows:
        personal = row.pop("personal") or {}
        for side in ("before", "after"):
            if row[side] is not None:
                row[side] |= personal.get(side) or {}
    return rows
