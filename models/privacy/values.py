"""The values by which a search tells whether something of a person is left."""

import re

from odoo.tools import SQL

from .finder import Found
from .personal import personal_fields

#: Fields whose values many people share
SHARED = ("city", "zip", "function", "title", "website", "street2", "lang")

#: Characters from which on a value says something: a name, and a part of a longer text
MIN_LENGTH = 4
MIN_LENGTH_IN_TEXT = 12

#: Number of values from which on the longest are looked for
MAX_VALUES = 500

# JSON, HTML and the text of a row write these in other ways, so they part a value.
_PARTS = re.compile(r"[\"\\\n\r\t<>&]+")


def values_of(env, found: Found) -> list[str]:
    """Return the texts that this person alone has: in Odoo's records and in the log.

    A value that another record has in the same field is none: to find it there proves
    nothing.
    """
    env = env(su=True, context={**env.context, "active_test": False})
    own = {}
    for model in sorted({*found.records, *found.streams}):
        records = env[model].browse(found.records.get(model, ())).exists()
        for name, values in _of_records(records).items():
            own.setdefault((model, name), set()).update(values)
        streams = _own_streams(env, model, found)
        for name, values in _of_events(env, model, streams).items():
            own.setdefault((model, name), set()).update(values)
    parts = set(found.emails)
    for (model, name), values in own.items():
        for value in values - _of_others(env, model, name, values, found):
            parts.update(parts_of(value))
    return sorted(parts, key=lambda part: (-len(part), part))[:MAX_VALUES]


def parts_of(text: str) -> list[str]:
    """Return the parts of a text that are written alike everywhere, in small letters.

    >>> parts_of("Ann Lee")
    ['ann lee']
    >>> parts_of('<p>Ring "Ann" at number 10 only</p>')
    ['at number 10 only']
    """
    parts = [part.strip().lower() for part in _PARTS.split(text)]
    at_least = MIN_LENGTH if len(parts) == 1 else MIN_LENGTH_IN_TEXT
    return [part for part in parts if len(part) >= at_least]


def _of_records(records) -> dict[str, set[str]]:
    found = {}
    for name in personal_fields(records.browse()):
        field = records._fields[name]
        if name not in SHARED and field.column_type and field.type != "binary":
            texts = {
                text for value in records.mapped(name) for text in strings_of(value)
            }
            if texts:
                found[name] = texts
    return found


def _own_streams(env, model: str, found: Found) -> list[int]:
    """Return the streams of the person's own records, deleted ones included."""
    rows = env.execute_query(
        SQL(
            "SELECT stream_id FROM cqrs_stream"
            " WHERE stream_model = %s AND stream_id = ANY(%s)"
            " AND (state IS NULL OR stream_id = ANY(%s))",
            model,
            found.streams.get(model, []),
            found.records.get(model, []),
        )
    )
    return [id_ for (id_,) in rows]


def _of_events(env, model: str, stream_ids) -> dict[str, set[str]]:
    """Return ``{field: values}`` in the events of some records."""
    names = [name for name in personal_fields(env[model]) if name not in SHARED]
    rows = env.execute_query(
        SQL(
            """
            SELECT DISTINCT each.key, each.value
            FROM cqrs_event event
            CROSS JOIN unnest(ARRAY[before, after, personal -> 'before',
                                    personal -> 'after']) AS part
            CROSS JOIN jsonb_each(
                CASE WHEN jsonb_typeof(part) = 'object' THEN part ELSE '{}' END) AS each
            WHERE stream_model = %s AND stream_id = ANY(%s)
              AND (each.key = ANY(%s) OR each.key LIKE '%%.%%'
                   OR jsonb_exists(personal -> 'before', each.key)
                   OR jsonb_exists(personal -> 'after', each.key))
            """,
            model,
            stream_ids,
            names,
        )
    )
    found = {}
    for name, value in rows:
        if name not in SHARED:
            found.setdefault(name, set()).update(strings_of(value))
    return {name: values for name, values in found.items() if values}


def strings_of(value) -> list[str]:
    """Return the strings in a value of any field."""
    match value:
        case str():
            return [value]
        case dict():
            return [each for part in value.values() for each in strings_of(part)]
        case list() | tuple():
            return [each for part in value for each in strings_of(part)]
        case _:
            return []


def _of_others(env, model: str, path: str, values: set[str], found: Found) -> set[str]:
    """Return the values that a record of somebody else has in the same field."""
    name, __, target = path.partition(".")
    field = env[model]._fields.get(name)
    if target and field is not None:
        model, name = field.comodel_name, target
        field = env[model]._fields.get(name)
    if field is None or not field.column_type or field.translate:
        return set()
    if field.type not in ("char", "text", "html"):
        return set()
    ids = [*found.records.get(model, ()), *found.kept.get(model, ())]
    column = SQL.identifier(name)
    rows = env.execute_query(
        SQL(
            "SELECT DISTINCT %s FROM %s WHERE %s = ANY(%s) AND id <> ALL(%s)",
            column,
            SQL.identifier(env[model]._table),
            column,
            sorted(values),
            ids,
        )
    )
    return {value for (value,) in rows}
