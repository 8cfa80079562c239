"""The parameters that several operations have: user, company, currency, days."""

import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from werkzeug.exceptions import NotFound

from odoo.http import request

from ..models.access.answer_context import AnswerContext
from ..models.past.as_of import AsOf
from ..models.support.json_schema import DAY, MAX_ID, TIME, TIME_ZONE, UUID, string
from ..models.support.periods import (
    FIRST_DAY,
    LAST_DAY,
    NAMES,
    Calendar,
    Period,
    zone_named,
)
from .errors import BadParameter, BeforeHistory, NotFoundOrHidden
from .query import (
    Parameter,
    day,
    list_of,
    one_of,
    person_id,
    time,
    whole_number,
)


def known_person(user, uuid: str, parameter: str):
    """Return the ``res.users`` record of a uuid that a parameter names.

    :raise NotFound: ``user`` may not look as that user, or there is none
    """
    person = request.env["cqrs.access"]._person(user, uuid)
    if not person:
        raise NotFoundOrHidden("person", parameter)
    return person


def viewed_user(uuid: str | None):
    """Return the ``res.users`` record whose view is asked for.

    :raise NotFound: the caller may not look as that user, or there is none
    """
    user = request.env.user
    if uuid is None:
        return user
    return known_person(user, uuid, "user")


def company_ids(text: str) -> tuple[int, ...] | None:
    """Return the ids of companies that the caller may work in; None for all of them.

    :raise NotFound: one of them is not among those
    """
    ids = set(_COMPANIES["parse"](text))
    known = request.env["cqrs.access"]._company_ids(request.env.user)
    if not ids <= known:
        raise NotFoundOrHidden("company")
    return None if ids == known else tuple(sorted(ids))


def currency(text: str):
    """Return the ``res.currency`` record of an active currency.

    :raise NotFound: there is none
    """
    if not re.fullmatch(_CODE, text):
        raise ValueError("Expected a currency, as EUR.")
    found = request.env["res.currency"].sudo().search([("name", "=", text)])
    if not found:
        raise NotFound(f"There is no active currency {text}.")
    return found


def time_zone(text: str) -> ZoneInfo:
    zone = zone_named(text)
    if zone is None:
        raise ValueError("Expected a time zone, as Europe/Brussels.")
    return zone


def days_asked(
    given: dict, as_of: AsOf | None = None
) -> tuple[Calendar, Period | None]:
    """Return the calendar of the caller, and the period that ``DAYS`` ask for.

    :param given: values of the query
    :param as_of: the moment whose day is the present one
    :return: None for no period: any time
    """
    calendar = asked_calendar(given)
    today = as_of.today if as_of else AnswerContext.of(request.env).today(calendar)
    name, first, last = (given.get(name) for name in ("period", "from", "to"))
    if not (name or first or last):
        return calendar, None
    period = Period(zone=calendar.zone)
    if name:
        period = calendar.named(name, today)
    until = None
    if last and last < LAST_DAY:
        until = max(last, FIRST_DAY) + timedelta(days=1)
    if first and first < FIRST_DAY:
        first = None
    period = _narrowed(period, first and min(first, LAST_DAY), until)
    return calendar, None if period.is_any_time else period


def asked_calendar(given: dict) -> Calendar:
    """Return the calendar of the caller, in the zone that ``TZ`` asks for."""
    calendar = AnswerContext.of(request.env).calendar
    return replace(calendar, zone=given["tz"]) if "tz" in given else calendar


def hierarchy_at(team: str, moment: datetime) -> datetime | None:
    """Return the moment whose hierarchy ``TEAM`` asks for; None for today's.

    :param moment: that of the answer, aware
    :raise BeforeHistory: no hierarchy of it is recorded
    """
    if team == "now":
        return None
    since = request.env["cqrs.access"]._hierarchy_since()
    if since is None or moment < since:
        raise BeforeHistory("team", since)
    return moment


def as_of_asked(given: dict) -> AsOf | None:
    """Return the moment that ``AS_OF`` asks for; None for the present.

    :param given: values of the query, from which those of ``AS_OF`` are taken
    :raise BadParameter: the moment has not come yet
    :raise BeforeHistory: there is no history of it
    """
    moment, team = given.pop("as_of", None), given.pop("team", None)
    if moment is None:
        # The hierarchy of now is that of today.
        return None
    as_of = AsOf.of(moment, asked_calendar(given).zone)
    if as_of.moment > AnswerContext.of(request.env).answered_at:
        raise BadParameter(
            "as_of",
            "Expected a moment of the past, or a day that is over"
            f" (there: {as_of.moment.isoformat()}).",
        )
    since = request.env["cqrs.opportunity.span"]._history_since()
    if since is None or as_of.moment < since:
        raise BeforeHistory("as_of", since)
    return replace(as_of, hierarchy_at=hierarchy_at(team or "now", as_of.moment))


def moment(text: str) -> date | datetime:
    """Return the day, or the time by RFC 3339, that a text gives."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        given = day(text)
        if not FIRST_DAY <= given <= LAST_DAY:
            raise ValueError(f"Expected a day from {FIRST_DAY} to {LAST_DAY}.")
        return given
    return time(text)


def _narrowed(period: Period, first: date | None, until: date | None) -> Period:
    """Return the part of a period from a day on, and before another one."""
    firsts = [day for day in (period.first, first) if day]
    untils = [day for day in (period.until, until) if day]
    first, until = max(firsts, default=None), min(untils, default=None)
    if first and until:
        until = max(first, until)
    if (first, until) == (period.first, period.until):
        return period
    return Period(first, until, period.zone)


_COMPANIES = list_of(**whole_number(MAX_ID))

_CODE = "[A-Z]{3}"

COMPANY = Parameter(
    "company",
    **_COMPANIES | {"parse": company_ids},
    description=(
        "The companies alone whose opportunities count, by their ids in Odoo: ones that"
        " you may work in. Those without a company always count. By default all count"
        " that are seen."
    ),
)

CURRENCY = Parameter(
    "currency",
    currency,
    string(3, f"^{_CODE}$"),
    "The currency of the sums, by its code of ISO 4217: one that is active in Odoo. By"
    " default that of the viewer's company.",
)

USER = Parameter(
    "user",
    person_id,
    UUID,
    "The person to look as: somebody below you, or anyone whose opportunities you may"
    " see. You see no more than both of you do.",
)

TZ = Parameter(
    "tz",
    time_zone,
    TIME_ZONE,
    "The time zone at whose midnight days begin, by its IANA name. By default your own,"
    " as Odoo has it.",
)

TEAM = Parameter(
    "team",
    **one_of("now", "then"),
    description=(
        "Whose past is seen: that of whoever stands below you today (`now`, by default)"
        " or stood there at that moment (`then`). Everything else is as today, and who"
        " has left is seen by a setting of Odoo alone."
    ),
)

#: The period in which opportunities close
DAYS = (
    Parameter(
        "period",
        **one_of(*NAMES),
        description=(
            "Opportunities that close in this period alone: pending ones that are"
            " expected to, won and lost ones that have. Weeks begin as in your"
            " language, quarters and years are those of your company's fiscal year."
        ),
    ),
    Parameter("from", day, DAY, "Opportunities that close on this day or later."),
    Parameter("to", day, DAY, "Opportunities that close on this day or earlier."),
    TZ,
)

#: The moment of the past that is asked for
AS_OF = (
    Parameter(
        "as_of",
        moment,
        {"anyOf": [TIME, DAY]},
        "The answer as of a moment of the past: a time, or a day, which stands for its"
        " last moment in `tz`, before the midnight at which it ends. Opportunities are"
        " those that were owned then by people whom you see today, at today's rates.",
    ),
    TEAM,
)
