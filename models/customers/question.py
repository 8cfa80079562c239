"""The question that a list of accounts answers: filters, places and rates."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from ..opportunities.filters import check_length
from .viewing import Viewing

#: Stands for no currency among ids
NO_CURRENCY = 0


class Keyset(NamedTuple):
    """The place of an account in a list.

    :ivar key: the name, or the figure as a text; None where it is nothing
    :ivar rates: those of the list's first page: ``((currency id, rate), …)``
    """

    key: str | None
    id: int
    rates: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class AccountFilters:
    """Conditions on accounts; all of them hold together.

    :ivar user_ids: the account's salesperson is one of these; None among them is nobody
    :ivar company_ids: rows of these companies alone count, or of no company
    :ivar country_ids: in these countries
    :ivar text: each of its terms begins a word of the account's name
    :ivar has_overdue: an invoice that is seen is overdue; False for the others
    :ivar archived: as of ``Filters``
    :raise ValueError: the text is longer than ``MAX_TEXT``
    """

    user_ids: tuple[int | None, ...] | None = None
    company_ids: tuple[int, ...] | None = None
    country_ids: tuple[int, ...] | None = None
    text: str | None = None
    has_overdue: bool | None = None
    archived: bool | None = False

    @property
    def are_plain(self) -> bool:
        """Whether they let through all accounts that are not archived."""
        return self == AccountFilters(company_ids=self.company_ids)

    def __post_init__(self):
        check_length(self.text)


@dataclass(frozen=True)
class Question:
    """The question that a list of accounts answers.

    :ivar today: the viewer's day, before which what is not paid is overdue
    :ivar rates: ``{currency id: rate}`` into ``currency``, with ``NO_CURRENCY``
    :ivar kept_ids: the currencies whose rates a list keeps from page to page
    """

    viewing: Viewing
    filters: AccountFilters
    today: date
    currency: object
    rates: dict[int, Decimal]
    kept_ids: tuple[int, ...]
