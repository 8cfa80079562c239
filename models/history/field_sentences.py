"""Sentences about changed fields: which value each had, and which it has."""

import unicodedata
from contextlib import suppress

from odoo.tools.misc import format_datetime, formatLang, get_lang

#: Types of fields with values too long for a sentence
_LONG = ("html", "text", "properties", "json", "binary")
#: Characters up to which a value is named
_LENGTH = 80
#: Fields that are percentages
_PERCENTAGES = ("probability",)


def field_sentences(
    env, event, changes: list[dict], labels: dict | None = None, most: int = 1
) -> list[str]:
    """Return sentences for the first changes; the last of them counts the others.

    :param changes: of ``describe_changes``, the most important first
    :param labels: names of fields, by path, where the field's own is no good word
    :param most: the number of changes that are named
    """
    said = [
        _sentence(env, event, {**change, "label": label})
        for change in changes[:most]
        for label in [(labels or {}).get(change["path"], change["label"])]
    ]
    if (others := len(changes) - most) == 1:
        said[-1] = env._("%(sentence)s, and 1 more field", sentence=said[-1])
    elif others > 1:
        said[-1] = env._(
            "%(sentence)s, and %(count)s more fields", sentence=said[-1], count=others
        )
    return said


def isolated(env, text: str) -> str:
    """Return a text to be put into a sentence, which may run the other way."""
    if not text:
        return ""
    is_rtl = get_lang(env).direction == "rtl"
    if is_rtl or any(unicodedata.bidirectional(each) in ("R", "AL") for each in text):
        # FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE: as <bdi>.
        return f"\u2068{text}\u2069"
    return text


def _sentence(env, event, change: dict) -> str:
    old, new = (_value(env, event, change, side) for side in ("before", "after"))
    if old is None or new is None:
        return env._("%(field)s changed", field=change["label"])
    if not old:
        return env._("%(field)s set to %(new)s", field=change["label"], new=new)
    if not new:
        return env._("%(field)s removed, was %(old)s", field=change["label"], old=old)
    return env._(
        "%(field)s from %(old)s to %(new)s", field=change["label"], old=old, new=new
    )


def _value(env, event, change: dict, side: str) -> str | None:
    """Return a value in words, "" if there is none; None if it is too long."""
    text = change[side]
    if not text:
        return ""
    if change["type"] in _LONG or len(text) > _LENGTH or "\n" in text:
        return None
    if change["type"] == "datetime":
        # A year that Odoo does not read stays as it is recorded.
        with suppress(ValueError, OverflowError):
            text = format_datetime(env, text)
    elif change["path"] in _PERCENTAGES:
        number = (getattr(event, side) or {}).get(change["path"])
        if isinstance(number, int | float):
            text = env._("%(number)s%%", number=_short(env, number))
    return isolated(env, text)


def _short(env, number: float) -> str:
    """Return a number without the zeros at its end."""
    text = formatLang(env, number, digits=2)
    point = get_lang(env).decimal_point
    return text.rstrip("0").removesuffix(point) if point in text else text
