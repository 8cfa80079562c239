"""The traces of a person in numbers and examples, for whoever decides."""

from dataclasses import asdict, dataclass

from odoo.tools import SQL

from .finder import Found
from .forget import READ_MODELS

#: Names shown of each kind
EXAMPLES = 3


@dataclass(frozen=True)
class Trace:
    """One line of the preview.

    :ivar place: a model or a table
    :ivar name: the same for people
    :ivar number: of records, rows, events or files
    :ivar examples: names of records, or reasons
    """

    place: str
    name: str
    number: int
    examples: tuple[str, ...] = ()

    def as_json(self) -> dict:
        return {**asdict(self), "examples": list(self.examples)}


def preview(env, found: Found) -> dict[str, list[Trace]]:
    """Return the traces that would go, those that would stay, and other records.

    :return: ``{"records", "attached", "log", "mentions", "kept"}``
    """
    env = env(su=True, context={**env.context, "active_test": False})
    return {
        "records": _records(env, found.records),
        "attached": _attached(env, found),
        "log": _log(env, found),
        "mentions": _records(env, found.mentions),
        "kept": [
            Trace(
                model,
                _name(env, model),
                len(each),
                tuple(
                    f"#{id_}: {reason}" for id_, reason in list(each.items())[:EXAMPLES]
                ),
            )
            for model, each in found.kept.items()
        ],
    }


def _name(env, model: str) -> str:
    return env["ir.model"]._get(model).name or model


def _records(env, ids: dict[str, list[int]]) -> list[Trace]:
    return [
        Trace(
            model,
            _name(env, model),
            len(each),
            tuple(record.display_name for record in env[model].browse(each[:EXAMPLES])),
        )
        for model, each in ids.items()
    ]


def _attached(env, found: Found) -> list[Trace]:
    """Return what Odoo keeps with the records: chatter, activities, files."""
    traces = []
    for model, name, id_ in (
        ("mail.message", "model", "res_id"),
        ("mail.activity", "res_model", "res_id"),
        ("mail.followers", "res_model", "res_id"),
        ("ir.attachment", "res_model", "res_id"),
    ):
        number = sum(
            env.execute_query(
                SQL(
                    "SELECT count(*) FROM %s WHERE %s = %s AND %s = ANY(%s)",
                    SQL.identifier(env[model]._table),
                    SQL.identifier(name),
                    owner,
                    SQL.identifier(id_),
                    ids,
                )
            )[0][0]
            for owner, ids in found.records.items()
        )
        if number:
            traces.append(Trace(model, _name(env, model), number))
    return traces


def _log(env, found: Found) -> list[Trace]:
    """Return events, recorded states, and rows of read models."""
    numbers = dict.fromkeys(("cqrs.event", "cqrs.stream"), 0)
    for model, ids in found.streams.items():
        of_streams = SQL("stream_model = %s AND stream_id = ANY(%s)", model, ids)
        for name in ("cqrs.event", "cqrs.stream"):
            numbers[name] += _count(env, env[name]._table, of_streams)
        for table in READ_MODELS.get(model, ()):
            number = _count(env, table, SQL("id = ANY(%s)", ids))
            name = table.replace("_", ".")
            numbers[name] = numbers.get(name, 0) + number
    return [
        Trace(model, _name(env, model), number)
        for model, number in numbers.items()
        if number
    ]


def _count(env, table: str, condition: SQL) -> int:
    query = SQL("SELECT count(*) FROM %s WHERE %s", SQL.identifier(table), condition)
    return env.execute_query(query)[0][0]
