"""The filters of lists of opportunities, and of other lists that have some of them."""

import re
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal

import psycopg2

from odoo.http import request

from ..models.access.answer_context import AnswerContext
from ..models.opportunities.domains import MAX_DOMAIN, canonical, refusal
from ..models.opportunities.filters import MAX_TEXT, Filters, Range
from ..models.opportunities.pace import (
    COUNTS,
    DURATIONS,
    IDLE_DAYS,
    KINDS,
    PUSHES,
    PaceFilters,
)
from ..models.past.as_of import AsOf
from ..models.support.json_schema import DAY, MAX_ID, TIME, UUID, string
from ..models.support.periods import Calendar
from ..models.support.time_limit import TooSlow, time_limit
from .errors import BadParameter
from .parameters import COMPANY, DAYS, asked_calendar, days_asked
from .query import (
    Parameter,
    day,
    decimal,
    list_of,
    one_of,
    person_id,
    time,
    whole_number,
)

MAX_DAYS = 999_999

#: The longest that an answer to a domain may take
DOMAIN_SECONDS = 10

_NOBODY = "none"
_ARCHIVED = {"false": False, "true": True, "any": None}


def _text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"Expected {MAX_TEXT} characters at most.")
    return text


#: Words to search for; each list says what they are looked for in
WORDS = {"type": "string", "format": "words", "maxLength": MAX_TEXT}
TEXT = Parameter("text", _text, WORDS, "")


def _domain(text: str) -> str:
    if len(text) > MAX_DOMAIN:
        raise ValueError(f"Expected {MAX_DOMAIN} characters at most.")
    return text


#: A search of Odoo's search bar
DOMAIN = Parameter(
    "domain",
    _domain,
    # The format is a name of this API's own.
    {"type": "string", "format": "odoo-domain", "maxLength": MAX_DOMAIN},
    "A domain of Odoo over `cqrs.opportunity.view`, as JSON, for instance"
    ' `[["value", ">", 1000], ["partner_id.country_id.code", "=", "FR"]]`. It holds'
    " together with the other filters, and finds no more than you may read in Odoo.",
)


def domain_asked(given: dict) -> str | None:
    """Return the domain as of ``Filters``.

    :raise BadParameter: it is none that the caller may ask for
    """
    text = given.get("domain")
    try:
        return text and canonical(request.env, text)
    except ValueError as exc:
        raise BadParameter("domain", str(exc)) from exc


@contextmanager
def time_for_domain(given: dict):
    """Answer a domain within ``DOMAIN_SECONDS``, all statements together.

    Other filters have an index or a sum; a domain may ask for anything.

    :raise BadParameter: it takes longer, or has values that rows do not compare with
    """
    if not given.get("domain"):
        yield
        return
    try:
        with time_limit(request.env.cr, DOMAIN_SECONDS):
            yield
    except TooSlow as exc:
        raise BadParameter(
            "domain",
            request.env._(
                "This search reads too many opportunities: it took longer than"
                " %(seconds)s seconds. Narrow it by a salesperson, a team or a stage.",
                seconds=DOMAIN_SECONDS,
            ),
        ) from exc
    except psycopg2.DataError as exc:
        # Such as a pattern that ends with an escape: some are wrong for a row alone.
        raise BadParameter("domain", refusal(exc)) from exc


def version_of_domain(given: dict):
    """Return a version of the answers to a domain, whose facts are anywhere in Odoo."""
    return given.get("domain") and AnswerContext.of(request.env).answered_at


def _salesperson(text: str) -> str:
    return text if text == _NOBODY else person_id(text)


_NUMBER = string(23, r"^-?[0-9]{1,15}(\.[0-9]{1,6})?$")

#: Two parameters each, ``<name>_from`` and ``<name>_to``, that make one of ``Filters``
_RANGES = (
    ("value", "value", decimal, _NUMBER, "Value, each in its own currency"),
    ("closing", "closing_date", day, DAY, "Day of expected closing"),
    ("closed", "closed_at", time, TIME, "Time of being won or lost"),
    ("created", "created_at", time, TIME, "Time of creation"),
    ("changed", "changed_at", time, TIME, "Time of the last event"),
)

_IS_SO = {"true": True, "false": False}
_DAYS_TEXT = string(13, r"^[0-9]{1,6}(\.[0-9]{1,6})?$")


def _days(text: str) -> Decimal:
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text, re.ASCII):
        raise ValueError("Expected a number of days, as 14 or 0.5.")
    return Decimal(text)


_TIMES = whole_number(MAX_DAYS, 0)
#: Two parameters each, ``<name>_from`` and ``<name>_to``, on the pace
_PACES = (
    *(
        (name, what, _days, _DAYS_TEXT)
        for name, what in zip(
            DURATIONS,
            (
                "Days since an open one was created",
                "Days for which an open one has been in its stage",
                "Days since a person or an import changed an open one",
            ),
            strict=True,
        )
    ),
    *(
        (name, what, _TIMES["parse"], _TIMES["schema"])
        for name, what in zip(
            COUNTS,
            (
                "How often the closing date moved later",
                "By how many days it moved later, all in all",
            ),
            strict=True,
        )
    ),
)

SALESPERSON = Parameter(
    "salesperson",
    **list_of(_salesperson, {"anyOf": [UUID, {"type": "string", "const": _NOBODY}]}),
    description="Owned by these people; `none` is for those that nobody owns.",
)

DUE = Parameter(
    "due",
    **one_of("due", "overdue"),
    description="Pending ones that are expected to close today or later, or that were"
    " expected to on a day before today.",
)

FILTERS = [
    Parameter(
        "stage",
        **list_of(**whole_number(MAX_ID)),
        description="Opportunities in these stages.",
    ),
    Parameter(
        "status",
        **list_of(**one_of("pending", "won", "lost")),
        description="Opportunities with these states.",
    ),
    SALESPERSON,
    Parameter(
        "team_id",
        **list_of(**whole_number(MAX_ID)),
        description="Of these sales teams, by their ids in Odoo.",
    ),
    Parameter(
        "scope",
        **one_of("all", "own", "team"),
        description="All opportunities that the viewer sees, their own, or the others.",
    ),
    COMPANY,
    *(
        Parameter(f"{name}_{end}", parse, schema, f"{what}, this or {less_or_more}.")
        for name, __, parse, schema, what in _RANGES
        for end, less_or_more in (("from", "more"), ("to", "less"))
    ),
    *DAYS,
    DUE,
    *(
        Parameter(f"{name}_{end}", parse, schema, f"{what}, this or {less_or_more}.")
        for name, what, parse, schema in _PACES
        for end, less_or_more in (("from", "more"), ("to", "less"))
    ),
    *(
        Parameter(
            name,
            **one_of(*_IS_SO),
            description=f"Open ones that are {word}, or that are not.",
        )
        for name, word in (("is_overdue", "overdue"), ("is_stuck", "stuck"))
    ),
    Parameter(
        "attention",
        **list_of(**one_of(*KINDS)),
        description=(
            "Open ones that need attention for one of these reasons: `overdue`;"
            " `stuck`, in its stage for longer than nine in ten of the deals that its"
            " company has won; `pushed`, its closing date moved later"
            f" {PUSHES} times or more;"
            f" `idle`, not changed for {IDLE_DAYS} days or more; `no_activity`, none is"
            " planned."
        ),
    ),
    Parameter(
        TEXT.name,
        TEXT.parse,
        TEXT.schema,
        "Words, each of which begins a word of the opportunity's name, the customer's,"
        " the salesperson's or the stage's (in your language). Capitals, accents and"
        " the forms of a letter do not matter; in scripts without spaces any part of a"
        " word is found. Punctuation parts words, and by itself finds nothing.",
    ),
    DOMAIN,
    Parameter(
        "archived",
        **one_of(*_ARCHIVED),
        description="Archived ones, or `any`. By default those that are not, but `any`"
        " where `status` asks for `lost`: lost opportunities are archived, as a rule.",
    ),
]
_OF_PACE = {
    *(f"{name}_{end}" for name in (*DURATIONS, *COUNTS) for end in ("from", "to")),
    *("is_overdue", "is_stuck", "attention"),
}
#: Filters of a list as of a moment
OF_THE_PAST = {
    *("stage", "status", "salesperson", "scope", "company", "team_id"),
    *("due", "archived"),
    *("period", "from", "to", "tz"),
    *(
        f"{name}_{end}"
        for name in ("value", "closing", "closed")
        for end in ("from", "to")
    ),
}


def owner_filters(given: dict, user) -> dict:
    """Return the ``user_ids`` and ``but_user_id`` of ``salesperson`` and ``scope``."""
    people, scope = given.get("salesperson"), given.get("scope")
    owner_ids = people and user_ids(people)
    if scope == "own":
        is_wanted = owner_ids is None or user.id in owner_ids
        owner_ids = (user.id,) if is_wanted else ()
    return {
        "user_ids": owner_ids,
        "but_user_id": user.id if scope == "team" else None,
    }


def filters_asked(given: dict, user, as_of: AsOf | None = None) -> Filters:
    archived = "any" if "lost" in given.get("status", ()) else "false"
    ranges = {
        field: Range(given.get(f"{name}_from"), given.get(f"{name}_to"))
        for name, field, *__ in _RANGES
    }
    calendar, closes = days_asked(given, as_of)
    statuses = given.get("status")
    if due := given.get("due"):
        statuses = () if statuses and "pending" not in statuses else ("pending",)
        ranges["closing_date"] = _due(
            due,
            ranges["closing_date"],
            as_of.today if as_of else AnswerContext.of(request.env).today(calendar),
        )
    return Filters(
        stage_ids=given.get("stage"),
        statuses=statuses,
        **owner_filters(given, user),
        team_ids=given.get("team_id"),
        company_ids=given.get("company"),
        closes=closes,
        text=given.get("text"),
        pace=_pace(given, calendar),
        domain=domain_asked(given),
        archived=_ARCHIVED[given.get("archived", archived)],
        **ranges,
    )


def today_asked(given: dict) -> date:
    return AnswerContext.of(request.env).today(asked_calendar(given))


def _pace(given: dict, calendar: Calendar) -> PaceFilters | None:
    """Return the filters of the pace, None where none is asked for."""
    if _OF_PACE.isdisjoint(given):
        return None
    return PaceFilters(
        today=AnswerContext.of(request.env).today(calendar),
        days=tuple(
            (name, given.get(f"{name}_from"), given.get(f"{name}_to"))
            for name in (*DURATIONS, *COUNTS)
            if {f"{name}_from", f"{name}_to"} & given.keys()
        ),
        is_overdue=_IS_SO.get(given.get("is_overdue")),
        is_stuck=_IS_SO.get(given.get("is_stuck")),
        attention=given.get("attention"),
    )


def _due(due: str, closing: Range, today: date) -> Range:
    """Return the days of a range on which opportunities are due, or overdue."""
    low, high = closing
    if due == "due":
        return Range(max(low or today, today), high)
    yesterday = today - timedelta(days=1)
    return Range(low, min(high or yesterday, yesterday))


def user_ids(people: tuple[str, ...]) -> tuple[int | None, ...]:
    """Return the ids of ``SALESPERSON``; None is nobody."""
    uuids = [person for person in people if person != _NOBODY]
    ids = request.env["cqrs.dashboard"]._user_ids(uuids)
    return (*ids, None) if _NOBODY in people else ids
