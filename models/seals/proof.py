"""Proofs that an event is under a seal, for somebody without access to the database."""

from uuid import UUID

from odoo.tools import SQL

from . import merkle
from .leaves import between, leaf_text, place_of, read_leaves


def prove(env, event: str) -> dict:
    """Return the proof that an event is under a seal, see ``examples/check_proof.py``.

    :param event: its position in the log, or its ``event_id``
    :return: ``{event, index, path, seal, signature, public_key}``: the text of its
        leaf, its number under the seal from 0, the hashes that lead to the root, and
        the seal's signed text; hashes, signature and key in hexadecimal
    :raise ValueError: there is no such event, or no seal that fits it
    """
    position = _position(env, event)
    place = place_of(env, position)
    seals = env["cqrs.seal"]._read_seals(
        SQL(
            "((content -> 'end' ->> 0)::integer, (content -> 'end' ->> 1)::xid8,"
            " (content -> 'end' ->> 2)::bigint) >= (%s, %s::xid8, %s)"
            " ORDER BY number LIMIT 1",
            place[0],
            str(place[1]),
            place[2],
        )
    )
    if not seals:
        raise ValueError(env._("Event %s is not sealed yet.", event))
    [seal] = seals.values()
    content = seal.content
    leaves = read_leaves(env, between(content["start"], content["end"])).split()
    text = leaf_text(env, position)
    try:
        index = leaves.index(merkle.leaf_hash(text.encode()))
    except ValueError:
        index = None
    if index is None or merkle.root(leaves).hex() != content["root"]:
        raise ValueError(
            env._(
                "The events under seal %s are not those sealed. Verify the log.",
                content["number"],
            )
        )
    return {
        "event": text,
        "index": index,
        "path": [each.hex() for each in merkle.audit_path(leaves, index)],
        "seal": seal.text,
        "signature": seal.signature and seal.signature.hex(),
        "public_key": content["key"],
    }


def _position(env, event: str) -> int:
    if event.isdecimal():
        condition = SQL("position = %s::numeric", event)
    else:
        try:
            condition = SQL("event_id = %s::uuid", str(UUID(event)))
        except ValueError as error:
            raise ValueError(
                env._("%s is neither a position nor an event ID.", event)
            ) from error
    rows = env.execute_query(SQL("SELECT position FROM cqrs_event WHERE %s", condition))
    if not rows:
        raise ValueError(env._("There is no event %s.", event))
    return rows[0][0]
