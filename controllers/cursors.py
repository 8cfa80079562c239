"""Cursors of lists: signed texts that say where the next page begins."""

import hashlib

from odoo.tools.misc import hash_sign, verify_hash_signed

from ..models.support.binding import mark_of, remembered_database
from .errors import BadParameter, check_mark

_SCOPE = "crm_cqrs.list"


def encode_cursor(env, place: tuple, bound_to) -> str:
    """Return the signed text of a place in a list.

    :param place: texts and integers
    :param bound_to: identifies the list: its order, filters and viewer; a cursor of one
        list is refused by another
    """
    mark = mark_of(remembered_database(env))
    return hash_sign(env(su=True), _SCOPE, [_digest(bound_to), mark, *place])


def decode_cursor(env, text: str, bound_to) -> tuple:
    """Return the place in a text of ``encode_cursor``.

    :raise BadParameter: the text is a cursor of another list, or none at all
    :raise OtherDatabase: another database has given it, perhaps the original of this
        one, whose secret it has
    """
    try:
        read = verify_hash_signed(env(su=True), _SCOPE, text)
    except ValueError:
        read = None
    digest, mark, *place = read or (None, None)
    if read and mark != mark_of(remembered_database(env)):
        check_mark(env, mark)
    if digest != _digest(bound_to):
        raise BadParameter(
            "cursor",
            "Expected a cursor that this API gave, with the other parameters as they"
            " were then (but for limit and fields).",
        )
    return tuple(place)


def _digest(bound_to) -> str:
    return hashlib.sha256(repr(bound_to).encode()).hexdigest()[:16]
