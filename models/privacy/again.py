"""Erasures run again after a restore of an older dump."""

from collections.abc import Iterable

from . import erasures
from .finder import Found
from .forget import Forgotten, forget, identities, stream_identities


def due(env) -> list[dict]:
    """Return the lines of the list whose records are back in this database.

    A line is of this database if it has a record of that id and time of creation, or a
    stream that began with that event. It is due unless the database knows that it has
    been carried out.
    """
    lines = {line["forgetting"]: line for line in erasures.lines()}
    env.cr.execute(
        "SELECT uuid FROM cqrs_forgetting WHERE uuid = ANY(%s)", [list(lines)]
    )
    for (known,) in env.cr.fetchall():
        del lines[known]
    records = _present(env, lines.values(), "records", identities)
    streams = _present(env, lines.values(), "streams", stream_identities)
    return [
        line
        for line in lines.values()
        if _same(line["records"], records) or _same(line["streams"], streams)
    ]


def forget_again(env, line: dict, reason: str) -> Forgotten:
    """Carry out an erasure of the list in this transaction; the caller commits."""
    records, mentions = (
        _same(line[key], _present(env, [line], key, identities))
        for key in ("records", "mentions")
    )
    streams = _present(env, [line], "streams", stream_identities)
    partners = env["res.partner"].sudo().browse(records.get("res.partner", ()))
    leads = env["crm.lead"].sudo().browse(records.get("crm.lead", ()))
    emails = {*partners.mapped("email_normalized"), *leads.mapped("email_normalized")}
    found = Found(
        records=records,
        mentions=mentions,
        streams=_same(line["streams"], streams),
        emails=tuple(sorted(filter(None, emails))),
    )
    return forget(env, found, reason, line["mode"], line["forgetting"])


def _present(env, lines: Iterable[dict], key: str, identify) -> dict[str, set]:
    """Return ``{model: {(id, mark)}}`` of the ids of some lines in this database."""
    ids = {}
    for line in lines:
        for model, rows in line[key].items():
            if model in env:
                ids.setdefault(model, set()).update(id_ for id_, __ in rows)
    present = identify(env, {model: sorted(each) for model, each in ids.items()})
    return {model: set(map(tuple, rows)) for model, rows in present.items()}


def _same(listed: dict[str, list], present: dict[str, set]) -> dict[str, list[int]]:
    """Return ``{model: ids}`` of the listed records that are the present ones."""
    same = {
        model: sorted(
            id_ for id_, mark in rows if (id_, mark) in present.get(model, ())
        )
        for model, rows in listed.items()
    }
    return {model: ids for model, ids in same.items() if ids}
