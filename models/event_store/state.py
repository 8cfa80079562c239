"""The state of a record: the JSON object that the log keeps of it.

A state is ``{field path: value}`` of the declared fields, without nulls. Values:

* numbers as exact as they are stored; ids of many2one fields
* dates as ``YYYY-MM-DD``, times as ISO 8601 in UTC with ``Z``
* sorted arrays of ids of many2many fields
* ``{lang: text}`` of translated fields
* arrays of what children give, without nulls, too (``Source.collected``)
* a value that Odoo cannot read (``readable_values.py``) as the text that PostgreSQL
  writes: ``"NaN"``, ``"infinity"``, ``"0044-03-15 BC"``
"""

from collections.abc import Iterable

from odoo.tools import SQL, split_every

from ..support.readable_values import is_readable
from .source import Collected


def state(model, paths: Iterable[str], collected: Iterable[Collected] = ()) -> SQL:
    """Return the expression of the state of ``t``, a row of the model's table.

    :param model: an empty recordset, for the definitions of the fields
    :param paths: the declared fields, see ``Source.fields``
    :param collected: the declared parts, see ``Source.collected``
    """
    values = {path: _path_value(model, path) for path in paths}
    values |= {part.name: part.value for part in collected}
    if not values:
        return SQL("'{}'::jsonb")
    # In the order in which jsonb keeps keys, it has nothing to sort.
    pairs = [
        SQL("%s, %s", path, values[path])
        for path in sorted(values, key=lambda path: (len(path), path))
    ]
    # A function takes no more than 100 arguments.
    objects = [
        SQL("jsonb_build_object(%s)", SQL(", ").join(some))
        for some in split_every(50, pairs, list)
    ]
    return SQL("jsonb_strip_nulls(%s)", SQL(" || ").join(objects))


def _path_value(model, path: str) -> SQL:
    fname, __, target = path.partition(".")
    field = model._fields[fname]
    if not target:
        return _value(SQL.identifier("t"), field)
    comodel = model.env[field.comodel_name]
    return SQL(
        "(SELECT %s FROM %s c WHERE c.id = %s)",
        _value(SQL.identifier("c"), comodel._fields[target]),
        SQL.identifier(comodel._table),
        SQL.identifier("t", fname),
    )


def _value(alias: SQL, field) -> SQL:
    if field.type == "many2many":
        return SQL(
            "(SELECT jsonb_agg(%(other)s ORDER BY %(other)s) FROM %(table)s"
            " WHERE %(own)s = %(alias)s.id)",
            other=SQL.identifier(field.column2),
            table=SQL.identifier(field.relation),
            own=SQL.identifier(field.column1),
            alias=alias,
        )
    column = SQL("%s.%s", alias, SQL.identifier(field.name))
    if field.type == "datetime":
        # to_json writes ISO 8601 whatever the session's DateStyle and TimeZone.
        return SQL(
            "(to_json(%(column)s) #>> '{}') || CASE WHEN %(is_readable)s THEN 'Z'"
            " ELSE '' END",
            column=column,
            is_readable=is_readable(column, "datetime"),
        )
    if field.type in ("float", "monetary"):
        # Python refuses to read a whole number of more than 4,300 digits.
        return SQL(
            "CASE WHEN %(is_readable)s THEN to_jsonb(%(column)s)"
            " ELSE to_jsonb(%(column)s::text) END",
            column=column,
            is_readable=is_readable(column, field.type),
        )
    return column
