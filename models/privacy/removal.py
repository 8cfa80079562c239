"""Odoo's own records of a person: deleted or, where Odoo refuses, emptied."""

import json
import logging
import re
from collections import Counter

from odoo.tools import SQL

from ..support.transactions import is_raised
from .finder import address_pattern
from .personal import empty, personal_fields

_logger = logging.getLogger(__name__)

DELETE = "delete"
EMPTY = "empty"

#: Order of removal: a contact can go once its users and leads have gone
ORDER = ("res.users", "crm.lead", "res.partner")


def remove(env, records: dict[str, list[int]], mode: str) -> dict[str, Counter]:
    """Delete records, or empty them where Odoo refuses or the mode is ``EMPTY``.

    :param records: ``{model: ids}``; ids that are gone are passed over
    :return: ``{"deleted": Counter of models, "emptied": Counter of models}``
    """
    env = env(
        su=True,
        context={
            **env.context,
            "active_test": False,
            "tracking_disable": True,
            "mail_notrack": True,
        },
    )
    done = {"deleted": Counter(), "emptied": Counter()}
    models = sorted(
        records, key=lambda each: ORDER.index(each) if each in ORDER else -1
    )
    for model in models:
        for record in env[model].browse(records[model]).exists():
            if mode == DELETE and _delete(record):
                done["deleted"][model] += 1
            else:
                _remove_attached(record)
                empty(record)
                done["emptied"][model] += 1
    return done


def _delete(record) -> bool:
    """Delete a record; return False where Odoo refuses."""
    attached = _attachments(record)
    try:
        with record.env.cr.savepoint():
            record.unlink()
            attached.exists().unlink()
    except Exception as error:
        if is_raised(error):
            raise
        # The error may name the record.
        _logger.info("Odoo refuses to delete %s: %s", record, type(error).__name__)
        record.invalidate_recordset()
        return False
    return True


def _attachments(record):
    """Return the files of a record, those of its fields included."""
    attachments = record.env["ir.attachment"]
    domain = [("res_model", "=", record._name), ("res_id", "=", record.id)]
    return attachments.search(
        [*domain, "|", ("res_field", "=", False), ("id", "!=", 0)]
    )


def _remove_attached(record):
    """Delete what Odoo deletes with a record: chatter, activities, files."""
    domain = [("res_model", "=", record._name), ("res_id", "=", record.id)]
    env = record.env
    env["mail.message"].search(
        [("model", "=", record._name), ("res_id", "=", record.id)]
    ).unlink()
    env["mail.scheduled.message"].search(
        [("model", "=", record._name), ("res_id", "=", record.id)]
    ).unlink()
    env["mail.activity"].search(domain).unlink()
    _attachments(record).unlink()


def remove_written_by(env, partners: list[int], emails: tuple[str, ...]) -> int:
    """Delete the messages that the person wrote, wherever they are."""
    if not partners and not emails:
        return 0
    env = env(su=True, context={**env.context, "active_test": False})
    env.cr.flush()
    env.cr.execute(
        SQL(
            "SELECT id FROM mail_message WHERE author_id = ANY(%s)"
            " OR lower(email_from) ~ %s",
            list(partners),
            pattern(emails),
        )
    )
    messages = env["mail.message"].browse([id_ for (id_,) in env.cr.fetchall()])
    messages.unlink()
    env.cr.execute(
        SQL(
            "SELECT id FROM mail_mail"
            " WHERE lower(concat_ws(' ', email_to, email_cc, headers)) ~ %s",
            pattern(emails),
        )
    )
    env["mail.mail"].browse([id_ for (id_,) in env.cr.fetchall()]).unlink()
    # A tracking value keeps the name of a contact beside its id.
    env.cr.execute(
        SQL(
            """
            UPDATE mail_tracking_value value
            SET old_value_char = CASE WHEN old_value_integer <> ALL(%(ids)s)
                                      THEN old_value_char END,
                new_value_char = CASE WHEN new_value_integer <> ALL(%(ids)s)
                                      THEN new_value_char END
            FROM ir_model_fields field
            WHERE field.id = value.field_id AND field.relation = 'res.partner'
              AND (old_value_integer = ANY(%(ids)s) OR new_value_integer = ANY(%(ids)s))
            """,
            ids=list(partners),
        )
    )
    env.invalidate_all()
    return len(messages)


def remove_addresses(env, mentions: dict[str, list[int]], emails: tuple[str, ...]):
    """Take addresses of the person out of the texts of other records."""
    env = env(su=True, context={**env.context, "tracking_disable": True})
    address = re.compile(pattern(emails), re.IGNORECASE)
    for model, ids in mentions.items():
        for record in env[model].browse(ids).exists():
            values = {}
            for name in personal_fields(record.browse()):
                field = record._fields[name]
                if field.column_type and (value := record[name]):
                    cleaned = _without(value, address)
                    if cleaned != value:
                        values[name] = cleaned
            if values:
                record.write(values)


def _without(value, address: re.Pattern):
    if isinstance(value, str):
        return address.sub("", value)
    if isinstance(value, bytes):
        return value
    text = json.dumps(value, default=str)
    return json.loads(address.sub("", text)) if address.search(text) else value


def pattern(emails) -> str:
    """Return the regular expression that matches one of the addresses, or nothing."""
    return "|".join(map(address_pattern, sorted(emails))) or r"(?!)"
