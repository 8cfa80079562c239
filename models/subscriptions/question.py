"""The view of a dashboard that a subscription is to, as its address says it.

>>> question = Question.of({"view_as": "", "scope": "own", "sort": "-value"})
>>> question.scope, question.period, question.company_ids, question.person
('own', None, (), None)
>>> Question.of({"company": "3,1", "period": "this_month"}).address
{'scope': 'all', 'period': 'this_month', 'company': '3,1'}
>>> Question.of({"search": '["mine", 5]', "group": "stage_id"}).address
{'scope': 'all', 'period': 'all', 'search': '["mine"]'}

Anybody may have written an address: what is unknown is as if it were not there. Nor is
kept what changes no figure, such as the order of a list, or a past day, since a mail is
of its own day:

>>> given = {"scope": "world", "currency": 7, "company": "x", "day": "2026-01-01"}
>>> Question.of(given).address
{'scope': 'all', 'period': 'all'}
"""

import re
from dataclasses import dataclass

from ..support.exact_json import dumps
from ..support.json_schema import MAX_ID
from ..support.periods import NAMES
from .searches import facets_of

SCOPES = ("all", "own", "team")

#: Characters of what is kept of an address
MAX_LENGTH = 4000

#: The name, in an address, of any time
_ANY_TIME = "all"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class Question:
    """The part of an address that figures depend on.

    :ivar person: uuid of whose dashboard it is; None for that of each who reads it
    :ivar scope: one of ``SCOPES``
    :ivar period: a name of a period; None for any time
    :ivar currency: a code of ISO 4217; None for that of who reads it
    :ivar company_ids: none for all
    :ivar search: the facets of the search bar, as JSON; None for none
    """

    person: str | None
    scope: str
    period: str | None
    currency: str | None
    company_ids: tuple[int, ...]
    search: str | None = None

    @classmethod
    def of(cls, address: dict) -> "Question":
        texts = {name: str(value) for name, value in address.items()}
        facets = facets_of(texts.get("search", ""))
        ids = map(int, re.findall(r"\d{1,10}", texts.get("company", "")))
        return cls(
            person=_matching(_UUID, texts.get("view_as")),
            scope=texts["scope"] if texts.get("scope") in SCOPES else "all",
            period=texts["period"] if texts.get("period") in NAMES else None,
            currency=_matching(_CURRENCY, texts.get("currency")),
            company_ids=tuple(dict.fromkeys(id_ for id_ in ids if 0 < id_ <= MAX_ID)),
            search=dumps([*facets]) if facets else None,
        )

    @property
    def address(self) -> dict[str, str]:
        """The parameters of an address that give the view."""
        values = {
            "view_as": self.person,
            "scope": self.scope,
            "period": self.period or _ANY_TIME,
            "currency": self.currency,
            "company": ",".join(map(str, self.company_ids)),
            "search": self.search,
        }
        return {name: value for name, value in values.items() if value}

    @property
    def facets(self) -> tuple:
        """The facets of the search, as of ``search_of``."""
        return facets_of(self.search or "")


def _matching(pattern: re.Pattern, text: str | None) -> str | None:
    return text if text and pattern.fullmatch(text) else None
