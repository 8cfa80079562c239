import re
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from odoo.http import Controller, request

from ..models.access.answer_context import AnswerContext
from ..models.opportunities.as_json import (
    API_FIELDS,
    FIELDS,
    PACE_FIELDS,
    SALES_FIELDS,
)
from ..models.opportunities.filters import MAX_TEXT, Filters, Range
from ..models.opportunities.orders import SORTS, Keyset
from ..models.opportunities.pace import (
    COUNTS,
    DURATIONS,
    IDLE_DAYS,
    KINDS,
    PUSHES,
    PaceFilters,
    activities_version,
)
from ..models.past.as_of import AsOf
from ..models.past.pages import SORTS as PAST_SORTS
from ..models.support.exact_json import JsonText
from ..models.support.json_schema import DAY, TIME, UUID
from ..models.support.periods import Calendar
from .contract.schemas import ref
from .cursors import decode_cursor, encode_cursor
from .errors import BadParameter, NotFoundOrHidden
from .operations import always, json_response, operation
from .parameters import (
    AS_OF,
    COMPANY,
    CURRENCY,
    DAYS,
    as_of_asked,
    asked_calendar,
    days_asked,
)
from .query import (
    MAX_ID,
    Parameter,
    day,
    decimal,
    list_of,
    one_of,
    person_id,
    time,
    whole_number,
)

URL = "/api/v2/dashboard/opportunities"

MAX_LIMIT = 200
MAX_DAYS = 999_999
DEFAULT_LIMIT = 80

_NOBODY = "none"
_ARCHIVED = {"false": False, "true": True, "any": None}


def _text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"Expected {MAX_TEXT} characters at most.")
    return text


#: Words to search for; each list says what they are looked for in
TEXT = Parameter("text", _text, {"type": "string", "maxLength": MAX_TEXT}, "")


def _salesperson(text: str) -> str:
    return text if text == _NOBODY else person_id(text)


_NUMBER = {"type": "string", "pattern": r"^-?[0-9]{1,15}(\.[0-9]{1,6})?$"}

#: Two parameters each, ``<name>_from`` and ``<name>_to``, that make one of ``Filters``
_RANGES = (
    ("value", "value", decimal, _NUMBER, "Value, each in its own currency"),
    ("closing", "closing_date", day, DAY, "Day of expected closing"),
    ("closed", "closed_at", time, TIME, "Time of being won or lost"),
    ("created", "created_at", time, TIME, "Time of creation"),
    ("changed", "changed_at", time, TIME, "Time of the last event"),
)

_IS_SO = {"true": True, "false": False}
_DAYS_TEXT = {"type": "string", "pattern": r"^[0-9]{1,6}(\.[0-9]{1,6})?$"}


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
    **list_of(_salesperson, {"anyOf": [UUID, {"const": _NOBODY}]}),
    description="Owned by these people; `none` is for those that nobody owns.",
)
_FIELDS = Parameter(
    "fields",
    **list_of(**one_of(*API_FIELDS)),
    description="The fields to give; by default all but `converted_value`, those of the"
    " pace, from `age_days` on, and in lists `ordered`, `invoiced` and `paid`.",
)
#: Fields of a single opportunity
_OF_ONE = tuple(name for name in API_FIELDS if name in {*FIELDS, *SALES_FIELDS})
_CURRENCY = Parameter(
    "currency",
    CURRENCY.parse,
    CURRENCY.schema,
    "The currency of converted values, in whose order `sort=value` is: one that is"
    " active in Odoo. By default that of the viewer's company.",
)
_FILTERS = [
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
    Parameter(
        "due",
        **one_of("due", "overdue"),
        description="Pending ones that are expected to close today or later, or that"
        " were expected to on a day before today.",
    ),
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
_OF_THE_PAST = {
    *("stage", "status", "salesperson", "scope", "company", "team_id"),
    *("due", "archived"),
    *("period", "from", "to", "tz"),
    *(
        f"{name}_{end}"
        for name in ("value", "closing", "closed")
        for end in ("from", "to")
    ),
}
_PAGING = [
    Parameter(
        "sort",
        **one_of(*(f"{sign}{order}" for order in SORTS for sign in ("", "-"))),
        description=(
            "The order: with `-` from the greatest down (`-value` by default)."
            " Ties are broken by id; what has none comes last, or first with `-`."
            " What has no days or pushes comes last both ways: an opportunity that is"
            " not open, or was never pushed."
            " Values compare as converted, at the rates of the first page. Names are in"
            " the order of Unicode's code points: capitals before small letters."
        ),
    ),
    Parameter(
        "limit",
        **whole_number(MAX_LIMIT),
        description=f"The most to give, {DEFAULT_LIMIT} by default.",
    ),
    Parameter(
        "cursor",
        str,
        {"type": "string"},
        "The `next` of an answer, to go on after it. The other parameters are to be as"
        " they were then, but for `limit` and `fields`.",
    ),
]


def _version_of_activities(values: dict) -> tuple | None:
    """Return the version of the planned activities, if the answer depends on them."""
    if "attention" in (*values, *values.get("fields", ())):
        return activities_version(request.env)
    return None


class OpportunitiesApi(Controller):
    @operation(
        URL,
        tag="Opportunities",
        summary="A page of opportunities",
        description=(
            "Whoever follows `next` to the end is given each opportunity once that has"
            " not changed meanwhile. The same address is the `Link` with `rel=next`."
        ),
        parameters=[*_FILTERS, *AS_OF, _CURRENCY, *_PAGING, _FIELDS],
        response=ref("Opportunities"),
        is_view=True,
        further_version=_version_of_activities,
        shows_opportunities=always,
    )
    def opportunities(
        self,
        user,
        sort="-value",
        limit=DEFAULT_LIMIT,
        cursor=None,
        fields=FIELDS,
        currency=None,
        **given,
    ):
        env = request.env
        as_of = as_of_asked(given)
        if as_of:
            _check_past(given, sort, fields)
        filters = _filters(given, user, as_of)
        bound_to = list_of_opportunities(env, user, sort, filters, currency, as_of)
        after = (
            None if cursor is None else _after(*decode_cursor(env, cursor, bound_to))
        )
        order = sort.removeprefix("-"), sort.startswith("-")
        if as_of:
            past = env["cqrs.past"]
            page = past._read_page(user, as_of, *order, filters, after, limit, currency)
            total, reconstructed = past._count(user, as_of, filters)
            answer = {
                "total": total,
                "items": past._items(
                    page.ids, user, as_of, fields, currency, page.conversion
                ),
                **past._facts(as_of, total, reconstructed),
            }
        else:
            opportunities = env["cqrs.opportunities"]
            page = opportunities._read_page(
                user, *order, filters, after, limit, currency
            )
            answer = {
                "total": opportunities._count(user, filters),
                "items": env["cqrs.dashboard"]._opportunities(
                    page.ids,
                    user,
                    fields,
                    currency,
                    page.conversion,
                    _today(given),
                ),
            }
        following = page.next and encode_cursor(env, _place(page.next), bound_to)
        return json_response({**answer, "next": following}, next_link(following))

    @operation(
        f"{URL}/<int:opportunity_id>",
        tag="Opportunities",
        summary="An opportunity",
        description="Archived or not.",
        parameters=[_CURRENCY, _FIELDS],
        response=ref("Opportunity"),
        is_view=True,
        further_version=_version_of_activities,
        shows_opportunities=always,
    )
    def opportunity(self, opportunity_id, user, fields=_OF_ONE, currency=None):
        if opportunity_id > MAX_ID:
            raise NotFoundOrHidden("opportunity")
        if not request.env["cqrs.access"]._may_see(user, opportunity_id):
            raise NotFoundOrHidden("opportunity")
        dashboard = request.env["cqrs.dashboard"]
        array = dashboard._opportunities([opportunity_id], user, fields, currency)
        return JsonText(array.text.removeprefix("[").removesuffix("]"))

    @operation(
        "/api/v2/dashboard/access/<int:opportunity_id>",
        tag="Opportunities",
        summary="Whether somebody sees an opportunity, and why",
        description=(
            "The reasons why you see an opportunity; with `user`, whether that person"
            " sees it, and why or why not. One that you do not see is answered 404."
        ),
        response=ref("Access"),
        is_view=True,
        shows_opportunities=always,
    )
    def access(self, opportunity_id, user):
        access = request.env["cqrs.access"]
        if opportunity_id > MAX_ID or not access._may_see(
            request.env.user, opportunity_id
        ):
            raise NotFoundOrHidden("opportunity")
        return {
            **request.env["cqrs.dashboard"]._read_access(user),
            "opportunity_id": opportunity_id,
            **access._explain(user, opportunity_id),
        }


def list_of_opportunities(
    env, user, sort: str, filters: Filters, currency, as_of: AsOf | None = None
) -> tuple:
    """Return the identity of a list, to which its cursors are bound."""
    currency_id = currency and currency.id
    return "opportunities", env.uid, user.id, sort, filters, currency_id, as_of


def _check_past(given: dict, sort: str, fields: tuple[str, ...]):
    """Check that a list of the past can be given.

    :raise BadParameter: it is sorted or filtered by what is not kept of the past, or
        asks for such fields
    """
    if sort.removeprefix("-") not in PAST_SORTS:
        raise BadParameter(
            "sort", f"With `as_of` a list is sorted by {', '.join(PAST_SORTS)}."
        )
    for name in given:
        if name not in _OF_THE_PAST:
            raise BadParameter(name, "There is no such filter with `as_of`.")
    for name in fields:
        if name in PACE_FIELDS or name in SALES_FIELDS:
            raise BadParameter("fields", f"There is no {name} with `as_of`.")


def _place(after: Keyset) -> tuple:
    return after.key, after.id, after.stage_ids, after.rates


def _after(key: str | None, id_: int, stage_ids=(), rates=()) -> Keyset:
    return Keyset(key, id_, tuple(stage_ids), tuple(map(tuple, rates)))


def next_link(cursor: str | None) -> dict[str, str]:
    """Return the header that leads to the next page, if there is one."""
    if cursor is None:
        return {}
    arguments = request.httprequest.args.to_dict(flat=False) | {"cursor": [cursor]}
    url = f"{request.httprequest.path}?{urlencode(arguments, doseq=True)}"
    return {"Link": f'<{url}>; rel="next"'}


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


def _filters(given: dict, user, as_of: AsOf | None = None) -> Filters:
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
        archived=_ARCHIVED[given.get("archived", archived)],
        **ranges,
    )


def _today(given: dict) -> date:
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
