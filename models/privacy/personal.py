"""Personal fields of Odoo's records: their values, and a record without them."""

from odoo import models

#: Types of fields that count as personal unless a field is named below
TYPES = ("char", "text", "html", "json", "properties", "binary", "image")

#: Fields that say where a person lives or whom the person knows, by model
LINKS = {
    "res.partner": (
        "parent_id",
        "title",
        "state_id",
        "country_id",
        "category_id",
        "partner_latitude",
        "partner_longitude",
        "bank_ids",
    ),
    "crm.lead": ("partner_id", "title", "state_id", "country_id", "lang_id"),
}

#: Texts that Odoo itself writes, of which none is about a person
TECHNICAL = ("lang", "tz", "type", "company_registry_label", "email_state")


def personal_fields(model) -> list[str]:
    """Return the names of the fields of a model that may tell of a person.

    :param model: an empty recordset
    """
    names = [
        name
        for name, field in model._fields.items()
        if (field.store or field.type in ("binary", "image"))
        and field.type in TYPES
        and name not in TECHNICAL
        and not field.related
        and name not in models.MAGIC_COLUMNS
    ]
    names += [name for name in LINKS.get(model._name, ()) if name in model._fields]
    return names


def empty(records):
    """Take the personal values out of records that Odoo refuses to delete.

    Whatever is computed of them follows. A name that Odoo requires becomes
    ``Forgotten #12``.
    """
    records = records.with_context(
        tracking_disable=True, mail_notrack=True, active_test=False
    )
    for record in records:
        values = {}
        for name in personal_fields(record.browse()):
            field = record._fields[name]
            if field.compute and field.readonly or not record[name]:
                continue
            if field.required or name == record._rec_name:
                values[name] = record.env._("Forgotten #%s", record.id)
            elif field.type in ("one2many", "many2many"):
                values[name] = [(5,)]
            else:
                values[name] = False
        if "active" in record._fields:
            values["active"] = False
        record.write(values)
    records.flush_recordset()
