"""The event types that an endpoint asks for, as a person writes them.

>>> known = ("OpportunityCreated", "OpportunityWon", "LeadCreated")
>>> chosen("OpportunityWon, Lead*", known)
('OpportunityWon', 'LeadCreated')
>>> chosen("  ", known)
()
>>> unknown("OpportunityWon, Quote*, *", known)
['Quote*']
"""

import re
from collections.abc import Iterable

from ..event_store.event_type import event_types
from ..event_store.personal import ERASED
from ..event_store.source import Source
from ..feed.kinds import MODELS


def known_types(sources: dict[str, Source]) -> tuple[str, ...]:
    """Return the types of the events that an endpoint may get.

    :param sources: the captured models, as of ``cqrs.event._sources()``
    """
    attached = (sources[model] for model in MODELS if model in sources)
    return (*(name for source in attached for name in event_types(source)), ERASED)


def chosen(text: str | None, known: Iterable[str]) -> tuple[str, ...]:
    """Return the known types that a text asks for; () for all of them.

    :param text: names separated by commas or space; ``*`` at the end stands for any end
    """
    names = _names(text)
    return tuple(type_ for type_ in known if any(_is_named(type_, n) for n in names))


def unknown(text: str | None, known: Iterable[str]) -> list[str]:
    """Return the names in a text that stand for no known type."""
    known = tuple(known)
    return [
        name
        for name in _names(text)
        if not any(_is_named(type_, name) for type_ in known)
    ]


def _is_named(type_: str, name: str) -> bool:
    if name.endswith("*"):
        return type_.startswith(name[:-1])
    return type_ == name


def _names(text: str | None) -> list[str]:
    return [name for name in re.split(r"[,\s]+", text or "") if name]
