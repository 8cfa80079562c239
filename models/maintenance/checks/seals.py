"""The check of the seals: each follows from the one before and covers what it covered.

The events under each seal are hashed again. If they do not come to its root, the
digests of its streams tell which records' events were changed, removed or added. Seals
that somebody outside the database holds show that these seals are those once made.
"""

from collections.abc import Iterator

from odoo.tools import SQL

from ...seals import merkle
from ...seals.document import SealDocument, digests_of
from ...seals.leaves import between, last_place, read_leaves, read_sealed
from ...seals.sealing import DATABASE_UUID, is_followed
from ..findings import BROKEN_SEAL, ROLLED_BACK, WRONG_SEAL, Finding
from ..scope import PARTS, Scope


def wrong_seals(env, scope: Scope) -> Iterator[Finding]:
    """Find the seals, and the streams under them, that are not as they were sealed.

    All seals are read; the events are, under those that the scope holds.
    """
    last = key = None
    for seals in env["cqrs.seal"]._pages():
        covered = []
        for seal in seals:
            if not seal.is_well_formed:
                detail = env._("This is not a seal: %s", seal.text[:80])
                yield Finding(WRONG_SEAL, None, None, None, detail)
                continue
            if detail := _fault(env, seal, last, key):
                yield Finding(WRONG_SEAL, None, None, None, detail)
            if _holds(scope, seal.content):
                covered.append(seal)
            last, key = seal, seal.content["key"] or key
        for seal, count, hashes in read_sealed(env, covered):
            if not _fits(seal, count, hashes):
                yield _broken(env, seal)
                yield from _changed_streams(env, seal)


def _holds(scope: Scope, content: dict) -> bool:
    if scope.is_whole or content["number"] % PARTS == scope.part:
        return True
    epoch, txid, __ = content["end"]
    return (epoch, txid) >= (scope.since[0], int(scope.since[1]))


def _fault(
    env, seal: SealDocument, last: SealDocument | None, key: str | None
) -> str | None:
    """Return why a seal is not the one after the last, None if it is.

    :param key: of the last seal that is signed
    """
    content = seal.content
    number = last.content["number"] + 1 if last else 1
    if content["number"] != number:
        return env._("Seal %s is missing.", number)
    if not seal.is_genuine:
        return env._("Seal %s was altered: its signature does not match.", number)
    if content["previous"] != (last and last.hash):
        return env._("Seal %s does not follow from the seal before it.", number)
    if content["start"] != (last and last.content["end"]):
        return env._("Seal %s does not begin where the seal before it ends.", number)
    if content["key"] and not is_followed(key, content["key"], seal.predecessor):
        return env._(
            "Seal %s is signed with a new key, which the previous key has not signed.",
            number,
        )
    return None


def _fits(seal: SealDocument, count: int, hashes: bytes) -> bool:
    if count != seal.content["events"]:
        return False
    leaves = [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
    return merkle.root(leaves).hex() == seal.content["root"]


def _broken(env, seal: SealDocument) -> Finding:
    detail = env._(
        "The events that seal %(number)s of %(made_at)s covers are not those sealed.",
        number=seal.content["number"],
        made_at=seal.content["made_at"],
    )
    return Finding(BROKEN_SEAL, None, None, None, detail)


def _changed_streams(env, seal: SealDocument) -> Iterator[Finding]:
    """Find the streams that the digests of a seal do not fit."""
    sealed = seal.digests()
    number = seal.content["number"]
    if sealed is None:
        detail = env._("The digests of seal %s were altered.", number)
        yield Finding(WRONG_SEAL, None, None, None, detail)
        return
    condition = between(seal.content["start"], seal.content["end"])
    found = dict(digests_of(read_leaves(env, condition).streams))
    for model, id_ in sorted(sealed.keys() | found.keys()):
        stream = model, id_
        if stream not in found:
            detail = env._("Events under seal %s were removed.", number)
        elif stream not in sealed:
            detail = env._("Events were added under seal %s.", number)
        elif sealed[stream] != found[stream]:
            detail = env._("Events under seal %s were changed.", number)
        else:
            continue
        yield Finding(BROKEN_SEAL, model, id_, None, detail)


def held_seals_missing(env, held: list[SealDocument]) -> Iterator[Finding]:
    """Find the first seal held outside the database that is not one of its seals."""
    held = sorted(held, key=lambda seal: seal.content["number"])
    numbers = [seal.content["number"] for seal in held]
    present = _hashes(env.cr, numbers)
    if any(present.get(seal.content["number"]) != seal.hash for seal in held):
        # Others may have been made and handed out since this snapshot was taken.
        with env.registry.cursor() as cr:
            present |= _hashes(cr, numbers)
    for seal in held:
        if not seal.is_genuine:
            detail = env._(
                "Seal %s held outside was altered: its signature does not match.",
                seal.content["number"],
            )
            yield Finding(WRONG_SEAL, None, None, None, detail)
        elif present.get(seal.content["number"]) != seal.hash:
            yield from _lost(env, seal)
            return


def _hashes(cr, numbers: list[int]) -> dict[int, str]:
    """Return the hashes of the seals of some numbers."""
    cr.execute(
        SQL(
            "SELECT number, encode(sha256(convert_to(content::text, 'UTF8')), 'hex')"
            " FROM cqrs_seal WHERE number = ANY(%s)",
            numbers,
        )
    )
    return dict(cr.fetchall())


def _lost(env, seal: SealDocument) -> Iterator[Finding]:
    """Say why a seal that is held outside is not in the database."""
    number, made_at = seal.content["number"], seal.content["made_at"]
    database = env["ir.config_parameter"].sudo().get_param(DATABASE_UUID)
    if seal.content["database"] != database:
        detail = env._(
            "Seal %(number)s held outside belongs to database %(other)s. This is "
            "%(database)s, which may be a copy made before.",
            number=number,
            other=seal.content["database"],
            database=database,
        )
        yield Finding(WRONG_SEAL, None, None, None, detail)
        return
    [(__, count, hashes)] = read_sealed(env, [seal])
    if _fits(seal, count, hashes):
        detail = env._(
            "Seal %(number)s of %(made_at)s, held outside, was removed or replaced. "
            "The events that it covers are unchanged.",
            number=number,
            made_at=made_at,
        )
        yield Finding(WRONG_SEAL, None, None, None, detail)
        return
    end = last_place(env)
    if end is None or end < seal.content["end"]:
        detail = env._(
            "The log ends before seal %(number)s of %(made_at)s, which is held "
            "outside. It was rolled back, for example by restoring an older backup, "
            "or its end was removed.",
            number=number,
            made_at=made_at,
        )
    else:
        detail = env._(
            "Seal %(number)s of %(made_at)s, held outside, does not match the log. The "
            "log was rolled back to an earlier time, for example by restoring an older "
            "backup, and continued, or it was rewritten.",
            number=number,
            made_at=made_at,
        )
    yield Finding(ROLLED_BACK, None, None, None, detail)
    yield from _changed_streams(env, seal)
