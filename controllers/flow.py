from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

from odoo.http import Controller, request

from ..models.access.answer_context import AnswerContext
from ..models.opportunities.filters import Filters, Range
from ..models.opportunities.pace import activities_version
from ..models.past.flow import BY, FlowScope
from ..models.support.json_schema import DAY, MAX_ID, TIME
from ..models.support.periods import FIRST_DAY, LAST_DAY, Calendar, midnight
from .contract.schemas import ref
from .errors import BeforeHistory
from .operations import always, operation
from .opportunity_filters import (
    DOMAIN,
    SALESPERSON,
    domain_asked,
    time_for_domain,
    user_ids,
    version_of_domain,
)
from .parameters import (
    COMPANY,
    CURRENCY,
    DAYS,
    TEAM,
    asked_calendar,
    hierarchy_at,
)
from .query import (
    Parameter,
    day,
    list_of,
    one_of,
    time,
    whole_number,
)

#: The period where none is asked for
DEFAULT_PERIOD = "this_year"


def moment(text: str) -> date | datetime:
    """Return the day, or the time by RFC 3339, that a text gives."""
    if len(text) > len("2026-01-31"):
        return time(text)
    return min(max(day(text), FIRST_DAY), LAST_DAY)


_PERIOD, _TZ = (
    next(each for each in DAYS if each.name == name) for name in ("period", "tz")
)
_MOMENT = {"anyOf": [TIME, DAY]}
_MOVES_IN = (
    replace(
        _PERIOD,
        description="The period of the moves; the fiscal year, by default. Weeks begin"
        " as in your language, quarters and years are those of your company's fiscal"
        " year.",
    ),
    Parameter("from", moment, _MOMENT, "Moves at this time, or on this day, or later."),
    Parameter("to", moment, _MOMENT, "Moves before this time, or until this day."),
    _TZ,
)
_SCOPE = (
    SALESPERSON,
    COMPANY,
    Parameter(
        "team_id",
        **list_of(**whole_number(MAX_ID)),
        description="Of these sales teams, by their ids in Odoo.",
    ),
    Parameter(
        "stage",
        **list_of(**whole_number(MAX_ID)),
        description="These stages alone, by their ids in Odoo.",
    ),
    Parameter("closing_from", day, DAY, "Expected to close on this day or later."),
    Parameter("closing_to", day, DAY, "Expected to close on this day or earlier."),
    CURRENCY,
)


class FlowApi(Controller):
    @operation(
        "/api/v2/dashboard/flow",
        summary="How opportunities flow through the stages",
        description=(
            "The moves of a period: which stages opportunities entered and left, how"
            " long those that left had stayed, and how fast and how often they are won."
            " They belong to whoever owned the opportunity after the move, and are seen"
            " by whoever sees that owner today."
        ),
        parameters=[
            Parameter(
                "by",
                **one_of(*BY),
                description="Also give the flow of each sales team, salesperson, or"
                " month of the moves.",
            ),
            *_MOVES_IN,
            *_SCOPE,
            TEAM,
        ],
        response=ref("Flow"),
        is_view=True,
        shows_opportunities=always,
    )
    def flow(self, user, by=None, team="now", currency=None, **given):
        calendar = asked_calendar(given)
        now = AnswerContext.of(request.env).answered_at
        since, until = _window(given, calendar)
        history = request.env["cqrs.opportunity.span"]._history_since()
        history = history and history.astimezone(timezone.utc)
        until = until or now
        if history is None or until <= history:
            raise BeforeHistory("to", history)
        since = since or history
        people = given.get("salesperson")
        scope = FlowScope(
            since=min(since, until),
            until=until,
            company_ids=given.get("company"),
            user_ids=people and user_ids(people),
            team_ids=given.get("team_id"),
            stage_ids=given.get("stage"),
            closing=(given.get("closing_from"), given.get("closing_to")),
            hierarchy_at=hierarchy_at(team, min(until, now)),
        )
        return request.env["cqrs.flow"]._read(user, scope, by, currency, calendar.zone)

    @operation(
        "/api/v2/dashboard/attention",
        summary="What needs attention",
        description=(
            "How many open opportunities are overdue, stuck in their stage, pushed,"
            " idle, or without a planned activity, and what they are worth. An"
            " opportunity may be several of these. It is always about the present. The"
            " deals are in `/api/v2/dashboard/opportunities` with `attention`."
        ),
        parameters=[*_SCOPE, DOMAIN, _TZ],
        response=ref("Attention"),
        is_view=True,
        further_version=lambda values: (
            activities_version(request.env),
            version_of_domain(values),
        ),
        shows_opportunities=always,
    )
    def attention(self, user, currency=None, **given):
        with time_for_domain(given):
            people = given.get("salesperson")
            filters = Filters(
                stage_ids=given.get("stage"),
                user_ids=people and user_ids(people),
                company_ids=given.get("company"),
                team_ids=given.get("team_id"),
                closing_date=Range(given.get("closing_from"), given.get("closing_to")),
                domain=domain_asked(given),
            )
            today = AnswerContext.of(request.env).today(asked_calendar(given))
            return request.env["cqrs.attention"]._read(user, today, filters, currency)


def _window(given: dict, calendar: Calendar) -> tuple[datetime | None, datetime | None]:
    """Return the first moment of the moves, and the one after the last."""
    if not {"period", "from", "to"} & given.keys():
        given["period"] = DEFAULT_PERIOD
    starts, ends = [], []
    if name := given.get("period"):
        period = calendar.named(name, AnswerContext.of(request.env).today(calendar))
        starts, ends = [period.start], [period.end]
    if first := given.get("from"):
        starts.append(_start(first, calendar))
    if last := given.get("to"):
        is_time = isinstance(last, datetime)
        ends.append(last if is_time else _start(last + timedelta(days=1), calendar))
    return max(starts, default=None), min(ends, default=None)


def _start(given: date | datetime, calendar: Calendar) -> datetime:
    if isinstance(given, datetime):
        return given
    return midnight(given, calendar.zone)
